"""What the plant decides and watches by itself: set-points move within their rates, protection, limits, trips, the energy audit.

Protection always runs: above the allowable inlet, fans and chilled-water pumps go to full speed and supply air and chilled water to their
lowest set-points, until the inlets are well below it again.
"""

from typing import Any, NamedTuple

from dcsim.plant import liquid
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array

RISE_MAX, RISE_TIME = 5.0, 900.0
"""No inlet may rise by more than 5 K in any 15 minutes, 20 K in an hour. ASHRAE TC 9.9, 2021 Equipment Thermal Guidelines, table 2.1,
footnote on the rate of change of equipment without tape drives."""
SAMPLE_TIME = 300.0  # s between the inlets that are remembered: with three of them a rise is seen over 10 to 15 minutes


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
    violation: Array  # (1) K s of the hottest rack group above inlet_limit, and of the hottest case above its limit
    allowable_violation: Array  # (1) K s above inlet_allowable
    supply_shortfall: Array  # (1) K s of the coldest supply below supply_limit
    rate_excess: Array  # (1) K s of the fastest inlet's rise beyond what is allowed
    inlet_sample_1: Array  # (R) degC of the inlets at the start of this control step or up to SAMPLE_TIME before
    inlet_sample_2: Array  # (R) one sample earlier
    inlet_sample_3: Array  # (R) two samples earlier
    sample_time: Array  # (1) s since inlet_sample_1
    sample_period: Array  # (1) s between the samples
    trip_time: Array  # (1) s without a break above trip_temperature
    is_tripped: Array  # (1)


class Held(NamedTuple):
    """What the monitors compare with."""

    inlet_ceiling: Array  # (R) degC up to which an inlet may have risen by the end of the step


ROWS = dict.fromkeys(("inlet_sample_1", "inlet_sample_2", "inlet_sample_3"), "racks")


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
    is_due = s.sample_time > SAMPLE_TIME - 0.5
    newest = xp.where(is_due, s.rack_inlet_temperature, s.inlet_sample_1)
    middle = xp.where(is_due, s.inlet_sample_1, s.inlet_sample_2)
    oldest = xp.where(is_due, s.inlet_sample_2, s.inlet_sample_3)
    age, period = xp.where(is_due, 0.0, s.sample_time), xp.where(is_due, s.sample_time, s.sample_period)

    def ceiling(sample: Array, samples_before: float) -> Array:
        age_at_end = age + samples_before * period + interval
        return sample + (RISE_MAX / RISE_TIME) * xp.maximum(age_at_end, RISE_TIME)

    return dict(
        rack_inlet_max=zero + xp.max(s.rack_inlet_temperature, 0, keepdims=True),
        violation=zero,
        allowable_violation=zero,
        supply_shortfall=zero,
        rate_excess=zero,
        inlet_sample_1=newest,
        inlet_sample_2=middle,
        inlet_sample_3=oldest,
        sample_time=age + interval,
        sample_period=period,
    ), dict(inlet_ceiling=xp.minimum(ceiling(newest, 0.0), xp.minimum(ceiling(middle, 1.0), ceiling(oldest, 2.0))))


def samples_at_rest(inlet: Array) -> dict[str, Any]:
    """Fields of a state whose inlets [degC], shape (R, N), have stood for a while."""
    return dict.fromkeys(("inlet_sample_1", "inlet_sample_2", "inlet_sample_3"), inlet) | dict(
        sample_time=0.0, sample_period=SAMPLE_TIME
    )


def protection(s: Any, p: Any, xp: Any) -> Array:
    """Whether an over-temperature takes fans and set-points over, shape (1, N)."""
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    return xp.where(
        hottest > p.inlet_allowable, 1.0, xp.where(hottest < p.protection_release_temperature, 0.0, s.protection)
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Watch the limits: hottest inlet and case, how far and how long beyond their limits, how fast inlets rise, trip."""
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    coldest = -xp.max(-s.supply_air_temperature, 0, keepdims=True)
    fastest = xp.max(s.rack_inlet_temperature - h.inlet_ceiling, 0, keepdims=True)
    trip_time = xp.where(hottest > p.trip_temperature, s.trip_time + time_step, 0.0)
    is_tripped = xp.where(trip_time < p.trip_time_min, s.is_tripped, 1.0)
    excess = xp.maximum(hottest - p.inlet_limit, 0.0)
    cases: dict[str, Array] = {}
    if hasattr(p, "case_limit"):
        excess = excess + liquid.case_excess(s, p, xp)
        cases["case_trip_time"] = case_trip_time = liquid.trip_time(s, p, time_step, xp)
        is_tripped = xp.where(case_trip_time < p.trip_time_min, is_tripped, 1.0)
    return cases | dict(
        rack_inlet_max=xp.maximum(s.rack_inlet_max, hottest),
        violation=s.violation + time_step * excess,
        allowable_violation=s.allowable_violation + time_step * xp.maximum(hottest - p.inlet_allowable, 0.0),
        supply_shortfall=s.supply_shortfall + time_step * xp.maximum(p.supply_limit - coldest, 0.0),
        rate_excess=s.rate_excess + time_step * xp.maximum(fastest, 0.0),
        trip_time=trip_time,
        is_tripped=is_tripped,
    )
