"""Keeps what an episode did, step by step, as plain arrays that figures are made from. No matplotlib here."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcsim.envs.batch import Batch
from dcsim.plant.economizer import MECHANICAL

Trajectory = dict[str, np.ndarray]
"""One episode: arrays by name, time first; the fields are listed at ``Recorder``."""

_STATE_ROWS = (
    "rack_inlet_temperature",
    "supply_air_temperature",
    "supply_air_setpoint",
    "crah_fan_speed",
)
_STATE_MEANS = (
    "compressor_load",
    "outdoor_air_share",
    "coolant_supply_temperature",
    "coolant_return_temperature",
    "cdu_pump_speed",
    "cdu_valve_position",
)
"""Means over the units, where a hall has them."""
_STATE_NUMBERS = (
    "chilled_water_supply_temperature",
    "chilled_water_return_temperature",
    "chilled_water_setpoint",
    "chilled_water_pump_speed",
    "condenser_water_supply_temperature",
    "condenser_water_setpoint",
    "condenser_water_flow",
    "tower_air_fraction",
    "protection",
    "chillers_on",
    "coolant_setpoint",
    "facility_water_supply_temperature",
    "facility_water_return_temperature",
    "facility_water_setpoint",
    "dry_cooler_fan_speed",
    "pad_wetted_share",
    "case_protection",
    "case_temperature_max",
    "it_power_peak",
)
"""Of these the ones that a hall has."""
_POWERS = ("it", "facility", "cooling", "thermal")


class Recorder:
    """Records one environment of a batch from its reset on.

    Parameters
    ----------
    batch : Batch
        Just reset. It must not start another episode by itself before the last step was added.
    env : int
        Which of its environments.

    Notes
    -----
    Fields of the trajectory, for T control steps, R rack groups and U CRAH groups.

    Shape (T,): ``time_s`` [s of the year] at the end of the step; ``rack_inlet_max`` [degC] at any sub-step; ``violation_k_min`` and
    ``water_l`` of the step; ``dry_bulb_temperature`` and ``wet_bulb_temperature`` [degC] during the step; ``mode`` and ``protection`` and,
    where the hall has them, water temperatures, set-points and speeds (before the plant's own protection), ``chillers_on``, means over the
    units of ``compressor_load`` and ``outdoor_air_share``, all at its end and named as in the plant's state; mean powers [W] ``it_power
    facility_power cooling_power thermal_power`` and those of ``COMPONENT_POWERS`` that the hall has.

    Shape (T, R): ``rack_inlet_temperature`` [degC] at the end, ``utilization`` during the step. Shape (T, U):
    ``supply_air_temperature``, ``supply_air_setpoint``, ``crah_fan_speed`` at the end, ``crah_available`` during the step.

    Plain numbers: ``inlet_limit``, ``inlet_allowable``, ``supply_limit`` [degC], ``crah_groups``, ``design_it_power`` [W],
    ``control_interval_s``.
    """

    def __init__(self, batch: Batch, env: int = 0) -> None:
        self._batch, self._env = batch, env
        self._steps: list[dict[str, np.ndarray | float]] = []
        self._drivers = self._read_drivers()

    def _read_drivers(self) -> dict[str, np.ndarray | float]:
        view, env = self._batch.view, self._env
        return {
            "utilization": view("input.utilization")[:, env].copy(),
            "crah_available": view("input.crah_available")[:, env].copy(),
            "dry_bulb_temperature": float(view("input.dry_bulb_temperature")[0, env]),
            "wet_bulb_temperature": float(view("input.wet_bulb_temperature")[0, env]),
        }

    def add(self, info: Mapping[str, float]) -> None:
        """Add the step just made, with the ``info`` it returned."""
        state, env = self._batch.state, self._env
        step: dict[str, np.ndarray | float] = dict(self._drivers)
        step |= {name: getattr(state, name)[:, env].copy() for name in _STATE_ROWS}
        step |= {name: float(getattr(state, name)[0, env]) for name in _STATE_NUMBERS if hasattr(state, name)}
        step |= {name: float(getattr(state, name)[:, env].mean()) for name in _STATE_MEANS if hasattr(state, name)}
        step |= {f"{name}_power": float(info[f"{name}_power_w"]) for name in _POWERS}
        step |= {COMPONENT_POWERS[part]: float(power) for part, power in component_powers(info).items()}
        step["mode"] = float(state.mode[0, env]) if hasattr(state, "mode") else MECHANICAL
        step["rack_inlet_max"] = float(info["rack_inlet_max_c"])
        step |= {name: float(info[name]) for name in ("time_s", "violation_k_min", "water_l")}
        self._steps.append(step)
        self._drivers = self._read_drivers()  # of the step to come

    def trajectory(self) -> Trajectory:
        """Return what was recorded.

        Raises
        ------
        ValueError
            If no step was added.
        """
        if not self._steps:
            raise ValueError("no step was added to the recorder")
        config = self._batch.config
        limits = config.hall.description.limits
        constants = {
            "inlet_limit": limits.inlet_limit.value,
            "inlet_allowable": limits.inlet_allowable.value,
            "supply_limit": limits.supply_limit.value,
            "crah_groups": config.hall.crah_groups,
            "design_it_power": config.hall.design_it_power,
            "control_interval_s": config.control_interval_s,
        }
        arrays = {name: np.array([step[name] for step in self._steps]) for name in self._steps[0]}
        return arrays | {name: np.array(value) for name, value in constants.items()}


COMPONENT_POWERS = {
    "chillers": "chiller_power",
    "compressors": "compressor_power",
    "crah_fans": "crah_fan_power",
    "pumps": "pump_power",
    "tower_fans": "tower_fan_power",
    "cdus": "cdu_power",
    "dry_coolers": "dry_cooler_fan_power",
    "humidifiers": "humidifier_power",
    "server_fans": "server_fan_power",
    "leakage": "leakage_power",
}
"""Field of a trajectory behind each part of thermal energy; a hall has some of them."""


def component_powers(info: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of the thermal power [W] that a hall has, of ``info``; they sum to the whole. The make-up air unit is with the humidifiers."""
    powers = {part: info[f"{field}_w"] for part, field in COMPONENT_POWERS.items() if f"{field}_w" in info}
    if "humidifiers" in powers:
        powers["humidifiers"] = powers["humidifiers"] + info["ventilation_power_w"]
    powers["leakage"] = info["thermal_power_w"] - info["cooling_power_w"] - info["server_fan_power_w"]
    return powers


def component_energy(trajectory: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Thermal energy by component, averaged over the episode [kWh per day]; the parts sum to the whole."""
    per_day = 24.0 / 1000.0  # W to kWh a day
    return {
        part: float(np.mean(trajectory[field])) * per_day
        for part, field in COMPONENT_POWERS.items()
        if field in trajectory
    }
