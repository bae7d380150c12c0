"""Faults put into clean courses: each found by kind, channel and time, masked, and nothing else called one."""

import numpy as np
import pytest

from dcsim.logs import KINDS, read_log
from dcsim.logs.faults import wrong_air

INLET, RETURN, POWER = "inlet_temp [degC]", "return_temp [degC]", "it_power [W]"


def kinds(log, name="inlet_temp"):
    return {fault.kind: fault for fault in log.channel(name).faults}


def only(log, name, kind, time, where):
    """Assert that a fault of one kind masks exactly these samples of a channel, and no other is masked."""
    series = log[name]
    np.testing.assert_array_equal(np.flatnonzero(series.reasons != ""), np.flatnonzero(where))
    assert set(series.reasons[where]) == {kind}
    assert np.isnan(series.values[where]).all() and np.isfinite(series.raw[where]).all()
    spans = kinds(log, name)[kind].spans
    assert spans[0][0] == time[where][0] and spans[-1][1] == time[where][-1]


def test_a_clean_course_has_no_faults(course, write):
    log = read_log(write(*course))
    assert {fault.kind for channel in log.channels.values() for fault in channel.faults} == set()
    assert all(channel.masked == 0 for channel in log.channels.values())


@pytest.mark.parametrize("seed", range(20))
def test_clean_courses_of_many_kinds_mask_next_to_nothing(write, seed):
    """Slow sensors with coarse steps, bursty loads, set-points that are changed now and then, valves that rest at their ends."""
    rng = np.random.default_rng(seed)
    count = 3000
    time = np.datetime64("2024-05-01", "ns").astype(np.int64) + 60 * 10**9 * np.arange(count)
    walk = np.cumsum(rng.normal(0.0, 0.03, count))
    load = np.where(rng.random(count // 50).repeat(50) < 0.4, 90.0, 30.0)[:count] + rng.normal(0.0, 4.0, count)
    columns = {
        "coarse_temp [degC]": (24.0 + walk - walk.mean()).round(0),
        "tenth_temp [degC]": (24.0 + walk - walk.mean()).round(1),
        "rack_power [W]": load.round(1),
        "supply_setpoint [degC]": rng.choice([20.0, 21.0, 22.0], count // 300 + 1).repeat(300)[:count],
        "valve [%]": np.clip(
            50.0 + 60.0 * np.sin(np.arange(count) / 200.0) + rng.normal(0.0, 1.0, count), 0.0, 100.0
        ).round(1),
    }
    log = read_log(write(time, columns))
    for channel in log.channels.values():
        assert channel.masked <= 0.002 * channel.samples, (channel.name, channel.faults)


def test_a_stuck_sensor(course, write):
    time, columns = course
    columns[INLET][1000:1120] = columns[INLET][1000]
    log = read_log(write(time, columns))
    where = np.zeros(len(time), bool)
    where[1000:1120] = True
    only(log, "inlet_temp", "stuck", time, where)
    assert log.channel("return_temp").masked == 0


def drifting(rng, count, deviation, minutes):
    """Readings about 0 that wander with a standard deviation and are forgotten with a time constant [min]."""
    kept = np.exp(-1.0 / minutes)
    course = np.zeros(count + 2000)
    for k, shock in enumerate(rng.normal(0.0, deviation * np.sqrt(1.0 - kept**2), count + 1999), 1):
        course[k] = kept * course[k - 1] + shock
    return course[2000:]


def minutes_from_may(count):
    return np.datetime64("2024-05-01", "ns").astype(np.int64) + 60 * 10**9 * np.arange(count)


@pytest.mark.parametrize(("step", "stuck"), [(0.1, 200), (0.25, 400), (0.1, 0), (0.25, 0), (0.5, 0)])
def test_a_stuck_sensor_of_few_steps_in_a_quiet_room(write, step, stuck):
    """Five to twenty steps of rounding in all: its own rests are minutes, one of hours is found, and none is called where there is none."""
    count, found, wrong = 3 * 1440, 0, 0
    time = minutes_from_may(count)
    names = [f"inlet_{k} [degC]" for k in range(10)]
    columns = {}
    for k, name in enumerate(names):
        rng = np.random.default_rng(k)
        course = 22.0 + drifting(rng, count, 2.5 * step, 120.0) + rng.normal(0.0, 0.4 * step, count)
        columns[name] = (course / step).round() * step
        columns[name][2000 : 2000 + stuck] = columns[name][2000]
    log = read_log(write(time, columns))
    for name in names:
        masked = np.flatnonzero(log[name.split()[0]].reasons != "")
        found += np.isin(np.arange(2001, 2000 + stuck), masked).all()
        wrong += ((masked < 1970) | (masked > 2030 + stuck)).any()
        assert set(log[name.split()[0]].reasons) <= {"", "stuck"}
    assert wrong == 0 and (found >= 8 if stuck else sum(channel.masked for channel in log.channels.values()) == 0)


def test_a_sensor_that_leaps_when_it_wakes_needs_fewer_equal_samples(write):
    count = 3 * 1440
    rng = np.random.default_rng(1)
    course = (22.0 + drifting(rng, count, 0.6, 90.0) + rng.normal(0.0, 0.02, count)).round(1)
    rest = np.diff(np.flatnonzero(np.diff(course, prepend=np.nan) != 0)).max()
    begin = int(np.argmax(np.abs(course[60:] - course[:-60])[:-200]))  # an hour in which the air goes far
    stuck = course.copy()
    stuck[begin : begin + 60] = stuck[begin]
    assert rest < 20 and abs(course[begin + 60] - course[begin]) > 0.9
    log = read_log(write(minutes_from_may(count), {"a [degC]": course, "b [degC]": stuck}))
    assert log.channel("a").masked == 0
    series = log["b"]
    assert (series.reasons[begin : begin + 60] == "stuck").all() and (series.reasons != "").sum() < 60 + rest


def test_padding_at_the_end(course, write):
    time, columns = course
    columns[RETURN][-200:] = columns[RETURN][-200]
    where = np.arange(len(time)) >= len(time) - 200
    only(read_log(write(time, columns)), "return_temp", "padding", time, where)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_single_samples_that_dip(course, write, sign):
    time, columns = course
    where = np.zeros(len(time), bool)
    where[[300, 900, 901, 2000]] = True
    columns[INLET][where] += sign * 6.0
    log = read_log(write(time, columns))
    series = log["inlet_temp"]
    np.testing.assert_array_equal(series.reasons == "dip", where)


def test_a_load_that_drops_to_nothing_for_a_sample_dips_and_a_load_step_does_not(course, write):
    time, columns = course
    columns[POWER][1500:] *= 0.3  # a load that goes for good
    columns[POWER][700] = 900.0
    log = read_log(write(time, columns))
    np.testing.assert_array_equal(np.flatnonzero(log["it_power"].reasons == "dip"), [700])
    assert log.channel("it_power").masked == 1


def test_a_machine_that_idles_often_does_so_for_a_sample_too(course, write):
    time, columns = course
    rng = np.random.default_rng(6)
    busy = (90.0 + rng.normal(0.0, 5.0, len(time))).clip(0.0, 100.0).round(1)
    busy[np.arange(len(time)) % 200 < 20] = 0.0
    columns["gpu_load [%]"] = busy.copy()
    where = np.arange(150, len(time), 600)
    columns["gpu_load [%]"][where] = 0.0
    log = read_log(write(time, columns))
    assert log.channel("gpu_load").masked == 0
    columns["gpu_load [%]"] = np.where(busy == 0.0, 90.0, busy)  # one that never idles and reads nothing for a sample
    columns["gpu_load [%]"][where] = 0.0
    np.testing.assert_array_equal(np.flatnonzero(read_log(write(time, columns))["gpu_load"].reasons == "dip"), where)


def test_rows_of_zeros(course, write):
    time, columns = course
    where = np.zeros(len(time), bool)
    where[400:404] = True
    for values in columns.values():
        values[where] = 0.0
    log = read_log(write(time, columns))
    for name in log.channels:
        assert set(log[name].reasons[where]) == {"zero row"}
        assert log.channel(name).masked == 4


def test_codes_of_errors_and_the_impossible(course, write):
    time, columns = course
    columns[INLET][[50, 60, 70]] = -999.0
    columns[RETURN][[80]] = 400.0
    log = read_log(write(time, columns))
    np.testing.assert_array_equal(np.flatnonzero(log["inlet_temp"].reasons == "code"), [50, 60, 70])
    np.testing.assert_array_equal(np.flatnonzero(log["return_temp"].reasons == "impossible"), [80])


def test_clipped_readings(course, write):
    time, columns = course
    limit = 4.3e5
    where = columns[POWER] >= limit
    columns[POWER] = np.minimum(columns[POWER], limit)
    only(read_log(write(time, columns)), "it_power", "clipped", time, where)


@pytest.mark.parametrize("step", [0.05, 0.1])
def test_coarse_readings_are_clipped_where_they_are_cut_and_not_where_they_rest(write, step):
    """Sixty to a hundred and twenty steps: a warm sensor at the end of its range, a day's crest, and a temperature under control."""
    count = 7 * 1440
    time = minutes_from_may(count)
    found = {"cut": 0, "free": 0, "crest": 0, "controlled": 0}
    day = np.sin(2.0 * np.pi * np.arange(count) / 1440.0)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        free = 22.0 + 2.0 * day + drifting(rng, count, 0.7, 90.0) + rng.normal(0.0, 0.05, count)
        limit = np.quantile(free, 0.9).round(1)
        excess = np.zeros(count)  # of a temperature that is held and decays back after each disturbance
        for k, shock in enumerate(np.maximum(drifting(rng, count - 1, 3.0, 60.0) - 2.0, 0.0), 1):
            excess[k] = 0.95 * excess[k - 1] + 0.1 * shock
        courses = {"cut": np.minimum(free, limit), "free": free, "crest": 22.0 + 3.0 * day, "controlled": 18.0 + excess}
        columns = {f"{name} [degC]": ((values / step).round() * step).round(6) for name, values in courses.items()}
        log = read_log(write(time, columns))
        for name in found:
            found[name] += "clipped" in kinds(log, name)
        if "clipped" in kinds(log, "cut"):
            np.testing.assert_array_equal(log["cut"].reasons == "clipped", columns["cut [degC]"] == limit)
    assert found["cut"] >= 4 and found["free"] == found["crest"] == found["controlled"] == 0


def test_coarse_steps_are_said_and_masked_not(course, write):
    time, columns = course
    columns[INLET] = columns[INLET].round(0)
    log = read_log(write(time, columns))
    assert "coarse" in kinds(log) and log.channel("inlet_temp").masked == 0
    assert log.channel("inlet_temp").resolution == 1.0


def test_equipment_off_is_said_and_masked_not(course, write):
    time, columns = course
    columns["fan_power [kW]"] = columns[POWER] / 1e5
    columns["fan_power [kW]"][800:860] = 0.0
    log = read_log(write(time, columns))
    assert kinds(log, "fan_power")["off"].spans == ((time[800], time[859]),)
    assert log.channel("fan_power").masked == 0


def test_gaps_of_the_log_and_of_a_sensor(course, write):
    time, columns = course
    columns[INLET][2000:2030] = np.nan
    keep = np.ones(len(time), bool)
    keep[1000:1090] = False
    log = read_log(write(time[keep], {name: values[keep] for name, values in columns.items()}))
    assert log.clock.gaps == ((time[999], time[1090]),)
    missing = kinds(log)["missing"]
    assert missing.samples == 30 and missing.spans == ((time[2000], time[2029]),)
    assert not kinds(log, "it_power")


def test_a_sensor_that_falls_silent(course, write):
    time, columns = course
    columns[INLET][1800:] = np.nan
    fault = kinds(read_log(write(time, columns)))["ends early"]
    assert fault.spans == ((time[1799], time[-1]),)


def test_repeated_stamps(course, write):
    time, columns = course
    order = np.concatenate([np.arange(500), [499, 499], np.arange(500, len(time))])
    doubled = {name: values[order] for name, values in columns.items()}
    doubled[INLET][501] += 0.5
    log = read_log(write(time[order], doubled))
    assert log.clock.duplicates == 2
    assert kinds(log)["conflict"].spans == ((time[499], time[499]),)
    assert np.isnan(log["inlet_temp"].values[499]) and len(log["inlet_temp"].time) == len(time)
    assert kinds(log, "it_power")["duplicate"].samples == 2 and np.isfinite(log["it_power"].values[499])


def test_text_among_numbers(course, write):
    time, columns = course
    path = write(time, columns)
    rows = path.read_text().splitlines()
    cells = rows[11].split(",")
    rows[11] = ",".join([cells[0], "sensor fault", *cells[2:]])
    path.write_text("\n".join(rows))
    log = read_log(path)
    assert kinds(log)["text"].samples == 1 and "sensor fault" in kinds(log)["text"].detail
    assert np.isnan(log["inlet_temp"].values[10])


def test_quality_of_the_log_itself_counts(tmp_path):
    rows = [
        f"2024-01-01 {k // 60:02d}:{k % 60:02d},a,{20 + k % 9 * 0.3!r},{'bad' if k in (5, 6) else 'good'}"
        for k in range(600)
    ]
    path = tmp_path / "log.csv"
    path.write_text("time_utc,sensor,value,quality\n" + "\n".join(rows))
    (channel,) = read_log(path).channels.values()
    assert next(fault for fault in channel.faults if fault.kind == "flagged").samples == 2 and channel.masked == 2


def test_a_trace_that_repeats_itself(write):
    week = np.random.default_rng(3).random(168).round(5)
    time = np.datetime64("2024-01-01", "ns").astype(np.int64) + 3600 * 10**9 * np.arange(168 * 6)
    log = read_log(write(time, {"cpu_load [frac]": np.tile(week, 6)}))
    assert "7 days" in kinds(log, "cpu_load")["repeats"].detail


def test_a_trace_that_nearly_repeats_itself_over_a_hole(write):
    rng = np.random.default_rng(4)
    month = rng.random(672)
    time = np.datetime64("2024-01-01", "ns").astype(np.int64) + 3600 * 10**9 * np.arange(672 * 6)
    load = np.tile(0.2 + 0.6 * month, 6) + rng.normal(0.0, 0.02, 672 * 6)
    keep = np.ones(len(time), bool)
    keep[1000:1010] = False
    log = read_log(write(time[keep], {"cpu_load [frac]": load[keep].round(5)}))
    detail = kinds(log, "cpu_load")["repeats"].detail
    assert detail.startswith("nearly: those of 28 days before miss them by ")
    # a copy misses by two draws of the noise, the last sample by two uniform draws besides
    noise, uniform = 2.0 * 0.02**2, 2.0 * 0.6**2 / 12.0
    assert float(detail.split(" by ")[1].split()[0]) == pytest.approx(np.sqrt(noise / (uniform + noise)), rel=0.05)


@pytest.mark.parametrize("rest", [0.0, 0.3])
def test_days_alike_and_machines_mostly_idle_are_no_copies(write, rest):
    rng = np.random.default_rng(8)
    time = np.datetime64("2024-01-01", "ns").astype(np.int64) + 3600 * 10**9 * np.arange(24 * 200)
    day = 20.0 + 5.0 * np.sin(2.0 * np.pi * np.arange(len(time)) / 24.0)
    weather = np.zeros(len(time))
    for k in range(1, len(time)):
        weather[k] = 0.9 * weather[k - 1] + rng.normal(0.0, 0.3)
    idle = np.where(rng.random(len(time)) < 0.05, rng.random(len(time)), rest)
    log = read_log(write(time, {"outdoor [degC]": (day + weather).round(2), "load [frac]": idle.round(4)}))
    assert "repeats" not in kinds(log, "outdoor") and "repeats" not in kinds(log, "load")


def test_a_sensor_named_for_the_wrong_side():
    rng = np.random.default_rng(5)
    cold = 20.0 + np.cumsum(rng.normal(0.0, 0.1, 500))
    hot = 35.0 + np.cumsum(rng.normal(0.0, 0.3, 500))
    names = ["supply_1", "supply_2", "front_top", "return_1", "rear_2", "cold_aisle_1"]
    warm_but_cold = 0.7 * cold + 0.3 * 32.0 + 6.0  # recirculation over the rack: warm, and yet it follows the cold air
    rows = [cold, cold + 0.3, warm_but_cold, hot, hot - 0.5, hot - 1.0]
    means = np.stack(rows) + rng.normal(0.0, 0.05, (6, 500))
    assert set(wrong_air(names, means)) == {"cold_aisle_1"}


def test_every_kind_that_is_found_is_explained():
    import ast
    import inspect

    from dcsim.logs import faults, reader

    found = set()
    for module in (faults, reader):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "Fault"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    assert found and found <= set(KINDS)
