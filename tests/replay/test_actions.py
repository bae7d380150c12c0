"""What the log's controller did, as logs tell it: dampers and pumps by the power of fans, compressors by that of their units, set-points."""

import numpy as np
import pytest

from dcsim.calibration import comparable, parameters_of
from dcsim.calibration.batch import Bench
from dcsim.envs.task_halls import with_outdoor_air
from dcsim.errors import InputError
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall
from dcsim.replay import boundaries, open_loop
from dcsim.replay.boundaries import metered
from dcsim.replay.sensors import signal_of

EDGE, LIQUID = "edge-dx-50kw", "ai-d2c-20mw"


def edge_with_air():
    """The edge hall with mixing boxes, no pads."""
    edge = load_hall(EDGE)
    no_pads = {"outdoor_air.evaporative": None, "setpoints.evaporative_share": None}
    return edge.replaced(with_outdoor_air(edge)).replaced(no_pads)


def with_channel(log, name, values, **entry):
    """Write a channel, in place of any that the log has of its signal."""
    signal = entry["signal"] if isinstance(entry["signal"], str) else entry["signal"][0]
    kept = [key for key in log.frame if not str(log.channels[key]["signal"]).startswith(signal)]
    log.frame = log.frame[kept].copy()
    log.frame[name] = values
    log.channels[name] = entry
    return log


@pytest.fixture
def aired(written):
    """Return a log in which an exhaust fan runs for the first half, and for the second does not."""
    log = written(steps=120)
    power = np.where(np.arange(120) < 60, 480.0, 0.0) + 1e-3 * np.arange(120)
    return with_channel(log, "exhaust_fan", power, signal=["outdoor_air_share", "cooling_power"], unit="W", nominal=480)


def test_the_power_of_an_exhaust_fan_says_how_much_outdoor_air_comes_in(aired):
    taken = boundaries(*aired.read(), edge_with_air())
    assert taken.sources["outdoor_air_share"] == "log: outdoor_air_share"
    assert "given_dampers" in taken.hall
    share = open_loop(taken).signals["outdoor_air_share"]
    closed = taken.hall.description.outdoor_air.share_min.value
    np.testing.assert_allclose(share[:, 50:60], 1.0, atol=1e-3)
    assert (share[:, 100:] < closed + 0.1).all() and (share[:, 100:] >= closed - 1e-9).all()
    # the same channel is also a part of what cooling draws, and that is compared
    measured = next(each for each in taken.measured if each.signal == "cooling_power")
    assert measured.channels == ("cooling_power_1", "exhaust_fan")


def test_the_flow_of_a_fan_goes_with_the_cube_root_of_its_power(aired):
    aired.frame["exhaust_fan"] = 60.0 + 1e-3 * np.arange(120)  # an eighth of the nominal power
    taken = boundaries(*aired.read(), edge_with_air())
    np.testing.assert_allclose(taken.rows("outdoor_air_share"), 0.5, atol=1e-3)


def test_a_room_full_of_outdoor_air_is_as_humid_as_outdoors_whatever_the_weather(aired):
    """The lockout of the hall's own dampers does not stand against a log in which they were open."""
    aired.frame["dry_bulb_temperature_1"] = 34.0 + 1e-3 * np.arange(120)  # beyond every limit
    taken = boundaries(*aired.read(), edge_with_air())
    replayed = open_loop(taken)
    from dcsim.physics import moist_air

    outdoors = moist_air.dew_point_temperature(taken.rows("outdoor_humidity_ratio"), taken.rows("outdoor_pressure"))[0]
    dew_point = replayed.signals["room_dew_point"][0]
    dried = replayed.signals["heat_removed"][0] > 0.0
    assert dried.any()  # coils at work may only dry the air
    assert (dew_point[10:55] < outdoors[10:55] + 0.05).all()
    inlet = replayed.signals["rack_inlet_temperature"].mean(0)
    assert inlet[50] > inlet[110] - 5.0


def test_compressors_run_where_the_power_of_their_units_says_so(written):
    log = written(steps=120)
    for k in (1, 2):
        power = np.where(np.arange(120) < 60, 5000.0, 400.0)  # stands still for long, as machines of one speed do
        with_channel(log, f"unit{k}", power, signal=[f"compressor_on_{k}", "cooling_power"], unit="W", on_above=1000)
    log.frame["unit2"] = 5000.0 + np.arange(120.0)  # runs through
    low = {"limits.inlet_allowable": 22.0, "limits.protection_release_temperature": 21.0, "limits.inlet_limit": 21.5}
    taken = boundaries(*log.read(), load_hall(EDGE).replaced(low))  # the hall's own protection would call both
    runs = taken.rows("compressor_on")
    assert (runs[0, :60] == 1.0).all() and (runs[0, 60:] == 0.0).all() and (runs[1] == 1.0).all()
    replayed = open_loop(taken)
    assert (replayed.signals["rack_inlet_temperature"] > 22.0).any()
    on = replayed.signals["compressor_on"]
    assert (on[0, 1:60] == 1.0).all() and (on[0, 61:] == 0.0).all() and (on[1, 1:] == 1.0).all()


HOURS = np.arange(360) // 60
MODES = np.array([0.0, 2.0, 1.0, 0.0, 2.0, 1.0])[HOURS]  # an hour each, longer than a mode must stay


@pytest.fixture(params=["mode", "unit", "pump"])
def economized(request, written):
    """Return a log of a cool day whose economizer changes its mode every hour, as a number, with a unit or by the power of a pump."""
    log = written("hyperscale-10mw", steps=360)
    log.frame = log.frame.drop(
        columns=[name for name in log.frame if name.startswith("chiller_on")]
    )  # that rule themselves
    log.frame["dry_bulb_temperature_1"] = 8.0 + 1e-3 * np.arange(360)
    noise = 1e-4 * np.arange(360)
    for name, water in (
        ("chilled_water_setpoint", 18.0),
        ("condenser_water_setpoint", 13.0),
    ):  # within reach of the exchanger
        with_channel(log, name, water + noise, signal=name, unit="degC")
    entry = {"mode": {}, "unit": {"unit": "-"}, "pump": {"unit": "W", "on_above": 1000}}[request.param]
    values = 5000.0 * (MODES > 0.0) + noise if request.param == "pump" else MODES
    return with_channel(log, "wse", values, signal="economizer_mode", **entry), np.minimum(
        MODES, 1.0 + (request.param != "pump")
    )


def test_the_economizer_does_what_the_log_says_of_it(economized):
    log, modes = economized
    taken = boundaries(*log.read(), load_hall("hyperscale-10mw"))
    assert taken.sources["mode_request"] == "log: economizer_mode"
    np.testing.assert_array_equal(taken.rows("mode_request")[0], modes)
    chillers = open_loop(taken).of("chiller_power")
    settled = np.arange(360) % 60 >= 45
    # Condenser water below the chilled water's set-point takes heat in either mode that uses it, and nothing with the exchanger out of use.
    out = chillers[settled & (HOURS == 3)].mean()
    assert chillers[settled & (modes > 0.0)].mean() < 0.7 * out
    assert (chillers[settled & (modes == 2.0)] < 0.01 * out).all()


def test_an_economizer_that_the_hall_lacks_is_refused(written):
    log = with_channel(written(steps=60), "wse", np.zeros(60), signal="economizer_mode")
    with pytest.raises(
        InputError, match="'wse': signal 'economizer_mode', but the hall edge-dx-50kw has no waterside economizer"
    ):
        boundaries(*log.read(), load_hall(EDGE))


def test_a_fit_runs_the_hall_as_the_log_drives_it(aired):
    """Logged dampers are an input of the halls on trial, too: at the file's own numbers they do what the replay does."""
    taken = boundaries(*aired.read(), edge_with_air())
    assert taken.hall.description.outdoor_air.dampers == "given"
    replayed = open_loop(taken)
    channels = comparable(replayed)
    bench = Bench(taken, edge_with_air(), parameters_of(edge_with_air(), ("room.recirculation_min",)), channels)
    assert build_hall(bench.hall_at(np.zeros(1))).types is taken.hall.types
    shown = np.concatenate(
        [each[:, :, 0] for _, each, _ in bench.run(np.zeros((1, 1)), np.zeros((len(bench.starts), 1)))], axis=1
    )
    for row, channel in zip(shown, channels, strict=True):
        np.testing.assert_allclose(row, replayed.reading(channel), rtol=1e-9)


def test_a_power_without_a_share_is_refused(aired):
    with pytest.raises(InputError, match="say nominal: or on_above:"):
        boundaries(*aired.read(exhaust_fan={"nominal": None}), edge_with_air())
    log = with_channel(aired, "unit", 5000.0 + np.arange(120.0), signal="compressor_on", unit="W", nominal=5000)
    with pytest.raises(InputError, match="say on_above: in its line"):
        boundaries(*log.read(), edge_with_air())


def test_a_set_point_that_stands_still_is_no_stuck_sensor(written):
    log = written(steps=150)
    moving = np.resize([20.0, 20.5, 21.0, 20.2], 150)
    log.frame["supply_air_setpoint_1"] = np.where(np.arange(150) < 90, moving, 22.0)
    read, mapping = log.read()
    assert read.channels["supply_air_setpoint_1"].faults  # as a sensor it would be
    taken = boundaries(read, mapping, load_hall(EDGE))
    np.testing.assert_allclose(taken.rows("supply_air_setpoint")[0, 95:], 22.0)


def test_powers_of_all_units_are_compared_by_their_sum(written):
    log = written(steps=60)
    for k in (1, 2):
        with_channel(log, f"fan{k}", 1000.0 * k + np.arange(60.0), signal=f"crah_fan_power_{k}", unit="W")
    both = boundaries(*log.read(), load_hall(EDGE))
    total = next(each for each in both.measured if each.signal == "crah_fan_power")
    assert total.number == 0 and total.channels == ("fan1", "fan2")
    np.testing.assert_allclose(total.values, 3000.0 + 2.0 * np.arange(60.0))
    one = boundaries(*log.read(fan2={"ignore": True}), load_hall(EDGE))
    alone = next(each for each in one.measured if each.signal == "crah_fan_power")
    assert alone.number == 1 and open_loop(one).of(alone.signal, alone.number) is None


def test_the_heat_that_compressors_move_is_power_times_cop(written):
    taken = boundaries(*written(steps=60).read(), load_hall(EDGE))
    replayed = open_loop(taken)
    heat, power = (replayed.signals[name][0] for name in ("heat_removed", "compressor_power"))
    runs = power > 1000.0
    assert runs.any() and ((heat / np.maximum(power, 1.0))[runs] > 2.0).all()
    assert ((heat / np.maximum(power, 1.0))[runs] < 8.0).all()


def test_pump_speed_and_set_points_of_water_are_the_logs(written):
    log = written("enterprise-1mw", steps=60)
    with_channel(
        log, "pump", 0.125 * 4e3 + 1e-3 * np.arange(60.0), signal="chilled_water_pump_speed", unit="W", nominal=4e3
    )
    with_channel(log, "cw", np.linspace(24.0, 25.0, 60), signal="condenser_water_setpoint", unit="degC")
    taken = boundaries(*log.read(), load_hall("enterprise-1mw"))
    np.testing.assert_allclose(taken.rows("chilled_water_pump_speed"), 0.5, atol=1e-3)
    np.testing.assert_allclose(taken.rows("condenser_water_setpoint")[0], np.linspace(24.0, 25.0, 60))
    assert "assumed" not in taken.sources["chilled_water_pump_speed"] + taken.sources["condenser_water_setpoint"]


def test_racks_under_cold_plates_are_driven_by_their_power(written):
    log = written(LIQUID, steps=60, load="rack_power")
    with_channel(log, "coolant", np.linspace(38.0, 39.0, 60), signal="coolant_setpoint", unit="degC")
    taken = boundaries(*log.read(), load_hall(LIQUID))
    assert "by the hall's power law" in taken.sources["utilization"]
    assert taken.sources["coolant_setpoint"] == "log: coolant_setpoint"
    replayed = open_loop(taken)
    asked = np.stack([log.frame[f"rack_power_{k + 1}"] for k in range(taken.hall.racks)])
    # chips that leak draw more than the law of load has, here a few per cent, which the way back from power does not take off
    np.testing.assert_allclose(replayed.signals["rack_power"], asked, rtol=0.08)
    np.testing.assert_allclose(
        signal_of(replayed.signals, "rack_power")[20:], replayed.signals["it_power"][0, 20:], rtol=0.05
    )


@pytest.mark.parametrize(("name", "power"), [("enterprise-1mw", "chiller_power"), (EDGE, "compressor_power")])
def test_a_hall_driven_by_its_own_log_does_what_it_did(written, name, power):
    """Machines and set-points as they were in force, though protection acts, and the file's thermostats, staging and rates are others."""
    hot = {"limits.inlet_allowable": 25.0, "limits.protection_release_temperature": 24.0, "limits.inlet_limit": 24.5}
    log = written(name, steps=240, hall=load_hall(name).replaced(hot), more=(power,))
    assert log.frame.filter(like="rack_inlet_temperature").max(axis=None) > 25.0  # protection acts, now and then
    other = {"limits.inlet_allowable": 60.0, "limits.protection_release_temperature": 59.0}
    other |= {"limits.trip_temperature": 90.0, "setpoints.supply_air_temperature.rate_per_minute": 0.01}
    other |= {"dx.start_load": 0.9, "dx.stop_load": 0.8} if name == EDGE else {"chillers.stage_up_load": 0.5}
    replayed = open_loop(boundaries(*log.read(), load_hall(name).replaced(other)))
    for signal, size in (("rack_inlet_temperature", 0.2), (power, 0.02)):
        for k, row in enumerate(replayed.signals[signal]):
            shown = log.frame[f"{signal}_{k + 1}"].to_numpy()
            error = (row - shown)[30:]
            scale = 1.0 if signal.endswith("temperature") else shown.mean()
            assert np.sqrt(np.mean(error**2)) < size * scale


def test_a_metered_hall_stays_as_it_is():
    once = metered(load_hall(EDGE))
    assert metered(once) is once
