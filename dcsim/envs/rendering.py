"""Pictures of a running hall for ``render_mode="rgb_array"``: the hall as a heat map, the plant beside it.

The unchanging parts are drawn once and kept as pixels; a frame draws only what moves on top of them. Nothing here touches pyplot.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from PIL import Image

from dcsim.drivers.calendar import time_label
from dcsim.envs.batch import Batch
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.pump import RUN_OUT
from dcsim.plant.loops import DRIFT_FRACTION
from dcsim.plots import palette
from dcsim.plots.dx_panel import DxPanel, DxValues
from dcsim.plots.hall_panel import HallPanel, HallValues, heat_scale
from dcsim.plots.liquid_panel import LiquidPanel, LiquidValues
from dcsim.plots.panel import SIZE as PLANT_SIZE
from dcsim.plots.panel import power_text
from dcsim.plots.plant_panel import PlantPanel, PlantValues
from dcsim.plots.recording import COMPONENT_POWERS
from dcsim.plots.stamps import StampLayer
from dcsim.plots.style import house_style, new_figure

WIDTH, HEIGHT, DPI = 1120, 630, 100
HEADER_HEIGHT = 62
HALL_BOX = (12, 50, 592, 492)  # left, bottom, width, height [pixels]
SCALE_BOX = (128, 16, 410, 12)
PLANT_PLACE = (WIDTH - 12 - PLANT_SIZE[0], 8.0)


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
        self._stamps = StampLayer(HEIGHT, DPI)
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
            write=self._stamps.writer(*HALL_BOX[:2]),
        )
        heat_scale(self._axes(SCALE_BOX), limit, allowable)
        place = self._axes((*PLANT_PLACE, *PLANT_SIZE)), self._stamps.writer(*PLANT_PLACE)
        has_humidifier = "humidifier" in hall.types.meters
        self._plant: Any
        self._plant_values: Callable[[dict[str, float]], Any]
        if "dx" in hall:
            self._plant = DxPanel(*place, hall.crah_groups, "outdoor_air" in hall, has_humidifier)
            self._plant_values = self._dx_values
        elif "liquid" in hall:
            case_limit = description.limits.case_limit.value  # type: ignore[union-attr]
            self._plant = LiquidPanel(*place, hall.cdu_groups, case_limit, has_humidifier)
            self._plant_values = self._liquid_values
        else:
            self._plant = PlantPanel(*place, hall.chillers, "economizer" in hall, has_humidifier)
            self._plant_values = self._water_values
        self._artists += [*self._hall.artists, *self._plant.artists]
        self._make_header()

    def _make_header(self) -> None:
        bottom = HEIGHT - HEADER_HEIGHT
        axes = self._axes((0, 0, WIDTH, HEIGHT))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        axes.set_axis_off()
        axes.add_patch(Rectangle((0, bottom), WIDTH, HEADER_HEIGHT, facecolor="#f2f4f5", edgecolor="none"))
        write = self._stamps.writer(0, 0)

        def label(x: float, y: float, words: str, size: float, **options: Any) -> None:
            axes.text(x, y, words, fontsize=size, va="center_baseline", **options)

        label(12, bottom + 41, self._batch.config.hall.description.name, 12.5, weight="bold")
        self._where = write(12, bottom + 18, "", 8.5, ha="left", color="#444444")
        columns = {
            "local time": 248,
            f"hottest inlet, limit {self._limit:g} °C": 394,
            "above limit, this step": 552,
            "IT power": 690,
            "cooling power": 796,
            "facility power": 916,
            "PUE": 1036,
        }
        self._figures = []
        for words, x in columns.items():
            label(x, bottom + 44, words, 8.0, color="#666666")
            self._figures.append(write(x, bottom + 20, "", 14.0, ha="left", weight="bold"))
        left, top, width = HALL_BOX[0], HALL_BOX[1] + HALL_BOX[3] + 12, HALL_BOX[2]
        label(left, top, "CRAH groups", 8.0, color="#666666")
        label(left + 116, top, "rack groups by inlet [°C], bars: load", 8.0, color="#666666")
        label(left + width, top, "hot air [°C]", 8.0, ha="right", color="#666666")
        self._alarm_box = Rectangle((left + 352, top - 9), 170, 17, facecolor=palette.LIMIT, edgecolor="none")
        axes.add_patch(self._alarm_box)
        self._artists.append(self._alarm_box)
        self._alarm = write(left + 437, top, "", 8.5, weight="bold", color=palette.PAPER)

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
        picture = Image.fromarray(np.asarray(self._canvas.buffer_rgba())).convert("RGB")
        self._stamps.draw(picture)
        return np.array(picture)

    def _hall_values(self) -> HallValues:
        s, view, env = self._batch.state, self._batch.view, self._env
        return HallValues(
            rack_inlet_temperature=s.rack_inlet_temperature[:, env],
            utilization=view("input.utilization")[:, env],
            hot_air_temperature=s.hot_air_temperature[:, env],
            supply_air_temperature=s.supply_air_temperature[:, env],
            supply_air_setpoint=self._in_force("supply_air_setpoint", "supply_air_setpoint_min"),
            crah_fan_speed=s.crah_fan_speed[:, env],
            crah_available=view("input.crah_available")[:, env],
        )

    def _is_protecting(self) -> bool:
        return bool(self._batch.state.protection[0, self._env] > 0.5)

    def _in_force(self, setpoint: str, fallback: str) -> np.ndarray:
        """A set-point, or what the plant's own protection has put in its place."""
        latched = getattr(self._batch.state, setpoint)[:, self._env]
        if not self._is_protecting():
            return latched
        return np.full(len(latched), getattr(self._batch.config.hall.params, fallback)[0, 0])

    @staticmethod
    def _powers(info: dict[str, float]) -> dict[str, float]:
        """Parts of the thermal power, those that the hall has."""
        powers = {part: info[f"{field}_w"] for part, field in COMPONENT_POWERS.items() if f"{field}_w" in info}
        powers["humidifiers"] = powers.get("humidifiers", 0.0) + info.get("ventilation_power_w", 0.0)
        powers["leakage"] = info["thermal_power_w"] - info["cooling_power_w"] - info["server_fan_power_w"]
        return powers

    def _dx_values(self, info: dict[str, float]) -> DxValues:
        batch, env = self._batch, self._env
        s, view, params = batch.state, batch.view, batch.params_of(env)
        rest = params.compressor_off_time_min[0, 0] - s.compressor_time[:, env]
        return DxValues(
            dry_bulb_temperature=float(view("input.dry_bulb_temperature")[0, env]),
            wet_bulb_temperature=float(view("input.wet_bulb_temperature")[0, env]),
            condenser_heat_flow=float(s.condenser_heat[0, env]) / batch.config.control_interval_s,
            water_l=info["water_l"],
            compressor_on=s.compressor_on[:, env],
            compressor_load=s.compressor_load[:, env],
            compressor_called=s.compressor_called[:, env],
            rest_left=np.where(s.compressor_on[:, env] > 0.5, 0.0, np.maximum(rest, 0.0)),
            available=view("input.dx_unit_available")[:, env],
            outdoor_air_share=s.outdoor_air_share[:, env] if hasattr(s, "outdoor_air_share") else None,
            is_economizing=bool(s.outdoor_air_enabled[0, env] > 0.5) if hasattr(s, "outdoor_air_enabled") else False,
            powers=self._powers(info),
        )

    def _water_values(self, info: dict[str, float]) -> PlantValues:
        config, view, env = self._batch.config, self._batch.view, self._env
        params = self._batch.params_of(env)
        s = {name: values[:, env] for name, values in self._batch.state._asdict().items()}

        def number(name: str) -> float:
            return float(s[name][0]) if name in s else 0.0  # without an economizer

        def mean_power(name: str) -> float:
            return number(name) / config.control_interval_s

        chiller_power, pump = mean_power("chiller_energy"), mean_power("condenser_water_pump_energy")
        evaporator, economizer = mean_power("evaporator_heat"), mean_power("economizer_heat")
        flow = RUN_OUT * float(self._batch.could_run("condenser_water_pump")[0, env])
        flow = max(min(number("condenser_water_flow"), flow), DRIFT_FRACTION)
        stream = WATER_SPECIFIC_HEAT * float(params.condenser_water_flow_nominal[0, 0]) * flow
        running = float(s["chiller_loading"].sum())
        supply = number("condenser_water_supply_temperature")
        return PlantValues(
            dry_bulb_temperature=float(view("input.dry_bulb_temperature")[0, env]),
            wet_bulb_temperature=float(view("input.wet_bulb_temperature")[0, env]),
            chilled_water_supply_temperature=number("chilled_water_supply_temperature"),
            chilled_water_return_temperature=number("chilled_water_return_temperature"),
            chilled_water_setpoint=float(self._in_force("chilled_water_setpoint", "chilled_water_setpoint_min")[0]),
            chilled_water_pump_speed=1.0 if self._is_protecting() else number("chilled_water_pump_speed"),
            chilled_water_pump_power=mean_power("chilled_water_pump_energy"),
            valve_fraction=float(s["valve_fraction"].mean()),
            condenser_water_supply_temperature=supply,
            condenser_water_return_temperature=supply + (evaporator + economizer + chiller_power + pump) / stream,
            condenser_water_setpoint=number("condenser_water_setpoint"),
            condenser_water_flow=flow,
            condenser_water_pump_power=pump,
            tower_air_fraction=number("tower_air_fraction") * float(self._batch.could_run("tower_fan")[0, env]),
            mode=number("mode"),
            chiller_loading=s["chiller_loading"],
            chiller_available=view("input.chiller_available")[:, env],
            chiller_load=evaporator / (max(running, 0.05) * float(params.chiller_capacity[0, 0])),
            evaporator_heat_flow=evaporator,
            economizer_heat_flow=economizer,
            tower_heat_flow=mean_power("tower_heat"),
            water_l=info["water_l"],
            powers=self._powers(info),
        )

    def _liquid_values(self, info: dict[str, float]) -> LiquidValues:
        config, view, env = self._batch.config, self._batch.view, self._env
        s = {name: values[:, env] for name, values in self._batch.state._asdict().items()}

        def number(name: str) -> float:
            return float(s[name][0])

        return LiquidValues(
            dry_bulb_temperature=float(view("input.dry_bulb_temperature")[0, env]),
            wet_bulb_temperature=float(view("input.wet_bulb_temperature")[0, env]),
            facility_water_supply_temperature=number("facility_water_supply_temperature"),
            facility_water_return_temperature=number("facility_water_return_temperature"),
            facility_water_setpoint=number("facility_water_setpoint"),
            dry_cooler_fan_speed=number("dry_cooler_fan_speed"),
            pad_wetted_share=number("pad_wetted_share"),
            dry_cooler_heat_flow=number("dry_cooler_heat") / config.control_interval_s,
            water_l=info["water_l"],
            coolant_setpoint=number("coolant_setpoint"),
            coolant_supply_temperature=s["coolant_supply_temperature"],
            coolant_return_temperature=s["coolant_return_temperature"],
            cdu_pump_speed=s["cdu_pump_speed"],
            cdu_valve_position=s["cdu_valve_position"],
            cdu_pump_available=view("input.cdu_pump_available")[:, env],
            case_max=view("measured.case_max")[:, env],
            peak_power=info["it_power_peak_w"],
            chilled_water_supply_temperature=number("chilled_water_supply_temperature"),
            chilled_water_return_temperature=number("chilled_water_return_temperature"),
            chilled_water_setpoint=float(self._in_force("chilled_water_setpoint", "chilled_water_setpoint_min")[0]),
            chillers_running=int((s["chiller_loading"] > 0.02).sum()),
            chillers=config.hall.chillers,
            evaporator_heat_flow=number("evaporator_heat") / config.control_interval_s,
            powers=self._powers(info),
        )

    def _show_header(self, info: dict[str, float]) -> None:
        config, env = self._batch.config, self._env
        where = [weather.name for weather in config.weathers] if len(config.weathers) == 1 else []
        where += [config.task.name] if config.task.name else []
        self._where.set_text(", ".join(where))
        hottest = float(self._batch.state.rack_inlet_temperature[:, env].max())
        texts = (
            time_label(info["time_s"]),
            f"{hottest:.1f} °C",
            f"{info['violation_k_min']:.1f} K min",
            power_text(info["it_power_w"]),
            power_text(info["cooling_power_w"]),
            power_text(info["facility_power_w"]),
            f"{info['pue']:.3f}",
        )
        for text, words in zip(self._figures, texts, strict=True):
            text.set_text(words)
        for text, is_over in (
            (self._figures[1], hottest > self._limit),
            (self._figures[2], info["violation_k_min"] > 0.0),
        ):
            text.set_color(palette.LIMIT if is_over else palette.INK)
        state = self._batch.state
        alarm = "servers tripped" if state.is_tripped[0, env] > 0.5 else ""
        if not alarm and self._is_protecting():
            alarm = "protection: all fans on"
        if not alarm and hasattr(state, "case_protection") and state.case_protection[0, env] > 0.5:
            alarm = "protection: hot cases"
        self._alarm.set_text(alarm)
        self._alarm_box.set_visible(bool(alarm))
