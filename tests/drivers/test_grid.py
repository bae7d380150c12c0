import numpy as np
import pytest

from dcsim.drivers import GRID_PROFILES, load_grid, read_grid_csv
from dcsim.errors import InputError


def test_flat_is_the_us_mean_of_2023():
    # EIA: 1532 million t over 4,183,271 million kWh; 8.06 ct/kWh for industrial customers.
    values = load_grid("flat").at(np.arange(24) * 3600.0)
    np.testing.assert_allclose(values.kg_co2_per_kwh, 1532.0 / 4183.271, rtol=1e-3)
    np.testing.assert_allclose(values.price_per_kwh, 0.0806)
    assert load_grid("flat").currency == "USD"


def test_every_profile_keeps_the_means_of_flat():
    for name in GRID_PROFILES:
        table = load_grid(name).table()
        assert table.kg_co2_per_kwh.shape == (105_120,)
        assert table.kg_co2_per_kwh.mean() == pytest.approx(0.366, rel=1e-9)
        assert table.price_per_kwh.mean() == pytest.approx(0.0806, rel=1e-9)


def test_two_prices_stand_two_to_one_from_noon_to_eight():
    price = load_grid("tou-2to1").at(np.arange(24) * 3600.0 + 1800.0).price_per_kwh
    assert price.max() / price.min() == pytest.approx(2.0)
    np.testing.assert_array_equal(np.flatnonzero(price == price.max()), np.arange(12, 20))


def test_solar_is_cleanest_by_day():
    carbon = load_grid("solar").at(np.arange(24) * 3600.0 + 1800.0).kg_co2_per_kwh
    np.testing.assert_array_equal(np.flatnonzero(carbon == carbon.min()), np.arange(8, 16))
    assert carbon.max() / carbon.min() == pytest.approx(1.7)
    assert load_grid("solar").at(0.0).price_per_kwh == load_grid("flat").at(0.0).price_per_kwh


def test_us_average_is_cleanest_in_the_afternoon():
    carbon = load_grid("us-average").at(np.arange(24) * 3600.0).kg_co2_per_kwh
    assert np.argmin(carbon) in (14, 15)
    assert carbon.max() / carbon.min() == pytest.approx(1.1 / 0.9, rel=0.01)


def test_series_and_table_agree():
    grid = load_grid("tou-2to1")
    series = grid.series(86_400.0 * 40, 300.0, 288)
    np.testing.assert_array_equal(series.price_per_kwh, grid.table().price_per_kwh[40 * 288 : 41 * 288])
    with pytest.raises(ValueError, match="read-only"):
        grid.table().price_per_kwh[0] = 0.0
    with pytest.raises(InputError, match="does not divide"):
        grid.table(1001.0)


def test_csv_is_converted_and_keeps_negative_prices(write_csv):
    rows = "\n".join(f"2023-01-01T{hour:02d}:00,{50 * hour},{hour - 3}" for hour in range(24))
    grid = read_grid_csv(write_csv(f"time,carbon_intensity [gCO2/kWh],price [EUR/MWh]\n{rows}\n"))
    values = grid.series(0.0, 3600.0, 4)
    np.testing.assert_allclose(values.kg_co2_per_kwh, [0.0, 0.05, 0.1, 0.15])
    np.testing.assert_allclose(values.price_per_kwh, [-0.003, -0.002, -0.001, 0.0])
    assert grid.currency == "EUR"


def test_universal_time_is_moved_to_the_clock_of_the_site(write_csv):
    rows = "\n".join(f"2023-01-02T{hour:02d}:00,{hour}" for hour in range(24))
    path = write_csv(f"time [UTC],price [USD/MWh]\n{rows}\n")
    grid = load_grid(path, utc_offset=-6.0)
    assert grid.at(86_400.0).price_per_kwh == pytest.approx(0.006)
    assert "carbon_intensity from profile 'flat'" in grid.provenance
    assert grid.at(0.0 + 86_400.0).kg_co2_per_kwh == pytest.approx(0.366)
    assert load_grid(path, utc_offset=-6.0) is grid
    assert load_grid(path, utc_offset=0.0) is not grid


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,price [EUR]\n2023-01-01,1\n", "field 'price [EUR]': unit 'EUR' is no price: give a currency per energy"),
        ("time,carbon_intensity [g]\n2023-01-01,1\n", "unit 'g' is no carbon"),
        ("time,price [EUR/MWh]\n2023-01-01,1\n", "a single row does not say how long it holds"),
        ("time,price [EUR/MWh]\n2023-01-01T00:00,1\n2023-01-01T01:00,\n2023-01-01T02:00,1\n", "line 3, field 'price"),
        ("time,price [EUR/MWh]\n2023-01-01T00:00,1\n2023-01-01T01:00,1e9\n", "line 3, field 'price [EUR/MWh]': 1e9"),
    ],
)
def test_bad_files_are_refused(write_csv, text, message):
    with pytest.raises(InputError) as caught:
        load_grid(write_csv(text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match="did you mean 'us-average'"):
        load_grid("us_averge")
    with pytest.raises(InputError, match=r"grid file 'nowhere.csv' does not exist"):
        load_grid("nowhere.csv")


def test_real_files_are_read_once_their_columns_are_named(data_folder, tmp_path):
    pandas = pytest.importorskip("pandas")
    price = pandas.read_csv(data_folder / "grid" / "price_US-CAL-CISO_2023_hourly.csv.gz")
    price[["time_utc", "price_usd_MWh"]].to_csv(tmp_path / "price.csv", index=False)
    grid = load_grid(tmp_path / "price.csv", utc_offset=-8.0)
    assert grid.table().price_per_kwh.mean() == pytest.approx(0.0615232, rel=1e-5)
    assert grid.price.values.min() == pytest.approx(-0.01900936)
    assert grid.currency == "USD"
