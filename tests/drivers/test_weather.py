import dataclasses

import numpy as np
import pytest

from dcsim.drivers import built_in_climates, load_weather
from dcsim.errors import InputError
from dcsim.physics import moist_air


def test_the_five_named_climates_are_built_in():
    assert {"miami", "phoenix", "san-francisco", "chicago", "denver"} <= set(built_in_climates())


def test_first_hour_of_chicago_is_that_of_the_tmy3_file(chicago):
    # First row of USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw: hour 1, -12.2 degC, 73 %, 99 500 Pa; it holds at 01:00.
    air = chicago.at(3600.0)
    assert air.dry_bulb_temperature == pytest.approx(-12.2, abs=1e-12)
    assert air.relative_humidity == pytest.approx(0.73, abs=1e-12)
    assert air.pressure == pytest.approx(99_500.0, abs=1e-9)
    assert chicago.utc_offset == -6.0
    assert chicago.elevation == 201.0


@pytest.mark.parametrize(
    ("city", "dry_bulb", "wet_bulb", "wet_bulb_max"),
    # Means over the year and highest wet bulb of these TMY3 files by an independent calculation (psychrolib), 0.1 K.
    [("san-francisco", 13.8, 11.1, 20.1), ("chicago", 10.0, 7.1, 26.9)],
)
def test_yearly_means_are_those_known(city, dry_bulb, wet_bulb, wet_bulb_max, hours):
    air = load_weather(city).at(hours)
    assert air.dry_bulb_temperature.mean() == pytest.approx(dry_bulb, abs=0.06)
    assert air.wet_bulb_temperature.mean() == pytest.approx(wet_bulb, abs=0.06)
    assert air.wet_bulb_temperature.max() == pytest.approx(wet_bulb_max, abs=0.06)


@pytest.mark.parametrize(
    ("file", "dry_bulb", "wet_bulb", "wet_bulb_max"),
    [
        ("modelica_ref/weather/USA_CO_Denver.Intl.AP.725650_TMY3.epw", 10.9, 4.9, 20.4),
        ("modelica_ref/weather/USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw", 13.8, 11.1, 20.1),
        ("modelica_ref/weather/USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw", 10.0, 7.1, 26.9),
        ("weather/USA_AZ_Phoenix-Sky.Harbor.TMYx.2007-2021.epw.gz", 24.7, 13.1, 33.0),
    ],
)
def test_yearly_means_of_epw_files_are_those_known(data_folder, file, dry_bulb, wet_bulb, wet_bulb_max, hours):
    air = load_weather(data_folder / file).at(hours)
    means = air.dry_bulb_temperature.mean(), air.wet_bulb_temperature.mean(), air.wet_bulb_temperature.max()
    np.testing.assert_allclose(means, (dry_bulb, wet_bulb, wet_bulb_max), atol=0.06)


@pytest.mark.parametrize("city", built_in_climates())
def test_every_climate_is_complete_and_moist_air_all_year(city):
    air = load_weather(city).table()
    assert air.pressure.shape == (105_120,)
    assert np.isfinite(np.stack(air)).all()
    assert (air.dew_point_temperature <= air.wet_bulb_temperature).all()
    assert (air.wet_bulb_temperature <= air.dry_bulb_temperature).all()
    assert air.relative_humidity.min() > 0.0
    assert air.relative_humidity.max() <= 1.0


def test_wet_bulb_is_recomputed_not_interpolated(chicago):
    # Between two hours the wet bulb fits the interpolated dry bulb, humidity ratio and pressure.
    time_s = (np.arange(8760) + 0.5) * 3600.0
    air = chicago.at(time_s)
    np.testing.assert_allclose(
        air.wet_bulb_temperature,
        moist_air.wet_bulb_temperature(air.dry_bulb_temperature, air.humidity_ratio, air.pressure),
        rtol=0,
        atol=1e-9,
    )
    ends = chicago.at(np.arange(8761) * 3600.0)
    middle = 0.5 * (ends.humidity_ratio[1:] + ends.humidity_ratio[:-1])
    assert (air.humidity_ratio <= middle + 1e-15).all()  # less only where fog condenses
    assert np.median(np.abs(air.humidity_ratio - middle)) < 1e-15


def test_the_last_hour_leads_back_to_the_first(chicago):
    before, after = chicago.at(8759.5 * 3600.0), chicago.at(-1800.0)
    assert tuple(before) == tuple(after)
    end, start = chicago.at(8760.0 * 3600.0), chicago.at(0.0)
    assert tuple(end) == tuple(start)
    # Row 8760 of the file, hour 24 of 31 December, holds at the start of the year.
    assert start.dry_bulb_temperature == chicago.dry_bulb_temperature[0]
    assert np.isfinite(chicago.at(-1e-9).dry_bulb_temperature)


def test_series_gives_interval_means_from_any_start(chicago):
    fine = chicago.at(3 * 86_400.0 + (np.arange(7200) + 0.5) * 1.0)
    series = chicago.series(3 * 86_400.0, 300.0, 24)
    np.testing.assert_allclose(
        series.dry_bulb_temperature, fine.dry_bulb_temperature.reshape(24, 300).mean(axis=1), rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        series.wet_bulb_temperature, fine.wet_bulb_temperature.reshape(24, 300).mean(axis=1), rtol=0, atol=2e-4
    )
    off_grid = chicago.series(3 * 86_400.0 + 150.0, 300.0, 24)
    np.testing.assert_allclose(
        off_grid.dry_bulb_temperature[:11], 0.5 * (series.dry_bulb_temperature[:11] + series.dry_bulb_temperature[1:12])
    )


def test_series_wraps_and_equals_the_table(chicago):
    table, start = chicago.table(300.0), 365 * 86_400.0 - 600.0
    series = chicago.series(start, 300.0, 4)
    np.testing.assert_array_equal(series.pressure, table.pressure[[-2, -1, 0, 1]])
    minute = chicago.series(start, 60.0, 20)
    np.testing.assert_allclose(minute.pressure.reshape(4, 5).mean(axis=1), series.pressure, rtol=1e-12)


def test_tables_are_shared_and_cannot_be_spoilt(chicago):
    assert load_weather("chicago") is chicago
    assert chicago.table(300.0) is chicago.table(300)
    with pytest.raises(ValueError, match="read-only"):
        chicago.table().pressure[0] = 0.0


def test_an_interval_that_does_not_divide_the_year_is_refused(chicago):
    with pytest.raises(InputError, match="does not divide"):
        chicago.table(7 * 60.0 + 0.5)


def test_a_time_the_file_does_not_cover_is_refused_by_name(chicago):
    dry_bulb = chicago.dry_bulb_temperature.copy()
    dry_bulb[24:] = np.nan
    part = dataclasses.replace(chicago, name="part", dry_bulb_temperature=dry_bulb)
    assert part.series(0.0, 300.0, 12).pressure.shape == (12,)
    assert part.at(23 * 3600.0).dry_bulb_temperature == dry_bulb[23]
    with pytest.raises(
        InputError, match=r"weather 'part' has no data at 01-02 06:02: it covers 01-01 00:00 to 01-01 23"
    ):
        part.series(30 * 3600.0, 300.0, 12)


def test_arrays_must_make_a_year(chicago):
    with pytest.raises(InputError, match="a year needs"):
        dataclasses.replace(chicago, pressure=chicago.pressure[:-1])


def test_air_is_that_of_energyplus(data_folder, chicago):
    # EnergyPlus 25.2 on the same EPW file: hourly means over the ends of six time steps of 10 minutes.
    pandas = pytest.importorskip("pandas")
    reference = pandas.read_csv(data_folder / "energyplus_ref" / "crah_chw_chicago_hourly.csv.gz")
    ours = chicago.at((np.arange(8760 * 6) + 1) * 600.0)
    for name, column, mean_error, deviation in (
        ("dry_bulb_temperature", "T_oa_db_C", 1e-5, 1e-4),
        ("pressure", "P_oa_Pa", 1e-2, 0.1),
        # EnergyPlus interpolates the relative humidity, and its wet bulb jumps at 0 degC.
        ("wet_bulb_temperature", "T_oa_wb_C", 0.005, 0.02),
        ("humidity_ratio", "W_oa_kgkg", 5e-6, 2e-5),
    ):
        # Its first hour runs from the end of the first day, not of the year.
        difference = (getattr(ours, name).reshape(8760, 6).mean(axis=1) - reference[column].to_numpy())[1:]
        assert abs(difference.mean()) < mean_error, name
        assert difference.std() < deviation, name
