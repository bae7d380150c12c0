"""How a chilled-water hall is run by resets in the style of ASHRAE Guideline 36: the constants, the laws, and where they settle.

The controller ``g36`` trims and responds its way through time; here stand the laws that tie its set-points together and where it comes to
rest for a given state of load and weather. Episodes start there. Both read the same constants.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import Any, TypeVar, overload

import numpy as np

from dcsim.errors import InputError
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription, Range, Setpoints
from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.hall import Hall
from dcsim.plant.outdoor_air import SHARES_ASKED_FOR
from dcsim.plant.steady import LONG_STEP_S

Array = np.ndarray

READY_APPROACH, READY_SHARE = 8.0, 0.05  # K of chilled water below supply air; of outdoor air
SIGNAL_MAX = 1.25
"""Greatest plant reset signal; above 1 the pumps go from their usual top speed to full speed."""


@dataclass(frozen=True)
class ResetConstants:
    """Constants of the resets; the defaults are published or usual values. A search may put arrays of shape (N,) in their place."""

    # air: one supply temperature for the hall, since zones share their air; fans by flow ratio
    inlet_target: float = 25.0  # degC the hottest inlet is held at; ASHRAE limit 27 with 2 K in hand
    free_inlet_wet_bulb: float = 10.0  # degC outdoor wet bulb below which the target falls while cooling is free
    free_inlet_slope: float = 0.0  # K lower for each K below it
    free_inlet_min: float = (
        20.0  # degC the target does not fall below; lower end of what is recommended plus recirculation
    )
    request_step: float = 0.5  # K above target for each further request of a zone
    supply_trim: float = 0.1  # K warmer at each update; Guideline 36 0.2 degF
    supply_respond: float = 0.2  # K colder for each request, at most three times that; Guideline 36 0.3 and 1.0 degF
    flow_ratio: float = 1.10  # supply over server flow, 1.05 to 1.2 in contained halls
    free_flow_ratio: float = 1.10  # the same in free cooling, when colder air costs less than more of it
    flow_balance: float = 0.0  # 1/K more flow for a zone by what its hottest inlet stands above the mean zone's
    # chilled water: one signal, its lower half moves the pumps, its upper half the temperature (Guideline 36 plant reset)
    valve_target: float = 0.90  # of the open valve; Guideline 36 asks from 95 % open until below 85 %
    valve_band: float = 0.10  # between starting and ceasing to ask
    plant_trim: float = 0.02  # of the signal less at each update; Modelica Buildings template
    plant_respond: float = 0.03  # more for each request, at most 7/3 times that; the same template
    pump_speed_min: float = 0.60  # at 0 % of the signal; 35 % of design pressure, the template's 34.5 kPa
    pump_speed_top: float = 1.0  # at 50 % and no load
    pump_speed_slope: float = 0.0  # more of it at full load
    free_pump_speed_cut: float = 0.0  # less of it in free cooling, when colder water costs less than more of it
    # condenser water
    condenser_flow_min: float = 0.80  # at no load
    condenser_flow_slope: float = 0.20  # more at full load
    condenser_approach: float = 3.0  # K of the set-point above wet bulb, Modelica Buildings example
    condenser_approach_slope: float = 0.0  # K more at full load; the form is that of Braun and Diderrich 1990
    condenser_water_min: float = 15.6  # degC while chillers run, 60 degF, lower end of the same example
    # waterside economizer
    free_cooling_approach: float = 5.0  # K from wet bulb to economizer water at which free cooling is asked for
    free_condenser_offset: float = 2.5  # K of condenser below chilled water in free cooling; exchanger 1.7 to 2.8 K
    mode_deadband: float = 1.0  # K between asking for a mode and leaving it

    def digest(self) -> str:
        """SHA-256 over the values."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


Constants = TypeVar("Constants", bound=ResetConstants)


@overload
def tuned_constants(hall: str) -> ResetConstants: ...


@overload
def tuned_constants(hall: str, form: type[Constants]) -> Constants: ...


def tuned_constants(hall: str, form: type[Any] = ResetConstants) -> Any:
    """Return the tuned and frozen constants of a built-in hall, or the published ones where none were tuned.

    Parameters
    ----------
    hall : str
    form : type
        Constants of the kind of hall: ``ResetConstants`` or a class derived from it.

    Raises
    ------
    InputError
        If the frozen file was changed after it was written.
    """
    file = resources.files("dcsim.plant").joinpath("presets", f"{hall}.g36.json")
    if not file.is_file():
        return form()
    content: dict[str, Any] = json.loads(file.read_text())
    known = {field.name for field in fields(form)}
    constants = form(**{name: float(value) for name, value in content["constants"].items() if name in known})
    if constants.digest() != content["sha256"]:
        raise InputError(f"{hall}.g36.json: constants do not match their hash; restore the file or tune anew")
    return constants


def zone_flow_ratios(hottest_inlet: Array, mode: Array, c: ResetConstants) -> Array:
    """Supply over server flow wanted in each zone, shape (U, N).

    Parameters
    ----------
    hottest_inlet : Array, shape (U, N)
        Of each zone [degC].
    mode : Array, shape (N,)
        Cooling mode.
    c : ResetConstants
    """
    ratio = np.where(_is_free(mode), c.free_flow_ratio, c.flow_ratio)
    return ratio * (1.0 + c.flow_balance * (hottest_inlet - hottest_inlet.mean(0)))


def inlet_target(wet_bulb: Array, mode: Array, c: ResetConstants) -> Array:
    """Temperature the hottest inlet is held at [degC], shape (N,).

    Lower in free cooling on cold days, when cold air costs next to nothing and saves leakage in the servers.

    Parameters
    ----------
    wet_bulb, mode : Array, shape (N,)
        Outdoor wet bulb [degC], cooling mode.
    c : ResetConstants
    """
    drop = c.free_inlet_slope * np.maximum(c.free_inlet_wet_bulb - wet_bulb, 0.0)
    lowered = np.maximum(c.inlet_target - drop, np.minimum(c.free_inlet_min, c.inlet_target))
    return np.where(_is_free(mode), lowered, c.inlet_target)


def plant_setpoints(
    signal: Array, load: Array, mode: Array, ranges: Setpoints, c: ResetConstants
) -> tuple[Array, Array]:
    """Pump speed and chilled-water temperature [degC] that a plant reset signal stands for.

    Parameters
    ----------
    signal : Array, shape (N,)
        0: least cooling; 0.5: pumps at their top speed, water at its warmest; 1: water at its coldest; ``SIGNAL_MAX``: pumps at full speed.
    load, mode : Array, shape (N,)
        Mean utilization of the hall, cooling mode.
    ranges : Setpoints
        Of the hall.
    c : ResetConstants

    Returns
    -------
    tuple[Array, Array]
        Shape (N,) each.
    """
    water, top = ranges.chilled_water_temperature, _pump_top(load, mode, c)
    assert water is not None
    spare = (1.0 - top) / (SIGNAL_MAX - 1.0)
    pump = (
        c.pump_speed_min
        + (top - c.pump_speed_min) * clip(2.0 * signal, 0.0, 1.0)
        + spare * np.maximum(signal - 1.0, 0.0)
    )
    return pump, water.high - (water.high - water.low) * clip(2.0 * signal - 1.0, 0.0, 1.0)


def plant_signal(pump: Array, chilled: Array, load: Array, mode: Array, ranges: Setpoints, c: ResetConstants) -> Array:
    """Plant reset signal that stands for a pump speed and a chilled-water temperature [degC]; the inverse of ``plant_setpoints``."""
    water, top = ranges.chilled_water_temperature, _pump_top(load, mode, c)
    assert water is not None
    pumping = clip((pump - c.pump_speed_min) / (top - c.pump_speed_min), 0.0, 1.0)
    cooling = clip((water.high - chilled) / (water.high - water.low), 0.0, 1.0)
    spare = clip((pump - top) / np.maximum(1.0 - top, 1e-6), 0.0, 1.0)
    is_cold = cooling > 1.0 - 1e-9
    return np.where(cooling > 0.0, 0.5 + 0.5 * cooling, 0.5 * pumping) + np.where(
        is_cold, (SIGNAL_MAX - 1.0) * spare, 0.0
    )


def _pump_top(load: Array, mode: Array, c: ResetConstants) -> Array:
    """Pump speed at half of the signal, some way above the least, so that the signal can be told from the speed."""
    top = c.pump_speed_top + c.pump_speed_slope * load - np.where(_is_free(mode), c.free_pump_speed_cut, 0.0)
    return clip(top, c.pump_speed_min + 0.05, 1.0)


def _is_free(mode: Array) -> Array:
    return mode > 0.5 * (INTEGRATED + FREE)


def ready_signal(
    outdoor_air: Array, supply: Array, load: Array, mode: Array, ranges: Setpoints, c: ResetConstants
) -> Array:
    """Plant reset signal that is not undercut, shape (N,): where outdoor air cools, water stands ready to take over from it.

    Coil valves nearly closed would let the reset trim the water to its warmest, and mild air the plant into free cooling.

    Parameters
    ----------
    outdoor_air : Array, shape (N,)
        Share of outdoor air in what is supplied.
    supply : Array, shape (N,)
        Supply air asked for [degC].
    load, mode, ranges, c
        As of ``plant_setpoints``.
    """
    ready = plant_signal(np.zeros_like(supply), supply - READY_APPROACH, load, mode, ranges, c)
    return np.where(outdoor_air > READY_SHARE, ready, 0.0)


def condenser_water_flow(load: Array, c: ResetConstants) -> Array:
    """Condenser-water flow over nominal, shape (N,), by the mean utilization of the hall."""
    return clip(c.condenser_flow_min + c.condenser_flow_slope * load, 0.0, 1.0)


def condenser_water_setpoint(wet_bulb: Array, load: Array, chilled: Array, mode: Array, c: ResetConstants) -> Array:
    """Condenser-water temperature to hold [degC], shape (N,).

    By wet bulb while chillers run. In free cooling the tower need not go colder than the chilled water calls for.

    Parameters
    ----------
    wet_bulb, load, chilled, mode : Array, shape (N,)
        Outdoor wet bulb [degC], mean utilization, chilled-water set-point [degC], cooling mode.
    c : ResetConstants
    """
    reachable = wet_bulb + c.condenser_approach + c.condenser_approach_slope * load
    return np.maximum(reachable, np.where(_is_free(mode), chilled - c.free_condenser_offset, c.condenser_water_min))


def wanted_mode(
    wet_bulb: Array, chilled_water_setpoint: Array, chilled_water_return: Array, mode: Array, c: ResetConstants
) -> Array:
    """Cooling mode by what economizer water could reach: free below the set-point, integrated below the return, else mechanical."""
    reachable = wet_bulb + c.free_cooling_approach
    stay_free = np.where(_is_free(mode), c.mode_deadband, 0.0)
    stay_integrated = np.where(mode > 0.5, c.mode_deadband, 0.0)
    return np.where(
        reachable < chilled_water_setpoint + stay_free,
        FREE,
        np.where(reachable < chilled_water_return - 1.0 + stay_integrated, INTEGRATED, MECHANICAL),
    )


def settled_air_side(
    setpoints: Mapping[str, Array],
    s: Any,
    wet_bulb: Array,
    load: Array,
    mode: Array,
    hall: HallDescription,
    c: ResetConstants,
) -> dict[str, Array]:
    """One move of the set-points of supply air, fans and chilled water towards where the resets come to rest, not yet in their ranges.

    Parameters are those of ``settled_setpoints``, and the cooling mode.
    """
    groups, ranges = hall.crahs.groups, hall.setpoints
    hottest = s.rack_inlet_temperature.reshape(groups, -1, len(load)).max(1)
    chilled, pump = setpoints["chilled_water_setpoint"][0], setpoints["chilled_water_pump_speed"][0]
    supply = setpoints["supply_air_setpoint"] + 0.5 * (inlet_target(wet_bulb, mode, c) - hottest.max(0))
    fans = setpoints["crah_fan_speed"]
    fans = fans + 0.3 * (
        s.crah_fan_speed * zone_flow_ratios(hottest, mode, c) / np.maximum(s.zone_flow_ratio, 0.05) - fans
    )
    opening = (s.valve_fraction / pump).max(0)
    change = np.where(
        opening < 0.999, 0.3 * (opening - c.valve_target), 0.06
    )  # an open valve does not say how much is missing
    signal = plant_signal(pump, chilled, load, mode, ranges, c) + change
    if hasattr(s, "outdoor_air_share"):
        ready = ready_signal(s.outdoor_air_share.mean(0), supply.mean(0), load, mode, ranges, c)
        signal = np.maximum(signal, ready)
    pump, chilled = plant_setpoints(clip(signal, 0.0, SIGNAL_MAX), load, mode, ranges, c)
    return {
        "supply_air_setpoint": supply,
        "crah_fan_speed": fans,
        "chilled_water_setpoint": chilled[None],
        "chilled_water_pump_speed": pump[None],
        **{name: np.ones_like(setpoints[name]) for name in SHARES_ASKED_FOR if name in setpoints},
    }


def settled_setpoints(
    setpoints: Mapping[str, Array], s: Any, wet_bulb: Array, load: Array, hall: Hall, p: Any, c: ResetConstants
) -> dict[str, Array]:
    """One move of all set-points towards where the resets come to rest.

    Parameters
    ----------
    setpoints : mapping of str to Array, shape (rows, N)
        In force, by the name of the input.
    s : State
        Fields of shape (rows, N), at rest with these set-points.
    wet_bulb, load : Array, shape (N,)
        Outdoor wet bulb [degC], mean utilization of the hall.
    hall : Hall
    p : Params
        Its own, or those of each environment, ``(rows, N)``.
    c : ResetConstants

    Returns
    -------
    dict of str to Array, shape (rows, N)
    """
    ranges = hall.description.setpoints
    mode = s.mode[0] if "economizer" in hall else np.full(len(load), MECHANICAL)
    moved = settled_air_side(setpoints, s, wet_bulb, load, mode, hall.description, c)
    condenser = condenser_water_setpoint(wet_bulb, load, moved["chilled_water_setpoint"][0], mode, c)
    moved |= {
        "condenser_water_setpoint": condenser[None],
        "condenser_water_flow": condenser_water_flow(load, c)[None],
    }
    if "tank" in hall:
        moved["tank_flow"] = 0.0 * condenser[None]  # at rest it is left alone
    for _, name, allowed in hall.types.setpoints:
        limits: Range = getattr(ranges, allowed)
        moved[name] = clip(moved[name], limits.low, limits.high)
    if "economizer" in hall:
        chilled = moved["chilled_water_setpoint"][0]
        moved["mode_request"] = wanted_mode(wet_bulb, chilled, s.chilled_water_return_temperature[0], mode, c)[None]
    if "staging" in hall:
        moved |= settled_numbers(s, hall, p)
    return moved


def settled_numbers(s: Any, hall: Hall, p: Any) -> dict[str, Array]:
    """Numbers of machines for a state at rest: chillers by the plant's own threshold, pumps at or left of their best point, all cells.

    Parameters
    ----------
    s : State
        After a long step, fields of shape (rows, N).
    hall : Hall
    p : Params
        Its own, or those of each environment.

    Returns
    -------
    dict of str to Array, shape (1, N)
    """
    nominal = p.coil_water_flow_nominal
    flow = (nominal * s.valve_fraction).sum(0, keepdims=True) / nominal.sum(0, keepdims=True)
    chilled, condenser = pumps_at_their_best(
        flow, s.chilled_water_pump_speed, s.condenser_water_flow, p.condenser_water_static_share
    )
    return {
        "chillers_requested": chillers_needed(s, hall, p)[None],
        "chilled_water_pumps_requested": np.ceil(chilled * p.chilled_water_pumps),
        "condenser_water_pumps_requested": np.ceil(condenser * p.condenser_water_pumps),
        "tower_cells_requested": p.tower_cells + 0.0 * flow,
    }


def pumps_at_their_best(
    chilled_flow: Array, pump_speed: Array, condenser_flow: Array, static_share: Array
) -> tuple[Array, Array]:
    """Shares of the chilled- and condenser-water pumps with which the running ones are at their best point.

    Parameters
    ----------
    chilled_flow, pump_speed, condenser_flow : Array
        Over nominal.
    static_share : Array
        Of the head of the condenser-water pumps.
    """
    condenser_speed = np.sqrt(static_share + (1.0 - static_share) * condenser_flow**2)
    return chilled_flow / pump_speed, condenser_flow / condenser_speed


def chillers_needed(s: Any, hall: Hall, p: Any) -> Array:
    """Chillers that the plant's own staging would have after a long step, shape (N,); in free cooling those that stand by."""
    heat = s.evaporator_heat[0]
    if "economizer" in hall:
        heat = heat + s.economizer_heat[0] * (s.mode[0] > 0.5 * (INTEGRATED + FREE))
    machines = np.ceil(heat / (LONG_STEP_S * p.chiller_capacity[0] * p.stage_up_load[0]))
    return np.minimum(np.maximum(machines, 1.0), hall.chillers)
