"""What a site's own controller asked for, step by step of its log."""

from collections.abc import Mapping

import numpy as np

from dcsim.errors import InputError
from dcsim_agents.controller import Controller, EnvView, Memory
from dcsim_agents.signal_io import Array, Reading


class LoggedController(Controller):
    """Asks for what a log has, whatever it sees.

    Parameters
    ----------
    view : EnvView
    setpoints : mapping of str to ndarray, shape (rows, T)
        By name as in the signals of the action, one column for each control step of an episode; the last one holds on.
    """

    def __init__(self, view: EnvView, setpoints: Mapping[str, Array]) -> None:
        super().__init__(view)
        for name, values in setpoints.items():
            if not np.isfinite(values).all():
                raise InputError(f"logged {name}: {int((~np.isfinite(values)).sum())} values are unknown")
        self._logged = {name: np.clip(values, *self.setpoints.limits(name)) for name, values in setpoints.items()}

    def _begin(self, reading: Reading) -> Memory:
        return {"step": np.zeros((1, reading.num_envs))}

    def _decide(self, reading: Reading, memory: Memory) -> tuple[dict[str, Array | float], Memory]:
        step = memory["step"][0].astype(int)
        setpoints: dict[str, Array | float] = {
            name: values[:, np.minimum(step, values.shape[1] - 1)] for name, values in self._logged.items()
        }
        return setpoints, {"step": memory["step"] + 1.0}
