"""Numbers of chillers, pumps and tower cells as plants set them by themselves: what the baselines ask of a hall that leaves them the choice.

* Chillers by the thresholds and the waiting time of the plant's own staging: one more above a part-load ratio, one less where the others
  would stay below one. While cooling is free the number stands by.
* Pumps so that those that run are at their best point: flow over speed, in machines.
* All tower cells: at equal heat more cells at lower speed draw less, by the cube law, as long as each has its least water.
"""

from collections.abc import Mapping

import numpy as np

from dcsim.plant.description import HallDescription
from dcsim.plant.operation import pumps_at_their_best
from dcsim_agents.signal_io import Array, Reading

SUPPLY_MISSED = 0.5  # K above set-point up to which a chiller may be taken off, as in the plant's own staging
NEXT_MACHINE = 0.4  # of a pump: with the plant's hysteresis one more is asked for 20 % beyond the best point, one less where one fewer is at it


def practised_numbers(
    reading: Reading, setpoints: Mapping[str, Array | float], hall: HallDescription
) -> dict[str, Array]:
    """Requests for numbers of machines, shape (1, N) each.

    Parameters
    ----------
    reading : Reading
    setpoints : mapping
        What the controller asks for besides.
    hall : HallDescription
    """
    assert hall.chilled_water is not None and hall.tower is not None and hall.coils is not None
    flow = reading["valve_fraction"].mean(0, keepdims=True)
    chilled, condenser = pumps_at_their_best(
        flow,
        reading["chilled_water_pump_speed"],
        reading["condenser_water_flow"],
        np.array(hall.tower.pump_static_share.value),
    )
    return {
        "chillers_requested": practised_chillers(reading, hall),
        "chilled_water_pumps_requested": chilled * hall.chilled_water.pumps + NEXT_MACHINE,
        "condenser_water_pumps_requested": condenser * hall.tower.pumps + NEXT_MACHINE,
        "tower_cells_requested": np.full_like(flow, float(hall.tower.cells)),
    }


def practised_chillers(reading: Reading, hall: HallDescription) -> Array:
    """Chillers asked for by the thresholds of the plant's own staging, shape (1, N)."""
    chill = hall.chillers
    assert chill is not None
    on, load = reading["chillers_on"], reading["chiller_load"]
    missed = reading["chilled_water_supply_temperature"] - reading["chilled_water_setpoint"] > SUPPLY_MISSED
    waits = reading["chiller_time"].min(0, keepdims=True) < chill.stage_time_min.value - 1.0
    fewer = (load < chill.stage_down_load.value * (on - 1.0)) & ~missed
    step = np.where(load > chill.stage_up_load.value * on, 1.0, np.where(fewer, -1.0, 0.0))
    is_free = reading.mode > 1.5
    return np.maximum(on + np.where(waits | is_free, 0.0, step), 1.0)
