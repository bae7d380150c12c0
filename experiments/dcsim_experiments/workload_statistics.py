"""Compare the IT load generator with published traces: a table and a figure.

    DCSIM_DATA=<folder of the traces> python -m dcsim_experiments.workload_statistics --out runs/workload

Traces, all below the folder (none is part of dcsim):

- Google cluster data 2011, hourly CPU use of a cell, 28 days (the file repeats after that);
- Alibaba cluster data, hourly CPU use, one week (the file repeats it; its hours are shuffled or averaged oddly: the
  correlation after 1 h is that after 8 h, so only its distribution is used);
- Bitbrains GWA-T-12, 50 virtual machines of enterprise customers, 5 minutes, 30 days;
- Numenta Anomaly Benchmark, CPU use of single cloud servers, 5 minutes, 14 days;
- Cornell BioHPC, GPU use of three servers, hourly, 1.8 to 3 years.

The same statistics are computed from the trace and from many seeds of the generator over the same span and step, so
that what a short trace biases is biased in both. Every line gives trace, mean over seeds and deviation over seeds.
"""

import argparse
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcsim.drivers import WORKLOAD_PROFILES, GeneratedWorkload
from dcsim.drivers.workload_profiles import HallStatistics, Jobs
from dcsim.errors import InputError

Array = NDArray[np.float64]

#: Rack groups of the generated hall, and seeds.
GROUPS = 20
SEEDS = 48

RUN_STATISTICS = ("median [h]", "mean [h]", "deviation of log", "90th percentile [h]", "99th percentile [h]")


def hall_statistics(load: Array, interval_s: float, weekday: NDArray[np.int64] | None = None) -> HallStatistics:
    """Return the statistics of the load of a hall over whole days.

    Parameters
    ----------
    load : ndarray, shape (T,)
        Utilization, 0 to 1.
    interval_s : float
        Step [s].
    weekday : ndarray, shape (T,), optional
        Weekday of each step, Monday = 0; without it there is no weekend.

    Returns
    -------
    HallStatistics
        NaN where the step is too long for a lag, or no weekday is known.
    """
    per_day = round(86_400.0 / interval_s)
    length = len(load) // per_day * per_day
    load = load[:length]
    remainder = _without_mean_day(load, per_day)
    phase = np.exp(-2j * np.pi * np.arange(length) / per_day)
    weekend_ratio = np.nan
    if weekday is not None:
        is_weekend = weekday[:length] >= 5
        weekend_ratio = load[is_weekend].mean() / load[~is_weekend].mean()
    hourly = load.reshape(-1, round(3600.0 / interval_s)).mean(axis=1)
    return HallStatistics(
        mean=float(load.mean()),
        deviation=float(load.std()),
        low=float(np.percentile(load, 5)),
        high=float(np.percentile(load, 95)),
        daily_amplitude=float(2.0 * abs((load * phase).mean())),
        weekend_ratio=float(weekend_ratio),
        correlation_5min=_correlation(remainder, 300.0 / interval_s),
        correlation_1h=_correlation(remainder, 3600.0 / interval_s),
        correlation_6h=_correlation(remainder, 6 * 3600.0 / interval_s),
        correlation_24h=_correlation(remainder, 86_400.0 / interval_s),
        change_1h=float(np.diff(hourly).std()),
    )


def _without_mean_day(load: Array, per_day: int) -> Array:
    days = load[: len(load) // per_day * per_day].reshape(-1, per_day)
    return (days - days.mean(axis=0)).ravel()


def _correlation(remainder: Array, lag: float) -> float:
    if lag < 1.0:
        return float("nan")
    steps = round(lag)
    return float((remainder[:-steps] * remainder[steps:]).mean() / remainder.var())


def generated_hall(profile: str, days: int, interval_s: float, seeds: int = SEEDS) -> tuple[Array, NDArray[np.int64]]:
    """Return the load of a generated hall for many seeds, shape (N, T), and the weekday of each step, shape (T,)."""
    workload = GeneratedWorkload(WORKLOAD_PROFILES[profile], first_weekday=0)
    steps = round(days * 86_400 / interval_s)
    rows = [workload.generate([seed], 0.0, interval_s, steps, GROUPS)[0].mean(axis=1) for seed in range(seeds)]
    return np.stack(rows), (np.arange(steps) * interval_s // 86_400).astype(np.int64) % 7


def busy_runs(load: Array, threshold: float = 0.5) -> Array:
    """Return the lengths [steps] of the runs above a threshold that begin and end inside the series, shape (T,)."""
    is_busy = np.concatenate([[False], load > threshold, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(is_busy))
    begin, end = edges[::2], edges[1::2]
    return (end - begin)[(begin > 0) & (end < len(load))].astype(np.float64)


def run_statistics(hours: Array) -> Array:
    """Return the `RUN_STATISTICS` of run lengths [h]."""
    return np.array(
        [np.median(hours), hours.mean(), np.log(hours).std(), np.percentile(hours, 90), np.percentile(hours, 99)]
    )


def generated_runs(jobs: Jobs, running: float, interval_s: float, days: int, seed: int) -> Array:
    """Return the lengths [h] of the runs above half load of single groups that carry a profile's jobs and nothing else.

    Parameters
    ----------
    jobs : Jobs
        Their run times count; height and width are replaced.
    running : float
        Mean number of jobs on a group: that of the trace, so that as many of them overlap.
    interval_s : float
        Step [s].
    days : int
        Span.
    seed : int
        Seed.
    """
    profile = dataclasses.replace(
        WORKLOAD_PROFILES["flat"], level=0.1, jobs=jobs._replace(running=running, load=0.8, width=0.0)
    )
    load = GeneratedWorkload(profile).generate([seed], 0.0, interval_s, round(days * 86_400 / interval_s), GROUPS)[0]
    return np.concatenate([busy_runs(column) for column in load.T]) * interval_s / 3600.0


@dataclasses.dataclass
class Traces:
    """The published traces."""

    google: Array  # (672,) hourly
    google_weekday: NDArray[np.int64]
    alibaba: Array  # (168,) hourly
    bitbrains: Array  # (T,) 5 min, from a midnight on
    bitbrains_weekday: NDArray[np.int64]
    cpu_runs: Array  # [h] runs above half load of virtual machines
    cpu_busy: float  # share of time of the machines that have such runs
    gpu_runs: Array  # [h]
    gpu_busy: float
    server_change: dict[str, float]  # deviation of the 5 min change of single servers


def read_traces(folder: Path) -> Traces:
    """Read the traces from their folder.

    Raises
    ------
    InputError
        If a file is missing.
    """
    traces = folder / "workload_traces"
    for needed in (traces, folder / "nab_it_timeseries", folder / "cornell_biohpc_gpu"):
        if not needed.is_dir():
            raise InputError(f"{needed}: no such folder; DCSIM_DATA must name the folder of the traces")
    google = pd.read_csv(traces / "GoogleClusteData_CPU_Data_Hourly_1.csv.gz").cpu_load_frac.to_numpy()[:672]
    # The 2011 trace starts on Sunday, 1 May, 19:00 local time (Reiss et al., format and schema, 2011).
    google_weekday = ((np.arange(672) + 19) // 24 + 6) % 7
    alibaba = pd.read_csv(traces / "Alibaba_CPU_Data_Hourly_1.csv.gz").cpu_load_frac.to_numpy()[:168]
    bitbrains = pd.read_csv(traces / "bitbrains50_5min_aggregate.csv.gz", parse_dates=["time_utc"])
    local = bitbrains.time_utc.dt.tz_convert("Europe/Amsterdam")
    midnight = int(np.flatnonzero((local.dt.hour == 0) & (local.dt.minute == 0))[0])
    cpu_runs, cpu_busy = _machine_runs(traces)
    gpu = [pd.read_csv(path).utilave.to_numpy() / 100.0 for path in _files(folder / "cornell_biohpc_gpu", "*_hourly*")]
    servers = {}
    for path in _files(folder / "nab_it_timeseries", "*cpu_utilization*"):
        servers[path.name.split(".")[0]] = float(pd.read_csv(path).value.diff().std() / 100.0)
    return Traces(
        google=google,
        google_weekday=google_weekday,
        alibaba=alibaba,
        bitbrains=(bitbrains.cpu_used_MHz / bitbrains.capacity_MHz).to_numpy()[midnight:],
        bitbrains_weekday=local.dt.day_of_week.to_numpy()[midnight:].astype(np.int64),
        cpu_runs=cpu_runs,
        cpu_busy=cpu_busy,
        gpu_runs=np.concatenate([busy_runs(one) for one in gpu]),
        gpu_busy=float(np.mean(np.concatenate(gpu) > 0.5)),
        server_change=servers,
    )


def _files(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: no file matches '{pattern}'")
    return found


def _machine_runs(traces: Path) -> tuple[Array, float]:
    machines = pd.read_parquet(traces / "bitbrains50_vm_meta.parquet").set_index("id").cpu_capacity
    samples = pd.read_parquet(traces / "bitbrains50_vm_trace.parquet")
    samples["time"] = samples.timestamp.dt.floor("5min")
    use = samples.groupby(["time", "id"]).cpu_usage.mean().unstack().div(machines, axis=1).ffill(limit=12)
    runs, busy = [], []
    for machine in use.columns:
        load = use[machine].dropna().to_numpy()
        lengths = busy_runs(load)
        if len(load) > 2000 and len(lengths):  # a week at least
            runs.append(lengths)
            busy.append(load > 0.5)
    return np.concatenate(runs) / 12.0, float(np.concatenate(busy).mean())


def in_relation(statistics: HallStatistics, mean: float, deviation: float) -> HallStatistics:
    """Return the statistics of a trace that lends only its shape: swings follow the mean, changes the deviation."""
    return statistics._replace(
        mean=np.nan,
        deviation=np.nan,
        low=np.nan,
        high=np.nan,
        daily_amplitude=statistics.daily_amplitude * mean / statistics.mean,
        change_1h=statistics.change_1h * deviation / statistics.deviation,
    )


def compare(traces: Traces) -> list[dict[str, object]]:
    """Return one row per trace and statistic: trace, generator's mean over seeds and its deviation over seeds."""
    rows: list[dict[str, object]] = []

    def add(trace: str, profile: str, names: tuple[str, ...], published: Array, generated: Array) -> None:
        for name, value, mean, deviation in zip(
            names, published, generated.mean(axis=0), generated.std(axis=0), strict=True
        ):
            if np.isfinite(value):
                rows.append(
                    {
                        "trace": trace,
                        "profile": profile,
                        "statistic": name,
                        "trace_value": round(float(value), 4),
                        "generator": round(float(mean), 4),
                        "deviation_over_seeds": round(float(deviation), 4),
                    }
                )

    enterprise = WORKLOAD_PROFILES["enterprise"].published
    halls = (
        ("Google 2011", "hyperscale", 28, 3600.0, hall_statistics(traces.google, 3600.0, traces.google_weekday)),
        (
            "Bitbrains, in relation",
            "enterprise",
            30,
            300.0,
            in_relation(
                hall_statistics(traces.bitbrains, 300.0, traces.bitbrains_weekday),
                enterprise.mean,
                enterprise.deviation,
            ),
        ),
        (
            "Alibaba, distribution",
            "enterprise",
            7,
            3600.0,
            HallStatistics(*hall_statistics(traces.alibaba, 3600.0)[:4], *(np.nan,) * 7),
        ),
    )
    for trace, profile, days, interval_s, statistics in halls:
        load, weekday = generated_hall(profile, days, interval_s)
        generated = np.array([hall_statistics(row, interval_s, weekday) for row in load])
        add(trace, profile, HallStatistics._fields, np.array(statistics), generated)
    for trace, profile, runs, busy, interval_s, days in (
        ("Bitbrains machines", "enterprise", traces.cpu_runs, traces.cpu_busy, 300.0, 30),
        ("Cornell GPU servers", "ai", traces.gpu_runs, traces.gpu_busy, 3600.0, 900),
    ):
        jobs = WORKLOAD_PROFILES[profile].jobs
        assert jobs is not None
        running = -np.log1p(-busy)  # as many jobs as leave a group idle for the rest of the time
        generated = np.array(
            [run_statistics(generated_runs(jobs, running, interval_s, days, seed)) for seed in range(12)]
        )
        add(trace, f"{profile} jobs", RUN_STATISTICS, run_statistics(runs), generated)
    return rows


def draw(traces: Traces, path: Path) -> None:
    """Draw a week, the autocorrelation and the run times of traces and generator."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    for axis, trace, days, interval_s, profile, label in (
        (axes[0, 0], traces.google, 28, 3600.0, "hyperscale", "Google 2011"),
        (axes[0, 1], traces.bitbrains, 30, 300.0, "enterprise", "Bitbrains, scaled"),
    ):
        load, _ = generated_hall(profile, days, interval_s, 12)
        mean, deviation = load.mean(), load.std()
        week = round(7 * 86_400 / interval_s)
        day = np.arange(week) * interval_s / 86_400.0
        axis.plot(day, mean + (trace[:week] - trace.mean()) * deviation / trace.std(), color="black", label=label)
        for row in load[:2]:
            axis.plot(day, row[:week], alpha=0.7, label=f"generator, {profile}")
        axis.set(xlabel="day", ylabel="utilization of the hall", ylim=(0, 1))
        axis.legend(fontsize=8)
        lag = np.arange(1, round(48 * 3600 / interval_s), max(1, round(1800 / interval_s)))
        for series, style, name in ((trace[None], "-", label), (load, "--", f"generator, {profile}")):
            remainders = [_without_mean_day(row, round(86_400 / interval_s)) for row in series]
            correlation = [np.mean([_correlation(one, float(step)) for one in remainders]) for step in lag]
            axes[1, 0].plot(lag * interval_s / 3600.0, correlation, style, label=name)
    axes[1, 0].set(xlabel="lag [h]", ylabel="autocorrelation without the mean day")
    axes[1, 0].legend(fontsize=8)
    for runs, profile, busy, interval_s, days, label in (
        (traces.cpu_runs, "enterprise", traces.cpu_busy, 300.0, 30, "Bitbrains machines"),
        (traces.gpu_runs, "ai", traces.gpu_busy, 3600.0, 900, "Cornell GPU servers"),
    ):
        jobs = WORKLOAD_PROFILES[profile].jobs
        assert jobs is not None
        generated = generated_runs(jobs, -np.log1p(-busy), interval_s, days, 0)
        for values, style, name in ((runs, "-", label), (generated, "--", f"generator, {profile} jobs")):
            ordered = np.sort(values)
            axes[1, 1].loglog(ordered, 1.0 - np.arange(len(ordered)) / len(ordered), style, label=name)
    axes[1, 1].set(xlabel="run above half load [h]", ylabel="share of longer runs")
    axes[1, 1].legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Parse the command line, print the table and write table and figure."""
    parser = argparse.ArgumentParser(description="Compare the IT load generator with published traces.")
    parser.add_argument("--data", type=Path, default=os.environ.get("DCSIM_DATA"), help="folder of the traces")
    parser.add_argument("--out", type=Path, default=Path("runs/workload_statistics"), help="folder to write into")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("no traces: set DCSIM_DATA or give --data")
    try:
        traces = read_traces(Path(arguments.data))
    except InputError as error:
        parser.error(str(error))
    rows = compare(traces)
    print(f"{'trace':24}{'generator':18}{'statistic':22}{'trace':>9}{'generator':>11}{'+-':>8}")
    for row in rows:
        print(
            f"{row['trace']:24}{row['profile']:18}{row['statistic']:22}"
            f"{row['trace_value']:>9}{row['generator']:>11}{row['deviation_over_seeds']:>8}"
        )
    for server, change in traces.server_change.items():
        print(f"5 min change of {server}: {change:.4f} of capacity")
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = {"rows": rows, "server_change_5min": traces.server_change}
    (arguments.out / "workload_statistics.json").write_text(json.dumps(table, indent=1), encoding="utf-8")
    draw(traces, arguments.out / "workload_statistics.png")
    print(arguments.out)


if __name__ == "__main__":
    main()
