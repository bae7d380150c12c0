"""Sensor logs written by the plant's own equations, with a truth that a reader, a replay or a calibration can be held against."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dcsim.engines import make_engine, unpack
from dcsim.envs.sensed_steps import SensedSteps
from dcsim.logs import SIGNALS
from dcsim.physics import moist_air
from dcsim.plant.description import HallDescription
from dcsim.plant.hall import build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim.replay import sensed
from dcsim.replay.run import is_of_step
from dcsim.replay.sensors import TOTALS

Array = np.ndarray

RELATIVE_HUMIDITY, PRESSURE = 0.5, 1e5  # of outdoor air
SUBSTEP_S = 10.0
UNITS = {"fraction": "-", "temperature": "degC", "power": "W", "pressure": "Pa"}
WEATHER = ("dry_bulb_temperature", "outdoor_humidity_ratio", "outdoor_pressure")
GIVEN = (
    "dry_bulb_temperature",
    "outdoor_relative_humidity",
    "atmospheric_pressure",
    "supply_air_setpoint",
    "crah_fan_speed",
)
"""Signals that drive the hall and that every log has; to these comes the load."""


def course(
    description: HallDescription, steps: int, seed: int = 0, step_s: float = 60.0, held: int = 12
) -> dict[str, Array]:
    """Run a hall on load, weather and set-points that jump now and then; return what its sensors show over each step.

    Parameters
    ----------
    description : HallDescription
    steps : int
    seed : int
    step_s : float
        Length of a step [s].
    held : int
        Steps that load, weather and set-points stand still.

    Returns
    -------
    dict of str to ndarray
        By signal, shape (rows, steps).
    """
    hall = build_hall(description)
    engine = make_engine("fused", hall_model(hall), hall.params)
    random = np.random.default_rng(seed)

    def wander(rows: int, low: float, high: float) -> Array:
        return np.repeat(random.uniform(low, high, (rows, -(-steps // held))), held, axis=1)[:, :steps]

    dry = wander(1, 15.0, 25.0)
    ratio = moist_air.humidity_ratio(dry, RELATIVE_HUMIDITY, PRESSURE)
    inputs: dict[str, Any] = {
        "utilization": wander(hall.racks, 0.3, 0.9),
        "dry_bulb_temperature": dry,
        "wet_bulb_temperature": moist_air.wet_bulb_temperature(dry, ratio, PRESSURE),
        "outdoor_humidity_ratio": ratio,
        "outdoor_pressure": PRESSURE,
        "supply_air_setpoint": wander(hall.crah_groups, 18.0, 24.0),
        "crah_fan_speed": wander(hall.crah_groups, 0.6, 1.0),
        "pressure_control": 0.0,
        "mode_request": 1.0,  # of an economizer: before the chillers
    }
    for setpoint in hall.types.setpoints:
        limits = getattr(hall.description.setpoints, setpoint.allowed)
        inputs.setdefault(setpoint.input, 0.5 * (limits.low + limits.high))
    packed = packed_inputs(hall, steps, inputs)
    columns = np.ascontiguousarray(packed.T)[:, :, None]
    states = [rested(engine, hall, cold_state(hall, 1), columns[0], repeats=12)]
    for column in columns:
        states.append(engine.step(states[-1], column, step_s, substeps=max(2, round(step_s / SUBSTEP_S))))
    trajectory = np.concatenate(states, axis=1)
    u = unpack(packed, hall.types.Inputs, engine.input_slices)
    before, after = (
        sensed(hall, unpack(np.ascontiguousarray(part), hall.types.State, engine.state_slices), u, step_s)
        for part in (trajectory[:, :-1], trajectory[:, 1:])
    )
    shown = {name: values if is_of_step(name) else 0.5 * (values + before[name]) for name, values in after.items()}
    given = {
        "outdoor_relative_humidity": np.full((1, steps), RELATIVE_HUMIDITY),
        "atmospheric_pressure": np.full((1, steps), PRESSURE),
    }
    return (
        shown | given | {key: inputs[key] for key in ("dry_bulb_temperature", "supply_air_setpoint", "crah_fan_speed")}
    )


def run(env: Any, controller: Any, seed: int = 0) -> dict[str, Array]:
    """Return what sensors show while a controller runs an episode of an environment, by signal, shape (rows, steps).

    Weather, load and the set-points that can be logged are among the signals; fans are logged by the speed they have.
    """
    observation, _ = env.reset(seed=seed)
    controller.reset(seed)
    batch = env.unwrapped.batch
    watched, drivers, asked = SensedSteps(batch), [], []
    is_over = False
    while not is_over:
        drivers.append({name: batch.view(f"input.{name}")[:, 0].copy() for name in WEATHER})
        observation, _, is_tripped, is_over, _ = env.step(controller.act(observation))
        if is_tripped:
            raise RuntimeError("servers trip")
        watched.add()
        asked.append(batch.setpoints[:, 0].copy())
    shown = watched.signals()
    weather = {name: np.stack([each[name] for each in drivers], axis=1) for name in WEATHER}
    dry, pressure = weather["dry_bulb_temperature"], weather["outdoor_pressure"]
    given = {
        "dry_bulb_temperature": dry,
        "atmospheric_pressure": pressure,
        "dew_point_temperature": moist_air.dew_point_temperature(weather["outdoor_humidity_ratio"], pressure),
    }
    columns = np.stack(asked, axis=1)
    for k, signal in enumerate(batch.signals.action):
        name = signal.name.rstrip("0123456789").rstrip("_")
        if name in SIGNALS and name not in shown:
            given[name] = np.vstack([given[name], columns[k]]) if name in given else columns[k : k + 1]
    return shown | given


def frame(shown: Mapping[str, Array], signals: tuple[str, ...], step_s: float = 60.0) -> pd.DataFrame:
    """Return signals as columns ``signal_number`` over universal time."""
    columns = {f"{signal}_{k + 1}": row for signal in signals for k, row in enumerate(shown[signal])}
    count = len(next(iter(columns.values())))
    index = pd.date_range("2024-06-01T00:00Z", periods=count, freq=f"{step_s:g}s")
    return pd.DataFrame(columns, index=index)


def rules(names: Any) -> dict[str, dict[str, str]]:
    """Return lines of a mapping for columns that `frame` made."""
    found = {}
    for name in names:
        signal = name.rpartition("_")[0]
        kind = next(kind for kind in UNITS if kind in SIGNALS[signal].quantities)
        found[name] = {
            "signal": name if SIGNALS[signal].counted_by and signal not in TOTALS else signal,
            "unit": UNITS[kind],
        }
    return found
