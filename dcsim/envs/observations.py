"""What a controller sees, gathered from the packed rows of the plant and scaled; ``signals.observed`` says what and in which order."""

from collections.abc import Mapping, Sequence

import numpy as np

from dcsim.envs.sensors import SensorBank
from dcsim.envs.signals import Block, Signal, scaling
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
)
"""Rows that drivers alone decide; with the load and weather above them in the table they are written at once."""

MEASURED = ("rack_inlet_max", "cooling_power", "thermal_power")
"""Rows that follow from the state after a step; of halls with cold plates also ``case_max``."""


class ObservationBuilder:
    """Gathers and scales; holds one table ``(rows, N)`` in which state, inputs, what drivers say and what is measured stand below each other.

    Parameters
    ----------
    hall : Hall
    blocks : sequence of Block
    num_envs : int
    sensors : SensorBank, optional
        Of the signals of the blocks; exact ones where there is none.
    """

    def __init__(self, hall: Hall, blocks: Sequence[Block], num_envs: int, sensors: SensorBank | None = None) -> None:
        groups = hall.crah_groups
        driven = {name: groups if name == "utilization_zone" else 1 for name in DRIVEN}
        forecast = [len(block.signals) for block in blocks if block.place == "driven.forecast"]
        driven |= dict.fromkeys(["forecast"] * len(forecast), sum(forecast))
        measured = {name: groups if name == "rack_inlet_max" else 1 for name in MEASURED}
        if "liquid" in hall:
            measured["case_max"] = hall.cdu_groups
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
        first = self._slices[f"input.{hall.types.drivers[0]}"].start
        self.drivers = self.table[first : self._slices["driven"].stop]
        self.measured = self.table[self._slices["measured"]]
        picked: list[np.ndarray] = []
        offsets, factors = [], []
        zeros, per_units = [], []
        for block in blocks:
            place = np.arange(at)[self._slices[block.place]]
            if len(place) != len(block.signals):
                raise AssertionError(f"{block.place}: {len(place)} rows for {len(block.signals)} signals")
            offset, factor = scaling(block.signals)
            picked.append(place)
            offsets.append(block.zero + offset * block.per_unit)
            factors.append(factor / block.per_unit)
            zeros.append(np.full(len(place), block.zero))
            per_units.append(np.full(len(place), block.per_unit))
        self._rows = np.concatenate(picked)
        self._offset, self._factor = np.concatenate(offsets)[:, None], np.concatenate(factors)[:, None]
        self._zero, self._per_unit = np.concatenate(zeros)[:, None], np.concatenate(per_units)[:, None]
        self._sensors = sensors
        if sensors is not None:
            signals = [signal for block in blocks for signal in block.signals]
            self._seen_scaling = _columns([signals[row] for row in sensors.rows])
            self._age_scaling = _columns(sensors.age_signals)

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

    def observation(self, elapsed: np.ndarray) -> np.ndarray:
        """Return the scaled observation, shape (N, F), float32, inside -1 to 1.

        Parameters
        ----------
        elapsed : np.ndarray of int, shape (N,)
            Control steps made in each environment's episode.
        """
        values = self.table[self._rows]
        if self._sensors is None:
            values -= self._offset
            values *= self._factor
        else:
            values = self._as_seen(values, self._sensors, elapsed)
        np.minimum(values, 1.0, out=values)
        np.maximum(values, -1.0, out=values)
        return values.T.astype(np.float32)

    def _as_seen(self, values: np.ndarray, sensors: SensorBank, elapsed: np.ndarray) -> np.ndarray:
        """Scale the picked rows as the sensors show them, with the age of readings below; what no fault reaches stays to the bit."""
        seen = sensors.measure((values - self._zero) / self._per_unit, elapsed)[sensors.rows]
        values -= self._offset
        values *= self._factor
        offset, factor = self._seen_scaling
        values[sensors.rows] = (seen - offset) * factor
        offset, factor = self._age_scaling
        return np.concatenate([values, (sensors.age - offset) * factor])


def _columns(signals: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    offset, factor = scaling(signals)
    return offset[:, None], factor[:, None]
