"""Direct-expansion units in place of chilled-water coils: an evaporator in the air of each CRAC, a compressor, a condenser outdoors.

Each unit holds its supply air by what the compressor takes from the air. Below its least part load the compressor cycles; those cycles,
shorter than what a room feels, are averaged, and their starts cost energy (``physics.dx_coil.part_load_fraction``). Whether a compressor
is called at all is a latch with memory: it is stopped by request, by a failure, when its fan stands still, or when there is next to
nothing to cool, and then rests for its least time; once started it stays called for its least time. The units work as a team: requests
that would leave none running are not heeded, since a small room is too hot within minutes, unless outdoor air cools.

A wet coil stands for a surface of known humidity, found at the start of a control step by the law of the coil under load, to which all
air comes that does not pass by untouched, for the part of the time that the compressor cools; so what condenses follows the room's
humidity and the air flow at once, and the surface with the next step. In a hall without moisture in its air coils are dry.

Left out: ripple of the supply air in the rhythm of the cycles, water that evaporates off a resting coil, hot-gas bypass.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import dx_coil, moist_air, thermal
from dcsim.physics.constants import EVAPORATION_ENTHALPY, STANDARD_PRESSURE
from dcsim.physics.smooth import clip
from dcsim.plant import moisture
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, distance, total
from dcsim.plant.room import CRAH_FLOW_FRACTION_MIN, HotSide

DRY_WET_BULB = -50.0  # degC, lower than any coil's: its law then says at which wet bulb it would just be dry
DEMAND_MAX = 2.0  # of the capacity; more than all there is says no more
LATENT_SHARE_MAX = 0.9  # of a coil's heat
CARRYING_SHARE = 0.3  # of outdoor air, from which on compressors may all rest by request
SLOPE_STEP = 1.0  # K of entering air, for the slope of the wet bulb that counts


class Params(NamedTuple):
    """What the units are made of."""

    dx_capacity: Array  # (U) W at rating, sensible and latent
    dx_cop: Array  # (1) at rating, compressors and condenser fans
    dx_surface_mass_flow: Array  # (U) kg/s, air-side conductance of the evaporator over specific heat
    dx_capacity_curve: Array  # (6)
    dx_capacity_flow_curve: Array  # (3)
    dx_eir_curve: Array  # (6)
    dx_eir_flow_curve: Array  # (3)
    dx_curve_box: Array  # (6) entering wet bulb, outdoor dry bulb, flow fraction, least and greatest each
    dx_part_load_curve: Array  # (4)
    dx_part_load_min: Array  # (1) below it the compressor cycles
    condenser_air_excess: Array  # (1) K of the air onto the condensers above the outdoor air
    compressor_on_time_min: Array  # (1) s
    compressor_off_time_min: Array  # (1) s
    compressor_start_load: Array  # (1) of its capacity, called for while it rests, that starts a compressor
    compressor_stop_load: Array  # (1) of its capacity below which a compressor stops
    compressor_request_hysteresis: Array  # (1) of the request, 0 off to 1 on
    compressor_start_time_constant: Array  # (1) s
    compressor_control_time_constant: Array  # (1) s


class GivenCompressors:
    """A part: which compressors run is known, for instance from a log."""

    class Inputs(NamedTuple):
        """What the driver says."""

        compressor_on: Array  # (U) share of the control step that it runs; rows as in the state

    DRIVERS = ("compressor_on",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}


class State(NamedTuple):
    """Compressors, and energies of the control step."""

    compressor_called: Array  # (U) 1 as requested, hysteresis applied
    compressor_on: Array  # (U) 1 running, 0 resting
    compressor_time: Array  # (U) s since it last started or stopped
    compressor_loading: Array  # (U) 0 off to 1 able to give full capacity
    compressor_demand: Array  # (U) cooling called for over the full capacity under the present conditions
    compressor_load: Array  # (U) cooling given over the same
    compressor_energy: Array  # (1) J, condenser fans included
    condenser_heat: Array  # (1) J from the condensers to the outdoor air
    coil_entering_air: Array  # (U) degC


class Inputs(NamedTuple):
    """What is asked for, and what can run."""

    compressor_request: Array  # (U) 0 off to 1 on, continuous
    dx_unit_available: Array  # (U) share of its capacity that a unit can give; 0: out


class Held(NamedTuple):
    """After protection; and what humidity does to the coils."""

    compressor_called: Array  # (U)
    dx_entering_air: Array  # (U) degC onto the coils at the start of the step
    dx_wet_bulb: Array  # (U) degC with which the curves hold for that air
    dx_wet_bulb_slope: Array  # (U) its change with the temperature of the air
    coil_surface_humidity: Array  # (U) kg/kg dry air, of the coil under load
    coil_drying_flow: (
        Array  # (U) kg/s of air that comes to it, in the mean over running and rest, as at the start of the step
    )


ROWS = dict.fromkeys(
    (
        "compressor_called",
        "compressor_on",
        "compressor_time",
        "compressor_loading",
        "compressor_demand",
        "compressor_load",
        "coil_entering_air",
        "compressor_request",
        "dx_unit_available",
    ),
    "crahs",
)
REQUESTS = ("compressor_request",)
AVAILABILITY = {"dx_unit": "dx_unit_available"}
METERS = {"compressor": ("compressor_energy",)}
REJECTED = ("condenser_heat",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.dx is not None
    dx, groups = d.dx, d.crahs.groups
    curves = dx_coil.CURVE_SETS[dx.curves]
    part_load_curve, part_load_min = dx_coil.PART_LOAD[dx.compressor]
    return dict(
        dx_capacity=np.full(groups, dx.capacity.value / groups),
        dx_cop=dx.cop.value,
        dx_surface_mass_flow=np.full(
            groups,
            dx_coil.size_surface(dx.capacity.value, dx.sensible_heat_ratio.value, d.crahs.mass_flow.value) / groups,
        ),
        dx_capacity_curve=curves.capacity_curve,
        dx_capacity_flow_curve=curves.capacity_flow_curve,
        dx_eir_curve=curves.eir_curve,
        dx_eir_flow_curve=curves.eir_flow_curve,
        dx_curve_box=curves.box,
        dx_part_load_curve=part_load_curve,
        dx_part_load_min=part_load_min,
        condenser_air_excess=dx.condenser_air_excess.value,
        compressor_on_time_min=dx.on_time_min.value,
        compressor_off_time_min=dx.off_time_min.value,
        compressor_start_load=dx.start_load.value,
        compressor_stop_load=dx.stop_load.value,
        compressor_request_hysteresis=dx.request_hysteresis.value,
        compressor_start_time_constant=dx.start_time_constant.value,
        compressor_control_time_constant=dx.control_time_constant.value,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Call the compressors as requested; above the allowable inlet all are called."""
    half, request = p.compressor_request_hysteresis, u.compressor_request
    wanted = xp.where(request > 0.5 + half, 1.0, xp.where(request < 0.5 - half, 0.0, s.compressor_called))
    called = xp.where(now["protection"] > 0.5, 1.0, wanted)
    on, time = _latched(s, called, s.compressor_time, u, p, xp)
    return dict(compressor_called=wanted, compressor_on=on, compressor_time=time), dict(
        compressor_called=called, **_air_onto_coils(s, u, p, xp)
    )


def _performance(p: Any) -> dx_coil.DxMap:
    return dx_coil.DxMap(
        p.dx_capacity_curve, p.dx_capacity_flow_curve, p.dx_eir_curve, p.dx_eir_flow_curve, p.dx_curve_box
    )


def _air_onto_coils(s: Any, u: Any, p: Any, xp: Any) -> dict[str, Array]:
    """Wet bulb with which the curves hold, how it goes with the temperature of the air, and the humidity of the surface under load."""
    entering, pressure = s.coil_entering_air, u.outdoor_pressure
    outdoor = u.dry_bulb_temperature + p.condenser_air_excess
    fraction = pressure / STANDARD_PRESSURE * xp.maximum(s.crah_fan_speed, CRAH_FLOW_FRACTION_MIN)
    flow = fraction * p.crah_mass_flow_nominal
    bypass = dx_coil.bypass_factor(flow, p.dx_surface_mass_flow, xp)
    performance = _performance(p)

    def effective(temperature: Array) -> Array:
        wet_bulb = 0.0 * temperature + DRY_WET_BULB
        if hasattr(p, "dry_air_mass"):
            wet_bulb = moist_air.wet_bulb_temperature(temperature, moisture.onto_coils(s), pressure, xp)
        return dx_coil.effective_wet_bulb(
            wet_bulb, temperature, outdoor, flow, fraction, bypass, p.dx_capacity, performance, pressure, xp
        )

    wet_bulb = effective(entering)
    held = dict(
        dx_entering_air=entering,
        dx_wet_bulb=wet_bulb,
        dx_wet_bulb_slope=(effective(entering + SLOPE_STEP) - wet_bulb) / SLOPE_STEP,
        coil_surface_humidity=0.0 * entering,
        coil_drying_flow=0.0 * entering,
    )
    if hasattr(p, "dry_air_mass"):
        capacity_fraction, _ = dx_coil.full_load(wet_bulb, outdoor, fraction, performance, xp)
        loaded = clip(s.compressor_demand, p.dx_part_load_min, 1.0, xp)
        heat = loaded * p.dx_capacity * capacity_fraction
        air = dx_coil.leaving_air(flow, entering, moisture.onto_coils(s), heat, 1.0, bypass, pressure, xp)
        held["coil_surface_humidity"] = moist_air.saturation_humidity_ratio(air.surface_temperature, pressure, xp)
        held["coil_drying_flow"] = xp.minimum(s.compressor_load / loaded, 1.0) * flow * (1.0 - bypass)
    return held


def _latched(s: Any, called: Array, time: Array, u: Any, p: Any, xp: Any) -> tuple[Array, Array]:
    """Which compressors run, and for how long each has run or rested; only a failure cuts a least time short."""
    if hasattr(u, "compressor_on"):
        return u.compressor_on, time
    running, least = s.compressor_on * _can_run(u, xp), 0.5
    if hasattr(s, "outdoor_air_share"):  # where outdoor air does a good part of the cooling, all may rest
        carries = total(s.outdoor_air_share, xp) > CARRYING_SHARE * total(0.0 * running + 1.0, xp)
        least = xp.where(carries, -1.0, least)
    # those that run go on where none of them is called, and all are called where none runs
    team = xp.where(total(running, xp) < 0.5, 1.0, xp.maximum(running, called))
    called = xp.where(total(running * called, xp) < least, team, called)
    wants = called * xp.where(s.compressor_demand > p.compressor_start_load, 1.0, 0.0)
    starts = xp.where(time < p.compressor_off_time_min, 0.0, wants)
    rests = xp.where(called < 0.5, 1.0, xp.where(s.compressor_demand < p.compressor_stop_load, 1.0, 0.0))
    stops = xp.where(time < p.compressor_on_time_min, 0.0, rests)
    on = _can_run(u, xp) * xp.where(s.compressor_on > 0.5, 1.0 - stops, starts)
    return on, xp.where(distance(on, s.compressor_on, xp) > 0.5, 0.0, time)


def _can_run(u: Any, xp: Any) -> Array:
    """1 for every unit whose compressor and fan can run, else 0."""
    return xp.where(u.dx_unit_available > 0.0, xp.where(u.crah_available > 0.0, 1.0, 0.0), 0.0)


class Cooled(NamedTuple):
    """What the units did."""

    new: dict[str, Array]
    supply: Array  # (U) degC
    powers: dict[str, Array]  # (1) W


def cooled(hot: HotSide, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Cooled:
    """Cool the air that returns.

    Parameters
    ----------
    hot : HotSide
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    # what a unit could take, and at which price
    entering = hot.hot_return + hot.bypass * s.supply_air_temperature
    outdoor = u.dry_bulb_temperature + p.condenser_air_excess
    flow_fraction = hot.crah_flow / p.crah_mass_flow_nominal
    wet_bulb = h.dx_wet_bulb + h.dx_wet_bulb_slope * (entering - h.dx_entering_air)
    capacity_fraction, eir_fraction = dx_coil.full_load(wet_bulb, outdoor, flow_fraction, _performance(p), xp)
    full = p.dx_capacity * capacity_fraction
    target = s.compressor_on * _can_run(u, xp) * u.dx_unit_available
    before = s.compressor_loading
    if hasattr(u, "compressor_on"):  # one that stops within the step does so at once
        before = xp.minimum(before, target)
    loading = xp.where(
        target > 0.0,
        thermal.relaxed_implicitly(before, target, dt / p.compressor_start_time_constant),
        0.0,
    )
    available = loading * full
    touched, latent = (
        0.0,
        0.0,
    )  # air that comes to the surface, and the heat of what it leaves there, while the compressor cools
    if hot.air is not None:
        touched = loading * hot.crah_flow * (1.0 - dx_coil.bypass_factor(hot.crah_flow, p.dx_surface_mass_flow, xp))
        dried = xp.maximum(hot.air.recirculated * s.humidity_ratio + hot.air.admixed - h.coil_surface_humidity, 0.0)
        latent = xp.minimum(EVAPORATION_ENTHALPY * touched * dried, LATENT_SHARE_MAX * available)

    # supply air: its lump, the heat to meet the set-point, the heat that the compressor gives
    stored = p.supply_air_heat_capacity / dt
    uncooled = stored * s.supply_air_temperature + hot.air_stream * hot.hot_return + hot.crah_power
    stiffness = stored + hot.air_stream * (1.0 - hot.bypass)

    ratio = dt / p.compressor_control_time_constant
    wished = thermal.relaxed_implicitly(s.supply_air_temperature, h.supply_air_setpoint, ratio)
    demand = xp.maximum(uncooled - stiffness * wished, 0.0)
    sensible = xp.minimum(demand, available - latent)
    supply = (uncooled - sensible) / stiffness
    heat, new, powers = sensible, {}, {}
    if hot.air is not None:
        running = xp.maximum(sensible + latent, p.dx_part_load_min * available)  # while it cools, sensible and latent
        share = xp.minimum(sensible / xp.maximum(running - latent, dx_coil.CAPACITY_MIN), 1.0)
        wet = moisture.balanced(hot.air, share * touched, h.coil_surface_humidity, s, h, p, dt, xp)
        heat, new, powers = sensible + EVAPORATION_ENTHALPY * wet.condensate, wet.new, wet.powers
    loaded, cooling_share, _ = dx_coil.part_load(heat, available, p.dx_part_load_min, xp)
    power = dx_coil.compressor_power(available, p.dx_cop, eir_fraction, loaded, cooling_share, p.dx_part_load_curve)
    return Cooled(
        new=new
        | dict(
            compressor_loading=loading,
            compressor_demand=xp.minimum(demand / full, DEMAND_MAX),
            compressor_load=heat / full,
            coil_entering_air=hot.hot_return + hot.bypass * supply,
        ),
        supply=supply,
        powers=powers | dict(compressor_energy=total(power, xp), condenser_heat=total(heat + power, xp)),
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Start and stop compressors, all called at once above the allowable inlet; extrapolation may carry loads a little below nothing."""
    hottest = xp.max(s.rack_inlet_temperature, 0, keepdims=True)
    called = xp.where(hottest > p.inlet_allowable, 1.0, h.compressor_called)
    on, time = _latched(s, called, s.compressor_time + time_step, u, p, xp)
    return dict(
        compressor_on=on,
        compressor_time=time,
        compressor_loading=clip(s.compressor_loading, 0.0, 1.0, xp),
        compressor_demand=clip(s.compressor_demand, 0.0, DEMAND_MAX, xp),
        compressor_load=clip(s.compressor_load, 0.0, 1.0, xp),
    )
