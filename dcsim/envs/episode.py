"""What drives an episode, drawn and laid out at its start, so that a step only has to look up one row."""

from typing import NamedTuple

import numpy as np

from dcsim.drivers import calendar
from dcsim.envs.config import EnvConfig
from dcsim.envs.signals import FORECAST_HOURS

TABLE_INTERVAL_S = 300.0  # of the year's weather and tariff that are kept ready; shorter control intervals repeat them
OUTDOOR = ("dry_bulb_temperature", "wet_bulb_temperature", "humidity_ratio", "pressure")


class Episodes(NamedTuple):
    """New episodes of n environments, T steps each."""

    start_s: np.ndarray  # (n,) s of the year, local standard time
    drivers: np.ndarray  # (n, T + 1, K) float32, columns as the rows of ``ObservationBuilder.drivers``
    crah_available: np.ndarray | None  # (n, T + 1, U) float32 where the task has outages
    chiller_available: np.ndarray | None  # (n, T + 1, C)


class EpisodeSource:
    """Draws episodes of one configuration.

    Parameters
    ----------
    config : EnvConfig

    Attributes
    ----------
    columns : int
        K, the number of driver values of a step.
    """

    def __init__(self, config: EnvConfig) -> None:
        self._config = config
        hall, interval = config.hall, config.control_interval_s
        tables = [config.task.changed(weather).table(TABLE_INTERVAL_S) for weather in config.weathers]
        self._year = len(tables[0].pressure)
        self._outdoor = np.stack(
            [np.concatenate([getattr(table, name) for table in tables]) for name in OUTDOOR], axis=1
        )
        grid = config.grid.table(TABLE_INTERVAL_S)
        self._tariff = np.stack([grid.price_per_kwh, grid.kg_co2_per_kwh], axis=1)
        find = config.task.find_start
        self._task_start = None if find is None else [find(weather) for weather in config.weathers]
        self._first_weekday = np.array([weather.first_weekday for weather in config.weathers])
        self._hour = max(1, round(calendar.SECONDS_PER_HOUR / interval))
        self._ahead = [round(hours * calendar.SECONDS_PER_HOUR / interval) for hours in FORECAST_HOURS]
        self._steps = config.episode_steps + 1
        self.columns = hall.racks + hall.crah_groups + 4 + 9 + (3 * len(FORECAST_HOURS) if config.with_forecast else 0)

    def draw(self, generators: list[np.random.Generator]) -> Episodes:
        """Draw one episode with each generator; what it draws depends on its own generator alone."""
        config, steps = self._config, self._steps
        hall, task, interval = config.hall, config.task, config.control_interval_s
        n = len(generators)
        sites = len(config.weathers)
        site = np.array([g.integers(sites) if sites > 1 else 0 for g in generators])
        dates = config.start_s
        if dates:
            start = np.array([dates[g.integers(len(dates)) if len(dates) > 1 else 0] for g in generators])
        elif self._task_start is not None:
            start = np.array([self._task_start[i] for i in site])
        else:
            start = np.array([float(g.integers(365)) * calendar.SECONDS_PER_DAY for g in generators])

        lag = self._ahead[-1] if config.with_forecast else 0
        rows = self._hour + steps + lag
        load = config.workload.generate(generators, start - self._hour * interval, interval, rows, hall.racks)
        if task.reload is not None:
            load = task.reload(load, (np.arange(rows) - self._hour) * interval, generators)
        mean = load.mean(axis=2)
        now = slice(self._hour, self._hour + steps)
        time = start[:, None] + np.arange(steps) * interval
        slot = (time / TABLE_INTERVAL_S).astype(np.int64)
        day = time * (2.0 * np.pi / calendar.SECONDS_PER_DAY)
        week = (day + 2.0 * np.pi * self._first_weekday[site][:, None]) / 7.0

        table = np.empty((n, steps, self.columns), np.float32)
        parts = [
            load[:, now],
            self._outdoor_at(site, slot),
            load[:, now].reshape(n, steps, hall.crah_groups, -1).mean(axis=3),
            mean[:, now, None],
            (mean[:, now] - mean[:, :steps])[:, :, None],
            np.sin(day)[:, :, None],
            np.cos(day)[:, :, None],
            np.sin(week)[:, :, None],
            np.cos(week)[:, :, None],
            self._tariff[slot % len(self._tariff)],
            np.full((n, steps, 1), float(hall.chillers)),
        ]
        if config.with_forecast:
            for ahead, hours in zip(self._ahead, FORECAST_HOURS, strict=True):
                later = slot + round(hours * calendar.SECONDS_PER_HOUR / TABLE_INTERVAL_S)
                parts += [
                    self._outdoor_at(site, later)[:, :, 1:2],
                    mean[:, now.start + ahead : now.stop + ahead, None],
                    self._tariff[later % len(self._tariff)][:, :, 0:1],
                ]
        np.concatenate(parts, axis=2, out=table, casting="same_kind")
        crah, chiller = self._outages(generators) if task.outages else (None, None)
        if chiller is not None:
            table[:, :, hall.racks + 4 + hall.crah_groups + 8] = chiller.sum(axis=2)
        return Episodes(start, table, crah, chiller)

    def _outdoor_at(self, site: np.ndarray, slot: np.ndarray) -> np.ndarray:
        result: np.ndarray = self._outdoor[site[:, None] * self._year + slot % self._year]
        return result

    def _outages(self, generators: list[np.random.Generator]) -> tuple[np.ndarray, np.ndarray]:
        hall, interval = self._config.hall, self._config.control_interval_s
        available = {
            "crah": np.ones((len(generators), self._steps, hall.crah_groups), np.float32),
            "chiller": np.ones((len(generators), self._steps, hall.chillers), np.float32),
        }
        for outage in self._config.task.outages:
            table = available[outage.component]
            count = table.shape[2]
            for env, generator in enumerate(generators):
                units = generator.permutation(count)[: outage.units % count]
                first = round(generator.uniform(*outage.start_hours) * calendar.SECONDS_PER_HOUR / interval)
                last = first + max(1, round(outage.hours * calendar.SECONDS_PER_HOUR / interval))
                table[env, first:last, units] = 0.0
        return available["crah"], available["chiller"]
