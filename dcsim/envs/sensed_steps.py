"""What the sensors of a hall would show while a controller runs it, as a log has it: means over control steps, by signal."""

from typing import Any

import numpy as np

from dcsim.envs.batch import Batch
from dcsim.replay import sensed
from dcsim.replay.run import is_of_step

Array = np.ndarray


class SensedSteps:
    """Keeps the signals of one environment of a batch from its reset on.

    Parameters
    ----------
    batch : Batch
        Just reset.
    env : int
        Which of its environments.
    """

    def __init__(self, batch: Batch, env: int = 0) -> None:
        self._batch, self._env = batch, slice(env, env + 1)
        self._hall = batch.config.hall
        self._params = batch.params_of(env)
        self._inputs = self._now()
        self._before = self._sensed()
        self._steps: list[dict[str, Array]] = []

    def add(self) -> None:
        """Add the step just made."""
        reached = len(self._batch.signals.action)
        self._inputs[:reached] = self._now()[:reached]  # the set-points; drivers are those of the step to come by now
        after = self._sensed()
        self._steps.append(
            {name: x if is_of_step(name) else 0.5 * (x + self._before[name]) for name, x in after.items()}
        )
        self._before, self._inputs = after, self._now()

    def signals(self) -> dict[str, Array]:
        """Return means over the T steps added, each of shape (rows, T), named and in units as of `dcsim.replay.sensed`."""
        return {name: np.concatenate([step[name] for step in self._steps], axis=1) for name in self._before}

    def _now(self) -> Array:
        inputs: Array = self._batch.table.inputs[:, self._env].copy()
        return inputs

    def _sensed(self) -> dict[str, Array]:
        types, rows = self._hall.types, iter(np.split(self._inputs, np.cumsum(list(self._hall.input_rows.values()))))
        u = types.Inputs(**{name: next(rows) for name in self._hall.input_rows})
        s: Any = types.State(*(field[:, self._env] for field in self._batch.state))
        found = sensed(self._hall, s, u, self._batch.config.control_interval_s, self._params)
        return {name: np.array(values, float) for name, values in found.items()}
