"""Logs written by the equations themselves, as a hall's sensors would."""

import os
from pathlib import Path

import pytest
import yaml
from dcsim_experiments.synthetic_log import GIVEN, course, frame, rules

from dcsim.logs import load_mapping, read_log
from dcsim.plant.description import load_hall


class Written:
    """A log on disk.

    Attributes
    ----------
    frame : pandas.DataFrame
        What is written, by ``signal_number``.
    """

    def __init__(self, folder, frame):
        self.frame = frame
        self.path, self.mapping_path = folder / "log.csv", folder / "mapping.yaml"
        self.channels = rules(frame)

    def read(self, **changes):
        """Write the log and its mapping, channels changed or taken away, and read both as a user would."""
        self.frame.to_csv(self.path, index_label="time")
        channels = {
            name: {**entry, **changes.get(name, {})} for name, entry in self.channels.items() if name in self.frame
        }
        self.mapping_path.write_text(yaml.safe_dump({"channels": channels}))
        mapping = load_mapping(self.mapping_path)
        return read_log(self.path, mapping), mapping


LOGGED = (
    "rack_inlet_temperature",
    "rack_outlet_temperature",
    "return_air_temperature",
    "supply_air_temperature",
    "room_temperature",
    "cooling_power",
)


@pytest.fixture
def written(tmp_path):
    """Return a function that makes the log of a hall."""

    def make(name="edge-dx-50kw", steps=150, load="utilization", seed=0, hall=None, more=(), held=12):
        shown = course(load_hall(name) if hall is None else hall, steps, seed, held=held)
        return Written(tmp_path, frame(shown, (*GIVEN, load, *LOGGED, *more)))

    return make


@pytest.fixture(scope="session")
def real_logs():
    """Return the folder of real logs."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder or not (Path(folder) / "rise_pod2_exp1").is_dir():
        pytest.skip("DCSIM_DATA is not set: no real logs to read")
    return Path(folder)
