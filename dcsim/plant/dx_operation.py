"""How a hall on direct expansion is run by resets in the style of ASHRAE Guideline 36, and where they settle.

Air alone: one supply temperature for the hall by its hottest inlet, not below what is recommended, and fans by flow ratio, with the same
constants and laws as in halls on chilled water (``dcsim.plant.operation``). Every compressor is called at all times; how much each runs is
its own thermostat's matter.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.physics import moist_air
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.physics.smooth import clip
from dcsim.plant.economizer import MECHANICAL
from dcsim.plant.hall import Hall
from dcsim.plant.operation import tuned_constants, zone_flow_ratios
from dcsim.plant.outdoor_air import SHARES_ASKED_FOR

Array = np.ndarray

SUPPLY_SHARE, FAN_SHARE = 0.5, 0.3  # of the way in one move
MARGIN = 0.75  # K of the hottest inlet below its limit: whoever takes over has a control step to look first


class DryBulbLaws:
    """Of halls whose condensers stand in the outdoor air: their plant feels the weather through the dry bulb.

    Parameters
    ----------
    hall : Hall
    """

    axis = "dry_bulb_temperature"
    temperatures = np.array([-25.0, -5.0, 10.0, 18.0, 26.0, 34.0, 42.0, 50.0])
    RELATIVE_HUMIDITY = 0.4

    def __init__(self, hall: Hall) -> None:
        self._hall, self._constants = hall, tuned_constants(hall.description.name)

    def digest(self) -> str:
        """SHA-256 over the constants."""
        return self._constants.digest()

    def outdoors(self, temperature: Array) -> dict[str, Array]:
        """Outdoor air of the given dry bulb."""
        humidity_ratio = moist_air.humidity_ratio(temperature, self.RELATIVE_HUMIDITY, STANDARD_PRESSURE)
        return {
            "dry_bulb_temperature": temperature,
            "wet_bulb_temperature": moist_air.wet_bulb_temperature(temperature, humidity_ratio, STANDARD_PRESSURE),
            "outdoor_humidity_ratio": humidity_ratio,
        }

    def moved(
        self, setpoints: Mapping[str, Array], s: Any, weather: Mapping[str, Array], load: Array, p: Any
    ) -> dict[str, Array]:
        """One move of all set-points towards where the resets come to rest."""
        hall, c = self._hall, self._constants
        hottest = s.rack_inlet_temperature.reshape(hall.crah_groups, -1, len(load)).max(1)
        limits, fans = hall.description.limits, setpoints["crah_fan_speed"]
        target = min(c.inlet_target, limits.inlet_limit.value - MARGIN)
        ratio = zone_flow_ratios(hottest, np.full(len(load), MECHANICAL), c)
        wanted = s.crah_fan_speed * ratio / np.maximum(s.zone_flow_ratio, 0.05)
        supply = setpoints["supply_air_setpoint"] + SUPPLY_SHARE * (target - hottest.max(0))
        is_hot = hottest.max(0) > limits.inlet_limit.value
        moved = {
            "supply_air_setpoint": np.where(is_hot, supply, np.maximum(supply, limits.supply_limit.value)),
            "crah_fan_speed": fans + FAN_SHARE * (wanted - fans),
            "compressor_request": np.ones_like(s.compressor_called),
            **{name: np.ones_like(setpoints[name]) for name in SHARES_ASKED_FOR if name in setpoints},
        }
        for _, name, allowed in hall.types.setpoints:
            ends = getattr(hall.description.setpoints, allowed)
            moved[name] = clip(moved[name], ends.low, ends.high)
        return moved
