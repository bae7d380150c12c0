"""Racks, room air and the fans that move it: what every hall has. How the supply air is cooled is another part's matter.

A pass has two halves. ``hot_side`` follows the heat from the servers into the hot-air cells and says what returns to the CRAHs;
``cold_side`` takes the supply air they made to the racks. The one seam of the circle lies at the servers, which hold most of the room's
heat: the air leaving a rack is priced with the inlet of the pass before, and the difference is booked to the server.
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from dcsim.physics import fan, power_chain, server, thermal
from dcsim.physics.constants import STANDARD_PRESSURE
from dcsim.physics.server import mass_flow_per_power
from dcsim.physics.smooth import clip
from dcsim.plant import air_paths, moisture, return_air, server_fans, slab, well_mixed
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, Setpoint, total

CRAH_FLOW_FRACTION_MIN = 1e-3  # air that drifts through a stopped unit; keeps shares of nothing from being asked for


class Params(NamedTuple):
    """What racks, room and electrical supply are made of."""

    # racks
    idle_power: Array  # (R) W at 20 degC inlet, fans apart
    peak_power: Array  # (R) W
    power_exponent: Array  # (1) r of the Fan form
    leakage_coefficient: Array  # (1) 1/K
    leakage_reference_temperature: Array  # (1) at which idle and peak power are stated
    server_mass_flow_nominal: Array  # (R) kg/s, see part ramp_fans or curve_fans
    server_fan_power_max: Array  # (R) W
    server_fan_time_constant: Array  # (1) s
    server_heat_capacity: Array  # (R) J/K
    server_effectiveness: Array  # (1)
    # room
    cold_air_heat_capacity: Array  # (R) J/K
    recirculation_min: Array  # (R) share of intake air that is recirculated however much is supplied
    supply_leakage: Array  # (1) share of supply air lost to the return before the racks
    hot_air_heat_capacity: Array  # (Z) J/K
    mass_heat_capacity: Array  # (Z) J/K slab, cabinets
    mass_conductance: Array  # (Z) W/K
    envelope_conductance: Array  # (Z) W/K hall to outdoors
    air_specific_heat: Array  # (1) J/(kg K)
    # fans of the CRAHs or CRACs
    crah_mass_flow_nominal: Array  # (U) kg/s at full speed
    crah_fan_power_nominal: Array  # (U) W
    crah_fan_curve: Array  # (4) power over that at full speed, cubic of the speed
    crah_fan_curve_speed_min: Array  # (1) below which the curve's power stays
    site_rated: Array  # (1) 1: fans move the air described at the site; 0: at sea level
    crah_fan_time_constant: Array  # (1) s
    flow_ratio_min: Array  # (1) supply reaching the racks over server flow that the aisle-pressure loop defends
    supply_air_heat_capacity: Array  # (U) J/K coil metal and air
    # electrical
    ups_rated_power: Array  # (1) W
    ups_loss: Array  # (3) no-load, proportional, square
    ups_hall_share: (
        Array  # (1) of its losses that heat the hall; the rest leaves by the ventilation of a room of its own
    )
    distribution_rated_power: Array  # (1) W
    distribution_loss: Array  # (3)
    lighting_power: Array  # (1) W
    # what observations are counted by
    zone_mean: Array  # matrix (U, R) equal weights of the rack groups in the zone of a CRAH group; rows sum to 1
    racks_per_zone: Array  # (1)


class State(NamedTuple):
    """What racks and room remember."""

    server_temperature: Array  # (R)
    rack_inlet_temperature: Array  # (R) cold air in front of the racks
    server_fan_speed: Array  # (R)
    hot_air_temperature: Array  # (Z)
    mass_temperature: Array  # (Z)
    supply_air_temperature: Array  # (U)
    crah_fan_speed: Array  # (U)
    # energies of the control step
    it_energy: Array  # (1) J, server fans included
    server_fan_energy: Array  # (1) J
    leakage_energy: Array  # (1) J of leakage above 20 degC
    crah_fan_energy: Array  # (1) J
    electrical_loss_energy: Array  # (1) J UPS, distribution, lighting
    electrical_room_heat: Array  # (1) J UPS heat, which leaves by its own ventilation
    envelope_gain: Array  # (1) J into the hall
    # set-points in force
    supply_air_setpoint: Array  # (U)
    crah_fan_setpoint: Array  # (U)
    # monitored
    zone_inlet_mean: Array  # (U) degC at the end of the step, racks nearest to each CRAH group
    zone_flow_ratio: Array  # (U) at its end, supply of a CRAH group over what its racks draw


class Inputs(NamedTuple):
    """What is asked of the fans, what can run, load and weather."""

    supply_air_setpoint: Array  # (U)
    crah_fan_speed: Array  # (U)
    crah_available: Array  # (U) share of the group that can run
    pressure_control: Array  # (1) 1: the aisle-pressure loop runs; 0: overridden
    utilization: Array  # (R)
    dry_bulb_temperature: Array  # (1)
    wet_bulb_temperature: Array  # (1)
    outdoor_humidity_ratio: Array  # (1)
    outdoor_pressure: Array  # (1)


class SolAir:
    """A part: the envelope sees the outdoor air as warm as sun and sky make it."""

    class Inputs(NamedTuple):
        """What the driver says."""

        sol_air_temperature: Array  # (1) mean of the outdoor surfaces, weighted with their conductances

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}


class Surroundings:
    """A part: the hall stands inside a building, whose air the envelope sees instead of the outdoor air."""

    class Params(NamedTuple):
        """Of the building."""

        surroundings_temperature: Array  # (1)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.room.surroundings_temperature is not None
        return dict(surroundings_temperature=d.room.surroundings_temperature.value)


class MeteredPower:
    """A part: power is known from meters instead of following from a utilization; a meter sees the servers' fans too."""

    class Inputs(NamedTuple):
        """What the meters say."""

        server_power: Array  # (R) W
        other_it_power: Array  # (1) W of what is not servers: its heat goes into the hot air at once

    ROWS: ClassVar = {"server_power": "racks"}
    DRIVERS = ("server_power", "other_it_power")

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters."""
        return {}


class DirectHeat:
    """A part: only a share of the servers' heat passes through the mass that stores it; the rest is in the air at once."""

    class Params(NamedTuple):
        """Of the servers."""

        server_mass_share: Array  # (1)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.racks.mass_share is not None
        return dict(server_mass_share=d.racks.mass_share.value)


class Held(NamedTuple):
    """What stays the same over a control step."""

    dynamic_power: Array  # (R) W
    crah_fan_target: Array  # (U) speed asked for, before the aisle-pressure loop
    crah_flow_available: Array  # (1) kg/s at full speed of what can run, leakage taken off
    supply_air_setpoint: Array  # (U) after protection
    density_ratio: Array  # (1) of the air, over that at sea level


ROWS = {
    **dict.fromkeys(("server_temperature", "rack_inlet_temperature", "server_fan_speed", "utilization"), "racks"),
    **dict.fromkeys(("hot_air_temperature", "mass_temperature"), "cells"),
    **dict.fromkeys(
        (
            "supply_air_temperature",
            "crah_fan_speed",
            "supply_air_setpoint",
            "crah_fan_setpoint",
            "zone_inlet_mean",
            "zone_flow_ratio",
            "crah_available",
        ),
        "crahs",
    ),
}
MATRICES = ("zone_mean",)
SETPOINTS = (
    Setpoint("supply_air_setpoint", "supply_air_setpoint", "supply_air_temperature"),
    Setpoint("crah_fan_setpoint", "crah_fan_speed", "crah_fan_speed"),
)
HEAT_CAPACITIES = {
    "server_temperature": "server_heat_capacity",
    "rack_inlet_temperature": "cold_air_heat_capacity",
    "hot_air_temperature": "hot_air_heat_capacity",
    "mass_temperature": "mass_heat_capacity",
    "supply_air_temperature": "supply_air_heat_capacity",
}
AVAILABILITY = {"crah": "crah_available"}
DRIVERS = (
    "utilization",
    "dry_bulb_temperature",
    "wet_bulb_temperature",
    "outdoor_humidity_ratio",
    "outdoor_pressure",
)
METERS = {"crah_fan": ("crah_fan_energy",)}
SUMS = ("it_energy", "server_fan_energy", "leakage_energy", "electrical_loss_energy")
REJECTED = ("electrical_room_heat",)
GAINED = ("envelope_gain",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    racks, room, crahs = d.racks, d.room, d.crahs
    groups, cells = crahs.groups, room.hot_air_cells
    peak = racks.rack_power.value * racks.racks_per_group * np.array(racks.relative_power.values)
    to_air = peak * (1.0 - np.array(d.liquid.heat_capture.values)) if d.liquid else peak  # the rest goes into plates
    if racks.fan_flow is not None:
        server_flow = racks.fan_flow.value * racks.racks_per_group * np.array(racks.relative_power.values)
    else:
        assert racks.temperature_rise is not None
        server_flow = to_air * mass_flow_per_power(racks.temperature_rise.value)
    cold_air = room.cold_air_heat_capacity.value if d.air_paths else 0.0  # a well-mixed zone's air is one node
    return dict(
        idle_power=racks.idle_fraction.value * peak,
        peak_power=peak,
        power_exponent=racks.power_exponent.value,
        leakage_coefficient=racks.leakage_coefficient.value,
        leakage_reference_temperature=racks.leakage_reference_temperature.value,
        server_mass_flow_nominal=server_flow,
        server_fan_power_max=racks.fan_power_max_fraction.value * to_air,
        server_fan_time_constant=racks.fan_time_constant.value,
        server_heat_capacity=racks.heat_capacity_per_power.value * to_air,
        server_effectiveness=racks.effectiveness.value,
        cold_air_heat_capacity=cold_air * server_flow / server_flow.sum(),
        recirculation_min=room.recirculation_min.value * np.array(room.relative_recirculation.values),
        supply_leakage=room.supply_leakage.value,
        hot_air_heat_capacity=np.full(cells, room.hot_air_heat_capacity.value / cells),
        mass_heat_capacity=np.full(cells, room.mass_heat_capacity.value / cells),
        mass_conductance=np.full(cells, room.mass_conductance.value / cells),
        envelope_conductance=room.envelope_conductance.value,
        air_specific_heat=room.air_specific_heat.value,
        crah_mass_flow_nominal=np.full(groups, crahs.mass_flow.value / groups),
        crah_fan_power_nominal=np.full(groups, crahs.fan_power.value / groups),
        crah_fan_curve=_fan_curve(d),
        crah_fan_curve_speed_min=crahs.fan_curve_speed_min.value if crahs.fan_curve_speed_min else 0.0,
        site_rated=float(d.fan_rating == "site"),
        crah_fan_time_constant=crahs.fan_time_constant.value,
        flow_ratio_min=crahs.flow_ratio_min.value,
        supply_air_heat_capacity=np.full(groups, crahs.supply_air_heat_capacity.value / groups),
        ups_rated_power=d.electrical.ups_rated_power.value,
        ups_loss=d.electrical.ups_loss.values,
        ups_hall_share=d.electrical.ups_heat_to_hall.value if d.electrical.ups_heat_to_hall else 0.0,
        distribution_rated_power=d.electrical.distribution_rated_power.value,
        distribution_loss=d.electrical.distribution_loss.values,
        lighting_power=d.electrical.lighting_power.value,
        zone_mean=np.kron(np.eye(groups), np.full(racks.groups // groups, groups / racks.groups)),
        racks_per_zone=racks.groups // groups,
    )


def _fan_curve(d: HallDescription) -> tuple[float, ...]:
    if d.crahs.fan_curve is not None:
        return d.crahs.fan_curve.values
    share = d.crahs.fan_linear_share.value  # type: ignore[union-attr]
    return 0.0, share, 0.0, 1.0 - share


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Hold the load and what the fans are to do; above the allowable inlet they run at full speed and supply air as cold as it may be."""
    protects = now["protection"] > 0.5
    density_ratio = 1.0 + (1.0 - p.site_rated) * (u.outdoor_pressure / STANDARD_PRESSURE - 1.0)
    if hasattr(u, "server_power"):
        dynamic_power = u.server_power
    else:
        dynamic_power = server.dynamic_power(u.utilization, p.idle_power, p.peak_power, p.power_exponent, xp)
    return {}, dict(
        dynamic_power=dynamic_power,
        crah_fan_target=xp.where(protects, 1.0, now["crah_fan_setpoint"]),
        crah_flow_available=density_ratio
        * (1.0 - p.supply_leakage)
        * total(u.crah_available * p.crah_mass_flow_nominal, xp),
        supply_air_setpoint=xp.where(protects, p.supply_air_setpoint_min, now["supply_air_setpoint"]),
        density_ratio=density_ratio,
    )


class Servers(NamedTuple):
    """Servers and their fans after a pass in which their inlet stood still."""

    fan_speed: Array  # (R)
    flow: Array  # (R) kg/s
    stream: Array  # (R) W/K
    inlet: Array  # (R) degC before the pass
    warmed: Array  # (R) degC of the servers
    released: Array  # (R) W into the air that passes
    power: Array  # (1) W with fans
    fan_power: Array  # (1) W
    leakage: Array  # (1) W


class Gains(NamedTuple):
    """What comes into the room's air beside the servers' heat: ``heat - loss * temperature`` in each cell."""

    heat: Array  # (Z) W
    loss: Array  # (Z) W/K
    to_outdoors: Array  # (Z) W/K of the loss, through the envelope
    ventilation: Array  # (Z) W/K of the loss, to outdoor air that comes in
    mass: slab.Mass


class HotSide(NamedTuple):
    """Air and heat on their way from the racks to the CRAHs; the air that enters those is ``hot_return + bypass * supply``."""

    new: dict[str, Array]  # state after the pass
    powers: dict[str, Array]  # (1) W: of it, server fans, leakage, CRAH fans, losses
    air: Any  # what outdoor air and humidifier bring; None in a hall without part moisture
    crah_power: Array  # (U) W of the fans, into the supply air
    crah_flow: Array  # (U) kg/s
    air_stream: Array  # (U) W/K
    hot_return: Array  # (U) degC, what the racks' air contributes to the return
    bypass: Array  # (U) share of supply air that returns without having passed a rack
    servers: Servers
    gains: Gains
    returned: Any  # of air_paths or well_mixed


def outdoors_of(u: Any, p: Any) -> Array:
    """Temperature that the envelope sees [degC], shape (1, N)."""
    if hasattr(p, "surroundings_temperature"):
        return p.surroundings_temperature
    return u.sol_air_temperature if hasattr(u, "sol_air_temperature") else u.dry_bulb_temperature


def hot_side(s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any, plates: Any = None) -> HotSide:
    """Follow the heat from the servers into the air that returns to the CRAHs.

    Parameters
    ----------
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    plates : liquid.Plates, optional
        Of liquid-cooled racks: what of their power goes into the air, and what into their plates.
    """
    air = moisture.brought(s, u, h, p, dt, xp) if hasattr(p, "dry_air_mass") else None
    servers = _servers(h.dynamic_power if plates is None else plates.air_power, s, u, h, p, dt, xp)
    crah_fan_speed, crah_flow, crah_power = _crah_fans(servers.flow, s, u, h, p, dt, xp)

    it_power, leakage = servers.power, servers.leakage
    other_power: Array = 0.0
    if hasattr(u, "other_it_power"):
        other_power = u.other_it_power
        it_power = it_power + other_power
    if plates is not None:
        it_power, leakage = it_power + plates.power, leakage + plates.leakage
    distribution_loss = power_chain.loss_power(
        it_power,
        p.distribution_rated_power,
        p.distribution_loss[0:1],
        p.distribution_loss[1:2],
        p.distribution_loss[2:3],
    )
    ups_loss = power_chain.loss_power(
        it_power + distribution_loss, p.ups_rated_power, p.ups_loss[0:1], p.ups_loss[1:2], p.ups_loss[2:3]
    )
    gains = _gains(
        distribution_loss + p.lighting_power + other_power + p.ups_hall_share * ups_loss, air, s, u, p, dt, xp
    )
    air_stream = p.air_specific_heat * crah_flow
    returned = _layout(p).returned(servers, gains, crah_flow, s, p, dt, xp)
    return HotSide(
        new=dict(
            server_fan_speed=servers.fan_speed,
            crah_fan_speed=crah_fan_speed,
            **server_fans.sensed(s, p, dt),
        ),
        powers=dict(
            it_energy=it_power,
            server_fan_energy=servers.fan_power,
            leakage_energy=leakage,
            crah_fan_energy=total(crah_power, xp),
            electrical_loss_energy=ups_loss + distribution_loss + p.lighting_power,
            electrical_room_heat=(1.0 - p.ups_hall_share) * ups_loss,
        ),
        air=air,
        crah_power=crah_power,
        crah_flow=crah_flow,
        air_stream=air_stream,
        hot_return=returned.hot_return,
        bypass=returned.bypass,
        servers=servers,
        gains=gains,
        returned=returned,
    )


def _layout(p: Any) -> Any:
    """The module that knows how air moves in the hall."""
    return air_paths if hasattr(p, "supply_reach") else well_mixed


def _servers(dynamic_power: Array, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Servers:
    """Warm the servers by their power [W], shape (R, N), leakage included, and let the air take what it can."""
    inlet = s.rack_inlet_temperature
    fan_speed = server_fans.speed_after(s, u, p, dt, xp)
    flow = h.density_ratio * server_fans.air_flow(u, fan_speed, p)
    leakage = server.leakage_power(dynamic_power, inlet, p.leakage_coefficient, p.leakage_reference_temperature)
    fan_power = h.density_ratio * server_fans.fan_power(u, fan_speed, p)
    heat = dynamic_power + leakage
    if hasattr(u, "server_power"):
        heat = heat - fan_power  # of what the meter shows
    stream = p.air_specific_heat * flow
    conductance = p.server_effectiveness * stream
    stored = heat * p.server_mass_share if hasattr(p, "server_mass_share") else heat
    warmed = thermal.node_temperature(
        s.server_temperature, p.server_heat_capacity, conductance, stored + conductance * inlet, dt
    )
    released = conductance * (warmed - inlet) + fan_power
    if hasattr(p, "server_mass_share"):
        released = released + (heat - stored)
    return Servers(
        fan_speed=fan_speed,
        flow=flow,
        stream=stream,
        inlet=inlet,
        warmed=warmed,
        released=released,
        power=total(heat + fan_power, xp),
        fan_power=total(fan_power, xp),
        leakage=total(xp.maximum(leakage, 0.0), xp),
    )


def _crah_fans(server_flow: Array, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> tuple[Array, Array, Array]:
    """Speed, flow [kg/s] and power [W] of the CRAHs' fans, each of shape (U, N): as asked for, as pressure or return air need them."""
    pressure_speed = (
        u.pressure_control * p.flow_ratio_min * total(server_flow, xp) / xp.maximum(h.crah_flow_available, 1e-3)
    )
    asked = xp.maximum(h.crah_fan_target, pressure_speed)
    if hasattr(s, "return_air_fan_speed"):
        asked = xp.maximum(asked, s.return_air_fan_speed)
    target = u.crah_available * xp.minimum(asked, 1.0)
    speed = thermal.relaxed_implicitly(s.crah_fan_speed, target, dt / p.crah_fan_time_constant)
    flow = h.density_ratio * p.crah_mass_flow_nominal * xp.maximum(speed, CRAH_FLOW_FRACTION_MIN)
    curve = p.crah_fan_curve
    power = (h.density_ratio * u.crah_available) * fan.polynomial_power(
        clip(speed / xp.maximum(u.crah_available, 1e-6), p.crah_fan_curve_speed_min, 1.0, xp),
        p.crah_fan_power_nominal,
        (curve[0:1], curve[1:2], curve[2:3], curve[3:4]),
    )
    return speed, flow, power


def _gains(electrical: Array, air: Any, s: Any, u: Any, p: Any, dt: Array, xp: Any) -> Gains:
    """Spread ``electrical`` heat [W], shape (1, N), envelope and ventilation over the cells; the mass is each cell's own."""
    cell_part = p.hot_air_heat_capacity / total(p.hot_air_heat_capacity, xp)
    mass = slab.coupled(s, p, dt, xp)
    to_outdoors = p.envelope_conductance * cell_part
    heat = cell_part * electrical + mass.conductance * mass.source_temperature + to_outdoors * outdoors_of(u, p)
    loss = mass.conductance + to_outdoors
    ventilation: Array = 0.0
    if air is not None:
        ventilation = cell_part * air.stream
        loss, heat = loss + ventilation, heat + cell_part * air.heat
    return Gains(heat=heat, loss=loss, to_outdoors=to_outdoors, ventilation=ventilation, mass=mass)


class ColdSide(NamedTuple):
    """Room and servers after a pass."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W


def cold_side(
    hot: HotSide, supply: Array, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any, taken: Array = None
) -> ColdSide:
    """Take supply air [degC] to the racks; ``taken`` is the air that the coils took [degC]. Both of shape (U, N)."""
    gains, delivered = hot.gains, _layout(p).delivered(hot, supply, taken, s, p, dt, xp)
    new = hot.new | delivered.new | slab.after(gains.mass, delivered.hot_air, s, p, dt, xp)
    if hasattr(s, "return_air_fan_speed"):
        room_heat = total(hot.servers.released, xp) + total(gains.heat - gains.loss * s.hot_air_temperature, xp)
        new["return_air_fan_speed"] = return_air.fan_speed_after(
            room_heat + delivered.returned_heat, supply, s, p, dt, xp
        )
    powers = hot.powers | dict(envelope_gain=total(gains.to_outdoors * (outdoors_of(u, p) - delivered.hot_air), xp))
    if hot.air is not None:
        powers["ventilation_gain"] = h.outdoor_air_heat - total(gains.ventilation * delivered.hot_air, xp)
    return ColdSide(
        new=new
        | dict(
            supply_air_temperature=supply,
            rack_inlet_temperature=delivered.cold_air,
            hot_air_temperature=delivered.hot_air,
            server_temperature=delivered.server_temperature,
        ),
        powers=powers,
    )


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Mean inlet and flow ratio of the zones."""
    server_flow = server_fans.air_flow(u, s.server_fan_speed, p)
    return dict(
        zone_inlet_mean=xp.matmul(p.zone_mean, s.rack_inlet_temperature),
        zone_flow_ratio=(1.0 - p.supply_leakage)
        * p.crah_mass_flow_nominal
        * s.crah_fan_speed
        / (p.racks_per_zone * xp.matmul(p.zone_mean, server_flow)),
    )
