"""Condensers of the chillers that give their heat to the outdoor air, where there is no condenser water.

The power of their fans counts in the share of the Carnot limit that the chillers reach. Head-pressure control keeps the condensing
temperature from falling with the air for ever.
"""

from typing import Any, NamedTuple

from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array


class Params(NamedTuple):
    """How far the refrigerant stands above the air."""

    condensing_rise: Array  # (1) K of the condensing refrigerant above entering air
    condenser_air_temperature_min: Array  # (1) below which head-pressure control holds the condensers


class State(NamedTuple):
    """Heat of the control step."""

    condenser_heat: Array  # (1) J into the outdoor air


REJECTED = ("condenser_heat",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.air_condensers is not None
    return dict(
        condensing_rise=d.air_condensers.condensing_rise.value,
        condenser_air_temperature_min=d.air_condensers.air_temperature_min.value,
    )


def entering_temperature(u: Any, p: Any, xp: Any) -> Array:
    """Temperature of the air as the refrigerant feels it [degC], shape (1, N)."""
    return xp.maximum(u.dry_bulb_temperature, p.condenser_air_temperature_min)
