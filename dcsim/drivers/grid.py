"""The electric grid: carbon intensity and price over the year, built in or from a file.

Values are means over intervals named by their start, in local standard time, and repeat every year.

Built-in profiles:

======================  =============================================  ===========================
name                    carbon intensity                               price
======================  =============================================  ===========================
``flat``                US mean, constant                              US industrial mean, constant
``us-average``          US mean, cleaner by day and dirtier by night   as ``flat``
``tou-2to1``            as ``us-average``                              twice as high 12 to 20 h
``solar``               US mean, 1.7 times as high by night as by day  as ``flat``
======================  =============================================  ===========================
"""

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim.drivers.calendar import SECONDS_PER_YEAR
from dcsim.drivers.messages import place
from dcsim.drivers.tables import fill_missing, find_file, read_table
from dcsim.drivers.units import Quantity
from dcsim.drivers.yearly import YearOfSteps, year_of_steps
from dcsim.errors import InputError

__all__ = [
    "GRID_PROFILES",
    "US_INDUSTRIAL_PRICE_PER_KWH",
    "US_KG_CO2_PER_KWH",
    "Grid",
    "GridValues",
    "load_grid",
    "read_grid_csv",
]

#: Mean carbon intensity of US generation [kg CO2/kWh]: 1532 Mt over 4,183,271 GWh in 2023 (EIA, Frequently Asked
#: Questions, "How much carbon dioxide is produced per kilowatthour of U.S. electricity generation?").
US_KG_CO2_PER_KWH = 0.366

#: Mean US price to industrial customers in 2023 [USD/kWh] (EIA, Electric Power Monthly, March 2024, table 5.3).
US_INDUSTRIAL_PRICE_PER_KWH = 0.0806

#: Half of the daily swing of the carbon intensity over its mean, and the hour of the low. Assumed: a US mean by the
#: hour is not published; hourly generation of Arizona in 2022 (EIA-930) swings by -10 % at 15 h to +10 % at 4 h,
#: California by +-26 %.
_CARBON_SWING = 0.10
_CLEANEST_HOUR = 15.0

#: Ratio and hours of the two-price tariff: assumed, the plain case that asks a controller to shift load.
_PEAK_RATIO = 2.0
_PEAK_HOURS = (12, 20)

#: Carbon intensity over its mean by day and by night, and the hours of the day: assumed, a plain form of the mean day of
#: California in 2023, 0.68 to 0.78 of the mean from 8 to 16 h and 1.17 to 1.21 from 18 to 6 h (Electricity Maps, direct).
_SOLAR_DAY_OVER_NIGHT = 1.0 / 1.7
_SOLAR_HOURS = (8, 16)

_QUANTITIES = {
    "carbon_intensity": Quantity("carbon", ("ci", "ci_direct", "co2_intensity"), 0.0, 2.0),
    # Scarcity prices of some markets reach 15 to 20 per kWh (AEMO, ERCOT caps); negative prices are real.
    "price": Quantity("price", ("electricity_price", "energy_price"), -20.0, 20.0),
}


class GridValues(NamedTuple):
    """Carbon intensity and price; arrays of one shape."""

    kg_co2_per_kwh: NDArray[np.float64]
    price_per_kwh: NDArray[np.float64]  # in the grid's currency


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """A year of carbon intensity and price.

    Attributes
    ----------
    name : str
        Built-in profile or file name.
    carbon : YearOfSteps
        Carbon intensity [kg CO2/kWh].
    price : YearOfSteps
        Price [currency/kWh], may be negative.
    currency : str
        Three letters, such as USD.
    provenance : str
        Where the numbers come from, one line.
    is_universal : bool
        Whether a file was stamped in universal time and moved to the site's clock.
    """

    name: str
    carbon: YearOfSteps
    price: YearOfSteps
    currency: str
    provenance: str
    is_universal: bool = False
    _tables: dict[float, GridValues] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def at(self, time_s: ArrayLike) -> GridValues:
        """Return the values that hold at times [s since 1 January 00:00 local standard time], any shape."""
        return GridValues(self.carbon.at(time_s), self.price.at(time_s))

    def series(self, start_s: float, interval_s: float, steps: int) -> GridValues:
        """Return the means over the intervals that start at ``start_s + k * interval_s``, fields of shape (T,)."""
        return GridValues(self.carbon.means(start_s, interval_s, steps), self.price.means(start_s, interval_s, steps))

    def table(self, interval_s: float = 300.0) -> GridValues:
        """Return the means over the control intervals of the whole year, computed once and kept; read-only."""
        interval_s = float(interval_s)
        if interval_s not in self._tables:
            if interval_s <= 0.0 or SECONDS_PER_YEAR % interval_s:
                raise InputError(f"interval {interval_s:g} s does not divide a year of 365 days")
            values = self.series(0.0, interval_s, int(SECONDS_PER_YEAR / interval_s))
            for one in values:
                one.flags.writeable = False
            self._tables[interval_s] = values
        return self._tables[interval_s]


def _built_in(name: str) -> Grid:
    hour = np.arange(SECONDS_PER_YEAR // 3600) % 24
    carbon = np.full(hour.shape, US_KG_CO2_PER_KWH)
    price = np.full(hour.shape, US_INDUSTRIAL_PRICE_PER_KWH)
    if name == "solar":
        is_day = (hour >= _SOLAR_HOURS[0]) & (hour < _SOLAR_HOURS[1])
        carbon *= np.where(is_day, _SOLAR_DAY_OVER_NIGHT, 1.0)
        carbon *= US_KG_CO2_PER_KWH / carbon.mean()
    elif name != "flat":
        carbon *= 1.0 - _CARBON_SWING * np.cos((2.0 * np.pi / 24.0) * (hour + 0.5 - _CLEANEST_HOUR))
    if name == "tou-2to1":
        is_peak = (hour >= _PEAK_HOURS[0]) & (hour < _PEAK_HOURS[1])
        price *= np.where(is_peak, _PEAK_RATIO, 1.0)
        price *= US_INDUSTRIAL_PRICE_PER_KWH / price.mean()
    return Grid(
        name=name,
        carbon=YearOfSteps(f"grid '{name}'", carbon),
        price=YearOfSteps(f"grid '{name}'", price),
        currency="USD",
        provenance="EIA means of 2023 with an assumed daily shape" if name != "flat" else "EIA means of 2023",
    )


#: Names of the built-in profiles.
GRID_PROFILES = ("flat", "solar", "tou-2to1", "us-average")


def load_grid(name_or_path: str | Path, utc_offset: float | None = None) -> Grid:
    """Return a built-in grid profile by its name, or the grid of a CSV file.

    Parameters
    ----------
    name_or_path : str or Path
        One of `GRID_PROFILES`, or a file for `read_grid_csv`.
    utc_offset : float, optional
        Local standard time of the site minus universal time [h]: places files stamped in universal time on the site's
        clock. Built-in profiles follow the clock anyway.

    Returns
    -------
    Grid
        The same object for the same unchanged file.

    Raises
    ------
    InputError
        For an unknown name (with the nearest one) or a file that cannot be used (with line and field).
    """
    if str(name_or_path) in GRID_PROFILES:
        return _load_cached(str(name_or_path), 0, None)
    path = find_file("grid", name_or_path, GRID_PROFILES)
    return _load_cached(str(path.resolve()), path.stat().st_mtime_ns, utc_offset)


@functools.lru_cache(maxsize=64)
def _load_cached(name_or_path: str, modified_ns: int, utc_offset: float | None) -> Grid:
    if name_or_path in GRID_PROFILES:
        return _built_in(name_or_path)
    return read_grid_csv(name_or_path, utc_offset)


def read_grid_csv(path: str | Path, utc_offset: float | None = None, fill_gaps_hours: float = 0.0) -> Grid:
    """Read carbon intensity and price from a CSV file with units in its header.

    Parameters
    ----------
    path : str or Path
        File, also ``.csv.gz``, in the format of `dcsim.drivers.tables`: ``time`` (start of each interval) with
        ``carbon_intensity [gCO2/kWh]``, ``price [USD/MWh]`` or both; the missing one is taken from profile ``flat``.
    utc_offset : float, optional
        Local standard time minus universal time [h], if not in the file; else 0.
    fill_gaps_hours : float
        Longest run of empty cells [h] that may be filled by a straight line.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        For a file that cannot be used, with line and field.
    """
    path = Path(path)
    table = read_table(path, _QUANTITIES, utc_offset)
    step = table.step(fill_gaps_hours)
    flat = _built_in("flat")
    years = {"carbon_intensity": flat.carbon, "price": flat.price}
    for name, values in table.columns.items():
        values = fill_missing(path, table.headers[name], values, table.lines, step / 3600.0, fill_gaps_hours)
        years[name] = year_of_steps(place(path, field=table.headers[name]), table.time_s, values, step)
    missing = [name for name in years if name not in table.columns]
    return Grid(
        name=path.name,
        carbon=years["carbon_intensity"],
        price=years["price"],
        currency=table.currency or flat.currency,
        provenance=f"CSV {path.name}" + (f"; {missing[0]} from profile 'flat'" if missing else ""),
        is_universal=table.is_universal,
    )
