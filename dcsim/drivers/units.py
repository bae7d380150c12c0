"""Units that file headers may carry, and their conversion to the canonical ones. Other units exist only in readers."""

import re
from typing import NamedTuple

from dcsim.drivers.messages import nearest
from dcsim.errors import InputError

__all__ = ["UNITS", "Quantity", "conversion"]


class Quantity(NamedTuple):
    """A column that a reader understands."""

    kind: str  # key of UNITS
    aliases: tuple[str, ...]  # other spellings of the column's name, lower case
    low: float  # smallest believable value, canonical unit
    high: float  # greatest believable value


#: kind -> unit -> (factor, offset): canonical = factor * value + offset. The first unit of each kind is the canonical
#: one.
UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "temperature": {
        "degC": (1.0, 0.0),
        "C": (1.0, 0.0),
        "°C": (1.0, 0.0),
        "degF": (5.0 / 9.0, -160.0 / 9.0),
        "F": (5.0 / 9.0, -160.0 / 9.0),
        "°F": (5.0 / 9.0, -160.0 / 9.0),
        "K": (1.0, -273.15),
    },
    "fraction": {"-": (1.0, 0.0), "1": (1.0, 0.0), "frac": (1.0, 0.0), "%": (0.01, 0.0), "pct": (0.01, 0.0)},
    "pressure": {
        "Pa": (1.0, 0.0),
        "hPa": (100.0, 0.0),
        "mbar": (100.0, 0.0),
        "kPa": (1000.0, 0.0),
        "bar": (1e5, 0.0),
        "inHg": (3386.389, 0.0),  # conventional inch of mercury, NIST SP 811 appendix B
        "psi": (6894.757, 0.0),
    },
    "humidity_ratio": {"kg/kg": (1.0, 0.0), "g/kg": (1e-3, 0.0)},
    "power": {"W": (1.0, 0.0), "kW": (1e3, 0.0), "MW": (1e6, 0.0)},
    "carbon": {
        "kgCO2/kWh": (1.0, 0.0),
        "gCO2/kWh": (1e-3, 0.0),
        "kgCO2/MWh": (1e-3, 0.0),
        "tCO2/MWh": (1.0, 0.0),
        "lbCO2/MWh": (0.45359237e-3, 0.0),
    },
}

_PRICE = re.compile(r"([A-Za-z]{3})/([kM]Wh)")


def conversion(kind: str, unit: str) -> tuple[float, float, str]:
    """Return factor and offset to the canonical unit, and the currency of a price ('' for other kinds).

    Raises
    ------
    InputError
        If the unit does not measure this kind; the message names the ones that do.
    """
    if kind == "price":
        match = _PRICE.fullmatch(unit)
        if match is None:
            raise InputError(f"unit '{unit}' is no price: give a currency per energy such as 'USD/MWh' or 'EUR/kWh'")
        return (1.0 if match[2] == "kWh" else 1e-3), 0.0, match[1].upper()
    # Letter case is kept: mW is not MW.
    compact = unit.replace(" ", "")
    if compact not in UNITS[kind]:
        raise InputError(f"unit '{unit}' is no {kind.replace('_', ' ')}: {nearest(unit, UNITS[kind])}")
    return (*UNITS[kind][compact], "")
