"""IT load by name or file: the built-in profiles of the generator, and CSV files of utilization or power."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.calendar import SECONDS_PER_DAY, SECONDS_PER_YEAR
from dcsim.drivers.messages import place
from dcsim.drivers.random_numbers import RandomNumbers, load_streams
from dcsim.drivers.slots import SlottedLoad
from dcsim.drivers.stochastic import group_noise, plan_draws
from dcsim.drivers.tables import Table, fill_missing, find_file, read_table
from dcsim.drivers.training import TRAINING_PROFILES, TrainingWorkload
from dcsim.drivers.units import Quantity
from dcsim.drivers.workload import GeneratedWorkload, Workload, uneven_load
from dcsim.drivers.workload_profiles import PROFILES, WorkloadProfile
from dcsim.drivers.yearly import FINEST_GRID, YearOfSteps, year_of_steps
from dcsim.errors import InputError

__all__ = ["RecordedWorkload", "load_workload", "read_workload_csv"]

Array = NDArray[np.float64]

#: How long before its first and after its last row a file's load holds on [s]: an episode that spans the file also asks
#: for the hour before, the change over which it shows, and for the control interval after.
_HOLD = 7200.0

_QUANTITIES = {
    # A little above 1 is what the rounding of a monitor leaves; it is cut to 1.
    "utilization": Quantity("fraction", ("utilisation", "cpu_utilization", "cpu_load", "load"), 0.0, 1.05),
    "power": Quantity("power", ("it_power",), 0.0, 1e9),
}


@dataclasses.dataclass(frozen=True, eq=False)
class FineRows:
    """Rows of a file that are closer than the grid of the year: what happens inside a control step.

    Attributes
    ----------
    edges : ndarray, shape (M + 1,)
        Start of each row and end of the last [s since 1 January].
    integral : ndarray, shape (M + 1, C)
        Of the utilization from the first edge on [s].
    """

    edges: Array
    integral: Array

    def means(self, start_s: float, interval_s: float, steps: int) -> Array | None:
        """Return the means over intervals, shape (T, C); None where the rows do not cover all of them."""
        edges = start_s + np.arange(steps + 1) * interval_s
        if edges[0] < self.edges[0] or edges[-1] > self.edges[-1]:
            return None
        integral = [np.interp(edges, self.edges, column) for column in self.integral.T]
        return np.diff(np.stack(integral, axis=1), axis=0) / interval_s


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedWorkload:
    """IT load read from a file.

    Attributes
    ----------
    name : str
        File name.
    load : YearOfSteps
        Utilization, 0 to 1: of the hall, values of shape (S,), or of the rack groups, shape (S, R).
    first_weekday : int
        Weekday of 1 January of the file's year, Monday = 0.
    pattern : WorkloadProfile
        What sets the groups apart where the file knows the hall only: `spread` and `group_noise` of this profile.
    is_universal : bool
        Whether the file was stamped in universal time and moved to the site's clock.
    fine : FineRows, optional
        The rows themselves, where they are closer than 5 minutes.
    """

    name: str
    load: YearOfSteps
    first_weekday: int
    pattern: WorkloadProfile = dataclasses.field(repr=False)
    is_universal: bool = False
    fine: FineRows | None = dataclasses.field(default=None, repr=False)

    def expected(
        self, time_s: ArrayLike, first_weekday: ArrayLike | None = None, now_s: ArrayLike | None = None
    ) -> Array:
        """Return the mean load of the hall at times of the day.

        Parameters
        ----------
        time_s : array_like, any shape
            Time [s] since 1 January 00:00 local standard time.
        first_weekday : array_like, optional
            Without effect: a file has its own days.
        now_s : array_like, optional
            Only the days of the file that have ended by then count, broadcasts with `time_s`; by default all of them.

        Returns
        -------
        ndarray, same shape
            NaN where no day that counts holds this time of the day.
        """
        hour = np.mod(np.asarray(time_s, dtype=np.float64), SECONDS_PER_DAY)
        slot = (hour / self.load.interval).astype(np.int64) % len(self._mean_day)
        if now_s is None:
            return self._mean_day[slot]
        today = np.floor_divide(np.asarray(now_s, dtype=np.float64), SECONDS_PER_DAY).astype(np.int64)
        return self._mean_of_days_before[(today - self._first_day) % 365, slot]

    def covers(self, start_s: ArrayLike, length_s: float) -> NDArray[np.bool_]:
        """Return whether the file reaches from times [s] on for some time [s], the shape of `start_s`."""
        first, last = self.load.covered
        since = np.mod(np.asarray(start_s, dtype=np.float64) - first, SECONDS_PER_YEAR)
        result: NDArray[np.bool_] = (since + length_s <= last - first) | (last - first >= SECONDS_PER_YEAR)
        return result

    @functools.cached_property
    def _held(self) -> YearOfSteps:
        return self.load.held_on(_HOLD)

    @property
    def _first_day(self) -> int:
        return int(self.load.covered[0] // SECONDS_PER_DAY)

    @functools.cached_property
    def _mean_of_days_before(self) -> Array:
        """Mean day of the days of the file before its k-th, shape (365, slots); NaN without any."""
        values = self.load.values.reshape(365, len(self._mean_day), -1).mean(axis=2)
        days = np.roll(values, -self._first_day, axis=0)
        is_held = ~np.isnan(days)
        total = np.cumsum(np.where(is_held, days, 0.0), axis=0)[:-1]
        count = np.cumsum(is_held, axis=0)[:-1]
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return np.concatenate([np.full_like(mean[:1], np.nan), mean])

    @functools.cached_property
    def _mean_day(self) -> Array:
        values = self.load.values.reshape(len(self.load.values), -1).mean(axis=1)
        days = values.reshape(365, -1)
        is_held = ~np.isnan(days)
        total = np.where(is_held, days, 0.0).sum(axis=0)
        # An hour that no day of a short file holds gets the mean of all.
        return np.where(is_held.any(axis=0), total / np.maximum(is_held.sum(axis=0), 1), np.nanmean(values))

    def generate(
        self,
        seeds: Sequence[int] | RandomNumbers,
        start_s: ArrayLike,
        interval_s: float,
        steps: int,
        groups: int,
        first_weekday: ArrayLike | None = None,
    ) -> Array:
        """Return the utilization of rack groups, shape (N, T, R): the file's means over the control intervals.

        Parameters are those of `GeneratedWorkload.generate`; a file has its own days, whatever `first_weekday`. Seeds
        count only where the file knows the hall alone: they draw how the load is spread over the groups. The file's
        first load also holds for two hours before it, and its last for two hours after it.

        Raises
        ------
        InputError
            If the file does not cover a time asked for, or has another number of groups.
        """
        by_group = self.load.values.ndim == 2
        if by_group and self.load.values.shape[1] != groups:
            raise InputError(
                f"{self.load.label}: the file has {self.load.values.shape[1]} rack groups, the hall has {groups}"
            )
        starts = np.broadcast_to(np.asarray(start_s, dtype=np.float64), (len(seeds),))
        different, which = np.unique(starts, return_inverse=True)
        means = np.stack([self._held.means(float(start), interval_s, steps) for start in different])[which]
        if by_group:
            return means
        plan = plan_draws(self.pattern, float(interval_s), int(steps), int(groups))
        return uneven_load(means, group_noise(plan, load_streams(seeds)))

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
        """Return the load of rack groups, with the swings that the file's rows show inside the control intervals.

        Parameters are those of `generate`, and the zones of neighboring groups and slots of an interval. The groups of a
        zone swing alike, by the mean of theirs. Where the rows are no closer than 5 minutes, or do not cover all of the
        time, there are no swings.
        """
        mean = self.generate(seeds, start_s, interval_s, steps, groups)
        share, swing = np.zeros_like(mean), np.zeros((len(mean), steps, zones, slots))
        starts = np.broadcast_to(np.asarray(start_s, dtype=np.float64), (len(mean),))
        different, which = np.unique(starts, return_inverse=True)
        for number, start in enumerate(different):
            fine = None if self.fine is None else self.fine.means(float(start), interval_s / slots, steps * slots)
            if fine is None:
                continue
            rows = which == number
            level = fine.reshape(steps, slots, -1)
            swing_of_column = (level - level.mean(axis=1, keepdims=True)).transpose(0, 2, 1)
            columns = swing_of_column.shape[1]
            of_zone = swing_of_column.reshape(steps, zones, -1, slots).mean(axis=2) if columns > 1 else swing_of_column
            swing[rows], share[rows] = of_zone, 1.0
        return SlottedLoad(mean, share, swing)


def load_workload(name_or_path: str | Path, utc_offset: float | None = None) -> Workload:
    """Return a built-in workload by its name, or the workload of a CSV file.

    Parameters
    ----------
    name_or_path : str or Path
        A name in `dcsim.drivers.WORKLOAD_PROFILES` or `TRAINING_PROFILES`, or a file for `read_workload_csv`.
    utc_offset : float, optional
        Local standard time of the site minus universal time [h]: places files stamped in universal time on the site's
        clock.

    Returns
    -------
    Workload
        The same object for the same unchanged file.

    Raises
    ------
    InputError
        For an unknown name (with the nearest one) or a file that cannot be used (with line and field).
    """
    if str(name_or_path) in PROFILES:
        return GeneratedWorkload(PROFILES[str(name_or_path)])
    if str(name_or_path) in TRAINING_PROFILES:
        return TrainingWorkload(TRAINING_PROFILES[str(name_or_path)])
    path = find_file("workload", name_or_path, [*PROFILES, *TRAINING_PROFILES])
    return _load_cached(str(path.resolve()), path.stat().st_mtime_ns, utc_offset)


@functools.lru_cache(maxsize=64)
def _load_cached(path: str, modified_ns: int, utc_offset: float | None) -> RecordedWorkload:
    return read_workload_csv(path, utc_offset=utc_offset)


def read_workload_csv(
    path: str | Path,
    rated_power: float | None = None,
    idle_fraction: float | None = None,
    utc_offset: float | None = None,
    fill_gaps_hours: float = 0.0,
    pattern: str = "enterprise",
) -> RecordedWorkload:
    """Read IT load from a CSV file with units in its header.

    Parameters
    ----------
    path : str or Path
        File, also ``.csv.gz``, in the format of `dcsim.drivers.tables`: ``time`` (start of each interval) and either
        one column ``utilization [%]`` or ``power [kW]`` of the hall, or one per rack group, ``utilization_0 [%]``,
        ``utilization_1 [%]``, ...
    rated_power : float, optional
        IT power at full load [W], of the hall or, with one column per group, of a group; needed for a power column. A
        first line ``# rated_power=500000`` (W) in the file does as well.
    idle_fraction : float, optional
        Idle over rated power, or ``# idle_fraction=0.35`` in the file; else 0. Utilization is the straight line
        between.
    utc_offset : float, optional
        Local standard time minus universal time [h], if not in the file; else 0.
    fill_gaps_hours : float
        Longest gap [h], of rows or of cells, that may be filled: cells by a straight line, rows by the value before.
    pattern : str
        Built-in profile whose spread and group noise set the groups apart where the file knows the hall only.

    Returns
    -------
    RecordedWorkload

    Raises
    ------
    InputError
        For a file that cannot be used, with line and field.
    """
    path = Path(path)
    table = read_table(path, _QUANTITIES, utc_offset, indexed=("utilization", "power"))
    step = table.step(fill_gaps_hours)
    kinds = {re.sub(r"_\d+$", "", name) for name in table.columns}
    if len(kinds) > 1:
        raise InputError(f"{place(path)}: both utilization and power, give one of them")
    kind = kinds.pop()
    values = np.stack(
        [
            fill_missing(path, table.headers[name], table.columns[name], table.lines, step / 3600.0, fill_gaps_hours)
            for name in _column_order(path, table, kind)
        ],
        axis=1,
    )
    if kind == "power":
        rated = table.attribute(("rated_power",)) if rated_power is None else rated_power
        idle = table.attribute(("idle_fraction",), 0.0) if idle_fraction is None else idle_fraction
        if np.isnan(rated):
            raise InputError(
                f"{place(path)}: a power column needs the rated power, add a first line '# rated_power=<W>'"
            )
        if not (rated > 0.0 and 0.0 <= idle < 1.0):
            raise InputError(f"{place(path)}: rated power {rated:g} W and idle fraction {idle:g} are no server's")
        values = (values / rated - idle) / (1.0 - idle)
        too_high = np.flatnonzero(values.max(axis=1) > _QUANTITIES["utilization"].high)
        if len(too_high):
            raise InputError(
                f"{place(path, int(table.lines[too_high[0]]), kind)}: above the rated power of {rated:g} W"
            )
    values = np.clip(values, 0.0, 1.0)
    fine = _fine_rows(table.time_s, values, step)
    if values.shape[1] == 1 and kind in table.columns:
        values = values[:, 0]
    return RecordedWorkload(
        name=path.name,
        load=year_of_steps(f"workload '{path.name}'", table.time_s, values, step),
        first_weekday=table.first_weekday,
        pattern=dataclasses.replace(PROFILES[pattern], noise=(), jobs=None, shifts=None),
        is_universal=table.is_universal,
        fine=fine,
    )


def _fine_rows(time_s: Array, values: Array, step: float) -> FineRows | None:
    if step >= FINEST_GRID:
        return None
    edges = np.append(time_s, time_s[-1] + step)
    integral = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values * np.diff(edges)[:, None], axis=0)])
    return FineRows(edges, integral)


def _column_order(path: Path, table: Table, kind: str) -> list[str]:
    """Return the columns in the order of their numbers, refusing a gap in the numbers."""
    if kind in table.columns:
        if len(table.columns) > 1:
            raise InputError(f"{place(path)}: '{kind}' of the hall and of groups, give one of them")
        return [kind]
    numbers = sorted(int(name.rsplit("_", 1)[1]) for name in table.columns)
    if numbers not in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
        raise InputError(
            f"{place(path)}: columns '{kind}_N' must be numbered without gaps from 0 or 1, found {numbers}"
        )
    return [next(name for name in table.columns if int(name.rsplit("_", 1)[1]) == number) for number in numbers]
