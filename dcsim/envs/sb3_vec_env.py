"""The native vector environment as Stable-Baselines3 wants it.

SB3's own vector wrappers would run one Python environment a row.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv

from dcsim.errors import InputError

Indices = int | Iterable[int] | None


class SB3VecEnv(VecEnv):
    """Adapter of a Gymnasium vector environment that resets within the step that ends an episode.

    SB3 merges both endings into ``dones``; the difference stays in ``infos``: ``terminal_observation`` is the last
    observation of the old episode, and ``TimeLimit.truncated`` says that only the clock ended it, so that SB3
    bootstraps. ``infos[i]["episode"]`` has return ``r``, length ``l`` and seconds ``t`` as SB3's ``Monitor`` writes
    them, so no monitor is needed.

    Parameters
    ----------
    env : gymnasium.vector.VectorEnv
        With ``AutoresetMode.SAME_STEP``, such as ``gym.make_vec("dcsim/Enterprise-v0", num_envs=16)`` makes.
    info_keys : sequence of str
        Entries of the vector environment's info to hand on for every row at every step; few, since each costs time.
    episode_sums : sequence of str
        Entries whose sums over the episode go into ``infos[i]["episode"]``.
    reward_scale : float
        Factor of the rewards handed on, for algorithms whose step sizes depend on it; ``r`` stays as the environment
        counts it.

    Raises
    ------
    InputError
        If the environment resets in another way.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        info_keys: Sequence[str] = (),
        episode_sums: Sequence[str] = (),
        reward_scale: float = 1.0,
    ) -> None:
        if env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP:
            raise InputError("env: expected a vector environment of AutoresetMode.SAME_STEP, as gym.make_vec makes")
        self.env: Any = env
        self._info_keys, self._episode_sums = tuple(info_keys), tuple(episode_sums)
        self._reward_scale = reward_scale
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._actions = np.zeros((self.num_envs, 0), np.float32)
        self._returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._sums = np.zeros((len(self._episode_sums), self.num_envs))
        self._started = time.monotonic()

    def reset(self) -> np.ndarray:
        """Start an episode in every row, with what ``seed`` and ``set_options`` asked for before."""
        options = self._options[0]
        if any(other != options for other in self._options):
            raise InputError("set_options: expected the same options for all rows, which are one batch")
        seeds = None if self._seeds[0] is None else list(self._seeds)
        observation: np.ndarray
        observation, infos = self.env.reset(seed=seeds, options=dict(options) or None)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = self._rows(infos)
        self._returns[:], self._lengths[:], self._sums[:] = 0.0, 0, 0.0
        self._started = time.monotonic()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Keep the actions, shape (N, A), for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Make the step; the observation of a row that ended is the first of its next episode."""
        observation, reward, terminated, truncated, info = self.env.step(self._actions)
        dones = terminated | truncated
        infos = self._rows(info)
        self._returns += reward
        self._lengths += 1
        last = info.get("final_info", info)  # of rows that ended, `info` belongs to the next episode
        for sums, key in zip(self._sums, self._episode_sums, strict=True):
            sums += last[key]
        for i in np.flatnonzero(dones):
            infos[i] = {key: float(last[key][i]) for key in self._info_keys}
            infos[i]["terminal_observation"] = info["final_obs"][i]
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            infos[i]["episode"] = {
                "r": float(self._returns[i]),
                "l": int(self._lengths[i]),
                "t": time.monotonic() - self._started,
                **{key: float(self._sums[k, i]) for k, key in enumerate(self._episode_sums)},
            }
        self._returns[dones], self._lengths[dones], self._sums[:, dones] = 0.0, 0, 0.0
        return observation, (self._reward_scale * reward).astype(np.float32), dones, infos

    def _rows(self, info: dict[str, Any]) -> list[dict[str, Any]]:
        if not self._info_keys:
            return [{} for _ in range(self.num_envs)]
        columns = [np.asarray(info[key]).tolist() for key in self._info_keys]
        return [dict(zip(self._info_keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def close(self) -> None:
        """Close the vector environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Return an attribute of the vector environment, once for each row: the rows are one batch and share it."""
        return [getattr(self.env.unwrapped, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set an attribute of the vector environment, for all rows at once."""
        self._need_all("set_attr", indices)
        setattr(self.env.unwrapped, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment once for all rows; its result stands in the list once a row."""
        self._need_all("env_method", indices)
        return [getattr(self.env.unwrapped, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def _need_all(self, method: str, indices: Indices) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise InputError(f"{method}: indices={indices!r}: the rows are one batch; leave indices out for all")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        """Tell for each row whether it acts as if wrapped: true of ``Monitor``, whose episode record is here."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return the pictures that the vector environment draws, if any."""
        return list(self.env.render() or ())

    def snapshot(self) -> dict[str, Any]:
        """Everything the future depends on: the environment's snapshot and the running episode records."""
        return {
            "env": self.env.unwrapped.snapshot(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "sums": self._sums.copy(),
        }

    def restore(self, snapshot: dict[str, Any]) -> np.ndarray:
        """Go back to a snapshot and return the observations as they were."""
        self._returns, self._lengths, self._sums = (snapshot[name].copy() for name in ("returns", "lengths", "sums"))
        observation: np.ndarray = self.env.unwrapped.restore(snapshot["env"])
        return observation
