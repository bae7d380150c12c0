"""The comparison with EnergyPlus: the hall it describes, how a run is cut, EnergyPlus's own iteration, and the agreement itself."""

import os
from dataclasses import fields, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from dcsim_experiments.cli import main
from dcsim_experiments.validation import energyplus, energyplus_iterate, energyplus_live, energyplus_plant
from dcsim_experiments.validation.energyplus_live import LiveCase, Outage, run_live, weather_file
from dcsim_experiments.validation.energyplus_reference import EnergyPlusRun, read_run
from dcsim_experiments.validation.results import NoDataError, compared, entry, has_passed
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from dcsim.errors import InputError
from dcsim.physics import moist_air
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.hall import build_hall

needs_engine = pytest.mark.skipif(
    not energyplus_live.is_available(), reason="EnergyPlus is not installed: pip install 'dcsim[validation]'"
)
needs_data = pytest.mark.skipif("DCSIM_DATA" not in os.environ, reason="DCSIM_DATA names no folder of reference data")

USUAL = {
    "outdoor_dry_bulb_temperature": 18.0,
    "outdoor_wet_bulb_temperature": 14.0,
    "outdoor_humidity_ratio": 0.0085,
    "outdoor_pressure": 99_000.0,
    "wind_speed": 4.0,
    "zone_temperature": 30.0,
    "zone_temperature_setpoint": 30.0,
    "zone_humidity_ratio": 0.002,
    "supply_air_humidity_ratio": 0.002,
    "server_inlet_temperature": 20.5,
    "supply_air_temperature": 20.0,
    "supply_air_temperature_setpoint": 20.0,
    "supply_air_mass_flow": 26.0,
    "chilled_water_supply_temperature": 10.0,
    "chilled_water_temperature_setpoint": 10.0,
    "condenser_water_temperature_setpoint": 18.0,
    "condenser_water_mass_flow": 19.1733,
    "chilled_water_mass_flow": 6.0,
    "chilled_water_pump_mass_flow": 6.0,
    "cpu_load": 0.7,
}
CHICAGO_PRESSURE = 98_933.5  # Pa, standard atmosphere at 201 m


def made_up(count=6, step=3600.0, **changes):
    """A run of so many intervals, with some columns changed."""
    columns = {
        field.name: np.zeros(count)
        for field in fields(EnergyPlusRun)
        if field.name not in ("case", "path", "time_step", "time_end")
    }
    columns |= {name: np.full(count, value) for name, value in USUAL.items()}
    columns |= {name: np.broadcast_to(value, count).astype(float) for name, value in changes.items()}
    ends = np.datetime64("2017-04-01T00:00:00") + np.arange(1, count + 1) * np.timedelta64(round(step), "s")
    run = EnergyPlusRun(case="crah_chw_made_up", path=Path("made_up"), time_step=step, time_end=ends, **columns)
    # the flow of the servers tells the pressure of the site
    volume = 28.0 * (0.2 + 0.4 * run.cpu_load + 0.02 * run.server_inlet_temperature)
    density = CHICAGO_PRESSURE / (287.0 * 293.65 * (1.0 + 1.6077687 * 0.002))
    return replace(run, server_air_mass_flow=volume * density)


def part_of(run, rows):
    """Some intervals of a run."""
    kept = {field.name: getattr(run, field.name) for field in fields(EnergyPlusRun)}
    return EnergyPlusRun(**{name: of[rows] if isinstance(of, np.ndarray) else of for name, of in kept.items()})


def operation(run, **changes):
    """What a plant did in a made-up run at a usual point."""
    values = {
        "return_air_temperature": 30.0,
        "fan_temperature_rise": 0.6,
        "chilled_water_supply_temperature": 10.0,
        "chilled_water_return_temperature": 21.9,
        "basin_temperature": 18.0,
        "tower_inlet_temperature": 22.5,
        "tower_outlet_temperature": 18.0,
        "evaporator_heat_flow": 300e3,
        "condenser_heat_flow": 345e3,
        **changes,
    }
    return energyplus_iterate.Operation(**{name: np.full(len(run.cpu_load), value) for name, value in values.items()})


@pytest.fixture(scope="module")
def params():
    return build_hall(energyplus_plant.hall_of(made_up())).params


# --- the hall ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elevation", "conductance"),
    [(201.0, 46_479.05), (11.0, 48_111.66), (1726.0, 35_641.11)],  # W/K, sized by EnergyPlus in Chicago, Miami, Denver
)
def test_the_coil_is_sized_by_its_rating_as_in_energyplus(elevation, conductance):
    pressure = float(moist_air.standard_pressure(elevation))
    density = energyplus_plant.air_density(pressure, 20.0)
    # EnergyPlus's search stops up to a thousandth above the conductance that meets the rating
    assert_allclose(energyplus_plant.rated_conductance(density), conductance, rtol=5e-4)
    whole, share = energyplus_plant.coil_rating(density)
    air, water = whole / share, whole / (1.0 - share)
    at_rating = 1.0 / (1.0 / (air * (32.0 / 36.0) ** 0.8) + 1.0 / water)
    assert_allclose(at_rating, energyplus_plant.rated_conductance(density), rtol=1e-12)
    assert_allclose(water / (air * (32.0 / 36.0) ** 0.8), 3.3, rtol=1e-12)


def test_the_towers_nominal_capacity_is_what_energyplus_computes_for_it():
    assert_allclose(energyplus_plant.tower_capacity(CHICAGO_PRESSURE), 615.7e3, rtol=3e-3)


def test_the_hall_of_a_run_stands_at_its_site_and_in_its_air():
    low, high = made_up(), made_up()
    high = replace(high, server_air_mass_flow=0.8 * high.server_air_mass_flow)
    halls = [energyplus_plant.hall_of(run) for run in (low, high)]
    assert_allclose(halls[0].crahs.mass_flow.value, 36.0 * 1.17589, rtol=1e-4)  # kg/m3 of 20 degC in Chicago
    assert_allclose(halls[1].crahs.mass_flow.value, 0.8 * halls[0].crahs.mass_flow.value, rtol=1e-9)
    assert_allclose(halls[0].room.air_specific_heat.value, 1006.0 + 1860.0 * 0.002, rtol=1e-9)
    assert_allclose(halls[0].room.hot_air_heat_capacity.value, 1061.88 * 1.1371 * 1009.7, rtol=1e-3)
    assert halls[1].coils.conductance.value < halls[0].coils.conductance.value


def test_the_room_comes_back_to_its_set_point_as_in_energyplus_equations():
    # the zone's balance and the thermostat as EnergyPlus writes them, step by step
    capacity, surfaces, step = 1.2e6, energyplus_plant.INNER_FILM, 600.0
    heat, supply, setpoint = 300e3, 20.0, 30.0
    past = [31.0, 31.0, 31.0]
    for _ in range(6):
        history = capacity / step * (3.0 * past[0] - 1.5 * past[1] + past[2] / 3.0)
        heat_and_surfaces = heat + surfaces * setpoint
        load = heat_and_surfaces + history - (11.0 / 6.0 * capacity / step + surfaces) * setpoint
        flow = load / (past[0] - supply)  # W/K
        room = (heat_and_surfaces + history + flow * supply) / (11.0 / 6.0 * capacity / step + surfaces + flow)
        excess = (past[0] - setpoint, room - setpoint)
        constant = energyplus_plant.thermostat_time_constant(step, capacity, flow)
        assert_allclose(excess[1] / excess[0], np.exp(-step / constant), rtol=1e-9)
        past = [room, *past[:2]]
    assert (
        0.3 < room - setpoint < 0.5
    )  # after an hour four tenths are left, though the room's air is changed each half minute


def test_the_sun_warms_the_envelope_and_wind_cools_what_the_sun_warmed():
    dark, bright = made_up(), made_up(direct_normal_irradiance=600.0, diffuse_horizontal_irradiance=150.0)
    windy = replace(bright, wind_speed=12.0 + 0.0 * bright.wind_speed)
    assert_allclose(energyplus_plant.sol_air_excess(dark), 0.0)
    excess = energyplus_plant.sol_air_excess(bright)[0]
    # by hand: level 450, wall 0.25 600 + 75 + 45 = 270 W/m2; weights 119.05 and 42.18; film 10.79 + 4.192 0.55 4
    assert_allclose(excess, 0.75 * (119.05 * 270.0 + 42.18 * 450.0) / 161.24 / 20.01, rtol=1e-3)
    assert energyplus_plant.sol_air_excess(windy)[0] < excess


# --- the clock --------------------------------------------------------------------------------------------------------


def test_pieces_fill_every_interval_and_begin_with_its_zone_steps():
    for step, zone_steps in ((3600.0, 6), (600.0, 1), (300.0, 1), (60.0, 1)):
        for parts in energyplus_plant.pieces(made_up(step=step)):
            assert_allclose(sum(piece.length for piece in parts), step, rtol=1e-12)
            assert sum(piece.begins_zone_step for piece in parts) == zone_steps
            assert all(piece.fan == 1.0 and piece.chiller == 1.0 for piece in parts)
            assert max(piece.length / piece.substeps for piece in parts) <= 15.0


def test_an_outage_is_found_by_what_stood_still():
    off = np.array([0, 0, 1, 0, 0, 0], bool)
    fan = made_up(
        step=60.0, condenser_water_mass_flow=np.where(off, 0.0, 19.1733), supply_air_mass_flow=np.where(off, 0.0, 26.0)
    )
    chiller = made_up(
        step=60.0,
        condenser_water_mass_flow=np.where(off, 0.0, 19.1733),
        chilled_water_mass_flow=np.where(off, 0.0, 6.0),
        chilled_water_pump_mass_flow=np.where(off, 10.35, 6.0),  # passes the machine
    )
    for run, fan_share, chiller_share in ((fan, off, 0.0 * off), (chiller, 0.0 * off, off)):
        assert_allclose(run.fan_off_share, fan_share)
        assert_allclose(run.chiller_off_share, chiller_share)
        assert run.is_chiller_off.tolist() == off.tolist()
    assert fan.is_fan_off.tolist() == off.tolist() and not chiller.is_fan_off.any()
    parts = energyplus_plant.pieces(fan)
    assert all(piece.fan == float(not is_off) for row, is_off in zip(parts, off, strict=True) for piece in row)
    parts = energyplus_plant.pieces(chiller)
    assert all(piece.chiller == float(not is_off) for row, is_off in zip(parts, off, strict=True) for piece in row)


def test_a_machine_that_stood_for_a_part_of_an_interval_stood_where_its_neighbors_say():
    share = np.array([0.0, 0.25, 1.0, 0.5, 0.0, 0.5])
    spans = energyplus_plant.off_spans(share, 600.0, 60.0)
    assert spans[0][0] == spans[0][1]
    assert spans[1] == (450.0, 600.0)  # goes on in the next interval
    assert spans[2] == (0.0, 600.0)
    assert spans[3] == (0.0, 300.0)  # comes from the one before
    assert spans[5] == (120.0, 420.0)  # alone: in the middle, from a whole step
    run = made_up(step=600.0, condenser_water_mass_flow=19.1733 * (1.0 - share))
    lengths = [sum(piece.length * (1.0 - piece.fan) for piece in row) for row in energyplus_plant.pieces(run)]
    assert_allclose(lengths, 600.0 * share, atol=1.0)


def test_hourly_means_are_those_of_whole_hours_and_of_what_is_left():
    values = np.array([1.0, 3.0, 5.0, 7.0, 10.0])
    assert_allclose(energyplus.hourly(values, 2), [2.0, 2.0, 6.0, 6.0, 10.0])
    assert_allclose(energyplus.hourly(values, 1), values)


def test_cases_are_called_without_their_step_unless_there_are_two_of_one():
    files = [Path(f"crah_chw_{name}.csv.gz") for name in ("chicago_hourly", "excite_5min", "july_1min", "july_10min")]
    names = list(energyplus.case_names(files).values())
    assert names == ["crah_chw_chicago", "crah_chw_excite", "crah_chw_july_1min", "crah_chw_july_10min"]


def test_recovery_ends_when_the_hall_is_back_or_after_three_hours():
    off = np.zeros(60, bool)
    off[5] = True
    away = np.zeros(60)
    away[6:10] = 5.0
    run = made_up(60, 600.0, condenser_water_mass_flow=np.where(off, 0.0, 19.1733), supply_air_temperature=20.0 + away)
    assert np.flatnonzero(energyplus.with_recovery(run)).tolist() == [5, 6, 7, 8, 9]
    run = replace(run, supply_air_temperature=np.full(60, 25.0))  # never at its set-point
    assert np.flatnonzero(energyplus.with_recovery(run)).tolist() == list(range(5, 5 + 18))


# --- EnergyPlus's iteration -------------------------------------------------------------------------------------------


def test_the_mean_of_a_mixed_half_loop_solves_its_equation():
    last, entering, flow, step = 24.0, 20.0, 19.238, 300.0
    solved = solve_ivp(
        lambda t, y: flow / 999.898 * (entering - y), (0.0, step), [last], rtol=1e-10, atol=1e-12, dense_output=True
    )
    times = np.linspace(0.0, step, 20_001)
    mean = np.trapezoid(solved.sol(times)[0], times) / step
    assert_allclose(energyplus_iterate.mixed_tank(last, entering, flow, step), mean, rtol=1e-7)


def test_a_law_is_solved_within_its_bounds():
    found = energyplus_iterate.solved(lambda x: x * x, np.array([0.25, 4.0, 1e-9]), 0.1, 1.0)
    assert_allclose(found, [0.5, 1.0, 0.1], atol=1e-9)


def test_the_chillers_power_is_that_of_its_curves(params):
    # curve set D by hand at 10 and 20 degC: capacity and energy input ratio, part-load curve
    capacity = 0.252113 + 0.1324053 - 0.8637329 + 1.7162112 - 1.7044704 + 1.7323798
    eir = 0.4475238 - 0.258821 - 0.1459053 + 0.868519 - 0.4002604 + 0.3840212
    ratio = 300e3 / (471_200.0 * capacity)
    power = 471_200.0 * capacity / 5.89 * eir * (0.2778889 + 0.2338363 * ratio + 0.4883748 * ratio**2)
    found = energyplus_iterate.chiller_power(np.array([300e3]), np.array([10.0]), np.array([20.0]), params)
    assert_allclose(found, power, rtol=1e-9)


def test_the_load_at_the_greatest_air_flow_is_that_of_the_coil_or_of_the_plants_limit(params):
    run = made_up(8)
    found = energyplus_iterate.load_at_greatest_air_flow(run, params, operation(run))
    # 36 m3/s cooled from 30 to 19.4 degC; the pump, and water that was warmer before, add to it
    air = 36.0 * 1.17589 * 1009.72 * (30.0 - 19.4)
    assert (found > air).all() and (found < 1.04 * air).all()
    hot = energyplus_iterate.load_at_greatest_air_flow(run, params, operation(run, return_air_temperature=36.0))
    assert_allclose(hot, 1.15 * 471_200.0)


def test_closed_loops_reject_what_the_condenser_gives(params):
    run = made_up(40, outdoor_wet_bulb_temperature=np.linspace(-5.0, 24.0, 40), outdoor_dry_bulb_temperature=27.0)
    _, closed = energyplus_iterate.water_sides(run, params, operation(run))
    steady = operation(
        run,
        tower_inlet_temperature=22.5,
    )._replace(
        tower_inlet_temperature=closed.tower_inlet_temperature,
        tower_outlet_temperature=closed.tower_outlet_temperature,
        condenser_heat_flow=300e3 + closed.chiller_power,
    )
    for _ in range(30):  # until nothing of the step before is left in the tanks
        _, closed = energyplus_iterate.water_sides(run, params, steady)
        steady = steady._replace(
            tower_inlet_temperature=closed.tower_inlet_temperature,
            tower_outlet_temperature=closed.tower_outlet_temperature,
        )
    taken = WATER_SPECIFIC_HEAT * 19.238 * (closed.tower_inlet_temperature - closed.tower_outlet_temperature)
    assert_allclose(taken, 300e3 + closed.chiller_power + 0.9 * 4900.0, rtol=1e-4)
    assert_allclose(closed.condenser_inlet_temperature, closed.tower_outlet_temperature, atol=1e-3)
    cool = closed.tower_fan_power < 5800.0
    assert_allclose(closed.tower_outlet_temperature[cool], 18.0, atol=1e-3)
    assert (closed.tower_outlet_temperature[~cool] > 18.0).all() and cool.any() and (~cool).any()


def test_what_energyplus_iterates_differs_where_the_tower_cannot_hold_its_set_point_for_the_greatest_air_flow(params):
    cold, warm = made_up(4, outdoor_wet_bulb_temperature=0.0), made_up(4, outdoor_wet_bulb_temperature=16.5)
    iterated, closed = energyplus_iterate.water_sides(cold, params, operation(cold))
    assert_allclose(iterated.condenser_inlet_temperature, closed.condenser_inlet_temperature, atol=1e-6)
    assert_allclose(iterated.chiller_power, closed.chiller_power, rtol=1e-9)
    iterated, closed = energyplus_iterate.water_sides(warm, params, operation(warm, tower_outlet_temperature=20.0))
    assert (iterated.condenser_inlet_temperature > closed.condenser_inlet_temperature + 0.2).all()
    assert (iterated.chiller_power > 1.003 * closed.chiller_power).all()
    # the water leaving its tower nearly forgets it: that belongs to the load itself
    ahead = np.abs(iterated.condenser_inlet_temperature - closed.condenser_inlet_temperature)
    assert (np.abs(iterated.tower_outlet_temperature - closed.tower_outlet_temperature) < 0.5 * ahead).all()


def test_which_of_both_a_run_did_is_seen_from_what_entered_its_condenser(params):
    run = made_up(6, outdoor_wet_bulb_temperature=16.5)
    sides = energyplus_iterate.water_sides(run, params, operation(run, tower_outlet_temperature=20.0))
    for side, is_open in zip(sides, (True, False), strict=True):
        seen = replace(run, condenser_inlet_temperature=side.condenser_inlet_temperature + 0.05)
        assert energyplus.leaves_loops_open(seen, *sides) is is_open


# --- agreement --------------------------------------------------------------------------------------------------------

ASKED = {name: {"error": 0.01} for name in ("cooling", "chiller", "crah_fan", "pump", "tower_fan", "it")}
TEMPERATURES = (
    "supply_air_temperature",
    "return_air_temperature",
    "chilled_water_supply_temperature",
    "chilled_water_return_temperature",
    "condenser_water_supply_temperature",
    "condenser_water_return_temperature",
)


def assert_agreed(case):
    """Everything that is asked for is judged, by the limits asked for, and passes."""
    found = {quantity.name: quantity for quantity in case.quantities}
    for name, limits in ASKED.items():
        assert found[f"{name}_energy_kwh"].tolerance.limits == limits
    assert found["cooling_power"].tolerance.limits == {"cvrmse": 0.03}
    for name in TEMPERATURES:
        assert found[name].tolerance.limits == {"rmse": 0.3}
    failed = {
        name: compared(quantity)
        for name, quantity in found.items()
        if has_passed(quantity, compared(quantity)) is False
    }
    assert not failed


@needs_data
@pytest.mark.parametrize("first_day", [10, 105, 190])  # January, April, July
def test_days_of_the_stored_year_agree(first_day):
    run = read_run(Path(os.environ["DCSIM_DATA"]) / "energyplus_ref" / "crah_chw_chicago_hourly.csv.gz")
    case = energyplus.compared(part_of(run, slice(24 * first_day, 24 * (first_day + 8))))
    assert_agreed(case)
    closed = {quantity.name for quantity in case.quantities if "closed" in quantity.name}
    assert closed in (set(), {"cooling_closed_energy_kwh", "chiller_closed_energy_kwh", "tower_fan_closed_energy_kwh"})


@needs_data
def test_days_of_the_stored_excitation_agree():
    run = read_run(Path(os.environ["DCSIM_DATA"]) / "energyplus_ref" / "crah_chw_excite_5min.csv.gz")
    assert_agreed(energyplus.compared(part_of(run, slice(288 * 60, 288 * 72))))


@needs_engine
@pytest.mark.slow
def test_a_mild_climate_agrees_with_open_loops_and_with_closed_ones():
    weather, start = weather_file("usa_ca_san_francisco"), date(2017, 5, 1)
    found = {}
    for passes in (2, 8):
        run = run_live(LiveCase(weather, "bay", start, 10, "10min", plant_iterations_min=passes))
        found[passes] = energyplus.compared(run)
        assert_agreed(found[passes])
    assert "passes its loops too seldom" in found[2].note and "as it is" in found[8].note
    open_entries = {quantity.name: entry(quantity) for quantity in found[2].quantities}
    closed_entries = {quantity.name: entry(quantity) for quantity in found[8].quantities}
    # the plant that closes its balance is that of the run which closes it, and far from the one that does not
    plain = open_entries["chiller_closed_energy_kwh"]
    assert plain["passed"] is None and plain["error"] < -0.01
    assert_allclose(plain["dcsim"], closed_entries["chiller_energy_kwh"]["dcsim"], rtol=1e-3)
    assert "chiller_closed_energy_kwh" not in closed_entries


@needs_engine
@pytest.mark.slow
def test_outages_of_minutes_agree():
    outages = (
        Outage("crah_fan", datetime(2017, 4, 11, 9), 3.0),
        Outage("chiller", datetime(2017, 4, 14, 15), 10.0),
        Outage("crah_fan", datetime(2017, 4, 17, 2), 6.0),
    )
    weather = weather_file("usa_nj_newark")
    run = run_live(LiveCase(weather, "minutes", date(2017, 4, 10), 10, "1min", outages=outages))
    case = energyplus.compared(run)
    assert_agreed(case)
    found = {quantity.name: quantity for quantity in case.quantities}
    outside = found["supply_air_temperature_outside_outages"]
    assert not outside.tolerance.limits and outside.counted.sum() < found["supply_air_temperature"].counted.sum()
    assert "kWh of heat from nowhere" in case.note and case.focus is not None


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["crah_chw_chicago_hourly", "crah_chw_excite_5min"])
def test_the_stored_runs_agree(name):
    assert_agreed(energyplus.compared(read_run(Path(os.environ["DCSIM_DATA"]) / "energyplus_ref" / f"{name}.csv.gz")))


@needs_engine
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("weather", ["usa_fl_tampa", "usa_co_colorado_springs"])
def test_runs_made_for_any_weather_agree(weather):
    for case in energyplus.cases(None, [Path(weather)]):
        assert_agreed(case)


# --- the command ------------------------------------------------------------------------------------------------------


def test_without_the_engine_and_without_data_one_line_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(energyplus_live, "is_available", lambda: False)
    with pytest.raises(NoDataError, match="not installed"):
        energyplus.cases(None)
    assert main(["validate", "energyplus", "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "dcsim[validation]" in lines[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["validate", "--weather", "usa_fl_miami", "--data", "."], "--weather and --data"),
        (["validate", "bands", "--weather", "usa_fl_miami"], "for energyplus alone"),
    ],
)
def test_weather_that_cannot_be_meant_is_one_line(words, expected, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and expected in lines[0]


@needs_engine
def test_weather_is_a_file_or_one_of_the_engines():
    assert energyplus_live.epw_file(None).name.startswith("USA_IL_Chicago")
    assert energyplus_live.epw_file(Path("usa_fl_miami")).name.startswith("USA_FL_Miami")
    with pytest.raises(InputError, match="not among those of the engine"):
        energyplus_live.epw_file(Path("usa_fl_nowhere"))
    with pytest.raises(InputError, match="no such weather file"):
        run_live(LiveCase(energyplus_live.epw_file(Path("nowhere.epw")), days=1))


@needs_engine
def test_each_climate_has_a_year_a_closed_year_and_a_month_of_outages():
    year, closed, outages = energyplus.live_runs(energyplus_live.epw_file(None), "chicago")
    assert (year.days, year.step, year.plant_iterations_min) == (365, "hourly", 2)
    assert (closed.days, closed.plant_iterations_min) == (365, 8)
    assert (outages.days, outages.step, len(outages.outages)) == (30, "1min", 6)
    assert len({run.file_name for run in (year, closed, outages)}) == 3
