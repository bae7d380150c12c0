import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import chiller
from dcsim.physics.chiller import CURVE_SETS, column

WATER_COOLED = [name for name, curves in CURVE_SETS.items() if not curves.is_air_cooled]


def raw_cop(curves, chilled_water, condenser_water, part_load):
    """COP by the curves as published, without clamping."""
    x, y = np.array([[chilled_water]]), np.array([[condenser_water]])
    eir = chiller.biquadratic(column(curves.eir_curve), x, y)
    capacity = np.array([[1e6]])
    power = chiller.eir_power(
        part_load * capacity,
        capacity,
        curves.cop_reference,
        eir,
        column(curves.part_load_curve),
        curves.part_load_min,
        curves.part_load_min,
    )
    return float((part_load * capacity / power)[0, 0])


def at_full_load(curves, chilled_water, condenser_water):
    return chiller.full_load(
        np.atleast_2d(chilled_water),
        np.atleast_2d(condenser_water),
        column(curves.capacity_curve),
        column(curves.eir_curve),
        column(curves.box),
    )


# Modelica Buildings, Chillers.Examples.ElectricEIR (McQuay WSC 471): leaving chilled and entering condenser water,
# part-load ratio, COP
TRAJECTORY = [
    (10.00, 20.00, 0.3633, 5.5947),
    (10.00, 20.00, 0.4214, 5.9872),
    (10.00, 20.00, 0.6248, 6.6893),
    (10.00, 27.20, 0.8684, 5.9873),
    (15.69, 30.00, 0.3388, 4.8879),
]


@pytest.mark.parametrize(("chilled_water", "condenser_water", "part_load", "cop"), TRAJECTORY)
def test_trajectory_of_modelica_buildings(chilled_water, condenser_water, part_load, cop):
    # part-load ratio and temperatures are given to 4 digits, which moves the COP by up to 1e-3
    assert_allclose(raw_cop(CURVE_SETS["D"], chilled_water, condenser_water, part_load), cop, rtol=4e-4)


def test_condenser_heat_of_the_trajectory():
    # first point: condenser water leaves at 23.170 degC at 19.24 kg/s
    curves = CURVE_SETS["D"]
    capacity = curves.capacity_reference * float(chiller.biquadratic(column(curves.capacity_curve), 10.0, 20.0)[0, 0])
    heat = 0.3633 * capacity
    rejected = chiller.condenser_heat_flow(heat, heat / 5.5947)
    assert_allclose(20.0 + rejected / (19.24 * 4184.0), 23.170, atol=2e-3)


# COP at 10 / 24 degC against part-load ratio, worked from the published curves to 3 digits
PART_LOAD = {
    "A": {0.1: 2.50, 0.3: 5.77, 0.5: 7.19, 0.7: 7.57, 1.0: 7.28},
    "B": {0.4: 9.42, 1.0: 7.44},
    "C": {0.2: 8.77, 0.3: 10.67, 0.4: 10.95, 0.5: 10.41, 0.7: 8.72, 1.0: 6.59},
}


@pytest.mark.parametrize("name", PART_LOAD)
def test_part_load_cop(name):
    for part_load, cop in PART_LOAD[name].items():
        assert_allclose(raw_cop(CURVE_SETS[name], 10.0, 24.0, part_load), cop, atol=6e-3)


# curves at the reference point: near 1, not at it
REFERENCE_VALUES = {
    "A": (1.0103, 1.0090, 1.0002),
    "B": (0.9784, 0.9898, 0.9993),
    "C": (1.0063, 1.0308, 0.9974),
    "F": (1.049, 1.021, 1.0),
}


@pytest.mark.parametrize("name", REFERENCE_VALUES)
def test_curves_at_reference(name):
    assert_allclose(chiller.reference_values(CURVE_SETS[name]), REFERENCE_VALUES[name], atol=5e-4)


# Modelica Buildings, Fluid.Chillers.Data.ElectricEIR: capacity [kW] and COP at temperatures [degC], box, part-load range, flows
# of water [kg/s], then the three curves; the air-cooled set as in Fluid.Storage.Ice.Examples, its box and reference as in
# EnergyPlus
SOURCE = {
    "A": """1055 5.96 6.67 29.44 4.44 8.89 12.78 35.00 0.10 1.05 28.39 56.78
        1.785912E-01 -5.900023E-02 -5.946963E-04 9.297889E-02 -2.841024E-03 4.974221E-03
        5.245110E-01 -2.850126E-02 8.034720E-04 1.893133E-02 1.151629E-04 -9.340642E-05
        2.619878E-01 2.393605E-01 4.988306E-01""",
    "B": """1441.8 6.61 5.56 23.89 4.44 8.89 12.78 35.00 0.10 1.07 50.47 50.47
        4.007341E-01 1.148568E-03 1.049504E-04 5.574667E-02 -1.646131E-03 1.323200E-03
        6.287646E-01 -3.024605E-02 6.137016E-04 1.805826E-02 1.640653E-04 -1.113802E-04
        9.299787E-02 3.244475E-01 5.818753E-01""",
    "C": """1142.9 6.57 10.00 26.67 7.22 12.78 12.78 26.67 0.20 1.03 25.93 51.42
        7.939538E-01 4.096493E-02 -1.419397E-03 -1.639813E-03 -5.220497E-04 1.348786E-03
        9.475580E-01 -1.187942E-02 8.799326E-05 2.250775E-04 1.815775E-04 2.178409E-04
        1.408822E-01 -1.578153E-01 1.014316E+00""",
    "D": """471.2 5.89 8.89 26.67 7.22 12.78 12.78 26.67 0.10 1.15 10.35 19.24
        2.521130E-01 1.324053E-02 -8.637329E-03 8.581056E-02 -4.261176E-03 8.661899E-03
        4.475238E-01 -2.588210E-02 -1.459053E-03 4.342595E-02 -1.000651E-03 1.920106E-03
        2.778889E-01 2.338363E-01 4.883748E-01""",
    "E": """742 5.42 5.56 21.11 5.56 10.00 11.25 23.89 0.19 1.02 17.79 19.56
        9.797101E-01 -2.895701E-03 -8.970718E-04 1.031440E-02 -7.431651E-04 1.453508E-03
        9.946139E-01 -4.829399E-02 4.674277E-04 -1.158726E-03 5.762583E-04 2.148192E-04
        1.202277E-01 1.396384E-01 7.394038E-01""",
    "F": """100.582 3.10 6.67 35.00 4.44 10.00 23.89 51.67 0.10 1.15 4.30 11.32668
        -0.2660645697 0.0998714035 -0.0023814154 0.0628316481 -0.0009644649 -0.0011249224
        0.1807017787 0.0271530312 -0.0004553574 0.0188175079 0.0002623276 -0.0012881189
        0.0 1.0 0.0""",
}


@pytest.mark.parametrize("name", SOURCE)
def test_curve_sets_are_those_of_their_source(name):
    curves, numbers = CURVE_SETS[name], np.array(SOURCE[name].split(), float)
    assert_allclose(curves.capacity_reference / 1e3, numbers[0], rtol=3e-4)  # nameplates are rounded
    assert (curves.cop_reference, curves.chilled_water_reference, curves.condenser_water_reference) == tuple(
        numbers[1:4]
    )
    assert curves.box == tuple(numbers[4:8])
    assert (curves.part_load_min, curves.part_load_max) == tuple(numbers[8:10])
    assert_allclose((curves.chilled_water_mass_flow, curves.condenser_mass_flow), numbers[10:12], rtol=5e-4)
    assert (*curves.capacity_curve, *curves.eir_curve, *curves.part_load_curve) == tuple(numbers[12:])


@pytest.mark.parametrize("name", CURVE_SETS)
def test_curves_are_within_5_percent_of_one_at_reference_and_normalized_ones_are_one(name):
    assert_allclose(chiller.reference_values(CURVE_SETS[name]), 1.0, atol=0.05)
    assert_allclose(chiller.reference_values(chiller.normalized(CURVE_SETS[name])), 1.0, rtol=1e-12)


def test_published_curves_run_wild_outside_their_box():
    at = {name: column(CURVE_SETS[name].capacity_curve) for name in "BCD"}
    assert_allclose(chiller.biquadratic(at["D"], 6.67, 35.0), -0.238, atol=2e-3)
    assert_allclose(raw_cop(CURVE_SETS["B"], 20.0, 12.0, 1.0), 13.7, atol=0.06)
    assert_allclose(raw_cop(CURVE_SETS["C"], 20.0, 12.0, 1.0), 7.97, atol=0.01)


@pytest.mark.parametrize("name", WATER_COOLED)
def test_full_load_is_the_published_curve_inside_the_box(name):
    curves = CURVE_SETS[name]
    x = np.linspace(curves.box[0], curves.box[1], 7)[None, :]
    y = np.linspace(curves.box[2], curves.box[3], 7)[None, :]
    capacity, eir = at_full_load(curves, x, y)
    assert_allclose(capacity, chiller.biquadratic(column(curves.capacity_curve), x, y), rtol=1e-14)
    assert_allclose(eir, chiller.biquadratic(column(curves.eir_curve), x, y), rtol=1e-14)


@pytest.mark.parametrize("name", WATER_COOLED)
def test_energy_input_ratio_follows_both_temperatures_everywhere(name):
    curves = CURVE_SETS[name]
    x, y = np.arange(4.0, 26.0, 0.25), np.arange(-5.0, 45.01, 0.25)
    eir = np.stack([at_full_load(curves, np.full_like(y, t), y)[1][0] for t in x])
    assert np.all(np.diff(eir, axis=1) >= -1e-12)  # hotter condenser water never lowers it
    outside = x[:-1] >= curves.box[1]
    assert np.all(np.diff(eir, axis=0)[outside] <= 1e-12)  # nor does warmer chilled water raise it


@pytest.mark.parametrize("name", WATER_COOLED)
def test_full_load_stays_physical_far_outside_the_box(name):
    curves = CURVE_SETS[name]
    x, y = (a.reshape(1, -1) for a in np.meshgrid(np.linspace(2.0, 28.0, 60), np.linspace(-10.0, 50.0, 60)))
    capacity, eir = at_full_load(curves, x, y)
    cop = curves.cop_reference / eir
    lift = np.maximum(y + chiller.CONDENSER_RISE - x + chiller.EVAPORATOR_APPROACH, chiller.LIFT_MIN)
    carnot = (x + 273.15 - chiller.EVAPORATOR_APPROACH) / lift
    assert np.all(capacity > 0.4)
    assert np.all(cop > 1.5)
    assert np.all(cop < 0.72 * carnot)


@pytest.mark.parametrize(("name", "part_load"), [("A", 0.70), ("B", 0.30), ("C", 0.30), ("D", 0.75), ("E", 0.19)])
def test_hotter_condenser_water_never_lowers_power_at_a_fixed_load(name, part_load):
    # below these part-load ratios the published curves themselves fail, inside their box
    curves = CURVE_SETS[name]
    y = np.arange(-5.0, 45.01, 0.1)
    for x in np.arange(curves.box[0], 24.0, 0.5):
        capacity, eir = at_full_load(curves, np.full_like(y, x), y)
        watts = curves.capacity_reference * capacity
        load = part_load * np.maximum(watts[:, :-1], watts[:, 1:])

        def power(of, load=load, watts=watts, eir=eir):
            return chiller.eir_power(load, watts[:, of], 1.0, eir[:, of], column(curves.part_load_curve), 0.1, 0.1)

        assert np.all(power(slice(1, None)) >= power(slice(None, -1)) * (1.0 - 1e-9))


@given(st.floats(-5.0, 45.0), st.floats(-5.0, 45.0), st.floats(13.0, 24.0), st.floats(0.1, 1.0))
def test_with_warm_chilled_water_power_follows_condenser_water_at_any_load_outside_the_box(a, b, chilled_water, load):
    # one-point box: the Carnot form
    constant = column((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    _, eir = chiller.full_load(
        np.array([[chilled_water, chilled_water]]),
        np.array([sorted((a, b))]),
        constant,
        constant,
        column((20.0, 20.0, 25.0, 25.0)),
    )
    power = chiller.eir_power(load * 1e6, 1e6, 9.0, eir, column(CURVE_SETS["B"].part_load_curve), 0.1, 0.1)
    assert power[0, 1] >= power[0, 0] * (1.0 - 1e-12)


def test_the_bound_of_the_cop_holds_at_part_load_too():
    curve = column(CURVE_SETS["B"].part_load_curve)
    heat = np.linspace(0.05, 1.0, 20)[None, :] * 1e6
    free, bound = (chiller.eir_power(heat, 1e6, 12.0, 0.8, curve, 0.1, 0.1, cop_max=most) for most in (np.inf, 16.0))
    assert (heat / free).max() > 16.0
    assert_allclose((heat / bound).max(), 16.0, rtol=1e-12)
    assert_allclose(bound, np.maximum(free, heat / 16.0), rtol=1e-14)


@pytest.mark.parametrize("name", WATER_COOLED)
def test_with_the_capacity_held_hotter_condenser_water_never_lowers_power_at_any_load(name):
    curves = CURVE_SETS[name]
    hold = chiller.power_peak_temperature(curves)
    y = np.arange(hold, 45.01, 0.1)[None, :]
    for x in np.arange(curves.box[0], 24.0, 0.5):
        capacity, eir = at_full_load(curves, np.full_like(y, x), y)
        held = chiller.held_capacity(np.full_like(y, x), y, column(curves.capacity_curve), column(curves.box), hold)
        watts, held_watts = 1e6 * capacity, 1e6 * held
        for load in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8):
            power = chiller.eir_power(
                load * watts.min(), watts, 1.0, eir, column(curves.part_load_curve), 0.1, 0.1, held_watts
            )
            assert np.all(np.diff(power[0]) >= -1e-6)


def test_power_of_set_a_first_peaks_at_about_28_degrees():
    # capacity times energy input ratio of the published curves by hand at 6.67 degC: 1.0208 at 27, 1.0193 at 29.44 degC
    x = 6.67
    at = {
        y: float(np.prod([f[0, 0] for f in at_full_load(CURVE_SETS["A"], np.array([[x]]), np.array([[y]]))]))
        for y in (20, 27, 31)
    }
    assert at[20] < at[27] and at[31] < at[27]
    assert 24.0 < chiller.power_peak_temperature(CURVE_SETS["A"]) < 29.0


def test_half_the_condenser_flow_costs_the_lift_of_the_rise():
    # 1.2 MW into 50 and into 25 kg/s: 5.74 and 11.47 K
    lift = chiller.flow_lift(1.2e6, 25.0 * 4184.0, 50.0 * 4184.0)
    assert_allclose(lift, 1.2e6 / (50.0 * 4184.0), rtol=1e-12)
    assert chiller.flow_lift(1.2e6, 80.0 * 4184.0, 50.0 * 4184.0) < 0.0
    curves = CURVE_SETS["B"]
    arguments = (
        np.array([[18.0]]),
        np.array([[22.0]]),
        *map(column, (curves.capacity_curve, curves.eir_curve, curves.box)),
    )
    ratios = [chiller.full_load(*arguments, extra_lift=extra)[1] for extra in (0.0, 4.0)]
    # share of Carnot unchanged: energy input goes with the lift, 12.5 K at catalogue flow
    assert_allclose(ratios[1] / ratios[0], 16.5 / 12.5, rtol=0.01)


def test_pressure_limits_the_heat_to_what_warms_the_condenser_water_to_50_degrees():
    # 10 kg/s from 25 to 50 degC is 1.046 MW, of which a machine of COP 5 takes 5/6 from the chilled water
    limit = chiller.pressure_limited_capacity(np.array([25.0, 49.0, 50.0, 60.0]), 10.0 * 4184.0, 5.0)
    assert_allclose(limit, [1.046e6 * 5.0 / 6.0, 41840.0 * 5.0 / 6.0, 0.0, 0.0], rtol=1e-12)


def test_one_point_box_is_a_carnot_machine():
    constant = column((1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    at = np.array([[16.0, 20.0, 12.0]]), np.array([[20.0, 25.0, 32.0]])
    _, eir = chiller.full_load(*at, constant, constant, column((20.0, 20.0, 25.0, 25.0)))
    cop = chiller.carnot_cop(at[0] - chiller.EVAPORATOR_APPROACH, at[1] + chiller.CONDENSER_RISE, 0.6, chiller.LIFT_MIN)
    assert_allclose(cop[0, 1] / eir, cop, rtol=1e-12)


def two_zone_chiller(chilled_water, condenser_water):
    c = chiller.TWO_ZONE_CHILLER
    return chiller.lift_full_load(
        np.atleast_2d(chilled_water),
        np.atleast_2d(condenser_water),
        c.chilled_water_reference,
        c.condenser_water_reference,
        c.rise_coefficient,
        column(c.capacity_curve),
        column(c.power_curve),
    )


def test_older_curves_are_those_of_the_two_zone_example():
    # tst/EnergyPlus/unit/PlantChillers.unit.cc and the example file
    c = chiller.TWO_ZONE_CHILLER
    assert c.capacity_curve == (0.944836, -0.0570088, -0.00185486)
    assert c.power_curve == (1.907846, -1.204987, 0.2634623)
    assert c.part_load_curve == (0.03303, 0.6852, 0.2818)
    assert (c.rise_coefficient, c.cop_reference) == (2.682759, 5.0)
    # at 6.667 / 29.44 degC the difference is 0; by hand 1.907846 - 1.138515 + 0.235197
    capacity, eir = two_zone_chiller(6.667, 29.44)
    assert_allclose(capacity, 0.944836, rtol=1e-12)
    assert_allclose(eir, 1.004528, atol=1e-6)
    # 10 K of condenser water or 3.7275 K of chilled water: 0.944836 + 0.212501 - 0.025772 = 1.131565
    for waters in ((6.667, 19.44), (6.667 + 10.0 / 2.682759, 29.44)):
        capacity, eir = two_zone_chiller(*waters)
        assert_allclose(capacity, 1.131565, atol=1e-6)
        assert_allclose(eir, 1.907846 - 1.204987 * 1.131565 + 0.2634623 * 1.131565**2, atol=1e-6)
    # half load at reference: 0.03303 + 0.3426 + 0.07045 of the power
    half = chiller.eir_power(
        0.5e6, 1e6, c.cop_reference, 1.0, column(c.part_load_curve), c.part_load_min, c.part_load_min
    )
    assert_allclose(half, 0.2e6 * 0.44608, rtol=1e-12)


def test_older_curves_favor_cold_condenser_and_warm_chilled_water():
    water = np.linspace(15.0, 35.0, 41)
    capacity, eir = two_zone_chiller(6.667, water)
    assert np.all(np.diff(capacity) < 0.0) and np.all(np.diff(eir) > 0.0)
    capacity, eir = two_zone_chiller(np.linspace(5.0, 12.0, 41), 29.44)
    assert np.all(np.diff(capacity) > 0.0) and np.all(np.diff(eir) < 0.0)


# Modelica Buildings, Chillers.Examples.Carnot_TEva: effectiveness 0.3, approach 2 K at 100 kW, nominal 5 / 30 degC
@pytest.mark.parametrize(
    ("chilled", "condenser", "evaporator_heat", "condenser_heat", "cop"),
    [
        (5.0, 30.0, 100.0, None, 2.856724),
        (6.0, 35.0, 159.390, 227.860, 2.327919),
        (16.0, 35.0, 59.771, 74.509, 4.055847),
    ],
)
def test_carnot_form_equals_modelica_buildings(chilled, condenser, evaporator_heat, condenser_heat, cop):
    nominal_condenser_heat = 100.0 * (1.0 + 1.0 / 2.856724)
    loads = evaporator_heat / 100.0, (condenser_heat or nominal_condenser_heat) / nominal_condenser_heat
    temperatures = chiller.refrigerant_temperatures(chilled, condenser, *loads, 2.0, 2.0)
    assert_allclose(chiller.carnot_cop(*temperatures, 0.3, 6.0), cop, rtol=2e-6)


def test_carnot_lift_is_guarded():
    cop = chiller.carnot_cop(20.0, np.array([10.0, 20.0, 25.0, 26.0, 27.0]), 0.6, 6.0)
    assert np.all(cop <= 0.6 * 293.15 / 6.0 + 1e-9)
    assert np.all(np.diff(cop) <= 0.0)
    assert_allclose(cop[-1], 0.6 * 293.15 / 7.0, rtol=1e-14)


def test_power_vanishes_with_the_load_and_when_off():
    curve = column(CURVE_SETS["A"].part_load_curve)
    assert chiller.eir_power(0.0, 1e6, 6.0, 1.0, curve, 0.1, 0.1) == 0.0
    assert chiller.eir_power(0.0, 0.0, 6.0, 1.0, curve, 0.1, 0.1) == 0.0


def test_cycling_makes_power_proportional_to_load_below_the_least_part_load():
    curve = column(CURVE_SETS["A"].part_load_curve)
    half, full = (chiller.eir_power(q, 1e6, 6.0, 1.0, curve, 0.1, 0.1) for q in (0.05e6, 0.10e6))
    assert_allclose(2.0 * half, full, rtol=1e-12)


def test_plant_surrogate_of_scheduling_studies():
    # Moore et al. 2005 at 15 degC
    assert_allclose(chiller.supply_air_cop(15.0), 2.000, atol=5e-4)
