"""Layouts, separators, compressions and units: the same samples come out whatever the file looks like."""

import gzip
import lzma
import tarfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dcsim.errors import InputError
from dcsim.logs import read_log, write_log

NAMES = ("inlet_temp", "return_temp", "it_power")


def stamp_of(time):
    return str(np.datetime64(int(time), "ns"))[:19]


def assert_is(log, course, names=NAMES):
    time, columns = course
    assert list(log.channels) == list(names)
    for name, values in zip(names, columns.values(), strict=True):
        series = log[name]
        np.testing.assert_array_equal(series.time, time)
        np.testing.assert_array_equal(series.raw, values)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator(course, write, separator):
    assert_is(read_log(write(*course, separator=separator)), course)


def test_compressed_and_archived(course, write, tmp_path):
    plain = write(*course)
    for name, pack in (("log.csv.gz", gzip.compress), ("log.csv.xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack(plain.read_bytes()))
        assert_is(read_log(tmp_path / name), course)
    with tarfile.open(tmp_path / "log.tar.xz", "w:xz") as tar:
        tar.add(plain, "../log.csv")  # a name that would leave the folder is only a name here
    assert_is(read_log(tmp_path / "log.tar.xz"), course)


def test_bom_comments_title_trailer_quotes_and_newest_first(course, write):
    path = write(*course)
    header, *rows = path.read_text().splitlines()
    quoted = ",".join(f'"{cell}"' for cell in header.split(","))
    text = [
        "# site=here",
        "Report of the hall",
        quoted,
        *reversed(rows),
        "",
        "(2880 rows affected)",
        "Completion time: now",
    ]
    path.write_bytes("\r\n".join(text).encode("utf-8-sig"))
    log = read_log(path)
    assert_is(log, course)
    assert log.clock.order == "descending"
    assert any("2 rows of another width" in warning for warning in log.warnings)


def test_decimal_comma_and_utf_16(course, write):
    path = write(*course, separator=";")
    text = path.read_text()
    head, _, body = text.partition("\n")
    path.write_bytes((head + "\n" + body.replace(".", ",")).encode("utf-16"))
    assert_is(read_log(path), course)


def test_a_row_of_units_and_a_header_behind_a_comment_sign(course, write):
    path = write(*course)
    rows = path.read_text().splitlines()[1:]
    path.write_text("\n".join(["time_utc,inlet_temp,return_temp,it_power", ",degC,degC,W", *rows]))
    log = read_log(path)
    assert_is(log, course)
    assert [channel.unit_source for channel in log.channels.values()] == ["header"] * 3
    path.write_text(
        "\n".join(["# time_utc\tinlet_temp_C\treturn_temp_C\tit_power_W", *(row.replace(",", "\t") for row in rows)])
    )
    assert_is(read_log(path), course, ("inlet_temp_C", "return_temp_C", "it_power_W"))


def test_long_table_with_units_of_its_own(course, tmp_path):
    time, columns = course
    frames = [
        pd.DataFrame(
            {
                "ts": pd.to_datetime(time, utc=True),
                "sensor": name.split(" [")[0],
                "value": values,
                "unit": name[:-1].split("[")[1],
            }
        )
        for name, values in columns.items()
    ]
    path = tmp_path / "long.csv"
    pd.concat(frames).sort_values(["ts", "sensor"]).to_csv(path, index=False)
    log = read_log(path)
    assert sorted(log.channels) == sorted(NAMES)
    for name, values in zip(NAMES, columns.values(), strict=True):
        np.testing.assert_array_equal(log[name].raw, values)
        assert log.channel(name).unit == {"it_power": "W"}.get(name, "degC")
    assert log.layout.startswith("long")


def test_long_table_by_device_with_a_tag_that_follows_from_it(tmp_path):
    time = pd.date_range("2024-01-01", periods=200, freq="min", tz="UTC")
    frames = [
        pd.DataFrame(
            {
                "time": time,
                "node": f"n{k}",
                "rack": f"r{k // 2}",
                "inlet_C": 20.0 + k + np.arange(200) % 7,
                "power_W": 100.0 + np.arange(200),
            }
        )
        for k in range(4)
    ]
    pq.write_table(pa.Table.from_pandas(pd.concat(frames)), tmp_path / "long.parquet")
    log = read_log(tmp_path / "long.parquet")
    assert sorted(log.channels) == sorted(f"n{k}/{name}" for k in range(4) for name in ("inlet_C", "power_W"))
    np.testing.assert_array_equal(log["n3/inlet_C"].raw, 23.0 + np.arange(200) % 7)


def test_one_sensor_a_row_and_one_file_a_sensor(course, tmp_path):
    time, columns = course
    lines = ["Time;" + ";".join(f'"{name}"' for name in columns)]
    for row in range(0, 900):
        k = row % 3
        cells = ["null"] * 3
        cells[k] = repr(float(list(columns.values())[k][row]))
        lines.append(f'"{stamp_of(time[row])}+00:00";' + ";".join(cells))
    path = tmp_path / "sparse.csv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    log = read_log(path)
    assert log.layout.startswith("sparse")
    np.testing.assert_array_equal(log["return_temp"].time, time[1:900:3])
    np.testing.assert_array_equal(log["return_temp"].raw, columns["return_temp [degC]"][1:900:3])
    assert not log.channel("return_temp").spans("gap", "missing")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, values in columns.items():
        rows = "\n".join(f"{stamp_of(t)}Z,{v!r}" for t, v in zip(time, values.tolist(), strict=True))
        (folder / f"{name.split(' ')[0]}.csv").write_text(f"time,value {name.split(' ')[1]}\n{rows}\n")
    log = read_log(folder)
    assert sorted(log.channels) == sorted(NAMES)
    np.testing.assert_array_equal(log["it_power"].raw, columns["it_power [W]"])


def test_workbook_with_title_and_footer(course, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    time, columns = course
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Report of the hall"])
    sheet.append([])
    sheet.append(["time (UTC)", "inlet temp (ºC)", "it power (kW)"])
    for row in range(500):
        moment = np.datetime64(int(time[row]), "us").astype(object)
        sheet.append([moment, float(columns["inlet_temp [degC]"][row]), float(columns["it_power [W]"][row]) / 1000.0])
    sheet.append(["Printed by the BMS"])
    book.create_sheet("notes").append(["nothing"])
    book.save(tmp_path / "log.xlsx")
    log = read_log(tmp_path / "log.xlsx")
    np.testing.assert_array_equal(log["inlet temp"].raw, columns["inlet_temp [degC]"][:500])
    np.testing.assert_allclose(log["it power"].raw, columns["it_power [W]"][:500], rtol=1e-14)
    assert any("title or footer" in warning for warning in log.warnings)


def test_sql_dumps(course, tmp_path):
    time, columns = course
    inlet = columns["inlet_temp [degC]"]
    stamps = [str(np.datetime64(int(t), "ns"))[:19].replace("T", " ") for t in time[:300]]
    tuples = ",\n".join(
        f"('{stamp}','it''s (a) hall',{value!r},NULL)" for stamp, value in zip(stamps, inlet.tolist(), strict=False)
    )
    path = tmp_path / "my.sql"
    path.write_text(
        "DROP TABLE x;\nCREATE TABLE `log` (\n  `ts` datetime,\n  `name` varchar(9),\n  `inlet_C` double,\n  `p_W` double,\n"
        "  PRIMARY KEY (`ts`)\n);\n"
        f"INSERT INTO `log` VALUES {tuples};\n"
    )
    log = read_log(path)
    np.testing.assert_array_equal(log["inlet_C"].raw, inlet[:300])
    rows = "\n".join(f"{stamp}+00\t{value!r}\t\\N" for stamp, value in zip(stamps, inlet.tolist(), strict=False))
    path.write_text(f"SET x;\nCOPY public.log (ts, inlet_c, power_w) FROM stdin;\n{rows}\n\\.\nSELECT 1;\n")
    np.testing.assert_array_equal(read_log(path)["inlet_c"].raw, inlet[:300])


def test_blocks_of_ipmitool(tmp_path):
    blocks = []
    for minute in range(30):
        reading = "no reading" if minute == 7 else f"{20 + minute % 3} degrees C"
        blocks.append(
            f"Timestamp: 2025-06-03 00:{minute:02d}:01 UTC\nAmbient Temp     | {reading:17} | {'ns' if minute == 7 else 'ok'}\n"
            f"PSU Power        | {135 + minute} Watts         | ok\nHost Power       | 0x00              | ok\n"
        )
    path = tmp_path / "node7.txt"
    path.write_text("".join(blocks))
    log = read_log(path)
    assert sorted(log.channels) == ["Ambient Temp", "PSU Power"]
    series = log["Ambient Temp"]
    assert np.isnan(series.values[7]) and series.reasons[7] == "missing"
    assert log["PSU Power"].values[29] == 164.0
    assert series.time[0] == np.datetime64("2025-06-03T00:00:01", "ns").astype(np.int64)


@pytest.mark.parametrize(
    ("header", "logged", "house", "unit"),
    [
        ("supply temp [degF]", 77.0, 25.0, "degC"),
        ("supply temp (K)", 300.15, 27.0, "degC"),
        ("load (RT)", 100.0, 351685.28, "W"),  # 12000 Btu_IT/h, NIST SP 811
        ("chw rate (L/sec)", 85.0, 0.085, "m3/s"),
        ("chw flow gpm", 1000.0, 0.0630902, "m3/s"),  # NIST SP 811: 6.309 020 E-05 m3/s
        ("water flow [m3/h]", 36.0, 0.01, "m3/s"),
        ("mass flow [kg/s]", 4.0, 4.0, "kg/s"),
        ("humidity (%)", 55.0, 0.55, "-"),
        ("barometric pressure [inHg]", 30.0, 101591.67, "Pa"),  # NIST SP 811: 3.386 389 E+03 Pa
        ("dp [kPa]", 12.5, 12500.0, "Pa"),
        ("it [MW]", 1.5, 1.5e6, "W"),
        ("energy (kWh)", 116.2, 116.2 * 3.6e6 / 1800.0, "W"),
        ("temperature difference [degF]", 9.0, 5.0, "K"),
    ],
)
def test_units_become_house_units(tmp_path, header, logged, house, unit):
    path = tmp_path / "log.csv"
    wobble = [1.0 + 1e-4 * (k * 7 % 13) for k in range(40)]
    stamps = pd.date_range("2024-01-01", periods=40, freq="30min")
    path.write_text(
        f"time_utc,{header}\n" + "\n".join(f"{stamp},{logged * w!r}" for stamp, w in zip(stamps, wobble, strict=True))
    )
    (channel,) = read_log(path).channels.values()
    assert channel.unit == unit and channel.unit_source == "header"
    assert read_log(path)[channel.name].raw[0] == pytest.approx(house, rel=1e-6)


def test_unlabelled_fahrenheit_is_guessed_and_said(tmp_path, course, write):
    time, columns = course
    fahrenheit = 32.0 + 1.8 * columns["inlet_temp [degC]"]
    log = read_log(write(time, {"Room temperature": fahrenheit}))
    assert log.channel("Room temperature").unit_source == "guess"
    np.testing.assert_allclose(log["Room temperature"].raw, columns["inlet_temp [degC]"], atol=1e-9)
    assert any("degF" in warning and "percentile" in warning for warning in log.warnings)


def test_a_running_total_becomes_power(course, write):
    time, columns = course
    power = columns["it_power [W]"]
    total = 1234.0 + np.concatenate([[0.0], np.cumsum(power[:-1]) / 60.0 / 1000.0])
    log = read_log(write(time, {"meter [kWh]": total}))
    np.testing.assert_allclose(log["meter"].values[:-1], power[:-1], rtol=1e-6)
    assert "counter" in {fault.kind for fault in log.channel("meter").faults}


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz"])
def test_what_is_written_reads_back_the_same(course, write, tmp_path, ending):
    time, columns = course
    columns["inlet_temp [degC]"][100:103] = np.nan
    columns["return_temp [degC]"][500] = 2.0
    columns['odd, "name" [W]'] = columns.pop("it_power [W]")
    path = write(
        time,
        {key.replace('"', "'"): value for key, value in columns.items() if "," not in key}
        | {"odd": columns['odd, "name" [W]']},
    )
    log = read_log(path)
    again = read_log(write_log(log, tmp_path / f"own.{ending}"))
    assert again.clock == log.clock or repr(again.clock) == repr(log.clock)
    assert (again.name, again.layout, again.start, again.end, again.warnings) == (
        log.name,
        log.layout,
        log.start,
        log.end,
        log.warnings,
    )
    assert {name: repr(channel) for name, channel in again.channels.items()} == {
        name: repr(channel) for name, channel in log.channels.items()
    }
    for name in log.channels:
        one, other = log[name], again[name]
        np.testing.assert_array_equal(one.time, other.time)
        np.testing.assert_array_equal(
            one.raw.view(np.int64)[~np.isnan(one.raw)], other.raw.view(np.int64)[~np.isnan(one.raw)]
        )
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.reasons, other.reasons)


def test_a_grid_takes_means_and_fills_nothing(course, write):
    time, columns = course
    columns["inlet_temp [degC]"][10:25] = np.nan
    log = read_log(write(time, columns))
    grid, values = log.grid(["inlet_temp"], 600.0)
    inlet = columns["inlet_temp [degC]"].reshape(-1, 10)
    assert len(grid) == 288 and grid[1] - grid[0] == 600 * 10**9
    np.testing.assert_allclose(values[0][3:], inlet[3:].mean(axis=1), rtol=1e-12)
    assert np.isnan(values[0][1])
    np.testing.assert_allclose(values[0][2], np.nanmean(inlet[2]), rtol=1e-12)


def test_a_wrong_name_gets_the_nearest_one(course, write):
    with pytest.raises(InputError, match="inlet_temp"):
        read_log(write(*course))["inlet_tmp"]


def test_a_spool_gathers_what_comes_in_small_pieces(monkeypatch):
    """Few places in the file, whatever the number of pieces; what is read back is what was put in, in its order."""
    from dcsim.logs import spool as spools

    monkeypatch.setattr(spools, "WAITING", 4000)
    spool, put = spools.Spool(), {k: [] for k in range(7)}
    rng = np.random.default_rng(0)
    for n in range(3000):
        k, piece = int(rng.integers(7)), rng.integers(0, 9, rng.integers(1, 4)).astype(float)
        spool.append(k, piece)
        put[k].append(piece.copy())
        piece[:] = -1.0  # the caller may use its memory again
        if n == 1500:  # reading in between changes nothing
            np.testing.assert_array_equal(spool.get(k), np.concatenate(put[k]))
    for k, pieces in put.items():
        np.testing.assert_array_equal(spool.get(k), np.concatenate(pieces))
    assert sum(map(len, spool._pieces.values())) < 7 * (3000 * 2 * 8 / 4000 + 2)
    assert 3 in spool and 8 not in spool
