"""From the energies of a control step to ``info``: plain arithmetic that takes arrays of N environments or the floats of one."""

from typing import Any, NamedTuple

from dcsim.envs.rewards import Transition
from dcsim.physics.constants import WATER_DENSITY
from dcsim.plant.audit import energy_residual
from dcsim.plant.hall import Hall

Value = Any  # float, or array of shape (N,)
J_PER_KWH = 3.6e6
SECONDS_PER_MINUTE = 60.0


class Readings(NamedTuple):
    """Rows of the state after a step that meters read; names and units as in ``plant.model.State``."""

    it_energy: Value
    server_fan_energy: Value
    leakage_energy: Value
    crah_fan_energy: Value
    chilled_water_pump_energy: Value
    condenser_water_pump_energy: Value
    chiller_energy: Value
    tower_fan_energy: Value
    electrical_loss_energy: Value
    electrical_room_heat: Value
    envelope_gain: Value
    tower_heat: Value
    makeup_water: Value
    travel: Value
    stored_energy_before: Value
    stored_energy: Value
    rack_inlet_max: Value
    violation: Value
    allowable_violation: Value
    supply_shortfall: Value


class _Constants(NamedTuple):
    humidifier_power: float


class Meters:
    """Meters of one hall and control interval.

    Parameters
    ----------
    hall : Hall
    interval : float
        Control interval [s].
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
        "cost",
        "energy_residual_w",
        "crah_fan_power_w",
        "pump_power_w",
        "chiller_power_w",
        "tower_fan_power_w",
        "actuator_travel",
    )

    def __init__(self, hall: Hall, interval: float) -> None:
        self._constants = _Constants(float(hall.params.humidifier_power[0, 0]))
        self._interval = interval
        self._design_power = hall.design_it_power

    def read(
        self, r: Readings, time_s: Value, inlet_mean: Value, price: Value, carbon: Value, summed: float
    ) -> tuple[dict[str, Value], Transition]:
        """Read the meters after a step, or after a reset.

        Parameters
        ----------
        r : Readings
        time_s, inlet_mean, price, carbon : Value
            Time of the year [s], mean rack inlet [degC], price [1/kWh] and carbon intensity [kg/kWh] of the step.
        summed : float
            1 after a step; 0 after a reset, where powers are those of the settled start and sums are 0.

        Returns
        -------
        info : dict
            With the names and units of ``KEYS``.
        transition : Transition
        """
        interval, design = self._interval, self._design_power
        per_second = 1.0 / interval
        kwh = summed * interval / J_PER_KWH
        it = r.it_energy * per_second
        fans = r.server_fan_energy * per_second
        pumps = (r.chilled_water_pump_energy + r.condenser_water_pump_energy) * per_second
        crahs, chillers, tower = (
            r.crah_fan_energy * per_second,
            r.chiller_energy * per_second,
            r.tower_fan_energy * per_second,
        )
        cooling = crahs + pumps + chillers + tower + self._constants.humidifier_power
        losses = r.electrical_loss_energy * per_second
        facility = it + cooling + losses
        thermal = cooling + fans + r.leakage_energy * per_second
        energy = facility * kwh
        cost, emitted = energy * price, energy * carbon
        violation = summed * r.violation / SECONDS_PER_MINUTE
        shortfall = summed * r.supply_shortfall / SECONDS_PER_MINUTE
        values = (
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
            summed * r.makeup_water * (1000.0 / WATER_DENSITY),
            emitted,
            cost,
            r.rack_inlet_max,
            inlet_mean,
            violation,
            violation + shortfall,
            energy_residual(r, self._constants, interval) * per_second,
            crahs,
            pumps,
            chillers,
            tower,
            summed * r.travel,
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
        return dict(zip(self.KEYS, values, strict=True)), transition
