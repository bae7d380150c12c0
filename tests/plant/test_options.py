"""Parts that halls may choose: one well-mixed zone with all of them, and each by itself against what it is to do.

The hall is that of the EnergyPlus runs; for a part by itself the others are taken away where they would blur it.
"""

from pathlib import Path

import numpy as np
import pytest
from hall_engines import assert_engines_agree, engines_of
from numpy.testing import assert_allclose
from test_step import advance, random_inputs, random_state

from dcsim.engines import make_engine, pack, unpack
from dcsim.errors import InputError
from dcsim.physics import coil, moist_air, slab
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.audit import energy_residual
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, rested
from dcsim.plant.step import Step

DESCRIPTION = load_hall(
    Path(__file__).parents[2] / "experiments" / "dcsim_experiments" / "validation" / "energyplus_hall.yaml"
).replaced({"racks.sensor_time_constant": 1e9})  # as the runs have it: what the sensors read is set from outside
PARTS = {
    "curve_fans",
    "inlet_sensors",
    "return_air",
    "actual_reach",
    "return_plenum",
    "sol_air",
    "slab",
    "wetted_coils",
    "entering_limit",
    "chiller_load_limit",
    "leaving_control",
    "pump_motors",
    "tower_fan_curve",
    "free_convection",
    "tower_load_limit",
}


@pytest.fixture(scope="module")
def hall():
    return build_hall(DESCRIPTION)


def usual_inputs(hall, n=1, **changes):
    """Load of 70 %, a mild dry day, set-points of the reference runs."""
    values = {
        "supply_air_setpoint": 20.0,
        "crah_fan_speed": 0.25,
        "return_air_setpoint": 30.0,
        "chilled_water_setpoint": 10.0,
        "condenser_water_setpoint": 18.0,
        "chilled_water_pump_speed": 1.0,
        "condenser_water_flow": 1.0,
        "pressure_control": 0.0,
        "utilization": 0.7,
        "dry_bulb_temperature": 18.0,
        "wet_bulb_temperature": 12.0,
        "outdoor_humidity_ratio": 0.006,
        "outdoor_pressure": 99_000.0,
        "sol_air_temperature": 18.0,
        "zone_humidity_ratio": 0.002,
        **dict.fromkeys(hall.types.availability.values(), 1.0),
        **changes,
    }
    return hall.types.Inputs(
        **{name: np.broadcast_to(values[name], (rows, n)).astype(float) for name, rows in hall.input_rows.items()}
    )


def resting(hall, u, repeats=12, **fixed):
    """State at rest, its sensors at the air of the racks."""
    engine = make_engine("fused", hall_model(hall), hall.params)
    n = u.utilization.shape[1]
    packed, inputs = cold_state(hall, n, 20.0, 10.0), pack(u, engine.input_slices, n)
    rows = engine.state_slices
    for _ in range(repeats):
        packed = rested(engine, hall, packed, inputs, 1, 600.0, 60, **fixed)
        if "server_sensor" in rows:
            packed[rows["server_sensor"]] = packed[rows["rack_inlet_temperature"]]
    return unpack(packed, hall.types.State, rows)


def one_zone_states(hall, rng, n):
    """Random states, a third of them with a room that an outage of the fan has left hot, some with the fan at a standstill."""
    s = random_state(hall, rng, n)
    hot = rng.uniform(25.0, 42.0, (1, n)) + np.where(np.arange(n) % 3 == 0, rng.uniform(10.0, 90.0, (1, n)), 0.0)
    return s._replace(
        hot_air_temperature=hot,
        return_air_temperature=hot + rng.uniform(-15.0, 15.0, (1, n)),
        slab_temperature=rng.uniform(20.0, 45.0, s.slab_temperature.shape),
        server_sensor=rng.uniform(15.0, 90.0, (1, n)),
        return_air_setpoint=rng.uniform(25.0, 35.0, (1, n)),
        return_air_fan_speed=rng.uniform(0.0, 1.0, (1, n)),
        crah_fan_speed=np.where(np.arange(n) % 5 == 0, 0.0, s.crah_fan_speed),
    )


def one_zone_inputs(hall, rng, n):
    needed = {
        "return_air_setpoint": rng.uniform(25.0, 35.0, (1, n)),
        "sol_air_temperature": rng.uniform(-20.0, 60.0, (1, n)),
        "zone_humidity_ratio": rng.uniform(0.0005, 0.018, (1, n)),
    }
    plain = build_hall(
        DESCRIPTION.replaced(
            {
                "setpoints.return_air_temperature": None,
                "crahs.return_air_time_constant": None,
                "room.sol_air": False,
                "coils.wetted": False,
            }
        )
    )
    of = random_inputs(plain, rng, n)._asdict() | needed
    return hall.types.Inputs(**{name: of[name] for name in hall.types.Inputs._fields})


def single_pass(hall, s, u, dt=10.0, **changes):
    """State after one plain pass from a state, and what is held."""
    step = Step(hall.types)
    begun, held = step.begin(s._replace(**changes), u, hall.params, 60.0, np)
    return step.sweep(begun, u, held, hall.params, dt, np), begun, held


# --- all of them ------------------------------------------------------------------------------------------------------


def test_the_hall_has_every_part_that_is_tried_here(hall):
    assert set(hall.types.parts) >= PARTS
    assert not set(build_hall("enterprise-1mw").types.parts) & PARTS
    assert "air_paths" not in hall


def test_energy_closes_for_random_states_with_fans_that_stand_and_rooms_that_run_hot(hall):
    rng = np.random.default_rng(1)
    s = one_zone_states(hall, rng, 60)
    assert (s.hot_air_temperature > 60.0).any() and (s.crah_fan_speed == 0.0).any()
    for _ in range(8):
        s = advance(hall, s, one_zone_inputs(hall, rng, 60), interval=120.0)
        assert all(np.isfinite(values).all() for values in s)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())


@pytest.mark.parametrize("lost", ["condenser_water_motor_heat", "envelope_gain", "crah_fan_energy"])
def test_a_missing_flux_would_be_noticed(hall, lost):
    rng = np.random.default_rng(2)
    s = advance(hall, one_zone_states(hall, rng, 8), one_zone_inputs(hall, rng, 8))
    residual = energy_residual(hall.types, s._replace(**{lost: 0.9 * getattr(s, lost)}))[0]
    assert (np.abs(residual) > 1e-6 * s.it_energy[0]).any()


def test_every_temperature_stores_heat(hall):
    named = {name for name in hall.types.State._fields if name.endswith("_temperature")}
    assert named == set(hall.types.heat_capacities)


def test_engines_agree(hall):
    rng = np.random.default_rng(3)
    engines = engines_of(hall)
    state = pack(one_zone_states(hall, rng, 24), engines["numpy"].state_slices, 24)
    inputs = pack(one_zone_inputs(hall, rng, 24), engines["numpy"].input_slices, 24)
    assert_engines_agree(hall, engines, state, inputs, 120.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"racks.flow_curve": None, "racks.fan_flow": {"value": 30.0, "unit": "kg/s", "source": "test"}},
            "temperature_rise",
        ),
        ({"racks.flow_curve": {"values": [0.2, 0.4], "unit": "-", "source": "test"}}, "three values"),
        ({"room.slab.convection": {"values": [176.5], "unit": "W/K^(4/3)", "source": "test"}}, "two values"),
        ({"crahs.return_air_time_constant": None}, "return_air_temperature"),
    ],
)
def test_descriptions_that_contradict_themselves_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        DESCRIPTION.replaced(changes)


def test_what_is_for_one_zone_is_refused_in_a_hall_of_many():
    limit = {"value": 60.0, "unit": "degC", "source": "test"}
    with pytest.raises(InputError, match="one zone"):
        load_hall("enterprise-1mw").replaced({"coils.entering_air_max": limit})


# --- servers and air --------------------------------------------------------------------------------------------------


def test_fans_of_the_servers_follow_load_and_inlet_up_to_their_greatest_speed(hall):
    u = usual_inputs(hall, 3, utilization=np.array([[0.5, 0.5, 1.0]]))
    s = resting(hall, u)._replace(server_sensor=np.array([[20.0, 40.0, 95.0]]))
    after, _, _ = single_pass(hall, s, u, dt=1e4)
    # 0.20 + 0.40 u + 0.02 T by hand, at most 2; the fans have come there, but for 1 in 20,000
    assert_allclose(after.server_fan_speed[0], [0.8, 1.2, 2.0], rtol=2e-4)
    power = (after.server_fan_energy - s.server_fan_energy * 0.0)[0] / 1e4
    assert_allclose(power, 42e3 * np.array([0.8, 1.2, 2.0]) ** 3, rtol=2e-3)


def test_sensors_of_the_servers_come_to_the_inlet_with_their_time_constant():
    hall = build_hall(DESCRIPTION.replaced({"racks.sensor_time_constant": 60.0}))
    u = usual_inputs(hall)
    s = resting(hall, u)
    inlet = float(s.rack_inlet_temperature[0, 0])
    after = advance(hall, s._replace(server_sensor=s.server_sensor + 10.0), u, interval=60.0, substeps=60)
    assert_allclose(after.server_sensor[0, 0] - inlet, 10.0 / np.e, atol=0.1)


def test_fans_hold_the_return_air_at_its_set_point(hall):
    u = usual_inputs(
        hall, 3, utilization=np.array([[0.5, 0.7, 0.9]]), return_air_setpoint=np.array([[29.0, 30.0, 32.0]])
    )
    s = resting(hall, u)
    assert_allclose(s.hot_air_temperature[0], [29.0, 30.0, 32.0], atol=1e-3)
    assert_allclose(s.return_air_temperature[0], [29.0, 30.0, 32.0], atol=1e-3)
    # below the least speed the room gets colder than asked for
    little = resting(hall, usual_inputs(hall, utilization=0.0, return_air_setpoint=45.0))
    assert_allclose(little.crah_fan_speed[0, 0], 0.25, atol=1e-6)
    assert little.hot_air_temperature[0, 0] < 44.0


def test_a_loop_that_divides_by_the_actual_difference_comes_back_with_its_time_constant():
    changes = {"crahs.return_air_time_constant": 600.0, "racks.sensor_time_constant": 1e9}
    hall = build_hall(DESCRIPTION.replaced(changes))
    u = usual_inputs(hall)
    s = resting(hall, u, repeats=60)
    warm = dict(hot_air_temperature=s.hot_air_temperature + 1.0, return_air_temperature=s.return_air_temperature + 1.0)
    after = advance(hall, s._replace(**warm), u, interval=600.0, substeps=300)
    # the slab takes a little of it at first; a loop by set-points would be back within a minute
    assert_allclose(after.hot_air_temperature[0, 0] - s.hot_air_temperature[0, 0], 1.0 / np.e, atol=0.03)
    ideal = build_hall(DESCRIPTION.replaced({**changes, "crahs.return_air_reach": "setpoint"}))
    after = advance(ideal, s._replace(**warm), u, interval=120.0, substeps=60)
    assert abs(after.hot_air_temperature[0, 0] - s.hot_air_temperature[0, 0]) < 0.1


def test_a_plenum_delays_the_return_air_by_its_air_over_the_flow(hall):
    u = usual_inputs(hall)
    s = resting(hall, u)
    stream = hall.params.air_specific_heat * hall.params.crah_mass_flow_nominal * s.crah_fan_speed
    time_constant = float(hall.params.return_air_heat_capacity[0, 0] / stream[0, 0])
    before = s._replace(return_air_temperature=s.return_air_temperature - 5.0)
    after, begun, _ = single_pass(hall, before, u, dt=1e-3)
    speed = float((after.return_air_temperature - begun.return_air_temperature)[0, 0]) / 1e-3
    assert_allclose(speed, 5.0 / time_constant, rtol=1e-3)


def test_coils_take_no_hotter_air_than_their_limit_and_the_zone_keeps_the_rest():
    description = DESCRIPTION.replaced(
        {"room.return_air_heat_capacity": None, "room.slab": None, "coils.wetted": False}
    )
    limited = build_hall(description)
    free = build_hall(description.replaced({"coils.entering_air_max": None}))
    u = usual_inputs(limited)
    s = resting(limited, u)._replace(hot_air_temperature=np.array([[100.0]]), crah_fan_speed=np.array([[1.0]]))
    s = s._replace(crah_fan_setpoint=np.array([[1.0]]), return_air_fan_speed=np.array([[1.0]]))
    ends = {}
    for name, of in (("limited", limited), ("free", free)):
        after, begun, _ = single_pass(of, of.types.State(**{k: getattr(s, k) for k in of.types.State._fields}), u)
        ends[name] = after
    stream = float(limited.params.air_specific_heat[0, 0] * limited.params.crah_mass_flow_nominal[0, 0])
    capacity = float(limited.params.hot_air_heat_capacity[0, 0])
    supply = float(ends["limited"].supply_air_temperature[0, 0])
    # by hand: storage, servers, envelope and stream of air at 60 degC instead of the room's own temperature
    room = float(ends["limited"].hot_air_temperature[0, 0])
    heat = float((ends["limited"].it_energy + ends["limited"].electrical_loss_energy)[0, 0]) / 10.0
    gain = float(ends["limited"].envelope_gain[0, 0]) / 10.0
    mass = float(limited.params.mass_heat_capacity[0, 0]) * float(
        (ends["limited"].mass_temperature - begun.mass_temperature)[0, 0]
    )
    servers = float(limited.params.server_heat_capacity[0, 0]) * float(
        (ends["limited"].server_temperature - begun.server_temperature)[0, 0]
    )
    balance = heat + gain - mass / 10.0 - servers / 10.0 - stream * (60.0 - supply)
    assert_allclose(room, 100.0 + 10.0 * balance / capacity, atol=1e-6)
    assert room > ends["free"].hot_air_temperature[0, 0] + 1.0


def test_the_envelope_sees_the_sol_air_temperature(hall):
    u = usual_inputs(hall, 2, sol_air_temperature=np.array([[18.0, 48.0]]))
    s = resting(hall, u)
    gain = (s.envelope_gain / 600.0)[0]
    assert_allclose(gain, 142.1 * (np.array([18.0, 48.0]) - s.hot_air_temperature[0]), rtol=1e-4)
    assert gain[0] < 0.0 < gain[1]


def test_a_slab_warms_by_the_film_of_its_difference(hall):
    u = usual_inputs(hall, crah_available=0.0)
    s = resting(hall, usual_inputs(hall))
    s = s._replace(hot_air_temperature=s.mass_temperature + 20.0, crah_fan_speed=0.0 * s.crah_fan_speed)
    after, begun, _ = single_pass(hall, s, u, dt=1e-3)
    film = slab.enclosed_conductance(20.0, (176.5, 353.0), (718.1, 541.6), 1391.0)
    half_layer = 2.0 * 5.0 * 3958.0  # of five layers
    heat = 20.0 / (1.0 / film + 1.0 / half_layer)
    speed = float((after.mass_temperature - begun.mass_temperature)[0, 0]) / 1e-3
    assert_allclose(speed * float(hall.params.mass_heat_capacity[0, 0]), heat, rtol=1e-3)


def test_fans_rated_at_the_site_do_not_feel_its_pressure():
    power = {}
    for rating in ("site", "sea-level"):
        hall = build_hall(DESCRIPTION.replaced({"fan_rating": rating, "coils.wetted": True}))
        u = usual_inputs(hall, 2, outdoor_pressure=np.array([[101_325.0, 80_000.0]]))
        s = resting(hall, u)._replace(crah_fan_speed=np.ones((1, 2)), return_air_fan_speed=np.ones((1, 2)))
        after, begun, _ = single_pass(hall, s, u, dt=1.0, return_air_fan_speed=np.ones((1, 2)))
        power[rating] = (after.crah_fan_energy - begun.crah_fan_energy)[0]
    assert_allclose(power["site"][1], power["site"][0], rtol=1e-9)
    assert_allclose(power["sea-level"][1] / power["sea-level"][0], 80_000.0 / 101_325.0, rtol=1e-6)


# --- coils and water --------------------------------------------------------------------------------------------------


def test_a_coil_below_the_dew_point_is_wet_all_over_and_needs_more_water(hall):
    dry, humid = 0.002, 0.0117  # kg/kg: dew points of -9 and 16 degC, rooms that started in Chicago and in Miami
    u = usual_inputs(hall, 2, zone_humidity_ratio=np.array([[dry, humid]]))
    s = resting(hall, u)
    assert_allclose(s.supply_air_temperature[0], 20.0, atol=1e-3)
    # EnergyPlus, hourly runs at this load: 8.1 kg/s in Miami, 6.5 kg/s in Chicago
    assert 1.15 < s.valve_fraction[0, 1] / s.valve_fraction[0, 0] < 1.35
    assert s.chilled_water_return_temperature[0, 1] < s.chilled_water_return_temperature[0, 0] - 1.5


def test_a_wet_coil_gives_the_heat_of_its_law(hall):
    u = usual_inputs(hall, zone_humidity_ratio=0.0117)
    s = resting(hall, u)
    p = hall.params
    flow = float(p.crah_mass_flow_nominal[0, 0]) * float(s.crah_fan_speed[0, 0])
    entering, water = float(s.return_air_temperature[0, 0]), float(s.chilled_water_supply_temperature[0, 0])
    stream = WATER_SPECIFIC_HEAT * float(p.coil_water_flow_nominal[0, 0]) * float(s.valve_fraction[0, 0])
    films = coil.film_conductances(
        s.crah_fan_speed[0, 0],
        s.valve_fraction[0, 0],
        p.coil_conductance_nominal[0, 0],
        p.coil_air_resistance_share[0, 0],
    )
    duty = coil.wetted_duty(
        flow,
        entering,
        0.0117,
        moist_air.dew_point_temperature(np.array(0.0117), 99_000.0),
        water,
        stream,
        films[0] * (1.0 + 0.004769 * (entering - 33.0)),
        films[1] * coil.water_film_factor(water, 10.0),
        99_000.0,
        float(p.air_specific_heat[0, 0]),
    )
    heat = flow * float(p.air_specific_heat[0, 0]) * float(duty) * (entering - water)
    pump = 0.9 * float(s.chilled_water_pump_energy[0, 0]) / 600.0
    assert_allclose(float(s.evaporator_heat[0, 0]) / 600.0, heat + pump, rtol=2e-4)


def test_chillers_hold_the_water_that_leaves_them_and_the_loop_follows_as_it_is_renewed(hall):
    u = usual_inputs(hall)
    s = resting(hall, u)
    stream = WATER_SPECIFIC_HEAT * float((hall.params.coil_water_flow_nominal * s.valve_fraction)[0, 0])
    time_constant = float(hall.params.chilled_water_supply_heat_capacity[0, 0]) / stream
    colder = usual_inputs(hall, chilled_water_setpoint=8.0)
    after, begun, _ = single_pass(hall, s, colder, dt=1e-2)
    speed = float((after.chilled_water_supply_temperature - begun.chilled_water_supply_temperature)[0, 0]) / 1e-2
    assert_allclose(speed, -2.0 / time_constant, rtol=2e-2)
    leaving = after.chilled_water_return_temperature - (after.evaporator_heat - begun.evaporator_heat) / 1e-2 / stream
    assert_allclose(leaving[0, 0], 8.0, atol=2e-2)


def test_no_machine_is_asked_for_more_than_its_greatest_load(hall):
    u = usual_inputs(hall, utilization=1.0)
    s = resting(hall, u)
    hot = dict(
        chilled_water_supply_temperature=s.chilled_water_supply_temperature + 15.0,
        chilled_water_return_temperature=s.chilled_water_return_temperature + 15.0,
        condenser_water_supply_temperature=np.array([[16.0]]),
    )
    after = advance(hall, s._replace(**hot), u, interval=60.0, substeps=12)
    assert_allclose(after.evaporator_heat[0, 0] / 60.0, 1.15 * 471_200.0, rtol=1e-6)  # 541,880 W in EnergyPlus
    without = build_hall(DESCRIPTION.replaced({"chillers.load_max": None}))
    after = advance(without, without.types.State(*s._replace(**hot)), u, interval=60.0, substeps=12)
    assert after.evaporator_heat[0, 0] / 60.0 < 1.15 * 471_200.0  # the capacity of its curves at these waters


def test_no_tower_is_asked_for_more_than_its_greatest_load(hall):
    u = usual_inputs(hall, utilization=1.0, wet_bulb_temperature=2.0, dry_bulb_temperature=6.0)
    s = resting(hall, u)
    # hot basin, cold air: the tower could do more at full speed, but the load is cut
    after = advance(
        hall, s._replace(condenser_water_supply_temperature=np.array([[34.0]])), u, interval=60.0, substeps=60
    )
    limit = float(hall.params.tower_load_max[0, 0])
    assert after.tower_heat[0, 0] / 60.0 <= limit * (1.0 + 1e-9)
    assert after.tower_heat[0, 0] / 60.0 > 0.8 * limit
    without = build_hall(DESCRIPTION.replaced({"tower.load_max": None}))
    s = without.types.State(*s._replace(condenser_water_supply_temperature=np.array([[34.0]])))
    assert advance(without, s, u, interval=60.0, substeps=60).tower_heat[0, 0] / 60.0 > 1.05 * limit


def test_a_tower_of_still_fans_leaves_below_its_set_point_at_little_load(hall):
    cold = dict(wet_bulb_temperature=-19.0, dry_bulb_temperature=-18.0, outdoor_humidity_ratio=0.0006)
    little = resting(hall, usual_inputs(hall, utilization=0.0, condenser_water_setpoint=26.0, **cold))
    assert little.condenser_water_supply_temperature[0, 0] < 25.0
    assert little.tower_fan_energy[0, 0] == 0.0
    much = resting(hall, usual_inputs(hall, utilization=1.0, condenser_water_setpoint=18.0))
    assert_allclose(much.condenser_water_supply_temperature[0, 0], 18.0, atol=0.01)
    assert much.tower_fan_energy[0, 0] > 0.0


def test_the_power_of_the_tower_fans_is_the_cubic_of_their_speed(hall):
    s = resting(hall, usual_inputs(hall))
    speed = float(s.tower_air_fraction[0, 0])
    assert 0.2 < speed < 1.0
    assert_allclose(s.tower_fan_energy[0, 0] / 600.0, 5800.0 * (0.02 + 0.98 * speed**3), rtol=1e-4)


def test_losses_of_the_pumps_motors_do_not_warm_the_water(hall):
    s = resting(hall, usual_inputs(hall))
    assert_allclose(s.condenser_water_motor_heat[0, 0] / 600.0, 490.0, rtol=1e-6)  # a tenth of 4900 W
    assert_allclose(s.chilled_water_motor_heat, 0.1 * s.chilled_water_pump_energy, rtol=1e-9)
    into_tower = s.evaporator_heat + s.chiller_energy + 0.9 * s.condenser_water_pump_energy
    assert_allclose(s.tower_heat[0, 0], into_tower[0, 0], rtol=1e-4)


def test_a_hall_may_lack_each_of_these_parts():
    for changes in (
        {"racks.sensor_time_constant": None},
        {"room.return_air_heat_capacity": None},
        {"room.slab": None},
        {"coils.entering_air_max": None},
        {"coils.wetted": False},
        {"chillers.control": "supply"},
        {"chilled_water.pump_motor_efficiency": None},
        {"tower.free_convection": None},
        {"tower.fan_curve": None},
    ):
        hall = build_hall(DESCRIPTION.replaced(changes))
        u = usual_inputs(hall)
        s = resting(hall, u, repeats=3)
        assert_allclose(energy_residual(hall.types, s)[0], 0.0, atol=1e-9 * s.it_energy.max())
        assert all(np.isfinite(value).all() for value in s)
