"""The slow mass that room air touches: one lump in each hot-air cell, or the floor of a one-zone hall in layers."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import slab, thermal
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, rows_of, total


class Params(NamedTuple):
    """Of the layers; the first one is the room's mass."""

    slab_heat_capacity: Array  # (S) J/K of each layer below the first
    slab_layer_number: Array  # (S) 0, 1, ...
    slab_layer_conductance: Array  # (1) W/K through one layer
    slab_convection: Array  # (2) W/K^(4/3), air warmer and air colder
    slab_enclosure_convection: Array  # (2)
    slab_radiation: Array  # (1) W/K


class State(NamedTuple):
    """Layers below the first."""

    slab_temperature: Array  # (S)


ROWS = {"slab_temperature": "slab_layers"}
HEAT_CAPACITIES = {"slab_temperature": "slab_heat_capacity"}


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall; the room's mass becomes one layer."""
    slab = d.room.slab
    assert slab is not None
    capacity = d.room.mass_heat_capacity.value / slab.layers
    return dict(
        mass_heat_capacity=capacity,
        slab_heat_capacity=np.full(slab.layers - 1, capacity),
        slab_layer_number=np.arange(slab.layers - 1.0),
        slab_layer_conductance=slab.conductance.value * slab.layers,
        slab_convection=slab.convection.values,
        slab_enclosure_convection=slab.enclosure_convection.values,
        slab_radiation=slab.radiation.value,
    )


class Mass(NamedTuple):
    """The mass over a pass, before the air's new temperature is known."""

    conductance: Array  # (Z) W/K from the air
    source_temperature: Array  # (Z) degC
    layers: slab.LayeredStep | None  # None: one lump


def coupled(s: Any, p: Any, dt: Array, xp: Any) -> Mass:
    """How the mass meets the air in a pass of length ``dt`` [s]."""
    if not hasattr(s, "slab_temperature"):
        return Mass(
            thermal.coupling_conductance(p.mass_conductance, p.mass_heat_capacity, dt), s.mass_temperature, None
        )
    air, enclosure = p.slab_convection, p.slab_enclosure_convection
    film = slab.enclosed_conductance(
        s.hot_air_temperature - s.mass_temperature,
        (air[0:1], air[1:2]),
        (enclosure[0:1], enclosure[1:2]),
        p.slab_radiation,
        xp,
    )
    below = [total(_here(k, p, xp) * s.slab_temperature, xp) for k in range(rows_of(p.slab_layer_number))]
    layers = slab.layered_step((s.mass_temperature, *below), p.mass_heat_capacity, film, p.slab_layer_conductance, dt)
    return Mass(layers.conductance, layers.source_temperature, layers)


def after(mass: Mass, hot_air: Array, s: Any, p: Any, dt: Array, xp: Any) -> dict[str, Array]:
    """State of the mass with the air's new temperature [degC], shape (Z, N)."""
    if mass.layers is None:
        ratio = dt * p.mass_conductance / p.mass_heat_capacity
        return dict(mass_temperature=thermal.relaxed_implicitly(s.mass_temperature, hot_air, ratio))
    surface, *below = mass.layers.temperatures(hot_air)
    placed: Array = 0.0
    for k, row in enumerate(below):
        placed = placed + _here(k, p, xp) * row
    return dict(mass_temperature=surface, slab_temperature=placed)


def _here(layer: int, p: Any, xp: Any) -> Array:
    """1 at a layer, else 0, shape (S, 1)."""
    number = p.slab_layer_number
    return xp.where(number > layer - 0.5, xp.where(number < layer + 0.5, 1.0, 0.0), 0.0)
