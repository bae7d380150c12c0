"""What a load does inside a control step: means by slot, for halls whose heat follows within seconds."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.random_numbers import RandomNumbers
from dcsim.drivers.workload import Workload

__all__ = ["SlottedLoad", "SlottedWorkload", "slotted", "within_capacity"]

Array = NDArray[np.float64]


class SlottedLoad(NamedTuple):
    """Load of rack groups by control step, and how the zones swing inside each."""

    mean: Array  # (N, T, R) utilization, mean of the control step
    share: Array  # (N, T, R) of a group's capacity that swings with its zone
    swing: Array  # (N, T, Z, K) deviation from the mean by slot, mean 0 over the slots, as a share of what swings


@runtime_checkable
class SlottedWorkload(Protocol):
    """A workload that knows what happens inside a control step."""

    def generate_slotted(
        self,
        seeds: Sequence[int] | RandomNumbers,
        start_s: ArrayLike,
        interval_s: float,
        steps: int,
        groups: int,
        zones: int,
        slots: int,
    ) -> SlottedLoad:
        """Return the load of rack groups, with the swings of zones of neighboring groups by slot."""


def slotted(
    workload: Workload,
    seeds: Sequence[int] | RandomNumbers,
    start_s: ArrayLike,
    interval_s: float,
    steps: int,
    groups: int,
    zones: int,
    slots: int,
    first_weekday: ArrayLike | None = None,
) -> SlottedLoad:
    """Return the load of any workload by slot; without swings where it knows means alone.

    Parameters
    ----------
    workload : Workload
    seeds, start_s, interval_s, steps, groups, first_weekday
        As of ``Workload.generate``.
    zones, slots : int
        Zones of neighboring rack groups, which divide the groups evenly, and slots of a control step.
    """
    if isinstance(workload, SlottedWorkload):
        return workload.generate_slotted(seeds, start_s, interval_s, steps, groups, zones, slots)
    mean = workload.generate(seeds, start_s, interval_s, steps, groups, first_weekday=first_weekday)
    return SlottedLoad(mean, np.zeros_like(mean), np.zeros((len(seeds), steps, zones, slots)))


def within_capacity(load: SlottedLoad) -> SlottedLoad:
    """Return the load with the share that swings cut so far that no slot leaves 0 to 1; the means stay."""
    n, steps, groups = load.mean.shape
    zones = load.swing.shape[2]
    highest = np.maximum(load.swing.max(axis=3), 1e-12)
    lowest = np.maximum(-load.swing.min(axis=3), 1e-12)
    mean = load.mean.reshape(n, steps, zones, -1)
    room = np.minimum((1.0 - mean) / highest[..., None], mean / lowest[..., None])
    return load._replace(share=np.minimum(load.share, room.reshape(n, steps, groups)))
