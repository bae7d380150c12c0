"""Reader of the measured hall: faults of a log are mended or said; the real log, where it is, reads as its notes say."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dcsim_experiments.validation.rise_log import (
    GAP_MAX,
    LEVELS,
    SECTIONS,
    SERVER_FILE,
    read_rise_log,
    resolution,
    without_drops,
)

from dcsim.errors import InputError

ROWS = 40
START = pd.Timestamp("2019-10-01T06:00:00Z")


def room_table() -> pd.DataFrame:
    """Return a made-up room of which every channel is known at every time."""
    second = 30.0 * np.arange(ROWS)
    columns: dict[str, np.ndarray] = {}
    for i in range(1, 5):
        columns[f"crac{i}_fan_signal_default_pct"] = np.full(ROWS, 40.0)
        columns[f"crac{i}_setpoint_C"] = np.full(ROWS, 23.0)
        columns[f"crac{i}_room_C"] = np.full(ROWS, 23.0)
        columns[f"crac{i}_return0_C"] = 29.0 + second / 600.0
        columns[f"crac{i}_return1_C"] = 31.0 + second / 600.0
        columns[f"crac{i}_discharge_C"] = np.full(ROWS, 16.5)
    for i in range(5):
        columns[f"cold_aisle_{i}_C"] = 29.5 + second / 600.0
    for section in SECTIONS:
        for level in LEVELS:
            columns[f"{section}_front_{level}_C"] = np.full(ROWS, 19.0)
            columns[f"{section}_rear_{level}_C"] = np.full(ROWS, 32.0)
    columns["diff_pressure_raw"] = np.full(ROWS, -1.0)
    columns["thermal_power_out_W"] = np.full(ROWS, 50e3)
    columns["electrical_power_in_W"] = np.full(ROWS, 53e3)
    columns["electrical_it_power_W"] = np.full(ROWS, 40e3)
    index = pd.DatetimeIndex(START + pd.to_timedelta(second, unit="s"), name="time_utc")
    return pd.DataFrame(columns, index=index)


def server_table() -> pd.DataFrame:
    """Return 360 servers on times of their own, whose power rises by 1 W a minute."""
    parts = []
    for rack in range(1, 13):
        for chassis in range(1, 11):
            for server in range(1, 4):
                second = 120.0 * np.arange(10) + 3.0 * chassis
                parts.append(
                    pd.DataFrame(
                        {
                            "time_utc": START + pd.to_timedelta(second, unit="s"),
                            "server": f"p02r{rack:02d}c{chassis:02d}srv{server:02d}",
                            "inlet_C": 20.0,
                            "outlet_C": 40.0,
                            "power_W": 100.0 + second / 60.0,
                            "fan_rpm": 2000.0,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def write_log(tmp_path: Path):
    """Write both files of a log, the room as compressed CSV unless asked otherwise."""

    def write(room: pd.DataFrame | None = None, servers: pd.DataFrame | None = None, suffix: str = ".csv.gz") -> Path:
        room = room_table() if room is None else room
        path = tmp_path / f"exp1_room_30s{suffix}"
        if suffix == ".parquet":
            room.to_parquet(path)
        else:
            room.to_csv(path)
        (server_table() if servers is None else servers).to_parquet(tmp_path / SERVER_FILE)
        return tmp_path

    return write


def test_a_log_without_faults_is_read_as_it_stands(write_log):
    log = read_rise_log(write_log())
    assert log.time[0] == np.datetime64("2019-10-01T06:00:00")
    assert log.time_step == 30.0
    np.testing.assert_allclose(log.fan_signal, 0.40)
    np.testing.assert_allclose(log.return_temperature, np.broadcast_to(30.0 + log.time_s / 600.0, (4, ROWS)))
    np.testing.assert_allclose(log.mixed_return_temperature, 30.0 + log.time_s / 600.0)
    assert log.front_temperature.shape == (4, 3, ROWS)
    assert set(log.faults.values()) == {0}


def test_parquet_and_csv_say_the_same(write_log, tmp_path):
    from_csv = read_rise_log(write_log())
    (tmp_path / "exp1_room_30s.csv.gz").unlink()
    from_parquet = read_rise_log(write_log(suffix=".parquet"))
    np.testing.assert_array_equal(from_csv.time, from_parquet.time)
    np.testing.assert_allclose(from_csv.return_temperature, from_parquet.return_temperature, rtol=1e-12)


def test_servers_are_put_on_the_grid_of_the_room_by_their_own_times(write_log):
    log = read_rise_log(write_log())
    inside = (log.time_s >= 30.0) & (log.time_s <= 1080.0)
    expected = np.broadcast_to(100.0 + log.time_s[inside] / 60.0, (360, int(inside.sum())))
    np.testing.assert_allclose(log.server_power[:, inside], expected, rtol=1e-12)
    np.testing.assert_allclose(log.rack_power[:, inside], 30.0 * expected[:12], rtol=1e-12)
    np.testing.assert_allclose(log.unassigned_power[inside], 40e3 - 360.0 * expected[0], rtol=1e-9)
    assert log.rack_of_server.tolist() == sorted(log.rack_of_server)


def test_a_lost_sample_is_bridged_and_counted_and_a_long_gap_is_not(write_log):
    room = room_table()
    room.iloc[5, room.columns.get_loc("crac1_return0_C")] = np.nan
    room.iloc[10:35, room.columns.get_loc("crac2_discharge_C")] = np.nan  # 13 min between what is known
    log = read_rise_log(write_log(room))
    assert log.return_temperature[0, 5] == pytest.approx(30.0 + 150.0 / 600.0, rel=1e-12)
    assert np.isnan(log.discharge_temperature[1, 10:35]).all()
    assert np.isfinite(log.discharge_temperature[1, [9, 35]]).all()
    assert GAP_MAX < 26 * 30.0
    assert log.faults["room samples bridged"] == 1
    assert log.faults["room samples missing"] == 25


def test_a_meter_that_drops_out_for_a_sample_is_bridged_and_one_that_falls_for_good_is_not():
    heat = np.concatenate([np.full(20, 50e3), np.full(20, 15e3)])
    heat[10] = 1e3
    mended, dropped = without_drops(heat)
    assert dropped == 1
    assert np.isnan(mended[10])
    np.testing.assert_array_equal(np.delete(mended, 10), np.delete(heat, 10))


def test_the_strip_labelled_cold_aisle_is_told_from_its_readings(write_log):
    room = room_table()
    assert read_rise_log(write_log(room)).aisle_strip_side == "hot"
    for i in range(5):
        room[f"cold_aisle_{i}_C"] = 19.3
    assert read_rise_log(write_log(room)).aisle_strip_side == "cold"


def test_resolution_is_the_step_of_rounded_readings():
    assert resolution(np.round(np.linspace(18.0, 24.0, 200))) == 1.0
    assert resolution(np.full(5, 20.0)) == 0.0


def missing_column(room, servers):
    return room.drop(columns="crac3_discharge_C"), servers


def broken_grid(room, servers):
    return room.drop(index=room.index[7]), servers


def impossible_temperature(room, servers):
    room.iloc[3, room.columns.get_loc("racks04_06_rear_top_C")] = 850.0
    return room, servers


def text_in_a_channel(room, servers):
    return room.assign(crac1_discharge_C=["null"] * 20 + ["cold"] * 20), servers


def lost_server(room, servers):
    return room, servers[servers["server"] != "p02r05c01srv02"]


def unknown_name(room, servers):
    return room, servers.assign(server=servers["server"].str.replace("r12", "r13"))


def doubled_row(room, servers):
    return room, pd.concat([servers, servers.iloc[:1]])


def no_power(room, servers):
    return room, servers.drop(columns="power_W")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (missing_column, "no column 'crac3_discharge_C'"),
        (broken_grid, "row 8: time 2019-10-01T06:04:00.000 is not 30000 milliseconds after"),
        (impossible_temperature, "row 4, column 'racks04_06_rear_top_C': 850 is not within -30 to 120"),
        (text_in_a_channel, "column 'crac1_discharge_C': holds something that is not a number"),
        (lost_server, "rack 5 has 29 servers, expected 30"),
        (unknown_name, "server 'p02r13c01srv01': expected a name such as"),
        (doubled_row, "server p02r01c01srv01: two rows of the same time"),
        (no_power, "no column 'power_W'"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_mended_is_said_in_one_line_that_names_the_place(write_log, change, says):
    with pytest.raises(InputError) as error:
        read_rise_log(write_log(*change(room_table(), server_table())))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_there_or_not_a_table_are_named(tmp_path, write_log):
    with pytest.raises(InputError, match=r"no exp1_room_30s\.parquet and no exp1_room_30s\.csv\.gz"):
        read_rise_log(tmp_path)
    folder = write_log()
    (folder / SERVER_FILE).write_text("not a table")
    with pytest.raises(InputError, match="cannot be read"):
        read_rise_log(folder)
    (folder / SERVER_FILE).unlink()
    with pytest.raises(InputError, match="no such file"):
        read_rise_log(folder)


@pytest.fixture(scope="module")
def measured():
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no measured log to read")
    return read_rise_log(Path(folder) / "rise_pod2_exp1")


def test_the_measured_log_is_ten_hours_of_which_nothing_is_unknown(measured):
    assert measured.time.shape == (1200,)
    assert measured.time_s[-1] == 35970.0
    assert len(measured.servers) == 360
    assert measured.faults["room samples missing"] == 0
    for values in (
        measured.server_power,
        measured.heat_out,
        measured.front_temperature,
        measured.discharge_temperature,
    ):
        assert np.isfinite(values).all()


def test_the_measured_heat_meter_drops_out_with_the_two_disturbances_of_the_chilled_water(measured):
    """At 53 and 595 minutes; afterwards the discharge air of all coolers moves by 1 K: colder water, not a bad meter."""
    assert measured.faults["thermal_power_out_W dropped out"] == 3
    assert measured.heat_out.min() > 15e3
    discharge = measured.discharge_temperature
    assert (discharge[:, 105] - discharge[:, 123]).min() > 0.7  # 52.5 and 61.5 min, before any load step shows


def test_the_measured_strip_labelled_cold_aisle_hangs_on_the_hot_side(measured):
    assert measured.aisle_strip_side == "hot"


def test_the_measured_servers_read_in_steps_of_a_kelvin(measured):
    """Straight lines between samples have other values too: the steps show where the readings stand still."""
    folder = Path(os.environ["DCSIM_DATA"]) / "rise_pod2_exp1"
    raw = pd.read_parquet(folder / SERVER_FILE)
    assert resolution(raw["inlet_C"].to_numpy(dtype=float)) == 1.0
    assert resolution(raw["fan_rpm"].to_numpy(dtype=float)) == 100.0


def test_the_measured_heat_leaves_by_the_air_of_the_coolers_at_their_catalogue_flow(measured):
    """2.2 m3/s a cooler at full signal, linear: 1.005 of the IT power where the load has stood for an hour."""
    settled = (measured.time_s > 4.2 * 3600.0) & (measured.time_s < 4.8 * 3600.0)
    flow = 2.2 * measured.fan_signal[:, settled]
    rise = (measured.return_temperature - measured.discharge_temperature)[:, settled]
    ratio = (1.2 * 1005.0 * flow * rise).sum(axis=0).mean() / measured.it_power[settled].mean()
    assert ratio == pytest.approx(1.0, abs=0.01)
    assert measured.heat_out[settled].mean() / measured.it_power[settled].mean() == pytest.approx(0.994, abs=0.01)
    assert measured.rack_power[:, settled].sum(axis=0).mean() / measured.it_power[settled].mean() == pytest.approx(
        0.89, abs=0.01
    )
