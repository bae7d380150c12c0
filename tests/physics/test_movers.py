"""Fans and pumps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import fan, pump

fractions = st.floats(0.01, 1.0)


def test_fan_power_at_the_ends_and_by_the_cube_law():
    assert_allclose(fan.fan_power(np.array([0.0, 0.5, 1.0]), 1000.0, 0.0), [0.0, 125.0, 1000.0])
    assert_allclose(fan.fan_power(np.array([0.0, 0.5, 1.0]), 1000.0, 0.2), [0.0, 200.0, 1000.0])


@given(fractions, fractions, st.floats(0.0, 1.0))
def test_fan_power_is_convex_in_speed(a, b, share):
    middle = fan.fan_power(0.5 * (a + b), 1.0, share)
    assert middle <= 0.5 * (fan.fan_power(a, 1.0, share) + fan.fan_power(b, 1.0, share)) + 1e-12


def test_published_fan_curves():
    # EnergyPlus tower fan: f(0.5) = 0.1256
    assert_allclose(fan.polynomial_power(0.5, 1.0, fan.POWER_CURVES["tower"]), 0.1256, atol=5e-5)
    for curve in fan.POWER_CURVES.values():
        assert_allclose(fan.polynomial_power(1.0, 1.0, curve), 1.0, atol=0.011)
    assert_allclose(fan.polynomial_power(0.5, 1.0, fan.POWER_CURVES["affinity"]), fan.fan_power(0.5, 1.0, 0.0))


def test_fan_curves_are_those_of_energyplus():
    # tst/EnergyPlus/unit/Fans.unit.cc for the first; ends and middle of the others worked from the example files
    assert fan.POWER_CURVES["one-zone-supply"] == (0.06990146, 1.39500612, -3.35487336, 2.89232315)
    assert_allclose(
        fan.polynomial_power(np.array([0.5, 1.0]), 1.0, fan.POWER_CURVES["one-zone-supply"]),
        [0.2902266, 1.0023574],
        atol=5e-8,
    )
    assert_allclose(
        fan.polynomial_power(np.array([0.5, 1.0]), 1.0, fan.POWER_CURVES["two-zone-supply"]),
        [0.4786200, 0.9898322],
        atol=5e-8,
    )
    assert_allclose(
        fan.polynomial_power(np.array([0.5, 1.0]), 1.0, fan.POWER_CURVES["tower"]), [0.1255822, 1.0], atol=5e-8
    )


def test_design_power_of_the_one_zone_example_fan():
    # EnergyPlus 1ZoneDataCenterCRAC_wApproachTemp: 8.5 m3/s, 486 Pa, 0.7
    assert_allclose(fan.design_power(8.5, 486.0, 0.7), 5901.0, atol=0.5)


def test_pump_on_a_pure_friction_loop_follows_the_cube_law():
    assert_allclose(pump.pump_power(0.5, 0.5, 800.0), 100.0, rtol=1e-14)
    assert_allclose(pump.friction_and_static_power(0.5, 800.0, 0.0), 100.0, rtol=1e-14)


def test_static_head_makes_pump_power_fall_less():
    assert_allclose(pump.friction_and_static_power(0.5, 800.0, 1.0), 400.0, rtol=1e-14)
    assert_allclose(pump.friction_and_static_power(1.0, 800.0, 0.4), 800.0, rtol=1e-14)


def test_throttling_costs_efficiency_down_to_a_floor():
    assert_allclose(pump.relative_efficiency(0.5, 1.0), 0.75, rtol=1e-14)  # 2 x - x^2 at 0.5
    assert pump.relative_efficiency(0.01, 1.0) == 0.2
    assert_allclose(pump.relative_efficiency(0.4, 0.8), pump.relative_efficiency(0.5, 1.0), rtol=1e-14)


@given(fractions, fractions, fractions)
def test_more_speed_at_the_same_flow_never_costs_less(flow, a, b):
    slow, fast = sorted((max(a, flow), max(b, flow)))
    assert pump.pump_power(fast, flow, 1.0) >= pump.pump_power(slow, flow, 1.0) - 1e-12


@pytest.mark.parametrize("speed", [0.0, 0.3])
def test_a_stopped_pump_draws_nothing(speed):
    assert pump.pump_power(speed, 0.0, 1.0) == 0.0


def test_fewer_pumps_that_carry_the_flow_alone_stand_nearer_to_their_best_point():
    # two of four pumps carry 30 % of the flow, 60 % of their own: 0.84 of the best efficiency instead of 0.51
    ratio = pump.pump_power(1.0, 0.3, 800.0, running_share=0.5) / pump.pump_power(1.0, 0.3, 800.0)
    assert_allclose(ratio, 0.51 / 0.84, rtol=1e-14)
    assert_allclose(
        pump.pump_power(0.9, 0.3, 800.0, running_share=0.5), pump.parallel_power(0.3, 0.81, 0.5, 800.0), rtol=1e-14
    )


def test_pump_design_power():
    # 10 L/s against 160 kPa at 0.64: 2.5 kW
    assert_allclose(pump.design_power(0.010, 160e3, 0.64), 2500.0, rtol=1e-14)


def test_what_is_bypassed_costs_no_head():
    # exchanger 17 % and evaporators 22 % of the head
    bypassed = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    assert_allclose(pump.head_fraction(bypassed[0], 0.17, bypassed[1], 0.22), [1.0, 0.83, 0.78, 0.61], rtol=1e-14)


def test_pumps_in_parallel_that_all_run_are_one_pump():
    flow, speed = np.linspace(0.1, 0.8, 8), 0.8
    assert_allclose(pump.parallel_power(flow, speed**2, 1.0, 500.0), pump.pump_power(speed, flow, 500.0), rtol=1e-12)


def test_of_pumps_in_parallel_the_number_nearest_to_their_best_point_draws_least():
    """Four pumps at full head and half flow: two run at their best point, three and four left of it, one runs out."""
    power = pump.parallel_power(0.5, 1.0, np.array([0.25, 0.5, 0.75, 1.0]), 100.0)
    # 2 x - x^2 at x = 2, 1, 2/3, 1/2: at least 0.2, 1, 8/9, 3/4
    assert_allclose(power, 50.0 / np.array([0.2, 1.0, 8.0 / 9.0, 0.75]), rtol=1e-12)
