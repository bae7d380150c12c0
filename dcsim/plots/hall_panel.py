"""The hall from above: rack groups in rows between cold and hot aisles, one row in the zone of each CRAH group, as artists kept and updated."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Rectangle

from dcsim.plots import palette

AISLE_SHARE = 0.40  # height of an aisle over that of a rack row
GAP = 8.0  # pixels between the columns
CRAH_WIDTH, CELL_WIDTH = 108.0, 58.0
FAN_BAR = 40.0
LABEL_WIDTH_MIN, LABEL_HEIGHT_MIN = (
    27.0,
    15.0,
)  # of a rack group, pixels, so that its temperature can be written into it
DETAIL_HEIGHT_MIN = 52.0  # of a CRAH group, pixels, so that its set-point and fan can be shown
COLD_AISLE = np.array([0.86, 0.92, 0.97])


class HallValues(NamedTuple):
    """What the panel shows. Everything but the inlets may be left out of a panel without CRAH groups."""

    rack_inlet_temperature: np.ndarray  # (R,) degC
    utilization: np.ndarray | None = None  # (R,)
    hot_air_temperature: np.ndarray | None = None  # (Z,) degC
    supply_air_temperature: np.ndarray | None = None  # (U,) degC
    supply_air_setpoint: np.ndarray | None = None  # (U,) degC
    crah_fan_speed: np.ndarray | None = None  # (U,)
    crah_available: np.ndarray | None = None  # (U,)


class HallPanel:
    """Draws a hall into axes whose data units are pixels, y upwards.

    Parameters
    ----------
    axes : Axes
        From 0 to ``size`` in both directions; ticks and frame are taken off.
    size : tuple[float, float]
        Width and height [pixels].
    racks, crah_groups, cells : int
        Numbers of rack groups, CRAH groups and hot-air cells. Rack groups divide evenly among CRAH groups.
    limit, allowable : float
        Recommended and allowable upper limit of rack inlets [degC].
    write : callable, optional
        ``write(x, y, words, size, ha, **options)`` adds the text that changes and returns what its ``set_text`` and ``set_color`` change
        it by; by default matplotlib's own text.
    with_units : bool
        Whether CRAH groups, hot-air cells and loads are drawn beside the racks.

    Attributes
    ----------
    artists : list
        What ``update`` changes, in drawing order.
    rack_boxes : np.ndarray, shape (R, 4)
        Left, bottom, width, height of each rack group [pixels].
    """

    def __init__(
        self,
        axes: Axes,
        size: tuple[float, float],
        racks: int,
        crah_groups: int,
        cells: int,
        limit: float,
        allowable: float,
        write: Callable[..., Any] | None = None,
        with_units: bool = True,
    ) -> None:
        self._limit, self._allowable = limit, allowable
        self._axes, self._with_units = axes, with_units
        self._write = write or self._label
        self.artists: list[Any] = []
        width, height = size
        axes.set(xlim=(0.0, width), ylim=(0.0, height))
        axes.set_axis_off()
        left = CRAH_WIDTH + GAP if with_units else 0.0
        right = width - (CELL_WIDTH + GAP if with_units else 0.0)
        per_row = racks // crah_groups
        row_height = height / (crah_groups + AISLE_SHARE * (crah_groups + 1))
        self._aisle_height = AISLE_SHARE * row_height
        pitch = row_height + self._aisle_height
        tops = height - self._aisle_height - pitch * np.arange(crah_groups)  # of the rack rows
        self._make_aisles(left, right, height, pitch, crah_groups)
        self._make_racks(left, right, tops, row_height, per_row)
        if with_units:
            self._make_cells(width - CELL_WIDTH, width, height, cells)
            self._make_crahs(tops, row_height, crah_groups)
        self._cell_places = (np.arange(cells) + 0.5) / max(cells, 1)
        self._aisle_places = np.arange(crah_groups + 1)[1::2] / crah_groups

    # --- once -------------------------------------------------------------------------------------------------------------------

    def _make_aisles(self, left: float, right: float, height: float, pitch: float, rows: int) -> None:
        self._hot_aisles: list[tuple[Rectangle, Any]] = []
        for k in range(rows + 1):
            bottom = height - self._aisle_height - pitch * k
            is_hot = k % 2 == 1
            face = palette.hot_air(np.array(30.0)) if is_hot else COLD_AISLE
            box = Rectangle((left, bottom), right - left, self._aisle_height, facecolor=face, edgecolor="none")
            self._axes.add_patch(box)
            readable = self._aisle_height >= 13.0
            if not is_hot:
                if readable:
                    self._label(
                        left + 6, bottom + 0.5 * self._aisle_height, "cold aisle", 7.5, ha="left", color="#3d6285"
                    )
                continue
            middle = bottom + 0.5 * self._aisle_height
            words = self._write(left + 6, middle, "hot aisle", 7.5, ha="left", color="#6e2c24") if readable else None
            self._hot_aisles.append((box, words))
            if self._with_units:
                self._animate(box)

    def _make_racks(self, left: float, right: float, tops: np.ndarray, row_height: float, per_row: int) -> None:
        pitch = (right - left) / per_row
        inset = min(1.5, 0.06 * pitch)
        x = left + pitch * np.arange(per_row)
        corners = [
            [
                (a + inset, top - row_height),
                (a + inset, top),
                (a + pitch - inset, top),
                (a + pitch - inset, top - row_height),
            ]
            for top in tops
            for a in x
        ]
        self._corners = np.array(corners)
        self.rack_boxes = np.concatenate([self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0]], axis=1)
        self._racks = PolyCollection(corners, facecolors="#ffffff", edgecolors="none")
        self._axes.add_collection(self._racks, autolim=False)
        self._animate(self._racks)
        self._load_ends = self._corners[:, 0] + np.array([3.0, 5.0]), np.array([pitch - 2 * inset - 6.0, 0.0])
        self._loads = LineCollection([], colors=palette.INK, linewidths=2.2, alpha=0.55, capstyle="butt")
        if self._with_units:
            self._axes.add_collection(self._loads, autolim=False)
            self._animate(self._loads)
        self._frame = Rectangle((0, 0), 1, 1, facecolor="none", edgecolor=palette.INK, linewidth=2.4)
        self._axes.add_patch(self._frame)
        self._animate(self._frame)
        self._rack_texts: list[Any] = []
        if pitch >= LABEL_WIDTH_MIN and row_height >= LABEL_HEIGHT_MIN:
            size = 9.5 if pitch >= 44.0 else 7.5
            middles = self._corners.mean(1) + np.array([0.0, 2.0 if self._with_units else 0.0])
            self._rack_texts = [self._write(cx, cy, "", size) for cx, cy in middles]

    def _make_cells(self, left: float, right: float, height: float, cells: int) -> None:
        pitch = height / cells
        self._cells = [
            Rectangle((left, height - pitch * (k + 1)), right - left, pitch, edgecolor="none") for k in range(cells)
        ]
        middle = 0.5 * (left + right)
        for box in self._cells:
            self._axes.add_patch(box)
        numbers = range(cells) if pitch >= LABEL_HEIGHT_MIN else ()
        self._cell_texts = [self._write(middle, height - pitch * (k + 0.5), "", 9.0) for k in numbers]
        self._animate(*self._cells)

    def _make_crahs(self, tops: np.ndarray, row_height: float, groups: int) -> None:
        self._fans: list[Rectangle] = []
        self._crah_texts: list[tuple[Any, Any, Any]] = []
        self._crosses: list[LineCollection] = []
        for k in range(groups):
            bottom = float(tops[k]) - row_height
            self._axes.add_patch(
                Rectangle(
                    (0, bottom), CRAH_WIDTH, row_height, facecolor="#f7f7f7", edgecolor=palette.FAINT, linewidth=0.8
                )
            )
            middle = bottom + 0.5 * row_height
            if row_height >= DETAIL_HEIGHT_MIN:
                top = bottom + row_height - 11
                self._label(7, top, f"CRAH {k + 1}", 7.5, ha="left", color="#666666")
                self._label(7, bottom + 12, "fan", 7.5, ha="left", color="#666666")
                setpoint = self._write(CRAH_WIDTH - 6, top, "", 7.5, ha="right", color="#555555")
                supply = self._write(7, middle + 1, "", 11.5, ha="left", weight="bold")
                speed = self._write(CRAH_WIDTH - 6, bottom + 12, "", 7.5, ha="right")
                self._axes.add_patch(Rectangle((28, bottom + 8), FAN_BAR, 8, facecolor="#e2e2e2", edgecolor="none"))
                bar = Rectangle((28, bottom + 8), 0, 8, facecolor=palette.COMPONENTS["crah_fans"][1], edgecolor="none")
                self._axes.add_patch(bar)
                self._fans.append(bar)
                self._crah_texts.append((supply, setpoint, speed))
                self._animate(bar)
            else:
                self._crah_texts.append((self._write(0.5 * CRAH_WIDTH, middle, "", 7.0), None, None))
            cross = LineCollection(
                [
                    [(3, bottom + 3), (CRAH_WIDTH - 3, bottom + row_height - 3)],
                    [(3, bottom + row_height - 3), (CRAH_WIDTH - 3, bottom + 3)],
                ],
                colors=palette.LIMIT,
                linewidths=2.5,
                visible=False,
            )
            self._axes.add_collection(cross, autolim=False)
            self._crosses.append(cross)
            self._animate(cross)

    def _label(self, x: float, y: float, words: str, size: float, ha: str = "center", **options: Any) -> Any:
        return self._axes.text(x, y, words, fontsize=size, ha=ha, va="center_baseline", **options)

    def _animate(self, *artists: Any) -> None:
        self.artists.extend(artists)

    # --- every frame ------------------------------------------------------------------------------------------------------------

    def update(self, values: HallValues) -> None:
        """Show other values; temperatures that are not numbers are left blank."""
        inlet = np.asarray(values.rack_inlet_temperature, float)
        colors = palette.heat(inlet, self._limit, self._allowable)
        self._racks.set_facecolors(colors)  # type: ignore[attr-defined]
        inks = palette.ink_on(colors)
        for text, temperature, ink in zip(self._rack_texts, inlet, inks, strict=False):
            text.set_text(f"{temperature:.1f}")
            text.set_color(ink)
        self._frame.set_bounds(*self.rack_boxes[int(np.nanargmax(inlet))])
        if not self._with_units:
            return
        if values.utilization is not None:
            start, reach = self._load_ends
            ends = start + np.asarray(values.utilization)[:, None] * reach
            self._loads.set_segments(list(np.stack([start, ends], axis=1)))
            self._loads.set_color(inks)
        if values.hot_air_temperature is not None:
            self._show_hot_air(np.asarray(values.hot_air_temperature))
        self._show_crahs(values)

    def _show_hot_air(self, cells: np.ndarray) -> None:
        colors = palette.hot_air(cells)
        for box, face in zip(self._cells, colors, strict=True):
            box.set_facecolor(face)
        for text, temperature, ink in zip(self._cell_texts, cells, palette.ink_on(colors), strict=False):
            text.set_text(f"{temperature:.1f}")
            text.set_color(ink)
        along = np.interp(self._aisle_places, self._cell_places, cells)
        for (box, words), temperature, face in zip(self._hot_aisles, along, palette.hot_air(along), strict=True):
            box.set_facecolor(face)
            if words is not None:
                words.set_text(f"hot aisle  {temperature:.1f} °C")

    def _show_crahs(self, values: HallValues) -> None:
        supply, setpoint = values.supply_air_temperature, values.supply_air_setpoint
        speed, available = values.crah_fan_speed, values.crah_available
        if supply is None or setpoint is None or speed is None or available is None:
            raise ValueError("a panel with CRAH groups needs their supply air, set-points, fan speeds and availability")
        for k, (first, second, third) in enumerate(self._crah_texts):
            is_off = bool(available[k] < 0.01)
            self._crosses[k].set_visible(is_off)
            if second is None:
                first.set_text("off" if is_off else f"{supply[k]:.1f} °C  fan {100 * speed[k]:.0f} %")
                continue
            first.set_text("off" if is_off else f"{supply[k]:.1f} °C")
            second.set_text(f"set {setpoint[k]:.1f}")
            third.set_text(f"{100 * speed[k]:.0f} %")
            self._fans[k].set_width(FAN_BAR * float(np.clip(speed[k], 0.0, 1.0)))


def heat_scale(axes: Axes, limit: float, allowable: float) -> None:
    """Draw the scale of rack inlets into flat axes, with the limits marked and named."""
    low, high = limit - 12.0, allowable + 4.0
    steps = np.linspace(low, high, 400)
    axes.imshow(
        palette.heat(steps, limit, allowable)[None],
        extent=(low, high, 0.0, 1.0),
        aspect="auto",
        interpolation="nearest",
    )
    for value, words in ((limit, f"{limit:g} limit"), (allowable, f"{allowable:g} allowable")):
        axes.axvline(value, color=palette.INK, linewidth=1.4)
        axes.text(value + 0.15, 1.25, words, fontsize=7.5, ha="left", va="bottom", color=palette.INK)
    axes.set(yticks=[], xlim=(low, high), ylim=(0.0, 1.0))
    axes.set_xticks(np.arange(np.ceil(low), high + 0.5, 3.0))
    axes.tick_params(length=2, labelsize=7.5, pad=1.5)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.text(low, 1.25, "rack inlet [°C]", fontsize=7.5, ha="left", va="bottom", color=palette.INK)
