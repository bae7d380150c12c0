"""Waterside economizer upstream of the chillers: modes, and the heat that goes straight to the condenser water."""

from typing import Any, NamedTuple

from dcsim.physics import coil, economizer
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, distance, total

MECHANICAL, INTEGRATED, FREE = 0.0, 1.0, 2.0
"""Cooling modes: chillers alone, economizer and chillers in series, economizer alone."""


class Params(NamedTuple):
    """What the exchanger is made of, and how long a mode stays."""

    economizer_effectiveness: Array  # (1) at nominal flows
    economizer_conductance: Array  # (1) W/K at nominal flows
    economizer_chilled_head_share: Array  # (1) of the head of the chilled-water pumps that lies in the exchanger
    economizer_condenser_head_share: Array  # (1) of the head of the condenser-water pumps that lies in the exchanger
    mode_time_min: Array  # (1) s between changes of mode
    mode_hysteresis: Array  # (1) of the request, on the scale 0 mechanical to 2 free


class State(NamedTuple):
    """Mode, and heat of the control step."""

    mode: Array  # (1) 0, 1, 2
    mode_time: Array  # (1) s since its last change
    economizer_heat: Array  # (1) J


class Inputs(NamedTuple):
    """What mode is asked for."""

    mode_request: Array  # (1) 0 mechanical to 2 free, continuous


class Held(NamedTuple):
    """What the mode makes of the exchanger."""

    economizer_conductance: Array  # (1) W/K at nominal flows; 0 while it is out of use


REQUESTS = ("mode_request",)
SUMS = ("economizer_heat",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.economizer is not None and d.tower is not None and d.coils is not None
    effectiveness = d.economizer.effectiveness.value
    waters = [WATER_SPECIFIC_HEAT * flow.value for flow in (d.coils.water_flow, d.tower.water_flow)]
    return dict(
        economizer_effectiveness=effectiveness,
        economizer_conductance=coil.counterflow_conductance(min(waters), min(waters) / max(waters), effectiveness),
        economizer_chilled_head_share=d.economizer.chilled_water_head.value,
        economizer_condenser_head_share=d.economizer.condenser_water_head.value,
        mode_time_min=d.economizer.mode_time_min.value,
        mode_hysteresis=d.economizer.mode_hysteresis.value,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Requested mode with hysteresis and dwell, one step at a time; free only where the economizer could meet the set-point now."""
    request = u.mode_request
    nearest = xp.where(request > 1.5, FREE, xp.where(request > 0.5, INTEGRATED, MECHANICAL))
    wanted = xp.where(distance(request, s.mode, xp) > 0.5 + p.mode_hysteresis, nearest, s.mode)
    mode = xp.where(s.mode_time < p.mode_time_min, s.mode, s.mode + clip(wanted - s.mode, -1.0, 1.0, xp))
    reachable = economizer.leaving_temperature(
        p.economizer_effectiveness, s.chilled_water_return_temperature, s.condenser_water_supply_temperature
    )
    too_warm = reachable > now["chilled_water_setpoint"] + p.supply_excess_max
    mode = xp.where(too_warm, xp.minimum(mode, INTEGRATED), mode)
    # the economizer leaves only when running chillers can carry its share
    heat = (s.evaporator_heat + s.economizer_heat) / interval
    carries = xp.where(total(s.chiller_loading, xp) * p.chiller_capacity > heat, MECHANICAL, INTEGRATED)
    mode = xp.where(s.mode > 0.5 * (MECHANICAL + INTEGRATED), xp.maximum(mode, carries), mode)
    if "chiller_must_run" in now:  # is not bypassed
        mode = xp.where(total(now["chiller_must_run"], xp) > 0.5, xp.minimum(mode, INTEGRATED), mode)
    mode_time = interval + xp.where(distance(mode, s.mode, xp) > 0.5, 0.0, s.mode_time)
    conductance = xp.where(mode > 0.5 * (MECHANICAL + INTEGRATED), p.economizer_conductance, 0.0)
    return dict(mode=mode, mode_time=mode_time), dict(economizer_conductance=conductance)


def is_free(s: Any) -> Array:
    """Whether the chillers are bypassed, a condition of shape (1, N)."""
    return s.mode > 0.5 * (INTEGRATED + FREE)


def heat_limit(
    entering: Array, flow_fraction: Array, stream: Array, condenser_stream: Array, s: Any, h: Any, xp: Any
) -> Array:
    """Most heat that can go to the condenser water [W], shape (1, N).

    Parameters
    ----------
    entering : Array
        Chilled water that enters [degC].
    flow_fraction : Array
        Its flow over nominal.
    stream, condenser_stream : Array
        Capacity rates of chilled and condenser water [W/K].
    s, h : State, Held
    xp : namespace
    """
    conductance = economizer.conductance(flow_fraction, h.condenser_water_flow, h.economizer_conductance, xp)
    return economizer.heat_flow(
        economizer.effectiveness(conductance, stream, condenser_stream, xp),
        stream,
        condenser_stream,
        entering,
        s.condenser_water_supply_temperature,
        xp,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Free cooling that fails its set-point falls back to integrated at once."""
    excess = s.chilled_water_supply_temperature - h.chilled_water_setpoint
    return dict(mode=xp.where(excess > p.supply_excess_max, xp.minimum(s.mode, INTEGRATED), s.mode))
