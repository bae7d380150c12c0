import numpy as np
import psychrolib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import coil, moist_air, moisture, thermal
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, WATER_DENSITY

psychrolib.SetUnitSystem(psychrolib.SI)

steps = st.floats(1e-3, 1e6)
flows = st.floats(0.0, 20.0)
waters = st.floats(0.0, 0.05)


def test_dry_air_in_a_room_equals_its_volume_over_the_specific_volume_of_psychrolib():
    ratio = moist_air.humidity_ratio(20.0, 0.5, 101_325.0)
    assert_allclose(moisture.dry_air_mass(4200.0, 20.0, ratio, 101_325.0), 4200.0 / 0.84016, rtol=1e-5)


@given(st.floats(0.0, 0.03), st.floats(10.0, 1e5), flows, waters, waters, waters, steps)
def test_water_that_enters_leaves_or_stays_for_a_step_of_any_length(w, mass, inflow, water, source, removal, step):
    after = moisture.humidity_step(w, mass, inflow, water, source, removal, step)
    stored = mass * (after.humidity_ratio - w)
    passed = step * (water - inflow * after.humidity_ratio + source - after.removal)
    size = max(mass * w, mass * after.humidity_ratio, step * (water + source), 1e-9)
    assert abs(stored - passed) <= 1e-12 * size
    assert after.humidity_ratio >= 0.0
    assert after.removal >= 0.0
    assert_allclose(after.removal_share * removal, after.removal, rtol=1e-12, atol=1e-15)


def test_humidity_follows_the_differential_equation_to_first_order():
    # M dw/dt = a - b w, with removal in proportion to the humidity: w - a / b falls with exp(-b t / M)
    mass, inflow, water, source, drained, start = 500.0, 1.0, 0.006, 1e-3, 0.4, 0.009
    limit = (water + source) / (inflow + drained)
    exact = limit + (start - limit) * np.exp(-(inflow + drained) * 600.0 / mass)
    errors = []
    for count in (20, 40, 80):
        w = start
        for _ in range(count):
            w = moisture.humidity_step(w, mass, inflow, water, source, drained * w, 600.0 / count).humidity_ratio
        errors.append(abs(w - exact))
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.1)


def test_endless_step_ends_where_in_and_out_are_equal():
    after = moisture.humidity_step(0.004, 500.0, 0.8, 0.8 * 0.009, 2e-3, 0.0, 1e12)
    assert_allclose(after.humidity_ratio, 0.009 + 2e-3 / 0.8, rtol=1e-9)
    # a coil that would take a hundred times what there is takes what there is
    after = moisture.humidity_step(0.010, 100.0, 0.0, 0.0, 0.0, 1.0, 100.0)
    assert_allclose(100.0 * 0.010, 100.0 * after.removal + 100.0 * after.humidity_ratio, rtol=1e-12)
    assert 0.0 < after.humidity_ratio < 2e-4


def test_make_up_air_comes_in_as_it_is_or_saturated_at_the_temperature_of_the_coil():
    outdoors = np.array([[-10.0, 9.0, 20.0, 33.0]])
    ratio = np.array([[0.001, 0.005, 0.004, 0.018]])
    temperature, humidity = moisture.make_up_air(outdoors, ratio, 10.0, 101_325.0)
    assert_allclose(temperature, [[-10.0, 9.0, 10.0, 10.0]], rtol=1e-14)
    assert_allclose(humidity[0, :3], ratio[0, :3], rtol=1e-14)
    assert_allclose(humidity[0, 3], psychrolib.GetSatHumRatio(10.0, 101_325.0), rtol=2e-4)


# --- humidifiers ------------------------------------------------------------------------------------------------------


def test_steam_costs_what_the_engineering_reference_says():
    # (2501 + 1.86 * 100 - 4.186 * 15) / 3600 = 0.729 kWh/kg
    made = moisture.steam_humidifier(1.0 / 3600.0, 15.0)
    assert_allclose(made.power / 1e3, 0.729, atol=5e-4)
    assert_allclose(made.sensible_heat_flow * 3600.0, 186e3, rtol=1e-9)
    # what the boiler loses warms the air
    lossy = moisture.steam_humidifier(1.0 / 3600.0, 15.0, 0.8)
    assert_allclose(lossy.power, made.power / 0.8, rtol=1e-12)
    assert_allclose(lossy.sensible_heat_flow - made.sensible_heat_flow, 0.25 * made.power, rtol=1e-12)


def test_steam_in_a_stream_equals_the_example_of_the_ashrae_handbook():
    # Fundamentals (2017), ch. 1, example 5: 2 kg/s of 20 degC, 8 degC wet bulb, steam (there of 110 degC, 2691 kJ/kg;
    # here of 100 degC, 2687 kJ/kg) to a dew point of 13 degC: 0.0150 kg/s and 21 degC, read from the chart
    before = psychrolib.GetHumRatioFromTWetBulb(20.0, 8.0, 101_325.0)
    after = moist_air.humidity_ratio_from_dew_point(13.0, 101_325.0)
    steam = 2.0 * (after - before)
    assert_allclose(steam, 0.0150, atol=2e-4)
    made = moisture.steam_humidifier(steam, 15.0)
    heat = made.sensible_heat_flow + made.latent_heat_flow
    leaving = moist_air.temperature_from_enthalpy(moist_air.enthalpy(20.0, before) + heat / 2.0, after)
    assert_allclose(leaving, 21.0, atol=0.2)


def test_spray_takes_its_evaporation_from_the_air():
    # Lei and Masanet's hyperscale point: 6.501 MPa at 0.674, 9.69 kJ/kg
    made = moisture.adiabatic_humidifier(0.01, 6.50096656e6, 0.674023438)
    assert_allclose(made.power, 0.01 * 6.50096656e6 / 0.674023438 / WATER_DENSITY, rtol=1e-12)
    assert_allclose(made.power / 0.01, 9.69e3, rtol=1e-3)
    assert made.sensible_heat_flow < -0.99 * made.latent_heat_flow
    # per kilogram it takes a 270th of what steam takes
    assert moisture.steam_humidifier(0.01, 15.0).power / made.power > 250.0


@given(st.floats(0.0, 0.1), st.floats(5.0, 40.0), st.floats(0.7, 1.0))
def test_power_and_feed_water_of_a_humidifier_are_what_the_air_gets(flow, feed, efficiency):
    for made in (
        moisture.steam_humidifier(flow, feed, efficiency),
        moisture.adiabatic_humidifier(flow, 6.5e6, efficiency),
    ):
        given_heat = made.power + made.feed_water_heat_flow
        assert_allclose(made.sensible_heat_flow + made.latent_heat_flow, given_heat, rtol=1e-12, atol=1e-9)
        assert_allclose(made.latent_heat_flow, moisture.latent_heat_flow(flow), rtol=1e-14)


def test_humidifier_starts_at_the_setpoint_and_is_full_at_the_end_of_its_band():
    ratio = moist_air.humidity_ratio_from_dew_point(np.array([[9.0, 8.0, 5.0, 2.0, 0.0]]), 101_325.0)
    command = moisture.humidifier_command(ratio, 8.0, 6.0, 101_325.0)
    assert_allclose(command[0, [0, 1, 3, 4]], [0.0, 0.0, 1.0, 1.0], atol=1e-12)
    off, full = ratio[0, 1], ratio[0, 3]
    assert_allclose(command[0, 2], (off - ratio[0, 2]) / (off - full), rtol=1e-12)


@pytest.mark.parametrize("step", [10.0, 300.0, 3600.0])
def test_strong_humidifier_settles_inside_its_band_without_chattering(step):
    mass, inflow, outdoor, capacity = 400.0, 0.5, 0.002, 0.02
    w, commands = 0.003, []
    for _ in range(int(6 * 3600.0 / step)):
        without = moisture.humidity_step(w, mass, inflow, inflow * outdoor, 0.0, 0.0, step).humidity_ratio
        rise = moisture.humidifier_rise(capacity, w, mass, inflow, 0.0, step)
        command = moisture.humidifier_command(without, 6.0, 1.0, 101_325.0, rise)
        w = moisture.humidity_step(w, mass, inflow, inflow * outdoor, command * capacity, 0.0, step).humidity_ratio
        assert_allclose(w, without + command * rise, rtol=1e-12)
        # the output is the one that belongs to the humidity reached
        assert_allclose(command, moisture.humidifier_command(w, 6.0, 1.0, 101_325.0), atol=1e-9)
        commands.append(float(command))
    assert 5.0 < moist_air.dew_point_temperature(w, 101_325.0) < 6.0
    assert np.abs(np.diff(commands[-3:])).max() < 1e-6
    assert_allclose(commands[-1] * capacity, inflow * (w - outdoor), rtol=1e-6)


def test_rise_of_full_output_is_that_of_the_step_beside_coils_and_leaks():
    room = dict(humidity_ratio=0.008, air_mass=400.0, inflow=0.5, removal=3e-3, time_step=600.0)
    without = moisture.humidity_step(**room, inflow_water=0.002, source=0.0).humidity_ratio
    full = moisture.humidity_step(**room, inflow_water=0.002, source=0.01).humidity_ratio
    assert_allclose(moisture.humidifier_rise(0.01, **room), full - without, rtol=1e-12)


# --- books ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [5.0, 60.0, 1800.0])
@pytest.mark.parametrize("humidifier", ["steam", "spray"])
def test_energy_of_a_room_closes_to_rounding(humidifier, step):
    """A room with servers, leaks, a chilled-water coil and a humidifier: electric power in, heat out, heat stored."""
    heat_capacity, volume, power, leak, pressure = 4e6, 600.0, 40e3, 0.15, 101_325.0
    outdoor, outdoor_ratio = 33.0, 0.016
    temperature, w = 28.0, 0.009
    mass = float(moisture.dry_air_mass(volume, temperature, w, pressure))
    stored = {"sensible": 0.0, "latent": 0.0}
    brought = taken = condensed = humidified = 0.0
    for k in range(120):
        dew_point = moist_air.dew_point_temperature(w, pressure)
        cold = coil.condensing_coil(4.0, temperature, w, dew_point, 1.6, 7.0, 4e3, 0.6, pressure)
        amount = 2e-3 * float(moisture.humidifier_command(w, 14.0, 4.0, pressure)) if k < 60 else 0.0
        made = (
            moisture.steam_humidifier(amount, 12.0, 0.95)
            if humidifier == "steam"
            else moisture.adiabatic_humidifier(amount, 6.5e6, 0.67)
        )
        moist = moisture.humidity_step(w, mass, leak, leak * outdoor_ratio, amount, cold.condensate_mass_flow, step)
        latent = moisture.latent_heat_flow(moist.removal)
        coil_heat = cold.sensible_heat_flow + latent
        assert_allclose(moisture.sensible_heat_flow(coil_heat, moist.removal), cold.sensible_heat_flow, rtol=1e-12)
        conductance = AIR_SPECIFIC_HEAT * leak
        sensible = power + made.sensible_heat_flow - cold.sensible_heat_flow + conductance * outdoor
        warmer = thermal.node_temperature(temperature, heat_capacity, conductance, sensible, step)
        stored["sensible"] += heat_capacity * (warmer - temperature)
        stored["latent"] += moisture.latent_energy(mass, moist.humidity_ratio, w)
        leaked = moisture.stream_heat_flow(leak, outdoor, outdoor_ratio, warmer, moist.humidity_ratio)
        brought += step * (power + made.power + made.feed_water_heat_flow + leaked)
        taken += step * coil_heat
        condensed += step * moist.removal
        humidified += step * amount
        temperature, w = warmer, moist.humidity_ratio
    assert min(condensed, humidified) > 0.0
    assert abs(stored["latent"]) > 1e3
    residual = brought - taken - stored["sensible"] - stored["latent"]
    assert abs(residual) < 1e-11 * brought


def test_latent_heat_is_the_evaporation_enthalpy_of_the_water():
    assert_allclose(moisture.latent_heat_flow(1e-3), 2501.0, rtol=1e-14)
    assert_allclose(moisture.sensible_heat_flow(10e3, 1e-3), 7499.0, rtol=1e-14)
    assert_allclose(moisture.latent_energy(500.0, 0.010, 0.008), 2501e3, rtol=1e-12)
    # beside the enthalpy of moist air the books lack the heat of the vapour by its temperature: 2 % of the latent heat
    books = moisture.stream_heat_flow(1.0, 30.0, 0.012, 24.0, 0.008)
    true = moist_air.enthalpy(30.0, 0.012) - moist_air.enthalpy(24.0, 0.008)
    assert_allclose(books, true, rtol=0.02)
    assert true > books


def test_setpoints_are_kept_above_the_dew_point():
    guarded = moisture.guarded_temperature(np.array([[12.0, 18.0]]), np.array([[13.0, 13.0]]))
    assert_allclose(guarded, [[15.0, 18.0]], rtol=1e-14)
    assert moisture.guarded_temperature(12.0, 13.0, 0.5) == 13.5
