"""What panels of a plant share: axes in pixels, words that change, and the ledger of thermal power."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dcsim.plots import palette

SIZE = (484.0, 552.0)  # pixels


def power_text(watts: float) -> str:
    """Power in MW, or in kW below one MW, with about three digits."""
    if abs(watts) >= 1e6:
        return f"{watts / 1e6:.1f} MW" if abs(watts) >= 9.95e6 else f"{watts / 1e6:.2f} MW"
    return f"{watts / 1e3:.0f} kW" if abs(watts) >= 9950.0 else f"{watts / 1e3:.1f} kW"


class Panel:
    """Draws into axes whose data units are pixels, 0 to ``SIZE``, y upwards; ticks and frame are taken off.

    Parameters
    ----------
    axes : Axes
    write : callable
        ``write(x, y, words, size, ha, **options)`` adds the text that changes and returns what its ``set_text`` changes it by.

    Attributes
    ----------
    artists : list
        What an update changes, in drawing order.
    """

    def __init__(self, axes: Axes, write: Callable[..., Any]) -> None:
        self._axes, self._write = axes, write
        self.artists: list[Any] = []
        axes.set(xlim=(0.0, SIZE[0]), ylim=(0.0, SIZE[1]))
        axes.set_axis_off()

    def _make_ledger(self, parts: Sequence[str]) -> None:
        self._thermal = self._text(0, 82, 9.5, ha="left", weight="bold")
        self._parts = {}
        for k, name in enumerate(parts):
            words, face = palette.COMPONENTS[name]
            bar = self._patch(Rectangle((0, 52), 0, 16, facecolor=face, edgecolor="none"), is_animated=True)
            x, y = 121.0 * (k % 4), 34.0 - 20.0 * (k // 4)
            self._patch(Rectangle((x, y - 4), 8, 8, facecolor=face, edgecolor="none"))
            self._parts[name] = bar, self._text(x + 12, y, 7.5, ha="left"), words.split(" above")[0]

    def _text(self, x: float, y: float, size: float, ha: str = "center", **options: Any) -> Any:
        return self._write(x, y, "", size, ha=ha, **options)

    def _label(self, x: float, y: float, size: float, words: str, ha: str = "center", **options: Any) -> None:
        self._axes.text(x, y, words, fontsize=size, ha=ha, va="center_baseline", **options)

    def _patch(self, patch: Any, is_animated: bool = False) -> Any:
        self._axes.add_patch(patch)
        if is_animated:
            self.artists.append(patch)
        return patch

    def _show_ledger(self, powers: dict[str, float]) -> None:
        whole = sum(powers[name] for name in self._parts)
        self._thermal.set_text(f"thermal power {power_text(whole)}: what keeping cool costs, by share")
        start = 0.0
        for name, (bar, text, words) in self._parts.items():
            width = SIZE[0] * max(powers[name], 0.0) / max(whole, 1.0)
            bar.set_bounds(start, 52, width, 16)
            start += width
            text.set_text(f"{words} {power_text(powers[name])}")
