"""Energy audit of a control step, with the very fluxes that the integrator used."""

from typing import Any

from dcsim.plant.loops import Array, total
from dcsim.plant.parts import PARTS, Types

STORAGE_REFERENCE = 20.0  # degC, keeps the stored energy small beside what a step changes


def stored_energy(types: Types, s: Any, p: Any, xp: Any) -> Array:
    """Heat stored in the whole hall above 20 degC, and what its parts store otherwise [J], shape (1, N)."""
    heat: Array = sum(
        total(getattr(p, capacity) * (getattr(s, temperature) - STORAGE_REFERENCE), xp)
        for temperature, capacity in types.heat_capacities.items()
    )
    for part in types.parts:
        if hasattr(PARTS[part], "stored_energy"):
            heat = heat + PARTS[part].stored_energy(s, p, xp)
    return heat


def cooling_energy(types: Types, s: Any) -> Array:
    """Electric energy of everything that cools, of the last control step [J]."""
    result: Array = 0.0
    for fields in types.meters.values():
        for field in fields:
            result = result + getattr(s, field)
    return result


def energy_residual(types: Types, s: Any) -> Array:
    """What the balance of the last control step lacks [J], shape (1, N).

    Electric energy in and what else enters, minus heat stored, minus what left the site.

    Parameters
    ----------
    types : Types
        Of the hall.
    s : State
        Or anything else with its energies, arrays or floats.
    """
    result: Array = s.it_energy + cooling_energy(types, s) + s.electrical_loss_energy
    for field in types.gained:
        result = result + getattr(s, field)
    result = result - (s.stored_energy - s.stored_energy_before)
    for field in types.rejected:
        result = result - getattr(s, field)
    return result
