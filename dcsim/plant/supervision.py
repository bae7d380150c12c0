"""What the plant decides and watches by itself: set-points move within their rates, protection, limits, trips, the energy audit.

Protection always runs: above the allowable inlet, fans and chilled-water pumps go to full speed and supply air and chilled water to their
lowest set-points, until the inlets are well below it again.
"""

from typing import Any, NamedTuple

from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array


class Params(NamedTuple):
    """Limits."""

    inlet_limit: Array  # (1) recommended upper limit of a rack inlet
    inlet_allowable: Array  # (1)
    supply_limit: Array  # (1) recommended lower limit of supply air
    trip_temperature: Array  # (1)
    trip_time_min: Array  # (1) s
    protection_release_temperature: Array  # (1)
    supply_air_setpoint_min: Array  # (1) what protection falls back to


class State(NamedTuple):
    """What is latched at the start of a control step, and watched over it."""

    protection: Array  # (1) 1 while an over-temperature has taken the fans and set-points over
    travel: Array  # (1) mean change of the set-points at the start of the step, as a share of their ranges
    stored_energy_before: Array  # (1) J above 20 degC at the start of the step
    stored_energy: Array  # (1) J above 20 degC at its end
    rack_inlet_max: Array  # (1) hottest rack group at any sub-step
    violation: Array  # (1) K s of the hottest rack group above inlet_limit
    allowable_violation: Array  # (1) K s above inlet_allowable
    supply_shortfall: Array  # (1) K s of the coldest supply below supply_limit
    trip_time: Array  # (1) s without a break above trip_temperature
    is_tripped: Array  # (1)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    limits = d.limits
    return dict(
        inlet_limit=limits.inlet_limit.value,
        inlet_allowable=limits.inlet_allowable.value,
        supply_limit=limits.supply_limit.value,
        trip_temperature=limits.trip_temperature.value,
        trip_time_min=limits.trip_time.value,
        protection_release_temperature=limits.protection_release_temperature.value,
        supply_air_setpoint_min=d.setpoints.supply_air_temperature.low,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Start the monitors of a control step afresh."""
    zero = 0.0 * s.trip_time
    return dict(
        rack_inlet_max=zero + xp.max(s.rack_inlet_temperature, 0, keepdims=True),
        violation=zero,
        allowable_violation=zero,
        supply_shortfall=zero,
    ), {}


def protection(s: Any, p: Any, xp: Any) -> Array:
    """Whether an over-temperature takes fans and set-points over, shape (1, N)."""
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    return xp.where(
        hottest > p.inlet_allowable, 1.0, xp.where(hottest < p.protection_release_temperature, 0.0, s.protection)
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Watch the limits: hottest inlet, how far and how long beyond its limits, trip."""
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    coldest = -xp.max(-s.supply_air_temperature, 0, keepdims=True)
    trip_time = xp.where(hottest > p.trip_temperature, s.trip_time + time_step, 0.0)
    return dict(
        rack_inlet_max=xp.maximum(s.rack_inlet_max, hottest),
        violation=s.violation + time_step * xp.maximum(hottest - p.inlet_limit, 0.0),
        allowable_violation=s.allowable_violation + time_step * xp.maximum(hottest - p.inlet_allowable, 0.0),
        supply_shortfall=s.supply_shortfall + time_step * xp.maximum(p.supply_limit - coldest, 0.0),
        trip_time=trip_time,
        is_tripped=xp.where(trip_time < p.trip_time_min, s.is_tripped, 1.0),
    )
