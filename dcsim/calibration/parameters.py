"""What of a hall may be fitted to a log: quantities of its description, each with a prior and bounds.

A parameter is named by its place in the hall file, ``coils.conductance``, and by a number behind it where it is one of a series,
``rack_fronts.relative_shortfall.1``. The prior is centred on what the hall file says. Its spread says how far such a number is usually off
before anything is measured: an engineering choice, wide where numbers are assumed (what a room stores, how much air goes astray) and narrow
where they come from a catalogue. Fitting goes on in ``z``, the distance from the centre in spreads, where every prior is the standard normal.

Limits, set-point ranges, curves, numbers of machines and times of control are settings that a person knows; they are not fitted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcsim.errors import InputError, shown
from dcsim.plant.description import HallDescription, Quantity, Series, nearest
from dcsim.plant.hall import build_hall

Array = np.ndarray

Z_MAX = 3.0
"""Spreads from its centre that a parameter may go."""


@dataclass(frozen=True)
class Prior:
    """How far a quantity may be off.

    Attributes
    ----------
    spread : float
        Standard deviation of its logarithm, or of itself where ``is_shift``.
    is_shift : bool
        Whether it is shifted and not multiplied: shares, differences and temperatures, whose zero means something else.
    low, high : float
        Bounds in its own unit.
    """

    spread: float
    is_shift: bool = False
    low: float = -math.inf
    high: float = math.inf


def _share(spread: float, low: float = 0.0, high: float = 1.0) -> Prior:
    return Prior(spread, True, low, high)


STORED, ASSUMED, SIZED, CATALOGUE = Prior(0.5), Prior(0.3), Prior(0.15), Prior(0.1)

PRIORS: Mapping[str, Prior] = {
    # servers
    "racks.rack_power": CATALOGUE,
    "racks.idle_fraction": _share(0.05),
    "racks.temperature_rise": SIZED,
    "racks.fan_flow": SIZED,
    "racks.fan_power_max_fraction": Prior(0.3, high=1.0),
    "racks.heat_capacity_per_power": STORED,
    "racks.effectiveness": _share(0.1, 0.2, 0.99),
    "racks.mass_share": _share(0.15, 0.05, 1.0),
    # room
    "room.recirculation_min": Prior(0.5, high=0.6),
    "room.supply_leakage": _share(0.05, 0.0, 0.6),
    "room.cold_air_heat_capacity": STORED,
    "room.hot_air_heat_capacity": STORED,
    "room.mass_heat_capacity": STORED,
    "room.mass_conductance": Prior(0.4),
    "room.envelope_conductance": STORED,
    "room.surroundings_temperature": Prior(2.0, True, -40.0, 60.0),
    "air_paths.hot_cell_length": STORED,
    "air_paths.supply_reach_length": Prior(0.7),
    "air_paths.starvation_gain": Prior(0.3, high=5.0),
    "air_paths.demand_following": _share(0.25),
    "rack_fronts.relative_shortfall": _share(0.4, 0.0, 2.0),
    "rack_fronts.surface_share": _share(0.3, 0.0, 0.95),
    # CRAHs, coils, outdoor air
    "crahs.mass_flow": CATALOGUE,
    "crahs.fan_power": CATALOGUE,
    "crahs.supply_air_heat_capacity": STORED,
    "coils.conductance": Prior(0.2),
    "coils.water_flow": SIZED,
    "moisture.infiltration": Prior(0.5, high=20.0),
    "outdoor_air.pressure_drop": ASSUMED,
    "outdoor_air.evaporative.indirect_effectiveness": _share(0.05, 0.0, 0.95),
    "outdoor_air.evaporative.direct_effectiveness": _share(0.05, 0.0, 0.98),
    # direct expansion
    "dx.capacity": CATALOGUE,
    "dx.cop": CATALOGUE,
    "dx.condenser_air_excess": Prior(1.0, True, 0.0, 60.0),
    # water
    "district_cooling.supply_air_time_constant": STORED,
    "district_cooling.water_flow": SIZED,
    "district_cooling.heat_capacity": STORED,
    "chilled_water.supply_heat_capacity": STORED,
    "chilled_water.return_heat_capacity": STORED,
    "chilled_water.pump_power": CATALOGUE,
    "chillers.capacity": CATALOGUE,
    "chillers.cop": CATALOGUE,
    "chillers.carnot_effectiveness": Prior(0.1, high=1.0),
    "economizer.effectiveness": _share(0.05, 0.05, 0.98),
    "air_condensers.condensing_rise": Prior(0.15, low=5.0, high=25.0),
    "tank.volume": Prior(0.05),
    "tank.insulation_conductivity": Prior(0.3, high=1.0),
    "tank.pump_power": CATALOGUE,
    "tower.heat_capacity": STORED,
    "tower.water_flow": CATALOGUE,
    "tower.design_approach": Prior(0.2, low=1.0, high=20.0),
    "tower.conductance": Prior(0.2),
    "tower.fan_power": CATALOGUE,
    "tower.pump_power": CATALOGUE,
    # liquid cooling
    "liquid.plate_resistance": SIZED,
    "liquid.plate_heat_capacity": STORED,
    "liquid.coolant_flow": SIZED,
    "liquid.supply_heat_capacity": STORED,
    "liquid.return_heat_capacity": STORED,
    "liquid.pump_power": CATALOGUE,
    "liquid.exchanger_approach": Prior(0.2, low=1.0, high=20.0),
    "dry_coolers.supply_heat_capacity": STORED,
    "dry_coolers.return_heat_capacity": STORED,
    "dry_coolers.pump_power": CATALOGUE,
    "dry_coolers.fan_power": CATALOGUE,
    "dry_coolers.design_approach": Prior(0.2, low=1.0, high=30.0),
    "dry_coolers.pad_effectiveness": _share(0.05),
    # electrical
    "electrical.lighting_power": STORED,
}
"""Fitted where a hall has them, unless fewer are named; a quantity that is 0 stays so where it is multiplied."""

MORE: Mapping[str, Prior] = {
    "room.relative_recirculation": Prior(0.3),
    "racks.relative_power": CATALOGUE,
    "crahs.fan_linear_share": _share(0.1),
    "dx.sensible_heat_ratio": _share(0.03, 0.4, 1.0),
    "racks.fan_time_constant": STORED,
    "crahs.fan_time_constant": STORED,
    "coils.valve_time_constant": STORED,
    "tower.air_flow": CATALOGUE,
}
"""Fitted only where they are named: they say nearly the same as others."""

_OF_MEAN_ONE = ("rack_fronts.relative_shortfall",)


@dataclass(frozen=True)
class Parameter:
    """A number of a hall that is fitted.

    Attributes
    ----------
    name : str
        In the hall file, with the number behind it of one in a series.
    path : str
        In the hall file.
    place : int
        In the series, from 0; -1 where it is none.
    centre : float
        What the hall file says.
    unit : str
    prior : Prior
    """

    name: str
    path: str
    place: int
    centre: float
    unit: str
    prior: Prior

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and greatest ``z``."""
        low, high = (self.z_of(bound) for bound in (self.prior.low, self.prior.high))
        return max(-Z_MAX, low), min(Z_MAX, high)

    def z_of(self, value: float) -> float:
        """Return where a number stands, in spreads from the centre."""
        if math.isinf(value):
            return value
        if self.prior.is_shift:
            return (value - self.centre) / self.prior.spread
        return math.log(value / self.centre) / self.prior.spread if value > 0.0 else -math.inf

    def interval(self, value: float, width: float) -> tuple[float, float]:
        """Return the numbers ``width`` spreads below and above one, within the bounds."""
        spread, prior = width * self.prior.spread, self.prior
        ends = (
            (value - spread, value + spread)
            if prior.is_shift
            else (value * math.exp(-spread), value * math.exp(spread))
        )
        return max(ends[0], prior.low), min(ends[1], prior.high)

    def of(self, description: HallDescription) -> float:
        """Return what a hall says of it."""
        node = _node(description, self.path)
        return float(node.value if self.place < 0 else node.values[self.place])

    def value(self, z: float) -> float:
        """Return the number at ``z``, in its unit."""
        if self.prior.is_shift:
            return self.centre + self.prior.spread * z
        return self.centre * math.exp(self.prior.spread * z)


def parameters_of(description: HallDescription, names: Sequence[str] | None = None) -> tuple[Parameter, ...]:
    """Return what may be fitted of a hall.

    Parameters
    ----------
    description : HallDescription
    names : sequence of str, optional
        Quantities of `PRIORS` or `MORE`, or single numbers of a series; all of `PRIORS` that the hall has by default.

    Raises
    ------
    InputError
        For a name that is none, is not in the hall, or is 0 and so cannot be multiplied.
    """
    if names is None:
        found = [each for path, prior in PRIORS.items() for each in _at(description, path, prior)]
        return tuple(each for each in found if each.prior.is_shift or each.centre > 0.0)
    known = {**PRIORS, **MORE}
    have = {path: numbers for path, prior in known.items() if (numbers := _at(description, path, prior))}
    taken: list[Parameter] = []
    for name in names:
        path = name if name in known else name.rpartition(".")[0]
        if path not in known:
            raise InputError(f"parameter {shown(name)}: not one that is fitted{nearest(name, have)}")
        if path not in have:
            raise InputError(f"parameter {name}: hall {description.name} has none{nearest(name, have)}")
        chosen = [each for each in have[path] if name in (each.path, each.name)]
        if not chosen:
            raise InputError(f"parameter {name}: {path} has the numbers 1 to {len(have[path])}")
        for each in chosen:
            if not each.prior.is_shift and each.centre <= 0.0:
                raise InputError(f"parameter {each.name}: is 0 in hall {description.name}, which no factor changes")
        taken += [each for each in chosen if each not in taken]
    return tuple(taken)


def _at(description: HallDescription, path: str, prior: Prior) -> list[Parameter]:
    node: Any = description
    for key in path.split("."):
        node = getattr(node, key, None)
    if isinstance(node, Quantity):
        return [Parameter(path, path, -1, node.value, node.unit, prior)]
    if isinstance(node, Series):
        free = len(node.values) - (path in _OF_MEAN_ONE)  # the last follows from the mean
        return [
            Parameter(f"{path}.{k + 1}", path, k, value, node.unit, prior) for k, value in enumerate(node.values[:free])
        ]
    return []


def with_values(
    description: HallDescription, parameters: Sequence[Parameter], z: Array, source: str = "on trial"
) -> HallDescription:
    """Return the hall with its parameters at ``z``.

    Parameters
    ----------
    description : HallDescription
    parameters : sequence of Parameter
    z : ndarray, shape (P,)
    source : str
        Of the new numbers; what it was before is said behind it.

    Raises
    ------
    InputError
        Where the hall would not be valid.
    """
    content: dict[str, Any] = {}
    series: dict[str, list[float]] = {}
    for each, at in zip(parameters, z, strict=True):
        if each.place < 0:
            old = _node(description, each.path)
            content[each.path] = _entry(old, "value", each.value(float(at)), source)
        else:
            values = series.setdefault(each.path, list(_node(description, each.path).values))
            values[each.place] = each.value(float(at))
    for path, values in series.items():
        if path in _OF_MEAN_ONE:
            values[-1] = len(values) - sum(values[:-1])
            values = _of_mean_one(values, PRIORS[path].low, PRIORS[path].high)
        content[path] = _entry(_node(description, path), "values", values, source)
    return description.replaced(content)


def drawn_hall(
    description: HallDescription,
    parameters: Sequence[Parameter],
    random: np.random.Generator,
    covariance: Array | None = None,
    z_max: float = Z_MAX,
) -> tuple[HallDescription, Array]:
    """Return a hall with parameters drawn around those of a hall.

    Draws of which no hall can be made, where two do not go together or nothing can be sized for them, are drawn again.

    Parameters
    ----------
    description : HallDescription
        Where the distribution is centred.
    parameters : sequence of Parameter
    random : numpy.random.Generator
    covariance : ndarray, shape (P, P), optional
        In spreads of the priors; by default the priors' own.
    z_max : float
        Spreads of a prior that a parameter goes from the centre, at most.

    Returns
    -------
    HallDescription
    ndarray, shape (P,)
        Where the parameters lie, in spreads of their priors from the centre.
    """
    count = len(parameters)
    bounds = np.array([each.bounds for each in parameters]).reshape(count, 2)
    matrix = np.eye(count) if covariance is None else covariance
    while True:
        z = random.multivariate_normal(np.zeros(count), matrix, method="eigh")
        z = np.clip(np.clip(z, -z_max, z_max), bounds[:, 0], bounds[:, 1])
        try:
            hall = with_values(description, parameters, z, "drawn")
            build_hall(hall)
        except (InputError, ValueError):
            continue
        return hall, z


def _of_mean_one(values: Sequence[float], low: float, high: float) -> list[float]:
    """Return the nearest numbers between two bounds whose mean is 1."""
    given = np.array(values)
    least, most = low - given.max(), high - given.min()  # of what is added to all
    for _ in range(60):
        middle = 0.5 * (least + most)
        if np.clip(given + middle, low, high).mean() > 1.0:
            most = middle
        else:
            least = middle
    return [float(x) for x in np.clip(given + 0.5 * (least + most), low, high)]


def _node(description: HallDescription, path: str) -> Any:
    node: Any = description
    for key in path.split("."):
        node = getattr(node, key)
    return node


def _entry(old: Any, slot: str, value: Any, source: str) -> dict[str, Any]:
    before = " ".join(f"{x:g}" for x in old.values) if slot == "values" else f"{old.value:g}"
    return {slot: value, "unit": old.unit, "source": f"{source}; before {before}: {old.source}"}
