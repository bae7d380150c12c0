import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import coil, moist_air, valve
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, VAPOR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT

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


def test_films_grow_with_flow_and_water_temperature_as_published():
    # LBNL-42355: 0.85th power of the water flow, 0.8th of the air flow; 1 + 0.014 / (1 + 0.014 T_0) (T - T_0)
    assert (coil.WATER_EXPONENT, coil.AIR_EXPONENT) == (0.85, 0.8)
    assert_allclose(coil.water_film_factor(40.0, 20.0), 1.0 + 0.014 / 1.28 * 20.0, rtol=1e-12)
    assert coil.water_film_factor(7.0, 7.0) == 1.0
    air, water = coil.film_conductances(0.5, 0.5, 6e3, 0.6)
    assert_allclose([air, water], [1e4 * 0.5**0.8, 1.5e4 * 0.5**0.85], rtol=1e-12)
    assert_allclose(1.0 / (1.0 / air + 1.0 / water), coil.coil_conductance(0.5, 0.5, 6e3, 0.6), rtol=1e-12)
    # warm water: one film only is better
    warm = coil.coil_conductance(1.0, 1.0, 6e3, 0.6, water_factor=coil.water_film_factor(40.0, 20.0))
    assert_allclose(warm, 1.0 / (0.6 / 6e3 + 0.4 / 6e3 / 1.21875), rtol=1e-12)


def test_valve_has_the_published_defaults():
    # Modelica Buildings, TwoWayEqualPercentage: rangeability 50, leakage 1e-4, straight below 0.01
    assert (valve.RANGEABILITY, valve.LEAKAGE, valve.LINEAR_STRETCH) == (50.0, 1e-4, 0.01)
    assert_allclose(
        valve.equal_percentage_characteristic(np.array([0.25, 0.5, 0.75])),
        50.0 ** np.array([-0.75, -0.5, -0.25]),
        rtol=1e-12,
    )


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


def test_wet_coil_equals_another_writing_of_the_enthalpy_method():
    # two independent scripts of the same equations (Braun, Mitchell): 87 774 W, 13.561 degC; 11.091, 13.547 degC
    result = mitchell_braun(0.01765)
    assert_allclose(result.heat_flow, 87_774.0, rtol=1e-4)
    assert_allclose(result.air_leaving_temperature, 13.561, atol=1.5e-3)
    result = mitchell_braun(0.017605)
    assert_allclose(result.water_leaving_temperature, 11.091, atol=3e-3)
    assert_allclose(result.air_leaving_temperature, 13.547, atol=1.5e-3)


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


# --- partly wet coils -------------------------------------------------------------------------------------------------


def condensing(air, temperature, ratio, water, water_temperature, conductance, share=0.6, pressure=101_325.0):
    dew_point = moist_air.dew_point_temperature(ratio, pressure)
    return coil.condensing_coil(
        air, temperature, ratio, dew_point, water, water_temperature, conductance, share, pressure
    )


def mitchell_braun_condensing(ratio):
    return condensing(2.646 / (1.0 + ratio), 26.667, ratio, 3.78, 5.556, 4748.0)


def test_condensing_coil_that_stays_dry_equals_modelica_buildings():
    result = mitchell_braun_condensing(0.0035383)
    assert_allclose(result.heat_flow, 45_251.54, atol=0.5)
    assert_allclose(result.air_leaving_temperature, 9.717, atol=1e-3)
    assert result.condensate_mass_flow == 0.0
    assert result.dry_share == 1.0


def test_condensing_coil_that_is_wet_equals_modelica_buildings_and_the_textbook():
    # as above: WetCoilEffectivenessNTU (2021) and Mitchell and Braun, SM-2-1
    result = mitchell_braun_condensing(0.01765)
    assert_allclose(result.heat_flow, 87_588.5, rtol=3e-3)
    assert_allclose(result.air_leaving_temperature, 13.561, atol=4e-3)
    assert result.dry_share < 1e-9
    result = mitchell_braun_condensing(0.017605)
    assert_allclose(result.water_leaving_temperature, 11.0678, atol=0.03)
    assert_allclose(result.air_leaving_temperature, 13.5805, atol=0.035)


def local_solution(*drawn):
    """Heat, condensate and leaving air of counterflow coils, extrapolated from 40 and 80 cells to infinitely many."""
    few, many = cell_by_cell(*drawn, cells=40), cell_by_cell(*drawn, cells=80)
    return [2.0 * m - f for m, f in zip(many, few, strict=True)]


def cell_by_cell(air, temperature, ratio, water, water_temperature, conductance, share, pressure, cells):
    """Coils in cells, each with the surface temperature that balances films and condensation: of first order.

    Film of mass transfer by Lewis number 1. The leaving water is found by bisection until the entering water is right.
    """
    specific_heat = AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio
    air_film, water_film = conductance / share, conductance / (1.0 - share)
    met = 1.0 - np.exp(-air_film / (air * specific_heat) / cells)

    def entering_water(leaving_water):
        t, w, t_water = temperature.copy(), ratio.copy(), leaving_water.copy()
        for _ in range(cells):
            surface = (air_film * t + water_film * t_water) / (air_film + water_film)
            for _ in range(6):  # Newton
                saturated = moist_air.saturation_humidity_ratio(surface, pressure)
                slope = (moist_air.saturation_humidity_ratio(surface + 1e-4, pressure) - saturated) / 1e-4
                wet = np.where(w > saturated, 2.501e6 * air_film / specific_heat, 0.0)
                balance = air_film * (t - surface) + wet * (w - saturated) - water_film * (surface - t_water)
                surface = surface + balance / (air_film + water_film + wet * slope)
            before = moist_air.enthalpy(t, w)
            w = w - met * np.maximum(w - moist_air.saturation_humidity_ratio(surface, pressure), 0.0)
            t = t - met * (t - surface)
            t_water = t_water - air * (before - moist_air.enthalpy(t, w)) / (water * WATER_SPECIFIC_HEAT)
        return t_water, t, w

    low, high = water_temperature.copy(), temperature.copy()
    for _ in range(26):
        middle = 0.5 * (low + high)
        is_warm = entering_water(middle)[0] > water_temperature
        low, high = np.where(is_warm, low, middle), np.where(is_warm, middle, high)
    _, t, w = entering_water(middle)
    heat = air * (moist_air.enthalpy(temperature, ratio) - moist_air.enthalpy(t, w))
    return heat, air * (ratio - w), t


def coils(count, seed=7):
    """A wide draw of coils, most of them throttled, with air of 20 to 42 degC and water of 4 to 16 degC."""
    rng = np.random.default_rng(seed)
    pressure = rng.uniform(80e3, 104e3, count)
    temperature, water_temperature = rng.uniform(20.0, 42.0, count), rng.uniform(4.0, 16.0, count)
    saturated = moist_air.saturation_humidity_ratio(temperature, pressure)
    ratio = np.minimum(rng.uniform(0.005, 0.018, count), 0.9 * saturated)
    rates = 10.0 ** rng.uniform(-1.0, 0.9, count)  # water over air
    conductance = rng.uniform(0.3, 4.0, count) * 1020.0 * np.minimum(1.0, rates)
    share = rng.uniform(0.4, 0.8, count)
    return (
        np.ones(count), temperature, ratio, rates * 1020.0 / WATER_SPECIFIC_HEAT, water_temperature, conductance, share, pressure
    )  # fmt: skip


def test_condensing_coils_follow_their_local_solution():
    drawn = coils(120)
    heat, condensate, leaving = local_solution(*drawn)
    result = condensing(*drawn)
    is_wet = condensate > 0.0
    is_part = is_wet & (result.dry_share > 0.02)
    assert (is_part.sum() > 30) & ((is_wet & ~is_part).sum() > 3) & ((~is_wet).sum() > 20)
    error = result.heat_flow / heat - 1.0
    latent_error = 2.501e6 * (result.condensate_mass_flow - condensate) / heat
    assert np.abs(error[~is_wet]).max() < 3e-4
    assert np.sqrt(np.mean(error[is_wet] ** 2)) < 0.02
    assert np.sqrt(np.mean(latent_error[is_wet] ** 2)) < 0.015
    assert np.abs(error[is_part]).max() < 0.06
    assert np.abs(latent_error[is_part]).max() < 0.04
    assert np.all(result.condensate_mass_flow[~is_wet] < 1e-7)
    assert_allclose(result.air_leaving_temperature[~is_wet], leaving[~is_wet], atol=6e-3)
    assert_allclose(result.air_leaving_temperature[is_part], leaving[is_part], atol=0.5)


def test_greater_of_dry_and_wet_misses_the_condensation_of_a_throttled_coil():
    # legacy chilled water, a third of the flow that would balance the air, 13 g/kg: 6 % of the heat is latent
    drawn = [np.array([x]) for x in (1.0, 30.0, 0.013, 0.0731, 6.67, 900.0, 0.6, 101_325.0)]
    heat, condensate, _ = local_solution(*drawn)
    assert 0.05 < 2.501e6 * condensate / heat < 0.07
    result = condensing(*drawn)
    assert_allclose(result.heat_flow, heat, rtol=5e-3)
    assert_allclose(result.condensate_mass_flow, condensate, rtol=0.18)
    either = coil.wet_coil(*drawn)
    leaving = moist_air.enthalpy(30.0, 0.013) - either.heat_flow
    vapor_enthalpy = 2.501e6 + VAPOR_SPECIFIC_HEAT * either.air_leaving_temperature
    out = (leaving - AIR_SPECIFIC_HEAT * either.air_leaving_temperature) / vapor_enthalpy
    assert 0.013 - out < 0.01 * condensate


def test_condensing_coils_have_converged(monkeypatch):
    drawn = coils(20_000)
    few = condensing(*drawn)
    monkeypatch.setattr(coil, "BOUNDARY_ROUNDS", 40)
    monkeypatch.setattr(coil, "CONDENSING_ROUNDS", 40)
    error = np.abs(few.heat_flow / condensing(*drawn).heat_flow - 1.0)
    assert error.max() < 2e-3
    assert np.quantile(error, 0.999) < 7e-4


@given(
    st.floats(15.0, 42.0),
    st.floats(0.05, 0.98),
    st.floats(2.0, 40.0),
    st.floats(-4.0, 0.5),
    st.floats(1.0, 4.0),
    st.floats(0.2, 0.9),
)
def test_condensing_coil_keeps_books_of_energy_and_water(temperature, humidity, water_temperature, flow, size, share):
    ratio = moist_air.humidity_ratio(temperature, humidity, 101_325.0)
    water = 10.0**flow
    result = condensing(1.2, temperature, ratio, water, water_temperature, 10.0**size, share)
    lost = moist_air.enthalpy(temperature, ratio) - moist_air.enthalpy(
        result.air_leaving_temperature, result.air_leaving_humidity_ratio
    )
    assert_allclose(1.2 * lost, result.heat_flow, rtol=1e-9, atol=1e-7)
    assert_allclose(1.2 * (ratio - result.air_leaving_humidity_ratio), result.condensate_mass_flow, atol=1e-15)
    assert_allclose(result.sensible_heat_flow + result.latent_heat_flow, result.heat_flow, rtol=1e-12)
    rise = result.water_leaving_temperature - water_temperature
    assert_allclose(water * WATER_SPECIFIC_HEAT * rise, result.heat_flow, rtol=1e-9, atol=1e-7)
    assert result.condensate_mass_flow >= 0.0
    coldest, warmest = min(temperature, water_temperature), max(temperature, water_temperature)
    for leaving in (result.air_leaving_temperature, result.water_leaving_temperature):
        assert coldest - 1e-6 <= leaving <= warmest + 1e-6
    # condensation never makes a coil move less heat than it would dry
    dry_rate = 1.2 * (AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * ratio)
    duty = coil.air_side_duty(dry_rate, water * WATER_SPECIFIC_HEAT, 10.0**size)
    dry = dry_rate * duty * (temperature - water_temperature)
    if temperature > water_temperature:
        assert result.heat_flow >= dry * (1.0 - 2e-3) - 1e-6
    if result.dry_share == 1.0:
        assert_allclose(result.heat_flow, dry, rtol=1e-9)
        assert_allclose(result.air_duty, duty, rtol=1e-12)
    elif temperature - water_temperature > 0.01:
        drop = temperature - result.air_leaving_temperature
        assert_allclose(result.air_duty * (temperature - water_temperature), drop, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("flow", [0.05, 0.1, 0.3])
def test_moister_air_gives_more_heat_and_condensation_sets_in_gently(flow):
    ratio = np.linspace(0.005, 0.018, 1301)
    result = condensing(1.0, 28.0, ratio, flow, 6.67, 900.0)
    assert result.dry_share[0] == 1.0
    assert result.dry_share[-1] < 0.8
    assert np.all(np.diff(result.heat_flow) > 0.0)
    caught = np.diff(result.condensate_mass_flow) / np.diff(ratio)  # of each further kilogram
    assert np.all((caught >= -1e-9) & (caught < 1.0))
    onset = np.flatnonzero(result.condensate_mass_flow > 0.0)[0]
    assert caught[onset] < 0.08 * caught.max()
    assert np.abs(np.diff(caught)).max() < 0.03


def test_condensing_coil_without_air_or_water_moves_next_to_nothing():
    for air, water, conductance in ((0.0, 1.0, 900.0), (1.0, 0.0, 900.0), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0)):
        result = condensing(air, 28.0, 0.013, water, 7.0, conductance)
        assert all(np.isfinite(value) for value in result)
        assert 0.0 <= result.heat_flow < 0.05


def test_condensing_coil_of_warm_water_warms_the_air_and_dries_nothing():
    result = condensing(1.0, 20.0, 0.010, 0.5, 35.0, 900.0)
    assert result.heat_flow < -5e3
    assert result.condensate_mass_flow == 0.0
    assert 20.0 < result.air_leaving_temperature < 35.0
