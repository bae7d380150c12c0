"""Logs written by the equations themselves, as a hall's sensors would."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dcsim.engines import make_engine, unpack
from dcsim.logs import SIGNALS, load_mapping, read_log
from dcsim.plant.description import load_hall
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim.replay import sensed

STEP_S = 60.0
HELD = 12  # steps that set-points and load stand still
UNITS = {"temperature": "degC", "power": "W", "fraction": "-", "pressure": "Pa"}
DRIVERS = (
    "dry_bulb_temperature",
    "outdoor_relative_humidity",
    "atmospheric_pressure",
    "supply_air_setpoint",
    "crah_fan_speed",
)


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
        self.channels = {}
        for name in frame:
            signal = name.rpartition("_")[0]
            quantities = SIGNALS[signal].quantities
            kind = next(k for k in ("fraction", *UNITS) if k in quantities)
            self.channels[name] = {"signal": name if SIGNALS[signal].counted_by else signal, "unit": UNITS[kind]}

    def read(self, **changes):
        """Write the log and its mapping, channels changed or taken away, and read both as a user would."""
        self.frame.to_csv(self.path, index_label="time")
        channels = {
            name: {**entry, **changes.get(name, {})} for name, entry in self.channels.items() if name in self.frame
        }
        self.mapping_path.write_text(yaml.safe_dump({"channels": channels}))
        mapping = load_mapping(self.mapping_path)
        return read_log(self.path, mapping), mapping


def course(name, steps, seed=0):
    """Run a hall on wandering boundaries; return it, and what its sensors show over each step."""
    hall = build_hall(load_hall(name))
    engine = make_engine("fused", hall_model(hall), hall.params)
    random = np.random.default_rng(seed)

    def wander(rows, low, high):
        return np.repeat(random.uniform(low, high, (rows, -(-steps // HELD))), HELD, axis=1)[:, :steps]

    relative, pressure = 0.5, 1e5
    dry = wander(1, 15.0, 25.0)
    from dcsim.physics import moist_air

    ratio = moist_air.humidity_ratio(dry, relative, pressure)
    inputs = {
        "utilization": wander(hall.racks, 0.3, 0.9),
        "dry_bulb_temperature": dry,
        "wet_bulb_temperature": moist_air.wet_bulb_temperature(dry, ratio, pressure),
        "outdoor_humidity_ratio": ratio,
        "outdoor_pressure": pressure,
        "supply_air_setpoint": wander(hall.crah_groups, 18.0, 24.0),
        "crah_fan_speed": wander(hall.crah_groups, 0.6, 1.0),
        "pressure_control": 0.0,
    }
    for setpoint in hall.types.setpoints:
        limits = getattr(hall.description.setpoints, setpoint.allowed)
        inputs.setdefault(setpoint.input, 0.5 * (limits.low + limits.high))
    packed = packed_inputs(hall, steps, inputs)
    columns = np.ascontiguousarray(packed.T)[:, :, None]
    states = [rested(engine, hall, cold_state(hall, 1), columns[0], repeats=12)]
    for column in columns:
        states.append(engine.step(states[-1], column, STEP_S, substeps=6))
    trajectory = np.concatenate(states, axis=1)
    u = unpack(packed, hall.types.Inputs, engine.input_slices)
    before, after = (
        sensed(hall, unpack(np.ascontiguousarray(part), hall.types.State, engine.state_slices), u, STEP_S)
        for part in (trajectory[:, :-1], trajectory[:, 1:])
    )
    shown = {
        name: values if name.endswith("_power") or name == "heat_removed" else 0.5 * (values + before[name])
        for name, values in after.items()
    }
    given = {
        "outdoor_relative_humidity": np.full((1, steps), relative),
        "atmospheric_pressure": np.full((1, steps), pressure),
    }
    given |= {key: inputs[key] for key in ("dry_bulb_temperature", "supply_air_setpoint", "crah_fan_speed")}
    return hall, shown | given


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

    def make(name="edge-dx-50kw", steps=150, load="utilization", seed=0):
        _, shown = course(name, steps, seed)
        columns = {
            f"{signal}_{k + 1}": row for signal in (*DRIVERS, load, *LOGGED) for k, row in enumerate(shown[signal])
        }
        index = pd.date_range("2024-06-01T00:00Z", periods=steps, freq="60s")
        return Written(tmp_path, pd.DataFrame(columns, index=index))

    return make


@pytest.fixture(scope="session")
def real_logs():
    """Return the folder of real logs."""
    folder = os.environ.get("DCSIM_DATA")
    if not folder or not (Path(folder) / "rise_pod2_exp1").is_dir():
        pytest.skip("DCSIM_DATA is not set: no real logs to read")
    return Path(folder)
