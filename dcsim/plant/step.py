"""One pass of time through a chilled-water hall: the path of the heat.

Heat goes from the servers to the air that passes them, into well-mixed hot-air cells, through the CRAH coils into the chilled water, through
waterside economizer and chillers into the condenser water, and from the cooling tower outdoors. ``sweep`` follows that path once, node by
node, linear-implicitly (first order, L-stable); the engine extrapolates sweeps to second order. The one seam of the circle lies at the
servers, which hold most of the room's heat: the air leaving a rack is priced with the inlet of the sweep before, and the difference is
booked to the server. Every flux that leaves a node enters another as the very same number, so the energy balance closes to rounding for
any flows and any step.

A control step is ``supervision.begin``, then for each sub-step extrapolated sweeps and ``supervision.monitor``; ``audit`` closes the books.

Left out: room humidity, transport delays, single fans and pumps (a group acts as one machine).
"""

from typing import Any

from dcsim.plant.model import Array, Held, Inputs, Params, State
from dcsim.plant.room import room_pass
from dcsim.plant.water import water_pass


def sweep(s: State, u: Inputs, h: Held, p: Params, time_step: Array, xp: Any) -> State:
    """One pass of length ``time_step`` [s] along the path of the heat: room, chilled water, condenser water, meters.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    time_step : Array or float
        Length of the pass [s].
    xp : namespace

    Returns
    -------
    State
        First order in ``time_step``; latched and monitored fields are handed back untouched.
    """
    s_room, room = room_pass(s, u, h, p, time_step, xp)
    return water_pass(s_room, s, u, h, p, room, time_step, xp)
