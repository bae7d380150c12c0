"""How a liquid-cooled hall on dry coolers is run by resets: the constants, the laws, and where they settle.

Facility water follows the outdoor air at an approach that the fans can hold at an even speed, never warmer than a class of water; the
coolant follows the facility water at the approach of the exchangers; the pumps run at the speed that weighs their power against the
leakage of warmer chips, and never below the one at which the hottest case would stand at its target with the racks at their peak: load
comes back within a second. The air side is run as in other halls on chilled water (``operation``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.physics import moist_air
from dcsim.physics.cold_plate import FLOW_EXPONENT
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.physics.server import mass_flow_per_power
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription, Range
from dcsim.plant.economizer import MECHANICAL
from dcsim.plant.hall import Hall
from dcsim.plant.operation import ResetConstants, settled_air_side, tuned_constants

Array = np.ndarray


@dataclass(frozen=True)
class LiquidConstants(ResetConstants):
    """Constants of the resets of a liquid-cooled hall: those of the air side, and more; the defaults are usual values."""

    facility_approach: float = 8.0  # K of facility water above outdoor air at no load; coolers are rated for 8 K
    facility_approach_slope: float = 4.0  # K more at full load
    facility_min: float = 30.0  # degC; plants for W40 are run warm, though leakage grows
    facility_max: float = 38.0  # degC; above it pads are wetted. W40 with 2 K in hand
    coolant_approach: float = 4.0  # K of coolant above facility water; exchangers are rated for 4 K
    coolant_flow: float = 0.80  # of nominal; 1.2 L/min per kW, OCP practice
    case_target: float = 75.0  # degC of the hottest case with racks at their peak; limit less 5 K for swings
    # of the air side, so that its fans and coils are ready for the racks' peak at any time
    peak_flow_ratio: float = 1.15  # supply over server flow at the racks' peak; 1.05 to 1.2 in contained halls
    chilled_water_max: float = 20.0  # degC
    chilled_water_pump_min: float = 1.0  # speed


def facility_water_setpoint(dry_bulb: Array, load: Array, c: LiquidConstants) -> Array:
    """Facility water to hold [degC], shape (N,), by outdoor dry bulb [degC] and mean utilization of the hall."""
    approach = c.facility_approach + c.facility_approach_slope * load
    return clip(dry_bulb + approach, c.facility_min, c.facility_max)


def coolant_setpoint(facility: Array, floor: Array, c: LiquidConstants) -> Array:
    """Coolant to hold [degC], shape (N,), by the facility water asked for and what the plant's dew-point guard lets it fall to."""
    return np.maximum(facility, floor) + c.coolant_approach


def coolant_flow(coolant: Array, hall: HallDescription, c: LiquidConstants) -> Array:
    """Coolant flow over nominal, shape (N,): the usual one, or what the hottest case needs at the racks' peak.

    Parameters
    ----------
    coolant : Array, shape (N,)
        Supply temperature [degC].
    hall : HallDescription
    c : LiquidConstants
    """
    return np.maximum(c.coolant_flow, flow_for_case(coolant, c.case_target, hall))


def flow_for_case(coolant: Array, case: float | Array, hall: HallDescription) -> Array:
    """Coolant flow over nominal at which the hottest case stands at a temperature with the racks at their peak, 0 to 1.

    Parameters
    ----------
    coolant : Array, shape (N,)
        Supply temperature [degC].
    case : float or Array, shape (N,)
        degC.
    hall : HallDescription
    """
    liquid, racks = hall.liquid, hall.racks
    assert liquid is not None
    reference, slope = racks.leakage_reference_temperature.value, racks.leakage_coefficient.value
    power = liquid.chip_power.value * (1.0 + slope * np.maximum(coolant - reference, 0.0))
    worst = max(
        factor
        for factor, share in zip(liquid.relative_resistance.values, liquid.heat_capture.values, strict=True)
        if share > 0.0
    )
    allowed = (case - coolant) / (power * worst * liquid.plate_resistance.value)
    film = 1.0 + (allowed - 1.0) / liquid.plate_film_share.value  # of the coolant's part of the resistance
    rated = np.maximum(film, 1e-3) ** (-1.0 / FLOW_EXPONENT)
    per_plate = liquid.coolant_flow.value * liquid.chip_power.value / 1000.0 / liquid.plate_flow.value
    return clip(rated / per_plate, 0.0, 1.0)


def fan_speed_for_peak(flow_ratio: float | Array, hall: HallDescription) -> Array:
    """Speed of the CRAH fans at which they supply so many times what the servers draw at the racks' peak."""
    racks, crahs, liquid = hall.racks, hall.crahs, hall.liquid
    assert liquid is not None and racks.temperature_rise is not None
    peak = racks.rack_power.value * racks.racks_per_group * np.array(racks.relative_power.values)
    to_air = float((peak * (1.0 - np.array(liquid.heat_capture.values))).sum())
    drawn = to_air * float(mass_flow_per_power(racks.temperature_rise.value))
    supplied = (1.0 - hall.room.supply_leakage.value) * crahs.mass_flow.value
    return np.minimum(np.asarray(flow_ratio) * (drawn / supplied), 1.0)


class LiquidLaws:
    """Where the resets of a liquid-cooled hall come to rest; its plant feels the weather through the dry bulb.

    Parameters
    ----------
    hall : Hall
    """

    axis = "dry_bulb_temperature"
    temperatures = np.array([-25.0, -5.0, 5.0, 12.0, 18.0, 24.0, 30.0, 36.0, 48.0])
    RELATIVE_HUMIDITY = 0.4

    def __init__(self, hall: Hall) -> None:
        self._hall, self._constants = hall, tuned_constants(hall.description.name, LiquidConstants)

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
        mechanical = np.full(len(load), MECHANICAL)
        moved = settled_air_side(setpoints, s, weather["wet_bulb_temperature"], load, mechanical, hall.description, c)
        fans = fan_speed_for_peak(c.peak_flow_ratio, hall.description)
        moved["crah_fan_speed"] = np.maximum(moved["crah_fan_speed"], fans)
        moved["chilled_water_setpoint"] = np.minimum(moved["chilled_water_setpoint"], c.chilled_water_max)
        moved["chilled_water_pump_speed"] = np.maximum(moved["chilled_water_pump_speed"], c.chilled_water_pump_min)
        facility = facility_water_setpoint(weather["dry_bulb_temperature"], load, c)
        coolant = coolant_setpoint(facility, s.coolant_floor[0], c)
        moved |= {
            "facility_water_setpoint": facility[None],
            "coolant_setpoint": coolant[None],
            "coolant_flow": np.broadcast_to(
                coolant_flow(coolant, hall.description, c), setpoints["coolant_flow"].shape
            ).copy(),
            "dry_cooler_fan_limit": np.ones_like(facility)[None],
        }
        for _, name, allowed in hall.types.setpoints:
            limits: Range = getattr(hall.description.setpoints, allowed)
            moved[name] = clip(moved[name], limits.low, limits.high)
        return moved
