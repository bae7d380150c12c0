import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from dcsim.physics import dx_coil, moist_air
from dcsim.physics.constants import AIR_SPECIFIC_HEAT, EVAPORATION_ENTHALPY, VAPOR_SPECIFIC_HEAT

SETS = dx_coil.CURVE_SETS
SINGLE = dx_coil.column(dx_coil.PART_LOAD["single-stage"][0])
INVERTER, INVERTER_MIN = dx_coil.column(dx_coil.PART_LOAD["inverter"][0]), dx_coil.PART_LOAD["inverter"][1]
SITE = 99_063.0  # Pa, standard atmosphere at the 190 m of Chicago, where EnergyPlus ran the two series below
# EnergyPlus rates the coil with air of 26.67 degC and 0.01125 kg/kg; its fan moves dry air of 20 degC
FLOW_FRACTION = (26.6667 + 273.15) * (1.0 + 1.6077687 * 0.01125) / 293.15
AIR_FLOW = 1.6759  # kg/s of dry air, from the enthalpies and heat flows of the series


def rows(*values):
    return [np.atleast_2d(np.asarray(v, dtype=float)) for v in values]


def full_load(curves, entering_wet_bulb, outdoor, flow=1.0):
    return dx_coil.full_load(*rows(entering_wet_bulb, outdoor, flow), dx_coil.columns(curves))


def test_curves_give_the_published_values_at_their_rating():
    # at 19.44 degC wet bulb and 35 degC: Curve II 0.9994 and 1.0009; both flow quadratics are 1 at rated flow
    capacity, eir = full_load(SETS["curve-ii"], 19.44, 35.0)
    assert_allclose(capacity, 0.9994, atol=5e-5)
    assert_allclose(eir, 1.0009, atol=5e-5)
    capacity, eir = full_load(SETS["carrier-50pg24"], 19.44, 35.0)
    assert_allclose(capacity, 1.0, atol=1e-3)
    assert_allclose(eir, 1.0, atol=2e-3)


def test_curves_are_those_of_their_sources():
    # Modelica Buildings, Data.SingleSpeed.Carrier_Centurion_50PG24
    carrier = SETS["carrier-50pg24"]
    assert carrier.capacity_curve == (0.5781158, 0.0405917, 0.0000113, -0.0095022, 0.0000001, -0.0000573)
    assert carrier.eir_curve == (0.5909553, -0.0496529, 0.0016569, 0.0397786, 0.0003938, -0.0016575)
    assert carrier.capacity_flow_curve == (0.8328798, 0.2403628, -0.0725624)
    assert carrier.eir_flow_curve == (1.0440554, -0.0701720, 0.0258826)
    assert (carrier.capacity_reference, carrier.cop_reference) == (73_810.8, 3.95)
    assert carrier.box == (12.22, 26.67, 15.56, 51.67, 0.75, 1.25)
    # PerformanceCurves.Curve_II, 12.8 to 23.9 and 18 to 46.1 degC
    second = SETS["curve-ii"]
    assert second.capacity_curve == (0.766956, 0.0107756, -0.0000414703, 0.00134961, -0.000261144, 0.000457488)
    assert second.eir_curve == (0.297145, 0.0430933, -0.000748766, 0.00597727, 0.000482112, -0.000956448)
    assert second.capacity_flow_curve == (0.8, 0.2, 0.0)
    assert_allclose(second.box[:4], (12.8, 23.9, 18.0, 46.1), atol=0.05)
    # EnergyPlus has the flow curve of the energy input as 1.156 - 0.1816 x + 0.0256 x^2 elsewhere: the same to 4e-4
    flow = np.linspace(0.5, 1.5, 11)
    elsewhere = 1.156 - 0.1816 * flow + 0.0256 * flow**2
    _, ratio = full_load(second, 19.44, 35.0, flow)
    _, rated = full_load(second, 19.44, 35.0, 1.0)
    assert_allclose(ratio / rated, elsewhere[None], atol=4.1e-4)


def test_arguments_outside_the_box_are_taken_at_its_edge():
    for curves in SETS.values():
        box = curves.box
        outside = full_load(curves, [box[0] - 5.0, box[1] + 5.0], [box[2] - 30.0, box[3] + 9.0], [0.1, 2.0])
        edge = full_load(curves, [box[0], box[1]], [box[2], box[3]], [box[4], box[5]])
        assert_allclose(outside, edge, rtol=1e-14)
        assert np.all(np.array(edge) > 0.3)


@pytest.mark.parametrize("name", SETS)
def test_heat_outdoors_costs_power_everywhere_in_the_box_and_capacity_in_summer(name):
    curves = SETS[name]
    outdoor = np.linspace(curves.box[2], curves.box[3], 40)
    summer = outdoor[1:] > 25.0  # Curve II has its greatest capacity at 20 to 24 degC, up to 0.7 % above that at 18
    for wet_bulb in np.linspace(curves.box[0], curves.box[1], 15):
        capacity, eir = full_load(curves, wet_bulb, outdoor)
        assert np.all(np.diff(capacity)[:, summer] < 0.0)
        assert np.all(capacity < 1.0071 * capacity[:, :1])
        assert np.all(np.diff(eir) > 0.0)
        assert np.all(np.diff(capacity * eir) > 0.0)


@pytest.mark.parametrize("name", SETS)
def test_moister_air_and_more_air_give_more_capacity(name):
    curves = SETS[name]
    wet_bulb = np.linspace(curves.box[0], curves.box[1], 40)
    flow = np.linspace(curves.box[4], curves.box[5], 40)
    for outdoor in (20.0, 35.0, 45.0):
        assert np.all(np.diff(full_load(curves, wet_bulb, outdoor)[0]) > 0.0)
        assert np.all(np.diff(full_load(curves, 19.0, outdoor, flow)[0]) > 0.0)
        assert np.all(np.diff(full_load(curves, 19.0, outdoor, flow)[1]) < 0.0)


# --- surface and bypass ---------------------------------------------------------------------------------------------


def test_bypass_factor_equals_that_of_energyplus():
    # EnergyPlus, tst/EnergyPlus/unit/DXCoils.unit.cc, TestReadingCoilCoolingHeatingDX ... ValidateADP: 25 kW, 1.3 m3/s,
    # sensible heat ratio 0.747472 -> 0.1012203, where its search for the dew point stops at 0.1 % of the line's slope
    volume = 287.0 * (26.6667 + 273.15) * (1.0 + 1.6077687 * 0.01125) / 101_325.0
    flow = 1.3 / volume
    bypass = dx_coil.bypass_factor(flow, dx_coil.size_surface(25_000.0, 0.747472, flow))
    assert_allclose(bypass, 0.1012203, atol=2e-3)


@given(st.floats(0.66, 0.97), st.floats(9e3, 15e3))
def test_a_sized_coil_has_its_rated_sensible_heat_ratio(ratio, heat_per_air):
    capacity, flow = 50e3, 50e3 / heat_per_air
    try:
        surface = dx_coil.size_surface(capacity, ratio, flow)
    except ValueError:
        return
    air = dx_coil.leaving_air(
        flow, 26.6667, 0.01125, capacity, 1.0, dx_coil.bypass_factor(flow, surface), dx_coil.STANDARD_PRESSURE
    )
    latent = air.condensate_mass_flow * (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * 26.6667)
    assert_allclose(1.0 - latent / capacity, ratio, rtol=1e-9)


def test_a_coil_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"sensible heat ratio of 0\.5"):
        dx_coil.size_surface(50e3, 0.5, 4.0)
    with pytest.raises(ValueError, match="more air"):
        dx_coil.size_surface(50e3, 0.8, 1.0)


def test_bypass_goes_from_nothing_to_all_with_the_flow():
    bypass = dx_coil.bypass_factor(np.array([0.0, 0.01, 1.0, 2.0, 1e6]), 2.0)
    assert_allclose(bypass, [0.0, 0.0, np.exp(-2.0), np.exp(-1.0), 1.0], atol=3e-6)


# --- against EnergyPlus ---------------------------------------------------------------------------------------------


@pytest.fixture
def hours():
    """EnergyPlus 7.1, DXCoilSystemAuto with 10.5 kW: the ten hours in which the coil runs at full load."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no EnergyPlus series to compare with")
    with (Path(folder) / "modelica_ref" / "energyplus" / "dx_singlespeed_hourly.csv").open() as file:
        table = [row for row in csv.DictReader(file) if float(row["plr_onOff"]) > 0.0]
    return {name: np.array([[float(row[name]) for row in table]]) for name in table[0]}


def test_full_load_hours_equal_energyplus(hours):
    curves = SETS["curve-ii"]
    temperature, ratio, outdoor = hours["TEvaIn"], hours["XEvaIn"], hours["TCIn"]
    wet_bulb = moist_air.wet_bulb_temperature(temperature, ratio, SITE)
    surface = dx_coil.size_surface(curves.capacity_reference, 0.798655, AIR_FLOW / FLOW_FRACTION, SITE)
    bypass = dx_coil.bypass_factor(AIR_FLOW, surface)
    effective = dx_coil.effective_wet_bulb(
        wet_bulb,
        temperature,
        outdoor,
        AIR_FLOW,
        np.full((1, 1), FLOW_FRACTION),
        bypass,
        curves.capacity_reference,
        dx_coil.columns(curves),
        SITE,
    )
    assert_allclose(effective, wet_bulb, rtol=1e-14)  # the coil is wet in all ten
    capacity, eir = full_load(curves, effective, outdoor, FLOW_FRACTION)
    heat = curves.capacity_reference * capacity
    power = dx_coil.compressor_power(heat, curves.cop_reference, eir, 1.0, 1.0, SINGLE)
    assert_allclose(heat, -hours["Q_flowEPlu"], rtol=4.0e-3)
    assert_allclose(power, hours["PEPlu"], rtol=1.2e-3)

    air = dx_coil.leaving_air(AIR_FLOW, temperature, ratio, heat, 1.0, bypass, SITE)
    latent = air.condensate_mass_flow * (EVAPORATION_ENTHALPY + VAPOR_SPECIFIC_HEAT * temperature)
    assert_allclose(1.0 - latent / heat, hours["Q_flowSenEPlu"] / hours["Q_flowEPlu"], atol=8e-3)  # 0.78 to 0.95
    assert_allclose(air.temperature, hours["TOutEPlu"], atol=0.04)
    assert_allclose(air.humidity_ratio, hours["XEvaOutEPlu"], atol=2e-5)


# EnergyPlus 7.1, the same plant with 25.2 kW, hours 8 to 16: entering degC and kg/kg, outdoors degC, part-load ratio in
# seconds of the hour, heat W, power W. Tables of Modelica Buildings, DXSystems.Cooling.AirSource.Validation.
# SingleSpeedPLR. (Hour 7, in which the plant starts, is the mean of steps of unlike load.)
PART_LOAD_HOURS = np.array(
    [
        (24.09243025, 0.0109, 22.63333333, 1657.5364, 12134.51902, 3595.947729),
        (24.20516777, 0.0108, 23.3, 1757.5094, 12829.73888, 3819.11052),
        (24.37566383, 0.0105, 25.575, 1915.2505, 13827.82263, 4235.566014),
        (24.56160617, 0.0100, 28.19166667, 2087.2390, 14802.70071, 4714.070326),
        (24.52393669, 0.00969, 27.90833333, 2163.3506, 15271.18519, 4835.805362),
        (24.39077471, 0.00947, 26.90833333, 2329.0478, 16441.6341, 5089.357992),
        (24.33155125, 0.00926, 26.7, 2364.5289, 16638.80981, 5132.912713),
        (24.27362306, 0.00923, 26.05833333, 2361.5689, 16649.7802, 5082.720823),
        (24.16566121, 0.00937, 24.60833333, 2268.3223, 16109.92984, 4820.015593),
    ]
).T[:, None, :]


def test_part_load_hours_equal_energyplus():
    temperature, ratio, outdoor, seconds, heat, power = PART_LOAD_HOURS
    wet_bulb = moist_air.wet_bulb_temperature(temperature, ratio, SITE)
    capacity, eir = full_load(SETS["curve-ii"], wet_bulb, outdoor, FLOW_FRACTION)
    loading, share, served = dx_coil.part_load(heat, 25_237.66 * capacity, 1.0)
    assert_allclose(loading, 1.0)
    assert_allclose(served, heat)
    assert_allclose(share, seconds / 3600.0, rtol=4e-3)
    result = dx_coil.compressor_power(25_237.66 * capacity, 3.0, eir, loading, share, SINGLE)
    assert_allclose(result, power, rtol=1.0e-3)


# --- dry coils --------------------------------------------------------------------------------------------------------


def entering(temperature, ratio, outdoor=30.0, flow=1.0, curves=SETS["carrier-50pg24"]):
    """A coil sized for 14 kJ per kg of air: effective wet bulb, capacity, leaving air at full load, what it was made of."""
    rated = curves.capacity_reference / 14e3
    bypass = dx_coil.bypass_factor(flow * rated, dx_coil.size_surface(curves.capacity_reference, 0.75, rated))
    temperature, ratio, outdoor, fraction = np.broadcast_arrays(*rows(temperature, ratio, outdoor, flow))
    wet_bulb = moist_air.wet_bulb_temperature(temperature, ratio, 101_325.0)
    effective = dx_coil.effective_wet_bulb(
        wet_bulb,
        temperature,
        outdoor,
        flow * rated,
        fraction,
        bypass,
        curves.capacity_reference,
        dx_coil.columns(curves),
        101_325.0,
    )
    capacity = curves.capacity_reference * full_load(curves, effective, outdoor, fraction)[0]
    air = dx_coil.leaving_air(flow * rated, temperature, ratio, capacity, 1.0, bypass, 101_325.0)
    return effective, wet_bulb, capacity, air, flow * rated, bypass


@pytest.mark.parametrize("temperature", [27.0, 32.0, 38.0])
@pytest.mark.parametrize("name", SETS)
def test_a_dry_coil_has_the_capacity_of_the_point_where_it_dried(name, temperature):
    ratio = np.linspace(0.002, 0.02, 400)
    effective, wet_bulb, capacity, air, flow, bypass = entering(temperature, ratio, curves=SETS[name])
    is_dry = effective > wet_bulb
    assert 20 < is_dry.sum() < 380
    assert_allclose(capacity[is_dry], capacity[is_dry][0], rtol=1e-14)  # humidity is not felt
    assert np.all(air.condensate_mass_flow[is_dry] < 1e-6)
    assert np.all(air.condensate_mass_flow[~is_dry] > 0.0)
    # the point itself, by bisection in the humidity: there the surface of the dry coil stands at the dew point
    fall = float(capacity[is_dry][0]) / (flow * (1.0 - float(bypass)))

    def above_dew_point(w):
        surface = temperature - fall / (AIR_SPECIFIC_HEAT + VAPOR_SPECIFIC_HEAT * w)
        return float(surface - moist_air.dew_point_temperature(w, 101_325.0))

    turning = brentq(above_dew_point, 0.002, 0.02)
    last_dry, first_wet = ratio[is_dry[0]].max(), ratio[~is_dry[0]].min()
    assert last_dry - 1e-7 <= turning <= first_wet + 1e-7


def test_drying_out_is_found_to_a_ten_thousandth_of_a_kelvin(monkeypatch):
    temperature, outdoor = np.meshgrid(np.linspace(20.0, 42.0, 23), np.linspace(15.0, 50.0, 15))
    few, *_ = entering(temperature.reshape(1, -1), 0.001, outdoor.reshape(1, -1))
    monkeypatch.setattr(dx_coil, "DRY_OUT_ROUNDS", 40)
    many, *_ = entering(temperature.reshape(1, -1), 0.001, outdoor.reshape(1, -1))
    assert_allclose(few, many, atol=1e-4)


@given(st.floats(22.0, 42.0), st.floats(0.003, 0.012), st.floats(0.5, 1.2), st.floats(0.0, 1.0))
def test_air_loses_what_the_coil_takes_and_the_water_that_drips(temperature, ratio, flow, share):
    _, _, capacity, _, mass_flow, bypass = entering(temperature, ratio, flow=flow)
    air = dx_coil.leaving_air(mass_flow, *rows(temperature, ratio), capacity, share, bypass, 101_325.0)
    lost = moist_air.enthalpy(temperature, ratio) - moist_air.enthalpy(air.temperature, air.humidity_ratio)
    assert_allclose(mass_flow * lost, share * capacity, rtol=1e-12, atol=1e-8)
    assert_allclose(mass_flow * (ratio - air.humidity_ratio), air.condensate_mass_flow, rtol=1e-9, atol=1e-15)
    assert air.temperature <= temperature + 1e-12
    assert air.humidity_ratio <= ratio


@given(st.floats(22.0, 42.0), st.floats(0.003, 0.012), st.floats(0.05, 1.0))
def test_heat_to_reach_a_temperature_reaches_it(temperature, ratio, loading):
    _, _, capacity, _, flow, bypass = entering(temperature, ratio)
    air = dx_coil.leaving_air(flow, *rows(temperature, ratio), loading * capacity, 1.0, bypass, 101_325.0)
    needed = dx_coil.heat_flow_to_reach(air.temperature, flow, *rows(temperature, ratio), bypass, 101_325.0)
    assert_allclose(needed, loading * capacity, rtol=5e-5)
    reached = dx_coil.leaving_air(flow, *rows(temperature, ratio), needed, 1.0, bypass, 101_325.0)
    assert_allclose(reached.temperature, air.temperature, atol=1e-3)
    warmer = dx_coil.heat_flow_to_reach(temperature + 1.0, flow, *rows(temperature, ratio), bypass, 101_325.0)
    assert warmer == 0.0


def test_a_modulating_coil_dries_the_air_less_than_one_that_cycles():
    _, _, capacity, _, flow, bypass = entering(28.0, 0.0125)
    half = 0.5 * capacity
    cycling = dx_coil.leaving_air(flow, *rows(28.0, 0.0125), capacity, 0.5, bypass, 101_325.0)
    modulating = dx_coil.leaving_air(flow, *rows(28.0, 0.0125), half, 1.0, bypass, 101_325.0)
    assert modulating.surface_temperature > cycling.surface_temperature + 3.0
    assert cycling.condensate_mass_flow > 2.0 * modulating.condensate_mass_flow
    # both took the same heat, so the air that kept its water is colder
    assert modulating.temperature < cycling.temperature


# --- part load --------------------------------------------------------------------------------------------------------


def power_at(load, curve, least):
    loading, share, _ = dx_coil.part_load(np.atleast_2d(load) * 100e3, 100e3, least)
    return dx_coil.compressor_power(100e3, 4.0, 1.0, loading, share, curve)


def test_part_load_of_a_single_stage_machine():
    # PLF = 0.85 + 0.15 PLR: 0.925 at half load
    assert_allclose(dx_coil.part_load_fraction(np.array([0.0, 0.5, 1.0])), [0.85, 0.925, 1.0], rtol=1e-14)
    assert_allclose(power_at([0.0, 0.5, 1.0, 1.3], SINGLE, 1.0), [[0.0, 25e3 * 0.5 / 0.925, 25e3, 25e3]], rtol=1e-12)


def test_part_load_of_an_inverter_machine():
    # CoolingEIRLowPLR at 0.5 by hand: 0.4628123 - 0.5201203 + 0.54372749 - 0.07468521 = 0.41173428
    power = power_at([0.5, 1.0], INVERTER, INVERTER_MIN)
    assert_allclose(power, [[25e3 * 0.41173428, 25e3]], rtol=2e-6)
    # below its least load it cycles: half of that load in half of the time, less the loss of starting
    least = power_at(INVERTER_MIN, INVERTER, INVERTER_MIN)
    assert_allclose(power_at(0.5 * INVERTER_MIN, INVERTER, INVERTER_MIN), least * 0.5 / 0.925, rtol=1e-12)


@pytest.mark.parametrize(("curve", "least"), [(SINGLE, 1.0), (INVERTER, INVERTER_MIN)])
def test_more_load_never_costs_less_power(curve, least):
    power = power_at(np.linspace(0.0, 1.2, 601), curve, least)
    assert np.all(np.diff(power) >= -1e-9)
    assert power[0, 0] == 0.0


def test_a_machine_that_is_off_gives_and_draws_nothing():
    loading, share, served = dx_coil.part_load(*rows(5e3, 0.0), 1.0)
    assert served == 0.0
    assert dx_coil.compressor_power(np.zeros((1, 1)), 4.0, 1.0, loading, share, SINGLE) == 0.0


# --- economizer -------------------------------------------------------------------------------------------------------


def test_economizer_table_is_met_and_interpolated_as_pchip():
    points, values = map(np.array, dx_coil.ECONOMIZER_TABLE)
    assert_allclose(dx_coil.economizer_eir_fraction(points), values, atol=1e-14)
    outdoor = np.linspace(-4.0, 50.0, 3001)
    fraction = dx_coil.economizer_eir_fraction(outdoor)
    assert_allclose(fraction, PchipInterpolator(points, values)(outdoor), atol=1e-13)
    assert np.all(np.diff(fraction) >= -1e-15)
    assert_allclose(dx_coil.economizer_eir_fraction(np.array([-30.0, 60.0])), [0.042, 1.5], rtol=1e-14)


def test_economizer_follows_the_published_points():
    # EnergyPlus, Liebert Econophase EIR Func T, temperatures rounded to 0.1 K
    outdoor = np.array([-4.0, 1.56, 4.33, 9.89, 15.4, 21.0, 26.6, 32.1, 34.9, 50.0])
    published = [0.042, 0.084, 0.2269, 0.311, 0.4454, 0.6723, 0.7773, 0.895, 1.0, 1.5]
    assert_allclose(dx_coil.economizer_eir_fraction(outdoor), published, atol=2.5e-3)


def test_economizer_table_is_not_the_quadratic_of_the_same_source():
    # EnergyPlus, "Liebert Econophase quadratic fit": misses the table by 0.135 at 21 degC
    points = np.array(dx_coil.ECONOMIZER_TABLE[0][:-1])
    quadratic = 0.1416159 + points * (0.013828452 + 2.3872e-4 * points)
    miss = dx_coil.economizer_eir_fraction(points) - quadratic
    assert_allclose(miss.max(), 0.135, atol=1e-3)
    assert points[miss.argmax()] == 21.0


@pytest.mark.parametrize(
    "table",
    [
        ((0.0, 1.0, 2.5, 3.0, 4.0), (0.0, 2.0, 1.0, 1.0, 5.0)),  # turns and stands still
        ((0.0, 0.5, 2.0), (1.0, 0.9, -3.0)),
        ((0.0, 1.0, 1.1), (0.0, 0.1, 5.0)),
        ((0.0, 1.0, 1.1), (0.0, 0.1, -5.0)),  # steep turn next to an end
    ],
)
def test_slopes_of_a_table_equal_pchip(table):
    expected = PchipInterpolator(*table).derivative()(np.array(table[0]))
    assert_allclose(dx_coil._monotone_slopes(*table), expected, atol=1e-12)
