"""The cooling plant as a schematic: coils, chilled water, economizer and chillers, condenser water, tower; artists kept and updated."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse, FancyBboxPatch, Polygon, Rectangle

from dcsim.plots import palette
from dcsim.plots.panel import SIZE, Panel, power_text

PARTS = ("chillers", "crah_fans", "pumps", "tower_fans", "humidifiers", "server_fans", "leakage")  # of thermal power
MODES = ("mechanical cooling", "integrated cooling", "free cooling")
MODE_COLORS = ("#46505a", "#2d7f8a", "#1e8a4c")
OFF = "#d5d5d5"
RUNNING = "#eaf2f8"

# where things stand [pixels]: the circle of the water, and the boxes on it
LEFT, RIGHT = 62.0, 432.0
CONDENSER_Y, CHILLED_Y = 300.0, 252.0
COIL_BOX = (112.0, 112.0, 270.0, 46.0)
BOX_BOTTOM, BOX_HEIGHT = 232.0, 88.0
TOWER_BOTTOM, TOWER_TOP = 412.0, 478.0


class PlantValues(NamedTuple):
    """What the panel shows; powers and heat flows are means over the last control step."""

    dry_bulb_temperature: float  # outdoors
    wet_bulb_temperature: float
    chilled_water_supply_temperature: float
    chilled_water_return_temperature: float
    chilled_water_setpoint: float
    chilled_water_pump_speed: float
    chilled_water_pump_power: float
    valve_fraction: float  # mean of the coils
    condenser_water_supply_temperature: float  # to economizer and chillers
    condenser_water_return_temperature: float  # to the tower
    condenser_water_setpoint: float
    condenser_water_flow: float  # fraction
    condenser_water_pump_power: float
    tower_air_fraction: float
    mode: float  # 0 mechanical, 1 integrated, 2 free
    chiller_loading: np.ndarray  # (C,) 0 off to 1 able to give full capacity
    chiller_available: np.ndarray  # (C,)
    chiller_load: float  # heat taken over capacity of the machines that run
    evaporator_heat_flow: float
    economizer_heat_flow: float
    tower_heat_flow: float
    water_l: float  # make-up of the step
    powers: dict[str, float]  # W by component as in palette.COMPONENTS


class PlantPanel(Panel):
    """Draws a plant into axes whose data units are pixels, 0 to ``SIZE``, y upwards; ticks and frame are taken off.

    Parameters
    ----------
    axes : Axes
    write : callable
        ``write(x, y, words, size, ha, **options)`` adds the text that changes and returns what its ``set_text`` changes it by.
    chillers : int
    has_economizer, has_humidifier : bool

    Attributes
    ----------
    artists : list
        What ``update`` changes, in drawing order.
    """

    def __init__(
        self, axes: Axes, write: Callable[..., Any], chillers: int, has_economizer: bool, has_humidifier: bool
    ) -> None:
        super().__init__(axes, write)
        self._has_economizer = has_economizer
        self._make_pipes()
        self._make_tower()
        self._make_pumps_and_temperatures()
        self._make_machines(chillers)
        self._make_coils()
        self._make_ledger(PARTS if has_humidifier else [name for name in PARTS if name != "humidifiers"])
        chip = FancyBboxPatch((SIZE[0] - 150, 526), 144, 16, boxstyle="round,pad=2,rounding_size=8", linewidth=0)
        self._mode = (
            self._patch(chip, is_animated=True),
            self._text(SIZE[0] - 78, 534.5, 9.0, color=palette.PAPER, weight="bold"),
        )

    # --- once -------------------------------------------------------------------------------------------------------------------

    def _make_pipes(self) -> None:
        coil_left, coil_bottom, coil_width, coil_height = COIL_BOX
        coil_y = coil_bottom + 0.5 * coil_height
        tower_left, tower_right = 206.0, 292.0
        runs = {
            "condenser_supply": [
                (tower_left, TOWER_BOTTOM + 8),
                (LEFT, TOWER_BOTTOM + 8),
                (LEFT, CONDENSER_Y),
                (240, CONDENSER_Y),
            ],
            "condenser_return": [
                (240, CONDENSER_Y),
                (RIGHT, CONDENSER_Y),
                (RIGHT, TOWER_TOP - 14),
                (tower_right, TOWER_TOP - 14),
            ],
            "chilled_return": [(coil_left, coil_y), (LEFT, coil_y), (LEFT, CHILLED_Y), (240, CHILLED_Y)],
            "chilled_supply": [(240, CHILLED_Y), (RIGHT, CHILLED_Y), (RIGHT, coil_y), (coil_left + coil_width, coil_y)],
        }
        self._pipes: dict[str, Line2D] = {}
        for name, points in runs.items():
            xs, ys = zip(*points, strict=True)
            line = Line2D(xs, ys, linewidth=5.0, solid_joinstyle="round", solid_capstyle="butt")
            self._axes.add_line(line)
            self._pipes[name] = line
            self.artists.append(line)
        for x, y, turn in ((LEFT, 330, 180), (RIGHT, 400, 0), (LEFT, 224, 0), (RIGHT, 160, 180)):
            self._arrow(x, y, turn)

    def _arrow(self, x: float, y: float, turn: float) -> None:
        up = 1.0 if turn == 0 else -1.0
        points = [(x - 6, y - 5 * up), (x + 6, y - 5 * up), (x, y + 6 * up)]
        self._patch(Polygon(points, facecolor=palette.PAPER, edgecolor=palette.INK, linewidth=0.7), is_animated=True)

    def _make_tower(self) -> None:
        body = [(200, TOWER_BOTTOM), (298, TOWER_BOTTOM), (284, TOWER_TOP), (214, TOWER_TOP)]
        self._patch(Polygon(body, facecolor="#eef3f1", edgecolor=palette.FAINT, linewidth=1.0), is_animated=True)
        self._patch(Rectangle((222, TOWER_TOP), 54, 12, facecolor="#dfe7e4", edgecolor=palette.FAINT, linewidth=0.8))
        for middle in (236, 262):
            self._patch(Ellipse((middle, TOWER_TOP + 12), 25, 7, facecolor="#5e6a66", edgecolor="none"))
        self._patch(Ellipse((249, TOWER_TOP + 12), 6, 6, facecolor=palette.INK, edgecolor="none"))
        self._label(249, 508, 8.0, "cooling tower", color=palette.FAINT)
        self._patch(Rectangle((218, 428), 62, 8, facecolor="#d7ddda", edgecolor="none"), is_animated=True)
        self._tower_bar = self._patch(
            Rectangle((218, 428), 0, 8, facecolor=palette.COMPONENTS["tower_fans"][1], edgecolor="none"),
            is_animated=True,
        )
        self._tower_speed = self._text(249, 448, 8.5)
        self._label(4, 510, 8.0, "outdoor air", ha="left", color=palette.FAINT)
        self._outdoor = self._text(4, 493, 9.5, ha="left", weight="bold"), self._text(4, 478, 8.5, ha="left")
        self._rejected = [self._text(SIZE[0] - 4, y, 8.5, ha="right") for y in (508, 494, 480)]

    def _make_pumps_and_temperatures(self) -> None:
        for x, y in ((LEFT, 386.0), (RIGHT, 204.0)):
            self._patch(
                Circle((x, y), 12, facecolor=palette.PAPER, edgecolor=palette.INK, linewidth=1.2), is_animated=True
            )
            down = [(x - 7, y + 5), (x + 7, y + 5), (x, y - 9)]
            self._patch(Polygon(down, facecolor=palette.COMPONENTS["pumps"][1], edgecolor="none"), is_animated=True)
        self._condenser_pump = self._text(LEFT + 19, 392, 8.5, ha="left"), self._text(LEFT + 19, 379, 8.5, ha="left")
        self._chilled_pump = self._text(RIGHT - 19, 210, 8.5, ha="right"), self._text(RIGHT - 19, 197, 8.5, ha="right")
        self._label(LEFT + 10, TOWER_BOTTOM + 18, 8.0, "condenser water", ha="left", color=palette.FAINT)
        self._label(LEFT + 10, 196, 8.0, "chilled water", ha="left", color=palette.FAINT)
        self._temperatures = {
            "condenser_supply": self._two_lines(LEFT + 10, 357, "left"),
            "condenser_return": self._two_lines(RIGHT - 10, 372, "right"),
            "chilled_return": self._two_lines(LEFT + 10, 180, "left"),
            "chilled_supply": self._two_lines(RIGHT - 10, 177, "right"),
        }

    def _two_lines(self, x: float, y: float, ha: str) -> tuple[Any, Any]:
        return self._text(x, y, 11.0, ha=ha, weight="bold"), self._text(x, y - 14, 8.0, ha=ha, color="#555555")

    def _make_machines(self, chillers: int) -> None:
        left = 204.0 if self._has_economizer else 112.0
        width = 392.0 - left
        self._economizer: tuple[Any, Any, list[Any]] | None = None
        if self._has_economizer:
            x, w = 96.0, 78.0
            box = self._patch(
                Rectangle((x, BOX_BOTTOM), w, BOX_HEIGHT, edgecolor=palette.INK, linewidth=1.0), is_animated=True
            )
            plates = []
            for offset in np.linspace(14, w - 14, 5):
                line = Line2D([x + offset] * 2, [BOX_BOTTOM + 10, BOX_BOTTOM + BOX_HEIGHT - 10], linewidth=2.0)
                self._axes.add_line(line)
                plates.append(line)
            self.artists.extend(plates)
            self._label(x + 0.5 * w, BOX_BOTTOM + BOX_HEIGHT + 9, 8.5, "economizer")
            self._economizer = box, self._text(x + 0.5 * w, BOX_BOTTOM - 10, 8.5), plates
        pitch = width / chillers
        inset = min(3.0, 0.12 * pitch)
        self._machines: list[tuple[Any, Any, Line2D]] = []
        for k in range(chillers):
            x, w = left + k * pitch + inset, pitch - 2 * inset
            box = self._patch(
                Rectangle((x, BOX_BOTTOM), w, BOX_HEIGHT, edgecolor=palette.INK, linewidth=1.0), is_animated=True
            )
            fill = self._patch(
                Rectangle(
                    (x, BOX_BOTTOM), w, 0.0, facecolor=palette.COMPONENTS["chillers"][1], edgecolor="none", alpha=0.85
                ),
                is_animated=True,
            )
            top = BOX_BOTTOM + BOX_HEIGHT
            cross = Line2D(
                [x, x + w, np.nan, x, x + w],
                [BOX_BOTTOM, top, np.nan, top, BOX_BOTTOM],
                color=palette.LIMIT,
                linewidth=2.2,
            )
            self._axes.add_line(cross)
            self.artists.append(cross)
            self._machines.append((box, fill, cross))
        self._chiller_words = (
            self._text(left + 3, BOX_BOTTOM + BOX_HEIGHT + 9, 8.5, ha="left"),
            self._text(left + 3, BOX_BOTTOM - 10, 8.5, ha="left"),
        )

    def _make_coils(self) -> None:
        x, y, width, height = COIL_BOX
        self._patch(
            Rectangle((x, y), width, height, facecolor=RUNNING, edgecolor=palette.INK, linewidth=1.0), is_animated=True
        )
        self._label(x + 0.5 * width, y + height + 9, 8.5, "CRAH coils: heat from the hall")
        self._coils = self._text(x + 0.5 * width, y + 31, 10.0, weight="bold"), self._text(x + 0.5 * width, y + 14, 8.5)

    # --- every frame ------------------------------------------------------------------------------------------------------------

    def update(self, v: PlantValues) -> None:
        """Show other values."""
        mode = int(np.clip(np.rint(v.mode), 0, 2))
        chip, words = self._mode
        chip.set_facecolor(MODE_COLORS[mode])
        words.set_text(MODES[mode])
        for name, temperature, setpoint in (
            ("condenser_supply", v.condenser_water_supply_temperature, v.condenser_water_setpoint),
            ("condenser_return", v.condenser_water_return_temperature, None),
            ("chilled_return", v.chilled_water_return_temperature, None),
            ("chilled_supply", v.chilled_water_supply_temperature, v.chilled_water_setpoint),
        ):
            self._pipes[name].set_color(tuple(palette.water(np.array(temperature))))
            first, second = self._temperatures[name]
            first.set_text(f"{temperature:.1f} °C")
            second.set_text("" if setpoint is None else f"set {setpoint:.1f}")
        for (first, second), power, detail in (
            (self._condenser_pump, v.condenser_water_pump_power, f"flow {100 * v.condenser_water_flow:.0f} %"),
            (self._chilled_pump, v.chilled_water_pump_power, f"speed {100 * v.chilled_water_pump_speed:.0f} %"),
        ):
            first.set_text(power_text(power))
            second.set_text(detail)
        self._tower_bar.set_width(62.0 * float(np.clip(v.tower_air_fraction, 0.0, 1.0)))
        self._tower_speed.set_text(f"fans {100 * v.tower_air_fraction:.0f} %")
        wet, dry = self._outdoor
        wet.set_text(f"wet bulb {v.wet_bulb_temperature:.1f} °C")
        dry.set_text(f"dry bulb {v.dry_bulb_temperature:.1f} °C")
        lines = (
            f"rejects {power_text(v.tower_heat_flow)}",
            f"fans {power_text(v.powers['tower_fans'])}",
            f"water {v.water_l:.0f} L this step",
        )
        for text, line in zip(self._rejected, lines, strict=True):
            text.set_text(line)
        heat, valves = self._coils
        heat.set_text(power_text(v.evaporator_heat_flow + v.economizer_heat_flow))
        valves.set_text(f"valves {100 * v.valve_fraction:.0f} % open")
        self._show_machines(v)
        self._show_ledger(v.powers)

    def _show_machines(self, v: PlantValues) -> None:
        if self._economizer is not None:
            box, words, plates = self._economizer
            is_on = v.mode > 0.5
            box.set_facecolor(RUNNING if is_on else "#f6f6f6")
            for plate in plates:
                plate.set_color("#2d7f8a" if is_on else OFF)
            words.set_text(power_text(v.economizer_heat_flow) if is_on else "off")
        running = 0
        for (box, fill, cross), loading, available in zip(
            self._machines, v.chiller_loading, v.chiller_available, strict=True
        ):
            is_running = bool(loading > 0.02)
            running += is_running
            box.set_facecolor(RUNNING if is_running else "#f6f6f6")
            fill.set_height(BOX_HEIGHT * float(np.clip(v.chiller_load * loading, 0.0, 1.0)))
            cross.set_visible(bool(available < 0.5))
        count, detail = self._chiller_words
        power = v.powers["chillers"]
        load = f", load {100 * v.chiller_load:.0f} %" if running else ""
        count.set_text(f"chillers: {running} of {len(self._machines)} run{load}")
        cop = f", COP {v.evaporator_heat_flow / power:.1f}" if power > 0.0 else ""
        detail.set_text(f"{power_text(power)}{cop}" if running else "off")
