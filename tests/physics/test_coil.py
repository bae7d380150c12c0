import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import coil, valve

ARRANGEMENTS = {
    "parallel": coil.parallel_flow_effectiveness,
    "counter": coil.counterflow_effectiveness,
    "cross, unmixed": coil.crossflow_unmixed_effectiveness,
    "cross, smaller mixed": coil.crossflow_smaller_mixed_effectiveness,
    "cross, larger mixed": coil.crossflow_larger_mixed_effectiveness,
}

# Modelica Buildings, HeatExchangers.BaseClasses.Examples.EpsilonNTUZ (2016), NTU at t = 0.25, 0.5, 0.75, 1.0 for
# Z = cos t and effectiveness 0.01 + 0.98 sin t / (1 + Z)
NTU = {
    "parallel": (0.15440399944782257, 0.3571764826774597, 0.6676766276359558, 1.189935326576233),
    "counter": (0.15322600305080414, 0.34441688656806946, 0.6033694744110107, 0.9554076194763184),
    "cross, unmixed": (0.16010399162769318, 0.3658040761947632, 0.646200954914093, 1.0252646207809448),
    "cross, smaller mixed": (0.15378959476947784, 0.350094199180603, 0.62844318151474, 1.0271536111831665),
    "cross, larger mixed": (0.15379029512405396, 0.350161075592041, 0.6297070980072021, 1.03872811794281),
}
NTU_PHASE_CHANGE = (0.1428801417350769, 0.3014228343963623, 0.5037739276885986, 0.7882855534553528)
TIME = np.array([0.25, 0.5, 0.75, 1.0])
CAPACITY_RATIO = np.cos(TIME)
EFFECTIVENESS = 0.01 + 0.98 * np.sin(TIME) / (1.0 + CAPACITY_RATIO)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_effectiveness_equals_modelica_buildings(name):
    # single-precision reference; the counterflow series is smoothed there around Z = 1
    tolerance = 3e-5 if name == "counter" else 1e-7
    assert_allclose(ARRANGEMENTS[name](np.array(NTU[name]), CAPACITY_RATIO), EFFECTIVENESS, atol=tolerance)


def test_phase_change_equals_modelica_buildings():
    assert_allclose(coil.phase_change_effectiveness(np.array(NTU_PHASE_CHANGE)), EFFECTIVENESS, atol=1e-7)


@pytest.mark.parametrize("law", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_limits_of_effectiveness(law):
    ratio = np.array([0.0, 0.3, 0.7, 1.0])
    # small exchangers move NTU, whatever the arrangement (the unmixed series only approximates that)
    approximate = law is coil.crossflow_unmixed_effectiveness
    assert_allclose(law(np.full(4, 1e-4), ratio), 1e-4, rtol=0.12 if approximate else 2e-4)
    assert_allclose(law(np.zeros(4), ratio), 0.0, atol=1e-15)
    # one side at constant temperature: all arrangements alike
    ntu = np.array([0.1, 1.0, 3.0])
    assert_allclose(law(ntu, np.zeros(3)), 1.0 - np.exp(-ntu), rtol=3e-6)


def test_counterflow_at_balanced_flow_and_at_infinite_size():
    ntu = np.array([0.1, 1.0, 4.0])
    assert_allclose(coil.counterflow_effectiveness(ntu, np.ones(3)), ntu / (1.0 + ntu), rtol=1e-5)
    assert_allclose(coil.counterflow_effectiveness(500.0, np.array([0.0, 0.5, 0.9])), 1.0, rtol=1e-12)


@given(st.floats(0.0, 20.0), st.floats(0.0, 1.0))
def test_effectiveness_is_a_share_and_counterflow_is_best(ntu, ratio):
    best = coil.counterflow_effectiveness(ntu, ratio)
    assert 0.0 <= best <= 1.0
    for law in ARRANGEMENTS.values():
        assert -1e-12 <= law(ntu, ratio) <= best + 2e-3  # the unmixed series is an approximation


# air in, out, water in, out -> effectiveness, NTU, W/K per kW; worked by hand to the digits given
DESIGNS = [
    (32.0, 20.0, 7.0, 13.0, 0.480, 0.76, 63.0),
    (35.0, 22.0, 14.0, 24.0, 0.619, 1.38, 106.0),
    (36.0, 24.0, 18.0, 28.0, 0.667, 1.73, 144.0),
    (38.0, 25.0, 20.0, 30.0, 0.722, 2.04, 157.0),
]


@pytest.mark.parametrize("design", DESIGNS)
def test_design_sizing(design):
    air_in, air_out, water_in, water_out, effectiveness, ntu, per_kilowatt = design
    air_rate, water_rate = 1000.0 / (air_in - air_out), 1000.0 / (water_out - water_in)
    smaller, larger = min(air_rate, water_rate), max(air_rate, water_rate)
    reached = 1000.0 / (smaller * (air_in - water_in))
    conductance = coil.counterflow_conductance(smaller, smaller / larger, reached)
    assert_allclose(reached, effectiveness, atol=6e-4)
    assert_allclose(conductance / smaller, ntu, atol=6e-3)
    assert_allclose(conductance, per_kilowatt, atol=0.6)
    duty = coil.air_side_duty(air_rate, water_rate, conductance)
    assert_allclose(duty * (air_in - water_in), air_in - air_out, rtol=1e-9)


def test_sizing_of_a_coolant_distribution_unit():
    # 1.3 MW, 50 -> 40 degC on one side, 36 degC in on the other; equal rates, then facility flow ratio 0.8
    rate = 1.3e6 / 10.0
    conductance = coil.counterflow_conductance(rate, 1.0, 10.0 / 14.0)
    assert_allclose(conductance, 325e3, rtol=1e-5)
    assert_allclose(conductance / rate, 2.50, atol=5e-3)
    smaller = 0.8 * rate
    reached = 1.3e6 / (smaller * 14.0)
    assert_allclose(reached, 0.893, atol=5e-4)
    assert_allclose(coil.counterflow_conductance(smaller, 0.8, reached) / smaller, 4.90, atol=6e-3)


@given(st.floats(0.0, 1.5), st.floats(0.0, 1.5), st.floats(0.05, 0.95))
def test_coil_conductance_is_that_of_two_films_in_series(air, water, share):
    conductance = coil.coil_conductance(air, water, 5e3, share)
    assert np.isfinite(conductance)
    if min(air, water) > 1e-3:
        expected = 5e3 / (share * air**-0.8 + (1.0 - share) * water**-0.85)
        assert_allclose(conductance, expected, rtol=1e-10)


def test_coil_conductance_at_nominal_flow():
    assert_allclose(coil.coil_conductance(1.0, 1.0, 4748.0, coil.AIR_RESISTANCE_SHARE), 4748.0, rtol=1e-14)


@given(st.floats(0.0, 3e4), st.floats(0.0, 3e4), st.floats(0.0, 1e5))
def test_duty_is_a_share_and_more_water_never_cools_less(air_rate, water_rate, conductance):
    duty = coil.air_side_duty(air_rate, np.array([water_rate, 1.1 * water_rate]), conductance)
    assert np.all((duty >= 0.0) & (duty <= 1.0 + 1e-12))
    assert duty[1] >= duty[0] - 1e-9


# Mitchell and Braun, SM-2-1: water 5.556 degC, 3.78 kg/s; moist air 26.667 degC, 2.646 kg/s; 4748 W/K
def mitchell_braun(ratio, share=coil.AIR_RESISTANCE_SHARE):
    return coil.wet_coil(2.646 / (1.0 + ratio), 26.667, ratio, 3.78, 5.556, 4748.0, share, 101325.0)


def test_dry_coil_equals_modelica_buildings():
    # WetCoilEffectivenessNTU (2021), w = 0.0035383: 45 252 W, 282.8675 K
    result = mitchell_braun(0.0035383)
    assert_allclose(result.heat_flow, 45_251.54, atol=0.5)
    assert_allclose(result.air_leaving_temperature, 9.717, atol=1e-3)
    assert result.wet_share < 1e-9


def test_wet_coil_equals_modelica_buildings_and_the_textbook():
    # WetCoilEffectivenessNTU (2021), w = 0.01765: 87 589 W, 13.561 degC
    result = mitchell_braun(0.01765)
    assert_allclose(result.heat_flow, 87_588.5, rtol=2.1e-3)
    assert_allclose(result.air_leaving_temperature, 13.561, atol=2e-3)
    assert result.wet_share > 1.0 - 1e-9
    # textbook, w = 0.017605: water leaves at 11.0678 degC, air at 13.5805 degC
    result = mitchell_braun(0.017605)
    assert_allclose(result.water_leaving_temperature, 11.0678, atol=0.03)
    assert_allclose(result.air_leaving_temperature, 13.5805, atol=0.035)


@pytest.mark.parametrize(
    ("share_of_sweep", "heat", "leaving", "tolerance"),
    [(0.25, 45_314.5, 11.351, 2e-3), (0.5, 57_923.5, 11.351, 0.011), (0.75, 72_965.0, 12.456, 5e-3)],
)
def test_partly_wet_coil_is_near_modelica_buildings(share_of_sweep, heat, leaving, tolerance):
    ratio = 0.0035383 + share_of_sweep * (0.01765 - 0.0035383)
    result = mitchell_braun(ratio)
    assert_allclose(result.heat_flow, heat, rtol=tolerance)
    if share_of_sweep >= 0.5:
        assert_allclose(result.air_leaving_temperature, leaving, atol=0.09)


def test_split_of_the_films_matters_when_wet():
    # film conductances in the ratio 1/2 instead of 2/3: 2.6 % off
    assert_allclose(mitchell_braun(0.01765, 2.0 / 3.0).heat_flow / mitchell_braun(0.01765).heat_flow, 1.026, atol=1e-3)


def test_wet_coil_has_converged(monkeypatch):
    few = mitchell_braun(np.array([0.007, 0.0105, 0.01765, 0.025])).heat_flow
    monkeypatch.setattr(coil, "WET_COIL_ROUNDS", 30)
    assert_allclose(few, mitchell_braun(np.array([0.007, 0.0105, 0.01765, 0.025])).heat_flow, rtol=1e-4)


@given(st.floats(0.001, 0.024), st.floats(0.001, 0.024))
def test_moister_air_never_gives_less_heat(a, b):
    heat = mitchell_braun(np.array(sorted((a, b)))).heat_flow
    assert heat[1] >= heat[0] * (1.0 - 5e-3)  # the moist flow is fixed here, so dry air falls by up to 1 %


def test_data_center_coil_with_warm_water_is_dry():
    result = coil.wet_coil(10.0, 35.0, 0.009, 3.0, 18.0, 8e3, 0.6, 101325.0)
    assert result.wet_share < 1e-6


def test_equal_percentage_valve_equals_modelica_buildings():
    # Actuators.Valves.Examples.TwoWayValves (2021): rangeability 10, leakage 0.05
    position = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    expected = [0.05000000074505806, 0.1778279393911362, 0.3162277638912201, 0.5623413324356079, 1.0]
    assert_allclose(valve.equal_percentage_characteristic(position, 10.0, 0.05), expected, rtol=1e-7)


def test_equal_percentage_valve_rises_without_a_jump():
    position = np.linspace(0.0, 1.0, 10_001)
    opening = valve.equal_percentage_characteristic(position)
    assert opening[0] == valve.LEAKAGE
    assert_allclose(opening[-1], 1.0, rtol=1e-15)
    assert np.all(np.diff(opening) > 0.0)
    assert np.diff(opening).max() < 5e-4


def test_installed_flow_of_a_valve_with_half_the_authority():
    opening = np.array([1e-4, 0.1, 0.5, 1.0])
    expected = 1.0 / np.sqrt(0.5 / opening**2 + 0.5)
    assert_allclose(valve.installed_flow_fraction(opening, 0.5), expected, rtol=1e-14)
    assert valve.installed_flow_fraction(0.0, 0.5) == 0.0
