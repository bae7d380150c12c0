import numpy as np
from numpy.testing import assert_allclose

from dcsim.physics import thermal
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
