import numpy as np
import psychrolib
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import cooling_tower, dry_cooler, evaporative, moist_air
from dcsim.physics.constants import EVAPORATION_ENTHALPY, VAPOR_SPECIFIC_HEAT

psychrolib.SetUnitSystem(psychrolib.SI)

temperatures = st.floats(8.0, 48.0)
humidities = st.floats(0.05, 0.98)
pressures = st.floats(75e3, 104e3)
shares = st.floats(0.0, 1.0)


def air(temperature, humidity, pressure):
    ratio = moist_air.humidity_ratio(temperature, humidity, pressure)
    return ratio, moist_air.wet_bulb_temperature(temperature, ratio, pressure)


def test_effectivenesses_are_those_of_the_two_zone_example():
    # EnergyPlus 2ZoneDataCenterHVAC_wEconomizer: direct 0.70; indirect 0.70 wet, 0.72 dry
    used = evaporative.DIRECT_EFFECTIVENESS, evaporative.INDIRECT_EFFECTIVENESS, evaporative.INDIRECT_DRY_EFFECTIVENESS
    assert used == (0.70, 0.70, 0.72)


# --- direct -----------------------------------------------------------------------------------------------------------


def test_direct_cooler_on_a_hot_day():
    # 35 degC, 40 %: wet bulb 23.934 degC (psychrolib); 0.7 of the way to it is 27.254 degC
    ratio, wet_bulb = air(35.0, 0.4, 101_325.0)
    leaving = evaporative.direct_cooler(1.0, 35.0, ratio, wet_bulb, 0.7)
    assert_allclose(leaving.temperature, 27.254, atol=2e-3)
    assert_allclose(
        psychrolib.GetMoistAirEnthalpy(float(leaving.temperature), float(leaving.humidity_ratio)),
        psychrolib.GetMoistAirEnthalpy(35.0, float(ratio)),
        rtol=1e-9,
    )


@given(temperatures, humidities, pressures, shares)
def test_what_the_air_loses_in_sensible_heat_it_gains_in_latent_heat(temperature, humidity, pressure, effectiveness):
    ratio, wet_bulb = air(temperature, humidity, pressure)
    leaving = evaporative.direct_cooler(2.5, temperature, ratio, wet_bulb, effectiveness)
    assert_allclose(
        moist_air.enthalpy(leaving.temperature, leaving.humidity_ratio),
        moist_air.enthalpy(temperature, ratio),
        rtol=1e-12,
    )
    assert_allclose(leaving.evaporation, 2.5 * (leaving.humidity_ratio - ratio), rtol=1e-9, atol=1e-15)
    assert wet_bulb - 1e-12 <= leaving.temperature <= temperature
    assert leaving.evaporation >= 0.0
    # the water of an isenthalpic cooler never quite saturates the air; below 5 degC the wet bulb leans on its relation over ice
    if wet_bulb > 5.0:
        assert moist_air.relative_humidity(leaving.temperature, leaving.humidity_ratio, pressure) <= 1.0 + 1e-9


@given(temperatures, humidities, pressures, shares)
def test_water_of_the_wet_bulb_saturates_the_air_adiabatically(temperature, humidity, pressure, effectiveness):
    ratio, wet_bulb = air(temperature, humidity, pressure)
    assume(wet_bulb > 8.0)  # near freezing, the relations of ice and water are blended
    water = 4186.0 * wet_bulb
    saturated = evaporative.direct_cooler(1.0, temperature, ratio, wet_bulb, 1.0, water)
    assert_allclose(saturated.humidity_ratio, moist_air.saturation_humidity_ratio(wet_bulb, pressure), rtol=1e-7)
    # the law in front of dry coolers is the same
    leaving = evaporative.direct_cooler(3.0, temperature, ratio, wet_bulb, effectiveness, water)
    precooled = dry_cooler.precooled_air(3.0, temperature, wet_bulb, ratio, effectiveness, 1.0)
    assert_allclose(leaving, precooled, rtol=1e-12, atol=1e-15)
    gained = moist_air.enthalpy(leaving.temperature, leaving.humidity_ratio) - moist_air.enthalpy(temperature, ratio)
    assert_allclose(3.0 * gained, leaving.evaporation * water, rtol=1e-6, atol=1e-6)


def test_pad_of_the_published_size_has_the_published_effectiveness():
    # EnergyPlus, sizing of CelDekPad: 70 % at 3 m/s needs 0.17382 m
    assert_allclose(evaporative.pad_effectiveness(3.0, 0.17382), 0.70, atol=1e-5)


@pytest.mark.parametrize("depth", [0.1, 0.15, 0.2, 0.3, 0.45])
def test_more_air_through_a_pad_never_cools_better(depth):
    velocity = np.linspace(0.0, 6.0, 601)
    effectiveness = evaporative.pad_effectiveness(velocity, depth)
    assert np.all(np.diff(effectiveness) <= 1e-15)
    assert np.all((effectiveness > 0.4) & (effectiveness <= 1.0))
    assert effectiveness[-1] == evaporative.pad_effectiveness(4.575, depth)
    assert np.all(evaporative.pad_effectiveness(velocity, 1.1 * depth) >= effectiveness - 1e-3)


@given(temperatures, humidities, st.floats(5.0, 40.0), st.floats(0.3, 0.95))
def test_pads_are_wetted_as_far_as_the_setpoint_needs(temperature, humidity, setpoint, effectiveness):
    ratio, wet_bulb = air(temperature, humidity, 101_325.0)
    assume(temperature - wet_bulb > 0.1)
    share = evaporative.wetted_share(temperature, wet_bulb, setpoint, effectiveness)
    assert 0.0 <= share <= 1.0
    leaving = evaporative.direct_cooler(1.0, temperature, ratio, wet_bulb, share * effectiveness).temperature
    if 0.0 < share < 1.0:
        assert_allclose(leaving, setpoint, atol=1e-9)
    elif share == 0.0:
        assert temperature <= setpoint
    else:
        assert leaving >= setpoint - 1e-9


# --- indirect ---------------------------------------------------------------------------------------------------------


def test_indirect_cooler_goes_towards_the_wet_bulb_of_the_other_side_and_never_warms():
    assert_allclose(evaporative.indirect_cooler_temperature(35.0, 20.0, 0.7), 24.5, rtol=1e-14)
    assert evaporative.indirect_cooler_temperature(18.0, 20.0, 0.7) == 18.0


def test_heat_of_an_indirect_cooler_is_that_of_both_sides():
    ratio, _ = air(34.0, 0.25, 101_325.0)
    outdoor_ratio, outdoor_wet_bulb = air(32.0, 0.3, 101_325.0)
    leaving = evaporative.indirect_cooler_temperature(34.0, outdoor_wet_bulb, 0.7)
    heat = evaporative.indirect_cooler_heat_flow(2.0, 34.0, ratio, leaving)
    assert_allclose(heat, 2.0 * (moist_air.enthalpy(34.0, ratio) - moist_air.enthalpy(leaving, ratio)), rtol=1e-12)
    # the other side, 2.2 kg/s, leaves saturated with this heat: what it takes up is the water drawn
    water = cooling_tower.evaporation_from_heat_flow(2.2, heat, 32.0, outdoor_ratio, 101_325.0)
    enthalpy = moist_air.enthalpy(32.0, outdoor_ratio) + heat / 2.2
    saturated = moist_air.saturation_temperature(enthalpy, 101_325.0)
    assert_allclose(moist_air.enthalpy(saturated, outdoor_ratio + water / 2.2), enthalpy, rtol=1e-9)
    # more than the heat alone would evaporate, because the outdoor air is cooled by it too
    assert water > heat / (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * 32.0)


def test_indirect_before_direct_beats_either():
    ratio, wet_bulb = air(36.0, 0.2, 101_325.0)
    between = evaporative.indirect_cooler_temperature(36.0, wet_bulb, evaporative.INDIRECT_EFFECTIVENESS)
    wet_bulb_between = moist_air.wet_bulb_temperature(between, ratio, 101_325.0)
    both = evaporative.direct_cooler(1.0, between, ratio, wet_bulb_between, evaporative.DIRECT_EFFECTIVENESS)
    alone = evaporative.direct_cooler(1.0, 36.0, ratio, wet_bulb, evaporative.DIRECT_EFFECTIVENESS)
    assert both.temperature < min(between, alone.temperature)
    assert both.temperature < wet_bulb  # which no direct cooler reaches
    assert both.evaporation < alone.evaporation


# --- water and power --------------------------------------------------------------------------------------------------


def test_makeup_water_is_evaporation_drift_and_blowdown():
    # dissolved matter in balance: evaporation C / (C - 1), whatever leaves as drops
    for drift in (0.0, 0.05, 0.2):
        assert_allclose(evaporative.makeup_mass_flow(0.03, drift, 4.0, 1e-9), 0.04, rtol=1e-6)
    # more drops than needed: nothing is drained
    assert_allclose(evaporative.makeup_mass_flow(0.03, 0.5, 4.0, 1e-9), 0.045, rtol=1e-6)


def test_pump_and_fan_of_a_pad():
    assert_allclose(evaporative.pump_power(0.5, 10.0 * evaporative.PUMP_POWER_PER_VOLUME_FLOW), 450.0, rtol=1e-14)
    assert_allclose(evaporative.extra_fan_power(1.0, 10.0, 300.0, 0.6), 5e3, rtol=1e-14)
    assert_allclose(evaporative.extra_fan_power(0.5, 10.0, 300.0, 0.6), 5e3 / 8.0, rtol=1e-14)
    assert_allclose(evaporative.pressure_drop(0.5, 300.0), 75.0, rtol=1e-14)
