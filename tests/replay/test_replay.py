"""A log that the equations wrote is replayed to what it says; holes, assumptions and offsets are told."""

import numpy as np
import pytest

from dcsim.errors import InputError
from dcsim.physics import constants, server
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall
from dcsim.replay import ahead, boundaries, described, open_loop, score
from dcsim.replay.boundaries import seconds_of_year
from dcsim.replay.sensors import signal_of

EDGE = "edge-dx-50kw"


def errors(taken, replayed):
    """RMSE by channel."""
    return {
        each.name: score(each.values, replayed.of(each.signal, each.number), each.unit).rmse for each in taken.measured
    }


def test_a_log_of_the_hall_itself_is_met(written):
    taken = boundaries(*written().read(), load_hall(EDGE))
    found = errors(taken, open_loop(taken))
    assert len(found) == 10 + 10 + 2 + 2 + 1 + 1
    power = found.pop("cooling_power_1")
    assert max(found.values()) < 1e-6 and power < 1e-3


@pytest.mark.parametrize("hall", [EDGE, "enterprise-1mw"])
def test_metered_racks_stand_for_utilization(written, hall):
    taken = boundaries(*written(hall, load="rack_power").read(), load_hall(hall))
    assert "the hall's power law" in taken.sources["utilization"]
    assert taken.hall.description.racks.power_from == "meter"
    replayed = open_loop(taken)
    found = errors(taken, replayed)
    # What the racks draw is read back from their power to a thousandth; leakage, in the meter here, is not shown to the fans.
    assert max(rmse for name, rmse in found.items() if "rack_inlet" in name) < 0.2


def test_one_meter_is_shared_out_by_the_utilization_of_the_racks(written):
    """Racks of one kind at loads of their own: what each draws follows, with the hall's law, from the sum of all."""
    log = written(steps=60)
    hall = build_hall(load_hall(EDGE))
    load = np.stack([log.frame[f"utilization_{k + 1}"] for k in range(hall.racks)])
    p = hall.params
    power = server.dynamic_power(load, p.idle_power, p.peak_power, p.power_exponent)
    log.frame["it_power_1"] = 1.1 * power.sum(axis=0)  # a meter that sees a tenth more
    log.channels["it_power_1"] = {"signal": "it_power", "unit": "W"}
    taken = boundaries(*log.read(), load_hall(EDGE))
    np.testing.assert_allclose(taken.rows("server_power"), 1.1 * power, rtol=1e-6)
    assert taken.sources["server_power"].endswith("by the utilization of the rack groups and the hall's power law")


def test_what_a_rack_draws_warms_its_air(written):
    taken = boundaries(*written(steps=40, load="rack_power").read(), load_hall(EDGE))
    taken.inputs[:] = taken.inputs[:, :1]  # for ever as at the start: nothing is stored
    replayed = open_loop(taken)
    inlet, outlet, power = (
        replayed.signals[f"rack_{name}"][:, -1] for name in ("inlet_temperature", "outlet_temperature", "power")
    )
    flow = power / (constants.AIR_SPECIFIC_HEAT * (outlet - inlet))
    nominal = taken.hall.params.server_mass_flow_nominal[:, 0]
    assert ((flow > 0.1 * nominal) & (flow < 1.05 * nominal)).all()
    assert (outlet > inlet + 3.0).all()


def test_short_holes_are_bridged_and_long_ones_part_the_replay(written):
    log = written()
    log.frame.loc[log.frame.index[20:30], "dry_bulb_temperature_1"] = np.nan
    log.frame.loc[log.frame.index[60:100], "supply_air_setpoint_2"] = np.nan
    taken = boundaries(*log.read(), load_hall(EDGE))
    assert taken.bridged == {
        name: pytest.approx(10 / 150)
        for name in ("dry_bulb_temperature", "wet_bulb_temperature", "outdoor_humidity_ratio")
    }
    assert taken.segments == (slice(0, 60), slice(100, 150))
    replayed = open_loop(taken)
    assert np.isnan(replayed.signals["room_temperature"][0, 60:100]).all()
    assert np.isfinite(replayed.signals["room_temperature"][0, 100:]).all()
    assert any("2 stretches between long holes" in line for line in described(taken))


def test_what_is_not_logged_is_an_assumption_that_is_said(written):
    log = written()
    log.frame = log.frame.drop(
        columns=["atmospheric_pressure_1", "outdoor_relative_humidity_1", *(f"supply_air_setpoint_{k}" for k in (1, 2))]
    )
    taken = boundaries(*log.read(), load_hall(EDGE))
    assert taken.sources["outdoor_pressure"].startswith("assumed: weather chicago")
    assert taken.sources["outdoor_humidity_ratio"].startswith("assumed: weather chicago")
    assert taken.sources["supply_air_setpoint"] == "log: supply_air_temperature, measured, in place of the set-point"
    assert not any(each.signal == "supply_air_temperature" for each in taken.measured)
    named = boundaries(*log.read(), load_hall(EDGE), weather="denver")
    assert named.sources["outdoor_pressure"] == "weather denver"
    assert (named.rows("outdoor_pressure") < 8.6e4).all()


def test_an_offset_sensor_spoils_the_open_loop_and_not_the_forecast(written):
    log = written(steps=300)
    log.frame["rack_inlet_temperature_3"] += 1.5
    taken = boundaries(*log.read(), load_hall(EDGE))
    found = ahead(taken)
    names = [each.name for each in found.channels]
    k = names.index("rack_inlet_temperature_3")
    measured = taken.measured[k].values
    assert score(measured, open_loop(taken).of("rack_inlet_temperature", 3), "degC").bias == pytest.approx(
        -1.5, abs=1e-3
    )
    assert abs(score(measured, found.one_hour[k], "degC").bias) < 0.15
    hour = [score(each.values, found.one_hour[i], each.unit).rmse for i, each in enumerate(found.channels)]
    before = [score(each.values, found.persistence[i], each.unit).rmse for i, each in enumerate(found.channels)]
    assert (np.array(hour) < 0.5 * np.array(before)).all()


def test_air_sensors_that_are_off_do_not_bend_the_heat(written):
    """Thirty offsets of a kelvin are no heat: what the meters show is foretold as by the open loop, which is right."""
    log = written(steps=240, more=("heat_removed",))
    random = np.random.default_rng(0)
    for name in log.frame:
        if name.startswith(("rack_inlet", "rack_outlet", "return_air")):
            log.frame[name] += random.normal(0.0, 1.0)
    found = ahead(boundaries(*log.read(), load_hall(EDGE)))
    for i, each in enumerate(found.channels):
        if each.unit == "W":
            assert score(each.values, found.one_step[i], "W").cvrmse < 0.003
            assert score(each.values, found.one_hour[i], "W").cvrmse < 0.003


def test_every_step_is_an_origin_whatever_readings_lack(written):
    """Of a sensor that is silent once an hour, whichever minute that is, the hour ahead is scored at all other steps."""
    taken = boundaries(*written(steps=240).read(), load_hall(EDGE))
    silent = taken.measured[0]
    silent.values[59::60] = np.nan
    found = ahead(taken)
    foretold = np.isfinite(found.one_hour[0])
    np.testing.assert_array_equal(np.flatnonzero(foretold), np.arange(59 + 60, 240))
    assert score(silent.values, found.one_hour[0], "degC").steps == 121 - 3
    np.testing.assert_array_equal(found.persistence[0, 119:179], np.append(silent.values[58], silent.values[60:119]))


def test_forecasts_do_not_see_what_they_foretell(written):
    log = written(steps=200)
    taken = boundaries(*log.read(), load_hall(EDGE))
    plain = ahead(taken)
    for each in taken.measured:
        each.values[130:] = np.nan
    cut = ahead(taken)
    np.testing.assert_array_equal(cut.one_step[:, :131], plain.one_step[:, :131])
    assert np.isfinite(cut.one_hour[:, 179]).all()
    np.testing.assert_array_equal(cut.one_hour[:, 179], plain.one_hour[:, 179])


@pytest.mark.parametrize(
    ("dropped", "changes", "words"),
    [
        ("utilization", {}, "rack_power, it_power or utilization"),
        ("utilization_4", {}, "utilization is mapped for some, not for number 4"),
        ("crah_fan_speed_2", {}, "crah_fan_speed is mapped for some, not for number 2"),
        ("", {"crah_fan_speed_1": {"unit": "rpm"}, "crah_fan_speed_2": {"unit": "rpm"}}, "say nominal:"),
    ],
)
def test_what_cannot_be_replayed_is_refused(written, dropped, changes, words):
    log = written()
    if dropped:
        log.frame = log.frame.drop(columns=[name for name in log.frame if name.startswith(dropped)])
    read = log.read(**changes)
    with pytest.raises(InputError, match=words):
        boundaries(*read, load_hall(EDGE))


def test_a_leap_year_loses_its_29th_of_february_after_it():
    times = np.array(["2023-03-01T00", "2024-02-28T00", "2024-03-01T00", "2024-12-31T23"], "datetime64[ns]").astype(
        np.int64
    )
    days = [59.0, 58.0, 59.0, 364.0 + 23 / 24]
    np.testing.assert_allclose(seconds_of_year(times, 0.0) / 86_400.0, days)
    np.testing.assert_allclose(seconds_of_year(times[:1], -6.0) / 86_400.0, 58.75)


def test_the_fans_of_one_unit_are_not_taken_for_all_of_them():
    hall_fans = {"crah_fan_power": np.array([[4000.0, 4100.0]])}
    assert signal_of(hall_fans, "crah_fan_power", 1) is None
    np.testing.assert_array_equal(signal_of(hall_fans, "crah_fan_power"), [4000.0, 4100.0])


def test_a_hole_in_which_nothing_changes_leaves_the_replay_as_it_is(written):
    """The hall is run through holes, so behind one of a quarter of an hour where all stands still it is what it would be without it."""
    log = written("enterprise-1mw", steps=150, held=75)
    whole = open_loop(boundaries(*log.read(), load_hall("enterprise-1mw")))
    log.frame.loc[log.frame.index[120:136], "utilization_1"] = np.nan
    taken = boundaries(*log.read(), load_hall("enterprise-1mw"))
    assert taken.segments == (slice(0, 120), slice(136, 150))
    parted = open_loop(taken).of("room_temperature")
    assert np.isnan(parted[120:136]).all()
    np.testing.assert_allclose(parted[136:], whole.of("room_temperature")[136:], rtol=1e-9)
    assert np.ptp(parted[136:]) > 0.01  # and not at rest
