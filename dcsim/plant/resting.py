"""Where the set-points of a hall come to rest under its resets, by kind of hall: episodes start there."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from dcsim.physics import moist_air
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.plant.dx_operation import DryBulbLaws
from dcsim.plant.hall import Hall
from dcsim.plant.liquid_operation import LiquidLaws
from dcsim.plant.operation import settled_setpoints, tuned_constants

Array = np.ndarray


class RestingLaws(Protocol):
    """What settled starts ask of the resets of a kind of hall.

    Attributes
    ----------
    axis : str
        Input with the outdoor temperature that the rest depends on most.
    temperatures : Array
        Values of it for which the rest is found [degC].
    """

    axis: str
    temperatures: Array

    def digest(self) -> str:
        """SHA-256 over the constants."""

    def outdoors(self, temperature: Array) -> dict[str, Array]:
        """Outdoor air by name of the input for each value along the axis [degC]."""

    def moved(
        self, setpoints: Mapping[str, Array], s: Any, weather: Mapping[str, Array], load: Array, p: Any
    ) -> dict[str, Array]:
        """One move of all set-points towards where the resets come to rest.

        Parameters
        ----------
        setpoints : mapping of str to Array, shape (rows, N)
            In force, by the name of the input.
        s : State
            Fields of shape (rows, N), at rest with these set-points.
        weather : mapping of str to Array, shape (N,)
            ``dry_bulb_temperature`` and ``wet_bulb_temperature`` outdoors [degC].
        load : Array, shape (N,)
            Mean utilization of the hall.
        p : Params
            Of the hall, or of each environment, ``(rows, N)``.
        """


class WetBulbLaws:
    """Of halls on cooling towers: their plant feels the weather through the wet bulb alone.

    Parameters
    ----------
    hall : Hall
    """

    axis = "wet_bulb_temperature"
    temperatures = np.array([-25.0, -10.0, 0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 34.0])
    RELATIVE_HUMIDITY = 0.6

    def __init__(self, hall: Hall) -> None:
        self._hall, self._constants = hall, tuned_constants(hall.description.name)

    def digest(self) -> str:
        """SHA-256 over the constants."""
        return self._constants.digest()

    def outdoors(self, temperature: Array) -> dict[str, Array]:
        """Outdoor air of the given wet bulb; its humidity does not matter."""
        dry_bulb = dry_bulb_of(temperature, self.RELATIVE_HUMIDITY)
        return {
            "wet_bulb_temperature": temperature,
            "dry_bulb_temperature": dry_bulb,
            "outdoor_humidity_ratio": moist_air.humidity_ratio(dry_bulb, self.RELATIVE_HUMIDITY, STANDARD_PRESSURE),
        }

    def moved(
        self, setpoints: Mapping[str, Array], s: Any, weather: Mapping[str, Array], load: Array, p: Any
    ) -> dict[str, Array]:
        """One move of all set-points, see ``operation.settled_setpoints``."""
        return settled_setpoints(setpoints, s, weather["wet_bulb_temperature"], load, self._hall, p, self._constants)


def laws_of(hall: Hall) -> RestingLaws:
    """Return the laws of the hall's kind."""
    kind = hall.description.kind
    if kind == "liquid":
        return LiquidLaws(hall)
    return DryBulbLaws(hall) if kind == "dx" else WetBulbLaws(hall)


def dry_bulb_of(wet_bulb: Array, relative_humidity: float) -> Array:
    """Dry bulb [degC] of air with the given wet bulb and relative humidity at sea level, by bisection."""
    low, high = wet_bulb.copy(), wet_bulb + 15.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        humidity_ratio = moist_air.humidity_ratio(middle, relative_humidity, STANDARD_PRESSURE)
        too_warm = moist_air.wet_bulb_temperature(middle, humidity_ratio, STANDARD_PRESSURE) > wet_bulb
        high, low = np.where(too_warm, middle, high), np.where(too_warm, low, middle)
    return 0.5 * (low + high)
