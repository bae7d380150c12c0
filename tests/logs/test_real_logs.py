"""Logs of real halls, each with the faults that are known of it; skipped where the data is not at hand."""

import numpy as np
import pytest

from dcsim.logs import read_log
from dcsim.logs.mapping import parse_mapping


def kinds(log, name):
    return {fault.kind: fault for fault in log.channel(name).faults}


def hours(spans):
    return [(end - begin) / 3.6e12 for begin, end in spans]


@pytest.mark.parametrize("name", ["exp1_room_30s.csv.gz", "exp1_room_30s.parquet"])
def test_a_hall_under_load_steps(data, name):
    log = read_log(data / "rise_pod2_exp1" / name)
    assert len(log.channels) == 80 and log.clock.step_s == 30.0 and log.clock.zone == "UTC"
    followed = [name for name in log.channels if "wrong air" in kinds(log, name)]
    assert followed == [f"cold_aisle_{k}_C" for k in range(5)]
    assert kinds(log, "thermal_power_out_W")["dip"].samples in (2, 3)
    lost = {k: kinds(log, f"pdu_power_{k}_W")["missing"].samples / 600.0 for k in range(1, 12)}
    assert {k for k, share in lost.items() if 0.09 < share < 0.19} == {2, 5, 6, 8}
    assert all(share < 0.01 for k, share in lost.items() if k not in (2, 5, 6, 8))
    assert log.channel("crac1_fan_signal_default_pct").unit == "-" and log["crac1_setpoint_C"].values[0] == 23.0


def test_one_sensor_a_row_in_an_archive_is_the_same_hall(data, tmp_path):
    import tarfile

    with tarfile.open(data / "rise_pod2_exp1" / "raw_pod2_first_experiment.tar.xz") as tar:
        for member in tar:
            if any(
                word in member.name
                for word in ("cooler_fan_temperature01", "power_in_vs_out", "sensor_strips_racks_01")
            ):
                (tmp_path / member.name.rpartition("/")[2]).write_bytes(tar.extractfile(member).read())
    log = read_log(tmp_path)
    clean = read_log(data / "rise_pod2_exp1" / "exp1_room_30s.parquet")
    assert "sparse" in log.layout
    name = "sensor_strips_racks_01_to_03/temperature_front_bottom"
    _, raw = log.grid([name], 600.0, clean.start, clean.end)
    _, tidy = clean.grid(["racks01_03_front_bottom_C"], 600.0, clean.start, clean.end)
    assert log.channel(name).unit == "degC" and log.channel(name).unit_source == "guess"
    np.testing.assert_allclose(raw, tidy, atol=0.05)


def test_servers_in_a_long_table(data):
    log = read_log(data / "rise_pod2_exp1" / "exp1_servers_120s_long.parquet")
    assert len(log.channels) == 360 * 4 and log.layout.startswith("long")
    inlets = [name for name in log.channels if name.endswith("inlet_C")]
    assert {log.channel(name).resolution for name in inlets} == {1.0}  # 1 K quantisation
    moving = [name for name in log.channels if name.endswith("_C") and "constant" not in kinds(log, name)]
    assert sum("coarse" in kinds(log, name) for name in moving) == len(moving) > 700
    assert np.median([log.channel(name).step_s for name in inlets]) == 120.0


def test_a_chiller_plant_in_mixed_units(data):
    log = read_log(data / "sg_chiller" / "raw_HVAC_Energy_Data_dev.csv.gz")
    assert log.clock.zone == "UTC+08:00" and "month first" in log.clock.form
    assert log.start == np.datetime64("2019-08-17T16:00", "ns").astype(np.int64)
    # all the 30 distances of more than half an hour that the stamps of this file have
    assert max(hours(log.clock.gaps)) == 9.0 and len(log.clock.gaps) == 30
    assert {name: channel.unit for name, channel in log.channels.items()} == {
        "Chilled Water Rate": "m3/s",
        "Cooling Water Temperature": "degC",
        "Building Load": "W",
        "Chiller Energy Consumption": "W",
        "Outside Temperature": "degC",
        "Dew Point": "degC",
        "Humidity": "-",
        "Wind Speed": "m/s",
        "Pressure": "Pa",
    }
    assert log["Chiller Energy Consumption"].raw[0] == pytest.approx(232400.0)  # the clean file's 232.4 kW
    assert log["Building Load"].raw[0] == pytest.approx(1686.68e3, rel=1e-5)
    clean = read_log(data / "sg_chiller" / "chiller_30min_dev.csv.gz")
    np.testing.assert_allclose(log["Building Load"].raw, clean["building_load_kWth"].raw, rtol=2e-5, atol=6.0)
    stuck = kinds(log, "Building Load")["stuck"]
    assert stuck.samples == 238 and hours(stuck.spans) == [
        127.0
    ]  # one and the same reading of all sensors, around a gap


def test_a_workbook_with_times_of_day(data):
    log = read_log(data / "upc_jff2_freecooling" / "raw_Data_Center_Data_Personal.xlsx")
    assert log.clock.kind == "time of day" and not log.clock.has_date
    assert log.channel("temperature in").unit == "degC" and log.channel("Cluster").unit == "W"
    assert log["Cluster"].raw[0] == 24100.0 and len(log["Cluster"].time) == 263
    assert log.clock.step_s == pytest.approx(303.5, abs=1.0)


def test_blocks_of_ipmitool_that_fall_silent(data):
    log = read_log(data / "harvard_ipmi_outage" / "raw_sample_6_nodes_ipmi_sdr.tar.xz")
    ambient = [name for name in log.channels if name.endswith("Ambient Temp")]
    assert len(ambient) == 6
    silent = [kinds(log, name)["ends early"].spans[0][0] for name in ambient if "ends early" in kinds(log, name)]
    assert len(silent) >= 4
    for stamp in silent:
        assert abs(stamp - np.datetime64("2025-06-03T02:36", "ns").astype(np.int64)) < 15 * 60e9


def test_a_dump_of_a_database_newest_first(data):
    path = data / "cornell_biohpc_gpu" / "raw_cbsugpu05_usage_stats.txt.gz"
    log = read_log(path, parse_mapping({"clock": {"zone": "America/New_York"}}, "m"))
    assert log.clock.order == "descending" and len(log.channels) == 12
    assert kinds(log, "powermin")["clipped"].detail.startswith("2110 samples at the highest reading 100")
    assert all("repeats" not in kinds(log, name) for name in log.channels)
    assert any("repeats stands once" in note for note in log.clock.notes)
    assert any("another width" in warning for warning in log.warnings)
    # without a zone the hours that daylight saving skips tell of it, though this log lacks the hour before them, too
    assert any("the USA (3 of 3 springs)" in note for note in read_log(path).clock.notes)


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("Alibaba_CPU_Data_Hourly_1", "7 days"),
        ("Alibaba_CPU_Data_Hourly_2", "7 days"),
        ("GoogleClusteData_CPU_Data_Hourly_1", "nearly: those of 28 days"),
    ],
)
def test_traces_that_repeat(data, name, period):
    log = read_log(data / "workload_traces" / f"{name}.csv.gz")
    assert period in kinds(log, "cpu_load_frac")["repeats"].detail


def test_unlabelled_fahrenheit_of_an_office(data):
    log = read_log(data / "nab_it_timeseries" / "ambient_temperature_system_failure.csv.gz")
    (channel,) = log.channels.values()
    assert channel.unit == "degC" and channel.logged_unit == "degF" and channel.unit_source == "guess"
    assert 10.0 < channel.low < channel.high < 35.0


def test_every_other_log_reads(data):
    folders = ("nab_it_timeseries", "workload_traces", "weather", "grid", "cornell_biohpc_gpu", "upc_jff2_freecooling")
    for folder in folders:
        for path in sorted((data / folder).iterdir()):
            if path.name.endswith((".csv", ".csv.gz")):
                log = read_log(path)
                assert log.channels, path
                masked = sum(channel.masked for channel in log.channels.values())
                assert masked < 0.2 * sum(channel.samples for channel in log.channels.values()), path


def test_controllers_without_a_reading_are_counted(data):
    log = read_log(data / "harvard_ipmi_outage" / "ipmi_2025-06-03_ambient_power_long.parquet")
    rows = sum(channel.samples for channel in log.channels.values())
    missing = sum(kinds(log, name)["missing"].samples for name in log.channels if "missing" in kinds(log, name))
    assert missing == sum(channel.masked for channel in log.channels.values())
    assert len({name.partition("/")[0] for name in log.channels}) == 1691
    assert 0.05 < missing / rows < 0.2
