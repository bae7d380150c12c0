"""Thermal envelopes of IT equipment: the classes of ASHRAE TC 9.9 for air and for facility water.

What a hall may be held at, and how far a state of the air is from the edges of it. Rates of change are judged where a history is
kept, in the supervision of the plant.

Source: ASHRAE TC 9.9, 2021 Equipment Thermal Guidelines for Data Processing Environments, reference card.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from dcsim.physics.constants import Array
from dcsim.physics.moist_air import dew_point_temperature, humidity_ratio

DERATING_START = 900.0  # m above sea level

FACILITY_WATER_MAX = MappingProxyType({"W17": 17.0, "W27": 27.0, "W32": 32.0, "W40": 40.0, "W45": 45.0})
"""Warmest facility water of each class, degC; W+ is warmer than 45."""

FACILITY_WATER_MIN = 2.0
"""Coldest facility water of every class, degC."""


@dataclass(frozen=True)
class Envelope:
    """Ranges of the air entering the equipment, each least and greatest; both humidity limits hold at once.

    Attributes
    ----------
    temperature : tuple of 2 floats
        Dry bulb [degC].
    dew_point : tuple of 2 floats
        Dew point [degC].
    relative_humidity : tuple of 2 floats
        Relative humidity [-].
    """

    temperature: tuple[float, float]
    dew_point: tuple[float, float]
    relative_humidity: tuple[float, float]


ALLOWABLE = MappingProxyType(
    {
        "A1": Envelope((15.0, 32.0), (-12.0, 17.0), (0.08, 0.80)),
        "A2": Envelope((10.0, 35.0), (-12.0, 21.0), (0.08, 0.80)),
        "A3": Envelope((5.0, 40.0), (-12.0, 24.0), (0.08, 0.85)),
        "A4": Envelope((5.0, 45.0), (-12.0, 24.0), (0.08, 0.90)),
        "H1": Envelope((5.0, 25.0), (-12.0, 17.0), (0.08, 0.80)),
    }
)
"""What equipment of a class is made to run in; H1 is high-density air-cooled equipment."""

RECOMMENDED = MappingProxyType(
    {
        name: Envelope((18.0, 22.0 if name == "H1" else 27.0), (-9.0, 15.0), (0.0, 0.70))
        for name in ("A1", "A2", "A3", "A4", "H1")
    }
)
"""What a hall should be held at. 0.70 of relative humidity where copper and silver coupons show low corrosion; else 0.50."""

DERATING_HEIGHT = MappingProxyType({"A1": 300.0, "A2": 300.0, "A3": 175.0, "A4": 125.0})
"""Height over which the greatest allowable dry bulb falls by 1 K above 900 m, m."""


def derated_temperature_max(equipment_class: str, elevation: float) -> float:
    """Greatest allowable dry bulb of a class at a height, for setting up a hall.

    Parameters
    ----------
    equipment_class : str
        ``A1`` to ``A4``.
    elevation : float
        Above sea level [m], up to 3050.

    Returns
    -------
    float
        Dry bulb [degC].
    """
    above = max(elevation - DERATING_START, 0.0)
    return ALLOWABLE[equipment_class].temperature[1] - above / DERATING_HEIGHT[equipment_class]


def temperature_margin(temperature: Array, envelope: Envelope, xp: Any = np) -> Array:
    """Distance of a dry bulb from the nearer edge of an envelope.

    Parameters
    ----------
    temperature : Array, any shape
        Of the air entering the equipment [degC].
    envelope : Envelope
        One of `ALLOWABLE` or `RECOMMENDED`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, same shape
        Margin [K], negative outside.
    """
    low, high = envelope.temperature
    return xp.minimum(temperature - low, high - temperature)


def humidity_margin(
    temperature: Array, air_humidity_ratio: Array, pressure: Array, envelope: Envelope, xp: Any = np
) -> Array:
    """Distance of the dew point from the nearer humidity limit of an envelope at a dry bulb.

    Parameters
    ----------
    temperature : Array, any shape
        Dry bulb of the air entering the equipment [degC].
    air_humidity_ratio : Array, broadcastable
        Of the same air [kg/kg dry air].
    pressure : Array, broadcastable
        Total pressure [Pa].
    envelope : Envelope
        One of `ALLOWABLE` or `RECOMMENDED`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, broadcast shape
        Margin in kelvins of dew point, negative outside.

    Notes
    -----
    A limit of relative humidity is taken as the dew point it has at the dry bulb; of both limits the narrower one counts.
    """
    dew_point = dew_point_temperature(air_humidity_ratio, pressure, xp)
    driest, moistest = (
        dew_point_temperature(humidity_ratio(temperature, limit, pressure, xp), pressure, xp)
        for limit in envelope.relative_humidity
    )
    low, high = envelope.dew_point
    return xp.minimum(dew_point - xp.maximum(driest, low), xp.minimum(moistest, high) - dew_point)
