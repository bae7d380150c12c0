"""How air finds its way between CRAHs, racks and hot-air cells; a hall without this part is one well-mixed zone."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import room_air, thermal
from dcsim.plant import rack_fronts
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array


class Params(NamedTuple):
    """Reach and shares."""

    starvation_gain: Array  # (R) how steeply supply misses the intakes when it falls short
    supply_reach: Array  # matrix (U, R) relative reach of a CRAH group at a rack group
    demand_following: Array  # (1) 1: supply spreads as the racks draw it (containment); 0: as the tiles are laid
    cell_share: Array  # matrix (Z, R) share of a rack group's hot side in a cell; columns sum to 1


MATRICES = ("supply_reach", "cell_share")


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    paths, racks = d.air_paths, d.racks.groups
    assert paths is not None
    from_crahs, from_cells = _distances(d)
    return dict(
        starvation_gain=np.full(racks, paths.starvation_gain.value),
        supply_reach=room_air.reach_from_distance(from_crahs, paths.supply_reach_length.value),
        demand_following=paths.demand_following.value,
        cell_share=room_air.cell_share_from_distance(from_cells, paths.hot_cell_length.value),
    )


def _distances(d: HallDescription) -> tuple[np.ndarray, np.ndarray]:
    """From CRAH groups (U, R) and from hot-air cells (Z, R) to rack groups, over hall length."""
    assert d.air_paths is not None
    placed = d.air_paths.placement
    if placed is None:  # evenly along one line
        racks, heads, middles = (
            (np.arange(count) + 0.5) / count for count in (d.racks.groups, d.crahs.groups, d.room.hot_air_cells)
        )
        return np.abs(heads[:, None] - racks), np.abs(middles[:, None] - racks)
    length = placed.length.value
    along, across, heads = (
        np.array(places.values) / length for places in (placed.rack_along, placed.rack_across, placed.crah_along)
    )
    is_same = np.array(placed.crah_aisles)[:, None] == np.array(placed.rack_aisles)
    from_crahs = np.where(is_same, np.abs(heads[:, None] - along), np.inf)
    if placed.cell_along is None or placed.cell_across is None:
        cells = np.stack([along, across])
    else:
        cells = np.array([placed.cell_along.values, placed.cell_across.values]) / length
    return from_crahs, np.hypot(cells[0][:, None] - along, cells[1][:, None] - across)


class Returned(NamedTuple):
    """Air on its way back to the CRAHs, and the flows it takes part in."""

    hot_return: Array  # (U) degC, see room.HotSide
    bypass: Array  # (U)
    hot_air: Array  # (Z) degC after the pass
    paths: room_air.AirPaths
    recirculated_temperature: Array  # (R) degC of what a rack group recirculates


def returned(servers: Any, gains: Any, crah_flow: Array, s: Any, p: Any, dt: Array, xp: Any) -> Returned:
    """Follow the air of the racks into the hot-air cells and back to the CRAHs.

    Parameters
    ----------
    servers : room.Servers
    gains : room.Gains
    crah_flow : Array, shape (U, N)
        kg/s.
    s, p : State, Params
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    paths = room_air.air_paths(
        crah_flow,
        servers.flow,
        p.supply_reach,
        p.demand_following * servers.flow + (1.0 - p.demand_following) * p.server_mass_flow_nominal,
        p.supply_leakage,
        p.recirculation_min,
        p.starvation_gain,
        xp,
    )
    hot_air = thermal.node_temperature(
        s.hot_air_temperature,
        p.hot_air_heat_capacity,
        p.air_specific_heat * room_air.cell_mass_flow(p.cell_share, servers.flow, xp) + gains.loss,
        xp.matmul(p.cell_share, servers.stream * servers.inlet + servers.released) + gains.heat,
        dt,
    )
    recirculated = room_air.recirculated_temperature(hot_air, p.cell_share, xp)
    bypass, hot_return = room_air.return_mix(paths, recirculated, p.supply_reach, xp)
    return Returned(hot_return, bypass, hot_air, paths, recirculated)


class Delivered(NamedTuple):
    """The room after a pass."""

    new: dict[str, Array]  # state of what only some halls have
    hot_air: Array  # (Z) degC
    cold_air: Array  # (R) degC at the racks
    server_temperature: Array  # (R) degC
    returned_heat: Array = 0.0  # (U) W that the coils left in the air which came to them


def delivered(hot: Any, supply: Array, taken: Array, s: Any, p: Any, dt: Array, xp: Any) -> Delivered:
    """Take supply air [degC], shape (U, N), to the racks.

    Parameters
    ----------
    hot : room.HotSide
    supply : Array, shape (U, N)
    taken : Array
        Not needed here.
    s, p : State, Params
    dt : Array or float
    xp : namespace
    """
    servers, air = hot.servers, hot.returned
    enthalpy = room_air.supply_enthalpy(air.paths, supply, p.supply_reach, xp)
    cold_air = thermal.node_temperature(
        servers.inlet,
        p.cold_air_heat_capacity,
        servers.stream,
        p.air_specific_heat * (enthalpy + air.paths.recirculated * air.recirculated_temperature),
        dt,
    )
    return Delivered(
        new=rack_fronts.after(air, servers.stream, enthalpy, s, p, dt, xp),
        hot_air=air.hot_air,
        cold_air=cold_air,
        server_temperature=thermal.heated(
            servers.warmed, p.server_heat_capacity, servers.stream * (cold_air - servers.inlet), dt
        ),
    )
