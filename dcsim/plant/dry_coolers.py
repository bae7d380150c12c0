"""Facility water between CDUs and dry coolers: pumps, fans that hold the supply temperature, pads that are wetted when these no longer can.

The fans hold the set-point within the speed they are allowed; a bypass keeps the water from falling below it. What they cannot hold lets
the supply rise, and the pads in front of the coils are wetted in proportion to that, in warm air only. So water is used where a controller
lets it: a warmer set-point or faster fans save it.
"""

from typing import Any, NamedTuple

from dcsim.physics import cdu, dry_cooler, pump, thermal
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.liquid import Plates
from dcsim.plant.loops import Array, Setpoint, modulated

FAN_SATURATION = 0.1  # below their limit, as a share of it, at which fans cease to count as doing all they may


DRAUGHT = 0.05  # air flow over nominal of coils without fans: warm air rises


class Params(NamedTuple):
    """What loop, pumps, fans and pads are made of."""

    facility_water_supply_heat_capacity: Array  # (1) J/K
    facility_water_return_heat_capacity: Array  # (1) J/K
    facility_water_flow_nominal: Array  # (1) kg/s with the valves of all CDUs open
    facility_water_flow_share_min: Array  # (1) least flow through the dry coolers, kept by a bypass
    facility_water_pump_power_nominal: Array  # (1) W
    facility_water_static_share: Array  # (1) of the head, held at the CDUs
    dry_cooler_conductance: Array  # (1) W/K at the rating
    dry_cooler_air_flow_nominal: Array  # (1) kg/s
    dry_cooler_air_temperature_nominal: Array  # (1) at the rating, entering
    dry_cooler_water_temperature_nominal: Array  # (1) at the rating, entering
    dry_cooler_fan_power_nominal: Array  # (1) W
    dry_cooler_fan_linear_share: Array  # (1)
    dry_cooler_fan_speed_min: Array  # (1)
    dry_cooler_time_constant: Array  # (1) s
    pad_effectiveness: Array  # (1)
    pad_start_temperature: Array  # (1) outdoor air in which half of the pads may be wetted
    pad_start_width: Array  # (1) K
    pad_deadband: Array  # (1) K of supply above set-point from which on pads are wetted
    pad_band: Array  # (1) K from none to all
    pad_time_constant: Array  # (1) s
    pad_cycles_of_concentration: Array  # (1)
    facility_water_setpoint_min: Array  # (1) what protection falls back to


class State(NamedTuple):
    """Water, fans, pads; energies of the control step."""

    facility_water_supply_temperature: Array  # (1) to the CDUs
    facility_water_return_temperature: Array  # (1) from the CDUs
    dry_cooler_fan_speed: Array  # (1)
    pad_wetted_share: Array  # (1)
    facility_water_pump_energy: Array  # (1) J
    dry_cooler_fan_energy: Array  # (1) J
    dry_cooler_heat: Array  # (1) J from the water to the outdoor air
    pad_water: Array  # (1) kg evaporated and drained
    facility_water_setpoint: Array  # (1)
    dry_cooler_fan_limit: Array  # (1)


class Inputs(NamedTuple):
    """What is asked for."""

    facility_water_setpoint: Array  # (1)
    dry_cooler_fan_limit: Array  # (1) speed up to which the fans may hold the set-point
    dry_cooler_fan_available: Array  # (1) share of the banks whose fans can run; the air of the others stands still


class Held(NamedTuple):
    """After protection and the dew-point guard."""

    facility_water_setpoint: Array  # (1)
    dry_cooler_fan_limit: Array  # (1)
    pads_enabled: Array  # (1) share of the pads that may be wetted in this air


SETPOINTS = (
    Setpoint("facility_water_setpoint", "facility_water_setpoint", "facility_water_temperature"),
    Setpoint("dry_cooler_fan_limit", "dry_cooler_fan_limit", "dry_cooler_fan_limit"),
)
HEAT_CAPACITIES = {
    "facility_water_supply_temperature": "facility_water_supply_heat_capacity",
    "facility_water_return_temperature": "facility_water_return_heat_capacity",
}
AVAILABILITY = {"dry_cooler_fan": "dry_cooler_fan_available"}
UNITS = {"dry_cooler_fan": "dry_coolers"}
METERS = {"pump": ("facility_water_pump_energy",), "dry_cooler_fan": ("dry_cooler_fan_energy",)}
REJECTED = ("dry_cooler_heat", "dry_cooler_fan_energy")  # the fans' power leaves with the air they move
WATER = ("pad_water",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    coolers, allowed = d.dry_coolers, d.setpoints.facility_water_temperature
    assert coolers is not None and allowed is not None
    air, span = coolers.design_dry_bulb_temperature.value, coolers.design_range.value
    leaving = air + coolers.design_approach.value
    return dict(
        facility_water_supply_heat_capacity=coolers.supply_heat_capacity.value,
        facility_water_return_heat_capacity=coolers.return_heat_capacity.value,
        facility_water_flow_nominal=coolers.water_flow.value,
        facility_water_flow_share_min=coolers.flow_share_min.value,
        facility_water_pump_power_nominal=coolers.pump_power.value,
        facility_water_static_share=coolers.pump_static_share.value,
        dry_cooler_conductance=dry_cooler.size_conductance(
            WATER_SPECIFIC_HEAT * coolers.water_flow.value * span,
            leaving + span,
            leaving,
            air,
            AIR_SPECIFIC_HEAT * coolers.air_flow.value,
        ),
        dry_cooler_air_flow_nominal=coolers.air_flow.value,
        dry_cooler_air_temperature_nominal=air,
        dry_cooler_water_temperature_nominal=leaving + span,
        dry_cooler_fan_power_nominal=coolers.fan_power.value,
        dry_cooler_fan_linear_share=coolers.fan_linear_share.value,
        dry_cooler_fan_speed_min=coolers.fan_speed_min.value,
        dry_cooler_time_constant=coolers.time_constant.value,
        pad_effectiveness=coolers.pad_effectiveness.value,
        pad_start_temperature=coolers.pad_start_temperature.value,
        pad_start_width=coolers.pad_start_width.value,
        pad_deadband=coolers.pad_deadband.value,
        pad_band=coolers.pad_band.value,
        pad_time_constant=coolers.pad_time_constant.value,
        pad_cycles_of_concentration=coolers.pad_cycles_of_concentration.value,
        facility_water_setpoint_min=allowed.low,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Hold what fans and pads are to do: under protection all they can, but never water below dew point and margin."""
    protects = now["case_protection"] > 0.5
    asked = xp.where(protects, p.facility_water_setpoint_min, now["facility_water_setpoint"])
    return {}, dict(
        facility_water_setpoint=xp.maximum(asked, now["coolant_floor"]),
        dry_cooler_fan_limit=xp.where(protects, 1.0, now["dry_cooler_fan_limit"]),
        pads_enabled=dry_cooler.precooling_enable(
            u.dry_bulb_temperature, p.pad_start_temperature, p.pad_start_width, xp
        ),
    )


class Rejected(NamedTuple):
    """What the dry coolers did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W


def rejected(plates: Plates, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Rejected:
    """Take the heat of the CDUs out of the facility water.

    Parameters
    ----------
    plates : Plates
        With the heat that enters the water.
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    flow = xp.maximum(plates.facility_flow, p.facility_water_flow_share_min)
    pump_power = pump.friction_and_static_power(
        flow, p.facility_water_pump_power_nominal, p.facility_water_static_share
    )
    stream = WATER_SPECIFIC_HEAT * p.facility_water_flow_nominal * flow
    loop = thermal.loop_step(
        s.facility_water_supply_temperature,
        s.facility_water_return_temperature,
        p.facility_water_supply_heat_capacity,
        p.facility_water_return_heat_capacity,
        stream,
        plates.heat + pump_power,
        dt,
    )
    air_fraction = h.density_ratio * xp.maximum(u.dry_cooler_fan_available * s.dry_cooler_fan_speed, DRAUGHT)
    air_flow = p.dry_cooler_air_flow_nominal * air_fraction
    air = dry_cooler.precooled_air(
        air_flow,
        u.dry_bulb_temperature,
        u.wet_bulb_temperature,
        u.outdoor_humidity_ratio,
        p.pad_effectiveness,
        s.pad_wetted_share,
    )
    conductance = dry_cooler.conductance(
        air_fraction,
        flow,
        dry_cooler.air_film_factor(air.temperature, p.dry_cooler_air_temperature_nominal),
        dry_cooler.water_film_factor(s.facility_water_return_temperature, p.dry_cooler_water_temperature_nominal),
        p.dry_cooler_conductance,
        xp=xp,
    )
    rate = dry_cooler.heat_flow(conductance, AIR_SPECIFIC_HEAT * air_flow, stream, 1.0, 0.0, xp)  # W per K
    limit = cdu.exchanged_heat_flow(loop, rate, air.temperature)  # the same problem: a loop against a stream
    wished = thermal.relaxed_implicitly(
        s.facility_water_supply_temperature, h.facility_water_setpoint, dt / p.dry_cooler_time_constant
    )
    demand = loop.heat_to_reach(wished)
    heat = dry_cooler.limited_heat_flow(limit, demand, xp)
    supply, returning = loop.temperatures(heat)
    excess = s.facility_water_supply_temperature - h.facility_water_setpoint - p.pad_deadband
    saturated = clip((s.dry_cooler_fan_speed / h.dry_cooler_fan_limit - 1.0) / FAN_SATURATION + 1.0, 0.0, 1.0, xp)
    pads = h.pads_enabled * saturated * clip(excess / p.pad_band, 0.0, 1.0, xp)
    fan_power = u.dry_cooler_fan_available * dry_cooler.fan_power(
        s.dry_cooler_fan_speed, h.density_ratio, p.dry_cooler_fan_power_nominal, p.dry_cooler_fan_linear_share
    )
    return Rejected(
        new=dict(
            facility_water_supply_temperature=supply,
            facility_water_return_temperature=returning,
            dry_cooler_fan_speed=modulated(
                s.dry_cooler_fan_speed,
                demand,
                limit,
                dt,
                p.dry_cooler_time_constant,
                p.dry_cooler_fan_speed_min,
                h.dry_cooler_fan_limit,
                xp,
            ),
            pad_wetted_share=thermal.relaxed_implicitly(s.pad_wetted_share, pads, dt / p.pad_time_constant),
        ),
        powers=dict(
            facility_water_pump_energy=pump_power,
            dry_cooler_fan_energy=fan_power,
            dry_cooler_heat=heat,
            pad_water=dry_cooler.water_use(air.evaporation, p.pad_cycles_of_concentration),
        ),
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Extrapolation may carry fans and pads a little beyond their ends."""
    return dict(
        dry_cooler_fan_speed=clip(s.dry_cooler_fan_speed, p.dry_cooler_fan_speed_min, h.dry_cooler_fan_limit, xp),
        pad_wetted_share=clip(s.pad_wetted_share, 0.0, 1.0, xp),
    )
