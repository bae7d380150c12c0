"""Millions of random actions in every environment, task and climate: nothing may break.

    python -m dcsim_experiments.soak --steps 10000000

Every environment runs in every task; each episode draws its climate among all that are built in. Asserted after every step: observations
are finite and inside their space, rewards and ``info`` are finite, the energy audit of every environment is closed. A third of the
environments draws new actions every step, a third holds an action for an hour, a third goes from one corner of the action space to another.
Trips are no failure: a random operator trips halls. With ``--faults`` sensors, actuators and equipment fail besides, all of them and often.
The exit code is 1 if anything was found.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

import dcsim
from dcsim.drivers import built_in_climates
from dcsim.envs.tasks import TASKS, tasks_for
from dcsim.plant.hall import build_hall
from dcsim_experiments.run_folder import machine, write_json

Array = np.ndarray

NUM_ENVS = 1024
HELD_STEPS = 12
RESIDUAL_MAX = 1e-8  # of the electric power in; the audit closes to rounding
EPISODE_DAYS_MAX = 1.0  # longer tasks are cut, so that episodes end and begin while the soak runs
NO_TASK = "ordinary-day"


@dataclass
class Found:
    """What one environment and task went through.

    Attributes
    ----------
    env, task : str
    steps : int
        Control steps over all rows.
    trips, episodes : int
        Episodes that ended by a trip, and all that ended.
    residual : float
        Worst energy residual over IT power.
    seconds : float
        Of stepping alone.
    failures : list of str
    """

    env: str
    task: str
    steps: int
    trips: int
    episodes: int
    residual: float
    seconds: float
    failures: list[str]


def faults(env_id: str) -> dict[str, Any]:
    """Everything that can go wrong in an environment, often, as keyword arguments."""
    often = {"rate_per_day": 20, "minutes": 30}
    units = gym.make(env_id).unwrapped.batch.config.hall.units  # type: ignore[attr-defined]
    return {
        "sensors": {
            "noise": {"all": 0.05, "temperature": 1.0},
            "quantisation": {"temperature": 0.5},
            "bias": {"temperature": {"deviation": 2.0}},
            "drift": {"all": {"deviation": 0.5}},
            "delay_s": 600,
            "dropout": often,
            "stuck": {"all": often, "temperature": {**often, "value": -40.0}},
            "age": True,
        },
        "actuators": {
            "stroke_time_s": 600,
            "deadband": {"temperature": 0.5, "fraction": 0.05},
            "stuck": {"all": often, "fraction": {**often, "value": 1.0}},
        },
        "failures": {"random": {name: {"mtbf_hours": 4, "repair_hours": 1} for name in units}},
    }


def random_actions(low: Array, high: Array, generator: np.random.Generator) -> Iterator[Array]:
    """Actions of shape (N, A) without end: drawn every step, held for an hour, and corners of the box, a third of the rows each."""
    third = len(low) // 3
    held = generator.uniform(low, high)
    step = 0
    while True:
        drawn = generator.uniform(low, high)
        if step % HELD_STEPS == 0:
            held = generator.uniform(low, high)
        corners = np.where(generator.uniform(size=low.shape) < 0.5, low, high)
        yield np.concatenate([drawn[:third], held[third : 2 * third], corners[2 * third :]]).astype(np.float32)
        step += 1


def breaches(env: Any, observation: Array, reward: Array, info: dict[str, Any]) -> tuple[list[str], float]:
    """Return what is wrong with a step, and the worst energy residual over IT power."""
    wrong = []
    if not env.observation_space.contains(observation):
        wrong.append("observation outside its space")
    if not np.isfinite(reward).all():
        wrong.append("reward not finite")
    numbers = {name: values for name, values in info.items() if getattr(values, "dtype", None) == np.float64}
    wrong += [f"info {name} not finite" for name, values in numbers.items() if not np.isfinite(values).all()]
    made = info.get("final_info", info)
    residual = float(np.max(np.abs(made["energy_residual_w"]) / made["it_power_w"]))
    if not residual < RESIDUAL_MAX:
        wrong.append(f"energy residual of {residual:.1e} of IT power")
    return wrong, residual


def soak(
    env_id: str,
    task: str,
    climates: Sequence[str],
    steps: int,
    num_envs: int = NUM_ENVS,
    seed: int = 0,
    tick: Callable[[int], Any] = int,
    with_faults: bool = False,
) -> Found:
    """Drive one environment with random actions.

    Parameters
    ----------
    env_id : str
    task : str
        ``ordinary-day`` for none.
    climates : sequence of str
        Of which each episode draws one.
    steps : int
        Control steps over all rows, at least; whole steps of all rows are made.
    num_envs, seed : int
    tick : callable
        Told how many steps were made, after each.
    with_faults : bool
        With ``faults`` switched on.

    Returns
    -------
    Found
    """
    named = None if task == NO_TASK else task
    days = min(TASKS[named].episode_days if named else 1.0, EPISODE_DAYS_MAX)
    env: Any = gym.make_vec(
        env_id,
        num_envs=num_envs,
        weather=list(climates),
        task=named,
        episode_days=days,
        observation={"forecast": True},
        **(faults(env_id) if with_faults else {}),
    )
    observation, info = env.reset(seed=seed)
    wrong: list[str] = [] if env.observation_space.contains(observation) else ["first observation outside its space"]
    space = env.action_space
    actions = random_actions(space.low, space.high, np.random.default_rng(seed))
    found = Found(env_id, task, 0, 0, 0, 0.0, 0.0, wrong)
    for _ in range(-(-steps // num_envs)):
        action = next(actions)
        start = time.perf_counter()
        observation, reward, terminated, truncated, info = env.step(action)
        found.seconds += time.perf_counter() - start
        new, residual = breaches(env, observation, reward, info)
        found.failures += [failure for failure in new if failure not in found.failures]
        found.residual = max(found.residual, residual)
        found.steps += num_envs
        found.trips += int(terminated.sum())
        found.episodes += int((terminated | truncated).sum())
        tick(num_envs)
    env.close()
    return found


def table(results: Sequence[Found]) -> str:
    """What every environment went through, as text."""
    lines = [
        f"{'environment':22}{'task':18}{'steps':>10}{'trips':>7}{'ended':>7}{'residual':>10}{'steps/s':>9}  failures"
    ]
    lines += [
        f"{r.env:22}{r.task:18}{r.steps:10d}{r.trips:7d}{r.episodes:7d}{r.residual:10.1e}"
        f"{r.steps / max(r.seconds, 1e-9):9.0f}  {'; '.join(r.failures) or 'none'}"
        for r in results
    ]
    lines.append(
        f"{sum(r.steps for r in results)} steps, {sum(r.trips for r in results)} trips, worst residual "
        f"{max(r.residual for r in results):.1e} of IT power, "
        f"{sum(bool(r.failures) for r in results)} of {len(results)} cases failed"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Random actions in every environment, task and climate.")
    parser.add_argument("--steps", type=int, default=1_000_000, help="control steps in all")
    parser.add_argument("--num-envs", type=int, default=NUM_ENVS)
    parser.add_argument("--envs", nargs="+", default=dcsim.ids())
    parser.add_argument("--tasks", nargs="+", default=[NO_TASK, *TASKS])
    parser.add_argument("--climates", nargs="+", default=built_in_climates())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", action="store_true", help="sensors, actuators and equipment fail often")
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args(arguments)
    cases = [
        (env_id, task)
        for env_id, task in product(options.envs, options.tasks)
        if task in (NO_TASK, *tasks_for(build_hall(gym.spec(env_id).kwargs["hall"])))
    ]
    rounds = -(-options.steps // (len(cases) * options.num_envs))
    share = rounds * options.num_envs
    with tqdm(total=share * len(cases), unit="step", unit_scale=True) as bar:
        results = [
            soak(*case, options.climates, share, options.num_envs, options.seed + i, bar.update, options.faults)
            for i, case in enumerate(cases)
        ]
    print(table(results))
    if options.out:
        write_json(options.out, {"machine": machine(), "results": [asdict(result) for result in results]})
        print(options.out)
    return int(any(result.failures for result in results))


if __name__ == "__main__":
    sys.exit(main())
