"""The measured hall beside dcsim's: what drives it, how answers to load steps are read, and what the real log says."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dcsim_experiments.validation import rise
from dcsim_experiments.validation.results import NoDataError, compared, has_passed
from dcsim_experiments.validation.rise_log import RiseLog
from numpy.testing import assert_allclose

from dcsim.errors import InputError
from dcsim.physics import room_air
from dcsim.plant.hall import build_hall

ROWS, STEP = 240, 30.0
SERVERS = tuple(f"p02r{rack:02d}c{k // 3 + 1:02d}srv{k % 3 + 1:02d}" for rack in range(1, 13) for k in range(30))


def made_up_log(rows: int = ROWS) -> RiseLog:
    """A hall that stands still: 60 W a server, 4 kW besides, fans at 2000 1/min, coolers at 40 %."""

    def flat(value, *rest):
        return np.full((*rest, rows), value)

    return RiseLog(
        time=np.datetime64("2019-10-01T06:00:00") + np.arange(rows) * np.timedelta64(30, "s"),
        fan_signal=flat(0.40, 4),
        room_setpoint=flat(23.0, 4),
        room_temperature=flat(23.0, 4),
        return_temperature=flat(25.0, 4),
        discharge_temperature=flat(16.5, 4),
        front_temperature=flat(19.0, 4, 3),
        rear_temperature=flat(30.0, 4, 3),
        aisle_strip_temperature=flat(25.0, 5),
        pressure_difference=flat(-1.0),
        heat_out=flat(25.6e3),
        facility_power=flat(30e3),
        it_power=flat(25.6e3),
        servers=SERVERS,
        rack_of_server=np.repeat(np.arange(12), 30),
        server_power=flat(60.0, 360),
        server_inlet_temperature=flat(19.0, 360),
        server_outlet_temperature=flat(30.0, 360),
        server_fan_speed=flat(2000.0, 360),
        faults={},
    )


@pytest.fixture(scope="module")
def still():
    log = made_up_log(40)
    return log, rise.simulated(log, np.array([16.5, 16.5, 17.0, 17.0]))


def test_the_hall_has_the_published_flow_mass_and_effectiveness_of_its_servers():
    """Script: 2 x 109.7 CFM (8000/11000)^3 at 8000 1/min, linear; geometry.lua: 8 kg of 400 J/(kg K); Pardey et al. 2015: 0.9."""
    p = build_hall(rise.rise_hall()).params
    per_server = 2.0 * 109.7 * (8000.0 / 11000.0) ** 3 * 0.3048**3 / 60.0 * 2000.0 / 8000.0
    assert_allclose(p.server_mass_flow_nominal, 90 * 1.2 * per_server, rtol=1e-4)
    assert_allclose(p.server_heat_capacity, 90 * 8.0 * 400.0, rtol=1e-4)
    assert_allclose(p.server_effectiveness, 0.9, rtol=1e-12)
    assert_allclose(p.crah_mass_flow_nominal, 2.2 * 1.2, rtol=1e-12)
    first = build_hall(rise.rise_hall().replaced(dict(rise.FIRST_CONSTANTS["first_effectiveness"]))).params
    conductance = first.server_effectiveness * first.air_specific_heat * first.server_mass_flow_nominal
    assert_allclose(first.server_heat_capacity / conductance, 8.0 * 400.0 / (40.0 * 0.15), rtol=1e-3)  # 533 s


def test_recirculation_levels_and_film_of_the_hall_follow_from_its_published_geometry():
    """geometry.lua: outlets of 1.00 x 1.775 m on the floor, 1.28 m before the racks, servers from 0.30 to 1.77 m of 2.22 m, aisles."""
    p = build_hall(rise.rise_hall()).params
    entrained = room_air.jet_entrainment(1.28, 1.00 + 2.0 * 1.775, 1.00 * 1.775)
    assert_allclose(p.recirculation_min, entrained / (1.0 + entrained), atol=5e-4)
    below, above = 0.30, 2.22 - 1.77
    weights = 3.0 * np.array([below, 0.0, above]) / (below + above)
    assert_allclose(p.front_relative_shortfall.reshape(4, 3), np.tile(weights, (4, 1)), rtol=1e-6)
    flow = 360 * 0.0099578  # m3/s, of all servers at 2000 1/min
    velocities = flow / np.array([1.70 * 3.72, 2.0 * (3.0 - 2.22) * 3.72])  # through the hot aisle, over both rows
    assert_allclose(velocities, 0.6, atol=0.035)
    radiation = 0.9 * 4.0 * 5.670374e-8 * 300.15**3
    assert_allclose(p.mass_conductance.sum(), (34.1 + 66.2) * (4.0 + 4.0 * 0.6 + radiation), rtol=1e-3)  # ISO 6946


def test_coolers_reach_their_own_aisle_alone():
    reach = build_hall(rise.rise_hall()).params.supply_reach
    assert (reach[:2, 2:] == 0.0).all() and (reach[2:, :2] == 0.0).all()
    assert (np.diag(reach) == reach.max(axis=1)).all()


def test_a_hall_that_stands_still_gives_the_water_all_its_power(still):
    """The envelope to 20 degC takes less than a hundredth of it."""
    _, found = still
    assert_allclose(found.water_heat, found.water_heat[0], rtol=1e-6)
    gain = 25.6e3 - found.water_heat[-1]
    assert 0.0 < gain < 0.01 * 25.6e3
    carried = 1006.0 * (found.crah_flow * (found.returned - found.discharge)).sum(axis=0)
    assert_allclose(carried, found.water_heat, rtol=1e-5)
    assert_allclose(
        found.mixed_return[0] - found.mixed_discharge[0], carried[0] / (1006.0 * 4.0 * 2.64 * 0.4), rtol=1e-9
    )
    assert_allclose(found.discharge[:, -1], [16.5, 16.5, 17.0, 17.0], atol=1e-6)


def test_the_air_behind_the_racks_carries_what_the_servers_draw(still):
    _, found = still
    stream = 1006.0 * 90 * 1.2 * 0.0099578
    assert_allclose(found.rear - found.front, 90 * 60.0 / stream, rtol=1e-3)


def test_more_power_warms_the_return_and_more_air_cools_it():
    log, at = made_up_log(20), np.full(4, 16.5)
    base = rise.simulated(log, at)
    loaded = rise.simulated(replace(log, server_power=2.0 * log.server_power, it_power=log.it_power + 21.6e3), at)
    aired = rise.simulated(replace(log, fan_signal=1.2 * log.fan_signal), at)
    assert (loaded.returned > base.returned + 5.0).all()
    assert_allclose(aired.mixed_return - 16.5, (base.mixed_return - 16.5) / 1.2, rtol=1e-3)


def test_what_the_servers_do_not_account_for_is_other_power_and_never_negative():
    log = made_up_log()
    power = log.it_power.copy()
    power[50:53] += 30e3  # the meter runs ahead of the servers for a minute and a half
    assert_allclose(rise.other_power(replace(log, it_power=power)), 4e3)
    assert_allclose(rise.other_power(replace(log, it_power=power - 10e3)), 0.0)


def test_a_driving_quantity_that_is_unknown_is_named_with_its_time():
    log = made_up_log()
    speed = log.server_fan_speed.copy()
    speed[:30, 100] = np.nan
    with pytest.raises(InputError, match=r"server_fan_speed is unknown at 2019-10-01T06:50:00"):
        rise.boundaries(replace(log, server_fan_speed=speed), np.full(4, 16.0))


@pytest.mark.parametrize("data", [None, Path("nowhere")])
def test_without_a_log_the_part_says_what_it_looked_for(data):
    with pytest.raises(NoDataError, match="rise_pod2_exp1"):
        rise.cases(data)


def test_a_sensor_that_lags_follows_a_step_and_a_ramp_exactly():
    time = 30.0 * np.arange(20)
    jump = np.where(time > 0.0, 1.0, 0.0)  # in a straight line over the first 30 s
    ramp = 0.01 * time
    tau = 45.0
    exact = ramp - 0.01 * tau * (1.0 - np.exp(-time / tau))
    assert_allclose(rise.lagged(ramp, 30.0, tau), exact, rtol=0.0, atol=1e-12)
    after = rise.lagged(np.stack([jump, ramp]), 30.0, tau)[0]
    risen = 1.0 - tau / 30.0 * (1.0 - np.exp(-30.0 / tau))
    assert_allclose(after[1:], 1.0 - (1.0 - risen) * np.exp(-(time[1:] - 30.0) / tau), atol=1e-12)


def stepped(tau: float, share: float, hold: int = 180) -> tuple[np.ndarray, np.ndarray]:
    """IT power that rises and falls twice, and a first answer of the given shape."""
    power = np.concatenate(
        [np.full(60, 27.0), np.full(hold, 70.0), np.full(80, 27.0), np.full(hold, 71.0), np.full(40, 27.0)]
    )
    time = 0.5 * np.arange(hold)
    rise_of = 1.0 - share * np.exp(-time / tau) - (1.0 - share) * np.exp(-time / 60.0)
    answer = np.full(len(power), 25.0)
    answer[60 : 60 + hold] += 8.0 * rise_of
    start = 60 + hold + 80
    answer[start : start + hold] += 6.0 * rise_of
    return power, answer


def test_load_steps_are_stretches_from_a_rise_to_the_next_fall():
    power, _ = stepped(5.0, 0.8)
    noisy = power + np.random.default_rng(0).normal(0.0, 0.3, power.shape)
    assert rise.load_steps(noisy, STEP) == [(60, 240), (320, 500)]
    slow = power.copy()
    slow[60:62] = (33.0, 55.0)  # the rise takes a minute: half of it is made in its second row
    assert rise.load_steps(slow, STEP)[0] == (61, 240)


@pytest.mark.parametrize(("tau", "share"), [(5.0, 0.8), (8.5, 0.88), (12.0, 0.6)])
def test_time_constant_and_share_of_an_answer_are_found(tau, share):
    power, answer = stepped(tau, share)
    assert_allclose(rise.step_shape(answer, rise.load_steps(power, STEP), STEP), (tau, share), rtol=1e-5)


def test_time_to_a_share_of_a_single_exponential_is_its_time_constant():
    power, answer = stepped(8.0, 1.0)
    assert rise.time_to_share(answer, rise.load_steps(power, STEP), STEP) == pytest.approx(8.0, abs=0.5)


@pytest.fixture(scope="module")
def measured():
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no measured log to compare with")
    return {case.name: {of.name: of for of in case.quantities} for case in rise.cases(Path(folder))}


def numbers(measured, case, name):
    quantity = measured[case][name]
    return compared(quantity), has_passed(quantity, compared(quantity))


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("rise_pod2", "return_air_temperature"),
        *(("rise_pod2_returns", f"return_air_temperature_{k}") for k in range(1, 5)),
    ],
)
def test_measured_return_air_is_met_within_2_kelvin(measured, case, name):
    found, passed = numbers(measured, case, name)
    assert passed and found.rmse < 2.0


def test_measured_heat_on_the_water_side_is_met_within_3_percent(measured):
    found, passed = numbers(measured, "rise_pod2", "water_side_heat_energy_kwh")
    assert passed and abs(found.error) < 0.03


def test_measured_lower_rack_fronts_are_met_within_a_kelvin_and_the_top_ones_missed_by_far(measured):
    """Asked for: 1 K. Nothing is fitted; the numbers stand as they fall, and this notices when they move."""
    found, passed = numbers(measured, "rise_pod2", "lower_front_temperature_rmse")
    assert passed and found.dcsim <= 1.0
    assert found.dcsim == pytest.approx(0.87, abs=0.05)
    fronts = {name: compared(of).dcsim for name, of in measured["rise_pod2_fronts"].items()}
    assert fronts["front_bottom_temperature_rmse"] == pytest.approx(1.16, abs=0.05)
    assert fronts["front_middle_temperature_rmse"] == pytest.approx(0.42, abs=0.05)
    assert fronts["front_top_temperature_rmse"] == pytest.approx(5.6, abs=0.3)
    published, passed = numbers(measured, "rise_pod2_published_discharge", "lower_front_temperature_rmse")
    assert published.dcsim == pytest.approx(1.17, abs=0.05) and not passed


def test_measured_error_of_the_lower_fronts_is_that_of_means_and_rest(measured):
    means, rest, whole = (
        compared(measured[case][name]).dcsim
        for case, name in (
            ("rise_pod2_fronts", "lower_front_temperature_rmse_of_day_means"),
            ("rise_pod2_fronts", "lower_front_temperature_rmse_around_day_means"),
            ("rise_pod2", "lower_front_temperature_rmse"),
        )
    )
    assert np.hypot(means, rest) == pytest.approx(whole, rel=1e-12)
    spread = compared(measured["rise_pod2_fronts"]["lower_front_spread_of_sections"])
    assert spread.reference == pytest.approx(0.64, abs=0.01)  # what a hall of sections alike could not do better than


def test_measured_bottom_fronts_are_colder_the_more_their_own_cooler_gives_and_the_middle_ones_hardly_move():
    """What the levels rest on, by the log alone: coolers' flow over the racks' draught, both smoothed over ten minutes."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no measured log to look at")
    log = rise.read_rise_log(Path(folder) / rise.FOLDER)
    drawn = log.by_rack(log.server_fan_speed).reshape(4, 3, -1).sum(axis=1)
    kernel = np.ones(20) / 20.0
    ratio, bottom, middle = (
        np.stack([np.convolve(row, kernel, mode="valid") for row in rows])
        for rows in (log.fan_signal / drawn, log.front_temperature[:, 0], log.front_temperature[:, 1])
    )
    for own, low in zip(ratio, bottom, strict=True):
        assert np.corrcoef(own, low)[0, 1] < -0.5
    assert (bottom.mean(axis=1) > middle.mean(axis=1) + 0.5).all()
    assert (middle.std(axis=1) < 0.6 * bottom.std(axis=1)).all()


def test_measured_hall_with_its_first_constants_is_that_of_the_first_run(measured):
    """1.21 K, 8.4 min and 88 % of a step; one level misses the fronts, and only the effectiveness the fast part."""
    found = {name: compared(of).dcsim for name, of in measured["rise_pod2_first_constants"].items()}
    assert found["lower_front_temperature_rmse_all_of_these"] == pytest.approx(1.21, abs=0.01)
    assert found["return_step_time_constant_all_of_these"] == pytest.approx(8.4, abs=0.1)
    assert found["return_step_fast_share_all_of_these"] == pytest.approx(0.88, abs=0.01)
    assert found["lower_front_temperature_rmse_one_level"] == pytest.approx(1.13, abs=0.05)
    assert found["return_step_time_constant_first_effectiveness"] == pytest.approx(9.0, abs=0.3)


def test_measured_step_is_met_in_time_constant_and_share(measured):
    """The log: 5.1 min and 0.78 of the step with the slow rest held at 60 min, 63 % after 7 min."""
    found, passed = numbers(measured, "rise_pod2", "return_step_time_constant")
    assert found.reference == pytest.approx(5.1, abs=0.1)
    assert passed and found.dcsim == pytest.approx(4.9, abs=0.3)
    share, passed = numbers(measured, "rise_pod2", "return_step_fast_share")
    assert share.reference == pytest.approx(0.78, abs=0.01)
    assert passed and share.dcsim == pytest.approx(0.825, abs=0.02)
    until = compared(measured["rise_pod2"]["return_step_time_to_63_percent"])
    assert until.reference == pytest.approx(7.0, abs=0.1)
    assert until.dcsim == pytest.approx(6.1, abs=0.3)
