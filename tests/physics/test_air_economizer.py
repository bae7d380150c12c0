import numpy as np
import psychrolib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import air_economizer, moist_air

psychrolib.SetUnitSystem(psychrolib.SI)

returns = st.tuples(st.floats(20.0, 45.0), st.floats(0.003, 0.015))
outdoors = st.tuples(st.floats(-20.0, 45.0), st.floats(0.0005, 0.018))


def test_mix_equals_the_example_of_the_ashrae_handbook():
    # Fundamentals (2017), ch. 1, example 4: 2 m3/s of 4 degC, 2 degC wet bulb, and 6.25 m3/s of 25 degC, 50 %
    cold = psychrolib.GetHumRatioFromTWetBulb(4.0, 2.0, 101_325.0)
    warm = moist_air.humidity_ratio(25.0, 0.5, 101_325.0)
    flows = [
        volume / moist_air.specific_volume(t, w, 101_325.0) for volume, t, w in ((2.0, 4.0, cold), (6.25, 25.0, warm))
    ]
    assert_allclose(flows, [2.535, 7.284], rtol=1e-3)
    temperature, ratio = air_economizer.mixed_air(25.0, warm, 4.0, cold, flows[0] / sum(flows))
    assert_allclose(temperature, 4.0 + 0.742 * (25.0 - 4.0), atol=0.06)  # the example's line, read by ruler as 19.5
    assert_allclose(moist_air.wet_bulb_temperature(temperature, ratio, 101_325.0), 14.6, atol=0.1)


@given(returns, outdoors, st.floats(0.0, 1.0), st.floats(0.1, 50.0))
def test_what_leaves_and_comes_in_is_what_the_mix_lacks(inside, outside, fraction, flow):
    temperature, ratio = air_economizer.mixed_air(*inside, *outside, fraction)
    exchanged = air_economizer.exchanged_air(flow, *inside, *outside, fraction)
    assert_allclose(
        flow * moist_air.enthalpy(*inside) - exchanged.heat_exhausted,
        flow * moist_air.enthalpy(temperature, ratio),
        rtol=1e-12,
        atol=1e-7,
    )
    assert_allclose(flow * inside[1] + exchanged.moisture_admitted, flow * ratio, rtol=1e-12)
    assert_allclose(exchanged.outdoor_mass_flow, fraction * flow, rtol=1e-14)
    # a second opinion of the same mix
    mixed = (1.0 - fraction) * psychrolib.GetMoistAirEnthalpy(*inside)
    mixed += fraction * psychrolib.GetMoistAirEnthalpy(*outside)
    assert_allclose(temperature, psychrolib.GetTDryBulbFromEnthalpyAndHumRatio(mixed, ratio), atol=1e-8)
    assert min(inside[0], outside[0]) - 1e-9 <= temperature <= max(inside[0], outside[0]) + 1e-9


def fraction_of(inside, outside, setpoint, least=0.05, most=1.0, enabled=1.0):
    given_arrays = [np.atleast_2d(x) for x in (*inside, *outside)]
    return air_economizer.outdoor_air_fraction(*given_arrays, np.atleast_2d(setpoint), least, most, enabled)


@given(returns, outdoors, st.floats(12.0, 27.0))
def test_the_mix_has_the_temperature_that_was_wanted_wherever_the_dampers_can_give_it(inside, outside, setpoint):
    fraction = float(fraction_of(inside, outside, setpoint)[0, 0])
    assert 0.05 <= fraction <= 1.0
    temperature, _ = air_economizer.mixed_air(*inside, *outside, fraction)
    if 0.05 < fraction < 1.0:
        assert_allclose(temperature, setpoint, atol=1e-9)
    elif fraction == 1.0 and inside[0] > setpoint:  # full outdoor air is still too warm, but colder than the return
        assert setpoint - 1e-9 <= temperature <= inside[0] + 1e-9
    elif inside[0] > setpoint and outside[0] < inside[0] - 0.1:  # least outdoor air is too cold already
        assert temperature <= setpoint + 1e-9


def test_air_that_is_warmer_than_the_return_is_not_let_in():
    inside = (35.0, 0.009)
    assert fraction_of(inside, (36.0, 0.009), 22.0) == 0.05
    assert fraction_of(inside, (34.0, 0.009), 22.0) == 1.0
    assert fraction_of(inside, (34.0, 0.009), 22.0, most=0.8) == 0.8
    # where the share jumps, the temperature does not
    outdoor = np.linspace(34.99, 35.01, 2001)
    fraction = fraction_of(inside, (outdoor, 0.009), 22.0)
    temperature, _ = air_economizer.mixed_air(*inside, outdoor, 0.009, fraction)
    assert np.abs(np.diff(temperature)).max() < 2e-3


def test_return_air_that_is_cold_enough_is_not_warmed_with_outdoor_air():
    assert fraction_of((20.0, 0.008), (30.0, 0.008), 22.0) == 0.05
    assert fraction_of((20.0, 0.008), (10.0, 0.004), 22.0) == 0.05


def test_economizer_that_is_off_lets_in_ventilation_air_only():
    inside, outside = (35.0, 0.009), (10.0, 0.005)
    full = fraction_of(inside, outside, 20.0)
    assert_allclose(full, 0.6, atol=5e-3)  # (35 - 20) / (35 - 10)
    assert fraction_of(inside, outside, 20.0, enabled=0.0) == 0.05
    assert_allclose(fraction_of(inside, outside, 20.0, enabled=0.5), 0.5 * (0.05 + full), rtol=1e-12)


@pytest.mark.parametrize(
    ("temperature", "dew_point", "margin"),
    [
        (20.0, 10.0, 3.0),  # dry bulb 23 degC
        (20.0, 12.5, 1.0),  # dew point 13.5 degC
        (-19.5, -25.0, 0.5),  # dry bulb -20 degC
        (25.0, 10.0, -2.0),
        (20.0, 15.0, -1.5),
        (-22.0, -30.0, -2.0),
    ],
)
def test_margin_is_the_distance_to_the_nearest_limit(temperature, dew_point, margin):
    # limits of EnergyPlus 2ZoneDataCenterHVAC_wEconomizer
    ratio = moist_air.humidity_ratio_from_dew_point(dew_point, 99e3)
    assert_allclose(air_economizer.enable_margin(temperature, ratio, 99e3), margin, atol=1e-8)


def test_enthalpy_and_least_dew_point_limit_too():
    ratio = moist_air.humidity_ratio_from_dew_point(12.0, 101_325.0)
    limit = moist_air.enthalpy(20.0, ratio) + 1006.0
    assert_allclose(air_economizer.enable_margin(20.0, ratio, 101_325.0, enthalpy_max=limit), 1.0, rtol=1e-9)
    dry = moist_air.humidity_ratio_from_dew_point(-10.0, 101_325.0)
    assert_allclose(air_economizer.enable_margin(10.0, dry, 101_325.0, dew_point_min=-9.0), -1.0, atol=1e-8)


def test_moist_outdoor_air_is_refused_by_its_enthalpy():
    assert_allclose(air_economizer.differential_margin(30.0, 0.009, 25.0, 0.009), 5.0, rtol=1e-12)
    moister = moist_air.enthalpy(30.0, 0.009) - moist_air.enthalpy(25.0, 0.016)  # -12.9 kJ/kg
    assert_allclose(air_economizer.differential_margin(30.0, 0.009, 25.0, 0.016), moister / 1006.0, rtol=1e-12)
    assert moister < -10e3
    assert_allclose(air_economizer.differential_margin(30.0, 0.009, 32.0, 0.005), -2.0, rtol=1e-12)
