"""What the sensors of a hall would show while a controller runs it, as a log has it: by signal, over control steps or at their ends."""

import numpy as np

from dcsim.envs.batch import Batch
from dcsim.replay import sensed
from dcsim.replay.run import is_of_step

Array = np.ndarray

AT_ONCE = 1024  # steps of which signals are computed together


class SensedSteps:
    """Keeps the signals of one environment of a batch from its reset on.

    Parameters
    ----------
    batch : Batch
        Just reset.
    env : int
        Which of its environments.
    are_means : bool
        Whether temperatures are means over the steps, as of sensors that are read often; otherwise those at their ends. Powers are always means.
    """

    def __init__(self, batch: Batch, env: int = 0, are_means: bool = True) -> None:
        self._batch, self._env, self._are_means = batch, slice(env, env + 1), are_means
        self._hall = batch.config.hall
        self._params = batch.params_of(env)
        self._drivers = self._now()
        self._kept = [(self._state(), self._drivers)]  # at the start, and after each step
        self._parts: list[dict[str, Array]] = []

    def add(self) -> None:
        """Add the step just made."""
        reached = len(self._batch.signals.action)
        now = self._now()
        inputs = np.concatenate(
            [now[:reached], self._drivers[reached:]]
        )  # drivers are those of the step to come by now
        self._kept.append((self._state(), inputs))
        self._drivers = now
        if len(self._kept) > AT_ONCE:
            self._settle()

    def signals(self) -> dict[str, Array]:
        """Return what was shown in the T steps added, each of shape (rows, T), named and in units as of `dcsim.replay.sensed`."""
        self._settle()
        return {name: np.concatenate([part[name] for part in self._parts], axis=1) for name in self._parts[0]}

    def _now(self) -> Array:
        inputs: Array = self._batch.table.inputs[:, self._env].copy()
        return inputs

    def _state(self) -> Array:
        return np.concatenate([field[:, self._env] for field in self._batch.state])

    def _settle(self) -> None:
        """Make signals of the steps kept; the last one's end is the next one's start."""
        hall = self._hall
        states, inputs = (np.concatenate(columns, axis=1) for columns in zip(*self._kept, strict=True))
        fields = np.split(states, np.cumsum([len(field) for field in self._batch.state])[:-1])
        rows = iter(np.split(inputs, np.cumsum(list(hall.input_rows.values()))))
        u = hall.types.Inputs(**{name: next(rows) for name in hall.input_rows})
        shown = sensed(hall, hall.types.State(*fields), u, self._batch.config.control_interval_s, self._params)
        self._parts.append(
            {
                name: np.array(0.5 * (x[:, 1:] + x[:, :-1]) if self._are_means and not is_of_step(name) else x[:, 1:], float)
                for name, x in shown.items()
            }
        )
        self._kept = self._kept[-1:]
