"""dcsim's own plant as the reference hall of the EnergyPlus runs, driven as such a run was.

Driven by: weather (with sun and wind for the envelope), load, set-points of supply air, zone, chilled and condenser water, and equipment
that stood still. The humidity of the room's air is given too: nothing brings water to it, and it changes only where EnergyPlus's coil, which
counts as wet all over as soon as its water is colder than the dew point, takes a little out. From the run's first row come the temperatures
with which the hall starts, and the site's pressure, by which EnergyPlus sizes air flows. Everything else is computed. No constant is fitted.

EnergyPlus moves in steps and uses values of the step before. Its coil takes the return air of a step ago: here a return plenum holds a minute
of air. Its servers are computed with the supply air at the beginning of a step: here their fans follow sensors that are set then.
"""

import math
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from dcsim.engines import make_engine
from dcsim.physics import coil, cooling_tower, moist_air, thermal
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim_experiments.validation.energyplus_iterate import SYSTEM_STEP_MAX, Operation, system_step
from dcsim_experiments.validation.energyplus_reference import EnergyPlusRun

Array = np.ndarray

SYSTEM_STEP_MOVING = 60.0  # s, of EnergyPlus's systems while the room's temperature moves
HOURLY = 3600.0  # s
HOURLY_PIECE, HOURLY_SUBSTEP = 600.0, 15.0  # s, longest control step and sub-step of hourly means
HOURLY_START, START_SUBSTEP = 60.0, 1.0  # s, after a change of load and set-points
SHORT_PIECE, SHORT_SUBSTEP = 20.0, 5.0  # s, of shorter intervals
NODE_LAG = 1.5 * SYSTEM_STEP_MOVING  # s, of the supply node behind the room while the fan stands
DRIFT = 0.001  # of the nominal flow, where EnergyPlus has none
NEVER = 1.0e9  # s, time constant of what is set from outside
AIR_GAS_CONSTANT = 287.0  # J/(kg K), as in EnergyPlus

# of the model file
ZONE_VOLUME = 15.24 * 15.24 * 4.572  # m3
CRAH_VOLUME_FLOW, CRAH_VOLUME_FLOW_MIN, COIL_VOLUME_FLOW = 36.0, 9.0, 32.0  # m3/s: fan, terminal, rating of the coil
COIL_WATER_FLOW = 10.3662  # kg/s, of the heat capacity rate of EnergyPlus's 10.3489 kg/s at 10 degC
COIL_AIR, COIL_WATER, COIL_HUMIDITY = (33.0, 20.0), 10.0, 0.0075  # rating: entering and leaving air, water, kg/kg
FILM_RATIO = 3.3  # water film over air film at the rating, EnergyPlus Engineering Reference, simple water coil
TOWER_VOLUME_FLOW, TOWER_WATER_FLOW, TOWER_CONDUCTANCE = 15.2, 19.238, 38000.0  # m3/s, kg/s, W/K
TOWER_DESIGN_AIR, TOWER_DESIGN_WATER = (35.0, 25.6), 36.3  # degC: dry and wet bulb; entering
INNER_FILM = 1200.0  # W/K from the room's air to all surfaces: TARP natural convection at 2.4 K
WALLS, ROOF = 278.71 / 2.341, 232.26 / 5.506  # W/K from inner surface to outdoors, with an outer film of 0.05 m2 K/W
ABSORPTANCE, GROUND_REFLECTANCE = 0.75, 0.2  # of the sun
FILM_CALM, FILM_PER_WIND = (
    10.79,
    4.192,
)  # W/(m2 K), per m/s: simple combined film of rough surfaces, EnergyPlus Engineering Reference
LOCAL_WIND = (
    0.55  # over the weather file's, 2.3 to 4.6 m above suburban ground, EnergyPlus Engineering Reference: 0.52 to 0.60
)

ENERGIES = (
    "crah_fan_energy",
    "chiller_energy",
    "chilled_water_pump_energy",
    "condenser_water_pump_energy",
    "tower_fan_energy",
    "it_energy",
    "electrical_loss_energy",
    "evaporator_heat",
    "tower_heat",
)
MEANS = (
    "supply_air_temperature",
    "hot_air_temperature",
    "chilled_water_return_temperature",
    "condenser_water_supply_temperature",
    "crah_fan_speed",
)


def hall_of(run: EnergyPlusRun) -> HallDescription:
    """Describe the reference hall at the site of a run."""
    with resources.as_file(resources.files(__package__) / "energyplus_hall.yaml") as path:
        base = load_hall(path)
    density = air_density(run.site_pressure, 20.0)
    room = float(run.zone_temperature_setpoint[0])
    humidity_ratio = float(run.zone_humidity_ratio[0])
    specific_heat = float(moist_air.specific_heat(humidity_ratio))
    conductance, share = coil_rating(density)
    air = ZONE_VOLUME * air_density(run.site_pressure, room) * specific_heat
    stream = CRAH_VOLUME_FLOW * density * specific_heat
    is_calm = run.time_step >= HOURLY and not (run.is_fan_off | run.is_chiller_off).any()
    thermostat_step = SYSTEM_STEP_MAX if is_calm else SYSTEM_STEP_MOVING
    return base.replaced(
        {
            "racks.sensor_time_constant": NEVER,  # what the sensors read is set by `simulated`
            "room.air_specific_heat": specific_heat,
            "room.hot_air_heat_capacity": air,
            "room.return_air_heat_capacity": stream * SYSTEM_STEP_MOVING,
            "crahs.mass_flow": CRAH_VOLUME_FLOW * density,
            "crahs.return_air_time_constant": thermostat_time_constant(thermostat_step, air, stream),
            "coils.conductance": conductance,
            "coils.air_resistance_share": share,
            "tower.load_max": tower_capacity(run.site_pressure),
        }
    )


def air_density(pressure: float, temperature: float) -> float:
    """Density of dry air [kg/m3] with EnergyPlus's gas constant."""
    return pressure / (AIR_GAS_CONSTANT * (temperature + 273.15))


def coil_rating(density: float) -> tuple[float, float]:
    """Conductance of the coil [W/K] at the fan's full flow, and the air film's share of its resistance.

    EnergyPlus sizes the coil by its rating at the site, at a smaller air flow; the air film is carried to the full one.

    Parameters
    ----------
    density : float
        Of standard air at the site [kg/m3].
    """
    rated = rated_conductance(density)
    air_film = rated * (1.0 + FILM_RATIO) / FILM_RATIO * (CRAH_VOLUME_FLOW / COIL_VOLUME_FLOW) ** coil.AIR_EXPONENT
    water_film = rated * (1.0 + FILM_RATIO)
    conductance = 1.0 / (1.0 / air_film + 1.0 / water_film)
    return conductance, conductance / air_film


def rated_conductance(density: float) -> float:
    """Conductance of the coil at its rating [W/K], with standard air of a density [kg/m3]."""
    air = COIL_VOLUME_FLOW * density * float(moist_air.specific_heat(COIL_HUMIDITY))
    water = WATER_SPECIFIC_HEAT * COIL_WATER_FLOW
    smaller, larger = min(air, water), max(air, water)
    effectiveness = air * (COIL_AIR[0] - COIL_AIR[1]) / (smaller * (COIL_AIR[0] - COIL_WATER))
    return float(coil.counterflow_conductance(smaller, smaller / larger, effectiveness))


def tower_capacity(pressure: float) -> float:
    """Nominal capacity of the tower [W], the most that EnergyPlus asks of it: full speed at design temperatures.

    Parameters
    ----------
    pressure : float
        Of the site [Pa].
    """
    dry_bulb, wet_bulb = TOWER_DESIGN_AIR
    saturated = float(moist_air.saturation_humidity_ratio(wet_bulb, pressure))
    # ASHRAE Handbook of Fundamentals (2017), ch. 1, equation (33)
    humidity_ratio = ((2501.0 - 2.326 * wet_bulb) * saturated - 1.006 * (dry_bulb - wet_bulb)) / (
        2501.0 + 1.86 * dry_bulb - 4.186 * wet_bulb
    )
    air_flow = TOWER_VOLUME_FLOW / float(moist_air.specific_volume(dry_bulb, humidity_ratio, pressure))
    heat, _ = cooling_tower.merkel_heat_flow(
        TOWER_DESIGN_WATER,
        TOWER_WATER_FLOW,
        wet_bulb,
        pressure,
        air_flow,
        TOWER_CONDUCTANCE,
        np,
        moist_air.specific_heat(humidity_ratio),
    )
    return float(heat)


def thermostat_time_constant(time_step: float, heat_capacity: float, stream: float) -> float:
    """Time constant [s] with which EnergyPlus's room comes back to its set-point.

    Its thermostat divides the load by the difference of room and supply air of the step before. In the load are 11/6 of the heat that the
    air stores over a step (backward difference of third order) and what the surfaces exchange with the air. So of the room's excess
    remains in each step the stream over itself and those two.

    Parameters
    ----------
    time_step : float
        Of its systems [s].
    heat_capacity : float
        Of the room's air [J/K].
    stream : float
        Heat capacity rate of the supply air [W/K].
    """
    return time_step / math.log1p((11.0 / 6.0 * heat_capacity / time_step + INNER_FILM) / stream)


def sol_air_excess(run: EnergyPlusRun) -> Array:
    """Sol-air temperature of walls and roof above the dry bulb [K], shape (T,), weighted with their conductances.

    The film, radiation included, is that of rough surfaces in the local wind. The sun's height is not among a run's columns: half of the
    direct radiation is taken for what reaches a level plane, a fourth for a wall, as over a day. With the true height, found by a site's
    latitude, the envelope's heat agrees no better: the slab evens out the day.
    """
    film = FILM_CALM + FILM_PER_WIND * LOCAL_WIND * np.maximum(run.wind_speed, 0.0)
    direct, diffuse = run.direct_normal_irradiance, run.diffuse_horizontal_irradiance
    level = 0.5 * direct + diffuse
    wall = 0.25 * direct + 0.5 * diffuse + 0.5 * GROUND_REFLECTANCE * level
    return np.asarray(ABSORPTANCE * (WALLS * wall + ROOF * level) / film / (WALLS + ROOF))


class Piece(NamedTuple):
    """A part of an interval in which nothing switches: one control step."""

    length: float  # s
    fan: float  # 1: runs
    chiller: float
    substeps: int
    begins_zone_step: bool  # with which EnergyPlus computes its servers anew


def pieces(run: EnergyPlusRun) -> list[list[Piece]]:
    """Cut each interval where fan or chiller start or stop, at the zone steps of EnergyPlus, and into control steps."""
    zone_step = system_step(run)
    longest, substep = (HOURLY_PIECE, HOURLY_SUBSTEP) if run.time_step >= HOURLY else (SHORT_PIECE, SHORT_SUBSTEP)
    fan, chiller = (off_spans(share, run.time_step, zone_step) for share in (run.fan_off_share, run.chiller_off_share))
    steps = np.arange(0.0, run.time_step, zone_step)
    result = []
    for fan_off, chiller_off in zip(fan, chiller, strict=True):
        marks = {*steps.tolist(), *fan_off, *chiller_off, run.time_step}
        if run.time_step >= HOURLY:
            marks.add(HOURLY_START)
        parts: list[Piece] = []
        cuts = sorted(marks)
        for begin, end in zip(cuts[:-1], cuts[1:], strict=True):
            if end - begin < 1.0:
                continue
            middle, count = 0.5 * (begin + end), math.ceil((end - begin) / longest)
            on = [float(not off[0] < middle < off[1]) for off in (fan_off, chiller_off)]
            length = (end - begin) / count
            fine = START_SUBSTEP if run.time_step >= HOURLY and end <= HOURLY_START else substep
            substeps = max(2, math.ceil(length / fine))
            is_first = bool(np.any(np.abs(steps - begin) < 1.0))
            parts += [Piece(length, on[0], on[1], substeps, is_first and k == 0) for k in range(count)]
        result.append(parts)
    return result


def off_spans(share: Array, interval: float, zone_step: float) -> list[tuple[float, float]]:
    """Begin and end [s] of the time in each interval for which a machine stood, from the share of the interval, shape (T,).

    It stood in the last part where it goes on in the next interval, in the first part where it comes from the one before; else in the
    middle, from the beginning of a zone step, since nothing tells when.
    """
    spans = []
    for i, part in enumerate(share):
        length = float(part) * interval
        if i + 1 < len(share) and share[i + 1] > 0.0:
            begin = interval - length
        elif i > 0 and share[i - 1] > 0.0:
            begin = 0.0
        else:
            begin = zone_step * math.floor(0.5 * (interval - length) / zone_step)
        spans.append((begin, begin + length))
    return spans


class Found(NamedTuple):
    """What dcsim's plant did in each interval; arrays of shape (T,)."""

    values: dict[str, Array]  # energies [J], mean temperatures [degC] and speeds
    coil_entering_temperature: Array  # degC, of the air
    chilled_water_leaving_temperature: Array  # degC, of the chiller
    chiller_share: Array  # share of the interval in which the chiller may run
    plenum_heat: float  # J brought into the return plenum from nowhere, see `simulated`
    params: Any  # of the plant


def simulated(run: EnergyPlusRun) -> Found:
    """Run dcsim's plant as a run of EnergyPlus was driven.

    Two things are set between control steps as EnergyPlus has them. Its servers are computed with the supply air at the beginning of a zone
    step, which holds for the step: so are the sensors that their fans follow. While the fan stands, that supply air is the room's of a step
    and a half before, and the return node takes the room's temperature without the heat for it, half a step late: so is the return plenum
    set, and what that brings is counted.
    """
    hall = build_hall(hall_of(run))
    engine = make_engine("fused", hall_model(hall), hall.params)
    inputs = _inputs(hall, run)
    rows, given = ({name: part.start for name, part in of.items()} for of in (engine.state_slices, engine.input_slices))
    energies, means = ([rows[name] for name in names] for names in (ENERGIES, MEANS))
    fan, chiller, flow, pump = (
        given[name]
        for name in ("crah_available", "chiller_available", "condenser_water_flow", "chilled_water_pump_speed")
    )
    valve, returning, heat = (
        rows[name] for name in ("valve_fraction", "chilled_water_return_temperature", "evaporator_heat")
    )
    stream = WATER_SPECIFIC_HEAT * float(hall.params.coil_water_flow_nominal[0, 0])
    plenum, room, sensor, inlet = (
        rows[name]
        for name in ("return_air_temperature", "hot_air_temperature", "server_sensor", "rack_inlet_temperature")
    )
    plenum_capacity, plenum_heat = float(hall.params.return_air_heat_capacity[0, 0]), 0.0
    state = _started(engine, hall, run, inputs[0])
    found = np.zeros((len(inputs), len(ENERGIES) + len(MEANS)))
    taken, leaving, chiller_share = np.zeros((3, len(inputs)))
    node_max = float(hall.params.coil_entering_air_max[0, 0])
    node_max_still = node_max if system_step(run) > SYSTEM_STEP_MOVING else np.inf
    clock, standing = 0.0, [(0.0, 0.0)]  # s; times and temperatures of the room since the fan stopped
    for i, parts in enumerate(pieces(run)):
        u = inputs[i].copy()
        for piece in parts:
            runs, share = piece.chiller * piece.fan, piece.length / run.time_step
            u[fan], u[chiller] = piece.fan, runs
            u[pump] = max(piece.fan, DRIFT)  # without air through the coil EnergyPlus stops the plant
            u[flow] = max(runs, DRIFT)
            if piece.begins_zone_step:
                times, temperatures = zip(*standing, strict=True)
                still = np.interp(clock - NODE_LAG, times, temperatures) if len(standing) > 1 else state[inlet, 0]
                state[sensor] = still
            before = state
            state = engine.step(state, u, piece.length, substeps=piece.substeps)
            found[i, : len(ENERGIES)] += state[energies, 0]
            found[i, len(ENERGIES) :] += 0.5 * (before[means, 0] + state[means, 0]) * share
            taken[i] += 0.5 * share * (min(before[plenum, 0], node_max) + min(state[plenum, 0], node_max))
            through = stream * max(0.5 * (before[valve, 0] + state[valve, 0]), DRIFT)
            drop = state[heat, 0] / piece.length / through
            leaving[i] += share * (0.5 * (before[returning, 0] + state[returning, 0]) - drop)
            chiller_share[i] += runs * share
            clock += piece.length
            if piece.fan < 0.5:
                standing.append((clock, float(state[room, 0])))
                old = state[plenum, 0]
                target = np.minimum(state[room], node_max_still)
                state[plenum] = thermal.relaxed(state[plenum], target, 2.0 * piece.length / SYSTEM_STEP_MOVING)
                plenum_heat += plenum_capacity * (state[plenum, 0] - old)
            else:
                standing = [(clock, float(state[inlet, 0]))]
    values = dict(zip((*ENERGIES, *MEANS), found.T, strict=True))
    return Found(values, taken, leaving, chiller_share, plenum_heat, hall.params)


def _started(engine: Any, hall: Hall, run: EnergyPlusRun, inputs: Array) -> Array:
    """State of the plant at rest under a run's first row, its room as warm as there."""
    cold = cold_state(hall, 1, float(run.supply_air_temperature[0]), float(run.chilled_water_supply_temperature[0]))
    room = float(run.zone_temperature[0])
    return rested(
        engine,
        hall,
        cold,
        inputs.copy(),
        10,
        600.0,
        40,
        hot_air_temperature=room,
        return_air_temperature=room,
        server_sensor=float(run.server_inlet_temperature[0]),
    )


def _inputs(hall: Hall, run: EnergyPlusRun) -> list[Array]:
    values: dict[str, Any] = {
        "supply_air_setpoint": run.supply_air_temperature_setpoint,
        "crah_fan_speed": CRAH_VOLUME_FLOW_MIN / CRAH_VOLUME_FLOW,
        "return_air_setpoint": run.zone_temperature_setpoint,
        "chilled_water_setpoint": run.chilled_water_temperature_setpoint,
        "condenser_water_setpoint": run.condenser_water_temperature_setpoint,
        "chilled_water_pump_speed": 1.0,
        "condenser_water_flow": 1.0,
        "utilization": run.cpu_load,
        "dry_bulb_temperature": run.outdoor_dry_bulb_temperature,
        "wet_bulb_temperature": run.outdoor_wet_bulb_temperature,
        "outdoor_humidity_ratio": run.outdoor_humidity_ratio,
        "outdoor_pressure": run.outdoor_pressure,
        "zone_humidity_ratio": np.maximum(run.zone_humidity_ratio, 1e-5),
        "sol_air_temperature": run.outdoor_dry_bulb_temperature + sol_air_excess(run),
        "pressure_control": 0.0,
    }
    table = packed_inputs(hall, len(run.cpu_load), values)
    return [np.ascontiguousarray(column[:, None]) for column in table.T]


def operation(run: EnergyPlusRun, found: Found) -> Operation:
    """Means of the plant while its chiller runs, for chiller and tower in EnergyPlus's iteration."""
    p, of = found.params, found.values
    running = run.time_step * np.maximum(found.chiller_share, DRIFT)
    air_stream = p.air_specific_heat[0] * p.crah_mass_flow_nominal[0] * np.maximum(of["crah_fan_speed"], DRIFT)
    stream = WATER_SPECIFIC_HEAT * p.condenser_water_flow_nominal[0]
    heat = (of["evaporator_heat"] + of["chiller_energy"]) / running
    into_water = heat + p.pump_motor_efficiency[0] * p.condenser_water_pump_power_nominal[0]
    basin = of["condenser_water_supply_temperature"]
    return Operation(
        return_air_temperature=found.coil_entering_temperature,
        fan_temperature_rise=of["crah_fan_energy"] / run.time_step / air_stream,
        chilled_water_supply_temperature=found.chilled_water_leaving_temperature,
        chilled_water_return_temperature=of["chilled_water_return_temperature"],
        basin_temperature=basin,
        tower_inlet_temperature=basin + into_water / stream,
        tower_outlet_temperature=basin + (into_water - of["tower_heat"] / running) / stream,
        evaporator_heat_flow=of["evaporator_heat"] / running,
        condenser_heat_flow=heat,
    )
