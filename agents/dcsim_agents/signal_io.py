"""Between a controller and the numbers of an environment: observations read by name in their units, set-points sent by name."""

from collections.abc import Mapping, Sequence

import numpy as np

from dcsim.envs.actions import ActionMap
from dcsim.envs.signals import Signal, Signals, scaling
from dcsim.errors import InputError
from dcsim.plant.description import nearest
from dcsim.plant.economizer import MECHANICAL

Array = np.ndarray


def rows_by_name(signals: Sequence[Signal]) -> dict[str, list[int]]:
    """Positions of every signal by its name, and of ``name_1``, ``name_2`` and so on together by ``name``."""
    rows: dict[str, list[int]] = {signal.name: [i] for i, signal in enumerate(signals)}
    for i, signal in enumerate(signals):
        head, _, tail = signal.name.rpartition("_")
        if tail.isdigit():
            rows.setdefault(head, []).append(i)
    return rows


class Reading:
    """A batch of observations in their units.

    ``reading["rack_inlet_max"]`` has shape (U, N), ``reading["wet_bulb_temperature"]`` has shape (1, N).

    Attributes
    ----------
    observation : Array, shape (N, F)
        As the environment gave it.
    """

    def __init__(self, observation: Array, values: Array, rows: Mapping[str, list[int]]) -> None:
        self.observation, self._values, self._rows = observation, values, rows

    @property
    def num_envs(self) -> int:
        """Number of environments N."""
        return self._values.shape[1]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> Array:
        if name not in self._rows:
            raise InputError(f"the environment has no observation {name!r}{nearest(name, self._rows)}")
        return self._values[self._rows[name]]

    @property
    def mode(self) -> Array:
        """Cooling mode, shape (N,); mechanical where there is no economizer."""
        return self["mode"][0] if "mode" in self else np.full(self.num_envs, MECHANICAL)


class SignalReader:
    """Turns observations, shape (N, F), into readings.

    Parameters
    ----------
    signals : Signals
    """

    def __init__(self, signals: Signals) -> None:
        offset, factor = scaling(signals.observation)
        self._offset, self._width = offset[:, None], 1.0 / factor[:, None]
        self._rows = rows_by_name(signals.observation)

    def read(self, observation: Array) -> Reading:
        """Return the reading of observations of shape (N, F)."""
        return Reading(observation, self._offset + self._width * observation.T.astype(np.float64), self._rows)


class SetpointWriter:
    """Turns set-points by name into actions, shape (N, A).

    Parameters
    ----------
    signals : Signals
    """

    def __init__(self, signals: Signals) -> None:
        self._map = ActionMap(signals.action)
        self._signals = signals.action
        self._rows = rows_by_name(signals.action)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def limits(self, name: str) -> tuple[float, float]:
        """Lowest and highest value that can be asked for."""
        if name not in self._rows:
            raise InputError(f"the environment has no set-point {name!r}{nearest(name, self._rows)}")
        signal = self._signals[self._rows[name][0]]
        return signal.low, signal.high

    def clipped(self, name: str, values: Array | float) -> Array:
        """Return ``values`` within what can be asked for."""
        return np.clip(values, *self.limits(name))

    def write(self, setpoints: Mapping[str, Array | float], num_envs: int) -> Array:
        """Return the actions that ask for ``setpoints``.

        Parameters
        ----------
        setpoints : mapping
            By name as in ``signals.action``, each broadcastable to (rows, N); a name without its number sets all of its rows. What is
            beyond a range is cut.
        num_envs : int

        Returns
        -------
        Array, shape (N, A), float32

        Raises
        ------
        InputError
            If an element of the action is not set, or a name is unknown.
        """
        values = np.full((len(self._signals), num_envs), np.nan)
        for name, wanted in setpoints.items():
            if name not in self._rows:
                raise InputError(f"the environment has no set-point {name!r}{nearest(name, self._rows)}")
            values[self._rows[name]] = wanted
        if np.isnan(values).any():
            missing = self._signals[int(np.flatnonzero(np.isnan(values).any(1))[0])].name
            raise InputError(f"set-point {missing!r} is not set or not a number")
        return self._map.actions(values)
