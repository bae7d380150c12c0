"""The Gymnasium environment: a view of a batch of one."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box

from dcsim.drivers import parse_start
from dcsim.envs.batch import Batch
from dcsim.envs.config import configure
from dcsim.envs.signals import Signals
from dcsim.errors import InputError


def box(elements: int) -> Box:
    """Box of ``elements`` numbers from -1 to 1, float32."""
    return Box(-1.0, 1.0, (elements,), np.float32)


class HallEnv(gym.Env[np.ndarray, np.ndarray]):
    """A data hall and its cooling plant.

    Every action is a vector of set-points in [-1, 1]; ``signals`` tells what each element of action and observation means. The clock
    ends an episode with ``truncated``; ``terminated`` only where an inlet, or a case under a cold plate, above its trip temperature switches
    the servers off.

    Parameters
    ----------
    render_mode : {None, "rgb_array"}
    **options
        As of ``dcsim.envs.config.configure``.

    Raises
    ------
    InputError
        One line that names the argument and the nearest valid choice.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}

    def __init__(self, render_mode: str | None = None, **options: Any) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise InputError(f"render_mode {render_mode!r}: known: {', '.join(self.metadata['render_modes'])}")
        self.render_mode = render_mode
        self._batch = Batch(configure(**options), 1)
        signals = self._batch.signals
        self.observation_space = box(len(signals.observation))
        self.action_space = box(len(signals.action))
        self._index = np.zeros(1, np.int64)
        self._is_running = False
        self._renderer: Any = None

    @property
    def signals(self) -> Signals:
        """Tables of every element of observation and action."""
        return self._batch.signals

    @property
    def batch(self) -> Batch:
        """The batch of one behind this environment, for controllers and plots that are handed the plant."""
        return self._batch

    @property
    def domain(self) -> dict[str, float]:
        """Factors of the hall's parameters in the episode that runs, where ``domain_randomization`` draws them."""
        return {name: float(factors[0]) for name, factors in self._batch.domain.items()}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, float]]:
        """Start an episode, settled at its first load and weather.

        Parameters
        ----------
        seed : int, optional
        options : dict, optional
            ``start``: ISO date of this episode, instead of what the environment was made with.
        """
        super().reset(seed=seed)
        start = (options or {}).get("start")
        if seed is None and not self._batch.is_seeded:
            seed = int(self.np_random.integers(2**63))
        self._batch.reset(self._index, [seed], None if start is None else np.array([parse_start(start)]))
        self._is_running = True
        return self._batch.observation()[0], self._outcome()[0]

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, float]]:
        """Hold the set-points asked for over one control interval.

        Raises
        ------
        InputError
            If an element of the action is not a number, or no episode runs: before the first reset, or after the last one ended.
        """
        if not self._is_running:
            raise InputError("no episode runs: call reset first")
        batch = self._batch
        batch.step(np.asarray(action)[None])
        info, reward, terminated = self._outcome()
        truncated = not terminated and int(batch.elapsed[0]) >= batch.config.episode_steps
        self._is_running = not (terminated or truncated)
        return batch.observation()[0], reward, terminated, truncated, info

    def _outcome(self) -> tuple[dict[str, float], float, bool]:
        """Info, reward and whether the servers have tripped, of the step just made."""
        *values, reward, is_tripped = self._batch.reported[:, 0].tolist()
        return dict(zip(self._batch.keys, values, strict=True)), reward, is_tripped > 0.5

    def render(self) -> np.ndarray | None:
        """Return a picture of the hall as a heat map with the plant beside it, shape (height, width, 3), uint8."""
        if self.render_mode is None:
            return None
        if self._renderer is None:
            from dcsim.envs.rendering import HallRenderer

            self._renderer = HallRenderer(self._batch)
        return self._renderer.frame(self._outcome()[0])

    def snapshot(self) -> dict[str, Any]:
        """Everything the future depends on."""
        return {"batch": self._batch.snapshot(), "is_running": self._is_running}

    def restore(self, snapshot: dict[str, Any]) -> tuple[np.ndarray, dict[str, float]]:
        """Go back to a snapshot; the future is then identical. Returns observation and info as they were.

        Raises
        ------
        InputError
            If the snapshot is of an environment made with other options.
        """
        self._batch.restore(snapshot["batch"])
        self._is_running = snapshot["is_running"]
        return self._batch.observation()[0], self._outcome()[0]
