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
    place = (np.arange(racks) + 0.5) / racks
    heads = (np.arange(d.crahs.groups) + 0.5) / d.crahs.groups
    middles = (np.arange(d.room.hot_air_cells) + 0.5) / d.room.hot_air_cells
    return dict(
        starvation_gain=np.full(racks, paths.starvation_gain.value),
        supply_reach=room_air.reach_from_distance(np.abs(heads[:, None] - place), paths.supply_reach_length.value),
        demand_following=paths.demand_following.value,
        cell_share=room_air.cell_share_from_distance(np.abs(middles[:, None] - place), paths.hot_cell_length.value),
    )
