import gzip
import shutil

import numpy as np
import pytest

from dcsim.drivers import load_weather, read_epw, read_tmy3, read_weather_csv
from dcsim.drivers.outdoor_columns import QUANTITIES
from dcsim.errors import InputError
from dcsim.physics import moist_air


def refusal(call, *arguments, **keywords) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **keywords)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---- EPW


def test_epw_hours_end_where_their_label_says(write_epw):
    weather = read_epw(write_epw())
    # The dry bulb is the number of the hour over 1000: label 1 holds at 01:00, label 8760 at the year's end and start.
    np.testing.assert_allclose(
        weather.at(3600.0 * np.array([1, 2.5, 8759])).dry_bulb_temperature, [0.001, 0.0025, 8.759]
    )
    assert weather.at(0.0).dry_bulb_temperature == pytest.approx(8.760)
    assert (weather.latitude, weather.longitude, weather.utc_offset, weather.elevation) == (40.0, -100.0, -6.0, 300.0)
    assert weather.first_weekday == 0
    assert weather.at(3600.0).relative_humidity == pytest.approx(0.5)


def test_a_packed_epw_is_the_same(write_epw):
    path = write_epw()
    packed = path.with_suffix(".epw.gz")
    with path.open("rb") as source, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(source, target)
    np.testing.assert_array_equal(load_weather(packed).humidity_ratio, load_weather(path).humidity_ratio)


def test_a_leap_day_is_left_out(write_epw):
    leap = [f"2000,2,29,{hour},60,?,30,20,50,90000" + ",0" * 25 for hour in range(1, 25)]
    weather = read_epw(write_epw(lambda rows: rows[: 59 * 24] + leap + rows[59 * 24 :]))
    assert weather.dry_bulb_temperature.max() == pytest.approx(8.76)


def test_a_missing_hour_is_named_with_its_line(write_epw):
    message = refusal(read_epw, write_epw(lambda rows: rows[:100] + rows[101:]))
    assert "test.epw, line 109, field 'hour': hour 5 of 01-05 is missing, the line has hour 6 of 01-05" in message


def test_a_doubled_hour_is_named_with_its_line(write_epw):
    assert "line 109, field 'hour': hour 5 of 01-05 is due, the line has hour 4" in refusal(
        read_epw, write_epw(lambda rows: rows[:100] + rows[99:])
    )


def test_a_truncated_epw_says_where_it_ends(write_epw):
    assert "the file ends after 4000 of 8760 hours, hour 17 of 06-16 is missing" in refusal(
        read_epw, write_epw(lambda rows: rows[:4000])
    )
    assert "line 4008: 5 fields" in refusal(read_epw, write_epw(lambda rows: [*rows[:3999], "1999,6,16,16,60"]))


@pytest.mark.parametrize(
    ("column", "value", "field"), [(6, "99.9", "dry bulb"), (9, "999999", "pressure"), (6, "nan", "dry bulb")]
)
def test_missing_codes_are_refused_with_line_and_field_unless_allowed(write_epw, column, value, field):
    def change(rows):
        for hour in (50, 51):
            cells = rows[hour].split(",")
            cells[column] = value
            rows[hour] = ",".join(cells)
        return rows

    path = write_epw(change)
    message = refusal(read_epw, path)
    assert f"line 59, field '{field}': value missing (2 h); write a value between its neighbors" in message
    filled = read_epw(path, fill_gaps_hours=2)
    expected = read_epw(write_epw())
    np.testing.assert_allclose(filled.dry_bulb_temperature, expected.dry_bulb_temperature, rtol=0, atol=1e-12)
    np.testing.assert_allclose(filled.pressure, expected.pressure)


def test_a_missing_relative_humidity_is_taken_from_the_dew_point(write_epw):
    def change(rows):
        cells = rows[5000].split(",")
        cells[8] = "999"
        rows[5000] = ",".join(cells)
        return rows

    weather = read_epw(write_epw(change))
    dew_point = 5001 / 1000.0 - 9.0
    assert weather.at(5001 * 3600.0).dew_point_temperature == pytest.approx(dew_point, abs=1e-6)


def test_text_and_impossible_values_are_named_with_line_and_field(write_epw):
    def change(text):
        def swap(rows):
            return [rows[0].replace("0.001", text, 1), *rows[1:]]

        return swap

    assert "line 9, field 'dry bulb': 'warm' is not a number" in refusal(read_epw, write_epw(change("warm")))
    assert "line 9, field 'dry bulb': 120 is outside the believable range -70 to 70" in refusal(
        read_epw, write_epw(change("120"))
    )


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (3, "25", "field 'hour': 25 is outside 1 to 24"),
        (1, "13", "field 'month': 13 is outside 1 to 12"),
        (2, "0", "field 'day': 0 is outside 1 to 31"),
        (3, "1.5", "field 'hour': '1.5' is not a whole number"),
        (3, "nan", "field 'hour': 'nan' is not a whole number"),
    ],
)
def test_a_time_outside_the_calendar_is_named_with_its_field(write_epw, column, value, words):
    def change(rows):
        cells = rows[0].split(",")
        cells[column] = value
        return [",".join(cells), *rows[1:]]

    assert f"line 9, {words}" in refusal(read_epw, write_epw(change))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("-6.0,", "-13,", "line 1, field 'time zone': -13 h is outside -12 to 14"),
        ("-6.0,", "nan,", "line 1, field 'time zone': nan h is outside -12 to 14"),
        (",300.0", ",nan", "line 1, field 'elevation': nan m is outside -1000 to 9999.9"),
        (",300.0", ",1e5", "line 1, field 'elevation': 100000 m is outside -1000 to 9999.9"),
    ],
)
def test_a_site_that_is_not_on_earth_is_refused(write_epw, old, new, words):
    path = write_epw()
    path.write_text(path.read_text().replace(old, new, 1))
    assert words in refusal(read_epw, path)


def test_a_file_that_is_no_epw_is_refused(write_csv, write_epw, tmp_path):
    assert "starts with 'LOCATION'" in refusal(read_epw, write_csv("a,b\n1,2\n"))
    assert "the file is empty" in refusal(read_epw, write_csv("\n"))
    assert "no such file" in refusal(read_epw, tmp_path / "nowhere.epw")
    assert "no 'DATA PERIODS'" in refusal(read_epw, write_csv("LOCATION,a,b,c,d,e,1,2,3,4\n"))
    header = "LOCATION,T,X,USA,S,1,40,-100,-6,300\nDATA PERIODS,1,4,Data,Sunday,1/1,12/31\n"
    assert "one record an hour" in refusal(read_epw, write_epw(header=header))
    (tmp_path / "broken.epw.gz").write_bytes(gzip.compress(b"LOCATION" * 100)[:-20])
    assert "cannot be read" in refusal(read_epw, tmp_path / "broken.epw.gz")
    (tmp_path / "damaged.epw.gz").write_bytes(gzip.compress(bytes(1000))[:12] + bytes(50))
    assert "cannot be read" in refusal(read_epw, tmp_path / "damaged.epw.gz")
    (tmp_path / "binary.epw").write_bytes(bytes(range(256)))
    assert "not a text file" in refusal(read_epw, tmp_path / "binary.epw")


# ---- NREL TMY3


def test_tmy3_equals_another_reader():
    iotools = pytest.importorskip("pvlib.iotools")
    import pvlib

    path = pvlib.__path__[0] + "/data/723170TYA.CSV"
    data, site = iotools.read_tmy3(path, coerce_year=1990, map_variables=True)
    weather = read_tmy3(path)
    assert (weather.latitude, weather.longitude) == (site["latitude"], site["longitude"])
    assert (weather.elevation, weather.utc_offset) == (site["altitude"], site["TZ"])
    np.testing.assert_array_equal(np.roll(weather.dry_bulb_temperature, -1), data["temp_air"].to_numpy())
    np.testing.assert_allclose(np.roll(weather.pressure, -1), 100.0 * data["pressure"].to_numpy())
    humidity = weather.at(3600.0 * np.arange(1, 8761)).relative_humidity
    np.testing.assert_allclose(humidity, data["relative_humidity"].to_numpy() / 100.0, atol=1e-9)
    # Greensboro: -16.7 to 35.6 degC, mean 14.4.
    assert weather.dry_bulb_temperature.mean() == pytest.approx(14.4, abs=0.05)


def test_bad_tmy3_files_are_refused(write_csv):
    station = '723170,"GREENSBORO",NC,-5.0,36.1,-79.95,273\n'
    header = "Date (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),Dew-point (C),RHum (%),Pressure (mbar)\n"
    assert "a TMY3 file starts with" in refusal(read_tmy3, write_csv("time,a\n1,2\n"))
    assert "line 2, field 'Pressure (mbar)': this column is missing" in refusal(
        read_tmy3, write_csv(station + header.replace(",Pressure (mbar)", "") + "01/01/1988,01:00,10,6,77\n")
    )
    assert "line 3, field 'Date': '1.1.1988 01:00' is not MM/DD/YYYY" in refusal(
        read_tmy3, write_csv(station + header + "1.1.1988,01:00,10,6,77,993\n")
    )
    assert "line 4, field 'hour': hour 2 of 01-01 is missing" in refusal(
        read_tmy3, write_csv(station + header + "01/01/1988,01:00,10,6,77,993\n01/01/1988,03:00,10,6,77,993\n")
    )
    assert "line 1, field 'time zone': 'x' is not a number" in refusal(
        read_tmy3, write_csv(station.replace("-5.0", "x") + header)
    )


def test_a_tmy3_file_is_recognized_by_its_first_lines(write_csv):
    station = '723170,"GREENSBORO",NC,-5.0,36.1,-79.95,273\n'
    header = "Date (MM/DD/YYYY),Time (HH:MM),Dry-bulb (C),Dew-point (C),RHum (%),Pressure (mbar)\n"
    assert "the file ends after 0 of 8760 hours" in refusal(load_weather, write_csv(station + header))


# ---- CSV


def day_csv(header: str, row: str, count: int = 24) -> str:
    rows = (f"2023-07-01T{hour:02d}:00,{row.format(hour=hour)}" for hour in range(count))
    return f"# lat=50.1 lon=8.7 elevation=112 utc_offset=1\ntime,{header}\n" + "\n".join(rows) + "\n"


def test_csv_columns_come_in_many_units(write_csv):
    canonical = read_weather_csv(
        write_csv(day_csv("dry_bulb [degC],relative_humidity [-],pressure [Pa]", "20.0,0.5,101325"))
    )
    for header, row in (
        ("temp_air [°C],rh [%],pressure [hPa]", "20.0,50,1013.25"),
        ("drybulb_F,rh_pct,pressure_kPa", "68.0,50,101.325"),
        ("dry_bulb_temperature [K],relhum [%],station_pressure [mbar]", "293.15,50,1013.25"),
        ("dry_bulb [degC],humidity_ratio [g/kg],pressure [Pa]", "20.0,7.262,101325"),
    ):
        weather = read_weather_csv(write_csv(day_csv(header, row)))
        day = slice(181 * 24, 182 * 24)
        for name in ("dry_bulb_temperature", "humidity_ratio", "pressure"):
            np.testing.assert_allclose(getattr(weather, name)[day], getattr(canonical, name)[day], rtol=1e-4)
    assert (weather.latitude, weather.longitude, weather.elevation, weather.utc_offset) == (50.1, 8.7, 112.0, 1.0)


def test_csv_dew_point_and_standard_pressure_stand_in(write_csv):
    weather = read_weather_csv(write_csv(day_csv("dry_bulb [degC],dew_point [degC]", "20.0,9.272")))
    air = weather.at(181 * 86_400.0)
    assert air.dew_point_temperature == pytest.approx(9.272, abs=1e-6)
    assert air.pressure == pytest.approx(float(moist_air.standard_pressure(112.0)))


def test_csv_values_hold_at_their_timestamps(write_csv):
    weather = read_weather_csv(write_csv(day_csv("dry_bulb [degC],rh [%]", "{hour}.0,50")))
    assert weather.at(181 * 86_400.0 + 5400.0).dry_bulb_temperature == pytest.approx(1.5)
    assert weather.interval == 3600.0
    assert weather.first_weekday == 6  # 1 January 2023


def test_csv_in_universal_time_is_shifted_once(write_csv):
    text = day_csv("dry_bulb [degC],rh [%]", "{hour}.0,50").replace("time,", "time [UTC],")
    weather = read_weather_csv(write_csv(text))
    assert weather.at(181 * 86_400.0 + 2 * 3600.0).dry_bulb_temperature == pytest.approx(1.0)


def test_csv_of_ten_minutes_keeps_its_detail(write_csv):
    rows = "\n".join(f"2023-07-01T{k // 6:02d}:{k % 6}0,{k % 6},50" for k in range(144))
    weather = read_weather_csv(write_csv(f"time,dry_bulb [degC],rh [%]\n{rows}\n"))
    assert weather.interval == 300.0
    np.testing.assert_allclose(
        weather.at(181 * 86_400.0 + np.array([600.0, 900.0, 3300.0])).dry_bulb_temperature, [1.0, 1.5, 2.5]
    )


def test_a_year_of_csv_is_complete_and_wraps(write_csv, hours):
    start = np.datetime64("2023-01-01T00:30")
    rows = "\n".join(f"{start + np.timedelta64(k, 'h')},{k % 24},50" for k in range(8760))
    weather = load_weather(write_csv(f"time,dry_bulb [degC],rh [%]\n{rows}\n"))
    assert weather.is_complete
    assert weather.at(1800.0).dry_bulb_temperature == pytest.approx(0.0)
    assert weather.at(0.0).dry_bulb_temperature == pytest.approx(11.5)  # half way from 23 to 0


def test_a_csv_of_a_day_answers_for_that_day_only(write_csv):
    weather = load_weather(write_csv(day_csv("dry_bulb [degC],rh [%]", "20,50")))
    assert weather.series(181 * 86_400.0, 300.0, 12 * 23).pressure.shape == (276,)
    assert "it covers 07-01 00:00 to 07-01 23:00" in refusal(weather.series, 0.0, 300.0, 12)


def test_csv_gaps_are_refused_with_their_line_unless_allowed(write_csv):
    text = day_csv("dry_bulb [degC],rh [%]", "{hour}.0,50")
    gap = "\n".join(line for line in text.splitlines() if "T05" not in line and "T06" not in line)
    assert "line 8, field 'time': 2 h are missing before this line" in refusal(read_weather_csv, write_csv(gap))
    weather = read_weather_csv(write_csv(gap), fill_gaps_hours=2)
    assert weather.at(181 * 86_400.0 + 5.5 * 3600.0).dry_bulb_temperature == pytest.approx(5.5)


def test_real_csv_files_are_read(data_folder):
    weather = load_weather(data_folder / "weather" / "Frankfurt_DE-LU_2023_hourly.csv.gz")
    assert weather.is_complete
    assert weather.utc_offset == 1.0
    air = weather.at(0.0)
    assert air.dry_bulb_temperature == pytest.approx(12.9)
    assert air.relative_humidity == pytest.approx(0.71)


def test_real_epw_files_are_read(data_folder, hours):
    phoenix = load_weather(data_folder / "weather" / "USA_AZ_Phoenix-Sky.Harbor.TMYx.2007-2021.epw.gz")
    air = phoenix.at(hours)
    assert air.dry_bulb_temperature.mean() == pytest.approx(24.7, abs=0.06)
    # 13.1 and 33.0 by an independent calculation; the highest value hangs on which humidity of the file is believed.
    assert air.wet_bulb_temperature.mean() == pytest.approx(13.1, abs=0.15)


# ---- names


@pytest.mark.parametrize(
    ("word", "nearest"), [("chicgo", "chicago"), ("San Francisco", "san-francisco"), ("pheonix", "phoenix")]
)
def test_an_unknown_climate_gets_the_nearest(word, nearest):
    assert f"did you mean '{nearest}'?" in refusal(load_weather, word)


def test_a_missing_file_is_said_to_be_missing():
    assert "weather file 'nowhere.epw' does not exist" in refusal(load_weather, "nowhere.epw")


def test_believable_ranges_hold_the_climates_of_the_earth():
    assert QUANTITIES["dry_bulb"].low < -60.0 < 56.7 < QUANTITIES["dry_bulb"].high
