"""Named stress tasks: what is different from an ordinary day, and why it tests a controller.

Plain days test static skill, since a room stores minutes of heat; the tasks test what plain days do not: capacity that binds, sudden
loss of equipment, a boundary between cooling modes, load that moves, cold that can be stored, machines whose starts cost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dcsim.drivers import RandomNumbers, Weather
from dcsim.drivers.grid import US_INDUSTRIAL_PRICE_PER_KWH, US_KG_CO2_PER_KWH
from dcsim.envs.task_halls import with_outdoor_air, with_staging, with_tank
from dcsim.errors import InputError
from dcsim.physics import moist_air, server
from dcsim.plant.description import HallDescription
from dcsim.plant.hall import Hall

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
HIGH_LOAD = 0.85  # mean utilization of a hall that is full for its kind


@dataclass(frozen=True)
class Outage:
    """Equipment that cannot run for a while.

    Attributes
    ----------
    component : str
        One of ``Hall.units``.
    units : int
        How many, counted from the end if negative; they are drawn, but chillers are those that start first, so that running ones trip.
    start_hours : tuple[float, float]
        Range of the start after the episode's, drawn.
    hours : float
        How long it lasts.
    remaining : float
        Share of each of these units that still can run, for units that stand for several machines.
    """

    component: str
    units: int
    start_hours: tuple[float, float]
    hours: float
    remaining: float = 0.0


@dataclass(frozen=True)
class Task:
    """What an episode is made of; the defaults are an ordinary day.

    Attributes
    ----------
    name, meaning : str
    episode_days, control_interval_s : float
    find_start : callable, optional
        From a weather to the start of the episode [s of the year]; a day is drawn where there is none.
    wave_wet_bulb : float, optional
        Mean wet bulb [degC] that the most humid days of the year, as many as an episode has, are warmed to; relative humidity stays.
    workload : str, optional
        Load profile instead of the hall's.
    reload : callable, optional
        ``(load (N, T, R), elapsed_s (T,), random) -> load`` changes the generated load.
    outages : tuple of Outage
    chiller_reserve : mapping of str to float
        By hall, available chiller capacity over the power of the servers at 85 % load; all chillers where none is given.
    changes : callable, optional
        From a hall to what is changed of it, as of ``HallDescription.replaced``.
    sections : tuple of str
        Of the description, which a hall must have for the changes.
    grid : str
        Profile of price and carbon intensity by default.
    weights : mapping of str to float
        Of the reward, by default instead of those of an ordinary day.
    derated : mapping of str to float
        By component, share of its capacity that every unit can give.
    """

    name: str = ""
    meaning: str = "an ordinary day"
    episode_days: float = 1.0
    control_interval_s: float = 300.0
    find_start: Callable[[Weather], float] | None = None
    wave_wet_bulb: float | None = None
    workload: str | None = None
    reload: Callable[[np.ndarray, np.ndarray, RandomNumbers], np.ndarray] | None = None
    outages: tuple[Outage, ...] = field(default=())
    chiller_reserve: Mapping[str, float] = field(default_factory=dict)
    changes: Callable[[HallDescription], Mapping[str, Any]] | None = None
    sections: tuple[str, ...] = ()
    grid: str = "us-average"
    weights: Mapping[str, float] = field(default_factory=dict)
    derated: Mapping[str, float] = field(default_factory=dict)

    @property
    def components(self) -> tuple[str, ...]:
        """Equipment that the task takes away or derates."""
        named = [*(outage.component for outage in self.outages), *(["chiller"] if self.chiller_reserve else [])]
        return tuple(dict.fromkeys([*named, *self.derated]))

    @property
    def limits_equipment(self) -> bool:
        """Whether some equipment cannot run, or not fully, in some part of the episode."""
        return bool(self.components)

    @property
    def aim(self) -> str:
        """Key of ``info`` whose sum the task asks to keep low: that of thermal energy unless its reward is of money or carbon."""
        if self.weights.get("energy_cost", 0.0) > 0.0:
            return "energy_cost"
        return "carbon_kg" if self.weights.get("carbon", 0.0) > 0.0 else "thermal_energy_kwh"

    def lacking(self, hall: Hall) -> tuple[str, ...]:
        """Equipment that the task is about and the hall has none of."""
        sections = [name for name in self.sections if getattr(hall.description, name) is None]
        return (*sections, *(name for name in self.components if name not in hall.types.availability))

    def chillers(self, hall: Hall) -> np.ndarray:
        """Share of its capacity that each chiller can give, shape (C,): as few machines as carry the reserve, derated alike."""
        reserve = self.chiller_reserve.get(hall.description.name)
        if reserve is None:
            return np.ones(hall.chillers)
        p = hall.params
        heat = server.dynamic_power(HIGH_LOAD, p.idle_power, p.peak_power, p.power_exponent).sum()
        machines = min(reserve * heat / float(p.chiller_capacity[0, 0]), hall.chillers)
        running = int(np.ceil(machines))
        return np.where(np.arange(hall.chillers) < running, machines / running, 0.0)

    def changed(self, weather: Weather) -> Weather:
        """Return the weather as the task has it."""
        if self.wave_wet_bulb is None:
            return weather
        return warmed(weather, warmth_of_wave(weather, self.wave_wet_bulb, round(self.episode_days)))


def warmed(weather: Weather, kelvin: float) -> Weather:
    """Return the weather with so many K more of dry bulb at the same relative humidity."""
    pressure = weather.pressure
    relative = moist_air.relative_humidity(weather.dry_bulb_temperature, weather.humidity_ratio, pressure)
    warm = weather.dry_bulb_temperature + kelvin
    return replace(
        weather,
        dry_bulb_temperature=warm,
        humidity_ratio=moist_air.humidity_ratio(warm, np.minimum(relative, 1.0), pressure),
    )


def warmth_of_wave(weather: Weather, wet_bulb: float, days: int) -> float:
    """K of dry bulb that bring the most humid days of a year to a mean wet bulb [degC], by bisection."""
    first = round(hottest_days(weather, days) / HOUR_S)
    hours = np.arange(first, first + 24 * days) % 8760
    low, high = -30.0, 60.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        is_colder = warmed(weather, middle).table(HOUR_S).wet_bulb_temperature[hours].mean() < wet_bulb
        low, high = (middle, high) if is_colder else (low, middle)
    return 0.5 * (low + high)


def hottest_days(weather: Weather, days: int = 3) -> float:
    """Start of the run of whole days with the highest mean wet bulb [s of the year]."""
    daily = weather.table(HOUR_S).wet_bulb_temperature.reshape(-1, 24).mean(1)
    mean = np.convolve(np.concatenate([daily, daily[: days - 1]]), np.ones(days) / days, "valid")
    return float(np.argmax(mean)) * DAY_S


def warmest_days(weather: Weather, days: int = 3) -> float:
    """Start of the run of whole days with the highest mean dry bulb [s of the year]."""
    daily = weather.table(HOUR_S).dry_bulb_temperature.reshape(-1, 24).mean(1)
    mean = np.convolve(np.concatenate([daily, daily[: days - 1]]), np.ones(days) / days, "valid")
    return float(np.argmax(mean)) * DAY_S


def warmest_noon(weather: Weather) -> float:
    """Noon of the day with the highest mean dry bulb [s of the year]."""
    return warmest_days(weather, 1) + 0.5 * DAY_S


FREE_COOLING_WET_BULB = 15.5  # degC, about where tuned resets leave free cooling in the hyperscale hall


def most_crossings(weather: Weather, days: int = 7) -> float:
    """Start of the run of whole days in which the wet bulb crosses the free-cooling boundary most often [s of the year]."""
    wet_bulb = weather.table(HOUR_S).wet_bulb_temperature
    above = wet_bulb > FREE_COOLING_WET_BULB
    crossings = np.abs(np.diff(above.astype(int), append=int(above[0]))).reshape(-1, 24).sum(1)
    if not crossings.any():
        raise InputError(
            f"task 'shoulder-season': the wet bulb of {weather.name!r} never crosses {FREE_COOLING_WET_BULB:g} degC"
        )
    count = np.convolve(np.concatenate([crossings, crossings[: days - 1]]), np.ones(days), "valid")
    return float(np.argmax(count)) * DAY_S


def stepped_load(load: np.ndarray, elapsed_s: np.ndarray, random: RandomNumbers) -> np.ndarray:
    """Half load, then 30 points more from a drawn hour on for six hours; half of the generated unevenness in time and place is kept."""
    hours = elapsed_s / HOUR_S
    uneven = load - load.mean(axis=(1, 2), keepdims=True)
    start = 4.0 + 8.0 * random.uniform(1)
    raised = (hours >= start) & (hours < start + 6.0)
    return np.clip(0.5 + 0.3 * raised[:, :, None] + 0.5 * uneven, 0.0, 1.0)


def moving_load(load: np.ndarray, elapsed_s: np.ndarray, random: RandomNumbers) -> np.ndarray:
    """A hump of 40 points that travels along the hall and back, once in a drawn 4 to 8 hours; the hall's mean stays as generated."""
    groups = load.shape[2]
    place = (np.arange(groups) + 0.5) / groups
    period, phase = (4.0 + 4.0 * random.uniform(1)) * HOUR_S, random.uniform(1)
    turn = np.abs((elapsed_s / period + phase) % 1.0 * 2.0 - 1.0)
    hump = np.exp(-0.5 * ((place - turn[:, :, None]) / 0.15) ** 2)
    return np.clip(load + 0.4 * (hump - hump.mean(axis=2, keepdims=True)), 0.0, 1.0)


def full_load(load: np.ndarray, elapsed_s: np.ndarray, random: RandomNumbers) -> np.ndarray:
    """The generated load lifted so that its mean is 85 %, its shape and unevenness kept."""
    return np.clip(load + (HIGH_LOAD - load.mean(axis=(1, 2), keepdims=True)), 0.0, 1.0)


STORAGE = ("chilled_water", "chillers", "coils", "tower")
"""What a hall needs for a tank or for machines that are staged."""

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="heat-wave",
            meaning="the three most humid days of the year warmed to a mean wet bulb of 29.5 degC, 4 K above what towers are rated for, "
            "at 85 % load, chillers without reserve: capacity binds",
            episode_days=3.0,
            find_start=hottest_days,
            wave_wet_bulb=29.5,
            reload=full_load,
            # In steps of 1 or 2 % the least at which the tuned resets trip in none of five climates: in the afternoons all there is
            # runs at its limit and the water comes too warm; with 1 or 2 % less the hall runs away in some of them.
            # The liquid-cooled hall's chillers see its air side only, a fifth of the heat.
            chiller_reserve={"enterprise-1mw": 0.94, "hyperscale-10mw": 1.13, "ai-d2c-20mw": 0.23},
        ),
        Task(name="load-step", meaning="30 points more load within one step, for six hours", reload=stepped_load),
        Task(
            name="crah-failure",
            meaning="one of the CRAH groups stops for three hours",
            episode_days=0.25,
            control_interval_s=60.0,
            outages=(Outage("crah", 1, (0.5, 1.5), 3.0),),
        ),
        Task(
            name="chiller-trip",
            meaning="all chillers but one trip for 20 minutes and load up again one by one",
            episode_days=0.25,
            control_interval_s=60.0,
            outages=(Outage("chiller", -1, (0.5, 2.0), 1.0 / 3.0),),
        ),
        Task(
            name="compressor-trip",
            meaning="the compressor of one direct-expansion unit stops for half an hour while its fan blows on: what it returns is hot",
            episode_days=0.25,
            control_interval_s=60.0,
            outages=(Outage("dx_unit", 1, (0.5, 1.5), 0.5),),
        ),
        Task(
            name="fouled-condensers",
            meaning="the three warmest days of the year at 85 % load with fouled condensers: direct-expansion units give 77 % of their "
            "capacity, which binds where it gets hot",
            episode_days=3.0,
            find_start=warmest_days,
            reload=full_load,
            # In steps of 1 % the least at which neither full fans nor the resets trip in any built-in climate.
            derated={"dx_unit": 0.77},
        ),
        Task(
            name="cdu-failure",
            meaning="on the warmest day of the year a power feed of one CDU group fails for three hours: a quarter of its coolant pumps is "
            "left, and its chips stay below their limit only if they get colder coolant",
            episode_days=0.25,
            control_interval_s=60.0,
            find_start=warmest_noon,
            outages=(Outage("cdu_pump", 1, (0.5, 1.5), 3.0, remaining=0.25),),
        ),
        Task(
            name="dry-cooler-failure",
            meaning="the three warmest days of the year at 85 % load with 70 % of the dry coolers' fans: facility water gets warmer than asked "
            "for, and in hot climates chips reach their limit",
            episode_days=3.0,
            find_start=warmest_days,
            reload=full_load,
            derated={"dry_cooler_fan": 0.7},
        ),
        Task(
            name="one-job",
            meaning="a single job takes the whole hall: all its racks go between idle and full load within the same second, all day",
            workload="ai-one-job",
            sections=("liquid",),
        ),
        Task(
            name="shoulder-season",
            meaning="the week in which the wet bulb crosses the free-cooling boundary most often; "
            "an ordinary week for a hall without economizer",
            episode_days=7.0,
            find_start=most_crossings,
        ),
        Task(name="moving-load", meaning="a hump of load travels along the hall and back", reload=moving_load),
        Task(
            name="tou-tank",
            meaning="a chilled-water tank for four hours of design flow, electricity twice as dear from noon to eight; cost is rewarded",
            changes=with_tank,
            sections=STORAGE,
            grid="tou-2to1",
            # facility power in units of the year's mean price: a kelvin of inlet still costs more than it saves at the peak
            weights={"thermal_power": 0.0, "energy_cost": 1.0 / US_INDUSTRIAL_PRICE_PER_KWH},
        ),
        Task(
            name="carbon-tank",
            meaning="the same tank on a grid that is 1.7 times as dirty by night as by day; carbon is rewarded",
            changes=with_tank,
            sections=STORAGE,
            grid="solar",
            weights={"thermal_power": 0.0, "carbon": 1.0 / US_KG_CO2_PER_KWH},
        ),
        Task(
            name="staging",
            meaning="the controller chooses how many chillers, pumps and tower cells run; chillers have minimum times and starts cost energy",
            changes=with_staging,
            sections=STORAGE,
        ),
        Task(
            name="outdoor-air",
            meaning="mixing boxes let outdoor air in, which wetted pads cool, as long as dry bulb, dew point and enthalpy allow it",
            changes=with_outdoor_air,
            sections=("moisture",),
        ),
    )
}


def tasks_for(hall: Hall) -> list[str]:
    """Names of the tasks that a hall has the equipment for."""
    return [name for name, task in TASKS.items() if not task.lacking(hall)]
