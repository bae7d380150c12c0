"""The hall's step: energy closes to rounding, the scheme has its order, the signs are those of a hall."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dcsim.engines import make_engine, pack, unpack
from dcsim.plant.audit import cooling_energy, energy_residual, stored_energy
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.step import Step

WATER_HALLS = ("enterprise-1mw", "hyperscale-10mw")
HALLS = (*WATER_HALLS, "edge-dx-50kw")


@pytest.fixture(scope="module", params=HALLS)
def hall(request):
    return build_hall(request.param)


@pytest.fixture(scope="module", params=WATER_HALLS)
def water_hall(request):
    return build_hall(request.param)


def random_inputs(hall, rng, n):
    rows = hall.input_rows
    allowed = {asked: getattr(hall.description.setpoints, name) for _, asked, name in hall.types.setpoints}
    draws = {
        **{asked: (limits.low, limits.high) for asked, limits in allowed.items()},
        **dict.fromkeys(hall.types.availability.values(), (0.0, 1.0)),
        "mode_request": (0.0, 2.0),
        "tank_flow": (-1.0, 1.0),
        "chillers_requested": (0.0, hall.chillers),
        "chilled_water_pumps_requested": (1.0, 5.0),
        "condenser_water_pumps_requested": (1.0, 5.0),
        "tower_cells_requested": (1.0, 5.0),
        "compressor_request": (0.0, 1.0),
        "pressure_control": (0.0, 1.0),
        "utilization": (0.0, 1.0),
        "dry_bulb_temperature": (-20.0, 45.0),
        "wet_bulb_temperature": (-22.0, 32.0),
        "outdoor_humidity_ratio": (0.0005, 0.02),
        "outdoor_pressure": (80e3, 102e3),
    }
    u = hall.types.Inputs(**{name: rng.uniform(*draws[name], (count, n)) for name, count in rows.items()})
    available = {name: (getattr(u, name) * 6.0 - 0.5).clip(0, 1) for name in hall.types.availability.values()}
    return u._replace(**available, pressure_control=np.round(u.pressure_control))


def random_state(hall, rng, n):
    around = {
        "server_temperature": (25, 45),
        "rack_inlet_temperature": (15, 30),
        "server_fan_speed": (0.3, 0.8),
        "hot_air_temperature": (25, 42),
        "mass_temperature": (20, 40),
        "supply_air_temperature": (14, 26),
        "crah_fan_speed": (0.3, 1.0),
        "coil_entering_air": (22, 42),
        "humidity_ratio": (0.001, 0.014),
        "valve_fraction": (0.05, 1.0),
        "chilled_water_supply_temperature": (6, 22),
        "chilled_water_return_temperature": (12, 32),
        "condenser_water_supply_temperature": (12, 32),
        "tower_air_fraction": (0.1, 1.0),
        "chiller_loading": (0, 1),
        "supply_air_setpoint": (14, 24),
        "crah_fan_setpoint": (0.3, 1.0),
        "chilled_water_setpoint": (7, 20),
        "condenser_water_setpoint": (14, 30),
        "chilled_water_pump_speed": (0.4, 1.0),
        "condenser_water_flow": (0.5, 1.0),
        "chillers_on": (1, hall.chillers),
        "compressor_called": (0, 1),
        "compressor_on": (0, 1),
        "compressor_time": (0, 600),
        "compressor_loading": (0, 1),
        "compressor_demand": (0, 1),
        "outdoor_air_enabled": (0, 1),
        "outdoor_air_time": (0, 4000),
        "outdoor_air_limit": (0, 1),
        "outdoor_air_share": (0, 1),
        "outdoor_air_share_max": (0, 1),
        "evaporative_share_max": (0, 1),
        "coil_entering_humidity": (0.002, 0.012),
        "mode_time": (0, 4000),
        "stage_time": (0, 4000),
        "tank_temperature": (6, 28),
        "tank_flow": (-1, 1),
        "tank_flow_setpoint": (-1, 1),
        "chiller_time": (0, 4000),
        "chilled_water_pumps_on": (1, 2),
        "condenser_water_pumps_on": (1, 2),
        "tower_cells_on": (1, 2),
    }
    s = hall.types.State(
        **{name: rng.uniform(*around.get(name, (0, 0)), (count, n)) for name, count in hall.state_rows.items()}
    )
    whole = [
        name
        for name in s._fields
        if name.endswith(("chillers_on", "pumps_on", "cells_on", "compressor_on", "called", "enabled"))
    ]
    s = s._replace(**{name: np.round(getattr(s, name)) for name in whole})
    return s._replace(mode=rng.integers(0, 3, (1, n)).astype(float)) if "economizer" in hall else s


def begin(hall, *arguments):
    return Step(hall.types).begin(*arguments)


def sweep(hall, *arguments):
    return Step(hall.types).sweep(*arguments)


def monitor(hall, *arguments):
    return Step(hall.types).monitor(*arguments)


def advance(hall, s, u, interval=300.0, substeps=10):
    p, model = hall.params, Step(hall.types)
    s, h = model.begin(s, u, p, interval, np)
    dt = interval / substeps
    for _ in range(substeps):
        whole = model.sweep(s, u, h, p, dt, np)
        half = model.sweep(model.sweep(s, u, h, p, dt / 2, np), u, h, p, dt / 2, np)
        s = model.monitor(type(s)(*(2 * b - a for a, b in zip(whole, half, strict=True))), u, h, p, dt, np)
    return s


def at_rest(hall, u, steps=60, **fixed):
    """Long run with the inputs in force from the start and the slow mass kept at the air's temperature."""
    n = u.utilization.shape[1]
    model = hall_model(hall)
    engine = make_engine("fused", model, hall.params)
    # all alike: where hot servers' fans draw more than is supplied, a hall may rest in two ways
    s = hall.types.State(*(np.repeat(x, n, 1) for x in random_state(hall, np.random.default_rng(3), 1)))
    latched = {name: getattr(u, asked) for name, asked, _ in hall.types.setpoints}
    for _ in range(steps):
        ready = dict(
            mode_time=np.full((1, n), 1e4),
            stage_time=np.full((1, n), 1e4),
            compressor_time=np.full((hall.crah_groups, n), 1e4),
            mass_temperature=s.hot_air_temperature,
        )
        given = {name: value for name, value in {**latched, **ready, **fixed}.items() if name in s._fields}
        packed = pack(s._replace(**given), engine.state_slices, n)
        s = unpack(
            engine.step(packed, pack(u, engine.input_slices, n), 900.0, substeps=15),
            hall.types.State,
            engine.state_slices,
        )
    return s


def steady_inputs(hall, n, **changes):
    """A usual operating point, n columns alike, with some fields changed."""
    is_warm = "economizer" in hall
    values = {
        "supply_air_setpoint": 22.0 if is_warm else 17.0,
        "crah_fan_speed": 0.75,
        "chilled_water_setpoint": 17.0 if is_warm else 7.0,
        "condenser_water_setpoint": 24.0,
        "chilled_water_pump_speed": 1.0,
        "condenser_water_flow": 0.9,
        "mode_request": 0.0,
        "tank_flow": 0.0,
        "chillers_requested": 1.0,
        "chilled_water_pumps_requested": 2.0,
        "condenser_water_pumps_requested": 2.0,
        "tower_cells_requested": 2.0,
        "compressor_request": 1.0,
        "outdoor_air_share_max": 1.0,
        "evaporative_share_max": 1.0,
        **dict.fromkeys(hall.types.availability.values(), 1.0),
        "pressure_control": 1.0,
        "utilization": 0.5,
        "dry_bulb_temperature": 25.0,
        "wet_bulb_temperature": 18.0,
        "outdoor_humidity_ratio": 0.010,
        "outdoor_pressure": 101325.0,
    }
    u = hall.types.Inputs(**{name: np.full((rows, n), values[name]) for name, rows in hall.input_rows.items()})
    return u._replace(
        **{
            name: np.broadcast_to(value, getattr(u, name).shape).copy()
            for name, value in changes.items()
            if name in u._fields
        }
    )


def test_energy_closes_for_random_halls_states_actions_and_outages(hall):
    rng = np.random.default_rng(11)
    n = 64
    s = random_state(hall, rng, n)
    for _ in range(12):
        u = random_inputs(hall, rng, n)
        s = advance(hall, s, u)
        assert all(np.isfinite(values).all() for values in s)
        residual = energy_residual(hall.types, s)[0]
        assert_allclose(residual, 0.0, atol=1e-9 * s.it_energy.max())


def test_a_missing_flux_would_be_noticed(water_hall):
    rng = np.random.default_rng(12)
    s = advance(water_hall, random_state(water_hall, rng, 4), random_inputs(water_hall, rng, 4))
    residual = energy_residual(water_hall.types, s._replace(tower_heat=0.99 * s.tower_heat))[0]
    assert (np.abs(residual) > 1e-6 * s.it_energy[0]).any()


def test_every_temperature_but_set_points_stores_heat(hall):
    named = {name for name in hall.types.State._fields if name.endswith("_temperature")}
    assert named == set(hall.types.heat_capacities)


def test_an_adiabatic_hall_without_crahs_keeps_all_its_heat(hall):
    """No CRAH and no envelope: what the IT draws stays in servers, air and mass."""
    u = steady_inputs(hall, 1, crah_available=0.0)
    still = ("envelope_conductance", "lighting_power", "infiltration_flow", "ventilation_flow", "humidifier_capacity")
    still = {name: np.zeros((1, 1)) for name in (*still, "ups_hall_share") if name in hall.params._fields}
    params = hall.params._replace(**still, distribution_loss=np.zeros((3, 1)))
    s = random_state(hall, np.random.default_rng(5), 1)._replace(crah_fan_speed=np.zeros((hall.crah_groups, 1)))
    s, h = begin(hall, s, u, params, 300.0, np)
    room = ("server_temperature", "rack_inlet_temperature", "hot_air_temperature", "mass_temperature")

    def heat(state):
        return sum((getattr(params, hall.types.heat_capacities[name]) * getattr(state, name)).sum() for name in room)

    before = heat(s)
    for _ in range(10):
        s = sweep(hall, s, u, h, params, 30.0, np)
    leak = 1e-3 * params.crah_mass_flow_nominal.sum() * 1006.0 * 30.0 * 300.0  # drifts through stopped units
    assert_allclose(heat(s) - before, s.it_energy[0, 0], atol=leak)


def test_loss_of_all_crahs_heats_the_inlets_at_the_rate_of_the_heat_capacity(hall):
    """After the air has risen, dT/dt = (P - what the slab takes) / (C_air + C_servers), physics of a sealed hall."""
    u = steady_inputs(hall, 1)
    s = at_rest(hall, u)
    p = hall.params
    s = s._replace(crah_fan_speed=np.zeros((hall.crah_groups, 1)))
    u = u._replace(crah_available=np.zeros((hall.crah_groups, 1)))
    means, slabs, powers = [], [], []
    for _ in range(15):
        s = advance(hall, s, u, 60.0, 4)
        means.append(float((p.server_heat_capacity * s.server_temperature).sum() / p.server_heat_capacity.sum()))
        slabs.append(float((p.mass_heat_capacity * s.mass_temperature).sum()))
        heat = s.it_energy + s.electrical_loss_energy - s.electrical_room_heat + s.envelope_gain
        powers.append(heat[0, 0] / 60.0)
    capacity = p.server_heat_capacity.sum() + p.cold_air_heat_capacity.sum() + p.hot_air_heat_capacity.sum()
    rate, to_slab = (means[-1] - means[-4]) / 180.0, (slabs[-1] - slabs[-4]) / 180.0
    power = np.mean(powers[-3:])
    assert 0.0 < to_slab < 0.4 * power
    assert_allclose(rate, (power - to_slab) / capacity, rtol=0.05)


@pytest.mark.parametrize("order,extrapolated", [(1, False), (2, True)])
def test_the_scheme_has_its_order(hall, order, extrapolated):
    """Halving the sub-step divides the error of a smooth transient by 2^order."""
    u = steady_inputs(hall, 1)
    start = at_rest(hall, u)
    u = steady_inputs(hall, 1, utilization=0.6, wet_bulb_temperature=19.0)
    s0, h = begin(hall, start, u, hall.params, 300.0, np)

    def run(n):
        s, dt = s0, 300.0 / n
        for _ in range(n):
            whole = sweep(hall, s, u, h, hall.params, dt, np)
            if extrapolated:
                half = sweep(hall, sweep(hall, s, u, h, hall.params, dt / 2, np), u, h, hall.params, dt / 2, np)
                whole = type(s)(*(2 * b - a for a, b in zip(whole, half, strict=True)))
            s = whole
        return np.concatenate([s.server_temperature, s.hot_air_temperature, s.rack_inlet_temperature])[:, 0]

    first = 30 if hall.design_it_power > 1e5 else 120  # the air of a small room turns over within seconds
    exact = run(32 * first)
    errors = [np.abs(run(n) - exact).max() for n in (first, 2 * first, 4 * first)]
    slopes = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert_allclose(slopes, order, atol=0.35)


@pytest.mark.parametrize("load", [0.05, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("mode", [MECHANICAL, INTEGRATED, FREE])
def test_hotter_wet_bulb_never_lowers_plant_power(water_hall, mode, load):
    """Mode fixed, with every number of machines, wherever the set-points are met."""
    if mode != MECHANICAL and "economizer" not in water_hall:
        pytest.skip("no economizer")
    wet_bulb = np.linspace(-10.0, 32.0, 43)
    machines = np.repeat(np.arange(1.0, water_hall.chillers + 1.0), len(wet_bulb))[None]
    n = machines.shape[1]
    u = steady_inputs(
        water_hall,
        n,
        wet_bulb_temperature=np.tile(wet_bulb, water_hall.chillers),
        dry_bulb_temperature=32.0,
        utilization=load,
        mode_request=mode,
        condenser_water_setpoint=14.0,
        condenser_water_flow=0.6,
        **({"chilled_water_setpoint": 22.0} if mode == FREE else {}),
    )
    # protection comes and goes where the inlets are too hot
    water_hall = replace(water_hall, params=water_hall.params._replace(inlet_allowable=np.full((1, 1), 99.0)))
    s = at_rest(water_hall, u, chillers_on=machines, stage_time=np.zeros((1, n)), mode=np.full((1, n), mode))
    is_met = (np.abs(s.chilled_water_supply_temperature - u.chilled_water_setpoint) < 0.05)[0] & (
        s.mode[0] == mode if "economizer" in water_hall else True
    )
    power = cooling_energy(water_hall.types, s)[0]
    both = is_met[1:] & is_met[:-1] & (np.diff(machines[0]) == 0.0)
    assert both.sum() >= 5
    assert (np.diff(power)[both] > -1e-6 * power[1:][both]).all()


def test_less_condenser_water_costs_the_chillers_lift(water_hall):
    """Half the flow saves pump power and costs more chiller power: neither end of the range is free."""
    flow = np.linspace(0.5, 1.0, 6)
    u = steady_inputs(water_hall, 6, condenser_water_flow=flow, utilization=0.8, wet_bulb_temperature=20.0)
    machines = np.full((1, 6), 5.0 if "economizer" in water_hall else 1.0)
    s = at_rest(water_hall, u, chillers_on=machines, stage_time=np.zeros((1, 6)), mode=np.full((1, 6), MECHANICAL))
    assert (np.diff(s.chiller_energy[0]) < 0.0).all()
    assert s.chiller_energy[0, 0] > 1.05 * s.chiller_energy[0, -1]
    assert (np.diff(s.condenser_water_pump_energy[0]) > 0.0).all()


def test_what_the_water_need_not_pass_saves_pump_power():
    """Exchanger and chiller barrels cost head: 17 and 22 % of the chilled-water pumps', 19 and 27 % of the condenser-water pumps'."""
    hall = build_hall("hyperscale-10mw")
    mode = np.array([[MECHANICAL, INTEGRATED, FREE]])
    u = steady_inputs(hall, 3, mode_request=mode, wet_bulb_temperature=0.0, condenser_water_setpoint=14.0)
    s = at_rest(hall, u, mode=mode, chillers_on=np.full((1, 3), 4.0), stage_time=np.zeros((1, 3)))
    assert (s.mode == mode).all()
    assert_allclose(
        s.condenser_water_pump_energy[0] / s.condenser_water_pump_energy[0, 1], [0.81, 1.0, 0.73], rtol=1e-9
    )
    assert_allclose(s.chilled_water_pump_energy[0] / s.chilled_water_pump_energy[0, 1], [0.83, 1.0, 0.78], rtol=0.01)
    assert s.chiller_energy[0, 1] == 0.0 and s.chiller_energy[0, 0] > 0.0


def test_thin_air_carries_less_heat(water_hall):
    """At 81.6 kPa fans move 80.5 % of the mass: the air warms up by a quarter more, fans draw less, the tower reaches less."""
    pressure = np.array([[101325.0, 81560.0]])
    u = steady_inputs(water_hall, 2, outdoor_pressure=pressure, condenser_water_setpoint=13.0)
    s = at_rest(
        water_hall,
        u,
        chillers_on=np.full((1, 2), 4.0 if "economizer" in water_hall else 1.0),
        stage_time=np.zeros((1, 2)),
    )
    p = water_hall.params
    flow = s.server_fan_speed / p.server_fan_speed_min * 0.75 * p.server_mass_flow_nominal * pressure / 101325.0
    rise = (s.it_energy / 900.0) / (1006.0 * flow.sum(0))
    assert_allclose(rise[0, 1] / rise[0, 0], 101325.0 / 81560.0, rtol=0.02)
    assert s.crah_fan_energy[0, 1] < 0.85 * s.crah_fan_energy[0, 0]
    # the tower's: thin air moves less mass, but takes up more water a kilogram; the first weighs more
    assert s.condenser_water_supply_temperature[0, 1] > s.condenser_water_supply_temperature[0, 0] + 0.01


def test_water_colder_than_the_wet_bulb_does_not_evaporate(water_hall):
    """A sudden rise of the wet bulb above the basin: the tower cannot cool, and makes up drift alone."""
    u = steady_inputs(water_hall, 1, wet_bulb_temperature=5.0, condenser_water_setpoint=13.0, utilization=0.1)
    s = at_rest(water_hall, u)
    humid = u._replace(
        wet_bulb_temperature=np.full((1, 1), 24.0),
        dry_bulb_temperature=np.full((1, 1), 25.0),
        outdoor_humidity_ratio=np.full((1, 1), 0.0185),
    )
    p, after = water_hall.params, advance(water_hall, s, humid, 300.0, 10)
    most = 300.0 * 0.01 * p.condenser_water_flow_nominal[0, 0]  # 1 % of the flow, twice what a rated tower evaporates
    assert 0.0 <= after.tower_makeup_water[0, 0] < most


def test_actuators_stay_within_their_ends(water_hall):
    rng = np.random.default_rng(3)
    n, p = 256, water_hall.params
    s = random_state(water_hall, rng, n)
    for _ in range(40):
        u = random_inputs(water_hall, rng, n)
        s = advance(water_hall, s, u, 60.0, 2)
        assert (s.tower_air_fraction <= 1.0).all() and (s.tower_air_fraction >= p.tower_air_fraction_min).all()
        assert (s.valve_fraction >= p.valve_fraction_min).all() and (s.valve_fraction <= 1.0).all()


def test_more_load_never_lowers_plant_power(water_hall):
    """Mode and staging fixed: another machine may well lower power."""
    load = np.linspace(0.1, 0.9, 17)
    u = steady_inputs(water_hall, 17, utilization=load, wet_bulb_temperature=12.0)
    power = cooling_energy(
        water_hall.types,
        at_rest(water_hall, u, chillers_on=np.full((1, 17), float(water_hall.chillers)), stage_time=np.zeros((1, 17))),
    )[0]
    assert (np.diff(power) > -1e-6 * power[1:]).all()


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8])
def test_more_crah_flow_never_raises_an_inlet(hall, load):
    """Even and uneven load, while server fans idle: above 27 degC a neighbor's fans slow down as it cools and its exhaust gets hotter."""
    speed = np.tile(np.linspace(0.3, 1.0, 29), 2)
    uneven = np.clip(load + 0.25 * np.sin(np.arange(hall.racks)), 0.0, 1.0)[:, None]
    utilization = np.where(np.arange(58) < 29, load, uneven)
    u = steady_inputs(hall, 58, crah_fan_speed=speed, pressure_control=0.0, utilization=utilization)
    s = at_rest(hall, u)
    held = np.abs(s.supply_air_temperature - u.supply_air_setpoint).max(0) < 1e-3
    usable = held & (s.rack_inlet_temperature.max(0) < 27.0)
    both = usable[1:] & usable[:-1] & (np.diff(speed) > 0.0)
    assert both.sum() >= 10
    assert (np.diff(s.rack_inlet_temperature, axis=1)[:, both] < 1e-3).all()


def test_too_little_supply_makes_the_hottest_racks_hot(hall):
    """Without the pressure loop, a flow ratio of 0.85 costs the hottest inlet several kelvins over a ratio of 1.1."""
    p, u = hall.params, steady_inputs(hall, 2, pressure_control=0.0)
    demand = (0.5 + 0.5 * 0.5) * p.server_mass_flow_nominal.sum()
    speed = np.array([1.1, 0.85]) * demand / ((1.0 - p.supply_leakage[0]) * p.crah_mass_flow_nominal.sum())
    unprotected = replace(hall, params=p._replace(inlet_allowable=np.full((1, 1), 99.0)))
    s = at_rest(unprotected, u._replace(crah_fan_speed=np.broadcast_to(speed, (hall.crah_groups, 2))))
    hottest = s.rack_inlet_temperature.max(0)
    assert hottest[1] - hottest[0] > 3.0


def test_protection_takes_over_above_the_allowable_inlet_and_lets_go_below(hall):
    u = steady_inputs(hall, 1)
    s = at_rest(hall, u)
    hot, h = begin(
        hall, s._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0 + 33.0), u, hall.params, 300.0, np
    )
    assert hot.protection[0, 0] == 1.0 and (h.crah_fan_target == 1.0).all()
    assert (h.supply_air_setpoint == hall.params.supply_air_setpoint_min).all()
    still, _ = begin(
        hall, hot._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0 + 30.0), u, hall.params, 300.0, np
    )
    cool, _ = begin(
        hall, hot._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0 + 24.0), u, hall.params, 300.0, np
    )
    assert still.protection[0, 0] == 1.0 and cool.protection[0, 0] == 0.0


def test_a_trip_needs_a_minute_above_the_limit(hall):
    u = steady_inputs(hall, 1)
    s, h = begin(hall, at_rest(hall, u), u, hall.params, 60.0, np)
    hot = s._replace(rack_inlet_temperature=s.rack_inlet_temperature * 0 + 41.0)
    once = monitor(hall, hot, u, h, hall.params, 30.0, np)
    twice = monitor(hall, once, u, h, hall.params, 30.0, np)
    broken = monitor(hall, once._replace(rack_inlet_temperature=s.rack_inlet_temperature), u, h, hall.params, 30.0, np)
    assert once.is_tripped[0, 0] == 0.0 and twice.is_tripped[0, 0] == 1.0
    assert broken.trip_time[0, 0] == 0.0


def test_mode_requests_have_hysteresis_and_dwell():
    hall = build_hall("hyperscale-10mw")
    u = steady_inputs(hall, 1, mode_request=2.0, wet_bulb_temperature=5.0)
    s = at_rest(hall, u._replace(mode_request=np.zeros((1, 1))))
    early, _ = begin(hall, s._replace(mode_time=np.full((1, 1), 600.0)), u, hall.params, 300.0, np)
    late, _ = begin(hall, s._replace(mode_time=np.full((1, 1), 1200.0)), u, hall.params, 300.0, np)
    barely = u._replace(mode_request=np.full((1, 1), 0.55))
    near, _ = begin(hall, s._replace(mode_time=np.full((1, 1), 5e3)), barely, hall.params, 300.0, np)
    assert early.mode[0, 0] == MECHANICAL and near.mode[0, 0] == MECHANICAL
    assert late.mode[0, 0] == INTEGRATED  # one step at a time


def test_free_cooling_that_misses_its_set_point_falls_back_and_is_not_entered_out_of_reach():
    hall = build_hall("hyperscale-10mw")
    u = steady_inputs(hall, 1, mode_request=2.0)
    s = at_rest(hall, u)
    ready = s._replace(mode=np.full((1, 1), INTEGRATED), mode_time=np.full((1, 1), 5e3))
    cold = ready._replace(condenser_water_supply_temperature=s.chilled_water_setpoint - 3.0)
    warm = ready._replace(condenser_water_supply_temperature=s.chilled_water_setpoint + 3.0)
    assert begin(hall, cold, u, hall.params, 300.0, np)[0].mode[0, 0] == FREE
    assert begin(hall, warm, u, hall.params, 300.0, np)[0].mode[0, 0] == INTEGRATED
    free, held = begin(hall, cold, u, hall.params, 300.0, np)
    missed = free._replace(chilled_water_supply_temperature=s.chilled_water_setpoint + 3.0)
    assert monitor(hall, missed, u, held, hall.params, 30.0, np).mode[0, 0] == INTEGRATED


def test_a_tripped_chiller_is_replaced_and_loads_up_from_nothing(water_hall):
    u = steady_inputs(water_hall, 1, utilization=0.4)
    s = at_rest(water_hall, u)
    assert s.chiller_loading[0, 0] > 0.99
    available = np.ones((water_hall.chillers, 1))
    available[0] = 0.0
    on = int(s.chillers_on[0, 0])
    after = advance(water_hall, s, u._replace(chiller_available=available), 30.0, 2)
    assert after.chiller_loading[0, 0] == 0.0
    assert 0.05 < after.chiller_loading[on, 0] < 0.5


def test_stored_energy_is_the_sum_of_what_changes(hall):
    rng = np.random.default_rng(8)
    s = random_state(hall, rng, 3)
    warmer = s._replace(server_temperature=s.server_temperature + 1.0)
    change = stored_energy(hall.types, warmer, hall.params, np) - stored_energy(hall.types, s, hall.params, np)
    assert_allclose(change, hall.params.server_heat_capacity.sum(), rtol=1e-9)
