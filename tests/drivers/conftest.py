import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcsim.drivers import load_weather

EPW_HEADER = (
    "LOCATION,Testville,XX,USA,TMY3,999999,40.0,-100.0,-6.0,300.0\n"
    "DESIGN CONDITIONS,0\nTYPICAL/EXTREME PERIODS,0\nGROUND TEMPERATURES,0\nHOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0\n"
    "COMMENTS 1,test\nCOMMENTS 2,test\nDATA PERIODS,1,1,Data,Monday, 1/ 1,12/31\n"
)

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def epw_rows() -> list[str]:
    """A year of EPW rows whose dry bulb is the hour of the year over 1000, 50 % and 90 000 Pa."""
    rows = []
    for month, days in enumerate(_DAYS, start=1):
        for day in range(1, days + 1):
            for hour in range(1, 25):
                dry_bulb = (len(rows) + 1) / 1000.0
                dew_point = dry_bulb - 9.0
                rows.append(f"1999,{month},{day},{hour},60,?,{dry_bulb:.3f},{dew_point:.3f},50,90000" + ",0" * 25)
    return rows


@pytest.fixture
def write_epw(tmp_path: Path) -> Callable[..., Path]:
    def write(change: Callable[[list[str]], list[str]] = lambda rows: rows, header: str = EPW_HEADER) -> Path:
        path = tmp_path / "test.epw"
        path.write_text(header + "\n".join(change(epw_rows())) + "\n")
        return path

    return write


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, name: str = "test.csv") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no measured files to compare with")
    return Path(folder)


@pytest.fixture(scope="session")
def hours() -> np.ndarray:
    return np.arange(8760) * 3600.0


@pytest.fixture(scope="session")
def chicago():
    return load_weather("chicago")
