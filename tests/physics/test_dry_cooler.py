import os
import re
from pathlib import Path

import numpy as np
import psychrolib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import gammainc
from test_cold_plate import check_gradient, check_kernel, check_kink, check_namespace, draw

from dcsim.physics import cooling_tower, dry_cooler, moist_air
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, VAPOR_SPECIFIC_HEAT

PRESSURE = 101_325.0


def modelica_series(name):
    """A reference result of Modelica Buildings as a dict of arrays; short series are constant or straight."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no reference trajectories to compare with")
    text = (Path(folder) / "modelica_ref" / "raw" / f"Buildings_Fluid_{name}.txt").read_text()
    series = {
        key: np.array([float(v) for v in values.split(",")])
        for key, values in re.findall(r"^([^={}\"\n]+)=\[(.*)\]\s*$", text, re.MULTILINE)
    }
    count = max(len(v) for v in series.values())
    return {k: v if len(v) == count else np.linspace(v[0], v[-1], count) for k, v in series.items()}


def effectiveness(ntu, ratio):
    """Read off the heat that a cooler moves across 1 K with a water capacity rate of 1 W/K."""
    return dry_cooler.heat_flow(ntu, 1.0 / ratio, 1.0, 21.0, 20.0)


# Modelica Buildings, HeatExchangers.BaseClasses.Examples.EpsilonNTUZ (2016), cross flow with both streams unmixed: NTU at t
# = 0.25, 0.5, 0.75, 1.0 for Z = cos t and effectiveness 0.01 + 0.98 sin t / (1 + Z)
NTU = np.array([0.16010399162769318, 0.3658040761947632, 0.646200954914093, 1.0252646207809448])


def test_heat_is_that_of_cross_flow_with_both_streams_unmixed():
    time = np.array([0.25, 0.5, 0.75, 1.0])
    ratio = np.cos(time)
    assert_allclose(effectiveness(NTU, ratio), 0.01 + 0.98 * np.sin(time) / (1.0 + ratio), atol=1e-7)
    # it does not matter which stream is the weaker
    assert_allclose(dry_cooler.heat_flow(NTU, 1.0, 1.0 / ratio, 21.0, 20.0), effectiveness(NTU, ratio), rtol=1e-14)


def exact_effectiveness(ntu, ratio):
    """Nusselt's series for unmixed cross flow in Mason's form: products of Poisson tails over rising counts."""
    counts = np.arange(1, 80)
    return float(np.sum(gammainc(counts, ntu) * gammainc(counts, ratio * ntu)) / (ratio * ntu))


@pytest.mark.parametrize("ntu", [0.3, 0.7, 1.2, 2.0, 4.0])
@pytest.mark.parametrize("ratio", [0.2, 0.6, 1.0])
def test_usual_relation_stays_within_a_hundredth_of_the_exact_series(ntu, ratio):
    assert_allclose(effectiveness(ntu, ratio), exact_effectiveness(ntu, ratio), atol=0.0106)


def test_heat_equals_the_whole_series_of_modelica_buildings():
    series = modelica_series("HeatExchangers_BaseClasses_Examples_EpsilonNTUZ")
    time = np.linspace(0.0, 1.0, len(series["ntu[4]"]))
    ratio = np.cos(time)
    crossflow = {k: effectiveness(series[k], ratio) for k in series if k.startswith("ntu")}
    expected = 0.01 + 0.98 * np.sin(time) / (1.0 + ratio)
    errors = {k: np.abs(v - expected).max() for k, v in crossflow.items()}
    # one of the six arrangements is ours; the reference is in single precision
    assert min(errors.values()) < 2e-7
    assert sorted(errors.values())[1] > 1e-3


# BAC TrilliumSeries TDFS1238N-C60ET40B as recorded in Modelica Buildings, CoolingTowers.Data.DryCooler: 2931 kW, 46.11 ->
# 40.55 degC, air at 35 degC, fans 117.68 kW; air flow not published, capacity rates taken equal as there
HEAT, HOT, COLD, AIR, FANS = 2_931e3, 46.11, 40.55, 35.0, 117.68e3
RATE = HEAT / (HOT - COLD)


def test_sizing_reproduces_a_catalogue_rating():
    conductance = dry_cooler.size_conductance(HEAT, HOT, COLD, AIR, RATE)
    assert_allclose(dry_cooler.heat_flow(conductance, RATE, RATE, HOT, AIR), HEAT, rtol=1e-10)
    assert_allclose(HEAT / (RATE * (HOT - AIR)), 5.56 / 11.11, rtol=1e-12)
    # a cooler of that size by the exact series: the usual relation is 1.2 % low here
    assert_allclose(exact_effectiveness(conductance / RATE, 1.0), 5.56 / 11.11, rtol=1.3e-2)


def test_fans_of_a_catalogue_rating_follow_cube_law_and_density():
    assert_allclose(dry_cooler.fan_power(1.0, 1.0, FANS, 0.0) / HEAT, 0.040, atol=5e-4)
    assert_allclose(dry_cooler.fan_power(0.5, 1.0, FANS, 0.0), FANS / 8.0, rtol=1e-14)
    assert_allclose(dry_cooler.fan_power(0.5, 0.83, FANS, 0.1), 0.83 * FANS * (0.9 / 8.0 + 0.1 / 2.0), rtol=1e-14)


def test_rating_that_no_cooler_meets_is_refused():
    with pytest.raises(ValueError, match="effectiveness"):
        dry_cooler.size_conductance(1e6, 40.0, 34.0, 35.0, 1e6)  # colder than the air
    with pytest.raises(ValueError, match="effectiveness"):
        dry_cooler.size_conductance(1e6, 45.0, 40.0, 35.0, 0.9e5)  # air takes at most 0.9 MW


def test_water_leaves_as_in_the_dry_cooler_of_modelica_buildings():
    """The stretch of the example at full fan speed, 19 h of changing weather; the water in the cooler lags by 30 s."""
    series = modelica_series("HeatExchangers_CoolingTowers_Examples_DryCooler")
    full = slice(27, 98)
    time = np.linspace(*series["time"][[0, -1]], len(series["time"]))
    entering, leaving, outdoor = (series[k] - 273.15 for k in ("TEnt.T", "tow.TLvg", "tow.TDryBul"))
    assert np.all(series["tow.PFan"][full] == 525.0)
    # 10.5 kW from 35 to 30 degC with air at 25 degC; 0.5 kg/s; air flow as the ratio of specific heats, but moist air
    water_nominal, water = 10.5e3 / 5.0, 0.5 * 4184.0
    air = water_nominal * (0.99 * AIR_SPECIFIC_HEAT + 0.01 * VAPOR_SPECIFIC_HEAT) / AIR_SPECIFIC_HEAT
    sized = dry_cooler.size_conductance(10.5e3, 35.0, 30.0, 25.0, air)
    conductance = dry_cooler.conductance(
        1.0,
        water / water_nominal,
        dry_cooler.air_film_factor(outdoor, 25.0),
        dry_cooler.water_film_factor(entering, 35.0),
        sized,
    )
    heat = dry_cooler.heat_flow(conductance, air, water, entering, outdoor)
    lag = 30.0 * water_nominal / water
    predicted = entering - heat / water - lag * np.gradient(leaving, time)
    assert_allclose(predicted[full], leaving[full], atol=6e-3)
    assert abs(np.mean(predicted[full] - leaving[full])) < 1e-4
    # without the films' dependence on temperature, or in another arrangement, it is not met
    plain = dry_cooler.heat_flow(dry_cooler.conductance(1.0, 1.0, 1.0, 1.0, sized), air, water, entering, outdoor)
    assert np.abs(entering - plain / water - lag * np.gradient(leaving, time) - leaving)[full].max() > 0.03


# LBNL-42355 by hand: water side 1 + 0.014 / 1.28 * 20 from 20 to 40 degC, air side 1 + 7.8532e-4 * 20
def test_films_conduct_better_when_warm():
    assert_allclose(dry_cooler.water_film_factor(40.0, 20.0), 1.21875, rtol=1e-12)
    assert_allclose(dry_cooler.air_film_factor(40.0, 20.0), 1.0157064, rtol=1e-12)
    assert dry_cooler.water_film_factor(35.0, 35.0) == dry_cooler.air_film_factor(25.0, 25.0) == 1.0


@given(st.floats(0.0, 1.2), st.floats(0.0, 1.2), st.floats(0.05, 0.95))
def test_conductance_is_that_of_two_films_in_series(air, water, share):
    conductance = dry_cooler.conductance(air, water, 1.02, 0.9, 5e3, share)
    assert np.isfinite(conductance)
    if min(air, water) > 1e-3:
        expected = 5e3 / (share / (1.02 * air**0.8) + (1.0 - share) / (0.9 * water**0.85))
        assert_allclose(conductance, expected, rtol=1e-10)


@given(st.floats(0.0, 2e6), st.floats(1e3, 1e6), st.floats(1e3, 1e6), st.floats(10.0, 60.0), st.floats(-30.0, 50.0))
def test_neither_stream_leaves_beyond_the_others_entering_temperature(conductance, air, water, hot, outdoor):
    heat = dry_cooler.heat_flow(conductance, air, water, hot, outdoor)
    low, high = min(hot, outdoor) - 1e-9, max(hot, outdoor) + 1e-9
    assert low <= hot - heat / water <= high
    assert low <= outdoor + heat / air <= high


def test_air_warmer_than_the_water_warms_it_unless_the_cooler_is_bypassed():
    heat = dry_cooler.heat_flow(5e5, RATE, RATE, 30.0, 40.0)
    assert heat < 0.0
    assert dry_cooler.limited_heat_flow(heat, 1e6) == 0.0
    assert_allclose(heat, -dry_cooler.heat_flow(5e5, RATE, RATE, 40.0, 30.0), rtol=1e-14)


def test_no_more_heat_is_taken_than_wanted_nor_than_there_is():
    assert dry_cooler.limited_heat_flow(2e6, 1e6) == 1e6
    assert dry_cooler.limited_heat_flow(2e6, 3e6) == 2e6
    assert dry_cooler.limited_heat_flow(2e6, -1e6) == 0.0


def test_fans_at_rest_leave_natural_draught():
    conductance = dry_cooler.size_conductance(HEAT, HOT, COLD, AIR, RATE)

    def heat(speed):
        air = cooling_tower.free_convection_fraction(speed)
        return dry_cooler.heat_flow(dry_cooler.conductance(air, 1.0, 1.0, 1.0, conductance), air * RATE, RATE, HOT, AIR)

    assert 0.15 < heat(0.0) / HEAT < 0.25  # an eighth of the air takes more than an eighth of the heat
    speeds = np.linspace(0.0, 1.0, 11)
    assert np.all(np.diff(heat(speeds)) >= 0.0)


# --- wetted pads -----------------------------------------------------------------------------------------------------

# outdoor air: dry bulb, relative humidity
SUMMERS = [(40.0, 0.1), (35.0, 0.3), (30.0, 0.5), (25.0, 0.9)]


def outdoor_air(temperature, relative_humidity):
    psychrolib.SetUnitSystem(psychrolib.SI)
    wet_bulb = psychrolib.GetTWetBulbFromRelHum(temperature, relative_humidity, PRESSURE)
    return temperature, wet_bulb, psychrolib.GetHumRatioFromRelHum(temperature, relative_humidity, PRESSURE)


@pytest.mark.parametrize("summer", SUMMERS)
def test_pads_cool_along_the_wet_bulb_of_psychrolib(summer):
    dry_bulb, wet_bulb, ratio = outdoor_air(*summer)
    air = dry_cooler.precooled_air(10.0, dry_bulb, wet_bulb, ratio, 0.7, 1.0)
    assert_allclose(air.temperature, dry_bulb - 0.7 * (dry_bulb - wet_bulb), rtol=1e-14)
    # the air behind the pads has the humidity that goes with its dry bulb and the same wet bulb
    expected = psychrolib.GetHumRatioFromTWetBulb(air.temperature, wet_bulb, PRESSURE)
    assert_allclose(air.humidity_ratio, expected, atol=2e-6)  # psychrolib finds wet bulbs to 0.001 K
    assert_allclose(air.evaporation, 10.0 * (air.humidity_ratio - ratio), rtol=1e-12)
    full = dry_cooler.precooled_air(10.0, dry_bulb, wet_bulb, ratio, 1.0, 1.0)
    assert_allclose(full.humidity_ratio, moist_air.saturation_humidity_ratio(wet_bulb, PRESSURE), atol=2e-6)


@pytest.mark.parametrize("summer", SUMMERS)
def test_air_and_water_keep_their_enthalpy_through_the_pads(summer):
    dry_bulb, wet_bulb, ratio = outdoor_air(*summer)
    air = dry_cooler.precooled_air(1.0, dry_bulb, wet_bulb, ratio, 0.8, 0.6)
    before = moist_air.enthalpy(dry_bulb, ratio) + air.evaporation * 4186.0 * wet_bulb
    assert_allclose(moist_air.enthalpy(air.temperature, air.humidity_ratio), before, rtol=1e-13)


def test_dry_pads_change_nothing():
    air = dry_cooler.precooled_air(10.0, 35.0, 21.0, 0.01, 0.7, 0.0)
    assert tuple(air) == (35.0, 0.01, 0.0)


def test_pads_are_wetted_in_hot_air_only():
    share = dry_cooler.precooling_enable(np.array([-10.0, 20.0, 25.0, 30.0, 40.0]), 25.0, 1.0)
    assert_allclose(share, [0.0, 0.0, 0.5, 1.0, 1.0], atol=1e-4)
    assert np.all(np.diff(share) >= 0.0)


def test_pads_on_a_hot_dry_afternoon_make_up_for_more_than_half_of_the_rated_difference():
    """At 43 degC and 10 % the rated cooler cannot hold 40.55 degC dry; wetted it exceeds its rating at 35 degC."""
    dry_bulb, wet_bulb, ratio = outdoor_air(43.0, 0.1)
    conductance = dry_cooler.size_conductance(HEAT, HOT, COLD, AIR, RATE)
    air = dry_cooler.precooled_air(RATE / AIR_SPECIFIC_HEAT, dry_bulb, wet_bulb, ratio, 0.7, 1.0)
    dry = dry_cooler.heat_flow(conductance, RATE, RATE, HOT, dry_bulb)
    wet = dry_cooler.heat_flow(conductance, RATE, RATE, HOT, air.temperature)
    assert dry < 0.3 * HEAT < HEAT < wet
    # the heat that the air gave up to the water, over the heat of evaporation near 2430 kJ/kg
    moist = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio
    evaporated = RATE / AIR_SPECIFIC_HEAT * moist * (dry_bulb - air.temperature) / 2.43e6
    assert_allclose(air.evaporation, evaporated, rtol=0.02)


def test_water_is_drained_to_keep_the_concentration():
    used = dry_cooler.water_use(3.0, 4.0)
    assert_allclose(used, 4.0, rtol=1e-14)
    assert_allclose(used - 3.0, cooling_tower.blowdown_mass_flow(3.0, 0.0, 4.0, 1e-9), rtol=1e-9)


# --- namespaces --------------------------------------------------------------------------------------------------------

LAWS = {
    "air_film_factor": (dry_cooler.air_film_factor, [*draw((-30.0, 45.0)), 35.0]),
    "water_film_factor": (dry_cooler.water_film_factor, [*draw((5.0, 60.0)), 46.0]),
    "conductance": (dry_cooler.conductance, [*draw((0.0, 1.2), (0.0, 1.2), (0.9, 1.1), (0.8, 1.2)), 5e5, 2.0 / 3.0]),
    "heat_flow": (dry_cooler.heat_flow, draw((0.0, 1e6), (0.0, 6e5), (0.0, 6e5), (20.0, 50.0), (-20.0, 45.0))),
    "limited_heat_flow": (dry_cooler.limited_heat_flow, draw((-1e6, 3e6), (-1e6, 3e6))),
    "fan_power": (dry_cooler.fan_power, [*draw((0.0, 1.0), (0.8, 1.2)), 1e5, 0.1]),
    "precooling_enable": (dry_cooler.precooling_enable, [*draw((-10.0, 45.0)), 25.0, 1.0]),
    "precooled_air": (
        dry_cooler.precooled_air,
        [*draw((0.0, 600.0), (25.0, 45.0), (10.0, 25.0), (0.002, 0.015)), 0.7, *draw((0.0, 1.0))],
    ),
    "water_use": (dry_cooler.water_use, [*draw((0.0, 3.0)), 4.0]),
}
GRADIENTS = {
    "conductance": (dry_cooler.conductance, [0.7, 0.9, 1.02, 0.95, 5e5, 0.6]),
    "heat_flow": (dry_cooler.heat_flow, [5e5, 4e5, 6e5, 46.0, 30.0]),
    "heat_flow of little water": (dry_cooler.heat_flow, [5e5, 6e5, 2e5, 46.0, 30.0]),
    "precooled_air": (dry_cooler.precooled_air, [300.0, 38.0, 20.0, 0.008, 0.7, 0.8]),
    "precooling_enable": (dry_cooler.precooling_enable, [25.5, 25.0, 1.0]),
}
KINKS = {
    "no air": (dry_cooler.conductance, [0.0, 1.0, 1.0, 1.0, 5e5, 0.6]),
    "no flow": (dry_cooler.conductance, [0.0, 0.0, 1.0, 1.0, 5e5, 0.6]),
    "heat without air": (dry_cooler.heat_flow, [0.0, 0.0, 5e5, 46.0, 30.0]),
    "heat without flow": (dry_cooler.heat_flow, [0.0, 0.0, 0.0, 46.0, 30.0]),
    "balanced": (dry_cooler.heat_flow, [5e5, 5e5, 5e5, 46.0, 46.0]),
    "nothing wanted": (dry_cooler.limited_heat_flow, [0.0, 0.0]),
    "saturated air": (dry_cooler.precooled_air, [300.0, 20.0, 20.0, 0.0147, 0.7, 0.0]),
    "fans at rest": (dry_cooler.fan_power, [0.0, 1.0, 1e5, 0.0]),
}


@pytest.mark.parametrize("name", LAWS)
def test_laws_agree_between_namespaces_and_leave_their_inputs_alone(name, arrays):
    check_namespace(*LAWS[name], arrays)


def test_laws_agree_with_the_compiled_kernel():
    check_kernel(LAWS)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_equal_finite_differences(name, torch_arrays):
    check_gradient(*GRADIENTS[name], torch_arrays)


@pytest.mark.parametrize("name", KINKS)
def test_values_and_gradients_stay_finite_at_limits(name, torch_arrays):
    check_kink(*KINKS[name], torch_arrays)
