import gzip
import importlib.util

import numpy as np
import pytest
from dcsim_experiments.build_weather_data import CITIES, build, weather_folder

from dcsim.drivers import built_in_climates, load_weather, read_epw
from dcsim.drivers.weather_files import DATA_DIRECTORY


@pytest.fixture(scope="module")
def source():
    if importlib.util.find_spec("pyenergyplus") is None:
        pytest.skip("pyenergyplus-lbnl is not installed: no EPW files to build from")
    return weather_folder()


def test_the_package_stays_small_and_says_where_it_comes_from():
    assert set(CITIES) == set(built_in_climates())
    assert sum(path.stat().st_size for path in DATA_DIRECTORY.iterdir()) < 1_000_000
    provenance = (DATA_DIRECTORY / "PROVENANCE.md").read_text()
    assert "public domain" in provenance
    for city in CITIES:
        assert f"| {city} |" in provenance
        assert "NREL TMY3" in load_weather(city).provenance


def test_the_data_are_what_the_script_makes(source, tmp_path):
    for path in build(source, tmp_path):
        ours = (DATA_DIRECTORY / path.name).read_bytes()
        if path.suffix == ".gz":
            assert gzip.decompress(ours) == gzip.decompress(path.read_bytes())
        else:
            assert ours == path.read_bytes()


@pytest.mark.parametrize("city", ["miami", "denver"])
def test_nothing_is_lost_against_the_epw_file(source, city):
    (path,) = source.glob(f"{CITIES[city]}*_TMY3.epw")
    packed, whole = load_weather(city), read_epw(path)
    for name in ("dry_bulb_temperature", "humidity_ratio", "pressure"):
        np.testing.assert_allclose(getattr(packed, name), getattr(whole, name), rtol=1e-12)
    for name in ("latitude", "longitude", "elevation", "utc_offset", "first_weekday"):
        assert getattr(packed, name) == getattr(whole, name)
