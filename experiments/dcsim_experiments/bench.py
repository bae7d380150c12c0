"""``dcsim bench``: how many control steps a second, by engine, batch size and precision, and beside EnergyPlus.

Every case is timed for a short while in each of several rounds that go through all cases, so that a slow spell of the
machine falls on all alike. The median over the rounds is what is reported; the best round stands beside it.
"""

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

import dcsim  # noqa: F401  (registers the environments)
from dcsim.errors import InputError
from dcsim_experiments import energyplus_peer
from dcsim_experiments.compare import settings
from dcsim_experiments.config import BenchConfig, check_at_least, check_env
from dcsim_experiments.run_folder import RunFolder, machine, package_versions

RESULT_FILE = "bench.json"
ENGINES = (("fused", "float64"), ("fused", "float32"), ("numpy", "float64"))
PEER_DAYS = 60  # of EnergyPlus in each round
PEER_BATCH = 1024  # environments that stand beside one EnergyPlus
BUSY = 0.5  # running processes a core from which the rates cannot be trusted
ACTIONS = 64  # random ones, drawn beforehand and used in turn


@dataclass
class Case:
    """One thing to time.

    Attributes
    ----------
    kind : str
        ``env`` (a full ``env.step`` of the single environment), ``vector_env`` (of the native vector environment, resets
        included) or ``engine`` (the plant's control step alone).
    engine, dtype : str
    num_envs : int
    control_interval_s : float
    advance : callable
        Makes one step.
    rates : list of float
        Control steps a second, over all environments, in each round.
    """

    kind: str
    engine: str
    dtype: str
    num_envs: int
    control_interval_s: float
    advance: Callable[[], Any]
    rates: list[float] = field(default_factory=list)

    def time(self, seconds: float) -> None:
        """Step for about so long and keep the rate."""
        steps, begun = 0, time.perf_counter()
        while True:
            self.advance()
            steps += 1
            passed = time.perf_counter() - begun
            if passed >= seconds:
                break
        self.rates.append(steps * self.num_envs / passed)


def main(config: BenchConfig, command: str | None = None) -> Path:
    """Time everything, print it, write the results.

    Parameters
    ----------
    config : BenchConfig
    command : str, optional
        As typed.

    Returns
    -------
    Path
        Folder with ``bench.json`` and ``steps_per_second.png``.

    Raises
    ------
    InputError
        If an option is wrong, or EnergyPlus is asked for and not installed.
    """
    check_env(config.env)
    check_at_least(1, repeats=config.repeats, threads=config.threads, batches=min(config.batches, default=0))
    check_at_least(0, seed=config.seed, seconds=config.seconds)
    if config.peers and not energyplus_peer.available():
        raise InputError("--peers: EnergyPlus is not installed; pip install 'dcsim[validation]', or leave --peers out")
    folder = RunFolder(config.out, "bench", settings(config), config.seed, RESULT_FILE)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # of others: nothing was run yet
    cases = [*hall_cases(config), *(peer_cases(config) if config.peers else ())]
    peers: list[energyplus_peer.PeerResult] = []
    for case in cases:
        case.advance()  # first calls set things up
    rounds = len(cases) + config.peers
    with tqdm(total=config.repeats * rounds, desc="bench", unit="case", disable=None) as bar:
        for _ in range(config.repeats):
            for case in cases:
                case.time(config.seconds)
                bar.update()
            if config.peers:
                peers.append(energyplus_peer.measure(days=PEER_DAYS))
                bar.update()
    racks = int(gym.make(config.env, disable_env_checker=True).unwrapped.batch.config.hall.racks)  # type: ignore[attr-defined]
    content: dict[str, Any] = {
        "env": config.env,
        "machine": {**machine(), "load": load},
        "packages": package_versions(),
        "results": [row(case, racks, config.threads) for case in cases],
        "import_s": import_time(),
        "reset_ms": {str(count): reset_time(config, count) for count in config.batches},
        "memory_kib_per_env": memory(config),
        "energyplus": against(peers, cases) if peers else None,
        **({"command": command} if command else {}),
    }
    print(report(content))
    plot(content).savefig(folder.path / "steps_per_second.png", dpi=150)
    folder.write(RESULT_FILE, content)
    return folder.path


def hall_cases(config: BenchConfig) -> list[Case]:
    """Return the cases of all engines, precisions and batches, and the single environment."""
    cases = [env_case(config, *ENGINES[0])]
    for engine, dtype in ENGINES:
        for count in config.batches:
            cases.append(engine_case(config, engine, dtype, count))
            cases.append(vector_case(config, engine, dtype, count))
    return cases


def peer_cases(config: BenchConfig) -> list[Case]:
    """Return the cases that stand beside EnergyPlus, with its time step."""
    interval = float(energyplus_peer.EnergyPlusModel().time_step)
    return [
        env_case(config, *ENGINES[0], control_interval_s=interval),
        vector_case(config, *ENGINES[0], PEER_BATCH, control_interval_s=interval),
    ]


def env_case(config: BenchConfig, engine: str, dtype: str, **keywords: Any) -> Case:
    """Full steps of the single environment with random actions; an episode that ends is followed by a reset."""
    env = gym.make(
        config.env, disable_env_checker=True, engine=engine, dtype=dtype, threads=config.threads, **keywords
    ).unwrapped
    actions = drawn(env.action_space.shape, config.seed)
    env.reset(seed=config.seed)
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        _, _, terminated, truncated, _ = env.step(actions[count % ACTIONS])
        if terminated or truncated:
            env.reset()

    return Case("env", engine, dtype, 1, _interval(env), advance)


def vector_case(config: BenchConfig, engine: str, dtype: str, num_envs: int, **keywords: Any) -> Case:
    """Full steps of the vector environment with random actions, its own resets included."""
    env: Any = gym.make_vec(
        config.env, num_envs=num_envs, engine=engine, dtype=dtype, threads=config.threads, **keywords
    )
    actions = drawn(env.action_space.shape, config.seed)
    env.reset(seed=config.seed)
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        env.step(actions[count % ACTIONS])

    return Case("vector_env", engine, dtype, num_envs, _interval(env.unwrapped), advance)


def engine_case(config: BenchConfig, engine: str, dtype: str, num_envs: int) -> Case:
    """Control steps of the plant alone, from a settled start with the set-points it settled at."""
    env: Any = gym.make_vec(config.env, num_envs=num_envs, engine=engine, dtype=dtype, threads=config.threads)
    env.reset(seed=config.seed)
    batch = env.unwrapped.batch
    settled = batch.config
    state = np.concatenate(batch.state)
    inputs = np.concatenate([batch.view(f"input.{name}") for name in settled.hall.input_rows])

    def advance() -> None:
        settled.engine.step(state, inputs, settled.control_interval_s, substeps=settled.substeps)

    return Case("engine", engine, dtype, num_envs, settled.control_interval_s, advance)


def drawn(shape: tuple[int, ...] | None, seed: int) -> np.ndarray:
    """Return random actions of a shape."""
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (ACTIONS, *(shape or ()))).astype(np.float32)


def _interval(env: Any) -> float:
    return float(env.batch.config.control_interval_s)


def row(case: Case, racks: int, threads: int) -> dict[str, Any]:
    """Return what ``bench.json`` says of a case."""
    return {
        "kind": case.kind,
        "engine": case.engine,
        "dtype": case.dtype,
        "num_envs": case.num_envs,
        "racks": racks,
        "threads": threads,
        "control_interval_s": case.control_interval_s,
        "steps_per_s": float(np.median(case.rates)),
        "steps_per_s_best": max(case.rates),
    }


def import_time() -> float:
    """Return the seconds that ``import dcsim`` takes in a new process, the best of three."""
    code = "import time; begun = time.perf_counter(); import dcsim; print(time.perf_counter() - begun)"
    return min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )


def reset_time(config: BenchConfig, num_envs: int) -> float:
    """Return the milliseconds of a reset of all environments of a batch, the median of five."""
    env: Any = gym.make_vec(config.env, num_envs=num_envs)
    env.reset(seed=config.seed)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        env.reset()
        times.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(times))


def memory(config: BenchConfig) -> float:
    """Return the KiB that one more environment in a batch takes."""

    def taken(num_envs: int) -> int:
        tracemalloc.start()
        env: Any = gym.make_vec(config.env, num_envs=num_envs)
        env.reset(seed=config.seed)
        env.step(env.action_space.sample())
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    taken(1)  # what is shared by all is loaded now
    return (taken(256) - taken(64)) / (256 - 64) / 1024.0


def against(peers: Sequence[energyplus_peer.PeerResult], cases: Sequence[Case]) -> dict[str, Any]:
    """Return EnergyPlus's speed and dcsim's over it, at the same time step."""
    rate = float(np.median([peer.steps_per_s for peer in peers]))
    interval = float(peers[0].time_step)
    best = max(peer.steps_per_s for peer in peers)
    same = {case.kind: case for case in cases if case.control_interval_s == interval}
    return {
        "engine": peers[0].engine,
        "time_step_s": interval,
        "steps_per_s": rate,
        "steps_per_s_best": best,
        "severe_errors": max(peer.severe_errors for peer in peers),
        "ratio_one_env": float(np.median(same["env"].rates)) / rate,
        "ratio_batch_per_core": float(np.median(same["vector_env"].rates)) / rate,
        "batch": same["vector_env"].num_envs,
    }


def report(content: Mapping[str, Any]) -> str:
    """Return the measurements in lines of text."""
    lines = [
        f"{content['env']} on {content['machine']['processor']}, {content['machine']['cores']} cores",
        f"{'what':<12} {'engine':<7} {'dtype':<8} {'envs':>5} {'step':>6} {'steps/s':>12} {'best':>12}",
    ]
    lines += [
        f"{r['kind']:<12} {r['engine']:<7} {r['dtype']:<8} {r['num_envs']:>5} {r['control_interval_s']:>4.0f} s "
        f"{r['steps_per_s']:>12,.0f} {r['steps_per_s_best']:>12,.0f}"
        for r in content["results"]
    ]
    resets = ", ".join(f"{count}: {time_ms:.1f} ms" for count, time_ms in content["reset_ms"].items())
    lines += [
        f"import dcsim {content['import_s']:.2f} s; reset of a batch of {resets}; "
        f"{content['memory_kib_per_env']:.0f} KiB for one more environment"
    ]
    if content["machine"]["load"] > BUSY * content["machine"]["cores"]:
        lines += ["the machine was busy with other work when this began, so these rates are too low"]
    peer = content["energyplus"]
    if peer is not None:
        lines += [
            f"{peer['engine']} through its Python API: {peer['steps_per_s']:,.0f} steps/s of {peer['time_step_s']:.0f} s",
            f"one environment is {peer['ratio_one_env']:.1f} times as fast; {peer['batch']} environments on one thread are "
            f"{peer['ratio_batch_per_core']:.0f} times as fast, in control steps of the same length",
        ]
    return "\n".join(lines)


def plot(content: Mapping[str, Any]) -> Any:
    """Return the figure of steps a second over batch size."""
    from dcsim.plots.palette import FAINT, INK
    from dcsim.plots.style import house_style, new_figure

    interval = content["results"][0]["control_interval_s"]
    rows = [r for r in content["results"] if r["control_interval_s"] == interval]
    with house_style():
        figure = new_figure(7.0, 4.5)
        axes = figure.add_subplot()
        colors = dict(zip(ENGINES, ("#0072B2", "#D55E00", "#009E73"), strict=True))
        for (engine, dtype), color in colors.items():
            for kind, line in (("engine", "--"), ("vector_env", "-")):
                here = [r for r in rows if (r["kind"], r["engine"], r["dtype"]) == (kind, engine, dtype)]
                label = f"{engine} {dtype}, {'plant alone' if kind == 'engine' else 'full env.step'}"
                axes.plot(
                    [r["num_envs"] for r in here],
                    [r["steps_per_s"] for r in here],
                    line,
                    color=color,
                    marker="o",
                    markersize=3.5,
                    label=label,
                )
        single = next(r for r in rows if r["kind"] == "env")
        axes.plot([1], [single["steps_per_s"]], "D", color=INK, label="single environment, full env.step", zorder=3)
        peer = content["energyplus"]
        if peer is not None:
            axes.axhline(peer["steps_per_s"], color=FAINT, linestyle=":")
            axes.annotate(
                f"{peer['engine']}, Python API ({peer['time_step_s']:.0f} s steps)",
                (1.0, peer["steps_per_s"]),
                xycoords=("axes fraction", "data"),
                xytext=(-2, 3),
                textcoords="offset points",
                ha="right",
                color=FAINT,
            )
        axes.set(xscale="log", yscale="log", xlabel="environments in the batch", ylabel="control steps per second")
        axes.set_xticks(sorted({r["num_envs"] for r in rows}), [str(n) for n in sorted({r["num_envs"] for r in rows})])
        axes.minorticks_off()
        axes.grid(axis="y")
        axes.set_title(f"{content['env']}, {interval:.0f} s control steps, 1 thread")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        figure.set_layout_engine("constrained")
    return figure
