"""From what a policy sends, numbers from -1 to 1, to set-points in their units, and back."""

import numpy as np

from dcsim.envs.signals import Signal
from dcsim.errors import InputError


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
        self.shape = (len(signals),)

    def setpoints(self, actions: np.ndarray, out: np.ndarray) -> None:
        """Write the set-points that ``actions``, shape (N, A), ask for into ``out``, shape (A, N); what is beyond -1 to 1 is cut.

        Raises
        ------
        InputError
            If the shape is wrong or an element is not a number; the message names the element.
        """
        if actions.shape != (out.shape[1], self.shape[0]):
            raise InputError(f"action has shape {actions.shape}, expected {(out.shape[1], self.shape[0])}")
        np.minimum(actions.T, 1.0, out=out)
        np.maximum(out, -1.0, out=out)
        check = np.add.reduce(out, axis=None)  # not a number if any element is not
        if check != check:
            element, env = (int(i) for i in np.argwhere(np.isnan(out))[0])
            raise InputError(f"action[{env}, {element}] ({self.signals[element].name}) is not a number")
        out += 1.0
        out *= self._half
        out += self._low

    def actions(self, setpoints: np.ndarray) -> np.ndarray:
        """Return the actions, shape (N, A) float32, that ask for ``setpoints``, shape (A, N)."""
        return np.clip((setpoints - self._low) / self._half - 1.0, -1.0, 1.0).T.astype(np.float32)
