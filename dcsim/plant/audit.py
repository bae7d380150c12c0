"""Energy audit of a control step, with the very fluxes that the integrator used."""

from typing import Any

from dcsim.plant.loops import total
from dcsim.plant.model import Array, Params, State

HEAT_CAPACITIES = {
    "server_temperature": "server_heat_capacity",
    "rack_inlet_temperature": "cold_air_heat_capacity",
    "hot_air_temperature": "hot_air_heat_capacity",
    "mass_temperature": "mass_heat_capacity",
    "supply_air_temperature": "supply_air_heat_capacity",
    "chilled_water_supply_temperature": "chilled_water_supply_heat_capacity",
    "chilled_water_return_temperature": "chilled_water_return_heat_capacity",
    "condenser_water_supply_temperature": "condenser_water_heat_capacity",
}
"""Every temperature of the state that stores heat, with the parameter that says how much."""

STORAGE_REFERENCE = 20.0  # degC, keeps the stored energy small beside what a step changes


def stored_energy(s: State, p: Params, xp: Any) -> Array:
    """Heat stored in the whole hall above 20 degC [J], shape (1, N)."""
    return sum(
        total(getattr(p, capacity) * (getattr(s, temperature) - STORAGE_REFERENCE), xp)
        for temperature, capacity in HEAT_CAPACITIES.items()
    )


def energy_residual(s: Any, p: Any, interval: Array) -> Array:
    """What the balance of the last control step lacks [J], shape (1, N).

    Electric energy in and envelope gain, minus heat stored, minus heat that left by the tower and the electrical room. The tower fans'
    power leaves with the air they move.

    Parameters
    ----------
    s : State
        Or anything else with its energies, arrays or floats.
    p : Params
        Or anything else with ``humidifier_power``.
    interval : Array or float
        Length of the step [s].
    """
    electric = (
        s.it_energy
        + s.crah_fan_energy
        + s.chilled_water_pump_energy
        + s.condenser_water_pump_energy
        + s.chiller_energy
        + s.tower_fan_energy
        + p.humidifier_power * interval
        + s.electrical_loss_energy
    )
    rejected = s.tower_heat + s.tower_fan_energy + s.electrical_room_heat
    return electric + s.envelope_gain - (s.stored_energy - s.stored_energy_before) - rejected
