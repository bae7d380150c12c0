"""Chilled-water coils of the CRAHs, with the valves that hold the supply air, and the water that condenses on them."""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import coil, moist_air, thermal
from dcsim.physics.constants import EVAPORATION_ENTHALPY, STANDARD_PRESSURE, VAPOR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT
from dcsim.plant import moisture
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, modulated, total
from dcsim.plant.room import CRAH_FLOW_FRACTION_MIN, HotSide

CONTACT_MIN = 1e-6  # share of the air that meets the wet stretch of a coil


class Params(NamedTuple):
    """What the coils are made of."""

    coil_conductance_nominal: Array  # (U) W/K
    coil_air_resistance_share: Array  # (1)
    coil_water_flow_nominal: Array  # (U) kg/s
    coil_rating_air_temperature: Array  # (1) entering
    coil_rating_water_temperature: Array  # (1) entering
    coil_air_film_coefficient: Array  # (1) 1/K
    valve_fraction_min: Array  # (1)
    valve_time_constant: Array  # (1) s


class WetBelowDewPoint:
    """A part: water colder than the dew point of a zone whose humidity is given wets the whole coil (EnergyPlus, simple water coil)."""

    class Inputs(NamedTuple):
        """What the driver says."""

        zone_humidity_ratio: Array  # (1) kg/kg dry air

    class Held(NamedTuple):
        """Of the air at the pressure outdoors."""

        coil_air_dew_point_temperature: Array  # (1)
        coil_air_pressure: Array  # (1) Pa

    DRIVERS = ("zone_humidity_ratio",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}

    @staticmethod
    def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
        """Hold the dew point."""
        dew_point = moist_air.dew_point_temperature(u.zone_humidity_ratio, u.outdoor_pressure, xp)
        return {}, dict(coil_air_dew_point_temperature=dew_point, coil_air_pressure=u.outdoor_pressure)


class EnteringLimit:
    """A part: coils that take air no hotter than a limit; what is above it stays in the zone (EnergyPlus: a return node holds 60 degC)."""

    class Params(NamedTuple):
        """Of the limit."""

        coil_entering_air_max: Array  # (1) degC

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.coils is not None and d.coils.entering_air_max is not None
        return dict(coil_entering_air_max=d.coils.entering_air_max.value)


class State(NamedTuple):
    """Where the valves stand."""

    valve_fraction: Array  # (U) coil water flow over nominal; more than flows where pumps are lost


ROWS = {"valve_fraction": "crahs"}


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.coils is not None
    groups = d.crahs.groups
    return dict(
        coil_conductance_nominal=np.full(groups, d.coils.conductance.value / groups),
        coil_air_resistance_share=d.coils.air_resistance_share.value,
        coil_water_flow_nominal=np.full(groups, d.coils.water_flow.value / groups),
        coil_rating_air_temperature=d.coils.rating_air_temperature.value,
        coil_rating_water_temperature=d.coils.rating_water_temperature.value,
        coil_air_film_coefficient=d.coils.air_film_coefficient.value,
        valve_fraction_min=d.coils.valve_fraction_min.value,
        valve_time_constant=d.coils.valve_time_constant.value,
    )


class Condensing:
    """A part: coils of a hall whose air holds water.

    How much of a coil is wet is found at the start of a control step, by the law of a partly wet coil. Over the step the wet stretch stands
    for a surface of known humidity, to which a known share of the air comes; so what condenses follows the room's humidity and the air
    flow at once, and where on the coil it begins with the next step.
    """

    class State(NamedTuple):
        """Air onto the coils."""

        coil_entering_air: Array  # (U) degC

    class Held(NamedTuple):
        """What the wet stretch does to the air."""

        coil_contact: Array  # (U) share of the air that comes to the humidity of the surface; 0 while a coil is dry
        coil_surface_humidity: Array  # (U) kg/kg dry air
        coil_duty_ratio: Array  # (U) temperature drop of the air over that in a dry coil

    ROWS = MappingProxyType({"coil_entering_air": "crahs"})

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}

    @staticmethod
    def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
        """Hold how wet the coils are."""
        ratio, pressure = moisture.onto_coils(s), u.outdoor_pressure
        entering, water = s.coil_entering_air, s.chilled_water_supply_temperature
        air_fraction = pressure / STANDARD_PRESSURE * xp.maximum(s.crah_fan_speed, CRAH_FLOW_FRACTION_MIN)
        water_fraction = water_fractions(s, now["chilled_water_flow_max"], p, xp)
        air, water_flow = air_fraction * p.crah_mass_flow_nominal, p.coil_water_flow_nominal * water_fraction
        films = coil.film_conductances(
            air_fraction, water_fraction, p.coil_conductance_nominal, p.coil_air_resistance_share, xp
        )
        air_film, water_film = air_factor(entering, p) * films[0], water_factor(water, p) * films[1]
        conductance = air_film * water_film / (air_film + water_film)
        made = coil.condensing_coil(
            air,
            entering,
            ratio,
            moist_air.dew_point_temperature(ratio, pressure, xp),
            water_flow,
            water,
            conductance,
            conductance / air_film,
            pressure,
            xp,
        )
        specific_heat = p.air_specific_heat + VAPOR_SPECIFIC_HEAT * ratio
        dry_duty = coil.air_side_duty(specific_heat * air, WATER_SPECIFIC_HEAT * water_flow, conductance, xp)
        is_wet = made.condensate_mass_flow > 0.0
        contact = 1.0 - xp.exp((made.dry_share - 1.0) * air_film / (specific_heat * air))
        return {}, dict(
            coil_contact=xp.where(is_wet, contact, 0.0),
            coil_surface_humidity=ratio - made.condensate_mass_flow / (air * xp.maximum(contact, CONTACT_MIN)),
            coil_duty_ratio=xp.where(is_wet, xp.maximum(made.air_duty, 0.0) / xp.maximum(dry_duty, 1e-6), 1.0),
        )


def water_fractions(s: Any, flow_max: Array, p: Any, xp: Any) -> Array:
    """Water through the coils over nominal, shape (U, N): as the valves ask for, or their share of what the pumps give [kg/s]."""
    asked = total(p.coil_water_flow_nominal * s.valve_fraction, xp)
    return s.valve_fraction * xp.minimum(flow_max / xp.maximum(asked, 1e-9), 1.0)


def air_factor(entering: Array, p: Any) -> Array:
    """Conductance of the air's film over that at rating, by the temperature of the air onto a coil [degC]."""
    return 1.0 + p.coil_air_film_coefficient * (entering - p.coil_rating_air_temperature)


def water_factor(water: Array, p: Any) -> Array:
    """Conductance of the water's film over that at rating, by the temperature of the water [degC]."""
    return coil.water_film_factor(water, p.coil_rating_water_temperature)


class Cooled(NamedTuple):
    """What the coils did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W, kg/s: of the water in the air, where there is any
    supply: Array  # (U) degC
    heat: Array  # (1) W into the chilled water, sensible and latent
    taken: Array  # (U) degC of the air that enters


def cooled(hot: HotSide, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Cooled:
    """Cool the air that returns.

    Parameters
    ----------
    hot : HotSide
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    stream, water = hot.air_stream, s.chilled_water_supply_temperature
    entering = hot.hot_return + hot.bypass * s.supply_air_temperature
    if hasattr(p, "coil_entering_air_max"):
        entering = xp.minimum(entering, p.coil_entering_air_max)
    air_film_factor, water_film_factor = air_factor(entering, p), water_factor(water, p)
    air_fraction = hot.crah_flow / p.crah_mass_flow_nominal  # less where air is thin: films go with the mass flow
    water_fraction = water_fractions(s, h.chilled_water_flow_max, p, xp)
    water_stream = WATER_SPECIFIC_HEAT * p.coil_water_flow_nominal * water_fraction
    duty = coil.air_side_duty(
        stream,
        water_stream,
        coil.coil_conductance(
            air_fraction,
            water_fraction,
            p.coil_conductance_nominal,
            p.coil_air_resistance_share,
            xp,
            air_film_factor,
            water_film_factor,
        ),
        xp,
    )
    if hasattr(u, "zone_humidity_ratio"):
        films = coil.film_conductances(
            air_fraction, water_fraction, p.coil_conductance_nominal, p.coil_air_resistance_share, xp
        )
        wetted = coil.wetted_duty(
            hot.crah_flow,
            entering,
            u.zone_humidity_ratio,
            h.coil_air_dew_point_temperature,
            water,
            water_stream,
            air_film_factor * films[0],
            water_film_factor * films[1],
            h.coil_air_pressure,
            p.air_specific_heat,
            xp,
        )
        duty = xp.where(h.coil_air_dew_point_temperature > water, xp.minimum(wetted, 1.0), duty)
    if hot.air is not None:
        duty = xp.minimum(h.coil_duty_ratio * duty, 1.0)

    def supplied(hot_return: Array, bypass: Array) -> Array:
        return thermal.node_temperature(
            s.supply_air_temperature,
            p.supply_air_heat_capacity,
            stream * (1.0 - (1.0 - duty) * bypass),
            stream * ((1.0 - duty) * hot_return + duty * water) + hot.crah_power,
            dt,
        )

    supply = supplied(hot.hot_return, hot.bypass)
    entering = hot.hot_return + hot.bypass * supply
    if hasattr(p, "coil_entering_air_max"):
        supply = xp.where(entering > p.coil_entering_air_max, supplied(p.coil_entering_air_max, 0.0), supply)
        entering = xp.minimum(hot.hot_return + hot.bypass * supply, p.coil_entering_air_max)
    wanted = (entering - h.supply_air_setpoint + hot.crah_power / stream) / xp.maximum(entering - water, 0.5)
    valve = modulated(
        s.valve_fraction,
        wanted,
        duty,
        dt,
        p.valve_time_constant,
        p.valve_fraction_min,
        h.chilled_water_pump_speed,
        xp,
    )
    new, heat = {"valve_fraction": valve}, total(stream * duty * (entering - water), xp)
    powers = {}
    if hot.air is not None:
        wet = moisture.balanced(hot.air, h.coil_contact * hot.crah_flow, h.coil_surface_humidity, s, h, p, dt, xp)
        heat = heat + EVAPORATION_ENTHALPY * total(wet.condensate, xp)
        new, powers = new | wet.new | {"coil_entering_air": entering}, wet.powers
    return Cooled(new, powers, supply, heat, entering)
