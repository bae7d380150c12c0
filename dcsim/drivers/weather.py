"""Outdoor air: a year of dry bulb, humidity ratio and pressure, and what follows from them at any time.

A weather is a year of *instantaneous* values on an even grid (hourly for typical years) in local standard time. Between
the grid points dry bulb, humidity ratio and pressure are interpolated linearly, and relative humidity, wet bulb and dew
point are computed from the interpolated three: interpolated one by one they would contradict each other. After 31
December comes 1 January of the same year.

Two views: `Weather.at` gives the state of the air at given instants; `Weather.table` and `Weather.series` give the
means over control intervals, row k for the interval that *starts* at ``start_s + k * interval_s``, as all drivers do.
Rain, wind and sun are left out: no model of the plant uses them.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.calendar import FIRST_WEEKDAY, SECONDS_PER_YEAR, time_label
from dcsim.errors import InputError
from dcsim.physics import moist_air

__all__ = ["OutdoorAir", "Weather"]

#: Shortest control interval [s] for which a whole year is tabulated and kept (105,120 rows).
_TABLE_INTERVAL_MIN = 300.0


class OutdoorAir(NamedTuple):
    """State of the outdoor air; all fields are arrays of one shape, that of the times asked for."""

    dry_bulb_temperature: NDArray[np.float64]  # [degC]
    wet_bulb_temperature: NDArray[np.float64]  # [degC]
    dew_point_temperature: NDArray[np.float64]  # [degC]
    relative_humidity: NDArray[np.float64]  # 0 to 1
    humidity_ratio: NDArray[np.float64]  # [kg water per kg dry air]
    pressure: NDArray[np.float64]  # [Pa]


@dataclasses.dataclass(frozen=True, eq=False)
class Weather:
    """A year of outdoor air at one site.

    Attributes
    ----------
    name : str
        Built-in city or file name.
    latitude, longitude : float
        Position of the station [degrees], north and east positive; NaN where unknown.
    elevation : float
        Height of the station above the sea [m].
    utc_offset : float
        Local standard time minus universal time [h].
    dry_bulb_temperature : ndarray, shape (S,)
        Value at the times ``k * interval`` [degC]; NaN where the file has no data (see Notes).
    humidity_ratio : ndarray, shape (S,)
        Likewise [kg/kg].
    pressure : ndarray, shape (S,)
        Likewise [Pa].
    interval : float
        Spacing of the values [s]; S * interval is one year of 365 days.
    first_weekday : int
        Weekday of 1 January, Monday = 0.
    provenance : str
        Where the numbers come from, one line.

    Notes
    -----
    A file that covers part of a year leaves NaN elsewhere; asking for such a time raises `InputError`.
    """

    name: str
    latitude: float
    longitude: float
    elevation: float
    utc_offset: float
    dry_bulb_temperature: NDArray[np.float64] = dataclasses.field(repr=False)
    humidity_ratio: NDArray[np.float64] = dataclasses.field(repr=False)
    pressure: NDArray[np.float64] = dataclasses.field(repr=False)
    interval: float = 3600.0
    first_weekday: int = FIRST_WEEKDAY
    provenance: str = ""
    _tables: dict[float, OutdoorAir] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        rows = SECONDS_PER_YEAR / self.interval
        for field in ("dry_bulb_temperature", "humidity_ratio", "pressure"):
            values = getattr(self, field)
            if values.shape != (rows,):
                raise InputError(f"weather '{self.name}': {field} has shape {values.shape}, a year needs ({rows:g},)")

    def at(self, time_s: ArrayLike) -> OutdoorAir:
        """Return the outdoor air at instants.

        Parameters
        ----------
        time_s : array_like, any shape
            Time [s] since 1 January 00:00 local standard time; wraps at the year's end.

        Returns
        -------
        OutdoorAir
            Fields of the same shape.

        Raises
        ------
        InputError
            Where the file holds no data at a time asked for.
        """
        return self._covered(self._at(time_s), time_s)

    def _at(self, time_s: ArrayLike) -> OutdoorAir:
        """Return what `at` does, NaN where there is no data."""
        position = np.mod(np.asarray(time_s, dtype=np.float64) / self.interval, len(self.pressure))
        before = position.astype(np.int64)
        weight = position - before
        before %= len(self.pressure)  # a tiny negative time rounds up to the very end of the year
        after = (before + 1) % len(self.pressure)

        def between(values: NDArray[np.float64]) -> NDArray[np.float64]:
            # At a grid point the next value has no weight, and must not spoil the result where it is NaN.
            later = np.where(weight > 0.0, values[after], values[before])
            return values[before] + weight * (later - values[before])

        return _outdoor_air(between(self.dry_bulb_temperature), between(self.humidity_ratio), between(self.pressure))

    def _covered(self, air: OutdoorAir, time_s: ArrayLike) -> OutdoorAir:
        """Return the air if all of it is known.

        Raises
        ------
        InputError
            Naming the first time that the file does not cover.
        """
        if not self.is_complete:
            unknown = np.isnan(air.dry_bulb_temperature)
            if unknown.any():
                missing = float(np.asarray(time_s, dtype=np.float64)[unknown].flat[0])
                covered = np.flatnonzero(~np.isnan(self.dry_bulb_temperature)) * self.interval
                raise InputError(
                    f"weather '{self.name}' has no data at {time_label(missing)}: "
                    f"it covers {time_label(covered[0])} to {time_label(covered[-1])}"
                )
        return air

    def table(self, interval_s: float = 300.0) -> OutdoorAir:
        """Return the means over the control intervals of the whole year, computed once and kept.

        Parameters
        ----------
        interval_s : float
            Control interval [s]; it must divide the year.

        Returns
        -------
        OutdoorAir
            Fields of shape (rows,), ``rows = 31_536_000 / interval_s``; row k belongs to the interval starting at
            ``k * interval_s``. They are read-only and shared by all users of this weather.

        Notes
        -----
        The mean is taken as the value at the middle of the interval, exact for the interpolated dry bulb, humidity
        ratio and pressure as long as no grid point of the weather lies inside the interval.
        """
        air = self._table(float(interval_s))
        if self.is_complete:
            return air
        return self._covered(air, np.arange(len(air.pressure)) * interval_s)

    def _table(self, interval_s: float) -> OutdoorAir:
        if interval_s not in self._tables:
            if interval_s <= 0.0 or SECONDS_PER_YEAR % interval_s:
                raise InputError(f"interval {interval_s:g} s does not divide a year of 365 days")
            air = self._at((np.arange(int(SECONDS_PER_YEAR / interval_s)) + 0.5) * interval_s)
            for values in air:
                values.flags.writeable = False
            self._tables[interval_s] = air
        return self._tables[interval_s]

    def series(self, start_s: float, interval_s: float, steps: int) -> OutdoorAir:
        """Return the means over successive control intervals.

        Parameters
        ----------
        start_s : float
            Start of the first interval [s since 1 January 00:00 local standard time].
        interval_s : float
            Control interval [s].
        steps : int
            Number of intervals T.

        Returns
        -------
        OutdoorAir
            Fields of shape (T,).

        Notes
        -----
        Starts that lie on the grid of a whole-year `table` (intervals of 300 s or more) are read from it, after the
        first call at the price of an index; others are computed.
        """
        time_s = start_s + (np.arange(steps) + 0.5) * interval_s
        is_on_grid = start_s % interval_s == 0.0 and SECONDS_PER_YEAR % interval_s == 0.0
        if not is_on_grid or interval_s < _TABLE_INTERVAL_MIN:
            return self.at(time_s)
        table = self._table(float(interval_s))
        rows = len(table.pressure)
        first = int(start_s // interval_s) % rows
        # A slice costs nothing; only a series over the year's end is put together.
        pick = slice(first, first + steps) if first + steps <= rows else (first + np.arange(steps)) % rows
        return self._covered(OutdoorAir(*(values[pick] for values in table)), time_s)

    @functools.cached_property
    def is_complete(self) -> bool:
        """Whether there is data for every hour of the year."""
        return not bool(np.isnan(self.dry_bulb_temperature).any())


def _outdoor_air(
    dry_bulb: NDArray[np.float64], humidity_ratio: NDArray[np.float64], pressure: NDArray[np.float64]
) -> OutdoorAir:
    # A straight line between two foggy hours runs above the convex saturation curve: what is above has condensed.
    humidity_ratio = np.minimum(humidity_ratio, moist_air.saturation_humidity_ratio(dry_bulb, pressure))
    wet_bulb = np.minimum(moist_air.wet_bulb_temperature(dry_bulb, humidity_ratio, pressure), dry_bulb)
    return OutdoorAir(
        dry_bulb_temperature=dry_bulb,
        wet_bulb_temperature=wet_bulb,
        dew_point_temperature=np.minimum(moist_air.dew_point_temperature(humidity_ratio, pressure), wet_bulb),
        relative_humidity=np.minimum(moist_air.relative_humidity(dry_bulb, humidity_ratio, pressure), 1.0),
        humidity_ratio=humidity_ratio,
        pressure=pressure,
    )
