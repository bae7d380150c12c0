"""Plain rules for the cooling mode of a plant with a waterside economizer, and for the condenser water that goes with it."""

import numpy as np

from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim_agents.signal_io import Reading

Array = np.ndarray

TOWER_APPROACH = 3.0  # K of condenser water above wet bulb, Modelica Buildings ChillerCooled examples
CONDENSER_WATER_MIN, CONDENSER_WATER_MAX = 15.56, 29.44  # degC, 60 and 85 degF, the same examples
EXCHANGER_APPROACH = 2.5  # K of economizer water above condenser water; 1.7 to 2.8 K, Lei and Masanet 2022


def mode_by_wet_bulb(
    wet_bulb: Array, mode: Array, free_below: float, integrated_below: float, deadband: float = 1.0
) -> Array:
    """Mode by wet bulb alone: what it is left for lies ``deadband`` K above what it is entered at; all of shape (N,)."""
    stay_free, stay_integrated = deadband * (mode > 1.5), deadband * (mode > 0.5)
    return np.where(
        wet_bulb < free_below + stay_free,
        FREE,
        np.where(wet_bulb < integrated_below + stay_integrated, INTEGRATED, MECHANICAL),
    )


def mode_by_deadbands(reading: Reading, chilled_water_setpoint: float | Array) -> Array:
    """Mode by water temperatures, shape (N,).

    Free to integrated where the chilled water is 1.1 K above its set-point; back where the economizer alone would come within 0.5 K of
    it. Mechanical to integrated where the return is 1.1 K above what tower and exchanger could make of the wet bulb; back where it is
    less than 0.5 K above what the economizer makes. The plant holds each mode for its least time, 1200 s.

    References
    ----------
    Modelica Buildings ``Applications.DataCenters.ChillerCooled.Controls.CoolingMode``: deadbands 1.1, 0.5, 1.1, 0.5 K, wait 1200 s.
    """
    mode = reading.mode
    supply, returning = reading["chilled_water_supply_temperature"][0], reading["chilled_water_return_temperature"][0]
    economizer_water = reading["condenser_water_supply_temperature"][0] + EXCHANGER_APPROACH
    promised = reading["wet_bulb_temperature"][0] + TOWER_APPROACH + EXCHANGER_APPROACH
    from_free = np.where(supply > chilled_water_setpoint + 1.1, INTEGRATED, FREE)
    from_integrated = np.where(
        economizer_water <= chilled_water_setpoint + 0.5,
        FREE,
        np.where(returning < economizer_water + 0.5, MECHANICAL, INTEGRATED),
    )
    from_mechanical = np.where(returning > promised + 1.1, INTEGRATED, MECHANICAL)
    return np.where(mode > 1.5, from_free, np.where(mode > 0.5, from_integrated, from_mechanical))


def condenser_water_by_mode(reading: Reading, chilled_water_setpoint: float | Array) -> Array:
    """Condenser-water set-point [degC], shape (N,).

    Wet bulb plus approach with chillers alone, as cold as it gets beside the economizer, and what the chilled water needs in free cooling.
    """
    mode, wet_bulb = reading.mode, reading["wet_bulb_temperature"][0]
    mechanical = np.clip(wet_bulb + TOWER_APPROACH, CONDENSER_WATER_MIN, CONDENSER_WATER_MAX)
    free = chilled_water_setpoint - EXCHANGER_APPROACH
    return np.where(mode > 1.5, free, np.where(mode > 0.5, CONDENSER_WATER_MIN, mechanical))
