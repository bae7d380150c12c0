import numpy as np
import psychrolib
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import moist_air
from dcsim.physics.saturation import ICE, TRIPLE_POINT, WATER, log_saturation_pressure

psychrolib.SetUnitSystem(psychrolib.SI)

temperatures = st.floats(-40.0, 60.0)
humidities = st.floats(0.01, 1.0)
pressures = st.floats(60e3, 108e3)

# psychrolib 2.5.0 (ASHRAE 2017) to the digits given: degC, -, Pa, kg/kg, degC, degC, kJ/kg, m3/kg
STATES = [
    (20.0, 0.50, 101325.0, 0.007262, 13.783, 9.272, 38.552, 0.84016),
    (24.0, 0.45, 101325.0, 0.008356, 16.266, 11.347, 45.416, 0.85310),
    (25.0, 0.50, 101325.0, 0.009881, 17.889, 13.864, 50.322, 0.85804),
    (27.0, 0.60, 101325.0, 0.013421, 21.206, 18.577, 61.403, 0.86864),
    (35.0, 0.40, 101325.0, 0.014132, 23.934, 19.385, 71.473, 0.89279),
    (18.0, 0.70, 101325.0, 0.008998, 14.633, 12.453, 40.913, None),
    (40.0, 0.20, 101325.0, 0.009198, 22.032, 12.783, 63.929, None),
    (30.0, 0.80, 95461.0, 0.022947, 27.049, 26.169, 88.852, None),
    (32.0, 0.15, 81560.0, 0.005491, 14.377, 2.154, 46.252, None),
    (-5.0, 0.80, 101325.0, 0.001979, -5.884, -7.585, -0.099, None),
]

# Hyland and Wexler by psychrolib 2.5.0, Pa
SATURATION_PRESSURES = {
    -40.0: 12.8452,
    -20.0: 103.2604,
    -10.0: 259.9029,
    0.01: 611.6570,
    5.0: 872.4867,
    10.0: 1227.9953,
    15.0: 1705.4478,
    20.0: 2338.8037,
    25.0: 3169.2165,
    30.0: 4246.0302,
    35.0: 5627.8194,
    40.0: 7383.4600,
    45.0: 9593.2199,
    50.0: 12349.8565,
    60.0: 19943.7606,
}


@pytest.mark.parametrize(("temperature", "expected"), SATURATION_PRESSURES.items())
def test_saturation_pressure_equals_psychrolib(temperature, expected):
    assert_allclose(moist_air.saturation_pressure(temperature), expected, atol=6e-5)


@pytest.mark.parametrize(
    ("elevation", "expected"), [(0, 101325.0), (500, 95460.8), (1000, 89874.5), (1793, 81559.7), (3000, 70108.4)]
)
def test_standard_pressure_equals_psychrolib(elevation, expected):
    assert_allclose(moist_air.standard_pressure(elevation), expected, atol=0.06)


@pytest.mark.parametrize("state", STATES)
def test_states_equal_psychrolib(state):
    temperature, humidity, pressure, ratio, wet_bulb, dew_point, enthalpy, volume = state
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    assert_allclose(w, ratio, atol=6e-7)
    # psychrolib stops its bisection for the wet bulb at 0.001 K
    assert_allclose(moist_air.wet_bulb_temperature(temperature, w, pressure), wet_bulb, atol=1.6e-3)
    assert_allclose(moist_air.dew_point_temperature(w, pressure), dew_point, atol=1e-3)
    assert_allclose(moist_air.enthalpy(temperature, w) / 1e3, enthalpy, atol=6e-4)
    assert_allclose(moist_air.relative_humidity(temperature, w, pressure), humidity, rtol=1e-12)
    if volume is not None:
        assert_allclose(moist_air.specific_volume(temperature, w, pressure), volume, atol=6e-6)


@given(temperatures, humidities, pressures)
def test_humidity_enthalpy_and_volume_equal_psychrolib_everywhere(temperature, humidity, pressure):
    assume(moist_air.saturation_pressure(temperature) < 0.5 * pressure)
    assume(abs(temperature) > 0.02)  # psychrolib also switches at the triple point
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    assume(w > 1e-6)  # below 1e-7 psychrolib clips
    assert_allclose(w, psychrolib.GetHumRatioFromRelHum(temperature, humidity, pressure), rtol=1e-9)
    assert_allclose(
        moist_air.enthalpy(temperature, w), psychrolib.GetMoistAirEnthalpy(temperature, w), rtol=1e-9, atol=1e-6
    )
    # psychrolib rounds 1 / 0.621945 to 1.607858
    volume = psychrolib.GetMoistAirVolume(temperature, w, pressure)
    assert_allclose(moist_air.specific_volume(temperature, w, pressure), volume, rtol=4e-7)
    assert_allclose(moist_air.density(temperature, w, pressure), (1.0 + w) / volume, rtol=4e-7)


@given(st.floats(5.0, 50.0), humidities, pressures)
def test_wet_bulb_equals_psychrolib_where_it_is_above_5_degc(temperature, humidity, pressure):
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    wet_bulb = moist_air.wet_bulb_temperature(temperature, w, pressure)
    assume(wet_bulb > 5.0)
    assert_allclose(wet_bulb, psychrolib.GetTWetBulbFromHumRatio(temperature, w, pressure), atol=1.1e-3)


@given(temperatures, humidities, pressures)
def test_dew_point_wet_bulb_and_dry_bulb_are_in_order(temperature, humidity, pressure):
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    dew_point = moist_air.dew_point_temperature(w, pressure)
    wet_bulb = moist_air.wet_bulb_temperature(temperature, w, pressure)
    # over ice the blended relation leaves a small disorder just below freezing, near saturation
    slack = 1e-9 if wet_bulb > 5.0 else 0.45
    assert dew_point <= wet_bulb + slack
    assert wet_bulb <= temperature


@given(temperatures, humidities, pressures)
def test_dew_point_turns_saturation_round(temperature, humidity, pressure):
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    dew_point = moist_air.dew_point_temperature(w, pressure)
    assert_allclose(moist_air.humidity_ratio_from_dew_point(dew_point, pressure), w, rtol=1e-9)


def test_wet_bulb_has_converged(monkeypatch):
    rng = np.random.default_rng(0)
    temperature, humidity = rng.uniform(-40.0, 60.0, 50_000), rng.uniform(0.01, 1.0, 50_000)
    pressure = rng.uniform(60e3, 108e3, 50_000)
    w = moist_air.humidity_ratio(temperature, humidity, pressure)
    wet_bulb = moist_air.wet_bulb_temperature(temperature, w, pressure)
    monkeypatch.setattr(moist_air, "WET_BULB_ROUNDS", 40)
    assert_allclose(wet_bulb, moist_air.wet_bulb_temperature(temperature, w, pressure), atol=1e-9)


def implied_ratio(wet_bulb, temperature, latent, latent_slope, condensate):
    """Humidity ratio of a wet bulb by ASHRAE 2017 ch. 1, equations (33) and (35)."""
    saturated = moist_air.saturation_humidity_ratio(wet_bulb, 101325.0)
    heat = (latent - latent_slope * wet_bulb) * saturated - 1.006 * (temperature - wet_bulb)
    return heat / (latent + 1.86 * temperature - condensate * wet_bulb)


OVER_WATER, OVER_ICE = (2501.0, 2.326, 4.186), (2830.0, 0.24, 2.1)


def test_ashrae_relations_jump_at_freezing_and_the_blend_passes_between():
    # air of 5 degC whose wet bulb is just below and just above 0 degC, by 0.01 K: 0.0019835 over ice, 0.0017635 over water
    over_ice, over_water = implied_ratio(-0.01, 5.0, *OVER_ICE), implied_ratio(0.01, 5.0, *OVER_WATER)
    assert_allclose([over_ice, over_water], [0.0019835, 0.0017635], atol=6e-8)
    between = moist_air.wet_bulb_temperature(
        5.0, np.array([over_water, 0.5 * (over_ice + over_water), over_ice]), 101325.0
    )
    assert_allclose(between[1], 0.0, atol=1e-3)
    assert between[0] < -0.1 and between[2] > 0.1  # each relation alone has it at 0 degC


def test_wet_bulb_blend_departs_from_the_ashrae_relations_only_near_freezing():
    for wet_bulb, tolerance in ((-5.0, 0.09), (-1.0, 0.42), (-0.5, 0.42), (0.5, 0.42), (1.0, 0.42), (3.0, 0.09)):
        constants = OVER_WATER if wet_bulb >= 0.0 else OVER_ICE
        for temperature in (wet_bulb + 1.0, wet_bulb + 5.0, wet_bulb + 10.0):
            w = implied_ratio(wet_bulb, temperature, *constants)
            assert_allclose(moist_air.wet_bulb_temperature(temperature, w, 101325.0), wet_bulb, atol=tolerance)


def test_wet_bulb_rises_through_freezing_without_a_jump():
    w = np.linspace(0.0005, 0.0045, 4001)
    wet_bulb = moist_air.wet_bulb_temperature(5.0, w, 101325.0)
    assert np.all(np.diff(wet_bulb) > 0.0)
    assert np.diff(wet_bulb).max() < 5e-3


def test_wet_bulb_of_published_examples():
    # Ananthanarayanan, Basic refrigeration and air conditioning, ex. 17.1: 29.4 degC, 48 % -> 21.1 degC
    w = moist_air.humidity_ratio(29.4, 0.48, 101325.0)
    assert_allclose(moist_air.wet_bulb_temperature(29.4, w, 101325.0), 21.1, atol=0.1)
    # Modelica Buildings, Psychrometrics.Examples.TWetBul_TDryBulPhi (2016): dry bulb 29.4 degC, 0, 25, 50, 75, 100 %
    humidity = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    expected = np.array([283.41265869, 289.60162354, 294.65634155, 298.90142822, 302.54998779]) - 273.15
    w = moist_air.humidity_ratio(29.4, humidity, 101325.0)
    assert_allclose(moist_air.wet_bulb_temperature(29.4, w, 101325.0), expected, atol=6e-3)


@pytest.mark.parametrize(("rounds", "tolerance"), [(3, 1e-4), (4, 1e-10)])
def test_dew_point_comes_to_a_ten_billionth_of_a_kelvin_in_four_rounds(monkeypatch, rounds, tolerance):
    temperature, humidity = np.linspace(-40.0, 60.0, 201)[:, None], np.linspace(0.02, 1.0, 50)
    w = moist_air.humidity_ratio(temperature, humidity, 101325.0)
    monkeypatch.setattr(moist_air, "DEW_POINT_ROUNDS", 30)
    converged = moist_air.dew_point_temperature(w, 101325.0)
    monkeypatch.setattr(moist_air, "DEW_POINT_ROUNDS", rounds)
    assert_allclose(moist_air.dew_point_temperature(w, 101325.0), converged, atol=tolerance)
    assert moist_air.DEW_POINT_ROUNDS < 5  # one more is used


def test_wet_bulb_solves_its_relation_to_rounding():
    # 5 rounds leave 2e-15 of the humidity ratio
    temperature = np.linspace(-20.0, 50.0, 141)[:, None]
    w = moist_air.humidity_ratio(temperature, np.linspace(0.05, 1.0, 40), 101325.0)
    wet_bulb = moist_air.wet_bulb_temperature(temperature, w, 101325.0)
    inside = wet_bulb < temperature - 1e-9
    weight = 0.5 * (1.0 + np.tanh(wet_bulb))
    blend = weight * implied_ratio(wet_bulb, temperature, *OVER_WATER)
    blend += (1.0 - weight) * implied_ratio(wet_bulb, temperature, *OVER_ICE)
    assert np.abs(blend - w)[inside].max() < 2e-14


def test_saturation_pressure_is_near_the_formulation_of_iapws():
    # IAPWS-IF97, table 35: 3536.58941 Pa at 300 K; boiling at 101 325 Pa at 373.1243 K; triple point 611.657 Pa
    kelvin = np.array([273.16, 300.0, 373.1243])
    assert_allclose(moist_air.saturation_pressure(kelvin - 273.15), [611.657, 3536.58941, 101_325.0], rtol=2e-4)
    # IAPWS R14-08, sublimation pressure at 230 K: 8.94735 Pa
    assert_allclose(moist_air.saturation_pressure(230.0 - 273.15), 8.94735, rtol=4e-4)


def test_two_rounds_find_the_dew_point_of_any_room():
    dew_point = np.linspace(-60.0, 60.0, 241)
    ratio = moist_air.humidity_ratio_from_dew_point(dew_point, 101325.0)
    assert_allclose(moist_air.dew_point_temperature(ratio, 101325.0, rounds=2), dew_point, atol=1e-4)
    vapor = moist_air.saturation_pressure(dew_point)
    assert_allclose(np.exp(moist_air.log_vapor_pressure(ratio, 101325.0)), vapor, rtol=1e-12)


def test_bone_dry_air_has_a_wet_bulb_and_a_very_low_dew_point():
    assert np.isfinite(moist_air.wet_bulb_temperature(20.0, 0.0, 101325.0))
    assert moist_air.dew_point_temperature(0.0, 101325.0) < -100.0


def test_water_and_ice_meet_at_the_triple_point():
    below, above = log_saturation_pressure(np.array([TRIPLE_POINT - 1e-12, TRIPLE_POINT]))[0]
    assert_allclose(below, above, atol=1e-8)
    assert len(ICE) == len(WATER) == 7


def test_log_saturation_slope_is_its_derivative():
    t = np.array([-40.0, -15.0, -1.0, 1.0, 20.0, 60.0])
    value = moist_air.saturation_pressure(t)
    step = 1e-4
    difference = (moist_air.saturation_pressure(t + step) - moist_air.saturation_pressure(t - step)) / (2.0 * step)
    log_value, slope = log_saturation_pressure(t)
    assert_allclose(np.exp(log_value), value, rtol=1e-13)
    assert_allclose(slope, difference / value, rtol=1e-7)


@given(temperatures, st.floats(0.0, 0.05))
def test_temperature_from_enthalpy_turns_enthalpy_round(temperature, ratio):
    h = moist_air.enthalpy(temperature, ratio)
    assert_allclose(moist_air.temperature_from_enthalpy(h, ratio), temperature, atol=1e-9)


@given(st.floats(-20.0, 50.0), st.floats(70e3, 108e3))
def test_saturation_temperature_turns_saturation_enthalpy_round(temperature, pressure):
    h = moist_air.saturation_enthalpy(temperature, pressure)
    assert_allclose(moist_air.saturation_temperature(h, pressure), temperature, atol=1e-8)


def test_boiling_water_leaves_the_humidity_ratio_finite():
    assert np.isfinite(moist_air.saturation_humidity_ratio(np.array([99.0, 120.0]), 81_000.0)).all()


@pytest.mark.parametrize("temperature", [-10.0, 5.0, 20.0, 40.0])
@pytest.mark.parametrize("depression", [0.0, 1.0, 3.0])
def test_humidity_of_a_wet_bulb_equals_psychrolib(temperature, depression):
    psychrolib.SetUnitSystem(psychrolib.SI)
    expected = psychrolib.GetHumRatioFromTWetBulb(temperature, temperature - depression, 101325.0)
    found = moist_air.humidity_ratio_from_wet_bulb(np.array(temperature), np.array(temperature - depression), 101325.0)
    assert_allclose(found, max(expected, 0.0), rtol=1e-3, atol=2e-7)
