"""Stamps in every dress, against the universal time they were made from."""

import numpy as np
import pandas as pd
import pytest

from dcsim.errors import InputError
from dcsim.logs import read_log
from dcsim.logs.mapping import parse_mapping

HOURS = pd.date_range("2024-02-27 00:00", "2024-04-20 00:00", freq="h", tz="UTC")


def written(tmp_path, stamps, header="time", values=None):
    values = 20.0 + np.sin(np.arange(len(stamps)) / 3.0).round(4) if values is None else values
    path = tmp_path / "log.csv"
    path.write_text(
        f"{header},inlet_temp [degC]\n"
        + "".join(f"{stamp},{value!r}\n" for stamp, value in zip(stamps, values.tolist(), strict=True))
    )
    return path


def read(path, **clock):
    return read_log(path, parse_mapping({"clock": clock}, "mapping") if clock else None)


def nanoseconds(index):
    return np.asarray(index.as_unit("ns").asi8)


@pytest.mark.parametrize(
    ("form", "clock"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", {}),
        ("%Y-%m-%d %H:%M:%S+00:00", {}),
        ("%Y-%m-%d %H:%M:%S.0000000", {}),
        ("%Y-%m-%dT%H:%M:%S.000000000000Z", {}),
        ("%Y/%m/%d %H:%M", {}),
        ("%m/%d/%Y %H:%M", {}),
        ("%d/%m/%Y %H:%M:%S", {}),
        ("%d.%m.%Y %H:%M", {}),
        ("%m/%d/%y %I:%M %p", {}),
        ("%d-%b-%Y %H:%M:%S", {}),
        ("%b %d %Y %H:%M:%S", {}),
        ("%a %b %d %H:%M:%S UTC %Y", {}),
        ("%Y%m%dT%H%M%SZ", {}),
    ],
)
def test_written_forms(tmp_path, form, clock):
    log = read(written(tmp_path, [stamp.strftime(form) for stamp in HOURS]), **clock)
    np.testing.assert_array_equal(log["inlet_temp"].time, nanoseconds(HOURS))
    assert log.clock.step_s == 3600.0 and not log.clock.gaps


@pytest.mark.parametrize(("per_second", "unit"), [(1, "s"), (10**3, "ms"), (10**6, "us"), (10**9, "ns")])
def test_epochs(tmp_path, per_second, unit):
    log = read(written(tmp_path, nanoseconds(HOURS) // (10**9 // per_second), header="ts"))
    np.testing.assert_array_equal(log["inlet_temp"].time, nanoseconds(HOURS))
    assert log.clock.form == f"epoch in {unit}"


def test_an_offset_counts(tmp_path):
    log = read(written(tmp_path, [stamp.tz_convert("Asia/Singapore").isoformat() for stamp in HOURS]))
    np.testing.assert_array_equal(log["inlet_temp"].time, nanoseconds(HOURS))


def test_a_zone_of_the_header_and_of_the_mapping(tmp_path):
    local = [stamp.tz_convert("Asia/Singapore").strftime("%Y-%m-%d %H:%M") for stamp in HOURS]
    by_header = read(written(tmp_path, local, header="Local Time (Timezone : GMT+8h)"))
    np.testing.assert_array_equal(by_header["inlet_temp"].time, nanoseconds(HOURS))
    by_mapping = read(written(tmp_path, local), zone="Asia/Singapore")
    np.testing.assert_array_equal(by_mapping["inlet_temp"].time, nanoseconds(HOURS))
    naive = read(written(tmp_path, local))
    assert any("no zone" in warning for warning in naive.warnings)


@pytest.mark.parametrize("step", ["h", "10min"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_daylight_saving_is_resolved_by_the_order_of_rows(tmp_path, step, newest_first):
    times = pd.date_range("2024-03-28", "2024-11-02", freq=step, tz="UTC")
    times = times[::-1] if newest_first else times
    local = [stamp.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M") for stamp in times]
    log = read(written(tmp_path, local), zone="Europe/Berlin")
    np.testing.assert_array_equal(log["inlet_temp"].time, np.sort(nanoseconds(times)))
    assert not log.clock.gaps and not log.channel("inlet_temp").spans("conflict")


def test_daylight_saving_without_a_zone_is_told_by_the_skipped_hour(tmp_path):
    times = pd.date_range("2023-03-20", "2024-04-10", freq="30min", tz="UTC")
    log = read(written(tmp_path, [stamp.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M") for stamp in times]))
    assert any("Europe/Berlin" in note and "2 of 2" in note for note in log.clock.notes)
    steady = read(written(tmp_path, [stamp.strftime("%Y-%m-%d %H:%M") for stamp in times]))
    assert not any("daylight" in note for note in steady.clock.notes)


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"])
def test_day_and_month_exchanged_in_part_of_the_rows(tmp_path, form):
    """As a spreadsheet leaves dates that it could read the other way round: those whose day is 12 or less."""
    swapped = form.replace("%m", "%M_").replace("%d", "%m").replace("%M_", "%d")
    stamps = [stamp.strftime(swapped if stamp.day <= 12 and stamp.month == 3 else form) for stamp in HOURS]
    log = read(written(tmp_path, stamps))
    np.testing.assert_array_equal(log["inlet_temp"].time, nanoseconds(HOURS))
    assert any("exchanged" in warning for warning in log.warnings)


@pytest.mark.parametrize("order", ["by time", "by sensor", "shuffled within the day"])
def test_day_and_month_exchanged_in_part_of_a_long_table(tmp_path, order):
    """One reading a row, of four sensors with readings of their own; the rows of March before the 13th are exchanged."""
    rng = np.random.default_rng(2)
    rows = [(stamp, f"rack{k}", 20.0 + k + 0.01 * n) for n, stamp in enumerate(HOURS) for k in range(4)]
    if order == "by sensor":
        rows.sort(key=lambda row: row[1])
    elif order == "shuffled within the day":
        rows = [rows[int(k)] for k in np.argsort([row[0].day_of_year + rng.random() for row in rows])]
    text = [
        f"{stamp.strftime('%Y-%d-%m' if stamp.day <= 12 and stamp.month == 3 else '%Y-%m-%d')} {stamp:%H:%M},{rack},{value:.2f}"
        for stamp, rack, value in rows
    ]
    path = tmp_path / "long.csv"
    path.write_text("time,sensor,value\n" + "\n".join(text))
    log = read(path)
    assert sorted(log.channels) == [f"rack{k}" for k in range(4)]
    for k in range(4):
        series = log[f"rack{k}"]
        np.testing.assert_array_equal(series.time, nanoseconds(HOURS))
        np.testing.assert_allclose(series.raw, 20.0 + k + 0.01 * np.arange(len(HOURS)), atol=0.006)
    assert any("exchanged" in warning for warning in log.warnings)


def test_a_long_table_of_sensors_one_after_the_other_is_left_as_it_stands(tmp_path):
    """Each sensor begins anew at the first of the month, with days that might be months."""
    days = pd.date_range("2024-03-01", "2024-03-12", freq="6h")
    path = tmp_path / "long.csv"
    rows = [f"{stamp:%Y-%m-%d %H:%M},rack{k},{20 + k + n % 7}" for k in range(30) for n, stamp in enumerate(days)]
    path.write_text("time,sensor,value\n" + "\n".join(rows))
    log = read(path)
    assert not any("exchanged" in warning for warning in log.warnings)
    for k in range(30):
        np.testing.assert_array_equal(log[f"rack{k}"].time, nanoseconds(days))


def test_an_order_that_nothing_tells_is_said(tmp_path):
    times = pd.date_range("2024-03-03", "2024-03-03 12:00", freq="10min")
    log = read(written(tmp_path, [f"{stamp:%d/%m/%Y %H:%M}" for stamp in times]))
    assert not any("day or the month" in warning for warning in log.warnings)  # 3 March either way
    times = pd.date_range("2024-03-04", "2024-03-04 12:00", freq="10min")
    path = written(tmp_path, [f"{stamp:%d/%m/%Y %H:%M}" for stamp in times])
    assert any("day or the month" in warning for warning in read(path).warnings)
    log = read(path, order="day first")
    assert log["inlet_temp"].time[0] == np.datetime64("2024-03-04", "ns").astype(np.int64)


def test_time_of_day_runs_past_midnight(tmp_path):
    times = pd.date_range("2024-06-01 22:00", periods=300, freq="5min")
    path = written(tmp_path, [f"{stamp:%H:%M:%S}" for stamp in times])
    log = read(path)
    assert not log.clock.has_date and any("clock.date" in warning for warning in log.warnings)
    assert (np.diff(log["inlet_temp"].time) == 300 * 10**9).all()
    dated = read(path, date="2024-06-01", zone="UTC")
    np.testing.assert_array_equal(dated["inlet_temp"].time, nanoseconds(times))


def test_date_and_time_in_two_columns(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "Date,Time,inlet_temp [degC]\n" + "".join(f"{s:%Y-%m-%d},{s:%H:%M:%S},{20 + s.hour * 0.1!r}\n" for s in HOURS)
    )
    np.testing.assert_array_equal(read(path)["inlet_temp"].time, nanoseconds(HOURS))


def test_seconds_since_who_knows_when(tmp_path):
    log = read(written(tmp_path, [str(30 * k) for k in range(500)], header="t_s"))
    assert log.clock.kind == "elapsed" and log.clock.step_s == 30.0
    assert any("origin" in warning for warning in log.warnings)


def test_ends_of_intervals_are_moved_to_their_starts(tmp_path):
    log = read(written(tmp_path, [f"{stamp:%Y-%m-%d %H:%M}" for stamp in HOURS], header="time_end_utc"))
    np.testing.assert_array_equal(log["inlet_temp"].time, nanoseconds(HOURS) - 3600 * 10**9)
    assert log.clock.stamps == "end" and log.start == nanoseconds(HOURS)[0] - 3600 * 10**9


def test_hour_24_is_the_next_day(tmp_path):
    stamps = [f"2024-05-{day:02d} {hour:02d}:00" for day in (1, 2, 3) for hour in range(1, 25)]
    log = read(written(tmp_path, stamps))
    assert log.clock.step_s == 3600.0 and not log.clock.gaps and log.clock.unreadable == 0


def test_rows_without_stamps_are_counted_and_too_many_refused(tmp_path):
    stamps = [stamp.isoformat() for stamp in HOURS]
    stamps[5] = "not a time"
    log = read(written(tmp_path, stamps))
    assert log.clock.unreadable == 1 and any("rows without a stamp" in warning for warning in log.warnings)
    with pytest.raises(InputError, match=r"no column of stamps|no stamp"):
        read(written(tmp_path, ["soon"] * 50, header="when"))
