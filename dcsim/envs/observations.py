"""What a controller sees through sensors that err: rows of the table, as they are shown, scaled."""

from collections.abc import Sequence

import numpy as np

from dcsim.envs.sensors import SensorBank
from dcsim.envs.signals import Block, Signal, scaling
from dcsim.envs.table import Table


class Observer:
    """Gathers and scales what the sensors show; where they are exact, the report already holds the observation.

    Parameters
    ----------
    table : Table
    blocks : sequence of Block
    sensors : SensorBank
        Of the signals of the blocks.
    """

    def __init__(self, table: Table, blocks: Sequence[Block], sensors: SensorBank) -> None:
        self._table, self._sensors = table.array, sensors
        places = [np.arange(len(table.array))[table.slice(block.place)] for block in blocks]
        self._rows = np.concatenate(places)
        zeros = [np.full(len(block.signals), block.zero) for block in blocks]
        per_units = [np.full(len(block.signals), block.per_unit) for block in blocks]
        self._zero, self._per_unit = np.concatenate(zeros)[:, None], np.concatenate(per_units)[:, None]
        signals = [signal for block in blocks for signal in block.signals]
        offset, factor = _columns(signals)
        self._offset, self._factor = self._zero + offset * self._per_unit, factor / self._per_unit
        self._seen_scaling = _columns([signals[row] for row in sensors.rows])
        self._age_scaling = _columns(sensors.age_signals)

    def observation(self, elapsed: np.ndarray) -> np.ndarray:
        """Return the scaled observation, shape (N, F), float32, inside -1 to 1; what no fault reaches is as with exact sensors.

        Parameters
        ----------
        elapsed : np.ndarray of int, shape (N,)
            Control steps made in each environment's episode.
        """
        sensors, values = self._sensors, self._table[self._rows]
        seen = sensors.measure((values - self._zero) / self._per_unit, elapsed)[sensors.rows]
        values -= self._offset
        values *= self._factor
        offset, factor = self._seen_scaling
        values[sensors.rows] = (seen - offset) * factor
        offset, factor = self._age_scaling
        values = np.concatenate([values, (sensors.age - offset) * factor])
        return np.clip(values, -1.0, 1.0).T.astype(np.float32)


def _columns(signals: Sequence[Signal]) -> tuple[np.ndarray, np.ndarray]:
    offset, factor = scaling(signals)
    return offset[:, None], factor[:, None]
