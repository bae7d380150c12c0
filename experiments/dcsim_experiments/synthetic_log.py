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
from dcsim.plant.hall import Hall, build_hall
from dcsim.plant.run import hall_model
from dcsim.plant.steady import cold_state, packed_inputs, rested
from dcsim.plant.step import Step
from dcsim.replay import sensed
from dcsim.replay.run import is_of_step
from dcsim.replay.sensors import TOTALS

Array = np.ndarray

RELATIVE_HUMIDITY, PRESSURE = 0.5, 1e5  # of outdoor air
SUBSTEP_S = 10.0
UNITS = {"fraction": "-", "temperature": "degC", "power": "W", "pressure": "Pa"}
WEATHER = ("dry_bulb_temperature", "outdoor_humidity_ratio", "outdoor_pressure")
IN_FORCE = {  # by what a hall holds over a step
    "supply_air_setpoint": "supply_air_setpoint",
    "crah_fan_target": "crah_fan_speed",
    "chilled_water_setpoint": "chilled_water_setpoint",
    "chilled_water_pump_speed": "chilled_water_pump_speed",
    "condenser_water_setpoint": "condenser_water_setpoint",
    "condenser_water_flow": "condenser_water_flow",
    "coolant_setpoint": "coolant_setpoint",
    "coolant_flow": "coolant_flow",
    "facility_water_setpoint": "facility_water_setpoint",
}
GIVEN = (
    "dry_bulb_temperature",
    "outdoor_relative_humidity",
    "atmospheric_pressure",
    *IN_FORCE.values(),
    "chiller_on",
    "compressor_on",
)
"""Signals that drive the hall and that every log has, as far as the hall has them; to these comes the load."""


def course(
    description: HallDescription, steps: int, seed: int = 0, step_s: float = 60.0, held: int = 12
) -> dict[str, Array]:
    """Run a hall on load, weather and set-points that jump now and then; return what its sensors show over each step.

    Set-points are shown as they are in force, within their rates and after protection.

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
        middle, quarter = 0.5 * (limits.low + limits.high), 0.25 * (limits.high - limits.low)
        rows = hall.input_rows[setpoint.input]
        moves = setpoint.input in IN_FORCE.values()
        inputs.setdefault(setpoint.input, wander(rows, middle - quarter, middle + quarter) if moves else middle)
    packed = packed_inputs(hall, steps, inputs)
    columns = np.ascontiguousarray(packed.T)[:, :, None]
    states = [rested(engine, hall, cold_state(hall, 1), columns[0], repeats=12)]
    for column in columns:
        states.append(engine.step(states[-1], column, step_s, substeps=max(2, round(step_s / SUBSTEP_S))))
    trajectory = np.concatenate(states, axis=1)
    u = unpack(packed, hall.types.Inputs, engine.input_slices)
    ends: list[Any] = [
        unpack(np.ascontiguousarray(part), hall.types.State, engine.state_slices)
        for part in (trajectory[:, :-1], trajectory[:, 1:])
    ]
    before, after = (sensed(hall, state, u, step_s) for state in ends)
    shown = {name: values if is_of_step(name) else 0.5 * (values + before[name]) for name, values in after.items()}
    given = {
        "outdoor_relative_humidity": np.full((1, steps), RELATIVE_HUMIDITY),
        "atmospheric_pressure": np.full((1, steps), PRESSURE),
    }
    shown |= given | {"dry_bulb_temperature": dry} | in_force(hall, ends[0], u, step_s)
    if "compressor_on" in shown:  # logged with its changes, so that its mean is the share of the step that it ran
        (was, _), (now, since) = ((each.compressor_on, each.compressor_time) for each in ends)
        shown["compressor_on"] = was + np.minimum(since / step_s, 1.0) * (now - was)
    return shown


def in_force(hall: Hall, s: Any, u: Any, step_s: float, params: Any = None) -> dict[str, Array]:
    """Return what a plant's controls log of its set-points and chillers, by signal, from states before steps and inputs of these."""
    latched, fixed = Step(hall.types).begin(s, u, hall.params if params is None else params, step_s, np)
    held = latched._asdict() | fixed._asdict()
    found = {signal: held[name] for name, signal in IN_FORCE.items() if name in held}
    if "chiller_target" in held:
        found["chiller_on"] = np.where(held["chiller_target"] > 0.0, 1.0, 0.0)
    return found


def run(env: Any, controller: Any, seed: int = 0) -> dict[str, Array]:
    """Return what sensors show while a controller runs an episode of an environment, by signal, shape (rows, steps).

    Weather, load, the set-points that were in force and the machines that ran are among the signals.
    """
    observation, _ = env.reset(seed=seed)
    controller.reset(seed)
    batch = env.unwrapped.batch
    hall, params = batch.config.hall, batch.params_of(0)
    watched, given, reached = SensedSteps(batch), [], len(batch.signals.action)
    is_over = False
    while not is_over:
        state = hall.types.State(*(field[:, :1].copy() for field in batch.state))
        inputs = batch.table.inputs[:, :1].copy()
        observation, _, is_tripped, is_over, _ = env.step(controller.act(observation))
        if is_tripped:
            raise RuntimeError("servers trip")
        watched.add()
        inputs[:reached] = batch.table.inputs[:reached, :1]  # what was asked for in the step just made
        u = hall.types.Inputs(*np.split(inputs, np.cumsum(list(hall.input_rows.values()))[:-1]))
        given.append(
            {name: getattr(u, name) for name in WEATHER}
            | in_force(hall, state, u, batch.config.control_interval_s, params)
        )
    found = {name: np.concatenate([each[name] for each in given], axis=1) for name in given[0]}
    ratio, pressure = found.pop("outdoor_humidity_ratio"), found.pop("outdoor_pressure")
    dew_point = moist_air.dew_point_temperature(ratio, pressure)
    return watched.signals() | found | {"atmospheric_pressure": pressure, "dew_point_temperature": dew_point}


def frame(shown: Mapping[str, Array], signals: tuple[str, ...], step_s: float = 60.0) -> pd.DataFrame:
    """Return signals, of those asked for the ones there are, as columns ``signal_number`` over universal time."""
    columns = {f"{signal}_{k + 1}": row for signal in signals if signal in shown for k, row in enumerate(shown[signal])}
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
