"""From a description to what an engine runs: parameter arrays, row counts, and where each row stands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dcsim.plant import tank
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.factors import Factors
from dcsim.plant.liquid import LOAD_SLOTS
from dcsim.plant.parts import PARTS, Types, parts_of, types_of

NEVER = 1e6  # degC of what protection acts at, 1/s of a rate that limits nothing


@dataclass(frozen=True)
class Hall:
    """A described hall, ready to run.

    Attributes
    ----------
    description : HallDescription
    types : Types
        Classes of its parameters, state and inputs, and what its parts declare.
    params : types.Params
        Arrays ``(rows, 1)`` and matrices ``(out, in)``, float64.
    """

    description: HallDescription
    types: Types
    params: Any

    def __contains__(self, part: str) -> bool:
        return part in self.types.parts

    def with_factors(self, factors: Factors) -> "Hall":
        """Return the hall with multiples of some of its parameters as further inputs."""
        types = types_of(self.types.parts, factors)
        return replace(self, types=types, params=types.Params(*self.params))

    @property
    def racks(self) -> int:
        """Number of rack groups R."""
        return self.description.racks.groups

    @property
    def crah_groups(self) -> int:
        """Number of CRAH groups U."""
        return self.description.crahs.groups

    @property
    def chillers(self) -> int:
        """Number of chillers C; 0 where there are none."""
        return self.description.chillers.count if self.description.chillers else 0

    @property
    def cdu_groups(self) -> int:
        """Number of CDU groups D; 0 where there are none."""
        return self.description.liquid.cdu_groups if self.description.liquid else 0

    @property
    def liquid_racks(self) -> int:
        """Number of liquid-cooled rack groups L; 0 where there are none."""
        liquid = self.description.liquid
        return sum(share > 0.0 for share in liquid.heat_capture.values) if liquid else 0

    @property
    def design_it_power(self) -> float:
        """W, the power that rewards and sizes refer to."""
        return self.description.design_it_power.value

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many there are of what fields have rows for, and of units that act as one."""
        d = self.description
        return {
            "racks": self.racks,
            "fronts": self.racks * len(d.rack_fronts.relative_shortfall.values) if d.rack_fronts else 0,
            "cells": self.description.room.hot_air_cells,
            "crahs": self.crah_groups,
            "chillers": self.chillers,
            "tank_nodes": self.description.tank.nodes if self.description.tank else 0,
            "slab_layers": self.description.room.slab.layers - 1 if self.description.room.slab else 0,
            "tank_sensors": tank.SENSORS,
            "chilled_water_pumps": d.chilled_water.pumps if d.chilled_water else 0,
            "condenser_water_pumps": d.tower.pumps if d.tower else 0,
            "tower_cells": d.tower.cells if d.tower else 0,
            "cdus": self.cdu_groups,
            "dry_coolers": d.dry_coolers.banks if d.dry_coolers else 0,
            "plates": self.liquid_racks,
            "slots": self.crah_groups * LOAD_SLOTS,
        }

    @cached_property
    def units(self) -> Mapping[str, int]:
        """How many units there are of each component that may fail, by its name in ``types.availability``."""
        rows, counted = self.input_rows, self.types.units
        return {
            component: self.counts[counted[component]] if component in counted else rows[name]
            for component, name in self.types.availability.items()
        }

    @cached_property
    def state_rows(self) -> Mapping[str, int]:
        """Rows of each field of the state."""
        return self._rows(self.types.State)

    @cached_property
    def input_rows(self) -> Mapping[str, int]:
        """Rows of each field of the inputs."""
        return self._rows(self.types.Inputs)

    def _rows(self, fields: Any) -> Mapping[str, int]:
        rows = self.types.rows
        return {name: self.counts[rows[name]] if name in rows else 1 for name in fields._fields}


def build_hall(hall: str | Path | HallDescription) -> Hall:
    """Size and lay out a hall.

    Parameters
    ----------
    hall : str, Path or HallDescription
        Name of a built-in hall, a YAML file, or a description.

    Raises
    ------
    InputError
        If the description cannot be read or is not valid.
    """
    description = hall if isinstance(hall, HallDescription) else load_hall(hall)
    types = types_of(parts_of(description))
    return Hall(description, types, _params(description, types))


def _params(d: HallDescription, types: Types) -> Any:
    values: dict[str, Any] = {}
    for part in types.parts:
        values |= PARTS[part].sized(d)
    counts = {"crahs": d.crahs.groups, "cdus": d.liquid.cdu_groups if d.liquid else 0}
    values["setpoint_count"] = 0
    is_logged = d.actions == "logged"  # what was in force is so at once, and nothing of the hall's own overrules it
    values |= {name: NEVER for name in ("inlet_allowable", "case_limit") if is_logged and name in values}
    for name, _, allowed in types.setpoints:
        limits = getattr(d.setpoints, allowed)
        values[f"{name}_rate"] = NEVER if is_logged else limits.rate_per_minute / 60.0
        values[f"{name}_range"] = limits.high - limits.low
        values["setpoint_count"] += counts.get(types.rows.get(name, ""), 1)
    arrays = {
        name: np.ascontiguousarray(value, float)
        if name in types.matrices
        else np.reshape(np.asarray(value, float), (-1, 1))
        for name, value in values.items()
    }
    return types.Params(**arrays)
