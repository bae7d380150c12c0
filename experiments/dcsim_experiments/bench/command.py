"""``dcsim bench``: how many control steps a second, by engine, batch size and precision, and beside other simulators.

Every case is timed for a short while in each of several rounds that go through all cases, so that a slow spell of the
machine falls on all alike. The median over the rounds is what is reported; the best round stands beside it.
"""

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from dcsim_experiments.bench import figure, gradients, ppo
from dcsim_experiments.bench.cases import Case, engine_case, env_case, size_case, vector_case
from dcsim_experiments.bench.limits import limits
from dcsim_experiments.bench.peers import Peer, installed
from dcsim_experiments.bench.text import report
from dcsim_experiments.compare import settings
from dcsim_experiments.config import BenchConfig, check_at_least, check_env
from dcsim_experiments.run_folder import RunFolder, machine, package_versions

RESULT_FILE = "bench.json"
ENGINES = (("fused", "float64"), ("fused", "float32"), ("numpy", "float64"))
PEER_BATCH = 1024  # environments that stand beside one of a peer


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
        Folder with ``bench.json`` and ``bench.png``.

    Raises
    ------
    InputError
        If an option is wrong, or no other simulator is installed where one is asked for.
    """
    check_env(config.env)
    check_at_least(1, repeats=config.repeats, threads=config.threads, batches=min(config.batches, default=0))
    check_at_least(20, racks=min(config.racks, default=20))
    check_at_least(0, seed=config.seed, seconds=config.seconds)
    peers = installed(config.sustaindc) if config.peers else []
    folder = RunFolder(config.out, "bench", settings(config), config.seed, RESULT_FILE)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # of others: nothing was run yet
    cases = all_cases(config, peers)
    for case in cases:
        case.advance()  # first calls set things up
    with tqdm(total=config.repeats * (len(cases) + len(peers)), desc="bench", unit="case", disable=None) as bar:
        for _ in range(config.repeats):
            for case in cases:
                case.time(config.seconds)
                bar.update()
            for peer in peers:
                peer.time()
                bar.update()
    content: dict[str, Any] = {
        "env": config.env,
        "machine": {**machine(), "load": load, **limits()},
        "packages": package_versions(),
        "results": [case.row() for case in cases],
        "import_s": import_time(),
        "reset_ms": {str(count): reset_time(config, count) for count in config.batches},
        "memory_kib_per_env": memory(config),
        "ppo": [ppo.measured(config.env, *engine, config.seed) for engine in ENGINES] if config.ppo else [],
        "gradients": gradients.measured(config.env, config.seed, config.repeats) if config.gradients else [],
        "peers": {peer.name: against(peer, cases) for peer in peers},
        **({"command": command} if command else {}),
    }
    print(report(content))
    figure.drawn(content).savefig(folder.path / "bench.png", dpi=150)
    folder.write(RESULT_FILE, content)
    return folder.path


def all_cases(config: BenchConfig, peers: list[Peer]) -> list[Case]:
    """Cases of all engines, precisions and batches, of more threads, of large halls, and with the time steps of peers."""
    env, seed, threads = config.env, config.seed, config.threads
    cases = [env_case(env, *ENGINES[0], seed)]
    for engine, dtype in ENGINES:
        for count in config.batches:
            cases.append(engine_case(env, engine, dtype, count, seed))
            cases.append(vector_case(env, engine, dtype, count, seed))
    if threads > 1:
        largest = max(config.batches)
        cases += [vector_case(env, *engine, largest, seed, threads=threads) for engine in ENGINES[:2]]
    cases += [size_case(groups, dtype) for groups in config.racks for dtype in ("float64", "float32")]
    for interval in sorted({peer.time_step for peer in peers} - {cases[0].control_interval_s}):
        cases.append(env_case(env, *ENGINES[0], seed, control_interval_s=interval))
        for engine, dtype in ENGINES[:2]:
            cases.append(vector_case(env, engine, dtype, PEER_BATCH, seed, control_interval_s=interval))
    return cases


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


def against(peer: Peer, cases: list[Case]) -> dict[str, Any]:
    """Return a peer's speed and dcsim's over it, in control steps of the same length, and in those of the default length."""
    rate = float(np.median(peer.rates))
    batch = PEER_BATCH

    def ratio(kind: str, interval: float, dtype: str, num_envs: int) -> float | None:
        found = [
            case.steps_per_s / rate
            for case in cases
            if (case.kind, case.engine, case.dtype, case.num_envs, case.threads) == (kind, "fused", dtype, num_envs, 1)
            and case.control_interval_s == interval
        ]
        return found[0] if found else None

    ratios: dict[str, Any] = {}
    for interval in sorted({float(peer.time_step), cases[0].control_interval_s}):
        ratios[f"{interval:g}"] = {
            "one_env": ratio("env", interval, "float64", 1),
            "batch_float64": ratio("vector_env", interval, "float64", batch),
            "batch_float32": ratio("vector_env", interval, "float32", batch),
        }
    return {
        "time_step_s": peer.time_step,
        "steps_per_s": rate,
        "steps_per_s_best": max(peer.rates),
        "batch": batch,
        "ratios": ratios,
        **peer.remarks,
    }
