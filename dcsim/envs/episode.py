"""What drives an episode, drawn and laid out at its start, so that a step only has to look up one row."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.drivers import RandomNumbers, SlottedLoad, Weather, calendar, forecasts, slotted, within_capacity
from dcsim.envs.config import EnvConfig
from dcsim.envs.failures import FailureSchedule
from dcsim.envs.signals import FORECAST_HOURS
from dcsim.errors import InputError

TABLE_INTERVAL_MIN_S = (
    300.0  # of the year's weather and tariff that are kept ready; shorter control intervals repeat them
)
OUTDOOR = ("dry_bulb_temperature", "wet_bulb_temperature", "humidity_ratio", "pressure")


class Episodes(NamedTuple):
    """New episodes of n environments, T steps each."""

    start_s: np.ndarray  # (n,) s of the year, local standard time
    drivers: np.ndarray  # (n, T + 1, K) float32, columns as the rows of ``ObservationBuilder.drivers``
    available: dict[str, np.ndarray]  # by input, (n, T + 1, rows) float32, of ``EpisodeSource.limited``


class EpisodeSource:
    """Draws episodes of one configuration.

    Parameters
    ----------
    config : EnvConfig

    Attributes
    ----------
    columns : int
        K, the number of driver values of a step.
    limited : tuple of str
        Inputs that say what can run and of which the task or failures may take some away.
    """

    def __init__(self, config: EnvConfig) -> None:
        self._config = config
        hall, interval = config.hall, config.control_interval_s
        self._table_s = max(TABLE_INTERVAL_MIN_S, interval)  # rows are means over it
        years = [_year_of(config.task.changed(weather), self._table_s) for weather in config.weathers]
        self._year = len(years[0])
        self._outdoor = np.concatenate(years)
        grid = config.grid.table(self._table_s)
        self._tariff = np.stack([grid.price_per_kwh, grid.kg_co2_per_kwh], axis=1)
        find = config.task.find_start
        self._task_start = None if find is None else [find(weather) for weather in config.weathers]
        self._first_weekday = np.array([weather.first_weekday for weather in config.weathers])
        self._hour = max(1, round(calendar.SECONDS_PER_HOUR / interval))
        self._ahead = [round(hours * calendar.SECONDS_PER_HOUR / interval) for hours in FORECAST_HOURS]
        self._steps = config.episode_steps + 1
        days = [self._covered_days(year) for year in years]
        self._days, self._days_count = np.concatenate(days), np.array([len(some) for some in days])
        self._slots = hall.input_rows.get("swing", 0) // hall.crah_groups  # of a control step; 0: means are enough
        self.columns = hall.racks + hall.crah_groups + 4 + 8 + (3 * len(FORECAST_HOURS) if config.with_forecast else 0)
        if self._slots:
            self.columns += hall.racks + hall.input_rows["swing"]
            self._swings = (hall.params.air_share[:, 0] < 1.0).astype(float)  # air-cooled racks feel the mean
        self._failures = FailureSchedule(config.failures, hall.units, interval, config.episode_steps)
        inputs = hall.types.availability
        failing = [inputs[component] for component in self._failures.components]
        self.limited = tuple(inputs.values()) if config.task.limits_equipment else tuple(failing)

    def draw(self, random: RandomNumbers, start_s: np.ndarray | None = None) -> Episodes:
        """Draw one episode from each stream; what is drawn depends on its own stream alone.

        Parameters
        ----------
        random : RandomNumbers
            Streams of the n episodes.
        start_s : np.ndarray, shape (n,), optional
            Starts [s of the year] instead of those of the configuration.
        """
        config, steps = self._config, self._steps
        hall, task, interval = config.hall, config.task, config.control_interval_s
        n = len(random)
        place, load_numbers = random.of("place"), random.of("load")
        site = place.choice(len(config.weathers))
        start = self._starts(site, place) if start_s is None else np.asarray(start_s, float)
        lag = self._ahead[-1] if config.forecast == "truth" else 0
        rows = self._hour + steps + lag
        weekday = self._first_weekday[site]
        earliest = start - self._hour * interval
        if self._slots:
            by_slot = slotted(
                config.workload,
                load_numbers,
                earliest,
                interval,
                rows,
                hall.racks,
                hall.crah_groups,
                self._slots,
                weekday,
            )
            load = by_slot.mean
        else:
            load = config.workload.generate(load_numbers, earliest, interval, rows, hall.racks, first_weekday=weekday)
        if task.reload is not None:
            load = task.reload(load, (np.arange(rows) - self._hour) * interval, random.of("task"))
        mean = load.mean(axis=2)
        now = slice(self._hour, self._hour + steps)
        time = start[:, None] + np.arange(steps) * interval
        slot = (time / self._table_s + 1e-9).astype(np.int64)
        day = time * (2.0 * np.pi / calendar.SECONDS_PER_DAY)
        week = (day + 2.0 * np.pi * weekday[:, None]) / 7.0

        table = np.empty((n, steps, self.columns), np.float32)
        parts = [
            load[:, now],
            self._outdoor_at(site, slot),
            *(self._within_step(by_slot, load, now) if self._slots else ()),
            load[:, now].reshape(n, steps, hall.crah_groups, -1).mean(axis=3),
            mean[:, now, None],
            (mean[:, now] - mean[:, :steps])[:, :, None],
            np.sin(day)[:, :, None],
            np.cos(day)[:, :, None],
            np.sin(week)[:, :, None],
            np.cos(week)[:, :, None],
            self._tariff[slot % len(self._tariff)],
        ]
        if config.with_forecast:
            middle = time + 0.5 * interval
            known: dict[str, Any] = {"first_weekday": weekday[:, None], "now_s": time}
            expected = config.workload.expected(middle, **known)
            for ahead, hours in zip(self._ahead, FORECAST_HOURS, strict=True):
                later = slot + round(hours * calendar.SECONDS_PER_HOUR / self._table_s)
                if config.forecast == "truth":
                    wet_bulb = self._outdoor_at(site, later)[:, :, 1]
                    load_ahead = mean[:, now.start + ahead : now.stop + ahead]
                else:
                    before = slot - round(forecasts.lag_hours(hours) * calendar.SECONDS_PER_HOUR / self._table_s)
                    wet_bulb = forecasts.wet_bulb_forecast(
                        self._outdoor_at(site, slot)[:, :, 1], self._outdoor_at(site, before)[:, :, 1], hours
                    )
                    expected_later = config.workload.expected(middle + hours * calendar.SECONDS_PER_HOUR, **known)
                    load_ahead = forecasts.load_forecast(mean[:, now], expected, expected_later, hours)
                price = self._tariff[later % len(self._tariff)][:, :, 0]  # published a day ahead
                parts += [wet_bulb[:, :, None], load_ahead[:, :, None], price[:, :, None]]
        np.concatenate(parts, axis=2, out=table, casting="same_kind")
        if np.isnan(parts[1]).any():
            first = int(np.argwhere(np.isnan(parts[1]))[0, 0])
            weather = config.weathers[site[first]]
            raise InputError(f"{_coverage(weather)}, not the episode from {calendar.time_label(start[first])} on")
        outages = self._outages(random.of("outages")) if task.limits_equipment else {}
        return Episodes(start, table, self._available(self._failures.draw(random, outages)))

    def _starts(self, site: np.ndarray, random: RandomNumbers) -> np.ndarray:
        """Starts of episodes [s of the year] at sites, each shape (n,)."""
        config = self._config
        if config.start_s:
            dates: np.ndarray = np.array(config.start_s)[random.choice(len(config.start_s))]
            return dates
        if self._task_start is not None:
            return np.array(self._task_start)[site]
        count = self._days_count[site]
        if not count.all():
            weather = config.weathers[site[np.argmin(count)]]
            short = f"workload '{config.workload.name}' covers a part of the year"
            raise InputError(
                f"{short if weather.is_complete else _coverage(weather)}, "
                f"no whole episode of {config.episode_steps} steps from a midnight on; shorten episode_days or give a start"
            )
        before = np.cumsum(self._days_count) - self._days_count
        days: np.ndarray = self._days[before[site] + random.choice(count)]
        return days * float(calendar.SECONDS_PER_DAY)

    def _within_step(self, by_slot: SlottedLoad, load: np.ndarray, now: slice) -> list[np.ndarray]:
        """Columns of what swings within each control step: shares of the rack groups, swings of the zones by slot."""
        cut = within_capacity(SlottedLoad(load[:, now], by_slot.share[:, now] * self._swings, by_slot.swing[:, now]))
        return [cut.share, cut.swing.reshape(*cut.share.shape[:2], -1)]

    def _covered_days(self, year: np.ndarray) -> np.ndarray:
        """Days of the year from whose midnight on there are weather and load for a whole episode."""
        all_days = self._days_of_weather(year)
        days = np.asarray(all_days, float) * calendar.SECONDS_PER_DAY
        return all_days[
            self._config.workload.covers(days, self._config.episode_steps * self._config.control_interval_s)
        ]

    def _days_of_weather(self, year: np.ndarray) -> np.ndarray:
        known = ~np.isnan(year[:, 0])
        length = int(np.ceil(self._steps * self._config.control_interval_s / self._table_s))
        if known.all():
            return np.arange(365)
        first = np.arange(365) * round(calendar.SECONDS_PER_DAY / self._table_s)
        unknown = np.concatenate([[0], np.cumsum(np.tile(~known, 2))])
        return np.flatnonzero(unknown[first + min(length, len(known))] == unknown[first])

    def _outdoor_at(self, site: np.ndarray, slot: np.ndarray) -> np.ndarray:
        result: np.ndarray = self._outdoor[site[:, None] * self._year + slot % self._year]
        return result

    def _outages(self, random: RandomNumbers) -> dict[str, np.ndarray]:
        """What a task leaves of every unit, by component, shape (n, T + 1, units)."""
        hall, interval, task = self._config.hall, self._config.control_interval_s, self._config.task
        left = {
            component: np.ones((len(random), self._steps, count), np.float32) for component, count in hall.units.items()
        }
        if "chiller" in left:
            left["chiller"][:] = task.chillers(hall)
        for component, share in task.derated.items():
            left[component][:] = share
        for outage in task.outages:
            table = left[outage.component]
            count, (earliest, latest) = table.shape[2], outage.start_hours
            place = np.arange(count) if outage.component == "chiller" else random.uniform(count).argsort(axis=1)
            hour = earliest + (latest - earliest) * random.uniform(1)
            first = np.rint(hour * calendar.SECONDS_PER_HOUR / interval)
            last = first + max(1, round(outage.hours * calendar.SECONDS_PER_HOUR / interval))
            step = np.arange(self._steps)
            is_out = ((step >= first) & (step < last))[:, :, None] & (place < outage.units % count).reshape(
                -1, 1, count
            )
            table[is_out] = outage.remaining
        return left

    def _available(self, units: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """By input, from what can run of every unit; of units that act as one the mean counts."""
        types = self._config.hall.types
        return {
            types.availability[component]: share.mean(axis=2, keepdims=True) if component in types.units else share
            for component, share in units.items()
        }


def _year_of(weather: Weather, interval: float) -> np.ndarray:
    """Outdoor air of every interval of the year, shape (rows, 4); NaN where a file that covers a part of it has none."""
    if weather.is_complete:
        air = weather.table(interval)
        return np.stack([getattr(air, name) for name in OUTDOOR], axis=1)
    time = (np.arange(calendar.SECONDS_PER_YEAR / interval) + 0.5) * interval
    before = (time / weather.interval).astype(np.int64)
    missing = np.isnan(weather.dry_bulb_temperature)
    known = ~(missing[before] | missing[(before + 1) % len(missing)])
    year = np.full((len(time), len(OUTDOOR)), np.nan)
    air = weather.at(time[known])
    year[known] = np.stack([getattr(air, name) for name in OUTDOOR], axis=1)
    return year


def _coverage(weather: Weather) -> str:
    known = np.flatnonzero(~np.isnan(weather.dry_bulb_temperature)) * weather.interval
    return f"weather '{weather.name}' covers {calendar.time_label(known[0])} to {calendar.time_label(known[-1])}"
