"""From what a policy sends, numbers from -1 to 1, to set-points in their units, and back."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dcsim.engines import Engine, Model, make_engine
from dcsim.envs.signals import Signal
from dcsim.errors import InputError


class _Rows(NamedTuple):
    rows: Any


class _Ranges(NamedTuple):
    low: Any
    half: Any


def _cut(actions: Any, xp: Any) -> Any:
    return xp.maximum(xp.minimum(actions, 1.0), -1.0)


class ActionMap:
    """Affine map between actions ``(N, A)`` in [-1, 1] and set-points ``(A, N)``.

    Parameters
    ----------
    signals : sequence of Signal
        As from ``signals.action_signals``.
    """

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        self.signals = signals
        self._low = np.array([[signal.low] for signal in signals])
        self._half = np.array([[0.5 * (signal.high - signal.low)] for signal in signals])

    def bind(self, setpoints: np.ndarray, engine: Engine) -> Callable[[np.ndarray], None]:
        """Return a function that takes ``actions``, shape (N, A), and writes the set-points they ask for; what is beyond -1 to 1 is cut.

        It raises an InputError if the shape is wrong or an element is not a number; the message names the element.

        Parameters
        ----------
        setpoints : np.ndarray, shape (A, N)
            Where to write.
        engine : Engine
            Of the plant; the map is compiled for the same.
        """
        asked, shape = np.zeros(setpoints.shape), setpoints.shape[::-1]
        scale = self.bind_scale(asked, setpoints, engine)
        total = np.add.reduce  # not a product of NumPy's, whose own threads would be in the way of the plant's

        def send(actions: np.ndarray) -> None:
            if actions.shape != shape:
                raise InputError(f"action has shape {actions.shape}, expected {shape}")
            asked[:] = actions.T
            if math.isnan(total(asked, None)):  # the quickest way to see that some are not numbers
                self.refuse_nan(asked)
            scale()

        return send

    def bind_scale(self, asked: Any, setpoints: Any, engine: Engine, dtype: str = "float64") -> Callable[[], None]:
        """Return a function that writes the set-points which ``asked`` asks for, both of shape (A, N).

        Parameters
        ----------
        asked, setpoints : np.ndarray, or Tensor where the engine takes tensors
        engine : Engine
            Of the plant; the map is compiled for the same.
        dtype : {"float64", "float32"}
            Of the arithmetic, and of tensors.
        """
        count = {"rows": len(self.signals)}
        model = Model(
            lambda s, u, p, interval, xp: (_Rows(p.low + p.half * (_cut(u.rows, xp) + 1.0)), None),
            lambda s, *_: s,
            lambda s, *_: s,
            _Rows,
            _Rows,
            _Ranges,
            count,
            count,
        )
        params = _Ranges(self._low, self._half)
        scaler = make_engine(engine.name, model, params, 1, dtype=dtype)  # too short to be shared by threads
        return scaler.bind(setpoints, asked, 1.0)

    def refuse_nan(self, asked: np.ndarray) -> None:
        """Raise an InputError that names the first element of ``asked``, shape (A, N), that is not a number."""
        for element, env in np.argwhere(np.isnan(asked)):
            raise InputError(f"action[{env}, {element}] ({self.signals[element].name}) is not a number")

    def actions(self, setpoints: np.ndarray) -> np.ndarray:
        """Return the actions, shape (N, A) float32, that ask for ``setpoints``, shape (A, N)."""
        return np.clip((setpoints - self._low) / self._half - 1.0, -1.0, 1.0).T.astype(np.float32)
