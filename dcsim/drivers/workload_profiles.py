"""Statistical profiles of IT load: what the seeded generator of `dcsim.drivers.workload` draws from."""

import dataclasses
import math
from typing import NamedTuple

__all__ = ["PROFILES", "HallStatistics", "Jobs", "Noise", "Shifts", "WorkloadProfile"]

_HOUR = 3600.0
_DAY = 86_400.0


class Noise(NamedTuple):
    """A Gaussian disturbance that forgets exponentially (Ornstein-Uhlenbeck, AR(1) when sampled)."""

    deviation: float  # standard deviation, of the hall: fraction of capacity; of groups: see WorkloadProfile
    time: float  # correlation time [s]: the autocorrelation falls to 1/e


class Jobs(NamedTuple):
    """Batch jobs that arrive at random (Poisson), run for a log-normal time and load a block of neighboring groups."""

    running: float  # mean number of jobs on a group
    load: float  # utilization that a job adds to each of its groups while it runs
    time_median: float  # median run time [s]
    time_spread: float  # standard deviation of the logarithm of the run time: the heavy tail
    width: float  # scale of the share of the hall's groups that one job takes; 0: always one group

    @property
    def time_mean(self) -> float:
        """Mean run time [s]."""
        return self.time_median * math.exp(0.5 * self.time_spread**2)


class Shifts(NamedTuple):
    """Load handed to or taken from the whole hall by a scheduler or a failover: ramps between levels."""

    per_day: float  # mean number of shifts a day
    deviation: float  # standard deviation of the height, fraction of capacity
    hold_time: float  # mean time a shift lasts [s]
    ramp_time: float  # time from the old level to the new [s]


class HallStatistics(NamedTuple):
    """Statistics of the load of a hall, the mean over its groups; NaN: not stated."""

    mean: float
    deviation: float  # standard deviation
    low: float  # 5th percentile
    high: float  # 95th percentile
    daily_amplitude: float  # of the 24 h harmonic
    weekend_ratio: float  # mean of Saturdays and Sundays over mean of the other days
    correlation_5min: float  # autocorrelation at this lag of what is left without the mean day
    correlation_1h: float
    correlation_6h: float
    correlation_24h: float
    change_1h: float  # standard deviation of the change from one hourly mean to the next


_NOT_STATED = HallStatistics(*(math.nan,) * 11)


@dataclasses.dataclass(frozen=True)
class WorkloadProfile:
    """Parameters of the load generator. Loads are utilizations, fractions of what the IT equipment can do.

    Attributes
    ----------
    name : str
        Built-in name.
    level : float
        Weekday mean without jobs.
    daily_amplitude : float
        Half of the swing from the daily low to the daily high.
    peak_hour : float
        Local standard hour of the daily high [h].
    weekend_drop : float
        By how much Saturday and Sunday lie lower.
    noise : tuple of Noise
        Disturbances common to the hall.
    jobs : Jobs or None
        Batch jobs on single groups or blocks of them.
    shifts : Shifts or None
        Ramps of the whole hall.
    spread : Noise
        Slowly wandering differences between groups: some are hot, and which ones changes with the correlation time. The
        deviation is that of a group at half load, ``4 u (1 - u)`` of it at load u: full and idle halls are even.
    group_noise : Noise
        Fast disturbance of each group by itself, scaled alike.
    source : str
        Where the numbers come from.
    published : HallStatistics
        What the source says about a hall, as far as it says it; the generator is held to it by a test.
    """

    name: str
    level: float
    daily_amplitude: float
    peak_hour: float
    weekend_drop: float
    noise: tuple[Noise, ...]
    jobs: Jobs | None
    shifts: Shifts | None
    spread: Noise
    group_noise: Noise
    source: str
    published: HallStatistics = _NOT_STATED


#: Run times of CPU jobs: fitted to the runs above half load of the virtual machines in Bitbrains GWA-T-12 (1786 runs:
#: median 0.25 h, mean 1.5 h, deviation of the logarithm 1.40, 99th percentile 22 h).
_CPU_JOB_TIMES = {"time_median": 600.0, "time_spread": 1.9}

#: Run times of GPU jobs: fitted to the runs above half load of three servers of Cornell BioHPC (731 runs, hourly:
#: median 2 to 3 h, mean 9.2 to 11.1 h, deviation of the logarithm 1.20 to 1.29, 99th percentile 78 to 117 h).
_GPU_JOB_TIMES = {"time_median": 2 * _HOUR, "time_spread": 1.7}

#: Differences between groups. Racks of RISE's POD 2 under equal load differ by 10 to 12 % of their mean power;
#: schedulers add to that: assumed 16 % of half load. Nobody publishes how fast the order of racks changes: assumed two
#: days.
_SPREAD = Noise(0.08, 2 * _DAY)

#: Fast noise of a group of racks. Single cloud servers change by 0.8 to 5 % of capacity from one 5 min to the next
#: (Numenta Anomaly Benchmark); for a group of tens to hundreds of servers with common causes 4 % over half an hour are
#: assumed.
_GROUP_NOISE = Noise(0.04, 1800.0)

_ENTERPRISE = WorkloadProfile(
    name="enterprise",
    level=0.448,
    daily_amplitude=0.066,
    peak_hour=14.0,  # assumed: office hours
    weekend_drop=0.085,
    noise=(Noise(0.034, 30 * _HOUR), Noise(0.053, 3.5 * _HOUR), Noise(0.022, 1500.0)),
    jobs=Jobs(running=0.15, load=0.15, width=0.0, **_CPU_JOB_TIMES),  # share and height assumed
    shifts=Shifts(per_day=0.5, deviation=0.05, hold_time=4 * _HOUR, ramp_time=900.0),  # assumed
    spread=_SPREAD,
    group_noise=_GROUP_NOISE,
    source=(
        "range 30 to 60 %: assumed, a legacy hall; deviation: Alibaba cluster data, hourly (0.091); daily and weekly "
        "shape in relation to the mean, correlations: Bitbrains GWA-T-12, 50 machines of enterprise customers, 30 days"
    ),
    published=HallStatistics(
        mean=0.45,
        deviation=0.091,
        low=0.30,
        high=0.60,
        daily_amplitude=0.066,
        weekend_ratio=0.814,
        correlation_5min=0.975,
        correlation_1h=0.848,
        correlation_6h=0.466,
        correlation_24h=0.153,
        change_1h=0.038,
    ),
)

_HYPERSCALE = WorkloadProfile(
    name="hyperscale",
    level=0.662,
    daily_amplitude=0.035,
    peak_hour=20.0,  # assumed: evening use; the trace's clock is uncertain
    weekend_drop=0.10,
    noise=(Noise(0.056, 44 * _HOUR), Noise(0.042, 4 * _HOUR), Noise(0.033, 3600.0)),
    jobs=Jobs(running=0.15, load=0.15, width=0.05, **_CPU_JOB_TIMES),  # share, height and width assumed
    shifts=Shifts(per_day=1.0, deviation=0.06, hold_time=2 * _HOUR, ramp_time=900.0),  # assumed
    spread=_SPREAD,
    group_noise=_GROUP_NOISE,
    source="Google cluster data 2011, hourly CPU use of a cell over 28 days",
    published=HallStatistics(
        mean=0.655,
        deviation=0.091,
        low=0.512,
        high=0.812,
        daily_amplitude=0.036,
        weekend_ratio=0.859,
        correlation_5min=math.nan,
        correlation_1h=0.840,
        correlation_6h=0.568,
        correlation_24h=0.336,
        change_1h=0.051,
    ),
)

_EDGE = WorkloadProfile(
    name="edge",
    level=0.335,
    daily_amplitude=0.10,
    peak_hour=20.0,  # assumed: people at home
    weekend_drop=0.0,
    noise=(Noise(0.030, 30 * _HOUR), Noise(0.040, 4 * _HOUR), Noise(0.020, 1200.0)),
    jobs=Jobs(running=0.10, load=0.20, width=0.0, **_CPU_JOB_TIMES),  # share and height assumed
    shifts=None,
    spread=Noise(0.10, 2 * _DAY),  # assumed: few racks, less evened out
    group_noise=Noise(0.06, 1200.0),  # assumed: few servers a rack
    source="range 20 to 50 % by day and night: assumed, local users; correlation times as enterprise",
    published=_NOT_STATED._replace(mean=0.35, low=0.20, high=0.50),
)

_AI = WorkloadProfile(
    name="ai",
    level=0.30,
    daily_amplitude=0.0,
    peak_hour=0.0,
    weekend_drop=0.0,
    noise=(Noise(0.005, 600.0),),
    # Assumed: 70 % of the groups busy, jobs on blocks of neighboring racks.
    jobs=Jobs(running=1.2, load=0.70, width=0.15, **_GPU_JOB_TIMES),
    shifts=None,
    spread=Noise(0.01, 2 * _DAY),
    group_noise=Noise(0.01, 600.0),
    source="steps between 30 and 100 %: assumed, synchronous training; run times: Cornell BioHPC, three GPU servers",
)

_FLAT = WorkloadProfile(
    name="flat",
    level=0.50,
    daily_amplitude=0.0,
    peak_hour=0.0,
    weekend_drop=0.0,
    noise=(),
    jobs=None,
    shifts=None,
    spread=Noise(0.0, _DAY),
    group_noise=Noise(0.0, _HOUR),
    source="a constant, for step studies and tests",
)

#: Built-in profiles by name.
PROFILES: dict[str, WorkloadProfile] = {
    profile.name: profile for profile in (_ENTERPRISE, _HYPERSCALE, _EDGE, _AI, _FLAT)
}
