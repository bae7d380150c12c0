"""Pictures of a running hall for ``render_mode="rgb_array"``: the hall as a heat map, the plant beside it.

The unchanging parts are drawn once and kept as pixels; a frame draws only what moves on top of them. Nothing here touches pyplot.
"""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from dcsim.drivers.calendar import time_label
from dcsim.envs.batch import Batch
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plots import palette
from dcsim.plots.hall_panel import HallPanel, HallValues, heat_scale
from dcsim.plots.plant_panel import SIZE as PLANT_SIZE
from dcsim.plots.plant_panel import PlantPanel, PlantValues, power_text
from dcsim.plots.style import house_style, new_figure

WIDTH, HEIGHT, DPI = 1120, 630, 100
HEADER_HEIGHT = 62
HALL_BOX = (12, 50, 592, 492)  # left, bottom, width, height [pixels]
SCALE_BOX = (128, 16, 410, 12)
PLANT_LEFT = WIDTH - 12 - int(PLANT_SIZE[0])


class HallRenderer:
    """Draws one environment of a batch.

    Parameters
    ----------
    batch : Batch
    env : int
        Which of its environments.
    """

    def __init__(self, batch: Batch, env: int = 0) -> None:
        self._batch, self._env = batch, env
        self._artists: list[Any] = []
        with house_style():
            self._figure = new_figure(WIDTH / DPI, HEIGHT / DPI, dpi=DPI)
            self._canvas: FigureCanvasAgg = self._figure.canvas  # type: ignore[assignment]
            self._make_panels()
            for artist in self._artists:
                artist.set_animated(True)  # left out of the background
            self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _axes(self, box: tuple[float, float, float, float]) -> Any:
        left, bottom, width, height = box
        return self._figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))

    def _make_panels(self) -> None:
        hall = self._batch.config.hall
        description = hall.description
        limit, allowable = description.limits.inlet_limit.value, description.limits.inlet_allowable.value
        self._limit = limit
        self._hall = HallPanel(
            self._axes(HALL_BOX),
            (HALL_BOX[2], HALL_BOX[3]),
            hall.racks,
            hall.crah_groups,
            description.room.hot_air_cells,
            limit,
            allowable,
        )
        heat_scale(self._axes(SCALE_BOX), limit, allowable)
        self._plant = PlantPanel(
            self._axes((PLANT_LEFT, 8, *PLANT_SIZE)), hall.chillers, hall.has_economizer, hall.design_it_power
        )
        self._make_header()
        self._artists += [*self._hall.artists, *self._plant.artists]

    def _make_header(self) -> None:
        axes = self._axes((0, HEIGHT - HEADER_HEIGHT, WIDTH, HEADER_HEIGHT))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEADER_HEIGHT))
        axes.set_axis_off()
        axes.axhspan(0, HEADER_HEIGHT, facecolor="#f4f5f6", edgecolor="none")
        name = self._batch.config.hall.description.name
        axes.text(12, 40, name, fontsize=12.5, weight="bold", va="center_baseline")
        self._where = axes.text(12, 18, "", fontsize=9.5, va="center_baseline", color="#444444")
        self._artists.append(self._where)
        self._figures: list[Text] = []
        columns = ((330, f"hottest inlet, limit {self._limit:g} °C"), (520, "IT power"), (640, "cooling power"), (775, "facility power"), (910, "PUE"), (1000, "above limit, this step"))
        for x, words in columns:
            axes.text(x, 44, words, fontsize=8.0, va="center_baseline", color="#666666")
            text = axes.text(x, 20, "", fontsize=14.0, weight="bold", va="center_baseline")
            self._figures.append(text)
        self._artists += self._figures
        self._alarm_box = FancyBboxPatch((HALL_BOX[0] + 118, 12), 0, 0, boxstyle="round,pad=0", linewidth=0)
        hall_axes = self._axes((HALL_BOX[0], HALL_BOX[1] + HALL_BOX[3] + 4, HALL_BOX[2], 18))
        hall_axes.set(xlim=(0, HALL_BOX[2]), ylim=(0, 18))
        hall_axes.set_axis_off()
        hall_axes.text(0, 8, "CRAH groups", fontsize=8.0, va="center_baseline", color="#666666")
        hall_axes.text(116, 8, "rack groups by inlet [°C]; bar: load", fontsize=8.0, va="center_baseline", color="#666666")
        hall_axes.text(HALL_BOX[2], 8, "hot air [°C]", fontsize=8.0, ha="right", va="center_baseline", color="#666666")
        self._alarm = hall_axes.text(
            330, 8, "", fontsize=9.0, weight="bold", va="center_baseline", color=palette.PAPER,
            bbox={"boxstyle": "round,pad=0.25", "facecolor": palette.LIMIT, "edgecolor": "none"},
        )
        self._artists.append(self._alarm)

    def frame(self, info: dict[str, float]) -> np.ndarray:
        """Return the present picture.

        Parameters
        ----------
        info : dict
            Of the last reset or step.

        Returns
        -------
        np.ndarray, shape (HEIGHT, WIDTH, 3), uint8
        """
        self._hall.update(self._hall_values())
        self._plant.update(self._plant_values(info))
        self._show_header(info)
        self._canvas.restore_region(self._background)
        for artist in self._artists:
            if artist.get_visible():
                self._figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()

    def _hall_values(self) -> HallValues:
        s, view, env = self._batch.state, self._batch.view, self._env
        return HallValues(
            rack_inlet_temperature=s.rack_inlet_temperature[:, env],
            utilization=view("input.utilization")[:, env],
            hot_air_temperature=s.hot_air_temperature[:, env],
            supply_air_temperature=s.supply_air_temperature[:, env],
            supply_air_setpoint=s.supply_air_setpoint[:, env],
            crah_fan_speed=s.crah_fan_speed[:, env],
            crah_available=view("input.crah_available")[:, env],
        )

    def _plant_values(self, info: dict[str, float]) -> PlantValues:
        config, view, env = self._batch.config, self._batch.view, self._env
        params = config.hall.params
        s = {name: values[:, env] for name, values in self._batch.state._asdict().items()}

        def number(name: str) -> float:
            return float(s[name][0])

        def mean_power(name: str) -> float:
            return number(name) / config.control_interval_s

        chiller_power, pump = mean_power("chiller_energy"), mean_power("condenser_water_pump_energy")
        evaporator, economizer = mean_power("evaporator_heat"), mean_power("economizer_heat")
        stream = WATER_SPECIFIC_HEAT * float(params.condenser_water_flow_nominal[0, 0]) * number("condenser_water_flow")
        running = float(s["chiller_loading"].sum())
        supply = number("condenser_water_supply_temperature")
        parts = sum(info[f"{name}_power_w"] for name in ("crah_fan", "pump", "chiller", "tower_fan"))
        return PlantValues(
            dry_bulb_temperature=float(view("input.dry_bulb_temperature")[0, env]),
            wet_bulb_temperature=float(view("input.wet_bulb_temperature")[0, env]),
            chilled_water_supply_temperature=number("chilled_water_supply_temperature"),
            chilled_water_return_temperature=number("chilled_water_return_temperature"),
            chilled_water_setpoint=number("chilled_water_setpoint"),
            chilled_water_pump_speed=number("chilled_water_pump_speed"),
            chilled_water_pump_power=mean_power("chilled_water_pump_energy"),
            valve_fraction=float(s["valve_fraction"].mean()),
            condenser_water_supply_temperature=supply,
            condenser_water_return_temperature=supply + (evaporator + economizer + chiller_power + pump) / stream,
            condenser_water_setpoint=number("condenser_water_setpoint"),
            condenser_water_flow=number("condenser_water_flow"),
            condenser_water_pump_power=pump,
            tower_air_fraction=number("tower_air_fraction"),
            mode=number("mode"),
            chiller_loading=s["chiller_loading"],
            chiller_available=view("input.chiller_available")[:, env],
            chiller_load=evaporator / (max(running, 0.05) * float(params.chiller_capacity[0, 0])),
            evaporator_heat_flow=evaporator,
            economizer_heat_flow=economizer,
            tower_heat_flow=mean_power("tower_heat"),
            water_l=info["water_l"],
            powers={
                "chillers": info["chiller_power_w"],
                "crah_fans": info["crah_fan_power_w"],
                "pumps": info["pump_power_w"],
                "tower_fans": info["tower_fan_power_w"],
                "humidifiers": info["cooling_power_w"] - parts,
                "server_fans": info["server_fan_power_w"],
                "leakage": info["thermal_power_w"] - info["cooling_power_w"] - info["server_fan_power_w"],
            },
        )

    def _show_header(self, info: dict[str, float]) -> None:
        config, env = self._batch.config, self._env
        where = [weather.name for weather in config.weathers] if len(config.weathers) == 1 else []
        where += [config.task.name] if config.task.name else []
        self._where.set_text(", ".join([*where, f"{time_label(info['time_s'])} local time"]))
        hottest = float(self._batch.state.rack_inlet_temperature[:, env].max())
        excess = hottest - self._limit
        texts = (
            f"{hottest:.1f} °C" + (f"  (+{excess:.1f} K)" if excess > 0.0 else ""),
            power_text(info["it_power_w"]),
            power_text(info["cooling_power_w"]),
            power_text(info["facility_power_w"]),
            f"{info['pue']:.3f}",
            f"{info['violation_k_min']:.1f} K min",
        )
        for text, words in zip(self._figures, texts, strict=True):
            text.set_text(words)
        for text, is_over in ((self._figures[0], excess > 0.0), (self._figures[-1], info["violation_k_min"] > 0.0)):
            text.set_color(palette.LIMIT if is_over else palette.INK)
        state = self._batch.state
        alarm = "servers tripped" if state.is_tripped[0, env] > 0.5 else ""
        if not alarm and state.protection[0, env] > 0.5:
            alarm = "over-temperature protection acts"
        self._alarm.set_text(alarm)
        self._alarm.set_visible(bool(alarm))
