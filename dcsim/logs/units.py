"""Units in the headers of logs, what they measure, and what the name of a channel says where no unit stands.

A unit is taken from brackets (``Supply air [degF]``, ``Load (RT)``), from the end of the name (``chw_flow_L_s``), from a row or a column of
units, or from a mapping. Only where none of them has one is it guessed, from name and readings, and the guess is said with its evidence.

References
----------
NIST Special Publication 811 (2008), appendix B.8 and B.9: factors of units.
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcsim.drivers.messages import nearest
from dcsim.drivers.units import UNITS as DRIVER_UNITS
from dcsim.errors import InputError, shown

__all__ = ["HOUSE_UNITS", "Guess", "Unit", "guess", "quantity_of_name", "split_header", "unit_of"]

Floats = NDArray[np.float64]

HOUSE_UNITS = {
    "temperature": "degC",
    "temperature_difference": "K",
    "power": "W",
    "energy": "J",
    "mass_flow": "kg/s",
    "volume_flow": "m3/s",
    "pressure": "Pa",
    "fraction": "-",
    "rotation": "1/min",
    "velocity": "m/s",
    "voltage": "V",
    "current": "A",
    "frequency": "Hz",
    "irradiance": "W/m2",
    "humidity_ratio": "kg/kg",
    "carbon": "kgCO2/kWh",
    "duration": "s",
}
"""Quantity -> unit in which its channels read."""


class Unit(NamedTuple):
    """A unit of a log: house unit = factor * value + offset."""

    quantity: str
    factor: float
    offset: float = 0.0


_FOOT = 0.3048  # m
_GALLON = 3.785411784e-3  # m3, US
_POUND = 0.45359237  # kg
_BTU = 1055.05585262  # J, international table
_TON = 12000.0 * _BTU / 3600.0  # W, of refrigeration

_SPELLINGS: dict[str, dict[str, tuple[float, float]]] = {
    "temperature": {
        **DRIVER_UNITS["temperature"],
        "Celsius": (1.0, 0.0),
        "degrees C": (1.0, 0.0),
        "deg C": (1.0, 0.0),
        "degreesCelsius": (1.0, 0.0),
        "Fahrenheit": (5.0 / 9.0, -160.0 / 9.0),
        "degrees F": (5.0 / 9.0, -160.0 / 9.0),
        "deg F": (5.0 / 9.0, -160.0 / 9.0),
        "Kelvin": (1.0, -273.15),
        "degK": (1.0, -273.15),
    },
    "power": {
        **DRIVER_UNITS["power"],
        "Watt": (1.0, 0.0),
        "Watts": (1.0, 0.0),
        "Wth": (1.0, 0.0),
        "kWth": (1e3, 0.0),
        "MWth": (1e6, 0.0),
        "kWe": (1e3, 0.0),
        "mW": (1e-3, 0.0),
        "GW": (1e9, 0.0),
        "RT": (_TON, 0.0),
        "TR": (_TON, 0.0),
        "ton": (_TON, 0.0),
        "tons": (_TON, 0.0),
        "tonR": (_TON, 0.0),
        "BTU/h": (_BTU / 3600.0, 0.0),
        "BTU/hr": (_BTU / 3600.0, 0.0),
        "kBTU/h": (1e3 * _BTU / 3600.0, 0.0),
        "MBH": (1e3 * _BTU / 3600.0, 0.0),
        "hp": (745.69987, 0.0),
    },
    "energy": {
        "J": (1.0, 0.0),
        "kJ": (1e3, 0.0),
        "MJ": (1e6, 0.0),
        "GJ": (1e9, 0.0),
        "Wh": (3.6e3, 0.0),
        "kWh": (3.6e6, 0.0),
        "MWh": (3.6e9, 0.0),
        "kBTU": (1e3 * _BTU, 0.0),
        "RTh": (3600.0 * _TON, 0.0),
        "ton-h": (3600.0 * _TON, 0.0),
    },
    "mass_flow": {
        "kg/s": (1.0, 0.0),
        "kg/sec": (1.0, 0.0),
        "kg/min": (1.0 / 60.0, 0.0),
        "kg/h": (1.0 / 3600.0, 0.0),
        "t/h": (1000.0 / 3600.0, 0.0),
        "lb/s": (_POUND, 0.0),
        "lb/min": (_POUND / 60.0, 0.0),
        "lb/h": (_POUND / 3600.0, 0.0),
    },
    "volume_flow": {
        "m3/s": (1.0, 0.0),
        "m3/min": (1.0 / 60.0, 0.0),
        "m3/h": (1.0 / 3600.0, 0.0),
        "m3/hr": (1.0 / 3600.0, 0.0),
        "CMH": (1.0 / 3600.0, 0.0),
        "L/s": (1e-3, 0.0),
        "l/s": (1e-3, 0.0),
        "lps": (1e-3, 0.0),
        "L/sec": (1e-3, 0.0),
        "L/min": (1e-3 / 60.0, 0.0),
        "l/min": (1e-3 / 60.0, 0.0),
        "lpm": (1e-3 / 60.0, 0.0),
        "L/h": (1e-3 / 3600.0, 0.0),
        "l/h": (1e-3 / 3600.0, 0.0),
        "gpm": (_GALLON / 60.0, 0.0),
        "USgpm": (_GALLON / 60.0, 0.0),
        "cfm": (_FOOT**3 / 60.0, 0.0),
        "ft3/min": (_FOOT**3 / 60.0, 0.0),
    },
    "pressure": {
        **DRIVER_UNITS["pressure"],
        "MPa": (1e6, 0.0),
        "mmHg": (133.3224, 0.0),
        "inH2O": (249.0889, 0.0),
        "inWC": (249.0889, 0.0),
        "inWG": (249.0889, 0.0),
        "in.w.c.": (249.0889, 0.0),
        "mmH2O": (9.80665, 0.0),
        "ftH2O": (2989.067, 0.0),
        "atm": (101325.0, 0.0),
    },
    "fraction": {**DRIVER_UNITS["fraction"], "percent": (0.01, 0.0), "%RH": (0.01, 0.0), "fraction": (1.0, 0.0)},
    "rotation": {
        "rpm": (1.0, 0.0),
        "1/min": (1.0, 0.0),
        "r/min": (1.0, 0.0),
        "rev/min": (1.0, 0.0),
        "krpm": (1e3, 0.0),
    },
    "velocity": {
        "m/s": (1.0, 0.0),
        "km/h": (1.0 / 3.6, 0.0),
        "kph": (1.0 / 3.6, 0.0),
        "mph": (0.44704, 0.0),
        "fpm": (_FOOT / 60.0, 0.0),
        "ft/min": (_FOOT / 60.0, 0.0),
        "ft/s": (_FOOT, 0.0),
        "kn": (1852.0 / 3600.0, 0.0),
        "knots": (1852.0 / 3600.0, 0.0),
    },
    "voltage": {"V": (1.0, 0.0), "Volt": (1.0, 0.0), "Volts": (1.0, 0.0), "mV": (1e-3, 0.0), "kV": (1e3, 0.0)},
    "current": {"A": (1.0, 0.0), "Amp": (1.0, 0.0), "Amps": (1.0, 0.0), "mA": (1e-3, 0.0)},
    "frequency": {"Hz": (1.0, 0.0), "kHz": (1e3, 0.0), "MHz": (1e6, 0.0), "GHz": (1e9, 0.0)},
    "irradiance": {"W/m2": (1.0, 0.0), "W/m^2": (1.0, 0.0), "kW/m2": (1e3, 0.0)},
    "humidity_ratio": {**DRIVER_UNITS["humidity_ratio"], "kg/kgDA": (1.0, 0.0), "gr/lb": (1.0 / 7000.0, 0.0)},
    "carbon": dict(DRIVER_UNITS["carbon"]),
    "duration": {
        "s": (1.0, 0.0),
        "sec": (1.0, 0.0),
        "seconds": (1.0, 0.0),
        "ms": (1e-3, 0.0),
        "min": (60.0, 0.0),
        "minutes": (60.0, 0.0),
        "h": (3600.0, 0.0),
        "hr": (3600.0, 0.0),
        "hours": (3600.0, 0.0),
        "days": (86400.0, 0.0),
    },
}


def _normal(text: str) -> str:
    """Spell a unit in one way: signs for degree, cube and multiplication, no blanks, no full stop at the end."""
    text = text.strip().replace("º", "°").replace("˚", "°").replace("℃", "°C").replace("℉", "°F")
    text = text.replace("³", "3").replace("²", "2").replace("^", "").replace("**", "").replace("\\", "/")
    return re.sub(r"\s+", "", text).rstrip(".")


_EXACT = {_normal(name): Unit(kind, *factors) for kind, units in _SPELLINGS.items() for name, factors in units.items()}
_FOLDED: dict[str, Unit | None] = {}
for _name, _unit in _EXACT.items():  # letter case helps only where it cannot mislead: mW is not MW
    _same = _FOLDED.get(_name.lower(), _unit)
    _FOLDED[_name.lower()] = _unit if _same == _unit else None

#: Endings of a name that are units only behind an underscore; '/' is written as '_' or left out there.
_ENDINGS = {
    **{name.replace("/", "_"): name for name in _EXACT if "/" in name},
    **{name.replace("/", ""): name for name in ("kg/s", "kg/kg", "W/m2", "kgCO2/kWh", "gCO2/kWh")},
    **{name: name for name in _EXACT if "/" not in name and len(name) > 1},
    **{letter: letter for letter in "CFKW"},
    "ms": "m/s",
    "cmh": "m3/h",
}
for _short in ("ms", "s", "h", "min", "kn", "hp", "1", "days", "ton", "atm", "frac"):
    if _short not in ("ms", "frac", "min"):
        _ENDINGS.pop(_short, None)
_PER_LETTER = {"V": "voltage", "A": "current", "s": "duration", "h": "duration"}
_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[\[({](?P<unit>[^\[\](){}]*)[\])}]\s*$")
_CURRENCY = re.compile(r"([A-Za-z]{3})[/_]([kM]Wh)")


def unit_of(text: str) -> Unit | None:
    """Return the unit of a spelling, or None if it is not one that the reader knows."""
    name = _normal(text)
    return _EXACT.get(name) or _FOLDED.get(name.lower())


def known_unit(text: str) -> Unit:
    """Return the unit of a spelling.

    Raises
    ------
    InputError
        If it is not known, with the nearest one.
    """
    unit = unit_of(text)
    if unit is None:
        hint = nearest(text, _EXACT)
        raise InputError(
            f"unit {shown(text)} is not known; {hint if len(hint) < 300 else hint.partition(' (choices')[0]}"
        )
    return unit


def split_header(header: str) -> tuple[str, str]:
    """Split a header into the name and the unit as written, '' where there is none that the reader knows."""
    text = " ".join(header.split())
    found = _BRACKETS.match(text)
    if found and found["name"]:
        unit = found["unit"].strip()
        if unit_of(unit) is not None or _CURRENCY.fullmatch(unit) or (unit == "in" and "pressure" in text.lower()):
            return found["name"].strip(), unit
    for mark in (",", ":"):  # 'Supply air, degC'
        name, _, unit = text.rpartition(mark)
        if name and unit_of(unit) is not None:
            return name.strip(), unit.strip()
    parts = re.split(r"[_.\s]", text)
    for length in (3, 2, 1):
        if len(parts) > length:
            tail = "_".join(parts[-length:])
            if length == 2 and _CURRENCY.fullmatch(tail):
                return text, tail.replace("_", "/")
            unit = _ENDINGS.get(tail, "")
            if not unit and tail in _PER_LETTER and quantity_of_name(text) == _PER_LETTER[tail]:
                unit = tail
            if unit == "m/s" and tail == "ms" and quantity_of_name(text) != "velocity":
                unit = "ms" if quantity_of_name(text) == "duration" else ""
            if unit:
                return text, unit
    return text, ""


_NAMES: tuple[tuple[str, str], ...] = (
    ("temperature_difference", r"\b(delta t|dt|temperature difference|approach|temp difference|delta temp\w*)\b"),
    ("rotation", r"\brpm\b|\bfan speed rpm\b"),
    ("humidity_ratio", r"humidity ratio|absolute humidity|moisture content"),
    (
        "fraction",
        r"\brh\b|humidity|humidty|utili[sz]ation|\butil\w*\b|\bcpu load\b|\bpercent\w*\b|\bpct\b|\bvalve\b|\bdamper\b|\bduty\b"
        r"|\bsignal\b|\bfraction\b|\bgmem\w*\b|\bopening\b|\bcommand\b",
    ),
    (
        "temperature",
        r"temp(?!late|or)|\btdb\b|\btwb\b|dry ?bulb|wet ?bulb|dew ?point|\b(chws|chwr|sat|rat|oat|cws|cwr)\b|thermo(?!stat)",
    ),
    ("pressure", r"press(ure)?\b|\bdp\b|barometer"),
    ("velocity", r"wind (speed|vel\w*)|\bwind\b|velocity|air speed"),
    ("irradiance", r"irradi|solar radiation|\b(ghi|dni|dhi)\b"),
    ("energy", r"energy|consumption"),
    ("power", r"power|watt|\bload kw\b|\bkw\b|heat (flow|rate)"),
    ("voltage", r"voltage|\bvolts?\b"),
    ("current", r"\bcurrent\b|\bamps?\b"),
    ("flow", r"\bflow\b|flow rate"),
    ("duration", r"\bduration\b|time step"),
)
_NAME_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _NAMES]


def words_of(name: str) -> str:
    """Return a name as lower-case words: ``supplyAirTemp_01`` and ``Supply.Air-Temp 01`` are both 'supply air temp 01'."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    spaced = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", spaced)
    return " ".join(re.sub(r"[^0-9A-Za-zÀ-ÿ]+", " ", spaced).lower().split())


def quantity_of_name(name: str) -> str:
    """Return the quantity that a name speaks of, '' where it does not say."""
    words = words_of(name)
    return next((kind for kind, pattern in _NAME_PATTERNS if pattern.search(words)), "")


class Guess(NamedTuple):
    """A unit that nobody wrote, and why it was taken."""

    unit: str
    evidence: str


_HOT_NAME = re.compile(r"\b(gpu|cpu|core|chip|die|junction|dimm|vrm|coil|heater|condens\w+|compressor|psu|case)\b")
_WARM_NAME = re.compile(r"\b(hot|return|rear|outlet|exhaust|out rack|rack out|back|leaving)\b")


def guess(name: str, values: Floats) -> Guess | None:
    """Guess the unit of a channel from its name and readings.

    Parameters
    ----------
    name : str
    values : ndarray, shape (T,)
        Readings as logged; NaN are left out.

    Returns
    -------
    Guess or None
        None where the name speaks of no quantity or there are no readings.

    Notes
    -----
    Air in a data hall stays below 45 degC (ASHRAE TC 9.9, class A4 inlets), hot aisles and returns below about 60 degC. So air that spends
    all but a hundredth of its time above 50 (hot side: 62) and below 130 was measured in degF, unless the name is that of a chip or coil;
    above 200, in K. Shares that exceed 1.5 are percentages.
    """
    quantity = quantity_of_name(name)
    known = values[np.isfinite(values)]
    if not quantity or not len(known):
        return None
    low, middle, high = (float(q) for q in np.quantile(known, (0.01, 0.5, 0.99)))
    seen = f"1st, 50th and 99th percentile {low:.4g}, {middle:.4g}, {high:.4g}"
    if quantity == "temperature":
        words = words_of(name)
        least = 62.0 if _WARM_NAME.search(words) else 50.0
        if low > 200.0 and high < 400.0:
            return Guess("K", f"{seen}: too much for degC or degF")
        if low >= least and high < 130.0 and not _HOT_NAME.search(words):
            return Guess("degF", f"{seen}: air that never falls below {least:g} is in degF")
        return Guess("degC", f"{seen}: fits degC")
    if quantity == "fraction":
        return Guess("%", f"{seen}: above 1.5, so percent") if high > 1.5 else Guess("-", f"{seen}: within 0 to 1.5")
    if quantity == "pressure":
        for unit, least, most in (
            ("inHg", 20.0, 33.0),
            ("kPa", 70.0, 110.0),
            ("hPa", 700.0, 1100.0),
            ("Pa", 7e4, 1.1e5),
        ):
            if least <= low and high <= most:
                return Guess(unit, f"{seen}: atmospheric pressure in {unit}")
        return None
    if quantity in ("power", "rotation", "velocity", "voltage", "current", "irradiance", "temperature_difference"):
        unit = HOUSE_UNITS[quantity]
        return Guess(unit, f"{seen}: nothing contradicts {unit}")
    return None
