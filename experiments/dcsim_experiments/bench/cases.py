"""What is timed: engines, single and vector environments, halls of many racks; each case makes one step at a time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

import dcsim  # noqa: F401  (registers the environments)
from dcsim.engines import make_engine
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs

ACTIONS = 64  # random ones, drawn beforehand and used in turn
SIZES_HALL = "enterprise-1mw"
SIZES = (20, 40, 100, 200, 400, 1000, 2000)  # rack groups
SIZES_BATCH = 16
SIZES_INTERVAL_S = 300.0


@dataclass
class Case:
    """One thing to time.

    Attributes
    ----------
    kind : str
        ``env`` (a full ``env.step`` of the single environment), ``vector_env`` (of the native vector environment, resets
        included), ``engine`` (the plant's control step alone) or ``racks`` (likewise, of a hall of more rack groups).
    engine, dtype : str
    num_envs : int
    racks : int
        Rack groups of the hall.
    threads : int
    control_interval_s : float
    advance : callable
        Makes one step.
    work : dict
        Operations and bytes of a control step of one environment, where known, see
        ``dcsim.engines.program.count_step_operations``.
    rates : list of float
        Control steps a second, over all environments, in each round.
    """

    kind: str
    engine: str
    dtype: str
    num_envs: int
    racks: int
    threads: int
    control_interval_s: float
    advance: Callable[[], Any]
    work: Mapping[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)

    @property
    def steps_per_s(self) -> float:
        """Median rate over the rounds [1/s]."""
        return float(np.median(self.rates))

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

    def row(self) -> dict[str, Any]:
        """What ``bench.json`` says of it."""
        return {
            "kind": self.kind,
            "engine": self.engine,
            "dtype": self.dtype,
            "num_envs": self.num_envs,
            "racks": self.racks,
            "threads": self.threads,
            "control_interval_s": self.control_interval_s,
            "steps_per_s": self.steps_per_s,
            "steps_per_s_best": max(self.rates),
            **self.work,
        }


def env_case(env_id: str, engine: str, dtype: str, seed: int, **keywords: Any) -> Case:
    """Full steps of the single environment with random actions; an episode that ends is followed by a reset."""
    env = gym.make(env_id, disable_env_checker=True, engine=engine, dtype=dtype, **keywords).unwrapped
    actions = drawn(env.action_space.shape, seed)
    env.reset(seed=seed)
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        _, _, terminated, truncated, _ = env.step(actions[count % ACTIONS])
        if terminated or truncated:
            env.reset()

    return _env_case("env", env, 1, advance)


def vector_case(env_id: str, engine: str, dtype: str, num_envs: int, seed: int, **keywords: Any) -> Case:
    """Full steps of the vector environment with random actions, its own resets included."""
    env: Any = gym.make_vec(env_id, num_envs=num_envs, engine=engine, dtype=dtype, **keywords)
    actions = drawn(env.action_space.shape, seed)
    env.reset(seed=seed)
    count = 0

    def advance() -> None:
        nonlocal count
        count += 1
        env.step(actions[count % ACTIONS])

    return _env_case("vector_env", env.unwrapped, num_envs, advance)


def engine_case(env_id: str, engine: str, dtype: str, num_envs: int, seed: int, **keywords: Any) -> Case:
    """Control steps of the plant alone, from a settled start with the set-points it settled at."""
    env: Any = gym.make_vec(env_id, num_envs=num_envs, engine=engine, dtype=dtype, **keywords)
    env.reset(seed=seed)
    batch = env.unwrapped.batch
    config = batch.config
    state = np.concatenate(batch.state)
    inputs = np.concatenate([batch.view(f"input.{name}") for name in config.hall.input_rows])
    advance = config.engine.bind(state, inputs, config.control_interval_s, config.substeps)
    case = _env_case("engine", env.unwrapped, num_envs, advance)
    case.work = config.engine.work(config.substeps)
    return case


def size_case(groups: int, dtype: str) -> Case:
    """Control steps of a hall of so many rack groups, with machines in proportion."""
    hall = hall_of(groups)
    engine = make_engine("fused", hall_model(hall), hall.params, dtype=dtype)
    inputs = packed_inputs(hall, SIZES_BATCH, {"utilization": 0.6} | _usual(hall))
    state = cold_state(hall, SIZES_BATCH)
    advance = engine.bind(state, inputs, SIZES_INTERVAL_S)
    work = engine.work(engine.substeps)
    return Case("racks", "fused", dtype, SIZES_BATCH, groups, 1, SIZES_INTERVAL_S, advance, work)


def hall_of(groups: int) -> Hall:
    """Return the Enterprise hall with so many rack groups, a multiple of its own, of as much power together."""
    base = load_hall(SIZES_HALL)
    times = groups // base.racks.groups
    values = base.model_dump()
    values["racks"]["groups"] = groups
    values["racks"]["rack_power"]["value"] /= times
    for part, name in (("racks", "relative_power"), ("room", "relative_recirculation")):
        values[part][name]["values"] = [x for x in values[part][name]["values"] for _ in range(times)]
    return build_hall(HallDescription.model_validate(values))


def _usual(hall: Hall) -> dict[str, Any]:
    """Set-points in the middle of their ranges, and mild weather."""
    middle: dict[str, Any] = {}
    for setpoint in hall.types.setpoints:
        allowed = getattr(hall.description.setpoints, setpoint.allowed)
        middle[setpoint.input] = 0.5 * (allowed.low + allowed.high)
    return middle | {"dry_bulb_temperature": 20.0, "wet_bulb_temperature": 15.0, "outdoor_humidity_ratio": 0.008}


def drawn(shape: tuple[int, ...] | None, seed: int) -> np.ndarray:
    """Return random actions of a shape."""
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (ACTIONS, *(shape or ()))).astype(np.float32)


def _env_case(kind: str, env: Any, num_envs: int, advance: Callable[[], Any]) -> Case:
    config = env.batch.config
    engine = config.engine
    return Case(
        kind,
        engine.name,
        engine.dtype.name,
        num_envs,
        config.hall.racks,
        engine.threads,
        float(config.control_interval_s),
        advance,
    )
