"""The air in front of the racks by height: what a sensor at a level of a rack's front shows.

Each rack group has levels that draw the same flow, from the floor up. The hot air that its supply lacks enters them by weights; the air's mean
over the levels is the rack inlet, which is what the servers get and what stores the heat of this air. So the levels add nothing to the balance.

A sensor there may show more than the air that is drawn past it: it sees the room's surfaces, and above the servers, where nothing is drawn, the
air that it hangs in has come to their temperature.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import room_air, thermal
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, total


class Params(NamedTuple):
    """Of the levels."""

    front_of_rack: Array  # matrix (F, R) 1 where a front is the rack group's
    front_relative_shortfall: Array  # (F) weight of the level in the hot air that supply lacks; mean of a rack's is 1
    front_surface_share: Array  # (F) of the cabinets, walls and ceiling around in what a sensor shows


class State(NamedTuple):
    """What sensors in front of the racks see."""

    front_inlet: Array  # (F) degC, levels of the first rack group from the floor up, then of the next


ROWS = {"front_inlet": "fronts"}
MATRICES = ("front_of_rack",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.rack_fronts is not None
    weights = np.array(d.rack_fronts.relative_shortfall.values)
    return dict(
        front_of_rack=np.kron(np.eye(d.racks.groups), np.ones((len(weights), 1))),
        front_relative_shortfall=np.tile(weights, d.racks.groups),
        front_surface_share=np.tile(d.rack_fronts.surface_share.values, d.racks.groups),
    )


def after(air: Any, stream: Array, supply_enthalpy: Array, s: Any, p: Any, dt: Array, xp: Any) -> dict[str, Array]:
    """State of the fronts after a pass of length ``dt`` [s], where there are any.

    Parameters
    ----------
    air : air_paths.Returned
    stream : Array, shape (R, N)
        Of the servers' air [W/K].
    supply_enthalpy : Array, shape (R, N)
        See `room_air.supply_enthalpy`.
    s, p : State, Params
    dt : Array or float
    xp : namespace
    """
    if not hasattr(p, "front_of_rack"):
        return {}

    def front(of_racks: Array) -> Array:
        return xp.matmul(p.front_of_rack, of_racks)

    drawn = air.paths.used + air.paths.recirculated
    factor = room_air.level_supply_factor(
        front(air.paths.recirculated / drawn), front(p.recirculation_min), p.front_relative_shortfall
    )
    hot_flow = front(drawn) - factor * front(air.paths.used)
    enthalpy = factor * front(supply_enthalpy) + hot_flow * front(air.recirculated_temperature)
    passing = front(stream)
    surfaces = total(p.mass_heat_capacity * s.mass_temperature, xp) / total(p.mass_heat_capacity, xp)
    share = p.front_surface_share
    return dict(
        front_inlet=thermal.node_temperature(
            s.front_inlet,
            front(p.cold_air_heat_capacity),
            passing,
            (1.0 - share) * p.air_specific_heat * enthalpy + share * passing * surfaces,
            dt,
        )
    )
