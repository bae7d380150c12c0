"""EnergyPlus runs of the reference hall: the reader of stored files, the model file, and the engine itself for a day or two."""

import gzip
import os
from dataclasses import fields, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from dcsim_experiments.energyplus_sizes import Crah
from dcsim_experiments.validation import energyplus_live
from dcsim_experiments.validation.energyplus_live import (
    EXCITED,
    OUTPUTS,
    LiveCase,
    Outage,
    is_available,
    live_objects,
    run_live,
    weather_file,
)
from dcsim_experiments.validation.energyplus_reference import COLUMNS, EnergyPlusRun, read_run, reference_files
from dcsim_experiments.validation.results import NoDataError
from numpy.testing import assert_allclose

from dcsim.errors import InputError

needs_engine = pytest.mark.skipif(
    not is_available(), reason="EnergyPlus is not installed: pip install 'dcsim[validation]'"
)
needs_data = pytest.mark.skipif("DCSIM_DATA" not in os.environ, reason="DCSIM_DATA names no folder of reference data")

PLAUSIBLE = {"P_oa_Pa": "98934", "PUE": "1.25", "m_supply_kgs": "25", "m_cw_kgs": "19.1733"}
CHICAGO_ELEVATION = 201.0  # m, first line of the EPW


def standard_pressure(elevation):
    # ASHRAE Fundamentals 2021, ch. 1, eq. 3.
    return 101325.0 * (1.0 - 2.25577e-5 * elevation) ** 5.2559


@pytest.fixture(scope="session")
def reference():
    """Stored runs by case."""
    return {path.name: read_run(path) for path in reference_files(Path(os.environ["DCSIM_DATA"]) / "energyplus_ref")}


@pytest.fixture
def rows():
    """Header and three rows of a file that can be read."""
    names = [column.name for column in COLUMNS.values()]
    values = [PLAUSIBLE.get(name, "0.01") for name in names]
    times = [f"2017-07-01 00:{minute:02d}:00" for minute in (5, 10, 15)]
    return [["time_end_local_std", *names], *([time, *values] for time in times)]


@pytest.fixture
def written(tmp_path):
    """Write rows to a file of the name, packed."""

    def write(rows, name="crah_chw_test_5min.csv.gz"):
        path = tmp_path / name
        path.write_bytes(gzip.compress("\n".join(",".join(row) for row in rows).encode()))
        return path

    return write


# The reader.


def test_case_and_step_come_from_the_name_and_every_column_is_read(rows, written):
    column = rows[0].index("T_supply_C")
    for row, text in zip(rows[1:], ("20.5", "21.5", "22.5"), strict=True):
        row[column] = text
    run = read_run(written(rows))
    assert run.case == "crah_chw_test" and run.time_step == 300.0
    assert_allclose(run.time_s, [300.0, 600.0, 900.0])
    assert run.time_end[0] == np.datetime64("2017-07-01T00:05:00")
    assert_allclose(run.supply_air_temperature, [20.5, 21.5, 22.5])
    arrays = [getattr(run, field.name) for field in fields(run) if field.name in COLUMNS]
    assert len(arrays) == len(COLUMNS) and all(values.shape == (3,) for values in arrays)


def test_columns_stand_in_any_order_beside_others(rows, written):
    shuffled = [[*row[::-1], "7"] for row in rows]
    shuffled[0][-1] = "comment"
    run = read_run(written(shuffled))
    assert_allclose(run.outdoor_pressure, 98934.0)


def test_only_files_of_the_pattern_are_cases(rows, written, tmp_path):
    for name in ("crah_chw_b_1min.csv.gz", "crah_chw_a_hourly.csv.gz", "crah_chw_a_2min.csv.gz", "other_1min.csv.gz"):
        written(rows, name)
    (tmp_path / "crah_chw_a_10min.csv").touch()
    assert [path.name for path in reference_files(tmp_path)] == ["crah_chw_a_hourly.csv.gz", "crah_chw_b_1min.csv.gz"]


def changed(rows, row, column, text):
    rows[row][rows[0].index(column)] = text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: changed(rows, 0, "T_zone_C", "T_zone_K"), r"line 1, field 'T_zone_K': .*expected T_zone_C"),
        (lambda rows: changed(rows, 0, "cpu_load", "load"), r"line 1: no column 'cpu_load'"),
        (lambda rows: changed(rows, 0, "cpu_load", "PUE"), r"line 1, field 'PUE': the column appears twice"),
        (lambda rows: changed(rows, 2, "P_fan_W", ""), r"line 3, field 'P_fan_W': no value"),
        (lambda rows: changed(rows, 2, "P_fan_W", "NaN"), r"line 3, field 'P_fan_W': no value"),
        (lambda rows: changed(rows, 2, "P_fan_W", "inf"), r"line 3, field 'P_fan_W': 'inf' is not a number"),
        (lambda rows: changed(rows, 3, "P_fan_W", "much"), r"line 4, field 'P_fan_W': 'much' is not a number"),
        (lambda rows: changed(rows, 1, "T_zone_C", "303.15"), r"line 2, field 'T_zone_C': 303.15 is not within"),
        (lambda rows: changed(rows, 1, "P_oa_Pa", "989"), r"line 2, field 'P_oa_Pa': 989 is not within"),
        (lambda rows: rows[3].pop(), r"line 4: \d+ fields, expected \d+; the file seems truncated"),
        (lambda rows: rows[2].append("1"), r"line 3: \d+ fields, expected \d+$"),
        (
            lambda rows: changed(rows, 3, "time_end_local_std", "2017-07-01 00:20:00"),
            r"line 4, .*600 s after the row before",
        ),
        (
            lambda rows: changed(rows, 3, "time_end_local_std", "2017-07-01 00:10:00"),
            r"line 4, .*0 s after the row before",
        ),
        (lambda rows: changed(rows, 2, "time_end_local_std", "July"), r"line 3, .*'July' is not a time"),
        (lambda rows: rows.__delitem__(slice(2, None)), "1 rows; a run has at least 2"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(rows, written, change, message):
    change(rows)
    with pytest.raises(InputError, match=message):
        read_run(written(rows))


def test_a_name_without_a_known_step_is_refused(rows, written):
    with pytest.raises(InputError, match="STEP one of hourly, 10min, 5min, 1min"):
        read_run(written(rows, "crah_chw_test_2min.csv.gz"))


def test_the_step_of_the_name_must_be_that_of_the_clock(rows, written):
    with pytest.raises(InputError, match="300 s after the row before; the name of the file says 60 s"):
        read_run(written(rows, "crah_chw_test_1min.csv.gz"))


def test_a_cut_or_damaged_archive_is_refused(rows, written, tmp_path):
    path = written(rows)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(InputError, match="truncated"):
        read_run(path)
    path.write_bytes(b"time_end_local_std,\n")
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_run(path)
    with pytest.raises(InputError, match="no such file"):
        read_run(tmp_path / "crah_chw_none_5min.csv.gz")


# Stored runs.


@needs_data
def test_stored_runs_have_the_totals_that_their_readme_states(reference):
    chicago, excite = reference["crah_chw_chicago_hourly.csv.gz"], reference["crah_chw_excite_5min.csv.gz"]
    assert chicago.it_power.sum() / 1e6 == pytest.approx(2595.9, abs=0.05)  # MWh
    assert chicago.hvac_power.sum() / 1e6 == pytest.approx(625.8, abs=0.05)
    for run, mean, low, high in ((chicago, 1.241, 1.215, 1.282), (excite, 1.273, 1.167, 1.542)):
        mean_pue = run.facility_power.sum() / run.it_power.sum()
        assert_allclose([mean_pue, run.pue.min(), run.pue.max()], [mean, low, high], atol=1e-3)  # some digits cut off
    assert not chicago.is_fan_off.any() and not excite.is_fan_off.any()
    assert not chicago.is_chiller_off.any() and not excite.is_chiller_off.any()


@needs_data
def test_the_machines_add_up_to_the_cooling_power(reference):
    for run in reference.values():
        machines = (
            run.crah_fan_power
            + run.chiller_power
            + run.tower_fan_power
            + run.chilled_water_pump_power
            + run.condenser_water_pump_power
        )
        assert_allclose(run.cooling_power, machines, rtol=2e-5)


@needs_data
def test_the_flow_of_the_servers_gives_the_standard_pressure_of_the_site(reference):
    for run in reference.values():
        assert run.site_pressure == pytest.approx(standard_pressure(CHICAGO_ELEVATION), rel=1e-5)


@needs_data
def test_intervals_that_mix_two_states_are_those_after_changes(reference):
    chicago, excite = reference["crah_chw_chicago_hourly.csv.gz"], reference["crah_chw_excite_5min.csv.gz"]
    assert not chicago.is_mixed.any()
    # The servers breathe the supply air of the step before; where nothing changes that is the present one.
    lag = np.abs(
        0.95 * excite.supply_air_temperature + 0.05 * excite.zone_temperature - excite.server_inlet_temperature
    )
    assert excite.is_mixed.mean() == pytest.approx(0.2, abs=0.01)
    assert lag[excite.is_mixed].mean() > 20.0 * lag[~excite.is_mixed].mean()


# The model file, without the engine.


def scheduled(objects, name, seconds):
    """Value of a Schedule:Compact at times since 1 January, read as the Input Output Reference says."""
    spans, end, begin = [], 0.0, 0.0
    for field in (entry["field"] for entry in objects["Schedule:Compact"][name]["data"]):
        if isinstance(field, str) and field.startswith("Through"):
            month, day = (int(part) for part in field.split()[1].split("/"))
            begin, end = end, (date(2017, month, day) - date(2016, 12, 31)).days * 86400.0
        elif isinstance(field, str) and field.startswith("Until"):
            hours, minutes = (int(part) for part in field.split()[1].split(":"))
            until = 3600.0 * hours + 60.0 * minutes
        elif not isinstance(field, str):
            spans.append((begin, end, until, field))
    assert spans[-1][1] == 365 * 86400.0
    return [
        next(value for low, high, until, value in spans if low <= time < high and time % 86400.0 < until)
        for time in seconds
    ]


def test_every_field_has_an_output_and_nothing_is_autosized():
    objects = live_objects(LiveCase())
    assert set(COLUMNS) - set(OUTPUTS) == {"it_power", "pue", "cooling_power"}
    assert len(objects["Output:Variable"]) == len(OUTPUTS)
    assert "autosize" not in str(objects).lower()


@pytest.mark.parametrize("loop", ["Chilled Water", "Condenser Water"])
def test_each_half_of_a_loop_splits_into_machine_and_bypass(loop):
    objects = live_objects(LiveCase())
    ends = objects["PlantLoop"][loop]
    for side, inlet, outlet in (
        ("Supply", ends["plant_side_inlet_node_name"], ends["plant_side_outlet_node_name"]),
        ("Demand", ends["demand_side_inlet_node_name"], ends["demand_side_outlet_node_name"]),
    ):
        names = [branch["branch_name"] for branch in objects["BranchList"][f"{loop} {side}"]["branches"]]
        parts = [objects["Branch"][name]["components"][0] for name in names]
        assert len(parts) == 4
        assert (parts[0]["component_inlet_node_name"], parts[-1]["component_outlet_node_name"]) == (inlet, outlet)
        assert sum(part["component_object_type"] == "Pipe:Adiabatic" for part in parts[1:3]) == 1
        splitter = objects["Connector:Splitter"][f"{loop} {side} Splitter"]
        assert [branch["outlet_branch_name"] for branch in splitter["branches"]] == names[1:3]


def test_a_machine_is_off_during_its_outages_only():
    outages = (
        Outage("crah_fan", datetime(2017, 7, 2, 23, 58), 4.0),  # across midnight
        Outage("crah_fan", datetime(2017, 7, 4, 10, 0), 5.0),
        Outage("chiller", datetime(2017, 7, 5, 0, 0), 15.0),
    )
    objects = live_objects(LiveCase(start=date(2017, 7, 1), days=7, step="1min", outages=outages))
    minutes = 60.0 * np.arange(365 * 1440)
    day = 86400.0 * (date(2017, 7, 2) - date(2017, 1, 1)).days
    fan = 1.0 - ((minutes >= day + 86280.0) & (minutes < day + 86520.0))
    fan -= (minutes >= day + 2 * 86400.0 + 36000.0) & (minutes < day + 2 * 86400.0 + 36300.0)
    near = (minutes > day - 86400.0) & (minutes < day + 5 * 86400.0)
    near[[0, -1]] = True
    assert_allclose(scheduled(objects, "CRAH Fan Available", minutes[near]), fan[near])
    off = [
        t for t, on in zip(minutes[near], scheduled(objects, "Chiller Available", minutes[near]), strict=True) if not on
    ]
    assert off == [day + 3 * 86400.0 + 60.0 * minute for minute in range(15)]


def test_random_signals_hold_for_one_to_six_hours_within_their_ranges_and_follow_the_seed():
    case = LiveCase(start=date(2017, 4, 1), days=30, step="5min", excitation_seed=4)
    objects, again = live_objects(case), live_objects(case)
    assert objects == again != live_objects(replace(case, excitation_seed=5))
    times = 86400.0 * 90 + 300.0 * np.arange(30 * 288)
    for name, (low, high) in EXCITED.items():
        values = np.array(scheduled(objects, name, times))
        jumps = np.flatnonzero(np.diff(values))
        assert low <= values.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < values.max() <= high
        assert np.diff(jumps).min() >= 12 and np.diff(jumps).max() <= 72
        assert np.ptp(np.diff(jumps)) > 48


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (LiveCase(step="2min"), "step='2min'"),
        (LiveCase(start=date(2017, 12, 31), days=2), "days=2 from 2017-12-31"),
        (LiveCase(days=0), "days=0"),
        (LiveCase(name="a b"), "name='a b'"),
        (LiveCase(days=2, outages=(Outage("chiller", datetime(2017, 1, 3), 5.0),)), "does not lie within the run"),
        (
            LiveCase(days=2, outages=(Outage("chiller", datetime(2017, 1, 2), 5.0),)),
            "does not fit the engine's step of 600 s",
        ),
    ],
)
def test_a_case_that_cannot_be_meant_is_refused(case, message):
    with pytest.raises(InputError, match=message):
        run_live(case)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw", "san_francisco"),
        ("USA_CO_Denver-Aurora-Buckley.AFB.724695_TMY3.epw.gz", "denver"),
        ("USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw", "chicago"),
        ("my site.epw", "my_site"),
    ],
)
def test_the_name_of_the_file_says_the_place(file, place):
    assert LiveCase(weather=Path(file), step="10min").file_name == f"crah_chw_{place}_10min.csv.gz"


def test_without_the_engine_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(energyplus_live, "is_available", lambda: False)
    with pytest.raises(NoDataError, match=r"pip install 'dcsim\[validation\]'"):
        run_live(LiveCase(days=1))


# The engine.


@needs_engine
@needs_data
def test_the_model_written_here_gives_the_stored_run_of_chicago_again(reference):
    stored = reference["crah_chw_chicago_hourly.csv.gz"]
    live = run_live(LiveCase(days=20))  # EnergyPlus averages the path of the sun over 20 days, or what is left of a run
    for field, column in COLUMNS.items():
        # Six significant digits in the files, of means over six steps.
        theirs = getattr(stored, field)[:480]
        assert_allclose(
            getattr(live, field), theirs, rtol=3e-6, atol=2e-5 * np.abs(theirs).max() + 1e-9, err_msg=column.name
        )


@needs_engine
def test_outages_show_in_power_and_flow_of_exactly_their_minutes(tmp_path):
    outages = (Outage("crah_fan", datetime(2017, 1, 5, 3), 4.0), Outage("chiller", datetime(2017, 1, 5, 9), 10.0))
    run = run_live(LiveCase(start=date(2017, 1, 5), days=1, step="1min", outages=outages), tmp_path)
    assert run.path.parent == tmp_path and read_run(run.path).case == "crah_chw_chicago"
    assert np.flatnonzero(run.is_fan_off).tolist() == [180, 181, 182, 183]
    assert np.flatnonzero(run.chiller_power == 0.0).tolist() == [180, 181, 182, 183, *range(540, 550)]
    assert (run.chilled_water_mass_flow[540:550] == 0.0).all() and run.is_chiller_off[540:550].all()
    # 220 kW and a room of 1062 m³ of air: some 10 K a minute without the fan.
    assert run.zone_temperature[183] - run.zone_temperature[179] > 30.0
    assert run.supply_air_temperature[549] - run.supply_air_temperature[539] > 10.0


@needs_engine
def test_random_setpoints_reach_the_engine_in_their_own_step():
    case = LiveCase(start=date(2017, 2, 1), days=1, step="5min", excitation_seed=1)
    run, objects = run_live(case), live_objects(case)
    times = 86400.0 * 31 + run.time_s - 300.0
    for values, schedule in (
        (run.supply_air_temperature_setpoint, "Supply Air Setpoint"),
        (run.zone_temperature_setpoint, "Zone Setpoint"),
        (run.chilled_water_temperature_setpoint, "Chilled Water Setpoint"),
        (run.condenser_water_temperature_setpoint, "Condenser Water Setpoint"),
        (run.cpu_load, "IT Load"),
    ):
        assert np.ptp(values) > 0.0
        assert_allclose(values, scheduled(objects, schedule, times), rtol=1e-5)
    assert_allclose(run.cpu_power, 308e3 * (0.3 + 0.7 * run.cpu_load), rtol=1e-5)


@needs_engine
def test_at_a_high_site_the_air_is_thinner_and_the_coil_smaller():
    run = run_live(LiveCase(weather=weather_file("usa_co_denver"), days=1, step="10min"))
    assert run.site_pressure == pytest.approx(standard_pressure(1726.0), rel=1e-5)
    most = Crah().air_volume_flow_nominal * run.site_pressure / (287.0 * 293.15)
    assert run.supply_air_mass_flow.max() <= most * (1.0 + 1e-4)


@needs_engine
def test_more_passes_through_the_loops_close_the_heat_balance_between_condenser_and_tower():
    # Warm days and a dry room: the tower meets its set-point at the actual load, not at that of the greatest air flow.
    case = LiveCase(weather=weather_file("usa_az_phoenix"), start=date(2017, 5, 10), days=2, step="10min")
    default, closed = run_live(case), run_live(replace(case, plant_iterations_min=8))
    for run, mean_gap, excess in ((default, 0.7, 0.03), (closed, 0.0, 0.0)):
        gap = run.condenser_inlet_temperature - run.tower_outlet_temperature
        assert gap.mean() == pytest.approx(mean_gap, abs=0.2)
        pump_heat = 0.9 * run.condenser_water_pump_power
        heat = (run.tower_heat_flow / (run.condenser_heat_flow + pump_heat)).mean()
        assert heat - 1.0 == pytest.approx(excess, abs=0.01)
    assert default.chiller_power.sum() > 1.01 * closed.chiller_power.sum()


@needs_engine
def test_a_file_that_is_no_weather_is_named(tmp_path):
    path = tmp_path / "nowhere.epw"
    with pytest.raises(InputError, match=r"nowhere\.epw: no such weather file"):
        run_live(LiveCase(weather=path, days=1))
    path.write_text("no weather\n")
    with pytest.raises(InputError, match=r"nowhere\.epw: not an EPW file"):
        run_live(LiveCase(weather=path, days=1))
    path.write_text("LOCATION,Nowhere,XX,YYY,TMY3,000000,40.0,-105.0,-7.0,1650.0\n")
    with pytest.raises(InputError, match=r"nowhere\.epw: EnergyPlus"):
        run_live(LiveCase(weather=path, days=1))


@needs_engine
def test_a_room_that_gets_too_hot_for_the_engine_is_blamed_on_the_outage():
    outage = Outage("crah_fan", datetime(2017, 1, 2, 15), 30.0)
    with pytest.raises(InputError, match="shorten the outage"):
        run_live(LiveCase(days=2, step="10min", outages=(outage,)))


def test_the_reader_and_the_writer_know_the_same_fields():
    assert {field.name for field in fields(EnergyPlusRun)} - set(COLUMNS) == {"case", "path", "time_step", "time_end"}
