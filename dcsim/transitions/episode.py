"""What an episode of transitions is, whether it was simulated or logged.

Row ``t`` of an episode holds the observation before step ``t``, the action that was held over it, and what came of it; the next observation
is that of the next row. After the last step stands one more observation, without an action.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.envs.signals import Signal, Signals, scaling

Array = np.ndarray

OUTCOMES: dict[str, Signal] = {
    key: Signal(name, unit, np.nan, np.nan, meaning)
    for key, name, unit, meaning in (
        ("thermal_power_w", "thermal_power", "W", "cooling, server fans and leakage above 20 degC, mean of the step"),
        ("cooling_power_w", "cooling_power", "W", "all cooling equipment, mean of the step"),
        ("it_power_w", "it_power", "W", "IT equipment with its fans, mean of the step"),
        ("facility_power_w", "facility_power", "W", "all the site draws, mean of the step"),
        ("rack_inlet_max_c", "hottest_rack_inlet", "degC", "hottest rack group at any moment of the step"),
        ("violation_k_min", "violation", "K min", "hottest rack group above its limit, summed over the step"),
        ("cost", "cost", "K min", "safety cost of the step, for constrained learning"),
    )
}
"""What of an environment's ``info`` is kept of every step, by its key there."""


@dataclass(frozen=True)
class Layout:
    """What the columns of episodes are.

    Attributes
    ----------
    observation, action : tuple of Signal
        ``low`` and ``high`` are the values at -1 and 1 of what an environment takes and gives; NaN where nothing scales them.
    outcome : tuple of Signal
        What is told of every step beside its reward.
    keys : tuple of str
        Of the outcomes where a name carries its unit, as in ``info``.
    is_dated : bool
        Whether times are universal, or of a simulation, whose year is typical and no year in particular.
    """

    observation: tuple[Signal, ...]
    action: tuple[Signal, ...]
    outcome: tuple[Signal, ...]
    keys: tuple[str, ...]
    is_dated: bool

    def described(self) -> dict[str, Any]:
        """Return the signals, JSON-able."""
        return {
            part: [
                {
                    "name": s.name,
                    "unit": s.unit,
                    **({"low": s.low, "high": s.high} if s.low == s.low else {}),
                    "meaning": s.meaning,
                }
                for s in getattr(self, part)
            ]
            for part in ("observation", "action", "outcome")
        }


@dataclass(frozen=True)
class Episode:
    """One episode of T steps.

    Attributes
    ----------
    time : ndarray, shape (T + 1,)
        Starts of the steps and the end of the last one: universal time [ns] of a log, local standard time of the year [s] of a simulation.
    step_s : float
        Length of a step [s].
    observation : ndarray, shape (T + 1, F)
        In units; NaN where a log lacks it.
    action : ndarray, shape (T, A)
        In units.
    outcome : ndarray, shape (T + 1, K)
        In units, of the steps; in front what was told before the first one.
    reward : ndarray, shape (T,)
        NaN where it is not known.
    terminated, truncated : ndarray of bool, shape (T,)
    raw_observation, raw_action : ndarray of float32, shapes (T + 1, F) and (T, A)
        As an environment gives and takes them.
    origin : mapping
        JSON-able: seed, controller, start and the like.
    """

    time: Array
    step_s: float
    observation: Array
    action: Array
    outcome: Array
    reward: Array
    terminated: Array
    truncated: Array
    raw_observation: Array
    raw_action: Array
    origin: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """Number of transitions T."""
        return len(self.reward)


def layout_of_environment(signals: Signals) -> Layout:
    """Return the layout of what an environment gives and takes."""
    return Layout(signals.observation, signals.action, tuple(OUTCOMES.values()), tuple(OUTCOMES), is_dated=False)


def in_units(signals: Sequence[Signal], scaled: Array) -> Array:
    """Return numbers from -1 to 1, shape (T, F), in the units of their signals, float64."""
    offset, factor = scaling(signals)
    return np.asarray(offset + scaled.astype(np.float64) / factor)


def episode_of_environment(
    signals: Signals,
    interval_s: float,
    observations: Sequence[Array],
    actions: Sequence[Array],
    rewards: Sequence[float],
    infos: Sequence[Mapping[str, float]],
    is_terminated: bool,
    origin: Mapping[str, Any],
) -> Episode:
    """Return the episode that an environment went through.

    Parameters
    ----------
    signals : Signals
    interval_s : float
    observations : sequence of Array
        T + 1 of them, as the environment gave them.
    actions : sequence of Array
        T of them, as it was handed them.
    rewards : sequence of float
    infos : sequence of mapping
        T + 1 of them, that of the reset first.
    is_terminated : bool
        Whether a trip ended it; otherwise the clock did.
    origin : mapping
    """
    raw_observation, raw_action = np.stack(observations), np.stack(actions).astype(np.float32)
    last = np.arange(len(rewards)) == len(rewards) - 1
    return Episode(
        time=infos[0]["time_s"] + interval_s * np.arange(len(observations)),
        step_s=interval_s,
        observation=in_units(signals.observation, raw_observation),
        action=in_units(signals.action, np.clip(raw_action, -1.0, 1.0)),
        outcome=np.array([[info[key] for key in OUTCOMES] for info in infos]),
        reward=np.array(rewards),
        terminated=last & is_terminated,
        truncated=last & (not is_terminated),
        raw_observation=raw_observation,
        raw_action=raw_action,
        origin=origin,
    )
