"""Logs that tests write: a clean course of a hall, and the folder of real ones where there is one."""

import os
from pathlib import Path

import numpy as np
import pytest

START = np.datetime64("2024-03-04T00:00:00", "ns").astype(np.int64)
MINUTE = 60 * 10**9


@pytest.fixture(scope="session")
def data():
    """Return the folder of real logs."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder or not (Path(folder) / "rise_pod2_exp1").is_dir():
        pytest.skip("DCSIM_DATA is not set: no real logs to read")
    return Path(folder)


@pytest.fixture
def course():
    """Return stamps [ns] every minute for two days, and readings of an inlet [degC], a return [degC] and IT power [W]."""
    rng = np.random.default_rng(7)
    time = START + MINUTE * np.arange(2 * 1440, dtype=np.int64)
    day = 2.0 * np.pi * np.arange(len(time)) / 1440.0
    inlet = 21.0 + 1.5 * np.sin(day) + rng.normal(0.0, 0.05, len(time))
    hot = 34.0 + 3.0 * np.sin(day - 0.5) + rng.normal(0.0, 0.05, len(time))
    power = 4e5 + 5e4 * np.sin(day) + rng.normal(0.0, 1e3, len(time))
    return time, {
        "inlet_temp [degC]": inlet.round(3),
        "return_temp [degC]": hot.round(3),
        "it_power [W]": power.round(1),
    }


@pytest.fixture
def write(tmp_path):
    """Write a wide table of text and return its path."""

    def written(time, columns, name="log.csv", separator=",", stamps=None, header="time_utc", end="\n"):
        stamps = stamps or [str(np.datetime64(int(t), "ns"))[:19].replace("T", " ") for t in time]
        lines = [separator.join([header, *columns])]
        rows = zip(stamps, *columns.values(), strict=True)
        lines += [
            separator.join([stamp, *("" if v != v else repr(float(v)) for v in values)]) for stamp, *values in rows
        ]
        path = tmp_path / name
        path.write_text(end.join(lines) + end, encoding="utf-8")
        return path

    return written
