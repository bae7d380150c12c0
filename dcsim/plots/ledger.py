"""What keeping a hall cool costs, by component: a bar of shares with a legend, kept and updated."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dcsim.plots import palette

COLUMN_WIDTH, ROW_HEIGHT, COLUMNS = 121.0, 20.0, 4
HEADING_Y, BAR_Y, BAR_HEIGHT, LEGEND_Y = 82.0, 52.0, 16.0, 34.0


def power_text(watts: float) -> str:
    """Power in MW, or in kW below one MW, with about three digits."""
    if abs(watts) >= 1e6:
        return f"{watts / 1e6:.1f} MW" if abs(watts) >= 9.95e6 else f"{watts / 1e6:.2f} MW"
    return f"{watts / 1e3:.0f} kW" if abs(watts) >= 9950.0 else f"{watts / 1e3:.1f} kW"


class Ledger:
    """Draws at the foot of axes whose data units are pixels.

    Parameters
    ----------
    axes : Axes
    write : callable
        ``write(x, y, words, size, ha, **options)`` adds the text that changes and returns what its ``set_text`` changes it by.
    parts : sequence of str
        Components as in ``palette.COMPONENTS``.
    width : float
        Of the bar [pixels].

    Attributes
    ----------
    artists : list
        What ``update`` changes, in drawing order.
    """

    def __init__(self, axes: Axes, write: Callable[..., Any], parts: Sequence[str], width: float) -> None:
        self._width = width
        self.artists: list[Any] = []
        self._thermal = write(0, HEADING_Y, "", 9.5, ha="left", weight="bold")
        self._parts = {}
        for k, name in enumerate(parts):
            words, face = palette.COMPONENTS[name]
            bar = Rectangle((0, BAR_Y), 0, BAR_HEIGHT, facecolor=face, edgecolor="none")
            axes.add_patch(bar)
            self.artists.append(bar)
            x, y = COLUMN_WIDTH * (k % COLUMNS), LEGEND_Y - ROW_HEIGHT * (k // COLUMNS)
            axes.add_patch(Rectangle((x, y - 4), 8, 8, facecolor=face, edgecolor="none"))
            self._parts[name] = bar, write(x + 12, y, "", 7.5, ha="left"), words.split(" above")[0]

    def update(self, powers: Mapping[str, float]) -> None:
        """Show other powers [W] by component."""
        whole = sum(powers[name] for name in self._parts)
        self._thermal.set_text(f"thermal power {power_text(whole)}: what keeping cool costs, by share")
        start = 0.0
        for name, (bar, text, words) in self._parts.items():
            width = self._width * max(powers[name], 0.0) / max(whole, 1.0)
            bar.set_bounds(start, BAR_Y, width, BAR_HEIGHT)
            start += width
            text.set_text(f"{words} {power_text(powers[name])}")
