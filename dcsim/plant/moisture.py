"""Water in the room air: outdoor air, the humidifier, what coils condense, and the limits of dew point and humidity.

The air of racks and hot-air cells is one well-mixed node. Books are those of ``dcsim.physics.moisture``: latent heat is the evaporation
enthalpy at 0 degC times water, sensible heat the rest, liquid water counts as nothing, except for what warm feed water saves a boiler.
Left out: water in walls and goods, differences of humidity within the room, water that evaporates off a coil's pan.
"""

from typing import Any, NamedTuple

from dcsim.physics import moist_air, moisture, thermal
from dcsim.physics.constants import EVAPORATION_ENTHALPY
from dcsim.physics.saturation import log_saturation_pressure
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, total

SECONDS_PER_HOUR = 3600.0
DEW_POINT_ROUNDS = 2  # within 1e-4 K
LOG_HUMIDITY_MAX = 10.0  # beyond any air; keeps a state that no hall has finite


class Params(NamedTuple):
    """Outdoor air, humidifier, limits."""

    dry_air_mass: Array  # (1) kg in the room
    infiltration_flow: Array  # (1) kg/s of outdoor air as it is, at sea level
    ventilation_flow: Array  # (1) kg/s of outdoor air through the make-up air unit, at sea level
    make_up_air_temperature: Array  # (1) greatest at which it leaves that unit
    make_up_air_cop: Array  # (1) of that unit
    humidifier_capacity: Array  # (1) kg/s
    humidifier_dew_point: Array  # (1) degC at and above which nothing is added
    humidifier_band: Array  # (1) K below it at which all is
    humidifier_power: Array  # (1) J electricity for each kilogram of vapour
    humidifier_feed_heat: Array  # (1) J/kg that the feed water brings
    humidifier_drain_share: Array  # (1) of the water drawn that is drained
    dew_point_max: Array  # (1) degC, recommended
    dew_point_min: Array  # (1) degC, recommended
    relative_humidity_max: Array  # (1) recommended, at the coldest rack inlet


class State(NamedTuple):
    """Humidity, energies and water of the control step, what is watched."""

    humidity_ratio: Array  # (1) kg/kg dry air
    humidifier_energy: Array  # (1) J
    make_up_air_energy: Array  # (1) J, which leaves outdoors with the heat of the unit
    ventilation_gain: Array  # (1) J of sensible heat that outdoor air brings, as the room gets it
    latent_gain: Array  # (1) J of latent heat that it brings
    feed_water_gain: Array  # (1) J that the humidifier's feed water brings
    humidifier_water: Array  # (1) kg drawn
    condensate_water: Array  # (1) kg off the coils
    # monitored
    room_dew_point: Array  # (1) degC
    room_relative_humidity: Array  # (1) at the coldest rack inlet
    dew_point_excess: Array  # (1) K s of the dew point above dew_point_max, or above that of relative_humidity_max
    dew_point_shortfall: Array  # (1) K s of the dew point below dew_point_min


class Held(NamedTuple):
    """Outdoor air that comes in: the weather is held over a control step."""

    outdoor_air_flow: Array  # (1) kg/s
    outdoor_air_water: Array  # (1) kg/s in it
    outdoor_air_heat: Array  # (1) W in it above 0 degC, sensible
    make_up_air_power: Array  # (1) W


METERS = {"humidifier": ("humidifier_energy",), "ventilation": ("make_up_air_energy",)}
GAINED = ("ventilation_gain", "latent_gain", "feed_water_gain")
REJECTED = ("make_up_air_energy",)
WATER = ("humidifier_water",)
SUMS = ("condensate_water",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.moisture is not None
    m = d.moisture
    air = d.room.hot_air_heat_capacity.value + (d.room.cold_air_heat_capacity.value if d.air_paths else 0.0)
    mass = air / d.room.air_specific_heat.value
    humidifier: moisture.Humidifier  # of one kilogram a second
    if m.humidifier == "steam":
        assert m.feed_water_temperature is not None
        humidifier = moisture.steam_humidifier(1.0, m.feed_water_temperature.value, m.humidifier_efficiency.value)
    else:
        assert m.pump_pressure is not None
        humidifier = moisture.adiabatic_humidifier(1.0, m.pump_pressure.value, m.humidifier_efficiency.value)
    return dict(
        dry_air_mass=mass,
        infiltration_flow=m.infiltration.value * mass / SECONDS_PER_HOUR,
        ventilation_flow=m.ventilation.value * mass / SECONDS_PER_HOUR,
        make_up_air_temperature=m.make_up_air_temperature.value,
        make_up_air_cop=m.make_up_air_cop.value,
        humidifier_capacity=m.humidifier_capacity.value,
        humidifier_dew_point=m.humidifier_dew_point.value,
        humidifier_band=m.humidifier_band.value,
        humidifier_power=humidifier.power,
        humidifier_feed_heat=humidifier.feed_water_heat_flow,
        humidifier_drain_share=m.humidifier_drain_share.value,
        dew_point_max=m.dew_point_max.value,
        dew_point_min=m.dew_point_min.value,
        relative_humidity_max=m.relative_humidity_max.value,
    )


def stored_energy(s: Any, p: Any, xp: Any) -> Array:
    """Latent heat in the room air [J], shape (1, N)."""
    return moisture.latent_energy(p.dry_air_mass, s.humidity_ratio)


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Hold the outdoor air that comes in; start the monitors afresh."""
    density_ratio = u.outdoor_pressure / moist_air.STANDARD_PRESSURE
    leaking, ventilating = density_ratio * p.infiltration_flow, density_ratio * p.ventilation_flow
    outdoors, humidity = u.dry_bulb_temperature, u.outdoor_humidity_ratio
    temperature, ratio = moisture.make_up_air(outdoors, humidity, p.make_up_air_temperature, u.outdoor_pressure, xp)
    cooled = moisture.stream_heat_flow(ventilating, outdoors, humidity, temperature, ratio)
    zero = 0.0 * s.trip_time
    return dict(dew_point_excess=zero, dew_point_shortfall=zero), dict(
        outdoor_air_flow=leaking + ventilating,
        outdoor_air_water=leaking * humidity + ventilating * ratio,
        outdoor_air_heat=p.air_specific_heat * (leaking * outdoors + ventilating * temperature),
        make_up_air_power=cooled / p.make_up_air_cop,
    )


class Brought(NamedTuple):
    """What outdoor air and humidifier bring in a pass."""

    vapor: Array  # (1) kg/s of the humidifier
    stream: Array  # (1) W/K of outdoor air
    heat: Array  # (1) W of sensible heat above 0 degC, with the humidifier's
    inflow: Array  # (1) kg/s of outdoor air, by whatever way
    water: Array  # (1) kg/s in it
    recirculated: Array = 1.0  # (U) share of room air in the air onto a coil
    admixed: Array = 0.0  # (U) kg/kg dry air, what the rest of it adds to its humidity


def brought(s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Brought:
    """Say what enters the room air by itself and by the humidifier, which looks at the humidity it would come to without it."""
    inflow, water = h.outdoor_air_flow, h.outdoor_air_water
    if hasattr(h, "treated_air_humidity"):
        density_ratio = u.outdoor_pressure / moist_air.STANDARD_PRESSURE
        exchanged = density_ratio * p.crah_mass_flow_nominal * s.crah_fan_speed * s.outdoor_air_share
        inflow, water = inflow + total(exchanged, xp), water + total(exchanged * h.treated_air_humidity, xp)
    if hasattr(h, "coil_drying_flow"):  # coils that dry the air of a small room faster than a step is long
        drying = xp.where(onto_coils(s) > h.coil_surface_humidity, h.coil_drying_flow, 0.0)
        inflow, water = inflow + total(drying, xp), water + total(drying * h.coil_surface_humidity, xp)
    alone = thermal.node_temperature(s.humidity_ratio, p.dry_air_mass, inflow, water, dt)
    command = moisture.humidifier_command(
        alone,
        p.humidifier_dew_point,
        p.humidifier_band,
        u.outdoor_pressure,
        moisture.humidifier_rise(p.humidifier_capacity, alone, p.dry_air_mass, inflow, 0.0, dt, xp),
        xp,
    )
    vapor = p.humidifier_capacity * command
    sensible = moisture.sensible_heat_flow((p.humidifier_power + p.humidifier_feed_heat) * vapor, vapor)
    return Brought(
        vapor=vapor,
        stream=p.air_specific_heat * h.outdoor_air_flow,
        heat=h.outdoor_air_heat + sensible,
        inflow=h.outdoor_air_flow,
        water=h.outdoor_air_water,
    )


def onto_coils(s: Any) -> Array:
    """Humidity ratio of the air onto the coils [kg/kg dry air], after the pass before."""
    return s.coil_entering_humidity if hasattr(s, "coil_entering_humidity") else s.humidity_ratio


class Balanced(NamedTuple):
    """The water of a pass."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W, kg/s
    condensate: Array  # (U) kg/s on each coil


def balanced(air: Brought, contact: Array, surface: Array, s: Any, h: Any, p: Any, dt: Array, xp: Any) -> Balanced:
    """Close the balance of the room's water.

    Parameters
    ----------
    air : Brought
    contact : Array
        Air that comes to the humidity of a wet surface [kg/s], shape (U, N); 0 where a coil is dry.
    surface : Array
        That humidity [kg/kg dry air], shape (U, N).
    s, h, p : State, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    met = xp.where(air.recirculated * s.humidity_ratio + air.admixed > surface, contact, 0.0)
    ratio = thermal.node_temperature(
        s.humidity_ratio,
        p.dry_air_mass,
        air.inflow + total(met * air.recirculated, xp),
        air.water + air.vapor + total(met * (surface - air.admixed), xp),
        dt,
    )
    condensate = met * (air.recirculated * ratio + air.admixed - surface)
    return Balanced(
        new=dict(humidity_ratio=ratio),
        powers=dict(
            humidifier_energy=p.humidifier_power * air.vapor,
            make_up_air_energy=h.make_up_air_power,
            latent_gain=EVAPORATION_ENTHALPY * (air.water - air.inflow * ratio),
            feed_water_gain=p.humidifier_feed_heat * air.vapor,
            humidifier_water=air.vapor / (1.0 - p.humidifier_drain_share),
            condensate_water=total(condensate, xp),
        ),
        condensate=condensate,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Dew point and relative humidity at the end of a sub-step, and how far they stand beyond what is recommended.

    Relative humidity counts in kelvin too: by what the dew point stands above the one that belongs to its limit.
    """
    dew_point = moist_air.dew_point_temperature(s.humidity_ratio, u.outdoor_pressure, xp, DEW_POINT_ROUNDS)
    coldest = -xp.max(-s.rack_inlet_temperature, 0, keepdims=True)
    vapor = moist_air.log_vapor_pressure(s.humidity_ratio, u.outdoor_pressure, xp)
    log_humidity = xp.minimum(vapor - log_saturation_pressure(coldest, xp)[0], LOG_HUMIDITY_MAX)
    _, slope = log_saturation_pressure(dew_point, xp)
    above = xp.maximum(dew_point - p.dew_point_max, (log_humidity - xp.log(p.relative_humidity_max)) / slope)
    return dict(
        room_dew_point=dew_point,
        room_relative_humidity=xp.exp(log_humidity),
        dew_point_excess=s.dew_point_excess + time_step * xp.maximum(above, 0.0),
        dew_point_shortfall=s.dew_point_shortfall + time_step * xp.maximum(p.dew_point_min - dew_point, 0.0),
    )
