"""One array for all that N environments are in: plant state, inputs, what drivers say, the clock, and what is reported."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dcsim.envs.signals import Block
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

CLOCK = ("start_s", "elapsed", "price_paid", "carbon_emitted", "has_run", "energy_taken", "cost_taken", "carbon_taken")
"""Rows of the control step just made: start of the episode [s of the year], control steps since then, price [1/kWh] and carbon
intensity [kg/kWh] that held, 1 after a step and 0 after a reset, and what a storage tank lacks at the end of an episode: electricity [J],
cost, carbon [kg]."""

READ = ("state", "input", "driven", "clock")
"""Parts of the table from which the report follows."""


class Table:
    """Rows of N environments by name.

    Parameters
    ----------
    hall : Hall
    blocks : sequence of Block
        Of the observation; a forecast among them adds rows.
    num_envs : int
    report : mapping of str to int
        Rows of what is reported.
    measured : mapping of str to tuple of str
        By name, rows of the report that belong together: the part ``measured``.

    Attributes
    ----------
    rows : dict of str to dict of str to int
        Number of rows, by part and name.
    array : np.ndarray, shape (rows, N)
    state, inputs, drivers : np.ndarray
        Views of the rows of the plant and of all that ``Episodes.drivers`` brings for a step.
    """

    def __init__(
        self,
        hall: Hall,
        blocks: Iterable[Block],
        num_envs: int,
        report: Mapping[str, int],
        measured: Mapping[str, Sequence[str]],
    ) -> None:
        driven = {name: hall.crah_groups if name == "utilization_zone" else 1 for name in DRIVEN}
        forecast = sum(len(block.signals) for block in blocks if block.place == "driven.forecast")
        driven |= {"forecast": forecast} if forecast else {}
        self.rows: dict[str, Mapping[str, int]] = {
            "state": hall.state_rows,
            "input": hall.input_rows,
            "driven": driven,
            "clock": dict.fromkeys(CLOCK, 1),
            "report": report,
        }
        self._slices: dict[str, slice] = {}
        at = 0
        for part, rows in self.rows.items():
            start = at
            for name, count in rows.items():
                self._slices[f"{part}.{name}"] = slice(at, at + count)
                at += count
            self._slices[part] = slice(start, at)
        for name, rows_of in measured.items():
            first = self.row(f"report.{rows_of[0]}")
            self._slices[f"measured.{name}"] = slice(first, first + len(rows_of))
        self.array = np.zeros((at, num_envs))
        self.state = self.view("state")
        self.inputs = self.view("input")
        first = self._slices[f"input.{hall.types.drivers[0]}"].start
        self.drivers = self.array[first : self._slices["driven"].stop]

    def view(self, place: str) -> np.ndarray:
        """Return the rows of a part, or of one of its names as in ``state.mode``, as a view."""
        return self.array[self._slices[place]]

    def slice(self, place: str) -> slice:
        """Return the rows of a place as a slice of the array."""
        return self._slices[place]

    def row(self, place: str) -> int:
        """Return the position of the first row of a place."""
        return self._slices[place].start

    def views(self, part: str) -> Mapping[str, np.ndarray]:
        """Return the rows of a part by name, as views."""
        return {name: self.view(f"{part}.{name}") for name in self.rows[part]}
