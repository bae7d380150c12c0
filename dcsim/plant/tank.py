"""A stratified chilled-water tank beside the chillers: charged with what they can give beyond the coils' need, discharged in their place.

Charging, the tank's pump takes cold water from the supply into the bottom of the tank; what leaves at the top joins the return, ahead of
economizer and chillers. Discharging, it takes return water, behind the economizer and in parallel to the chillers, into the top; what
leaves at the bottom joins the supply. A valve lets through what the request asks for and no more than serves: charging ends where
the chillers that run have nothing left beyond the coils' need, discharging where the supply meets its set-point, and both where the water
to be exchanged is hardly colder. So supply keeps its set-point, and a controller that lowers the set-point charges colder water. What the
chillers that run cannot carry comes from the tank, whatever was asked for, as water that they do not pass flows through it in a plant
whose tank lies between its two sides; so it also bridges the time until more of them have started.

Left out: losses of head in pipes between tank and plant beyond the tank's own pump, jets at the diffusers.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import pump, storage_tank, thermal
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, Setpoint, rows_of, total

SENSORS = 5  # temperatures seen, evenly from top to bottom
DIFFERENCE_MIN, DIFFERENCE_FULL = (
    0.25,
    0.75,
)  # K between the waters at which the valve is shut, and wholly open: assumed


class Params(NamedTuple):
    """What the tank is made of."""

    tank_node: Array  # (T) number of the node, from the top
    tank_heat_capacity: Array  # (1) J/K of a node
    tank_conduction: Array  # (1) W/K between nodes
    tank_side_conductance: Array  # (1) W/K of a node's wall
    tank_lid_conductance: Array  # (1) W/K of top and of bottom
    tank_water_flow_nominal: Array  # (1) kg/s
    tank_pump_power_nominal: Array  # (1) W
    tank_pump_static_share: Array  # (1)
    tank_valve_time_constant: Array  # (1) s
    tank_sensor_nodes: Array  # matrix (sensors, T)


class State(NamedTuple):
    """Water in the tank, and what moves it."""

    tank_temperature: Array  # (T) from top to bottom
    tank_flow: Array  # (1) over nominal; above 0 it is charged
    tank_flow_setpoint: Array  # (1) in force
    tank_pump_energy: Array  # (1) J
    tank_cooling: Array  # (1) J that it took from the water; below 0 while charged
    tank_wall_gain: Array  # (1) J from the outdoor air
    # monitored
    tank_profile: Array  # (sensors) degC from top to bottom
    tank_charge: Array  # (1) share of the tank that is as cold as supply and not as warm as return


class Inputs(NamedTuple):
    """What is asked for."""

    tank_flow: Array  # (1) over nominal: -1 discharge to +1 charge


class Held(NamedTuple):
    """After protection."""

    tank_flow: Array  # (1) over nominal


ROWS = {"tank_temperature": "tank_nodes", "tank_profile": "tank_sensors"}
MATRICES = ("tank_sensor_nodes",)
SETPOINTS = (Setpoint("tank_flow_setpoint", "tank_flow", "tank_flow"),)
HEAT_CAPACITIES = {"tank_temperature": "tank_heat_capacity"}
METERS = {"pump": ("tank_pump_energy",)}
SUMS = ("tank_cooling",)
GAINED = ("tank_wall_gain",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.tank is not None
    tank = d.tank
    size = storage_tank.size_tank(
        tank.volume.value,
        tank.height.value,
        tank.nodes,
        tank.insulation_thickness.value,
        tank.insulation_conductivity.value,
    )
    seen = np.round(np.linspace(0, tank.nodes - 1, SENSORS)).astype(int)
    return dict(
        tank_node=storage_tank.node_numbers(tank.nodes)[:, 0],
        tank_heat_capacity=size.heat_capacity,
        tank_conduction=size.conduction,
        tank_side_conductance=size.side_conductance,
        tank_lid_conductance=size.lid_conductance,
        tank_water_flow_nominal=tank.water_flow.value,
        tank_pump_power_nominal=tank.pump_power.value,
        tank_pump_static_share=tank.pump_static_share.value,
        tank_valve_time_constant=tank.valve_time_constant.value,
        tank_sensor_nodes=np.eye(tank.nodes)[seen],
    )


def layered(charge: Array, cold: Array, warm: Array, nodes: int) -> np.ndarray:
    """Temperatures of a tank with a sharp front, shape (nodes, N) [degC].

    Parameters
    ----------
    charge : Array, shape (N,) or float
        Share of the tank that is cold.
    cold, warm : Array, shape (N,)
        Below and above the front [degC].
    nodes : int
    """
    height = np.arange(nodes)[::-1, None]  # of the lower end of a node, in nodes
    share = np.clip(np.asarray(charge) * nodes - height, 0.0, 1.0)
    return np.asarray(warm + share * (np.asarray(cold) - warm))


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Under protection the tank gives what it can."""
    return {}, dict(tank_flow=xp.where(now["protection"] > 0.5, -1.0, now["tank_flow_setpoint"]))


def pump_power(s: Any, p: Any, xp: Any) -> Array:
    """Of the tank's pump at the flow before a pass [W], shape (1, N)."""
    return pump.friction_and_static_power(
        xp.maximum(s.tank_flow, -s.tank_flow), p.tank_pump_power_nominal, p.tank_pump_static_share
    )


class Mixed(NamedTuple):
    """Water that reaches the economizer: return, and what leaves the top of a tank that is charged."""

    stream: Array  # (1) W/K
    temperature: Array  # (1) degC


def mixed_return(stream: Array, s: Any, p: Any, xp: Any) -> Mixed:
    """Water ahead of economizer and chillers at the flow before a pass; ``stream`` is that of the coils [W/K]."""
    charging = WATER_SPECIFIC_HEAT * p.tank_water_flow_nominal * xp.maximum(s.tank_flow, 0.0)
    top = _end(s.tank_temperature, p, True, xp)
    both = stream + charging
    return Mixed(both, (stream * s.chilled_water_return_temperature + charging * top) / both)


class Coupled(NamedTuple):
    """A pass of the tank before it is known how much heat is taken from the loop it lies in."""

    loop: thermal.LoopStep  # with the tank in it
    flow: Array  # (1) after the pass
    step: storage_tank.TankStep
    downward_rate: Array  # (1) W/K
    precooled: Array  # (1) K by which the economizer has cooled what enters from the return


def coupled(
    loop: thermal.LoopStep,
    demand: Array,
    economizer_limit: Array,
    capacity: Array,
    stream: Array,
    s: Any,
    u: Any,
    h: Any,
    p: Any,
    dt: Array,
    xp: Any,
) -> Coupled:
    """Choose the flow, and put the tank into the loop's equations.

    Parameters
    ----------
    loop : LoopStep
        Without the tank.
    demand : Array
        Heat to be taken from it for the supply to meet its set-point [W].
    economizer_limit, capacity : Array
        What economizer and running chillers can take [W]; the economizer comes first.
    stream : Array
        Through the coils [W/K].
    s, u, h, p : State, Inputs, Held, Params
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    nominal = WATER_SPECIFIC_HEAT * p.tank_water_flow_nominal
    economized = xp.minimum(demand, economizer_limit)
    precooled = economized / stream
    entering_top = s.chilled_water_return_temperature - precooled
    supply = s.chilled_water_supply_temperature

    to_charge = _end(s.tank_temperature, p, True, xp) - supply
    spare = xp.maximum(capacity + economizer_limit - demand, 0.0)
    charging = xp.minimum(
        xp.maximum(h.tank_flow, 0.0) * _opening(to_charge, xp), _flow_of(spare, to_charge, nominal, xp)
    )
    to_discharge = entering_top - _end(s.tank_temperature, p, False, xp)
    lacking = xp.maximum(demand - economized, 0.0)
    beyond = xp.maximum(lacking - capacity, 0.0)
    discharging = xp.minimum(
        xp.maximum(xp.maximum(-h.tank_flow, 0.0), _flow_of(beyond, to_discharge, nominal, xp)),
        xp.minimum(_flow_of(lacking, to_discharge, nominal, xp), xp.minimum(stream / nominal, 1.0)),
    ) * _opening(to_discharge, xp)
    flow = thermal.relaxed_implicitly(s.tank_flow, charging - discharging, dt / p.tank_valve_time_constant)

    downward_rate = -nominal * flow
    step = storage_tank.tank_step(
        s.tank_temperature,
        p.tank_node,
        rows_of(p.tank_node),
        p.tank_heat_capacity,
        p.tank_conduction,
        p.tank_side_conductance,
        p.tank_lid_conductance,
        u.dry_bulb_temperature,
        downward_rate,
        xp.where(flow > 0.0, supply, entering_top),
        dt,
        xp=xp,
    )
    up, down = xp.maximum(-downward_rate, 0.0), xp.maximum(downward_rate, 0.0)
    kept = 1.0 - step.leaving_share
    # heat into the supply: charging, up (leaving - supply); discharging, -down (return - precooled - leaving)
    return Coupled(
        loop=loop._replace(
            stiffness=loop.stiffness + kept * (up + down * loop.return_share),
            uncooled=loop.uncooled
            + (up + down) * step.leaving_uncoupled
            - down * kept * (loop.return_uncooled - precooled),
        ),
        flow=flow,
        step=step,
        downward_rate=downward_rate,
        precooled=precooled,
    )


def _end(temperature: Array, p: Any, top: bool, xp: Any) -> Array:
    """Temperature of the top or the bottom node, shape (1, N)."""
    node = p.tank_node
    is_end = xp.where(node < 0.5, 1.0, 0.0) if top else xp.where(node > rows_of(node) - 1.5, 1.0, 0.0)
    return total(is_end * temperature, xp)


def _opening(difference: Array, xp: Any) -> Array:
    """How far the valve opens by the difference of the waters [K]."""
    return clip((difference - DIFFERENCE_MIN) / (DIFFERENCE_FULL - DIFFERENCE_MIN), 0.0, 1.0, xp)


def _flow_of(heat: Array, difference: Array, nominal: Array, xp: Any) -> Array:
    """Flow over nominal that carries a heat flow [W] at a difference [K]."""
    return heat / (nominal * xp.maximum(difference, DIFFERENCE_MIN))


class Passed(NamedTuple):
    """What the tank did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W


def passed(mixed: Coupled, supply: Array, returning: Array, power: Array, u: Any, p: Any, xp: Any) -> Passed:
    """Close a pass of the tank.

    Parameters
    ----------
    mixed : Coupled
    supply, returning : Array
        Of the loop after the pass [degC].
    power : Array
        Of the tank's pump [W].
    u, p : Inputs, Params
    xp : namespace
    """
    entering = xp.where(mixed.flow > 0.0, supply, returning - mixed.precooled)
    temperature = mixed.step.temperature(entering)
    return Passed(
        new=dict(tank_temperature=temperature, tank_flow=mixed.flow),
        powers=dict(
            tank_pump_energy=power,
            tank_cooling=storage_tank.water_heat_flow(
                mixed.downward_rate, entering, mixed.step.leaving_temperature(entering), xp
            ),
            tank_wall_gain=storage_tank.wall_heat_flow(
                temperature,
                p.tank_node,
                rows_of(p.tank_node),
                p.tank_side_conductance,
                p.tank_lid_conductance,
                u.dry_bulb_temperature,
                xp,
            ),
        ),
    )


def charge(temperature: Array, supply: Array, returning: Array, node: Array, xp: Any) -> Array:
    """Share of the tank that is as cold as the supply and not as warm as the return, shape (1, N).

    Parameters
    ----------
    temperature : Array, shape (T, N)
        Of the nodes [degC].
    supply, returning : Array, shape (1, N)
        Of the loop [degC]; the difference counts as 1 K or more.
    node : Array, shape (T, 1)
        Their numbers.
    xp : namespace
    """
    share = (returning - temperature) / xp.maximum(returning - supply, 1.0)
    return total(clip(share, 0.0, 1.0, xp), xp) / rows_of(node)


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """What is seen of the tank; extrapolation may carry its valve a little beyond its ends."""
    return dict(
        tank_flow=clip(s.tank_flow, -1.0, 1.0, xp),
        tank_profile=xp.matmul(p.tank_sensor_nodes, s.tank_temperature),
        tank_charge=charge(
            s.tank_temperature,
            s.chilled_water_supply_temperature,
            s.chilled_water_return_temperature,
            p.tank_node,
            xp,
        ),
    )
