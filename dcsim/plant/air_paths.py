"""How air finds its way between CRAHs, racks and hot-air cells; a hall without this part is one well-mixed zone."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import room_air
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
