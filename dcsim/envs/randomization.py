"""Domain randomisation: plants that differ from the described hall, drawn anew for each episode.

Each parameter that is uncertain gets a factor, uniform between two bounds, one for all rows of the parameter. What has no meaning as a
multiple, or would no longer fit with other parameters, stays as described: temperatures, limits and settings of the plant's control, numbers
of machines, curves (those of losses too), and the shares in which air and water are split up. So the energy balance closes for any factors.

Controllers, observations and rewards are scaled by the hall as described, which is all that they know.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dcsim.drivers import RandomNumbers
from dcsim.errors import InputError, shown
from dcsim.plant.description import nearest
from dcsim.plant.factors import Factors
from dcsim.plant.hall import Hall

FACTORS = (0.1, 10.0)
"""Least and greatest factor taken."""


class Uncertain(NamedTuple):
    """How uncertain a parameter is."""

    spread: float  # s: usual factors lie between 1 - s and 1 + s
    below: float = math.inf  # what the parameter must stay below
    others: tuple[str, ...] = ()  # parameters that follow from it, and get the same factor


_HEAT_CAPACITY, _CONDUCTANCE, _FLOW, _POWER, _MACHINE, _AIR_SHARE, _TIME = 0.2, 0.15, 0.1, 0.1, 0.1, 0.3, 0.2

UNCERTAIN: Mapping[str, Uncertain] = {
    # servers
    "idle_power": Uncertain(0.05),
    "peak_power": Uncertain(0.05),
    "leakage_coefficient": Uncertain(0.3),
    "server_mass_flow_nominal": Uncertain(_FLOW),
    "server_fan_power_max": Uncertain(_POWER),
    "server_fan_time_constant": Uncertain(_TIME),
    "server_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "server_effectiveness": Uncertain(0.05, below=1.0),
    # room
    "recirculation_min": Uncertain(_AIR_SHARE, below=1.0),
    "supply_leakage": Uncertain(_AIR_SHARE, below=1.0),
    "starvation_gain": Uncertain(0.2, below=5.0),  # above, more supply would lower what racks take of it
    "cold_air_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "hot_air_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "mass_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "mass_conductance": Uncertain(_CONDUCTANCE),
    "envelope_conductance": Uncertain(0.3),
    "slab_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "return_air_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "infiltration_flow": Uncertain(0.5),
    "ventilation_flow": Uncertain(0.2),
    "make_up_air_cop": Uncertain(_MACHINE),
    "lighting_power": Uncertain(0.2),
    # CRAHs, coils, outdoor air
    "crah_mass_flow_nominal": Uncertain(_FLOW),
    "crah_fan_power_nominal": Uncertain(_POWER),
    "crah_fan_time_constant": Uncertain(_TIME),
    "supply_air_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "coil_conductance_nominal": Uncertain(_CONDUCTANCE),
    "coil_water_flow_nominal": Uncertain(_FLOW),
    "valve_time_constant": Uncertain(_TIME),
    "outdoor_air_fan_power_nominal": Uncertain(_POWER),
    "indirect_effectiveness": Uncertain(0.1, below=1.0),
    "direct_effectiveness": Uncertain(0.1, below=1.0),
    # direct expansion
    "dx_capacity": Uncertain(_MACHINE),
    "dx_cop": Uncertain(_MACHINE),
    "dx_surface_mass_flow": Uncertain(_CONDUCTANCE),
    "compressor_start_time_constant": Uncertain(_TIME),
    # chilled water
    "chilled_water_supply_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "chilled_water_return_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "chilled_water_pump_power_nominal": Uncertain(_POWER),
    "pump_motor_efficiency": Uncertain(0.03, below=1.0),
    "chiller_capacity": Uncertain(_MACHINE),
    "chiller_cop": Uncertain(_MACHINE),
    "chiller_start_time_constant": Uncertain(_TIME),
    "chiller_start_energy": Uncertain(0.2),
    "economizer_conductance": Uncertain(_CONDUCTANCE),  # the plant's guess of its effectiveness stays
    "district_water_heat_capacity": Uncertain(_HEAT_CAPACITY),
    # storage tank
    "tank_heat_capacity": Uncertain(0.05),
    "tank_conduction": Uncertain(0.3),
    "tank_side_conductance": Uncertain(0.3),
    "tank_lid_conductance": Uncertain(0.3),
    "tank_pump_power_nominal": Uncertain(_POWER),
    # condenser water
    "condenser_water_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "condenser_water_pump_power_nominal": Uncertain(_POWER),
    "tower_conductance_nominal": Uncertain(_CONDUCTANCE),
    "tower_air_flow_nominal": Uncertain(_FLOW),
    "tower_fan_power_nominal": Uncertain(_POWER),
    "tower_time_constant": Uncertain(_TIME),
    # liquid cooling
    "plate_resistance": Uncertain(_CONDUCTANCE, others=("plate_resistance_nominal",)),
    "plate_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "coolant_supply_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "coolant_return_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "cdu_pump_power_nominal": Uncertain(_POWER),
    "cdu_conductance": Uncertain(_CONDUCTANCE),
    "facility_water_supply_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "facility_water_return_heat_capacity": Uncertain(_HEAT_CAPACITY),
    "facility_water_pump_power_nominal": Uncertain(_POWER),
    "dry_cooler_conductance": Uncertain(_CONDUCTANCE),
    "dry_cooler_air_flow_nominal": Uncertain(_FLOW),
    "dry_cooler_fan_power_nominal": Uncertain(_POWER),
    "dry_cooler_time_constant": Uncertain(_TIME),
    "pad_effectiveness": Uncertain(0.1, below=1.0),
}
"""Parameters that may be drawn, with what ``True`` takes for them: our judgement of what a model of a hall is off by before it has been
calibrated, not a statistic. An entry's place here is its place in the stream of random numbers, so new ones go to the end."""

_PLACES = {name: place for place, name in enumerate(UNCERTAIN)}


@dataclass(frozen=True)
class DomainOptions:
    """Which parameters are drawn, the ``domain_randomization`` keyword of an environment; none by default.

    A mapping from names of the hall's parameters, those of ``UNCERTAIN`` that the hall has, to the factors they may get: a spread ``s`` for
    1 - s to 1 + s, or a pair ``[low, high]``. ``True`` takes all that the hall has with the spreads of ``UNCERTAIN``. A parameter with
    several rows gets one factor for all of them.

    Attributes
    ----------
    ranges : tuple of (str, float, float)
        Parameter, least and greatest factor, in the order of ``UNCERTAIN``.

    Examples
    --------
    >>> from dcsim.plant.hall import build_hall
    >>> options = DomainOptions.parse({"recirculation_min": [0.8, 1.25], "chiller_cop": 0.1}, build_hall("enterprise-1mw"))
    >>> options.ranges
    (('recirculation_min', 0.8, 1.25), ('chiller_cop', 0.9, 1.1))
    >>> options.factors(RandomNumbers.of_seeds([0, 1, 2])).shape
    (2, 3)
    """

    ranges: tuple[tuple[str, float, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ranges)

    @classmethod
    def parse(cls, value: Any, hall: Hall | None = None) -> "DomainOptions":
        """Check the keyword for a hall; without one, whatever a hall may have is taken.

        Raises
        ------
        InputError
            One line that names the parameter and the remedy.
        """
        params = {} if hall is None else hall.params._asdict()
        known = [name for name in UNCERTAIN if hall is None or (name in params and params[name].any())]
        if isinstance(value, bool):
            value = {name: UNCERTAIN[name].spread for name in known} if value else {}
        if value is not None and not isinstance(value, Mapping):
            raise InputError(
                f"domain_randomization={shown(value)}: expected true, or a mapping of parameters to factors such as "
                "{'chiller_cop': 0.1, 'recirculation_min': [0.8, 1.25]}"
            )
        given = dict(value or {})
        for name in given:
            if name not in known:
                raise InputError(f"domain_randomization: {_refusal(name, params, known)}")
        ranges = {name: _range(name, given[name]) for name in sorted(given, key=_PLACES.__getitem__)}
        for name, (_, high) in ranges.items() if hall else ():
            most, below = float(params[name].max()), UNCERTAIN[name].below
            if most * high >= below:
                raise InputError(
                    f"domain_randomization: {name}={shown(given[name])}: {most:g} times {high:g} is not below {below:g}; "
                    f"give [low, high] with a high of at most {math.floor(999.0 * below / most) / 1000.0:g}"
                )
        low, high = ranges.get("peak_power", (1.0, 1.0))[0], ranges.get("idle_power", (1.0, 1.0))[1]
        if hall and (params["idle_power"] * high > params["peak_power"] * low).any():
            raise InputError(
                f"domain_randomization: idle_power times {high:g} would exceed peak_power times {low:g}; give narrower factors"
            )
        return cls(tuple((name, *bounds) for name, bounds in ranges.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that are drawn."""
        return tuple(name for name, _, _ in self.ranges)

    @property
    def inputs(self) -> Factors:
        """What the plant is handed, as of ``Hall.with_factors``."""
        return tuple((name, (name, *UNCERTAIN[name].others)) for name in self.names)

    def factors(self, random: RandomNumbers) -> np.ndarray:
        """Draw the factors of n environments, shape (number of parameters, n).

        The factor of a parameter is the same whatever else is drawn.
        """
        bounds = np.array([bounds for _, *bounds in self.ranges])
        drawn = random.uniform(len(UNCERTAIN))[:, [_PLACES[name] for name in self.names]]
        result: np.ndarray = (bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * drawn).T
        return result


def _refusal(name: Any, params: Mapping[str, np.ndarray], known: Sequence[str]) -> str:
    """Say why a name is not taken, and what would be."""
    near = nearest(str(name), known)
    if not params:
        return f"no parameter {shown(name)} that may be drawn{near}"
    if name not in params:
        return f"no parameter {shown(name)} in this hall{near}"
    if name in UNCERTAIN:
        return f"{name} is 0 in this hall, which a factor does not change; give it a value with changes"
    return (
        f"{name} stays as described: it is a setting, limit, count, temperature or curve, or others depend on it{near}"
    )


def _range(name: str, value: Any) -> tuple[float, float]:
    """Least and greatest factor."""
    pair = isinstance(value, Sequence) and not isinstance(value, str)
    numbers = list(value) if pair else [value]
    if all(isinstance(x, int | float) and not isinstance(x, bool) for x in numbers):
        if pair and len(numbers) == 2 and FACTORS[0] <= numbers[0] <= numbers[1] <= FACTORS[1]:
            return float(numbers[0]), float(numbers[1])
        if not pair and 0.0 <= value <= 1.0 - FACTORS[0]:
            return 1.0 - float(value), 1.0 + float(value)
    raise InputError(
        f"domain_randomization: {name}={shown(value)}: expected a spread of 0 to {1.0 - FACTORS[0]:g}, or factors [low, high] "
        f"of {FACTORS[0]:g} to {FACTORS[1]:g}, low first"
    )
