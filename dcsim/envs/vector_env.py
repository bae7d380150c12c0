"""The native Gymnasium vector environment: N environments advance by array operations, in one call."""

import math
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from dcsim.drivers import parse_start
from dcsim.envs.batch import Batch
from dcsim.envs.config import configure
from dcsim.envs.env import box
from dcsim.envs.signals import Signals
from dcsim.errors import InputError


class HallVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """N data halls at once. Row ``i`` after ``reset(seed=s)`` equals, to the bit, the single environment after ``reset(seed=s + i)``.

    An environment whose episode ends starts the next within the same step (``AutoresetMode.SAME_STEP``): the observation returned is
    the first of the new episode, the last of the old one stands in ``info["final_obs"]`` where ``info["_final_obs"]`` is true, its info
    in ``info["final_info"]``.

    Parameters
    ----------
    num_envs : int
    render_mode : {None, "rgb_array"}
    max_episode_steps : int, optional
        Shortens the episodes.
    **options
        As of ``dcsim.envs.config.configure``.
    """

    metadata = {
        "render_modes": ["rgb_array"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self, num_envs: int = 1, render_mode: str | None = None, max_episode_steps: int | None = None, **options: Any
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs={num_envs}: expected at least 1")
        self.num_envs, self.render_mode = num_envs, render_mode
        self._batch = Batch(configure(**options), num_envs)
        self._max_episode_steps = max_episode_steps
        signals = self._batch.signals
        self.single_observation_space = box(len(signals.observation))
        self.single_action_space = box(len(signals.action))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all = np.arange(num_envs)
        self._renderer: Any = None

    @property
    def signals(self) -> Signals:
        """Tables of every element of observation and action."""
        return self._batch.signals

    @property
    def batch(self) -> Batch:
        """The batch behind this environment."""
        return self._batch

    @property
    def domain(self) -> dict[str, np.ndarray]:
        """Factors of the hall's parameters in the episodes that run, shape (N,), where ``domain_randomization`` draws them."""
        return {name: factors.copy() for name, factors in self._batch.domain.items()}

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode in every environment, or in those of ``options["reset_mask"]``.

        ``options["start"]``, an ISO date for each environment, takes the place of what the environments were made with.
        """
        mask = (options or {}).get("reset_mask")
        index = self._all if mask is None else np.flatnonzero(mask)
        seeds: list[int | None] | None = None
        if isinstance(seed, list):
            if len(seed) != self.num_envs:
                raise InputError(f"seed has {len(seed)} entries for {self.num_envs} environments")
            seeds = [seed[i] for i in index]
        elif seed is not None:
            seeds = [seed + i for i in index.tolist()]
        dates = (options or {}).get("start")
        if dates is not None and (isinstance(dates, str) or len(dates) != self.num_envs):
            raise InputError(f"options: start={dates!r}: expected an ISO date for each of {self.num_envs} environments")
        starts = None if dates is None else np.array([parse_start(dates[i]) for i in index])
        self._batch.reset(index, seeds, starts)
        return self._batch.observation(), self._batch.info()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Hold the set-points asked for over one control interval in every environment.

        Raises
        ------
        InputError
            If an element of the actions is not a number; the message names environment and element. Also before the first reset.
        """
        if not self._batch.is_seeded:
            raise InputError("no episode runs: call reset first")
        batch = self._batch
        batch.step(np.asarray(actions))
        info, reward, terminated = batch.info(), batch.reported[-2].copy(), batch.reported[-1] > 0.5
        steps = min(self._max_episode_steps or math.inf, batch.config.episode_steps)
        truncated = (batch.elapsed >= steps) & ~terminated
        observation = batch.observation()
        ended = terminated | truncated
        if ended.any():
            index = np.flatnonzero(ended)
            batch.reset(index)
            last = {"final_obs": observation, "_final_obs": ended, "final_info": info, "_final_info": ended}
            observation, info = batch.observation(), batch.info() | last
        return observation, reward, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return a picture of the first environment's hall."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            from dcsim.envs.rendering import HallRenderer

            self._renderer = HallRenderer(self._batch)
        info = {name: float(values[0]) for name, values in self._batch.info().items()}
        return (self._renderer.frame(info),)

    def snapshot(self) -> dict[str, Any]:
        """Everything the future depends on."""
        return self._batch.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> np.ndarray:
        """Go back to a snapshot; the future is then identical. Returns the observations as they were."""
        self._batch.restore(snapshot)
        return self._batch.observation()
