"""What the derivatives of a day cost: forward and back through the plant, over the same day run forward alone."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import dcsim  # noqa: F401  (registers the environments)
from dcsim.engines.gradients import rollout
from dcsim_experiments.bench.cases import ACTIONS, drawn

DAY_S = 86400.0
BATCHES = (1, 64, 256)
KEPT_EVERY = (1, 16)  # steps between the states that are kept until the way back
RACKS = "rack_inlet_temperature"
ACTIONS_ONLY, ALL = "actions", "actions and parameters"


def measured(env_id: str, seed: int, repeats: int, steps: int | None = None) -> list[dict[str, Any]]:
    """Take derivatives of energy and of the racks' mean temperature by the inputs of every step, and by all parameters.

    The day begins settled and is run with random actions, in the environment's weather and load. Forward is the fused
    engine on one thread, nothing recorded; each way of taking derivatives is timed in turn with it.

    Parameters
    ----------
    env_id : str
    seed : int
    repeats : int
        Rounds, of which the median is reported.
    steps : int, optional
        Control steps; by default a day of them.

    Returns
    -------
    list of dict
        ``num_envs``, ``steps``, ``by``, ``keep_every``, ``forward_s`` (the day run forward alone), ``backward_s``
        (what is run again included), ``gradient_s`` (forward with states kept, and backward), ``ratio`` (of
        ``gradient_s`` to ``forward_s``), and ``memory_kib_per_env``: the most that NumPy holds meanwhile besides the
        inputs, with the kernel's workspace.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for num_envs in BATCHES for row in _rows(_Day(env_id, num_envs, seed, steps), repeats)]
    finally:
        torch.set_num_threads(threads)


class _Day:
    """States and inputs of a day, and the ways to run it."""

    def __init__(self, env_id: str, num_envs: int, seed: int, steps: int | None):
        env: Any = gym.make_vec(env_id, num_envs=num_envs, engine="fused", dtype="float64")
        env.reset(seed=seed)
        batch = env.unwrapped.batch
        config = batch.config
        self.hall, self.engine, self.num_envs = config.hall, config.engine, num_envs
        self.interval, self.substeps = float(config.control_interval_s), config.substeps
        self.state = np.concatenate(batch.state)
        actions = drawn(env.action_space.shape, seed)
        self.inputs = np.empty((steps or round(DAY_S / self.interval), sum(self.hall.input_rows.values()), num_envs))
        for t, inputs in enumerate(self.inputs):
            env.step(actions[t % ACTIONS])
            np.concatenate([batch.view(f"input.{name}") for name in self.hall.input_rows], out=inputs)
        self.meters = [name for part in self.hall.types.meters.values() for name in part]

    def forward(self) -> None:
        """Run the day and keep nothing of it."""
        state = self.state.copy()
        for inputs in self.inputs:
            self.engine.step(state, inputs, self.interval, out=state, substeps=self.substeps)

    def gradient(self, by: str, keep_every: int) -> float:
        """Take the derivatives; returns the seconds of the way back."""
        inputs = torch.tensor(self.inputs, requires_grad=True)
        params, wanted = None, [inputs]
        if by == ALL:
            params = type(self.engine.params)(*(torch.tensor(x, requires_grad=True) for x in self.engine.params))
            wanted += params
        day = rollout(
            self.engine,
            torch.from_numpy(self.state),
            inputs,
            self.interval,
            params,
            fields=(*self.meters, RACKS),
            substeps=self.substeps,
            keep_every=keep_every,
        )
        total = sum((day.fields[name].sum() for name in self.meters), day.fields[RACKS].mean())
        begun = time.perf_counter()
        torch.autograd.grad(total, wanted, allow_unused=True)
        return time.perf_counter() - begun

    def memory(self, by: str, keep_every: int) -> int:
        """Return the bytes that NumPy holds at most while derivatives are taken."""
        kept = self.engine
        self.engine = kept.with_params(kept.params)  # it has no workspace yet
        tracemalloc.start()
        self.gradient(by, keep_every)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.engine = kept
        return size


def _rows(day: _Day, repeats: int) -> list[dict[str, Any]]:
    ways = [(by, keep_every) for by in (ACTIONS_ONLY, ALL) for keep_every in KEPT_EVERY]
    memory = {}
    for way in ways:
        day.gradient(*way)  # the first call compiles
        memory[way] = day.memory(*way)
    forward: list[float] = []
    backward: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    gradient: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        forward.append(_timed(day.forward)[0])
        for way in ways:
            seconds, back = _timed(lambda way=way: day.gradient(*way))  # type: ignore[misc]
            gradient[way].append(seconds)
            backward[way].append(back)
    alone = float(np.median(forward))
    return [
        {
            "num_envs": day.num_envs,
            "steps": len(day.inputs),
            "by": by,
            "keep_every": keep_every,
            "forward_s": alone,
            "backward_s": float(np.median(backward[by, keep_every])),
            "gradient_s": float(np.median(gradient[by, keep_every])),
            "ratio": float(np.median(gradient[by, keep_every])) / alone,
            "memory_kib_per_env": memory[by, keep_every] / day.num_envs / 1024.0,
        }
        for by, keep_every in ways
    ]


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = run()
    return time.perf_counter() - begun, result
