"""Outdoor air for cooling: a mixing box in front of every cooling unit, with evaporative coolers in the outdoor air where there are any.

Dampers mix outdoor air into the return so that the mix is as cold as the supply air should be before the fan warms it; as much return air
leaves the hall. How far they may open is asked for, and the plant closes them where the weather is outside of hard limits of dry bulb, dew
point and enthalpy, step by step and not before compressors and valves behind them have followed. Whatever is missing the coils do. Where a log
says how far dampers are open, they follow that and nothing else.

Evaporative coolers, first an indirect and then a direct one, wet as much of their pads as brings the outdoor air to that temperature, no
more than is asked for, and a direct one no more than its limit of dew point allows; decided once a control step. Their heat never enters
the hall: what comes in is outdoor air as they leave it, and its water.

Left out: filters and their dust, gases, frost, pads that dry after the water is off.
"""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import air_economizer, cooling_tower, evaporative, fan, moist_air, thermal
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, Setpoint, distance, total
from dcsim.plant.room import HotSide

OPENING_MIN = 1e-6  # of the dampers
SUPPLY_MISSED = 1.0  # K above its set-point
REACH_MIN = 1e-3  # K, of a cooler
TAKEN_UP_MIN = 1e-9  # kg/kg
SHARES_ASKED_FOR = ("outdoor_air_share_max", "evaporative_share_max")
"""What is asked of a hall with outdoor air: 1 lets the plant use it while the weather is inside the limits."""


class Params(NamedTuple):
    """Mixing boxes and the limits of the weather."""

    outdoor_air_share_min: Array  # (1) what closed dampers let through
    damper_stroke_time: Array  # (1) s from shut to open
    damper_time_constant: Array  # (1) s of the loop that moves them
    outdoor_air_fan_power_nominal: Array  # (U) W for louvers, filters and dampers, all air from outdoors and full speed
    outdoor_dry_bulb_max: Array  # (1) degC
    outdoor_dry_bulb_min: Array  # (1) degC
    outdoor_dew_point_max: Array  # (1) degC
    outdoor_dew_point_min: Array  # (1) degC
    outdoor_enthalpy_max: Array  # (1) J/kg dry air
    outdoor_air_deadband: Array  # (1) K outside of the limits at which it is locked out again
    outdoor_air_time_min: Array  # (1) s that it stays locked out
    outdoor_air_changeover_time: Array  # (1) s over which open dampers are closed when it is locked out


class State(NamedTuple):
    """Dampers, and energies of the control step."""

    outdoor_air_share_max: Array  # (1) in force
    outdoor_air_enabled: Array  # (1) 1 while the weather is inside the limits
    outdoor_air_time: Array  # (1) s since that changed
    outdoor_air_limit: Array  # (1) greatest share that the dampers may go to
    outdoor_air_share: Array  # (U) of the air that a unit supplies
    coil_entering_humidity: Array  # (U) kg/kg dry air of the mix
    outdoor_air_fan_energy: Array  # (1) J more of the units' fans
    outdoor_air_gain: Array  # (1) J of sensible heat that the exchange of air brings, below 0 where it cools


class Inputs(NamedTuple):
    """What is asked for."""

    outdoor_air_share_max: Array  # (1)


class Held(NamedTuple):
    """Outdoor air as it comes to the dampers: the weather is held over a control step."""

    treated_air_temperature: Array  # (U) degC
    treated_air_humidity: Array  # (U) kg/kg dry air


ROWS = dict.fromkeys(("outdoor_air_share", "coil_entering_humidity"), "crahs")
SETPOINTS = (Setpoint("outdoor_air_share_max", "outdoor_air_share_max", "outdoor_air_share"),)
METERS = {"crah_fan": ("outdoor_air_fan_energy",)}
GAINED = ("outdoor_air_gain",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.outdoor_air is not None
    air, groups = d.outdoor_air, d.crahs.groups
    flow = d.crahs.mass_flow.value / groups * float(moist_air.specific_volume(20.0, 0.0, STANDARD_PRESSURE))
    return dict(
        outdoor_air_share_min=air.share_min.value,
        damper_stroke_time=air.stroke_time.value,
        damper_time_constant=air.time_constant.value,
        outdoor_air_fan_power_nominal=np.full(
            groups, fan.design_power(flow, air.pressure_drop.value, air.fan_efficiency.value)
        ),
        outdoor_dry_bulb_max=air.dry_bulb_max.value,
        outdoor_dry_bulb_min=air.dry_bulb_min.value,
        outdoor_dew_point_max=air.dew_point_max.value,
        outdoor_dew_point_min=air.dew_point_min.value,
        outdoor_enthalpy_max=air.enthalpy_max.value,
        outdoor_air_deadband=air.deadband.value,
        outdoor_air_time_min=air.lockout_time.value,
        outdoor_air_changeover_time=air.changeover_time.value,
    )


class GivenDampers:
    """A part: the share of outdoor air is known, for instance from a log."""

    class Inputs(NamedTuple):
        """What the driver says."""

        outdoor_air_share: Array  # (U) of the air that a unit supplies; rows as in the state

    DRIVERS = ("outdoor_air_share",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters: closed dampers, strokes and fans are those of the mixing boxes."""
        return {}


class Evaporative:
    """A part: evaporative coolers in the outdoor air."""

    class Params(NamedTuple):
        """Exchangers, pads, pumps."""

        indirect_effectiveness: Array  # (1) over the distance to the wet bulb; 0 without
        direct_effectiveness: Array  # (1) likewise
        evaporative_fan_power_nominal: Array  # (U) W for pads and exchanger, all air from outdoors and full speed
        evaporative_pump_power: Array  # (U) W, all pads wetted
        secondary_fan_power: Array  # (U) W of the indirect coolers' other side
        evaporative_cycles: Array  # (1) of concentration

    class State(NamedTuple):
        """What is wetted, energies and water of the control step."""

        evaporative_share_max: Array  # (1) in force
        evaporative_share: Array  # (U) of the pads that is wetted
        evaporative_energy: Array  # (1) J of pumps and fans of the indirect coolers' other side
        evaporative_water: Array  # (1) kg drawn

    class Inputs(NamedTuple):
        """What is asked for."""

        evaporative_share_max: Array  # (1)

    class Held(NamedTuple):
        """Water and power."""

        evaporated: Array  # (U) kg for each kilogram of outdoor air
        indirect_share: Array  # (U) of the indirect coolers in use

    ROWS = MappingProxyType({"evaporative_share": "crahs"})
    SETPOINTS = (Setpoint("evaporative_share_max", "evaporative_share_max", "evaporative_share"),)
    METERS = MappingProxyType({"pump": ("evaporative_energy",)})
    REJECTED = ("evaporative_energy",)  # leaves with the water and the other side's air
    WATER = ("evaporative_water",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.outdoor_air is not None and d.outdoor_air.evaporative is not None
        air, cooler, groups = d.outdoor_air, d.outdoor_air.evaporative, d.crahs.groups
        flow = d.crahs.mass_flow.value / groups * float(moist_air.specific_volume(20.0, 0.0, STANDARD_PRESSURE))
        return dict(
            indirect_effectiveness=cooler.indirect_effectiveness.value,
            direct_effectiveness=cooler.direct_effectiveness.value,
            evaporative_fan_power_nominal=np.full(
                groups, fan.design_power(flow, cooler.pressure_drop.value, air.fan_efficiency.value)
            ),
            evaporative_pump_power=np.full(groups, cooler.pump_power.value / groups),
            secondary_fan_power=np.full(groups, cooler.secondary_fan_power.value / groups),
            evaporative_cycles=cooler.cycles_of_concentration.value,
        )


def margin(u: Any, p: Any, xp: Any) -> Array:
    """How far the weather is inside of the limits [K], below 0 outside, shape (1, N)."""
    result: Array = air_economizer.enable_margin(
        u.dry_bulb_temperature,
        u.outdoor_humidity_ratio,
        u.outdoor_pressure,
        p.outdoor_dry_bulb_max,
        p.outdoor_dry_bulb_min,
        p.outdoor_dew_point_max,
        p.outdoor_dew_point_min,
        p.outdoor_enthalpy_max,
        xp,
    )
    return result


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Let outdoor air in or lock it out; say how it comes to the dampers."""
    inside = margin(u, p, xp)
    may_open = xp.where(s.outdoor_air_time < p.outdoor_air_time_min, s.outdoor_air_enabled, 1.0)
    enabled = xp.where(inside > 0.0, may_open, xp.where(inside < -p.outdoor_air_deadband, 0.0, s.outdoor_air_enabled))
    time = interval + xp.where(distance(enabled, s.outdoor_air_enabled, xp) > 0.5, 0.0, s.outdoor_air_time)
    protects = now["protection"] > 0.5
    asked = xp.where(protects, 1.0, now["outdoor_air_share_max"])
    # what has to take over is given the time to: dampers wait while the supply air misses its set-point
    missed = xp.where(s.supply_air_temperature - now["supply_air_setpoint"] > SUPPLY_MISSED, 1.0, 0.0)
    holds = xp.where(total(missed, xp) > 0.5, 0.0, 1.0)
    closing = s.outdoor_air_limit - holds * interval / p.outdoor_air_changeover_time
    limit = xp.maximum(xp.minimum(asked, xp.maximum(enabled, closing)), p.outdoor_air_share_min)
    latched = dict(outdoor_air_enabled=enabled, outdoor_air_time=time, outdoor_air_limit=limit)
    unit = 0.0 * s.outdoor_air_share
    held = dict(
        treated_air_temperature=unit + u.dry_bulb_temperature,
        treated_air_humidity=unit + u.outdoor_humidity_ratio,
    )
    if hasattr(p, "direct_effectiveness"):
        setpoint = xp.where(protects, p.supply_air_setpoint_min, now["supply_air_setpoint"])
        share_max = enabled * xp.where(protects, 1.0, now["evaporative_share_max"])
        more_latched, more_held = _evaporated(setpoint - _fan_rise(s, p), share_max, unit, u, p, xp)
        latched |= more_latched
        held |= more_held
    return latched, held


def _fan_rise(s: Any, p: Any) -> Array:
    """About what a unit's fans add to its air [K], shape (U, N), by the square of their speed."""
    power = p.crah_fan_power_nominal + p.outdoor_air_fan_power_nominal + p.evaporative_fan_power_nominal
    return power / (p.air_specific_heat * p.crah_mass_flow_nominal) * s.crah_fan_speed * s.crah_fan_speed


def _evaporated(
    wanted: Array, share_max: Array, unit: Array, u: Any, p: Any, xp: Any
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Outdoor air behind evaporative coolers that bring it to ``wanted`` [degC], shape (U, N), or as near as they can and may."""
    outdoors, humidity, pressure = u.dry_bulb_temperature, unit + u.outdoor_humidity_ratio, u.outdoor_pressure
    most = evaporative.indirect_cooler_temperature(outdoors, u.wet_bulb_temperature, p.indirect_effectiveness, xp)
    indirect = clip((outdoors - wanted) / xp.maximum(outdoors - most, REACH_MIN), 0.0, share_max, xp)
    between = outdoors - indirect * (outdoors - most)
    given_up = evaporative.indirect_cooler_heat_flow(1.0, outdoors, humidity, most)
    on_other_side = cooling_tower.evaporation_from_heat_flow(1.0, given_up, outdoors, humidity, pressure, xp)

    wet_bulb = moist_air.wet_bulb_temperature(between, humidity, pressure, xp)
    wish = xp.minimum(
        evaporative.wetted_share(between, wet_bulb, wanted, xp.maximum(p.direct_effectiveness, 1e-6), xp), share_max
    )
    all_wet = evaporative.direct_cooler(1.0, between, humidity, wet_bulb, p.direct_effectiveness)
    dampest = moist_air.humidity_ratio_from_dew_point(p.outdoor_dew_point_max, pressure, xp)
    room_left = xp.maximum(dampest - humidity, 0.0) / xp.maximum(all_wet.evaporation, TAKEN_UP_MIN)
    direct = xp.minimum(wish, room_left)
    air = evaporative.direct_cooler(1.0, between, humidity, wet_bulb, direct * p.direct_effectiveness)
    has_direct = xp.where(p.direct_effectiveness > 0.0, 1.0, 0.0)
    has_indirect = xp.where(p.indirect_effectiveness > 0.0, 1.0, 0.0)
    return dict(evaporative_share=xp.maximum(has_direct * direct, has_indirect * indirect)), dict(
        treated_air_temperature=air.temperature,
        treated_air_humidity=air.humidity_ratio,
        evaporated=air.evaporation + has_indirect * indirect * xp.maximum(on_other_side, 0.0),
        indirect_share=has_indirect * indirect,
    )


class Mixed(NamedTuple):
    """Air behind the mixing boxes."""

    hot: HotSide  # as the units see it
    share: Array  # (U) of outdoor air
    fan_power: Array  # (U) W


def mixed(hot: HotSide, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Mixed:
    """Move the dampers, and mix outdoor air into what returns to the units.

    Parameters
    ----------
    hot : HotSide
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    returning = hot.hot_return + hot.bypass * s.supply_air_temperature
    path = p.outdoor_air_fan_power_nominal
    if hasattr(p, "direct_effectiveness"):
        path = path + p.evaporative_fan_power_nominal
    drawn = s.outdoor_air_share * s.crah_fan_speed
    fan_power = h.density_ratio * u.crah_available * path * drawn * drawn * drawn
    crah_power = hot.crah_power + fan_power
    if hasattr(u, "outdoor_air_share"):
        wanted = clip(u.outdoor_air_share, p.outdoor_air_share_min, 1.0, xp)
    else:
        wanted = air_economizer.outdoor_air_fraction(  # in the room's books: sensible heat of dry air
            returning,
            0.0,
            h.treated_air_temperature,
            0.0,
            h.supply_air_setpoint - crah_power / hot.air_stream,
            p.outdoor_air_share_min,
            s.outdoor_air_limit,
            1.0,
            xp,
        )
    near = thermal.relaxed_implicitly(s.outdoor_air_share, wanted, dt / p.damper_time_constant)
    stroke = dt / p.damper_stroke_time
    share = s.outdoor_air_share + clip(near - s.outdoor_air_share, -stroke, stroke, xp)
    outdoor_flow = share * hot.crah_flow
    air = hot.air._replace(
        inflow=hot.air.inflow + total(outdoor_flow, xp),
        water=hot.air.water + total(outdoor_flow * h.treated_air_humidity, xp),
        recirculated=1.0 - share,
        admixed=share * h.treated_air_humidity,
    )
    return Mixed(
        hot=hot._replace(
            air=air,
            crah_power=crah_power,
            hot_return=(1.0 - share) * hot.hot_return + share * h.treated_air_temperature,
            bypass=(1.0 - share) * hot.bypass,
        ),
        share=share,
        fan_power=fan_power,
    )


class Exchanged(NamedTuple):
    """What the mixing boxes did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W, kg/s


def exchanged(
    box: Mixed, hot: HotSide, supply: Array, humidity: Array, s: Any, u: Any, h: Any, p: Any, xp: Any
) -> Exchanged:
    """Book the exchange of air, when supply air [degC], shape (U, N), and humidity of the room after the pass are known.

    Parameters
    ----------
    box : Mixed
    hot : HotSide
        Before the mixing boxes.
    supply, humidity : Array
        After the pass: shape (U, N) [degC], shape (1, N) [kg/kg dry air].
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    xp : namespace
    """
    returning = hot.hot_return + hot.bypass * supply
    powers = dict(
        outdoor_air_fan_energy=total(box.fan_power, xp),
        outdoor_air_gain=total(box.share * hot.air_stream * (h.treated_air_temperature - returning), xp),
    )
    if hasattr(p, "direct_effectiveness"):
        evaporation = box.share * hot.crah_flow * h.evaporated
        drawn = box.share * hot.crah_flow / p.crah_mass_flow_nominal  # pads and secondary air are staged with it
        pumps = evaporative.pump_power(s.evaporative_share, p.evaporative_pump_power)
        powers["evaporative_energy"] = total(drawn * (pumps + h.indirect_share * p.secondary_fan_power), xp)
        powers["evaporative_water"] = total(
            evaporative.makeup_mass_flow(evaporation, 0.0, p.evaporative_cycles, xp=xp), xp
        )
    return Exchanged(
        new=dict(
            outdoor_air_share=box.share,
            coil_entering_humidity=(1.0 - box.share) * humidity + box.share * h.treated_air_humidity,
        ),
        powers=powers,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Extrapolation may carry the dampers a little beyond their ends; at the lower one they come to rest."""
    opening = s.outdoor_air_share - p.outdoor_air_share_min
    return dict(
        outdoor_air_share=xp.where(opening < OPENING_MIN, p.outdoor_air_share_min, xp.minimum(s.outdoor_air_share, 1.0))
    )
