"""EnergyPlus run the way a reinforcement-learning wrapper runs it, to time it and to compare with it.

After every zone time step a call-back reads sensors and overrides set-points through the engine's own Python
interface (wheel ``pyenergyplus-lbnl``). Each run has a process and a temporary folder of its own: the engine keeps
global state and is not meant to be started twice in one process.

Sensor values are those of the last system step within the zone time step; with `shortest_system_step` equal to the
model's `time_step` there is only one, and they are means over the zone time step.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dcsim_experiments import energyplus_objects as names
from dcsim_experiments.energyplus_model import write_model
from dcsim_experiments.energyplus_sizes import EnergyPlusModel, Hall, Setpoints

# Sensor: output variable and the object it belongs to. The dozen that an agent would observe, then what a comparison of
# balances needs besides.
AGENT_SENSORS: dict[str, tuple[str, str]] = {
    "outdoor_dry_bulb_temperature": ("Site Outdoor Air Drybulb Temperature", "Environment"),
    "outdoor_wet_bulb_temperature": ("Site Outdoor Air Wetbulb Temperature", "Environment"),
    "zone_temperature": ("Zone Air Temperature", names.ZONE),
    "server_inlet_temperature": ("ITE Air Inlet Dry-Bulb Temperature", names.IT_EQUIPMENT),
    "supply_air_temperature": ("System Node Temperature", names.SUPPLY_AIR_NODE),
    "supply_air_mass_flow": ("System Node Mass Flow Rate", names.SUPPLY_AIR_NODE),
    "chilled_water_supply_temperature": ("System Node Temperature", names.CHILLER_OUTLET_NODE),
    "condenser_water_supply_temperature": ("System Node Temperature", names.TOWER_OUTLET_NODE),
    "cpu_power": ("ITE CPU Electricity Rate", names.IT_EQUIPMENT),
    "crah_fan_power": ("Fan Electricity Rate", names.FAN),
    "chiller_power": ("Chiller Electricity Rate", names.CHILLER),
    "tower_fan_power": ("Cooling Tower Fan Electricity Rate", names.TOWER),
}
SENSORS: dict[str, tuple[str, str]] = {
    **AGENT_SENSORS,
    "cpu_load_fraction": ("Schedule Value", names.LOAD_SCHEDULE),
    "server_fan_power": ("ITE Fan Electricity Rate", names.IT_EQUIPMENT),
    "power_supply_loss_power": ("ITE UPS Electricity Rate", names.IT_EQUIPMENT),
    "server_air_mass_flow": ("ITE Air Mass Flow Rate", names.IT_EQUIPMENT),
    "server_heat_flow": ("ITE Total Heat Gain to Zone Rate", names.IT_EQUIPMENT),
    "envelope_heat_flow": ("Zone Air Heat Balance Surface Convection Rate", names.ZONE),
    "air_storage_heat_flow": ("Zone Air Heat Balance Air Energy Storage Rate", names.ZONE),
    "zone_cooling_heat_flow": ("Zone Air System Sensible Cooling Rate", names.ZONE),
    "return_air_temperature": ("System Node Temperature", names.RETURN_AIR_NODE),
    "coil_heat_flow": ("Cooling Coil Total Cooling Rate", names.COIL),
    "chilled_water_return_temperature": ("System Node Temperature", names.COIL_WATER_OUTLET_NODE),
    "chilled_water_mass_flow": ("System Node Mass Flow Rate", names.CHILLER_OUTLET_NODE),
    "evaporator_heat_flow": ("Chiller Evaporator Cooling Rate", names.CHILLER),
    "condenser_heat_flow": ("Chiller Condenser Heat Transfer Rate", names.CHILLER),
    "condenser_water_return_temperature": ("System Node Temperature", names.TOWER_INLET_NODE),
    "condenser_water_mass_flow": ("System Node Mass Flow Rate", names.TOWER_OUTLET_NODE),
    "tower_heat_flow": ("Cooling Tower Heat Transfer Rate", names.TOWER),
    "tower_makeup_water_volume": ("Cooling Tower Make Up Water Volume", names.TOWER),
    "chilled_water_pump_power": ("Pump Electricity Rate", names.CHILLED_WATER_PUMP),
    "condenser_water_pump_power": ("Pump Electricity Rate", names.CONDENSER_WATER_PUMP),
}

# Actuator: class and name of the schedule that it overrides.
ACTUATORS: dict[str, tuple[str, str]] = {
    "supply_air_temperature_setpoint": ("Schedule:Constant", names.SUPPLY_AIR_SCHEDULE),
    "chilled_water_temperature_setpoint": ("Schedule:Constant", names.CHILLED_WATER_SCHEDULE),
    "condenser_water_temperature_setpoint": ("Schedule:Constant", names.CONDENSER_WATER_SCHEDULE),
    "zone_temperature_setpoint": ("Schedule:Constant", names.ZONE_SCHEDULE),
    "cpu_load_fraction": ("Schedule:Compact", names.LOAD_SCHEDULE),
}


@dataclass(frozen=True)
class PeerResult:
    """How fast EnergyPlus ran.

    Attributes
    ----------
    steps : int
        Zone time steps (control steps) of the run period.
    steps_per_s : float
        These over the wall time from the end of warm-up to the end of the last one [1/s].
    steps_per_cpu_s : float
        The same over the processor time of the process: the fairer number on a busy machine [1/s].
    total_time : float
        Wall time of the whole run in its process: start-up, warm-up, run period, closing [s].
    time_step : int
        Length of a zone time step [s].
    weather : str
        Name of the weather file.
    engine : str
        Name and version of the engine.
    warnings, severe_errors : int
        As EnergyPlus counts them at the end of its error file.
    """

    steps: int
    steps_per_s: float
    steps_per_cpu_s: float
    total_time: float
    time_step: int
    weather: str
    engine: str
    warnings: int
    severe_errors: int


@dataclass(frozen=True)
class Simulation:
    """Trajectory of a run.

    Attributes
    ----------
    sensors : dict of str to Array, shape (T,)
        Each sensor at the end of every zone time step, in the unit that its name implies.
    coil_conductance : float
        Nominal UA that EnergyPlus found for the coil [W/K].
    timing : PeerResult
        Steps, speed and messages.
    """

    sensors: dict[str, NDArray[np.float64]]
    coil_conductance: float
    timing: PeerResult


def available() -> bool:
    """Whether the engine is installed."""
    if importlib.util.find_spec("pyenergyplus") is None:
        return False
    from pyenergyplus.api import api_path

    return Path(api_path()).is_file()


def default_weather() -> Path:
    """Chicago O'Hare TMY3, one of the EPW files that come with the engine."""
    from pyenergyplus.dataset import weather_files

    return Path(weather_files["usa_il_chicago"])


def measure(days: int = 365, weather: Path | None = None, repeats: int = 1) -> PeerResult:
    """Control steps a second of EnergyPlus under a wrapper that reads a dozen sensors and writes three set-points.

    A hall of one zone with CRAH, chiller and tower; zone time step 10 minutes; no report is asked for. Supply-air,
    chilled-water and condenser-water set-points move at every step along slow waves of 1 K; random or constant ones cost
    the engine the same within a few per cent. About a fifth of the time is spent in Python, reading and writing through
    the wheel's public interface, as every wrapper does.

    Parameters
    ----------
    days : int
        Length of the run period from 1 January, 1 to 365.
    weather : Path, optional
        EPW file; Chicago by default.
    repeats : int
        Runs, one after the other; the fastest counts.

    Returns
    -------
    PeerResult
        Speed over the run period, without start-up and warm-up.

    Raises
    ------
    RuntimeError
        If the engine is missing, stops early or reports a severe error.
    """
    hall = Hall(latent_heat_removed=500.0)  # a wet coil would slow the engine down
    model = EnergyPlusModel(hall=hall, setpoints=Setpoints(condenser_water=20.0), days=days)
    day = np.arange(days * 86400 // model.time_step) * model.time_step / 86400.0
    waves = {
        "supply_air_temperature_setpoint": 20.0 + np.sin(2.0 * np.pi * day),
        "chilled_water_temperature_setpoint": 10.0 + np.sin(2.0 * np.pi * day / 3.0),
        "condenser_water_temperature_setpoint": 20.0 + np.sin(2.0 * np.pi * day / 5.0),
    }
    runs = [simulate(model, weather, waves, AGENT_SENSORS).timing for _ in range(repeats)]
    return max(runs, key=lambda run: run.steps_per_s)


def simulate(
    model: EnergyPlusModel,
    weather: Path | None = None,
    setpoints: Mapping[str, ArrayLike] | None = None,
    sensors: Mapping[str, tuple[str, str]] = SENSORS,
) -> Simulation:
    """Run a model with given set-points and record sensors.

    Parameters
    ----------
    model : EnergyPlusModel
        Sizes and run period.
    weather : Path, optional
        EPW file; Chicago by default.
    setpoints : mapping of str to Array, shape (T,), optional
        Values of some of `ACTUATORS` [°C or -] for every zone time step; where short, the last one holds on. The
        condenser-water set-point needs a model whose `condenser_water` is a number.
    sensors : mapping of str to (str, str)
        What to record: output variable and the object it belongs to, by a name of one's own.

    Returns
    -------
    Simulation
        T rows for T zone time steps; row i is the state at the end of the step to which row i of `setpoints` applied.

    Raises
    ------
    RuntimeError
        If the engine is missing, stops early or reports a severe error.
    """
    if not available():
        raise RuntimeError("EnergyPlus is not installed: pip install 'dcsim[validation]'")
    weather = default_weather() if weather is None else weather
    steps = model.days * 86400 // model.time_step
    columns = {name: np.atleast_1d(np.asarray(values, dtype=float)) for name, values in (setpoints or {}).items()}
    columns = {name: values[np.minimum(np.arange(steps), len(values) - 1)] for name, values in columns.items()}
    with tempfile.TemporaryDirectory(prefix="dcsim-energyplus-") as temporary:
        folder = Path(temporary)
        write_model(model, weather, folder / "hall.epJSON")
        np.savez(folder / "setpoints.npz", **columns)  # type: ignore[arg-type]
        request = {"weather": str(weather.resolve()), "sensors": dict(sensors), "steps": steps}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        return _outcome(folder, model, weather, _run_worker(folder))


def _run_worker(folder: Path) -> str:
    """Run this module as a program on the folder; return what it wrote to the standard error stream."""
    package_root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "dcsim_experiments.energyplus_peer", str(folder)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


def _outcome(folder: Path, model: EnergyPlusModel, weather: Path, complaint: str) -> Simulation:
    """Read what the worker left in the folder, or say why it failed."""
    error_file = folder / "out" / "eplusout.err"
    errors = error_file.read_text(encoding="utf-8", errors="replace") if error_file.is_file() else ""
    serious = re.findall(r"\*\* +(?:Severe|Fatal) +\*\*[^\n]*", errors)
    if serious or not (folder / "result.json").is_file():
        raise RuntimeError("EnergyPlus failed: " + "; ".join([*serious[:5], *complaint.strip().splitlines()[-1:]]))
    timing = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    engine = re.search(r"Version,(\w+), Version (\d+\.\d+\.\d+)", errors)
    counts = re.search(r"(\d+) Warning; (\d+) Severe Errors; Elapsed", errors)
    coil = re.search(
        rf"^Water Cooling Coil Capacity Information,Coil:Cooling:Water,{names.COIL},(?:[^,]*,){{4}}\s*([\d.]+)",
        (folder / "out" / "eplusout.eio").read_text(encoding="utf-8", errors="replace"),
        re.MULTILINE | re.IGNORECASE,
    )
    if engine is None or counts is None or coil is None:
        raise RuntimeError("EnergyPlus left an error or initialization file of an unknown form")
    with np.load(folder / "sensors.npz") as table:
        sensors = {name: table[name] for name in table.files}
    return Simulation(
        sensors=sensors,
        coil_conductance=float(coil[1]),
        timing=PeerResult(
            steps=timing["steps"],
            steps_per_s=timing["steps"] / timing["run_time"],
            steps_per_cpu_s=timing["steps"] / timing["cpu_time"],
            total_time=timing["total_time"],
            time_step=model.time_step,
            weather=weather.name,
            engine=f"{engine[1]} {engine[2]}",
            warnings=int(counts[1]),
            severe_errors=int(counts[2]),
        ),
    )


class _Wrapper:
    """Call-backs of one run: timing, reading and writing."""

    def __init__(
        self, api: Any, state: Any, sensors: dict[str, list[str]], setpoints: dict[str, list[float]], steps: int
    ):
        self.api, self.state = api, state
        self.sensors, self.setpoints = sensors, setpoints
        self.observations = np.empty((steps, len(sensors)))
        self.step = 0
        self.started: tuple[float, float] | None = None  # wall and processor clock [s]
        self.ended = (0.0, 0.0)
        self.failure: Exception | None = None
        self.sensor_handles: list[int] = []
        self.actions: list[tuple[int, list[float]]] = []
        for variable, key in sensors.values():
            api.exchange.request_variable(state, variable, key)
        api.runtime.callback_after_new_environment_warmup_complete(state, self.begin)
        api.runtime.callback_end_zone_timestep_after_zone_reporting(state, self.advance)

    def begin(self, state: Any) -> None:
        """Find the handles, write the first set-points, start the clock."""
        exchange = self.api.exchange
        try:
            self.sensor_handles = [
                _found(name, exchange.get_variable_handle(state, variable, key))
                for name, (variable, key) in self.sensors.items()
            ]
            for name, values in self.setpoints.items():
                kind, schedule = ACTUATORS[name]
                handle = _found(name, exchange.get_actuator_handle(state, kind, "Schedule Value", schedule))
                self.actions.append((handle, values))
                exchange.set_actuator_value(state, handle, values[0])
        except Exception as failure:  # an exception must not pass through the engine
            self.fail(failure)
        self.started = _clocks()

    def advance(self, state: Any) -> None:
        """Read the step that ended, write the set-points of the next."""
        if self.started is None:  # warm-up
            return
        exchange = self.api.exchange
        try:
            self.observations[self.step] = [exchange.get_variable_value(state, h) for h in self.sensor_handles]
            self.step += 1
            if self.step < len(self.observations):
                for handle, values in self.actions:
                    exchange.set_actuator_value(state, handle, values[self.step])
            else:
                self.ended = _clocks()
        except Exception as failure:  # an exception must not pass through the engine
            self.fail(failure)

    def fail(self, failure: Exception) -> None:
        """Keep the first failure and stop the engine."""
        self.failure = self.failure or failure
        self.api.runtime.stop_simulation(self.state)


def _clocks() -> tuple[float, float]:
    """Wall clock and processor clock of this process [s]."""
    return time.perf_counter(), time.process_time()


def _found(name: str, handle: int) -> int:
    """Refuse the handle that EnergyPlus gives for what it does not know."""
    if handle < 0:
        raise LookupError(f"EnergyPlus knows no variable or actuator for {name}")
    return handle


def _work(folder: Path) -> None:
    """Run the engine in this process on a folder that `simulate` prepared."""
    from pyenergyplus.api import EnergyPlusAPI

    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    with np.load(folder / "setpoints.npz") as table:
        setpoints = {name: table[name].tolist() for name in table.files}
    began = time.perf_counter()
    api = EnergyPlusAPI()
    state = api.state_manager.new_state()
    api.runtime.set_console_output_status(state, False)
    wrapper = _Wrapper(api, state, request["sensors"], setpoints, request["steps"])
    arguments = ["-d", str(folder / "out"), "-w", request["weather"], str(folder / "hall.epJSON")]
    code = api.runtime.run_energyplus(state, arguments)
    total_time = time.perf_counter() - began
    if wrapper.failure is not None:
        raise wrapper.failure
    if code or wrapper.started is None or wrapper.step != request["steps"]:
        raise RuntimeError(f"exit code {code} after {wrapper.step} of {request['steps']} steps")
    np.savez(folder / "sensors.npz", **dict(zip(request["sensors"], wrapper.observations.T, strict=True)))
    run_time, cpu_time = (end - start for end, start in zip(wrapper.ended, wrapper.started, strict=True))
    result = {"steps": wrapper.step, "run_time": run_time, "cpu_time": cpu_time, "total_time": total_time}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
