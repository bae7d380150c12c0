import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import coil, cooling_tower, moist_air

PRESSURE = 101_325.0

# EnergyPlus 9.2 example CoolingTower_VariableSpeed_Merkel: design wet bulb 25.6 degC, range 5.5 K, approach 3.9 K,
# water 0.00109317 m3/s, air 0.56124 m3/s
WATER_FLOW = 0.00109317 * 995.6
AIR_FLOW = 0.56124 * 1.2
DESIGN_HEAT = WATER_FLOW * 4184.0 * 5.5

# the same run as published by Modelica Buildings: wet bulb and entering water [degC], water [kg/s], fan speed, heat [W]
SERIES = [
    (19.2, 32.63, 1.089, 0.3218, 11970.0),
    (18.54, 33.76, 1.089, 0.4107, 17130.0),
    (18.95, 33.62, 1.089, 0.4079, 16480.0),
    (18.29, 33.7, 1.089, 0.3998, 16860.0),
    (18.74, 33.31, 1.089, 0.3762, 15060.0),
    (21.06, 32.39, 1.089, 0.3388, 10870.0),
    (23.62, 34.34, 1.089, 0.6359, 19750.0),
    (23.9, 36.64, 1.089, 0.6589, 25390.0),
    (24.1, 36.5, 1.089, 0.6811, 25390.0),
    (24.26, 36.82, 1.089, 0.6632, 25390.0),
    (24.75, 37.24, 1.089, 0.656, 25390.0),
    (24.55, 37.09, 1.089, 0.657, 25390.0),
]


def design_conductance():
    return cooling_tower.size_conductance(DESIGN_HEAT, 25.6, 3.9, 5.5, AIR_FLOW, PRESSURE)


def energyplus_heat(rows):
    wet_bulb, entering, water, speed, heat = np.array(rows).T
    conductance = cooling_tower.merkel_conductance(speed, water / WATER_FLOW, wet_bulb, design_conductance(), 25.6)
    ours, _ = cooling_tower.merkel_heat_flow(entering, water, wet_bulb, PRESSURE, AIR_FLOW * speed, conductance)
    return ours / heat - 1.0


# --- YorkCalc -------------------------------------------------------------------------------------------------------


def test_york_approach_equals_modelica_buildings():
    # Correlations.Examples.YorkCalc (2015): range 5.56 K, 25.55 degC; water ratio 0.25 to 1.25, then air ratio
    ratio = np.array([0.25, 0.5, 0.75, 1.0, 1.25])
    by_water = [0.21022135, 1.42218983, 2.63362098, 3.84451509, 5.05487156]
    by_air = [18.33333588, 8.68271828, 5.45820475, 3.84451509, 2.87584281]
    approach = cooling_tower.york_approach_temperature_difference
    assert_allclose(approach(5.56, 25.55, ratio), by_water, atol=1e-6)
    assert_allclose(approach(5.56, 25.55, 1.0 / ratio), by_air, atol=1.5e-6)


def test_york_approach_grows_in_the_cold():
    wet_bulb = np.array([-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0])
    approach = cooling_tower.york_approach_temperature_difference(5.56, wet_bulb, 1.0)
    assert_allclose(approach, [13.11, 11.16, 9.38, 7.77, 6.33, 5.06, 3.96], atol=6e-3)


# EnergyPlus and Modelica Buildings, in their order: liquid-to-gas ratio slowest, then range, then wet bulb
YORK = """
    -0.359741205 -0.055053608 0.0023850432 0.173926877 -0.0248473764 0.00048430224 -0.005589849456
    0.0005770079712 -0.00001342427256 2.84765801111111 -0.121765149 0.0014599242 1.680428651 -0.0166920786
    -0.0007190532 -0.025485194448 0.0000487491696 0.00002719234152 -0.0653766255555556 -0.002278167
    0.0002500254 -0.0910565458 0.00318176316 0.000038621772 -0.0034285382352 0.00000856589904 -0.000001516821552
"""


@given(st.floats(1.1, 22.2), st.floats(-34.4, 26.7), st.floats(0.25, 8.0))
def test_york_approach_equals_the_polynomial_of_its_27_coefficients(range_, wet_bulb, ratio):
    coefficients = np.array(YORK.split(), float).reshape(3, 3, 3)
    expected = np.polynomial.polynomial.polyval3d(ratio, range_, wet_bulb, coefficients)
    approach = cooling_tower.york_approach_temperature_difference(range_, wet_bulb, ratio)
    assert_allclose(approach, expected, rtol=1e-9, atol=1e-9)


def test_tower_of_fixed_approach_would_flatter_winters_by_5_to_9_kelvin():
    approach = cooling_tower.york_approach_temperature_difference(5.56, np.array([25.0, 10.0, 5.0, 0.0, -5.0]), 1.0)
    assert_allclose((approach - approach[0])[2:], [5.42, 7.20, 9.15], atol=0.01)


def test_york_water_ratio_of_the_design_approach():
    # an approach of 3.89 K belongs to a water ratio of 1.00939
    assert_allclose(cooling_tower.york_approach_temperature_difference(5.56, 25.55, 1.00939), 3.89, atol=2.5e-5)


# --- Merkel ---------------------------------------------------------------------------------------------------------


def test_design_point_of_the_energyplus_tower():
    conductance = design_conductance()
    assert_allclose(conductance, 1713.0, atol=0.5)
    heat, leaving = cooling_tower.merkel_heat_flow(35.0, WATER_FLOW, 25.6, PRESSURE, AIR_FLOW, conductance)
    assert_allclose(heat, DESIGN_HEAT, rtol=1e-9)
    specific_heat = cooling_tower.equivalent_specific_heat(25.6, leaving, PRESSURE)
    rates = AIR_FLOW * specific_heat, WATER_FLOW * 4184.0
    ratio, ntu = min(rates) / max(rates), conductance * specific_heat / 1006.0 / min(rates)
    assert_allclose(ntu, 2.528, atol=2e-3)
    assert_allclose(ratio, 0.7514, atol=2e-4)
    assert_allclose(coil.counterflow_effectiveness(ntu, ratio), 0.7787, atol=2e-4)


def test_heat_is_near_the_energyplus_series():
    # all 1029 running minutes: mean -0.8 %, standard deviation 0.4 %, worst -1.7 %
    error = energyplus_heat(SERIES)
    assert_allclose(error.mean(), -0.0075, atol=2.5e-3)
    assert error.std() < 5e-3
    assert np.abs(error).max() < 0.017


def converged(entering, water, wet_bulb, pressure, air, conductance):
    """Heat flow by many plain rounds."""
    leaving = wet_bulb + 0.7 * (entering - wet_bulb)
    for _ in range(80):
        specific_heat = cooling_tower.equivalent_specific_heat(wet_bulb, leaving, pressure)
        rates = air * specific_heat, water * 4184.0
        smaller, larger = np.minimum(*rates), np.maximum(*rates)
        ntu = conductance * specific_heat / 1006.0 / smaller
        heat = coil.counterflow_effectiveness(ntu, smaller / larger) * smaller * (entering - wet_bulb)
        leaving = wet_bulb + heat / rates[0]
    return heat, leaving


def test_rounds_are_enough():
    rng = np.random.default_rng(1)
    count = 20_000
    wet_bulb = rng.uniform(-15.0, 30.0, count)
    entering = wet_bulb + rng.uniform(0.5, 25.0, count)
    air, water = rng.uniform(0.1, 1.0, count), rng.uniform(0.3, 1.0, count)
    pressure = rng.uniform(80e3, 102e3, count)
    conductance = cooling_tower.merkel_conductance(air, water, wet_bulb, 1713.0, 25.6)
    arguments = entering, WATER_FLOW * water, wet_bulb, pressure, AIR_FLOW * air, conductance
    heat, leaving = cooling_tower.merkel_heat_flow(*arguments)
    expected_heat, expected_leaving = converged(*arguments)
    assert_allclose(heat, expected_heat, rtol=3e-4)
    assert np.mean(np.abs(heat / expected_heat - 1.0)) < 2e-5
    assert_allclose(leaving, expected_leaving, atol=5e-3)


@given(st.floats(-10.0, 28.0), st.floats(0.0, 20.0), st.floats(0.0, 1.0), st.floats(0.3, 1.0))
def test_heat_is_within_what_either_fluid_can_carry(wet_bulb, difference, air, water):
    conductance = cooling_tower.merkel_conductance(air, water, wet_bulb, 1713.0, 25.6)
    heat, leaving = cooling_tower.merkel_heat_flow(
        wet_bulb + difference, WATER_FLOW * water, wet_bulb, PRESSURE, AIR_FLOW * air, conductance
    )
    assert 0.0 <= heat <= WATER_FLOW * water * 4184.0 * difference + 1e-9
    assert wet_bulb - 1e-9 <= leaving <= wet_bulb + difference + 0.06


@given(st.floats(-10.0, 28.0), st.floats(1.0, 20.0), st.floats(0.1, 0.95), st.floats(0.3, 0.95))
def test_more_air_or_hotter_water_or_drier_air_never_takes_less_heat(wet_bulb, difference, air, water):
    def heat(wet_bulb, entering, air):
        conductance = cooling_tower.merkel_conductance(air, water, wet_bulb, 1713.0, 25.6)
        return cooling_tower.merkel_heat_flow(
            entering, WATER_FLOW * water, wet_bulb, PRESSURE, AIR_FLOW * air, conductance
        )[0]

    entering = wet_bulb + difference
    here = heat(wet_bulb, entering, air)
    assert heat(wet_bulb, entering, air + 0.05) >= here
    assert heat(wet_bulb, entering + 1.0, air) >= here
    assert heat(wet_bulb - 1.0, entering, air) >= here * (1.0 - 1e-3)


def test_tower_without_air_or_without_difference_moves_nothing():
    conductance = cooling_tower.merkel_conductance(0.0, 1.0, 20.0, 1713.0, 25.6)
    heat, _ = cooling_tower.merkel_heat_flow(30.0, WATER_FLOW, 20.0, PRESSURE, 0.0, conductance)
    assert 0.0 <= heat < 1.0
    heat, leaving = cooling_tower.merkel_heat_flow(20.0, WATER_FLOW, 20.0, PRESSURE, AIR_FLOW, 1713.0)
    assert heat == 0.0
    assert_allclose(leaving, 20.0, rtol=1e-15)


def test_conductance_factors_at_design_and_at_their_edges():
    conductance = cooling_tower.merkel_conductance
    # 0.1082 + 1.667 - 0.7713 = 1.0039 at design flow
    assert_allclose(conductance(1.0, 1.0, 25.6, 1.0, 25.6), 1.0039, atol=1e-12)
    assert_allclose(conductance(1.0, 1.0, 15.6, 1.0, 25.6), 1.0039 * 1.081, rtol=1e-12)
    # at half of each flow: 1.3 x - 0.3 x^2 = 0.575 of the air, 0.1082 + 1.667 x - 0.7713 x^2 = 0.748875 of the water
    assert_allclose(conductance(0.5, 1.0, 25.6, 1.0, 25.6), 1.0039 * 0.575, rtol=1e-12)
    assert_allclose(conductance(1.0, 0.5, 25.6, 1.0, 25.6), 0.748875, rtol=1e-12)
    # and at the ends of the range of wet bulbs, 25 K below design and 10 K above
    assert_allclose(
        conductance(1.0, 1.0, np.array([0.6, 35.6]), 1.0, 25.6), 1.0039 * np.array([1.2025, 0.919]), rtol=1e-12
    )
    assert conductance(1.0, 1.0, 40.0, 1.0, 25.6) == conductance(1.0, 1.0, 35.6, 1.0, 25.6)
    assert conductance(0.1, 1.0, 25.6, 1.0, 25.6) == conductance(0.2, 1.0, 25.6, 1.0, 25.6)
    assert conductance(1.0, 1.0, -40.0, 1.0, 25.6) == conductance(1.0, 1.0, 0.6, 1.0, 25.6)


def test_impossible_design_point_is_refused():
    with pytest.raises(ValueError, match=r"cannot take .* W from water"):
        cooling_tower.size_conductance(1e6, 25.6, 3.9, 5.5, 1.0, PRESSURE)


# --- fan ------------------------------------------------------------------------------------------------------------


def test_fan_power_passes_the_published_table():
    flow = np.arange(0.0, 1.01, 0.1)
    table = [0.0, 0.02098, 0.02784, 0.04647, 0.08273, 0.14252, 0.23171, 0.35618, 0.52182, 0.73450, 1.0]
    assert_allclose(cooling_tower.fan_power_fraction(flow), table, atol=1e-12)


def test_fan_power_is_convex_above_the_lowest_speeds_and_meets_the_standard():
    power = cooling_tower.fan_power_fraction(np.linspace(0.1, 1.0, 901))
    assert np.all(np.diff(power) > 0.0)
    assert np.all(np.diff(power, 2) > -1e-12)
    # ASHRAE 90.1: at most 30 % of design power at 50 % flow
    assert cooling_tower.fan_power_fraction(0.5) <= 0.30


def test_free_convection_holds_the_air_flow_up():
    assert_allclose(cooling_tower.free_convection_fraction(np.array([0.0, 0.5])), [0.125, 0.5])


# --- water ----------------------------------------------------------------------------------------------------------

# dry bulb, relative humidity, water / air, range -> % of flow per K, kg per kWh, and Qureshi-Zubair % per K.
# Saturated outlet, found by bisection with psychrolib 2.5.0.
EVAPORATION = [
    (30.0, 0.50, 1.2, 5.56, 0.173, 1.488, 0.157),
    (20.0, 0.60, 1.2, 5.56, 0.1434, 1.2335, 0.140),
    (35.0, 0.30, 1.2, 5.56, 0.205, 1.768, 0.167),
    (10.0, 0.70, 1.2, 5.56, 0.116, 0.999, 0.123),
    (25.0, 0.50, 1.0, 6.00, 0.166, 1.426, None),
]


@pytest.mark.parametrize("case", EVAPORATION)
def test_evaporation_from_the_air_side(case):
    dry_bulb, humidity, ratio, difference, percent, per_kwh, empirical = case
    entering = moist_air.humidity_ratio(dry_bulb, humidity, PRESSURE)
    heat = ratio * 4184.0 * difference
    water = cooling_tower.evaporation_from_heat_flow(1.0, heat, dry_bulb, entering, PRESSURE)
    assert_allclose(100.0 * water / (ratio * difference), percent, atol=6e-4)
    assert_allclose(3.6e6 * water / heat, per_kwh, atol=6e-4)
    if empirical is not None:
        fraction = cooling_tower.qureshi_zubair_evaporation_fraction(dry_bulb, humidity)
        assert_allclose(100.0 * fraction, empirical, atol=6e-4)


@given(st.floats(5.0, 35.0), st.floats(0.2, 0.9), st.floats(0.5, 2.0))
def test_both_forms_of_evaporation_agree_through_the_leaving_air(dry_bulb, humidity, scale):
    entering = moist_air.humidity_ratio(dry_bulb, humidity, PRESSURE)
    heat = scale * 2e4
    leaving = moist_air.saturation_temperature(moist_air.enthalpy(dry_bulb, entering) + heat, PRESSURE)
    assert_allclose(
        cooling_tower.evaporation_mass_flow(1.0, leaving, entering, PRESSURE),
        cooling_tower.evaporation_from_heat_flow(1.0, heat, dry_bulb, entering, PRESSURE),
        rtol=1e-9,
    )


def test_evaporation_stays_near_the_latent_bound_except_in_dry_heat():
    # all of the heat as latent heat: 3600 / 2430 = 1.48 kg/kWh; more where the air is cooled as well
    bound = 3600.0 / 2430.0
    assert_allclose(bound, 1.48, atol=5e-3)
    per_kwh = {case[0]: case[5] for case in EVAPORATION}
    assert per_kwh[35.0] > bound > per_kwh[25.0] > per_kwh[20.0] > per_kwh[10.0]
    for dry_bulb, humidity, exceeds in (
        (35.0, 0.30, True),
        (40.0, 0.10, True),
        (20.0, 0.60, False),
        (5.0, 0.80, False),
    ):
        entering = moist_air.humidity_ratio(dry_bulb, humidity, PRESSURE)
        water = cooling_tower.evaporation_from_heat_flow(1.0, 25e3, dry_bulb, entering, PRESSURE)
        assert (3.6e6 * water / 25e3 > bound) == exceeds


@given(st.floats(0.01, 20.0), st.floats(1.0, 1000.0), st.floats(0.0, 5e-4), st.floats(1.5, 15.0))
def test_water_and_what_is_dissolved_in_it_balance(evaporation, water, drift_fraction, cycles):
    makeup = cooling_tower.makeup_mass_flow(evaporation, water, drift_fraction, cycles)
    drift = drift_fraction * water
    blowdown = makeup - evaporation - drift
    assert blowdown >= 0.0
    if evaporation / (cycles - 1.0) > drift + 1e-3:
        # make-up brings what drift and blowdown carry off at the concentration of the basin
        assert_allclose(makeup, cycles * (drift + blowdown), rtol=1e-3)


def test_make_up_of_a_typical_tower():
    # 3 kg/s evaporated, 4 cycles, 0.005 % drift of 400 kg/s: 3 + 0.02 + (1 - 0.02)
    assert_allclose(cooling_tower.makeup_mass_flow(3.0, 400.0, 5e-5, 4.0), 4.0, atol=1e-9)
