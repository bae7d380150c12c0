"""Colours: one per controller and component in every figure, and the heat scale of rack inlets. No matplotlib here.

Hues follow Okabe and Ito's set, which people with any common colour vision can tell apart; where controllers outnumber it, families share a
hue (baselines grey, predictive control blue to green, learned orange to red) and differ in lightness and marker. Figures label lines and bars
directly as well, so colour is never the only clue.

References
----------
Okabe, Ito, Color universal design, 2008.
"""

import re
import zlib
from collections.abc import Mapping

import numpy as np

INK = "#222222"
FAINT = "#8a8a8a"
GRID = "#e3e3e3"
PAPER = "#ffffff"
LIMIT = "#b3261e"

_CONTROLLERS: Mapping[str, tuple[str, str]] = {
    "fixed": ("#bdbdbd", "s"),
    "rules": ("#949494", "D"),
    "pid": ("#7d6b57", "v"),
    "g36": ("#222222", "o"),
    "g36-default": ("#5c5c5c", "h"),
    "static-opt": ("#b79a1e", "P"),
    "arx-mpc": ("#7fc0e6", "<"),
    "nn-mpc": ("#009e73", ">"),
    "mpc": ("#0072b2", "^"),
    "oracle": ("#cc79a7", "*"),
    "ppo": ("#e69f00", "X"),
    "sac": ("#d55e00", "X"),
    "tqc": ("#8b2e00", "X"),
    "recurrentppo": ("#f2c45a", "X"),
}
_OTHERS = (("#6a51a3", "p"), ("#1b7f8c", "8"), ("#a6356f", "d"), ("#4f7f2f", "H"))

LEARNED = frozenset({"ppo", "sac", "tqc", "recurrentppo"})
"""Names of controllers whose policy was trained by reinforcement learning."""

COMPONENTS: Mapping[str, tuple[str, str]] = {
    "chillers": ("chillers", "#0072b2"),
    "compressors": ("compressors", "#33508c"),
    "crah_fans": ("CRAH fans", "#56b4e9"),
    "pumps": ("pumps", "#009e73"),
    "tower_fans": ("tower fans", "#e3b23c"),
    "cdus": ("CDU pumps", "#7a5195"),
    "dry_coolers": ("dry coolers", "#c9a227"),
    "humidifiers": ("humidity", "#b5b5b5"),
    "server_fans": ("server fans", "#d55e00"),
    "leakage": ("leakage above 20 °C", "#cc79a7"),
}
"""Parts of thermal energy in the order they are stacked: text and colour."""


def label(controller: str) -> str:
    """Short text of a controller: its name, or the last part of a policy's folder."""
    return controller.rstrip("/").rsplit("/", 1)[-1] or controller


def color(controller: str) -> str:
    """Colour of a controller, the same in every figure; one that is not built in gets one by its name."""
    return _look(controller)[0]


def marker(controller: str) -> str:
    """Matplotlib marker of a controller."""
    return _look(controller)[1]


def is_learned(controller: str) -> bool:
    """Whether a name is that of a learned controller, or begins with one as in ``sac-seed3``."""
    return _family(label(controller)) in LEARNED


def _look(controller: str) -> tuple[str, str]:
    name = label(controller)
    known = _CONTROLLERS.get(name) or (_CONTROLLERS[_family(name)] if is_learned(name) else None)
    return known or _OTHERS[zlib.crc32(name.encode()) % len(_OTHERS)]


def _family(name: str) -> str:
    return re.split(r"[^a-z]", name.lower(), maxsplit=1)[0]


def heat(temperature: np.ndarray, limit: float, allowable: float) -> np.ndarray:
    """Colour of a rack inlet: blue below the recommended limit, paler towards it, orange just above it, dark red from the allowable limit.

    Parameters
    ----------
    temperature : np.ndarray, any shape
        degC.
    limit, allowable : float
        Recommended and allowable upper limit of rack inlets [degC].

    Returns
    -------
    np.ndarray, shape (..., 3)
        Red, green, blue from 0 to 1.

    Notes
    -----
    Domain: colours no longer change 12 K below the recommended and 4 K above the allowable limit. The scale jumps at the recommended
    limit, so that a tenth of a kelvin beyond it shows.
    """
    at = np.array(
        [
            limit - 12.0,
            limit - 6.0,
            limit,
            np.nextafter(limit, np.inf),
            0.5 * (limit + allowable),
            allowable,
            allowable + 4.0,
        ]
    )
    rgb = _HEAT
    values = np.asarray(temperature, float)
    return np.stack([np.interp(values, at, rgb[:, channel]) for channel in range(3)], axis=-1)


def _rgb(*codes: str) -> np.ndarray:
    return np.array([[int(code[i : i + 2], 16) / 255.0 for i in (1, 3, 5)] for code in codes])


_HEAT = _rgb("#2d66a8", "#86bcdc", "#f4f2e6", "#fdc470", "#f0883a", "#c93a1c", "#6f0d12")
_HOT_AIR = _rgb("#f6f1ea", "#eed2bd", "#d99c7f", "#b5655a")
_WATER = _rgb("#1f5fa8", "#4f9bcf", "#8fb7a8", "#e0a04b", "#c8502c")


def hot_air(temperature: np.ndarray) -> np.ndarray:
    """Colour of the air behind the racks, cream at 20 degC to clay at 50 degC; paler than inlets, since hot is as it should be there."""
    values = np.asarray(temperature, float)
    return np.stack(
        [np.interp(values, (20.0, 30.0, 40.0, 50.0), _HOT_AIR[:, channel]) for channel in range(3)], axis=-1
    )


def water(temperature: np.ndarray) -> np.ndarray:
    """Colour of a pipe: blue at 6 degC to red at 38 degC."""
    values = np.asarray(temperature, float)
    return np.stack(
        [np.interp(values, (6.0, 14.0, 22.0, 30.0, 38.0), _WATER[:, channel]) for channel in range(3)], axis=-1
    )


def ink_on(rgb: np.ndarray) -> list[str]:
    """Text colour that can be read on each background, shape (n, 3): dark on light, white on dark."""
    luminance = np.asarray(rgb) @ np.array([0.299, 0.587, 0.114])
    return [INK if bright > 0.52 else PAPER for bright in np.atleast_1d(luminance)]
