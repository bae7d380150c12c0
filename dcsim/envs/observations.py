"""What a controller sees, gathered from the packed rows of the plant and scaled; the order is that of ``signals.observation_signals``."""

from collections.abc import Mapping

import numpy as np

from dcsim.envs.signals import FORECAST_HOURS, Signal, scaling
from dcsim.plant.hall import Hall

DRIVEN = (
    "utilization_zone",
    "utilization_mean",
    "utilization_slope",
    "hour_sin",
    "hour_cos",
    "week_sin",
    "week_cos",
    "price",
    "carbon_intensity",
    "chillers_available",
)
"""Rows that drivers alone decide; with the load and weather above them in the table they are written at once."""

MEASURED = (
    "rack_inlet_max",
    "chiller_load",
    "stage_dwell_left",
    "mode_dwell_left",
    "it_power",
    "cooling_power",
    "thermal_power",
)
"""Rows that follow from the state after a step."""


class ObservationBuilder:
    """Gathers and scales; holds one table ``(rows, N)`` in which state, inputs, what drivers say and what is measured stand below each other.

    Parameters
    ----------
    hall : Hall
    signals : tuple of Signal
    num_envs : int
    """

    def __init__(self, hall: Hall, signals: tuple[Signal, ...], num_envs: int) -> None:
        groups = hall.crah_groups
        with_forecast = any(signal.name.startswith("wet_bulb_") and signal.name.endswith("h") for signal in signals)
        driven = {name: groups if name == "utilization_zone" else 1 for name in DRIVEN}
        if with_forecast:
            driven["forecast"] = 3 * len(FORECAST_HOURS)
        measured = {name: groups if name == "rack_inlet_max" else 1 for name in MEASURED}
        self._slices: dict[str, slice] = {}
        at = 0
        parts = {"state": hall.state_rows, "input": hall.input_rows, "driven": driven, "measured": measured}
        for part, rows in parts.items():
            start = at
            for name, count in rows.items():
                self._slices[f"{part}.{name}"] = slice(at, at + count)
                at += count
            self._slices[part] = slice(start, at)
        self.table = np.zeros((at, num_envs))
        self.state = self.table[self._slices["state"]]
        self.inputs = self.table[self._slices["input"]]
        first = self._slices["input.utilization"].start
        self.drivers = self.table[first : self._slices["driven"].stop]
        self.measured = self.table[self._slices["measured"]]
        self._rows = np.concatenate([np.arange(at)[self._slices[place]] for place in self._places(with_forecast)])
        offset, factor = scaling(signals)
        if len(offset) != len(self._rows):
            raise AssertionError(f"{len(self._rows)} rows gathered for {len(offset)} signals")
        self._offset, self._factor = offset[:, None], factor[:, None]

    @staticmethod
    def _places(with_forecast: bool) -> list[str]:
        places = [
            "measured.rack_inlet_max",
            "state.zone_inlet_mean",
            "driven.utilization_zone",
            "state.zone_flow_ratio",
            "state.supply_air_temperature",
            "state.crah_fan_speed",
            "state.valve_fraction",
            "state.hot_air_temperature",
            "state.chilled_water_supply_temperature",
            "state.chilled_water_return_temperature",
            "state.condenser_water_supply_temperature",
            "state.tower_air_fraction",
            "measured.chiller_load",
            "state.chillers_on",
            "driven.chillers_available",
            "measured.stage_dwell_left",
            "state.mode",
            "measured.mode_dwell_left",
            "state.protection",
            "measured.it_power",
            "measured.cooling_power",
            "measured.thermal_power",
            "driven.utilization_mean",
            "driven.utilization_slope",
            "input.dry_bulb_temperature",
            "input.wet_bulb_temperature",
            "driven.hour_sin",
            "driven.hour_cos",
            "driven.week_sin",
            "driven.week_cos",
            "driven.price",
            "driven.carbon_intensity",
            "state.supply_air_setpoint",
            "state.crah_fan_setpoint",
            "state.chilled_water_setpoint",
            "state.condenser_water_setpoint",
            "state.chilled_water_pump_speed",
            "state.condenser_water_flow",
            "input.crah_available",
        ]
        return [*places, "driven.forecast"] if with_forecast else places

    def view(self, place: str) -> np.ndarray:
        """Return the rows of ``state.<field>``, ``input.<field>`` or ``driven.<name>`` as a view of the table."""
        return self.table[self._slices[place]]

    def row(self, place: str) -> int:
        """Return the position in the table of the first row of a place."""
        return self._slices[place].start

    def views(self, part: str) -> Mapping[str, np.ndarray]:
        """Return all rows of ``state``, ``input``, ``driven`` or ``measured`` by field."""
        head = part + "."
        return {key[len(head) :]: self.table[rows] for key, rows in self._slices.items() if key.startswith(head)}

    def observation(self) -> np.ndarray:
        """Return the scaled observation, shape (N, F), float32, inside -1 to 1."""
        values = self.table[self._rows]
        values -= self._offset
        values *= self._factor
        np.minimum(values, 1.0, out=values)
        np.maximum(values, -1.0, out=values)
        return values.T.astype(np.float32)
