"""A year of values that hold over even intervals, and their means over control intervals."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.calendar import SECONDS_PER_YEAR, time_label
from dcsim.errors import InputError

__all__ = ["YearOfSteps", "year_of_steps"]


FINEST_GRID = 300.0  # s of the grid on which a year is kept


@dataclasses.dataclass(frozen=True, eq=False)
class YearOfSteps:
    """A year of interval means; after 31 December comes 1 January.

    Attributes
    ----------
    label : str
        What the values are, for messages.
    values : ndarray, shape (S,) or (S, C)
        Mean over the interval that starts at ``k * interval``; NaN where a file does not reach.
    interval : float
        Length of an interval [s]; S * interval is a year of 365 days.
    covered : tuple of float
        First and last time [s] that the rows of a file reach; the last may lie in the next year.
    """

    label: str
    values: NDArray[np.float64] = dataclasses.field(repr=False)
    interval: float = 3600.0
    covered: tuple[float, float] = (0.0, float(SECONDS_PER_YEAR))

    def __post_init__(self) -> None:
        if len(self.values) * self.interval != SECONDS_PER_YEAR:
            raise InputError(f"{self.label}: {len(self.values)} values of {self.interval:g} s are no year of 365 days")

    def at(self, time_s: ArrayLike) -> NDArray[np.float64]:
        """Return the values that hold at times [s], shape of `time_s`, then (C,) if the values have columns."""
        position = np.floor_divide(np.asarray(time_s, dtype=np.float64), self.interval).astype(np.int64)
        return self._checked(self.values[position % len(self.values)], time_s)

    def means(self, start_s: float, interval_s: float, steps: int) -> NDArray[np.float64]:
        """Return the means over the intervals that start at ``start_s + k * interval_s``, shape (T,) or (T, C)."""
        edges = start_s + np.arange(steps + 1) * interval_s
        if self.interval % interval_s == 0.0 and start_s % interval_s == 0.0:
            return self.at(edges[:-1])
        # The integral of the steps up to an edge is linear inside a step: the means are exact.
        position = edges / self.interval
        whole = np.floor(position)
        first = int(whole[0])
        index = np.arange(first, max(int(np.ceil(position[-1])), first + 1))
        covered = self._checked(self.values[index % len(self.values)], index * self.interval)
        shape = (-1,) + (1,) * (self.values.ndim - 1)
        total = np.concatenate([np.zeros((1, *self.values.shape[1:])), np.cumsum(covered, axis=0)])
        step = whole.astype(np.int64) - first
        begun = np.minimum(step, len(index) - 1)  # the last edge may begin a step that is not needed
        integral = total[step] + (position - whole).reshape(shape) * covered[begun]
        return np.diff(integral, axis=0) * (self.interval / interval_s)

    def held_on(self, time: float) -> "YearOfSteps":
        """Return a year whose first value also holds for some time [s] before it, and the last one after it."""
        values, rows = self.values.copy(), len(self.values)
        first, last = (round(edge / self.interval) for edge in self.covered)
        more = np.arange(int(np.ceil(time / self.interval)))
        for index, value in ((first - 1 - more, values[first % rows]), (last + more, values[(last - 1) % rows])):
            index %= rows
            is_free = np.isnan(values[index].reshape(len(index), -1)[:, 0])
            values[index[is_free]] = value
        return dataclasses.replace(self, values=values)

    def _checked(self, values: NDArray[np.float64], time_s: ArrayLike) -> NDArray[np.float64]:
        if np.isnan(values).any():
            time_s = np.asarray(time_s, dtype=np.float64)
            moment = time_s[np.isnan(values.reshape((*time_s.shape, -1))[..., 0])].flat[0]
            first, last = self.covered
            raise InputError(
                f"{self.label} has no data at {time_label(float(moment))}: "
                f"it covers {time_label(first)} to {time_label(last)}"
            )
        return values


def year_of_steps(label: str, time_s: NDArray[np.float64], values: NDArray[np.float64], step: float) -> YearOfSteps:
    """Return a year from rows that hold from their timestamp to the next.

    Parameters
    ----------
    label : str
        For messages.
    time_s : ndarray, shape (M,)
        Start of each row [s], increasing, within one year.
    values : ndarray, shape (M,) or (M, C)
        Mean from one row's time to the next.
    step : float
        Usual distance of rows [s]: how long the last one holds.

    Returns
    -------
    YearOfSteps
        Hourly, half-hourly or quarter-hourly if all rows lie on such a grid, otherwise averaged on one of 5 minutes.
    """
    on_grid = [one for one in (3600.0, 1800.0, 900.0) if step % one == 0.0 and not np.mod(time_s, one).any()]
    interval = on_grid[0] if on_grid else FINEST_GRID
    is_whole = time_s[0] + SECONDS_PER_YEAR - time_s[-1] <= 1.5 * step
    if is_whole:  # it closes to a ring
        time_s = np.append(time_s, time_s[0] + SECONDS_PER_YEAR)
        values = np.concatenate([values, values[:1]])
    edges = np.append(time_s, time_s[-1] + step)
    shape = (-1,) + (1,) * (values.ndim - 1)
    integral = np.concatenate(
        [np.zeros((1, *values.shape[1:])), np.cumsum(values * np.diff(edges).reshape(shape), axis=0)]
    )
    first, last = int(np.ceil(edges[0] / interval)), int(np.floor(edges[-1] / interval))
    grid = np.arange(first, last + 1)
    columns = integral.reshape(len(edges), -1)
    at_grid = np.stack([np.interp(grid * interval, edges, column) for column in columns.T], axis=1)
    rows = int(SECONDS_PER_YEAR / interval)
    year = np.full((rows, columns.shape[1]), np.nan)
    year[grid[:-1] % rows] = np.diff(at_grid, axis=0) / interval
    covered = (0.0, float(SECONDS_PER_YEAR)) if is_whole else (first * interval, last * interval)
    return YearOfSteps(label, year.reshape((rows, *values.shape[1:])), interval, covered)
