"""Text that changes every frame, written straight into the pixels: a hundred matplotlib texts take longer than everything else of a frame."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from dcsim.plots.palette import INK

_ANCHORS = {"left": "lm", "center": "mm", "right": "rm"}
POINTS_PER_INCH = 72.0


@functools.lru_cache(maxsize=32)
def _font(weight: str, pixels: float) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if weight == "bold" else "DejaVuSans.ttf"
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(file), pixels, layout_engine=ImageFont.Layout.BASIC)


class Stamp:
    """A piece of text at a fixed place; has those setters of matplotlib's ``Text`` that panels use."""

    def __init__(
        self, place: tuple[float, float], anchor: str, font: ImageFont.FreeTypeFont, words: str, color: str
    ) -> None:
        self.place, self.anchor, self.font = place, anchor, font
        self.words, self.color = words, color

    def set_text(self, words: str) -> None:
        """Show other words; nothing for an empty string."""
        self.words = words

    def set_color(self, color: str) -> None:
        """Write in another colour, as ``#rrggbb``."""
        self.color = color


class StampLayer:
    """All stamps of a picture.

    Parameters
    ----------
    height : float
        Of the picture [pixels].
    dpi : float
        Pixels per inch, which font sizes in points refer to.
    """

    def __init__(self, height: float, dpi: float) -> None:
        self._height, self._dpi = height, dpi
        self._stamps: list[Stamp] = []

    def writer(self, left: float, bottom: float) -> Callable[..., Stamp]:
        """Return a function that adds text to an area with its lower left corner at ``left``, ``bottom`` [pixels, y upwards]."""

        def write(x: float, y: float, words: str, size: float, ha: str = "center", **options: Any) -> Stamp:
            font = _font(options.get("weight", "normal"), size * self._dpi / POINTS_PER_INCH)
            stamp = Stamp((left + x, self._height - bottom - y), _ANCHORS[ha], font, words, options.get("color", INK))
            self._stamps.append(stamp)
            return stamp

        return write

    def draw(self, image: Image.Image) -> None:
        """Write all stamps into an RGB picture."""
        pen = ImageDraw.Draw(image)
        for stamp in self._stamps:
            if stamp.words:
                pen.text(stamp.place, stamp.words, fill=stamp.color, font=stamp.font, anchor=stamp.anchor)
