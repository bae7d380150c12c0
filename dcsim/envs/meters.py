"""From the energies of a control step to ``info``: plain arithmetic on arrays, one number for each environment."""

from collections import namedtuple
from typing import Any

from dcsim.envs.rewards import Transition
from dcsim.physics.constants import WATER_DENSITY
from dcsim.plant.audit import energy_residual
from dcsim.plant.hall import Hall

Value = Any  # array with one number for each environment
J_PER_KWH = 3.6e6
SECONDS_PER_MINUTE = 60.0

READ = (
    "it_energy",
    "server_fan_energy",
    "leakage_energy",
    "electrical_loss_energy",
    "travel",
    "stored_energy_before",
    "stored_energy",
    "rack_inlet_max",
    "violation",
    "allowable_violation",
    "supply_shortfall",
    "rate_excess",
)
"""Fields of the state that the meters of every hall read."""
DEW_POINT = ("dew_point_excess", "dew_point_shortfall")
"""Fields that those of a hall whose air holds water read."""


def _named(fields: tuple[str, ...]) -> Any:
    return namedtuple("Readings", fields)


class Meters:
    """Meters of one hall and control interval.

    Parameters
    ----------
    hall : Hall
    interval : float
        Control interval [s].

    Attributes
    ----------
    fields : tuple of str
        Of the state, to be read after a step.
    keys : tuple of str
        Of ``info``, rewards apart.
    """

    KEYS = (
        "time_s",
        "it_power_w",
        "server_fan_power_w",
        "cooling_power_w",
        "electrical_loss_w",
        "facility_power_w",
        "thermal_power_w",
        "cooling_energy_kwh",
        "thermal_energy_kwh",
        "facility_energy_kwh",
        "pue",
        "tue",
        "water_l",
        "carbon_kg",
        "energy_cost",
        "rack_inlet_max_c",
        "rack_inlet_mean_c",
        "violation_k_min",
        "supply_shortfall_k_min",
        "dew_point_excess_k_min",
        "dew_point_shortfall_k_min",
        "rate_excess_k_min",
        "cost",
        "energy_residual_w",
        "actuator_travel",
    )
    """Keys that every hall has; ``<meter>_power_w`` for each meter of the hall follow, and what else its parts report."""

    def __init__(self, hall: Hall, interval: float) -> None:
        types = self._types = hall.types
        energies = [field for fields in types.meters.values() for field in fields]
        more = [*types.gained, *types.rejected, *types.water, *(DEW_POINT if "moisture" in types.parts else ())]
        more += [*types.watched.values(), *types.costs.values()]
        self.fields = tuple(dict.fromkeys([*READ, *energies, *more]))
        self.keys = (*self.KEYS, *(f"{name}_power_w" for name in types.meters), *types.watched, *types.costs)
        self._readings = _named(self.fields)
        self._interval = interval
        self._design_power = hall.design_it_power

    def read(
        self, values: Any, time_s: Value, inlet_mean: Value, price: Value, carbon: Value, summed: Value
    ) -> tuple[dict[str, Value], Transition]:
        """Read the meters after a step, or after a reset.

        Parameters
        ----------
        values : sequence of Value
            Of ``fields``.
        time_s, inlet_mean, price, carbon : Value
            Time of the year [s], mean rack inlet [degC], price [1/kWh] and carbon intensity [kg/kWh] of the step.
        summed : Value
            1 after a step; 0 after a reset, where powers are those of the settled start and sums are 0.

        Returns
        -------
        info : dict
            With the names and units of ``keys``.
        transition : Transition
        """
        r: Any = self._readings(*values)
        interval, design = self._interval, self._design_power
        per_second = 1.0 / interval
        kwh = summed * interval / J_PER_KWH
        it = r.it_energy * per_second
        fans = r.server_fan_energy * per_second
        metered = []
        cooling: Value = 0.0
        for fields in self._types.meters.values():
            power: Value = 0.0
            for field in fields:
                power = power + getattr(r, field)
            power = power * per_second
            metered.append(power)
            cooling = cooling + power
        water: Value = 0.0 * it  # a hall may use none
        for field in self._types.water:
            water = water + getattr(r, field)
        losses = r.electrical_loss_energy * per_second
        facility = it + cooling + losses
        thermal = cooling + fans + r.leakage_energy * per_second
        energy = facility * kwh
        cost, emitted = energy * price, energy * carbon
        violation = summed * r.violation / SECONDS_PER_MINUTE
        shortfall = summed * r.supply_shortfall / SECONDS_PER_MINUTE
        rate_excess = summed * r.rate_excess / SECONDS_PER_MINUTE
        moist, dry = (summed * getattr(r, name, 0.0 * r.travel) / SECONDS_PER_MINUTE for name in DEW_POINT)
        costs = [summed * getattr(r, field) / SECONDS_PER_MINUTE for field in self._types.costs.values()]
        safety = violation + shortfall + moist + dry + rate_excess
        for more in costs:
            safety = safety + more
        info = (
            time_s,
            it,
            fans,
            cooling,
            losses,
            facility,
            thermal,
            cooling * kwh,
            thermal * kwh,
            energy,
            facility / it,
            facility / (it - fans),
            summed * water * (1000.0 / WATER_DENSITY),
            emitted,
            cost,
            r.rack_inlet_max,
            inlet_mean,
            violation,
            shortfall,
            moist,
            dry,
            rate_excess,
            safety,
            energy_residual(self._types, r) * per_second,
            summed * r.travel,
            *metered,
            *(getattr(r, field) for field in self._types.watched.values()),
            *costs,
        )
        per_design_kwh = J_PER_KWH / (design * interval)
        transition = Transition(
            thermal_power=thermal / design,
            facility_power=facility / design,
            inlet_excess=r.violation * per_second,
            allowable_excess=r.allowable_violation * per_second,
            supply_shortfall=r.supply_shortfall * per_second,
            travel=r.travel,
            energy_cost=cost * per_design_kwh,
            carbon=emitted * per_design_kwh,
        )
        return dict(zip(self.keys, info, strict=True)), transition
