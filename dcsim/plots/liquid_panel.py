"""The plant of a liquid-cooled hall: dry coolers, facility water, CDU groups with their coldest coolant and hottest case, and the air side."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dcsim.plots import palette
from dcsim.plots.panel import SIZE, Panel, power_text

PARTS = ("chillers", "crah_fans", "pumps", "cdus", "dry_coolers", "humidifiers", "server_fans", "leakage")
"""Of thermal power."""

LEFT, RIGHT = 62.0, 432.0
COOLER_BOX = (150.0, 426.0, 184.0, 62.0)  # left, bottom, width, height
CDU_BOTTOM, CDU_HEIGHT = 232.0, 96.0
AIR_BOX = (72.0, 118.0, 340.0, 62.0)
BAR_WIDTH = 62.0


class LiquidValues(NamedTuple):
    """What the panel shows; powers and heat flows are means over the last control step."""

    dry_bulb_temperature: float  # outdoors
    wet_bulb_temperature: float
    facility_water_supply_temperature: float
    facility_water_return_temperature: float
    facility_water_setpoint: float
    dry_cooler_fan_speed: float
    pad_wetted_share: float
    dry_cooler_heat_flow: float
    water_l: float  # drawn for the pads in the step
    coolant_setpoint: float
    coolant_supply_temperature: np.ndarray  # (D,) degC
    coolant_return_temperature: np.ndarray  # (D,) degC
    cdu_pump_speed: np.ndarray  # (D,)
    cdu_valve_position: np.ndarray  # (D,)
    cdu_pump_available: np.ndarray  # (D,)
    case_max: np.ndarray  # (D,) degC, hottest in the step
    peak_power: float  # of the IT equipment in the step
    chilled_water_supply_temperature: float
    chilled_water_return_temperature: float
    chilled_water_setpoint: float
    chillers_running: int
    chillers: int
    evaporator_heat_flow: float
    powers: dict[str, float]  # W by component as in palette.COMPONENTS


class LiquidPanel(Panel):
    """Draws a liquid-cooled plant into axes whose data units are pixels, 0 to ``SIZE``, y upwards; ticks and frame are taken off.

    Parameters
    ----------
    axes : Axes
    write : callable
        ``write(x, y, words, size, ha, **options)`` adds the text that changes and returns what its ``set_text`` changes it by.
    cdus : int
    case_limit : float
        degC.
    has_humidifier : bool
    """

    def __init__(
        self, axes: Axes, write: Callable[..., Any], cdus: int, case_limit: float, has_humidifier: bool
    ) -> None:
        super().__init__(axes, write)
        self._limit = case_limit
        self._make_pipes()
        self._make_coolers()
        self._make_cdus(cdus)
        self._make_air_side()
        self._make_ledger([name for name in PARTS if has_humidifier or name != "humidifiers"])

    # --- once -------------------------------------------------------------------------------------------------------------------

    def _make_pipes(self) -> None:
        top = COOLER_BOX[1] + 0.5 * COOLER_BOX[3]
        bottom = CDU_BOTTOM + CDU_HEIGHT + 26.0
        runs = {
            "supply": [(COOLER_BOX[0], top), (LEFT, top), (LEFT, bottom), (240, bottom)],
            "return": [(240, bottom), (RIGHT, bottom), (RIGHT, top), (COOLER_BOX[0] + COOLER_BOX[2], top)],
        }
        self._pipes: dict[str, Line2D] = {}
        for name, points in runs.items():
            xs, ys = zip(*points, strict=True)
            line = Line2D(xs, ys, linewidth=5.0, solid_joinstyle="round", solid_capstyle="butt")
            self._axes.add_line(line)
            self._pipes[name] = line
            self.artists.append(line)
        self._label(LEFT + 10, bottom + 10, 8.0, "facility water", ha="left", color=palette.FAINT)
        middle = 0.5 * (top + bottom)
        self._water = {
            "supply": (self._text(LEFT + 10, middle, 11.0, ha="left", weight="bold"), LEFT),
            "return": (self._text(RIGHT - 10, middle, 11.0, ha="right", weight="bold"), RIGHT),
        }
        self._water_setpoint = self._text(LEFT + 10, middle - 14, 8.0, ha="left", color="#555555")

    def _make_coolers(self) -> None:
        x, y, width, height = COOLER_BOX
        self._box(x, y, width, height)
        self._label(x + 0.5 * width, y + height + 9, 8.5, "dry coolers")
        self._bars = {
            "fans": self._bar(x + 12, y + 36, palette.COMPONENTS["dry_coolers"][1]),
            "pads": self._bar(x + 12, y + 16, palette.COMPONENTS["pumps"][1]),
        }
        self._bar_words = {
            "fans": self._text(x + 12 + BAR_WIDTH + 8, y + 40, 8.5, ha="left"),
            "pads": self._text(x + 12 + BAR_WIDTH + 8, y + 20, 8.5, ha="left"),
        }
        self._label(4, 534, 8.0, "outdoor air", ha="left", color=palette.FAINT)
        self._outdoor = self._text(4, 518, 9.5, ha="left", weight="bold"), self._text(4, 503, 8.5, ha="left")
        self._rejected = [self._text(SIZE[0] - 4, y, 8.5, ha="right") for y in (534, 520, 506)]

    def _make_cdus(self, cdus: int) -> None:
        pitch = (RIGHT - LEFT + 40.0) / cdus
        inset = min(4.0, 0.08 * pitch)
        words = "CDU groups: coolant in, out, pumps, valve, hottest case"
        self._label(LEFT - 20, CDU_BOTTOM - 12, 8.0, words, ha="left", color=palette.FAINT)
        self._coolant = self._text(RIGHT + 20, CDU_BOTTOM + CDU_HEIGHT + 10, 8.0, ha="right", color="#555555")
        self._cdus = []
        for k in range(cdus):
            x, width = LEFT - 20 + k * pitch + inset, pitch - 2 * inset
            box = self._box(x, CDU_BOTTOM, width, CDU_HEIGHT)
            middle, top = x + 0.5 * width, CDU_BOTTOM + CDU_HEIGHT
            self._cdus.append((box, [self._text(middle, top - 12 - 18 * line, 7.5) for line in range(5)]))

    def _make_air_side(self) -> None:
        x, y, width, height = AIR_BOX
        self._box(x, y, width, height)
        self._label(x + 0.5 * width, y + height + 9, 8.5, "air side: chilled water for the rest of the heat")
        self._air = [self._text(x + 0.5 * width, y + height - 14 - 17 * line, 9.0) for line in range(3)]

    def _box(self, x: float, y: float, width: float, height: float) -> Any:
        box = Rectangle((x, y), width, height, facecolor="#eaf2f8", edgecolor=palette.INK, linewidth=1.0)
        return self._patch(box, is_animated=True)

    def _bar(self, x: float, y: float, face: str) -> Any:
        self._patch(Rectangle((x, y), BAR_WIDTH, 8, facecolor="#d7ddda", edgecolor="none"), is_animated=True)
        return self._patch(Rectangle((x, y), 0.0, 8, facecolor=face, edgecolor="none"), is_animated=True)

    # --- every frame ------------------------------------------------------------------------------------------------------------

    def update(self, v: LiquidValues) -> None:
        """Show other values."""
        for name, temperature in (
            ("supply", v.facility_water_supply_temperature),
            ("return", v.facility_water_return_temperature),
        ):
            self._pipes[name].set_color(tuple(palette.water(np.array(temperature))))
            self._water[name][0].set_text(f"{temperature:.1f} °C")
        self._water_setpoint.set_text(f"set {v.facility_water_setpoint:.1f}")
        for name, share in (("fans", v.dry_cooler_fan_speed), ("pads", v.pad_wetted_share)):
            self._bars[name].set_width(BAR_WIDTH * float(np.clip(share, 0.0, 1.0)))
            self._bar_words[name].set_text(f"{name} {100 * share:.0f} %")
        wet, dry = self._outdoor
        dry.set_text(f"wet bulb {v.wet_bulb_temperature:.1f} °C")
        wet.set_text(f"dry bulb {v.dry_bulb_temperature:.1f} °C")
        lines = (
            f"reject {power_text(v.dry_cooler_heat_flow)}",
            f"fans {power_text(v.powers['dry_coolers'])}",
            f"water {v.water_l:.0f} L this step",
        )
        for text, line in zip(self._rejected, lines, strict=True):
            text.set_text(line)
        self._coolant.set_text(f"coolant set {v.coolant_setpoint:.1f} °C, IT peak {power_text(v.peak_power)}")
        for k, (box, texts) in enumerate(self._cdus):
            is_off = bool(v.cdu_pump_available[k] < 0.01)
            box.set_facecolor("#f6f6f6" if is_off else "#eaf2f8")
            words = (
                f"in {v.coolant_supply_temperature[k]:.1f} °C",
                f"out {v.coolant_return_temperature[k]:.1f} °C",
                "pumps off" if is_off else f"pumps {100 * v.cdu_pump_speed[k]:.0f} %",
                f"valve {100 * v.cdu_valve_position[k]:.0f} %",
                f"case {v.case_max[k]:.1f} °C",
            )
            for text, line in zip(texts, words, strict=True):
                text.set_text(line)
            texts[-1].set_color(palette.LIMIT if v.case_max[k] > self._limit else palette.INK)
        power = v.powers["chillers"]
        cop = f", COP {v.evaporator_heat_flow / power:.1f}" if power > 0.0 else ""
        self._air[0].set_text(
            f"supply {v.chilled_water_supply_temperature:.1f} °C (set {v.chilled_water_setpoint:.1f}), "
            f"return {v.chilled_water_return_temperature:.1f} °C"
        )
        self._air[1].set_text(f"chillers: {v.chillers_running} of {v.chillers} run, {power_text(power)}{cop}")
        self._air[2].set_text(
            f"heat {power_text(v.evaporator_heat_flow)}, CRAH fans {power_text(v.powers['crah_fans'])}"
        )
        self._show_ledger(v.powers)
