"""What a controller is paid: named terms in shares of design IT energy, each never positive.

With the default weights one kelvin of hottest inlet above its limit costs 0.10 of design IT power, more than 25 times what a kelvin
warmer saves, so breaking a limit never pays. A step never costs more than a ceiling, 1 with the default weights (all terms shrink together
then), and a trip costs the ceiling for every step that was left, so a short episode never pays either.

One term stands beside the ceiling and may be positive: at the end of an episode the content of a storage tank is settled with the weights
of energy, cost and carbon (``dcsim.envs.stored``).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dcsim.errors import InputError
from dcsim.plant.description import nearest

Value = Any  # array with one number for each environment


class Transition(NamedTuple):
    """What a reward may look at: means over one control step."""

    thermal_power: Value  # over design IT power: cooling, server fans, leakage above 20 degC
    facility_power: Value  # over design IT power
    inlet_excess: Value  # K of the hottest inlet above its recommended limit
    allowable_excess: Value  # K of the hottest inlet above its allowable limit
    supply_shortfall: Value  # K of the coldest supply air below its recommended limit
    travel: Value  # mean change of the set-points in force, as a share of their ranges
    energy_cost: Value  # currency per kW of design IT power and hour
    carbon: Value  # kg per kW of design IT power and hour


DEFAULT_WEIGHTS: Mapping[str, float] = {
    "thermal_power": 1.0,  # per design IT power
    "facility_power": 0.0,  # per design IT power
    "inlet_excess": 0.10,  # per K
    "allowable_excess": 0.50,  # per K
    "supply_shortfall": 0.02,  # per K
    "travel": 0.005,  # per full range
    "energy_cost": 0.0,  # per currency / (kW h)
    "carbon": 0.0,  # per kg / (kW h)
}
"""Weight of each term of ``Transition``; the reward is minus the weighted sum."""

CEILINGS: Mapping[str, float] = {"thermal_power": 1.0, "facility_power": 2.0, "energy_cost": 1.0, "carbon": 2.0}
"""What the terms that are always paid can amount to; weighted and added they are the ceiling of a step's cost."""

TERMS = (*DEFAULT_WEIGHTS, "trip", "stored_cooling")


class Taken(NamedTuple):
    """What a storage tank lacks at the end of an episode, in the units of ``Transition``; negative where it holds more."""

    energy: Value  # electricity over design IT power, as if drawn within the step
    energy_cost: Value
    carbon: Value


def checked_weights(weights: Mapping[str, float] | None) -> dict[str, float]:
    """Return the default weights with those given by name in their place.

    Raises
    ------
    InputError
        For an unknown term or a weight that is not a number of at least 0.
    """
    merged = dict(DEFAULT_WEIGHTS)
    for name, weight in (weights or {}).items():
        if name not in DEFAULT_WEIGHTS:
            raise InputError(f"reward: no term {name!r}{nearest(name, DEFAULT_WEIGHTS)}")
        if not isinstance(weight, int | float) or not 0.0 <= weight < float("inf"):
            raise InputError(f"reward: weight of {name!r} is {weight!r}, expected a number of at least 0")
        merged[name] = float(weight)
    return merged


class Reward:
    """Reward with fixed weights.

    Parameters
    ----------
    weights : mapping
        As from ``checked_weights``.

    Attributes
    ----------
    ceiling : float
        What a step costs at most, and every step after a trip.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = tuple(-weights[name] for name in Transition._fields)
        self._settlement = (
            -(weights["thermal_power"] + weights["facility_power"]),
            -weights["energy_cost"],
            -weights["carbon"],
        )
        self.ceiling = sum(bound * weights[name] for name, bound in CEILINGS.items()) or 1.0

    def terms(
        self, transition: Transition, is_tripped: Value, steps_left: Value, taken: Taken | None = None, xp: Any = np
    ) -> dict[str, Value]:
        """Reward terms of a step; the reward is their sum.

        Parameters
        ----------
        transition : Transition
        is_tripped : Value
            1 where the servers have tripped, else 0.
        steps_left : Value
            Control steps after this one until the clock would end the episode.
        taken : Taken, optional
            From a storage tank, 0 before the end of the episode.
        xp : namespace

        Returns
        -------
        dict
            Each of ``TERMS`` with its value.
        """
        values = [weight * value for weight, value in zip(self._weights, transition, strict=True)]
        cost = 0.0
        for value in values:
            cost = cost - value
        share = self.ceiling / xp.maximum(cost, self.ceiling)
        result = {name: value * share for name, value in zip(Transition._fields, values, strict=True)}
        result["trip"] = -self.ceiling * steps_left * is_tripped
        settled: Value = 0.0 * cost
        for weight, value in zip(self._settlement, taken or (), strict=False):
            settled = settled + weight * value
        result["stored_cooling"] = settled
        return result
