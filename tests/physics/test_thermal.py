import numpy as np
from numpy.testing import assert_allclose
from scipy.linalg import expm

from dcsim.physics import server, thermal
from dcsim.physics.constants import AIR_DENSITY, AIR_SPECIFIC_HEAT

TIME_CONSTANT = 12e3 / (0.05 * AIR_SPECIFIC_HEAT)  # 12 kJ/K of server in 0.05 kg/s of air: 239 s


def test_step_response_is_that_of_the_differential_equation():
    # T - T_0 = (P / G)(1 - exp(-t / tau)): closed form, in percent to two digits
    for time, percent in ((60.0, 22.20), (239.0, 63.21), (600.0, 91.88)):
        moved = thermal.relaxed(0.0, 100.0, time / 239.0)
        assert_allclose(moved, percent, atol=5e-3)
    assert_allclose(TIME_CONSTANT, 239.0, atol=0.5)


def test_exact_step_does_not_depend_on_how_it_is_divided():
    whole = thermal.relaxed(20.0, 35.0, 700.0 / TIME_CONSTANT)
    value = 20.0
    for _ in range(7):
        value = thermal.relaxed(value, 35.0, 100.0 / TIME_CONSTANT)
    assert_allclose(value, whole, rtol=1e-12)


def test_implicit_step_is_first_order_and_stays_between():
    exact = thermal.relaxed(20.0, 35.0, 1.0)
    errors = []
    for count in (64, 128, 256):
        value = 20.0
        for _ in range(count):
            value = thermal.relaxed_implicitly(value, 35.0, 1.0 / count)
        errors.append(abs(value - exact))
    order = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert_allclose(order, 1.0, atol=0.05)
    assert 20.0 < thermal.relaxed_implicitly(20.0, 35.0, 1e9) <= 35.0


def test_node_books_what_it_stores_and_loses():
    before, capacity, conductance, heat, step = 20.0, 3e4, 80.0, 4e3, 30.0
    after = thermal.node_temperature(before, capacity, conductance, heat, step)
    assert_allclose(capacity * (after - before), step * (heat - conductance * after), rtol=1e-12)


def test_hall_without_cooling_warms_by_its_heat_over_its_heat_capacity():
    # 1 MW into 4200 m3 of air: 11.8 K/min; with 330 kJ/K of servers per 8 kW rack: 1.30 K/min (hand calculation)
    air = 4200.0 * AIR_DENSITY * AIR_SPECIFIC_HEAT
    servers = 1e6 / 8e3 * 330e3
    assert_allclose(thermal.node_temperature(25.0, air, 0.0, 1e6, 60.0) - 25.0, 11.83, atol=5e-3)
    assert_allclose(thermal.node_temperature(25.0, air + servers, 0.0, 1e6, 60.0) - 25.0, 1.30, atol=5e-3)
    # a hall without the mass of its servers warms nine times as fast
    assert_allclose((air + servers) / air, 9.0, atol=0.5)


def test_air_of_a_hall_is_changed_in_a_few_minutes():
    # Modelica Buildings, SimplifiedRoom: 50 x 30 x 3 m, 500 kW at 15 K: 163 s
    flow = 500e3 * server.mass_flow_per_power(15.0)
    assert_allclose(flow, 33.2, atol=0.1)  # 1005 J/(kg K) there
    capacity = 50.0 * 30.0 * 3.0 * AIR_DENSITY * AIR_SPECIFIC_HEAT
    assert_allclose(server.time_constant(capacity, flow, 1.0), 163.0, atol=0.5)


def test_coupled_lump_and_neighbor_end_where_the_joint_implicit_system_says():
    conductance, lump_capacity, air_capacity, heat, step = 12.0, 5e3, 2e3, 400.0, 60.0
    air_before, lump_before = 30.0, 22.0
    to_lump = thermal.coupling_conductance(conductance, lump_capacity, step)
    air = thermal.node_temperature(air_before, air_capacity, to_lump, heat + to_lump * lump_before, step)
    lump = thermal.relaxed_implicitly(lump_before, air, step * conductance / lump_capacity)
    matrix = [
        [air_capacity + step * conductance, -step * conductance],
        [-step * conductance, lump_capacity + step * conductance],
    ]
    joint = np.linalg.solve(matrix, [air_capacity * air_before + step * heat, lump_capacity * lump_before])
    assert_allclose([air, lump], joint, rtol=1e-12)


LOOP = dict(supply_heat_capacity=1.0e7, return_heat_capacity=1.5e7, stream=1.2e5, heat_flow=6e5, time_step=30.0)


def test_water_loop_stores_what_enters_less_what_is_taken():
    before = np.array([8.0, 14.0])
    for removed in (0.0, 5e5, 9e5):
        after = np.array(thermal.loop_step(*before, **LOOP).temperatures(removed))
        stored = LOOP["supply_heat_capacity"] * (after[0] - before[0])
        stored += LOOP["return_heat_capacity"] * (after[1] - before[1])
        assert_allclose(stored, LOOP["time_step"] * (LOOP["heat_flow"] - removed), rtol=1e-9)


def test_water_loop_reaches_the_supply_temperature_that_the_heat_was_asked_for():
    step = thermal.loop_step(8.0, 14.0, **LOOP)
    assert_allclose(step.temperatures(step.heat_to_reach(6.5))[0], 6.5, rtol=1e-12)
    assert step.heat_to_reach(6.5) > step.heat_to_reach(7.5)


def test_water_loop_follows_the_matrix_exponential_to_first_order():
    warm, cold, stream = LOOP["return_heat_capacity"], LOOP["supply_heat_capacity"], LOOP["stream"]
    heat, removed, duration = LOOP["heat_flow"], 5e5, 60.0
    system = np.zeros((3, 3))  # supply, return, and 1 to carry the sources
    system[0] = -stream / cold, stream / cold, -removed / cold
    system[1] = stream / warm, -stream / warm, heat / warm
    exact = (expm(system * duration) @ [8.0, 14.0, 1.0])[:2]
    errors = []
    for count in (20, 40, 80):
        temperatures = (8.0, 14.0)
        for _ in range(count):
            step = thermal.loop_step(*temperatures, **{**LOOP, "time_step": duration / count})
            temperatures = step.temperatures(removed)
        errors.append(np.abs(np.array(temperatures) - exact).max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.1)


def test_heat_to_cool_brings_a_lump_to_its_target():
    heat = thermal.heat_to_cool(25.0, 22.0, 4e4, 60.0)
    assert heat == 2000.0
    assert_allclose(thermal.heated(25.0, 4e4, -heat, 60.0), 22.0, rtol=1e-12)
