"""From what a policy sends, numbers from -1 to 1, to set-points in their units, and back."""

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
        scaler = make_engine(engine.name, model, _Ranges(self._low, self._half), 1, threads=engine.threads)
        scale = scaler.bind(setpoints, asked, 1.0)
        flat, zeros = asked.reshape(-1), np.zeros(asked.size)

        def send(actions: np.ndarray) -> None:
            if actions.shape != shape:
                raise InputError(f"action has shape {actions.shape}, expected {shape}")
            asked[:] = actions.T
            if flat.dot(zeros) != 0.0:  # the quickest way to see that some are not numbers, or infinite
                self._refuse_nan(asked)
            scale()

        return send

    def _refuse_nan(self, asked: np.ndarray) -> None:
        for element, env in np.argwhere(np.isnan(asked)):
            raise InputError(f"action[{env}, {element}] ({self.signals[element].name}) is not a number")

    def actions(self, setpoints: np.ndarray) -> np.ndarray:
        """Return the actions, shape (N, A) float32, that ask for ``setpoints``, shape (A, N)."""
        return np.clip((setpoints - self._low) / self._half - 1.0, -1.0, 1.0).T.astype(np.float32)
