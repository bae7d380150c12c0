"""Direct-expansion units as a schematic: an evaporator in the room, a compressor and a condenser outdoors for each; artists kept and updated."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from dcsim.plots import palette
from dcsim.plots.panel import SIZE, Panel, power_text

PARTS = ("compressors", "crah_fans", "pumps", "humidifiers", "server_fans", "leakage")  # of thermal power
OFF, RUNNING = "#d5d5d5", "#eaf2f8"
WALL_Y = 388.0  # pixels, between room and outdoors
CONDENSER = (412.0, 46.0)  # bottom and height
COMPRESSOR_Y, COMPRESSOR_RADIUS = 318.0, 17.0
EVAPORATOR = (168.0, 84.0)
DAMPER = (112.0, 9.0)
WIDTH_MAX = 150.0  # of a unit
WORDS_WIDTH_MIN = 84.0  # of a unit, so that words fit beside its parts


class DxValues(NamedTuple):
    """What the panel shows; powers and heat flows are means over the last control step."""

    dry_bulb_temperature: float  # outdoors
    wet_bulb_temperature: float
    condenser_heat_flow: float
    water_l: float  # evaporated for cooling in the step
    compressor_on: np.ndarray  # (U,)
    compressor_load: np.ndarray  # (U,) over what the unit could give
    compressor_called: np.ndarray  # (U,)
    rest_left: np.ndarray  # (U,) s until a resting compressor may start
    available: np.ndarray  # (U,)
    outdoor_air_share: np.ndarray | None  # (U,) of the supply air; None where there are no dampers
    is_economizing: bool  # the weather is inside the limits
    powers: dict[str, float]  # W by component as in palette.COMPONENTS


class DxPanel(Panel):
    """Draws units beside each other.

    Parameters
    ----------
    axes : Axes
    write : callable
        See ``Panel``.
    units : int
    has_outdoor_air, has_humidifier : bool
    """

    def __init__(
        self, axes: Axes, write: Callable[..., Any], units: int, has_outdoor_air: bool, has_humidifier: bool
    ) -> None:
        super().__init__(axes, write)
        self._has_outdoor_air = has_outdoor_air
        axes.add_line(Line2D([0, SIZE[0]], [WALL_Y, WALL_Y], color=palette.FAINT, linewidth=1.2, linestyle=(0, (4, 3))))
        self._label(4, WALL_Y + 10, 8.0, "outdoors", ha="left", color=palette.FAINT)
        self._label(4, WALL_Y - 10, 8.0, "room", ha="left", color=palette.FAINT)
        self._label(4, 510, 8.0, "outdoor air", ha="left", color=palette.FAINT)
        self._outdoor = self._text(4, 493, 9.5, ha="left", weight="bold"), self._text(4, 478, 8.5, ha="left")
        self._rejected = [self._text(SIZE[0] - 4, y, 8.5, ha="right") for y in (508, 494)]
        self._compressors = self._text(0, 534, 9.5, ha="left", weight="bold")
        pitch = SIZE[0] / units
        self._units = [self._make_unit(k, pitch) for k in range(units)]
        left_out = set() if has_humidifier else {"humidifiers"}
        left_out |= set() if has_outdoor_air else {"pumps"}
        self._make_ledger([name for name in PARTS if name not in left_out])

    # --- once -------------------------------------------------------------------------------------------------------------------

    def _make_unit(self, k: int, pitch: float) -> dict[str, Any]:
        width = min(0.86 * pitch, WIDTH_MAX)
        middle = (k + 0.5) * pitch
        left = middle - 0.5 * width
        bottom, height = EVAPORATOR
        pipes = []
        for side in (-1.0, 1.0):
            x = middle + side * 0.3 * width
            line = Line2D([x, x], [bottom + height, CONDENSER[0]], linewidth=3.0, solid_capstyle="butt")
            self._axes.add_line(line)
            self.artists.append(line)
            pipes.append(line)
        box: dict[str, Any] = {"edgecolor": palette.INK, "linewidth": 1.0}
        condenser = self._patch(Rectangle((left, CONDENSER[0]), width, CONDENSER[1], **box), is_animated=True)
        evaporator = self._patch(Rectangle((left, bottom), width, height, **box), is_animated=True)
        face = palette.COMPONENTS["compressors"][1]
        fill = self._patch(Rectangle((left, bottom), width, 0.0, facecolor=face, alpha=0.85), is_animated=True)
        compressor = self._patch(
            Circle((middle + 0.3 * width, COMPRESSOR_Y), min(COMPRESSOR_RADIUS, 0.18 * width), **box), is_animated=True
        )
        cross = Line2D(
            [left, left + width, np.nan, left, left + width],
            [bottom, bottom + height, np.nan, bottom + height, bottom],
            color=palette.LIMIT,
            linewidth=2.2,
        )
        self._axes.add_line(cross)
        self.artists.append(cross)
        unit = {
            "pipes": pipes,
            "condenser": condenser,
            "evaporator": evaporator,
            "fill": fill,
            "compressor": compressor,
            "cross": cross,
        }
        if self._has_outdoor_air:
            self._patch(Rectangle((left, DAMPER[0]), width, DAMPER[1], facecolor="#e2e2e2", edgecolor="none"))
            air = palette.COMPONENTS["pumps"][1]
            unit["damper"] = self._patch(Rectangle((left, DAMPER[0]), 0.0, DAMPER[1], facecolor=air), is_animated=True)
            unit["damper_width"] = width
        if width >= WORDS_WIDTH_MIN:
            self._label(middle, sum(CONDENSER) + 9, 8.0, f"condenser {k + 1}", color="#555555")
            self._label(middle, bottom - 10, 8.0, f"evaporator {k + 1}", color="#555555")
            unit["load"] = self._text(middle, bottom + 0.5 * height, 11.0, weight="bold")
            unit["state"] = self._text(middle - 0.26 * width, COMPRESSOR_Y, 8.0, ha="left")
            if self._has_outdoor_air:
                unit["air"] = self._text(middle, DAMPER[0] + 19, 8.5)
        return unit

    # --- every frame ------------------------------------------------------------------------------------------------------------

    def update(self, v: DxValues) -> None:
        """Show other values."""
        dry, wet = self._outdoor
        dry.set_text(f"{v.dry_bulb_temperature:.1f} °C")
        wet.set_text(f"wet bulb {v.wet_bulb_temperature:.1f} °C")
        self._rejected[0].set_text(f"heat rejected {power_text(v.condenser_heat_flow)}")
        self._rejected[1].set_text(f"water {v.water_l:.1f} L" if self._has_outdoor_air else "")
        running = int((v.compressor_on > 0.5).sum())
        power = v.powers["compressors"]
        cooling = v.condenser_heat_flow - power
        words = f"compressors: {running} of {len(self._units)} run, {power_text(power)}"
        if power > 0.0:
            words += f", COP {cooling / power:.1f}"
        if self._has_outdoor_air:
            words += "; outdoor air let in" if v.is_economizing else "; outdoor air locked out"
        self._compressors.set_text(words)
        for k, unit in enumerate(self._units):
            self._show_unit(unit, v, k)
        self._show_ledger(v.powers)

    def _show_unit(self, unit: dict[str, Any], v: DxValues, k: int) -> None:
        is_on = bool(v.compressor_on[k] > 0.5)
        pipe_colors = palette.water(np.array([10.0, 36.0])) if is_on else (OFF, OFF)
        for line, face in zip(unit["pipes"], pipe_colors, strict=True):
            line.set_color(face)
        for part in ("condenser", "evaporator"):
            unit[part].set_facecolor(RUNNING if is_on else "#f6f6f6")
        unit["compressor"].set_facecolor(palette.COMPONENTS["compressors"][1] if is_on else palette.PAPER)
        load = float(np.clip(v.compressor_load[k], 0.0, 1.0))
        unit["fill"].set_height(EVAPORATOR[1] * load)
        unit["cross"].set_visible(bool(v.available[k] < 0.01))
        share = None if v.outdoor_air_share is None else float(np.clip(v.outdoor_air_share[k], 0.0, 1.0))
        if share is not None:
            unit["damper"].set_width(unit["damper_width"] * share)
        if "load" not in unit:
            return
        unit["load"].set_text(f"{100.0 * load:.0f} %" if is_on else "")
        unit["load"].set_color(palette.PAPER if load > 0.55 else palette.INK)
        unit["state"].set_text(self._words(v, k, is_on))
        if share is not None:
            unit["air"].set_text(f"outdoor air {100.0 * share:.0f} %")

    @staticmethod
    def _words(v: DxValues, k: int, is_on: bool) -> str:
        if v.available[k] < 0.01:
            return "out of order"
        if is_on:
            return "runs"
        if v.rest_left[k] > 0.0:
            return f"rests {v.rest_left[k]:.0f} s"
        return "ready" if v.compressor_called[k] > 0.5 else "not called"
