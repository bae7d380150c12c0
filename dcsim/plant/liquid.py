"""Liquid-cooled racks: cold plates, the technology loop that carries their heat, and the coolant distribution units (CDUs).

A rack group gives a fixed share of its power to its cold plates and the rest to the room's air. Its load is known by slot of the control
step, since synchronous training swings whole halls within a second: the dynamic power is worked out in every pass for the load of just
those seconds, and the peaks are kept. All plates of a group are one lump of heat; the plates, the loop of a CDU group and its exchanger are
solved together. A motor valve on the facility side holds the coolant's supply temperature, the pumps run at the speed asked for, or faster
where a case stands above its limit.

Leakage of the liquid share follows the case, stated as the coolant temperature that at nominal flow makes it as warm: more flow saves
leakage. Left out: two-phase cooling, hot spots, plates that differ within a group, fouling, heat lost by the pipes.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import cdu, cold_plate, moist_air, server, thermal
from dcsim.physics.cold_plate import PG25_DENSITY, PG25_SPECIFIC_HEAT
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import STEP_RATIO_MAX, STEP_RATIO_MIN, Array, Setpoint, total

LOAD_SLOTS = 30
"""Slots of a control step by which the load is known: 10 s each of the usual 300 s."""

COOLANT_FLOW_MIN = 1e-3  # of nominal: what drifts through stopped pumps; keeps heat from being divided by nothing
LEAKAGE_TEMPERATURE_MAX = (
    100.0  # degC of equal coolant; chips are off by then, and heat must not feed on itself for ever
)
BOOST_BAND = 3.0  # K above its limit at which a case has called the pumps to full speed
VALVE_GAIN = 1.0  # stroke per relative error of the heat: the loop of supply lump and valve is damped by 0.7
LITRES_PER_M3, SECONDS_PER_MINUTE, WATTS_PER_KW = 1000.0, 60.0, 1000.0


class Params(NamedTuple):
    """What plates, technology loops and CDUs are made of. L: liquid-cooled rack groups, D: CDU groups, Q: zones times slots."""

    # load within a control step
    slot_start: Array  # (Q) of each slot, as a share of the control step
    slot_sum: Array  # matrix (U, Q) ones where a slot belongs to a zone
    zone_of_rack: Array  # matrix (R, U) ones
    # plates
    air_share: Array  # (R) of a rack group's power that goes into the air
    plate_share: Array  # matrix (L, R) of a rack group's power that goes into its plates
    plate_resistance: Array  # (L) K/W of all plates of a group, at the flow at which it was measured
    plate_resistance_nominal: Array  # (L) K/W at nominal coolant flow
    plate_film_share: Array  # (1) of it that lies in the coolant
    plate_flow_ratio: Array  # (1) nominal flow through a plate over that at which its resistance was measured
    plate_heat_capacity: Array  # (L) J/K chips, lids and plates
    plate_stream: Array  # (L) W/K of the coolant at nominal flow
    case_limit: Array  # (1) degC
    case_protection_release: Array  # (1) degC
    case_trip: Array  # (1) degC
    # technology loops
    plates_of_cdu: Array  # matrix (D, L) ones
    cdu_of_plates: Array  # matrix (L, D) ones
    coolant_stream: Array  # (D) W/K at nominal flow
    coolant_supply_heat_capacity: Array  # (D) J/K
    coolant_return_heat_capacity: Array  # (D) J/K
    cdu_pump_power_nominal: Array  # (D) W
    cdu_pump_time_constant: Array  # (1) s
    # exchangers
    cdu_conductance: Array  # (D) W/K at nominal flows
    cdu_coolant_resistance_share: Array  # (1)
    cdu_facility_stream: Array  # (D) W/K with the valve open
    cdu_valve_authority: Array  # (1)
    cdu_valve_stroke_time: Array  # (1) s
    cdu_valve_time_constant: Array  # (1) s
    dew_point_margin: Array  # (1) K of liquid above the room's dew point
    coolant_setpoint_min: Array  # (1) what protection falls back to


class State(NamedTuple):
    """Plates, coolant, valves; energies and peaks of the control step."""

    case_temperature: Array  # (L)
    coolant_supply_temperature: Array  # (D) to the plates
    coolant_return_temperature: Array  # (D) from the plates
    cdu_pump_speed: Array  # (D) of the pumps that run
    cdu_valve_position: Array  # (D) 0 closed to 1 open
    cdu_pump_energy: Array  # (1) J
    # set-points in force
    coolant_setpoint: Array  # (1)
    coolant_flow: Array  # (D) fraction
    # latched and watched
    elapsed: Array  # (1) s of the control step
    case_protection: Array  # (1) 1 while a hot case has taken pumps, fans and set-points over
    it_energy_before: Array  # (1) J at the end of the sub-step before
    it_power_peak: Array  # (1) W, highest mean of a sub-step
    case_temperature_peak: Array  # (L) hottest at any sub-step
    case_temperature_max: Array  # (1) hottest of them
    case_trip_time: Array  # (1) s without a break above case_trip
    coolant_floor: Array  # (1) degC below which no liquid may come into the hall
    coolant_dew_point_shortfall: Array  # (1) K s of the coldest coolant below dew point and margin


class Inputs(NamedTuple):
    """What is asked of the CDUs, what can run, and how the load swings within the control step."""

    coolant_setpoint: Array  # (1)
    coolant_flow: Array  # (D) fraction
    cdu_pump_available: Array  # (D) share of the pumps that can run
    swing_share: Array  # (R) of a rack group's capacity that swings with its zone
    swing: Array  # (Q) deviation of the zone's load from its mean, by slot; as a share of what swings


class Held(NamedTuple):
    """After protection and the dew-point guard."""

    coolant_setpoint: Array  # (1)
    coolant_flow: Array  # (D)
    interval: Array  # (1) s


ROWS = {
    **dict.fromkeys(("case_temperature", "case_temperature_peak"), "plates"),
    **dict.fromkeys(
        (
            "coolant_supply_temperature",
            "coolant_return_temperature",
            "cdu_pump_speed",
            "cdu_valve_position",
            "coolant_flow",
            "cdu_pump_available",
        ),
        "cdus",
    ),
    "swing_share": "racks",
    "swing": "slots",
}
MATRICES = ("slot_sum", "zone_of_rack", "plate_share", "plates_of_cdu", "cdu_of_plates")
SETPOINTS = (
    Setpoint("coolant_setpoint", "coolant_setpoint", "coolant_temperature"),
    Setpoint("coolant_flow", "coolant_flow", "coolant_flow"),
)
HEAT_CAPACITIES = {
    "case_temperature": "plate_heat_capacity",
    "coolant_supply_temperature": "coolant_supply_heat_capacity",
    "coolant_return_temperature": "coolant_return_heat_capacity",
}
AVAILABILITY = {"cdu_pump": "cdu_pump_available"}
DRIVERS = ("swing_share", "swing")
METERS = {"cdu": ("cdu_pump_energy",)}
WATCHED = {"it_power_peak_w": "it_power_peak", "case_temperature_max_c": "case_temperature_max"}
COSTS = {"coolant_dew_point_k_min": "coolant_dew_point_shortfall"}


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    liquid, racks, limits = d.liquid, d.racks, d.limits
    assert liquid is not None and d.dry_coolers is not None and d.setpoints.coolant_temperature is not None
    assert limits.case_limit and limits.case_protection_release_temperature and limits.case_trip_temperature
    capture = np.array(liquid.heat_capture.values)
    cooled = np.flatnonzero(capture)
    peak = racks.rack_power.value * racks.racks_per_group * np.array(racks.relative_power.values)
    heat = (capture * peak)[cooled]
    groups = liquid.cdu_groups
    # plates: so many chips as make up the heat at their rated power, alike and in parallel
    plates = heat / liquid.chip_power.value
    volume_flow = liquid.coolant_flow.value * heat / WATTS_PER_KW  # L/min
    flow_ratio = float(volume_flow[0] / plates[0] / liquid.plate_flow.value)
    resistance = liquid.plate_resistance.value * np.array(liquid.relative_resistance.values)[cooled] / plates
    stream = volume_flow / (LITRES_PER_M3 * SECONDS_PER_MINUTE) * PG25_DENSITY * PG25_SPECIFIC_HEAT
    serves = np.kron(np.eye(groups), np.ones(len(cooled) // groups))
    loop_stream, loop_heat = serves @ stream, serves @ heat
    facility_stream = WATER_SPECIFIC_HEAT * d.dry_coolers.water_flow.value * loop_heat / loop_heat.sum()
    zones = d.crahs.groups
    return dict(
        slot_start=np.tile(np.arange(LOAD_SLOTS) / LOAD_SLOTS, zones),
        slot_sum=np.kron(np.eye(zones), np.ones(LOAD_SLOTS)),
        zone_of_rack=np.kron(np.eye(zones), np.ones((racks.groups // zones, 1))),
        air_share=1.0 - capture,
        plate_share=np.diag(capture)[cooled],
        plate_resistance=resistance,
        plate_resistance_nominal=cold_plate.resistance(flow_ratio, resistance, liquid.plate_film_share.value),
        plate_film_share=liquid.plate_film_share.value,
        plate_flow_ratio=flow_ratio,
        plate_heat_capacity=liquid.plate_heat_capacity.value * plates,
        plate_stream=stream,
        case_limit=limits.case_limit.value,
        case_protection_release=limits.case_protection_release_temperature.value,
        case_trip=limits.case_trip_temperature.value,
        plates_of_cdu=serves,
        cdu_of_plates=serves.T,
        coolant_stream=loop_stream,
        coolant_supply_heat_capacity=liquid.supply_heat_capacity.value * loop_heat / loop_heat.sum(),
        coolant_return_heat_capacity=liquid.return_heat_capacity.value * loop_heat / loop_heat.sum(),
        cdu_pump_power_nominal=liquid.pump_power.value * loop_heat / loop_heat.sum(),
        cdu_pump_time_constant=liquid.pump_time_constant.value,
        cdu_conductance=cdu.size_conductance(
            loop_heat,
            liquid.exchanger_approach.value + loop_heat / loop_stream,
            liquid.exchanger_approach.value,
            0.0,
            facility_stream / loop_stream,
        ),
        cdu_coolant_resistance_share=liquid.exchanger_coolant_resistance_share.value,
        cdu_facility_stream=facility_stream,
        cdu_valve_authority=liquid.valve_authority.value,
        cdu_valve_stroke_time=liquid.valve_stroke_time.value,
        cdu_valve_time_constant=liquid.valve_time_constant.value,
        dew_point_margin=liquid.dew_point_margin.value,
        coolant_setpoint_min=d.setpoints.coolant_temperature.low,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Hold what the CDUs are to do: under protection full flow of the coldest coolant, but never below dew point and margin."""
    protection = _protection(s, p, xp)
    protects = protection > 0.5
    zero = 0.0 * s.elapsed
    floor = room_dew_point(s, u, xp) + p.dew_point_margin
    hottest = zero + xp.max(s.case_temperature, 0, keepdims=True)
    latched = dict(
        case_protection=protection,
        elapsed=zero,
        it_energy_before=zero,
        it_power_peak=zero,
        case_temperature_peak=s.case_temperature,
        case_temperature_max=hottest,
        coolant_floor=floor,
        coolant_dew_point_shortfall=zero,
    )
    asked = xp.where(protects, p.coolant_setpoint_min, now["coolant_setpoint"])
    return latched, dict(
        coolant_setpoint=xp.maximum(asked, floor),
        coolant_flow=xp.where(protects, 1.0, now["coolant_flow"]),
        interval=zero + interval,
    )


def _protection(s: Any, p: Any, xp: Any) -> Array:
    """Whether a hot case takes pumps, fans and set-points over, shape (1, N)."""
    hottest = xp.max(s.case_temperature, 0, keepdims=True)
    return xp.where(hottest > p.case_limit, 1.0, xp.where(hottest < p.case_protection_release, 0.0, s.case_protection))


def room_dew_point(s: Any, u: Any, xp: Any) -> Array:
    """Dew point of the room's air [degC], shape (1, N); where its moisture is not followed, that of the outdoor air."""
    if hasattr(s, "room_dew_point"):
        return s.room_dew_point
    return moist_air.dew_point_temperature(u.outdoor_humidity_ratio, u.outdoor_pressure, xp)


def load_of_pass(s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Array:
    """Mean load of the rack groups over a pass, shape (R, N): by what of each slot it covers.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    start = h.interval * p.slot_start
    end = start + h.interval / LOAD_SLOTS
    covered = xp.maximum(xp.minimum(end, s.elapsed + dt) - xp.maximum(start, s.elapsed), 0.0) / dt
    swing = xp.matmul(p.zone_of_rack, xp.matmul(p.slot_sum, covered * u.swing))
    return clip(u.utilization + u.swing_share * swing, 0.0, 1.0, xp)


class Plates(NamedTuple):
    """What the liquid side did in a pass."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W
    air_power: Array  # (R) W of the racks' dynamic power that goes into the air
    chip_power: Array  # (L) W into the plates
    power: Array  # (1) W of them all
    leakage: Array  # (1) W of it that is leakage above the reference
    heat: Array  # (1) W into the facility water
    facility_flow: Array  # (1) fraction of nominal


def cooled(s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Plates:
    """Follow the heat of the chips through plates, technology loops and exchangers into the facility water.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    load = load_of_pass(s, u, h, p, dt, xp)
    dynamic = server.dynamic_power(load, p.idle_power, p.peak_power, p.power_exponent, xp)
    chips = xp.matmul(p.plate_share, dynamic)
    equal_coolant = xp.minimum(s.case_temperature - p.plate_resistance_nominal * chips, LEAKAGE_TEMPERATURE_MAX)
    leakage = server.leakage_power(chips, equal_coolant, p.leakage_coefficient, p.leakage_reference_temperature)
    power = chips + leakage

    # pumps: at the speed asked for, faster where cases are too hot
    called = xp.matmul(p.plates_of_cdu, xp.maximum(s.case_temperature - p.case_limit, 0.0)) / BOOST_BAND
    target = xp.minimum(xp.maximum(h.coolant_flow, called), 1.0)
    speed = thermal.relaxed_implicitly(s.cdu_pump_speed, target, dt / p.cdu_pump_time_constant)
    pumped = cdu.pump_flow_fraction(speed, u.cdu_pump_available, 1.0, xp=xp)
    pump_power = cdu.pump_power(pumped, speed, u.cdu_pump_available, 1.0, p.cdu_pump_power_nominal, xp)
    flow = xp.maximum(pumped, COOLANT_FLOW_MIN)

    # plates, loops and exchangers, solved together
    plate_flow = xp.matmul(p.cdu_of_plates, flow)
    resistance = cold_plate.resistance(plate_flow * p.plate_flow_ratio, p.plate_resistance, p.plate_film_share, xp=xp)
    conductance = cold_plate.conductance(resistance, p.plate_stream * plate_flow, xp)
    plates = cold_plate.case_step(s.case_temperature, p.plate_heat_capacity, conductance, power, dt)
    stream = p.coolant_stream * flow
    loop = cdu.technology_loop_step(
        s.coolant_supply_temperature,
        s.coolant_return_temperature,
        p.coolant_supply_heat_capacity,
        p.coolant_return_heat_capacity,
        stream,
        xp.matmul(p.plates_of_cdu, plates.heat_uncoupled) + pump_power,
        xp.matmul(p.plates_of_cdu, plates.stiffness),
        dt,
    )
    facility_flow = cdu.facility_flow_fraction(s.cdu_valve_position, p.cdu_valve_authority, xp)
    exchanger = cdu.conductance(flow, facility_flow, p.cdu_conductance, p.cdu_coolant_resistance_share, xp)
    rate = cdu.exchange_rate(exchanger, stream, p.cdu_facility_stream * facility_flow, xp)
    heat = cdu.exchanged_heat_flow(loop, rate, s.facility_water_supply_temperature)
    supply, returning = loop.temperatures(heat)

    # valves
    wished = thermal.relaxed_implicitly(
        s.coolant_supply_temperature, h.coolant_setpoint, dt / p.cdu_valve_time_constant
    )
    error = clip(loop.heat_to_reach(wished) / xp.maximum(heat, 1.0) - 1.0, STEP_RATIO_MIN, STEP_RATIO_MAX, xp)
    command = s.cdu_valve_position + VALVE_GAIN * error * (dt / (p.cdu_valve_time_constant + dt))
    position = cdu.stroked_position(s.cdu_valve_position, clip(command, 0.0, 1.0, xp), dt, p.cdu_valve_stroke_time, xp)
    return Plates(
        new=dict(
            elapsed=s.elapsed + dt,
            case_temperature=plates.temperature(xp.matmul(p.cdu_of_plates, supply)),
            coolant_supply_temperature=supply,
            coolant_return_temperature=returning,
            cdu_pump_speed=speed,
            cdu_valve_position=position,
        ),
        powers=dict(cdu_pump_energy=total(pump_power, xp)),
        air_power=p.air_share * dynamic,
        chip_power=power,
        power=total(power, xp),
        leakage=total(xp.maximum(leakage, 0.0), xp),
        heat=total(heat, xp),
        facility_flow=total(p.cdu_facility_stream * facility_flow, xp) / total(p.cdu_facility_stream, xp),
    )


def case_excess(s: Any, p: Any, xp: Any) -> Array:
    """How far the hottest case stands above its limit [K], shape (1, N)."""
    return xp.maximum(xp.max(s.case_temperature, 0, keepdims=True) - p.case_limit, 0.0)


def trip_time(s: Any, p: Any, time_step: Array, xp: Any) -> Array:
    """Time without a break for which a case has stood above its trip limit, at the end of a sub-step [s], shape (1, N)."""
    hottest = xp.max(s.case_temperature, 0, keepdims=True)
    return xp.where(hottest > p.case_trip, s.case_trip_time + time_step, 0.0)


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Peaks of power and cases, coolant below the dew point; extrapolation may carry valves a little beyond their ends."""
    coldest = -xp.max(-s.coolant_supply_temperature, 0, keepdims=True)
    return dict(
        it_power_peak=xp.maximum(s.it_power_peak, (s.it_energy - s.it_energy_before) / time_step),
        it_energy_before=s.it_energy,
        case_temperature_peak=xp.maximum(s.case_temperature_peak, s.case_temperature),
        case_temperature_max=xp.maximum(s.case_temperature_max, xp.max(s.case_temperature, 0, keepdims=True)),
        coolant_dew_point_shortfall=s.coolant_dew_point_shortfall
        + time_step * xp.maximum(s.coolant_floor - coldest, 0.0),
        cdu_valve_position=clip(s.cdu_valve_position, 0.0, 1.0, xp),
    )
