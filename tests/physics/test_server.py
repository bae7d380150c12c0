import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import chiller, server

fractions = st.floats(0.0, 1.0)


def test_fan_form_of_power_against_utilization():
    # Fan et al. 2007 with r = 1.4, worked by hand: 100 + 100 (1 - 0.5**1.4)
    assert_allclose(server.dynamic_power(0.5, 100.0, 200.0, 1.4), 162.107, atol=5e-4)
    assert_allclose(server.dynamic_power(np.array([0.0, 1.0]), 100.0, 200.0, 1.4), [100.0, 200.0], atol=1e-9)


@given(fractions, fractions, st.floats(1.0, 2.0))
def test_more_utilization_never_lowers_power(u, v, exponent):
    low, high = sorted((u, v))
    power = server.dynamic_power(np.array([low, high]), 100.0, 250.0, exponent)
    assert power[1] >= power[0] - 1e-9


def test_sleep_state_form_follows_the_x5675():
    u = np.linspace(0.0, 1.0, 11)
    power = server.sleep_state_power(u, 58.4, 38.165, 49.434, 78.004)
    assert np.abs(power - server.SPEC_POWER["ibm-x3550-m3"]).max() < 3.05


def test_tables_are_those_of_cloudsim():
    # PowerModelSpecPowerIbmX3550XeonX5675, ...HpProLiantMl110G4Xeon3040, ...HpProLiantMl110G5Xeon3075
    assert server.SPEC_POWER["ibm-x3550-m3"] == (58.4, 98, 109, 118, 128, 140, 153, 170, 189, 205, 222)
    assert server.SPEC_POWER["hp-ml110-g4"] == (86, 89.4, 92.6, 96, 99.5, 102, 106, 108, 112, 114, 117)
    assert server.SPEC_POWER["hp-ml110-g5"] == (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135)


def test_newer_servers_idle_on_less_and_wake_with_a_jump():
    idle = {name: table[0] / table[-1] for name, table in server.SPEC_POWER.items()}
    # of 2011: 0.26; older ones: 0.7
    assert_allclose(idle["ibm-x3550-m3"], 0.26, atol=5e-3)
    assert_allclose([idle["hp-ml110-g4"], idle["hp-ml110-g5"]], 0.7, atol=0.05)
    # 40 W from idle to a tenth of the load, which the sleep states account for
    jumps = np.diff(server.sleep_state_power(np.array([0.0, 0.1]), 58.4, 38.165, 49.434, 78.004))
    assert_allclose(np.diff(server.SPEC_POWER["ibm-x3550-m3"])[0], 40.0, atol=0.5)
    assert_allclose(jumps, 40.0, atol=3.0)


def fitted_exponent(name):
    u, table = np.linspace(0.0, 1.0, 11), np.array(server.SPEC_POWER[name])
    exponents = np.linspace(1.0, 2.0, 1001)
    residuals = [server.dynamic_power(u, table[0], table[-1], r) - table for r in exponents]
    best = int(np.argmin([np.sum(r * r) for r in residuals]))
    return exponents[best], np.abs(residuals[best]).max()


@pytest.mark.parametrize("name", server.SPEC_POWER)
def test_measured_servers_are_nearly_linear(name):
    exponent, _ = fitted_exponent(name)
    assert 1.055 <= exponent <= 1.115  # least-squares fits, two digits: 1.06 to 1.11


def test_fitted_exponents_span_what_is_published():
    fits = sorted(fitted_exponent(name)[0] for name in server.SPEC_POWER)
    assert_allclose([fits[0], fits[-1]], [1.06, 1.11], atol=5e-3)


def test_one_exponent_cannot_follow_the_x5675():
    _, error = fitted_exponent("ibm-x3550-m3")
    assert_allclose(error, 19.0, atol=0.5)
    table = np.array(server.SPEC_POWER["ibm-x3550-m3"])
    straight = np.linspace(table[0], table[-1], 11)
    assert_allclose(np.abs(straight - table).max(), 23.0, atol=0.5)


@pytest.mark.parametrize("name", server.SPEC_POWER)
def test_measured_curve_passes_its_points_and_rises(name):
    curve = server.measured_power_curve(server.SPEC_POWER[name])
    assert_allclose(curve(np.linspace(0.0, 1.0, 11)), server.SPEC_POWER[name], rtol=1e-12)
    assert np.all(np.diff(curve(np.linspace(0.0, 1.0, 501))) > 0.0)


def test_curves_of_energyplus_servers_rise_by_four_fifths_between_15_and_27_degrees():
    # Curve:Biquadratic of the data-center examples, over load and inlet: not physical, for comparisons only
    power = chiller.column((-1.0, 1.0, 0.0, 0.06667, 0.0, 0.0))
    flow = chiller.column((-1.4, 0.9, 0.0, 0.1, 0.0, 0.0))
    inlets = np.array([[15.0, 27.0]])
    assert_allclose(chiller.biquadratic(power, 1.0, inlets), [[1.000, 1.800]], atol=5e-4)
    assert_allclose(chiller.biquadratic(flow, 1.0, inlets), [[1.0, 2.2]], rtol=1e-12)
    # servers of the Dell test: 3 % of leakage
    ours = 1.0 + server.leakage_power(1.0, inlets, 0.0025, 15.0)
    assert_allclose(ours, [[1.0, 1.03]], rtol=1e-12)


# Green Revolution Cooling 2016, Dell R410 at constant load: degC, W
INLET = np.array([27.0, 29.0, 31.0, 33.0, 35.0, 37.0])
MEASURED = np.array([137.7, 139.4, 141.5, 144.0, 148.4, 154.0])


def r410_power(speed, fan_power_max):
    fans = server.fan_power(1.0, speed, fan_power_max) - server.fan_power(1.0, 0.30, fan_power_max)
    return 137.7 + server.leakage_power(137.7, INLET, 0.0025, 27.0) + fans


def test_leakage_and_fan_laws_reproduce_the_r410():
    # fitted to the six points: 12.59 W at full speed, speed 0.30 + 0.0714 per kelvin (1.4 % past full speed at 37 degC)
    assert np.abs(r410_power(0.30 + 0.0714 * (INLET - 27.0), 12.59) - MEASURED).max() < 0.305


def test_fan_ramp_that_ends_at_full_speed_reproduces_the_r410():
    speed = server.fan_speed_setpoint(INLET, 0.30, 27.0, 37.0)
    assert np.abs(r410_power(speed, 12.97) - MEASURED).max() < 0.5


@given(st.floats(10.0, 45.0), st.floats(10.0, 45.0))
def test_hotter_inlet_never_lowers_server_power_or_fan_speed(a, b):
    inlet = np.array(sorted((a, b)))
    speed = server.fan_speed_setpoint(inlet, 0.3, 27.0, 37.0)
    power = server.leakage_power(150.0, inlet, 0.0025, 20.0) + server.fan_power(0.6, speed, 15.0)
    assert speed[1] >= speed[0]
    assert power[1] >= power[0]
    assert 0.3 <= speed[0] <= speed[1] <= 1.0


def test_nominal_air_flow_belongs_to_full_load_at_idle_fan_speed():
    assert_allclose(server.air_mass_flow(1.0, 0.3, 0.05, 0.3), 0.05, rtol=1e-15)
    assert_allclose(server.air_mass_flow(0.0, 0.3, 0.05, 0.3), 0.025, rtol=1e-15)
    assert_allclose(server.air_mass_flow(1.0, 1.0, 0.05, 0.3), 0.05 / 0.3, rtol=1e-15)


@pytest.mark.parametrize(
    ("rise", "expected"), [(8.0, 0.1243), (10.0, 0.0994), (12.0, 0.0828), (15.0, 0.0663), (20.0, 0.0497)]
)
def test_air_flow_per_kilowatt(rise, expected):
    assert_allclose(1e3 * server.mass_flow_per_power(rise), expected, atol=6e-5)  # hand calculation, 4 digits


def test_air_flow_per_kilowatt_in_volume_units():
    volume = 1e3 * server.mass_flow_per_power(12.0) / 1.2
    assert_allclose(volume, 0.0690, atol=6e-5)
    assert_allclose(volume * 2118.88, 146.0, atol=0.5)  # CFM
    # 88 to 219 CFM for rises of 20 to 8 K
    widest = 1e3 * server.mass_flow_per_power(np.array([20.0, 8.0])) / 1.2 * 2118.88
    assert_allclose(widest, [88.0, 219.0], atol=0.5)


def test_server_time_constants():
    # 12 kJ/K in 0.05 kg/s: 239 s at effectiveness 1, 265 s at 0.9
    assert_allclose(server.time_constant(12e3, 0.05, 1.0), 239.0, atol=0.5)
    assert_allclose(server.time_constant(12e3, 0.05, 0.9), 265.0, atol=0.5)


def test_released_heat_is_what_the_air_takes_up():
    heat = server.released_heat_flow(40.0, 24.0, 0.05, 0.9)
    outlet = 24.0 + 0.9 * (40.0 - 24.0)
    assert_allclose(heat, 0.05 * 1006.0 * (outlet - 24.0), rtol=1e-14)
