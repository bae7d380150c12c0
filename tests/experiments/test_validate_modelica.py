"""The `modelica` part of `validate`: reader of the reference results, the plant of its week, and all cases."""

import os
from pathlib import Path

import numpy as np
import pytest
from dcsim_experiments.validation import modelica, modelica_chillers, modelica_plant, modelica_plant_week
from dcsim_experiments.validation.modelica_controls import (
    STATIC_PRESSURE,
    Device,
    reading,
    sequence,
)
from dcsim_experiments.validation.modelica_reference import ReferenceFolder, read_reference
from dcsim_experiments.validation.modelica_storage import NODES, RATE, SIZE, trajectory
from dcsim_experiments.validation.results import NoDataError, compared, has_passed
from numpy.testing import assert_allclose, assert_array_equal

from dcsim.errors import InputError
from dcsim.physics import coil, cooling_tower, economizer
from dcsim.physics.constants import WATER_SPECIFIC_HEAT

GOOD = """last-generated=2021-04-28
statistics-simulation={"numerical": "x"}
time=[0e+00, 2e+01]
tan.T=[2.9315e+02, 2.9415e+02, 2.9515e+02]
set.y=[1e+00, 3e+00]
"""


@pytest.fixture
def folder(tmp_path):
    """Make a data folder that holds one result file of a text."""

    def make(text, name="Buildings_Utilities_Psychrometrics_Examples_TWetBul_TDryBulPhi.txt"):
        raw = tmp_path / "data" / "modelica_ref" / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(text, encoding="utf-8")
        return tmp_path / "data"

    return make


@pytest.fixture(scope="module")
def data():
    place = os.environ.get("DCSIM_DATA")
    if not place or not (Path(place) / "modelica_ref").is_dir():
        pytest.skip("DCSIM_DATA is not set: no reference results to compare with")
    return ReferenceFolder(Path(place))


@pytest.fixture(scope="module")
def week(data):
    return {case.name: case for case in modelica_plant_week.cases(data)}


# --- reader -----------------------------------------------------------------------------------------------------------


def test_a_series_of_two_values_is_a_straight_line_and_others_are_evenly_spaced(folder):
    path = next((folder(GOOD) / "modelica_ref" / "raw").iterdir())
    reference = read_reference(path)
    assert_array_equal(reference.time, [0.0, 10.0, 20.0])
    assert_array_equal(reference["set.y"], [1.0, 2.0, 3.0])
    assert_allclose(reference.celsius("tan.T"), [20.0, 21.0, 22.0])
    assert reference.source == (
        "Modelica Buildings, Utilities.Psychrometrics.Examples.TWetBul.TDryBulPhi, run of 2021-04-28"
    )


MALFORMED = {
    "cut off in a line": (GOOD.replace("2.9515e+02]", "2.95"), "line 4.*cut off before its ']'"),
    "no number": (GOOD.replace("2.9415e+02", "2.94a5"), "line 4.*2.94a5.*not a number"),
    "not finite": (GOOD.replace("2.9415e+02", "nan"), "not finite"),
    "no time": (GOOD.replace("time=", "clock="), "no line 'time="),
    "falling time": (GOOD.replace("2e+01", "-2e+01"), "rising"),
    "other length": (GOOD + "more.y=[1, 2, 3, 4]\n", "3 values where the longest series has 4"),
    "a name twice": (GOOD + "set.y=[1, 2]\n", "stands in the file twice"),
    "time alone": ("time=[0, 1]\n", "no series"),
    "empty": ("", "the file is empty"),
    "another kind of file": ("<html>not here</html>\n", "no line 'time="),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_a_file_that_is_not_as_it_should_be_is_said_in_one_line(folder, text, message):
    path = next((folder(text) / "modelica_ref" / "raw").iterdir())
    with pytest.raises(InputError, match=message) as caught:
        read_reference(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_a_series_that_a_file_lacks_is_said_with_the_nearest_name(folder):
    files = ReferenceFolder(folder(GOOD))
    with pytest.raises(InputError, match=r"no series 'tank\.T'.*tan\.T"):
        files("Utilities_Psychrometrics_Examples_TWetBul_TDryBulPhi")["tank.T"]
    with pytest.raises(InputError, match=r"Buildings_Missing\.txt"):
        files("Missing")


def test_a_folder_without_results_is_no_data(tmp_path):
    (tmp_path / "modelica_ref" / "raw").mkdir(parents=True)
    with pytest.raises(NoDataError, match=r"holds no files Buildings_\*\.txt"):
        ReferenceFolder(tmp_path)
    with pytest.raises(NoDataError, match="--data DIR"):
        modelica.cases(None)


def test_the_verb_says_what_is_wrong_with_a_file_and_writes_no_result(folder, run_cli, tmp_path):
    data_dir = folder(MALFORMED["cut off in a line"][0])
    code, out, err = run_cli("validate", "modelica", "--data", data_dir, "--out", tmp_path / "run")
    assert (code, out) == (2, [])
    assert len(err.splitlines()) == 1
    assert "line 4" in err
    assert "TDryBulPhi.txt" in err
    assert not (tmp_path / "run" / "validation.json").exists()


def test_tables_of_energyplus_are_checked_row_by_row(folder):
    data_dir = folder(GOOD)
    tables = data_dir / "modelica_ref" / "energyplus"
    tables.mkdir()
    files = ReferenceFolder(data_dir)
    tower = tables / "CoolingTower_VariableSpeed_Merkel.dat"
    row = ",".join(str(k) for k in range(10))
    tower.write_text(f"#1\ndouble EnergyPlus(2,10)\n{row}\n{row}\n")
    assert_array_equal(files.tower_series()["fan_speed"], [9.0, 9.0])
    tower.write_text(f"#1\ndouble EnergyPlus(3,10)\n{row}\n{row}\n")
    with pytest.raises(InputError, match="2 rows, expected 3"):
        files.tower_series()
    tower.write_text(f"#1\ndouble EnergyPlus(2,10)\n{row}\n{row},10\n")
    with pytest.raises(InputError, match="11 values, expected 10"):
        files.tower_series()
    (tables / "hours.csv").write_text("hour,heat\n0,1\n1\n")
    with pytest.raises(InputError, match=r"line 3.*1 values, the header has 2"):
        files.hourly_table("hours.csv")


# --- resets, tank -----------------------------------------------------------------------------------------------------


def test_a_reset_first_acts_a_delay_and_a_period_after_its_device_starts():
    time = np.array([0.0, 480.0, 481.0, 601.0, 700.0, 1000.0])
    device = Device(on=((0.0, 650.0),))
    # three requests, two ignored: 15 up, 10 down
    assert_allclose(
        sequence(time, lambda _: 3.0, 120.0, STATIC_PRESSURE, device), [120.0, 120.0, 125.0, 130.0, 120.0, 120.0]
    )
    held = device._replace(held=((590.0, 595.0),), hold_min=100.0)
    assert_allclose(sequence(time, lambda _: 3.0, 120.0, STATIC_PRESSURE, held)[3], 125.0)


def test_a_reading_gives_its_signals_back():
    values = reading(mode=np.array([0.0, 2.0]), wet_bulb_temperature=np.array([5.0, 6.0]))
    assert_array_equal(values.mode, [0.0, 2.0])
    assert_array_equal(values["wet_bulb_temperature"], [[5.0, 6.0]])


def test_a_filled_tank_takes_up_what_the_water_brings():
    """Without an outside the heat that stays is what came in less what left, node by node of a tank of first order."""
    time = np.arange(0.0, 31.0)
    nodes = trajectory(time, lambda _: (RATE, 40.0), np.full(NODES, 20.0))
    stored = float(SIZE.heat_capacity) * (nodes[:, -1].sum() - nodes[:, 0].sum())
    left = RATE * np.sum(nodes[-1, 1:] - 20.0)
    # what the walls lead from node to node passes a point at the nodes' mean temperature a step ago
    assert_allclose(stored + left, RATE * 20.0 * 30.0, rtol=1e-5)
    assert np.all(np.diff(nodes[:, -1]) < 0.0)


# --- the plant of the week --------------------------------------------------------------------------------------------


def test_a_coil_of_mixed_elements_in_series_is_the_solution_of_its_balances():
    air, water, conductance, count = 3.0, 2.0, 5.0, 4
    # unknowns: air temperatures after each element, then water temperatures, water running against the air
    matrix, right = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    part = conductance / count
    for k in range(count):
        for row, rate, own, before in ((k, air, k, k - 1), (count + k, water, count + k, count + k + 1)):
            other = count + k if row == k else k
            matrix[row, own] += rate + part
            matrix[row, other] -= part
            inside = before >= 0 if row == k else before < 2 * count
            if inside:
                matrix[row, before] -= rate
            else:
                right[row] += rate * (1.0 if row == k else 0.0)  # air enters at 1, water at 0
    leaving = np.linalg.solve(matrix, right)[count - 1]
    assert_allclose(modelica_plant.element_duty(air, water, conductance, count), 1.0 - leaving, rtol=1e-12)
    assert_allclose(
        modelica_plant.element_duty(water, air, conductance, count) * water / air, 1.0 - leaving, rtol=1e-12
    )


def test_many_elements_make_a_counterflow_coil():
    rates = np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 2.0001, 1.0]])
    duty = modelica_plant.element_duty(*rates, np.array([[4.0]]), 40_000)
    assert_allclose(duty, coil.air_side_duty(*rates, np.array([[4.0]])), rtol=2e-4)


def test_the_coil_of_dcsim_has_the_duty_of_the_four_elements_at_nominal_flows():
    air = np.array([[modelica_plant.AIR_FLOW * modelica_plant.AIR_RATE]])
    water = np.array([[modelica_plant.CHILLED_FLOW * modelica_plant.WATER_SPECIFIC_HEAT]])
    sized = modelica_plant.design_coil_conductance()
    elements = modelica_plant.element_duty(air, water, modelica_plant.COIL_CONDUCTANCE, modelica_plant.COIL_ELEMENTS)
    by_laws = coil.air_side_duty(air, water, sized)
    for laws, same in zip(modelica_plant.LAWS, (True, False), strict=True):
        columns = modelica_plant.LAW[0] == modelica_plant.LAWS.index(laws)
        assert_array_equal(np.isclose(by_laws[0, columns], elements[0], rtol=1e-12), same)


def test_branches_have_their_nominal_flow_at_their_nominal_pressure_drop():
    conductance = modelica_plant.branch_conductance(8.0, 20e3, 60e3, np.array([0.0, 1.0]))
    assert_allclose(conductance * np.sqrt(80e3), [8.0 * 1e-4 / np.sqrt(0.25 + 0.75e-8), 8.0], rtol=1e-3)


def test_the_tower_has_its_design_approach_at_its_design():
    approach = cooling_tower.york_approach_temperature_difference(6.0, 10.0, modelica_plant.tower_water_ratio())
    assert_allclose(approach, 6.0, rtol=1e-9)


def test_the_plant_has_the_sizes_of_the_librarys():
    # 33.2 kg/s of air, 11.9 and 39.7 kg/s of water, 500 kW in 50 x 30 x 3 m, 742 kW chiller, exchanger of 0.8
    flows = modelica_plant.AIR_FLOW, modelica_plant.CHILLED_FLOW, modelica_plant.CONDENSER_FLOW
    assert_allclose(flows, [33.2, 11.9, 39.7], atol=0.05)
    assert (modelica_plant.IT_POWER, modelica_plant.ROOM_VOLUME) == (500e3, 4500.0)
    assert modelica_plant.CHILLER.capacity_reference == 742e3
    assert (modelica_plant.ECONOMIZER_EFFECTIVENESS, modelica_plant.AIR_PRESSURE) == (0.8, 747.0)
    assert_allclose(modelica_plant.PUMP_HEAD, 20.0 * 6485.0)
    assert modelica_plant.CHILLED_SETPOINTS == (22.0, 5.56)
    assert (modelica_plant.CHILLER_DEADBAND, modelica_plant.ECONOMIZER_WAIT) == (2.2, 1200.0)
    assert modelica_plant.RESET.period_s == 120.0
    assert modelica_plant.RESET.trim + modelica_plant.RESET.respond == 0.03 == -modelica_plant.RESET.trim


def test_the_week_of_the_library_is_the_one_known(data):
    continuous, discrete = (data(modelica_plant_week.MODEL.format(name)) for name in ("Continuous", "Discrete"))
    # 4.1307e10 and 4.1693e10 J of cooling
    assert_allclose([continuous["EHVAC.y"][-1], discrete["EHVAC.y"][-1]], [4.1307e10, 4.1693e10], rtol=2e-5)
    # kW of each day, of the intervals that begin in it
    power = np.diff(continuous["EHVAC.y"]) / np.diff(continuous.time)
    day = (continuous.time[:-1] - continuous.time[0]) // 86400.0
    means = [1e-3 * power[day == each].mean() for each in range(7)]
    assert_allclose(means, [68.1, 72.1, 69.0, 65.8, 69.5, 68.1, 65.7], atol=0.06)
    assert_allclose(continuous.celsius("TCHWEntChi.T").mean(), 20.2, atol=0.05)
    assert_allclose(continuous.celsius("TCWLeaTow.T").mean(), 16.7, atol=0.05)
    assert_allclose(continuous.celsius("wseCon.TWetBul").mean(), 13.3, atol=0.05)
    # the economizer's rule in kelvin leaves it on nearly always
    assert_allclose(continuous["wseCon.y1"].mean(), 0.99, atol=5e-3)


def test_the_chiller_beside_the_economizer_is_the_one_known(data):
    found = modelica_chillers.beside_economizer(data, "IntegratedPrimarySecondaryEconomizer", "key", "words")
    cop, power = found.quantities
    assert_allclose(cop.dcsim.max(), 6.3, atol=0.05)
    # in the second half of the day 33.5 kW of heat for 5.58 kW
    half = np.sum(power.dcsim[found.axis.values >= 43_200.0]) / 51.0
    heat = np.sum((cop.dcsim * power.dcsim)[found.axis.values >= 43_200.0]) / 51.0
    assert_allclose([half, heat], [5.58e3, 33.5e3], rtol=2e-3)
    assert 0.04 < found.load.min() < found.load.max() < 0.17


def test_the_steady_hall_on_its_economizer_closes_with_the_specific_heat_of_water(data):
    last = data("Applications_DataCenters_ChillerCooled_Examples_NonIntegratedPrimarySecondaryEconomizer")
    heat, by_economizer, by_tower = (
        -last[name][-1] for name in ("ahu.cooCoi.Q2_flow", "chiWSE.wse.heaExc.hex.Q2_flow", "cooTow[1].Q_flow")
    )
    # 500 kW of servers and the heat of the fan, within 0.3 %; no chiller; two towers
    assert_allclose([heat, by_economizer, 2.0 * by_tower], 501.3e3, rtol=5e-4)
    assert_allclose(heat, 500e3, rtol=3e-3)
    supply, returning, cold, warm = (
        last.celsius(f"{name}.T")[-1] for name in ("TCHWSup", "TCHWRet", "TCWSup", "TCWRet")
    )
    assert_allclose([supply, returning, cold, warm], np.array([281.1, 297.4, 280.3, 282.1]) - 273.15, atol=0.06)
    # two pumps of 34.7 kg/s on the tower side, and an exchanger with so much water that its warm side alone matters
    stream = 2.0 * 34.7 * WATER_SPECIFIC_HEAT
    assert_allclose(warm, cold + by_economizer / stream, atol=2e-3)
    effectiveness = (returning - supply) / (returning - cold)
    chilled = by_economizer / (returning - supply)
    assert chilled < stream
    assert_allclose(economizer.heat_flow(effectiveness, chilled, stream, returning, cold), by_economizer, rtol=1e-9)
    assert_allclose(economizer.leaving_temperature(effectiveness, returning, cold), supply, atol=1e-9)


def test_at_rest_the_tower_sheds_what_the_hall_and_its_plant_draw_and_the_air_is_at_its_set_point():
    step, hours = 12.0, 7
    time = 3600.0 * np.arange(hours + 1.0)
    run = modelica_plant.simulated(time, np.full(round(hours * 3600.0 / step) + 1, 12.0), step)
    for laws in ("dcsim", "library"):
        column = run.column(0, laws)
        inside = run.at["hvac_power"][-1, column] - modelica_plant.TOWER_FAN_POWER
        assert_allclose(run.at["tower_heat"][-1, column], modelica_plant.IT_POWER + inside, rtol=1e-6)
        assert_allclose(run.at["supply"][-1, column], modelica_plant.SUPPLY_SETPOINT, atol=1e-5)
    assert_allclose(np.diff(run.energy[-2:], axis=0)[0, 0], 3600.0 * run.at["hvac_power"][-1, 0], rtol=1e-4)


def test_warmer_outdoor_air_costs_energy_with_all_laws_and_controls():
    step, time = 12.0, 1800.0 * np.arange(9.0)
    energy = [
        modelica_plant.simulated(time, np.full(1201, wet_bulb), step).energy[-1] for wet_bulb in (10.0, 16.0, 20.0)
    ]
    assert np.all(np.diff(energy, axis=0) > 0.0)


# --- everything beside the reference ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject", [each for each in modelica.SUBJECTS if each is not modelica_plant_week], ids=lambda each: each.__name__
)
def test_every_quantity_is_within_its_tolerance(data, subject):
    for case in subject.cases(data):
        for quantity in case.quantities:
            assert has_passed(quantity, compared(quantity)), (case.name, quantity.name, compared(quantity))


@pytest.mark.slow
def test_the_week_and_the_rank_of_its_days_are_the_librarys(week):
    for case in week.values():
        for quantity in case.quantities:
            assert has_passed(quantity, compared(quantity)), (case.name, quantity.name, compared(quantity))
    energies = [
        week[f"plant_week_{control}"].quantities[0].reference.sum() * 3.6e6 for control in modelica_plant.CONTROLS
    ]
    assert_allclose(energies, [4.1307e10, 4.1693e10], rtol=1e-4)
    assert sorted(week["plant_week_days"].quantities[1].dcsim) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def test_with_the_librarys_own_coil_and_curves_the_week_comes_within_half_a_percent(data):
    run, references = modelica_plant_week.simulated_week(data)
    for control, reference in enumerate(references):
        energy = reference["EHVAC.y"]
        own = run.energy[-1, run.column(control, "library")]
        assert_allclose(own / (energy[-1] - energy[0]), 1.0, atol=5e-3)


def test_names_of_cases_are_unique(data, week):
    names = [
        *week,
        *(case.name for each in modelica.SUBJECTS if each is not modelica_plant_week for case in each.cases(data)),
    ]
    assert len(names) == len(set(names)) >= 30
