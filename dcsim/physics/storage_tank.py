"""Stratified water tank: chilled water stored below warm, moved by inflow at either end.

Nodes of equal volume, well mixed each, the first at the top. Water moves by upwind advection in either direction;
neighbors exchange heat by conduction and, where colder water lies above warmer, by buoyancy; walls and lids leak.
Momentum of the inlet jets and the density maximum of water are left out: supply should be at or above 4 degC.

Upwind nodes smear the thermocline like a conductivity of half the flow velocity times the height of a node: 20 nodes
and more for real tanks.

Sources: Modelica Buildings library, ``Fluid.Storage.Stratified``; Patankar, Numerical Heat Transfer and Fluid Flow
(1980), for the scheme.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from dcsim.physics.constants import WATER_DENSITY, WATER_SPECIFIC_HEAT, Array
from dcsim.physics.smooth import smooth_step

WATER_CONDUCTIVITY = 0.598
"""Liquid water at 20 degC, W/(m K). Modelica Buildings library (Media.Water)."""

MIXING_TIME = 1.0
"""Time constant of mixing at an inversion of 1 K, s. Modelica Buildings library, default of ``Fluid.Storage``."""


class TankSize(NamedTuple):
    """Numbers of a tank that its laws need; from `size_tank`."""

    heat_capacity: float  # of a node, J/K
    conduction: float  # between neighboring nodes, W/K
    side_conductance: float  # of a node's wall, W/K
    lid_conductance: float  # of the top, and of the bottom, W/K


def size_tank(
    volume: float,
    height: float,
    nodes: int,
    insulation_thickness: float,
    insulation_conductivity: float = 0.04,
    water_conductivity: float = WATER_CONDUCTIVITY,
) -> TankSize:
    """Heat capacity and conductances of an upright cylinder (host).

    Parameters
    ----------
    volume : float
        Of the water [m3].
    height : float
        Of the water [m].
    nodes : int
        Nodes of equal volume [-], at least 2.
    insulation_thickness : float
        On all sides [m].
    insulation_conductivity : float
        Of the insulation [W/(m K)].
    water_conductivity : float
        Of the water [W/(m K)]; more than its own to count what the wall conducts and slow currents mix.

    Returns
    -------
    TankSize

    Raises
    ------
    ValueError
        If there are fewer than 2 nodes or a length is not positive.

    References
    ----------
    .. [1] Modelica Buildings library, ``Fluid.Storage.BaseClasses.PartialStratified``.
    """
    if nodes < 2:
        raise ValueError(f"nodes: a stratified tank has at least 2, got {nodes}")
    if min(volume, height, insulation_thickness) <= 0.0:
        raise ValueError(
            f"volume, height and insulation thickness must be positive, got {volume}, {height}, {insulation_thickness}"
        )
    area, slice_height = volume / height, height / nodes
    radius = math.sqrt(area / math.pi)
    thickness_ratio = (radius + insulation_thickness) / radius
    return TankSize(
        heat_capacity=WATER_DENSITY * WATER_SPECIFIC_HEAT * volume / nodes,
        conduction=area * water_conductivity / slice_height,
        side_conductance=2.0 * math.pi * insulation_conductivity * slice_height / math.log(thickness_ratio),
        lid_conductance=area * insulation_conductivity / insulation_thickness,
    )


def node_numbers(nodes: int) -> Array:
    """Column ``0, 1, ... nodes - 1`` (host), the parameter by which `tank_step` picks nodes; shape (nodes, 1)."""
    return np.arange(float(nodes))[:, None]


class TankStep(NamedTuple):
    """A step of a tank, before it is known how warm the water comes; see `tank_step`. Nodes are rows of their own."""

    masks: tuple[Array, ...]  # (nodes, 1) each, 1 at the node
    uncoupled: tuple[Array, ...]  # (1, N) each, degC, new temperatures if the water came at 0 degC
    entering_shares: tuple[Array, ...]  # (1, N) each, of the entering water's temperature in them
    leaving_uncoupled: Array  # (1, N) degC, of the leaving water if the water came at 0 degC
    leaving_share: Array  # (1, N) of the entering water's temperature in that of the leaving

    def temperature(self, entering_temperature: Array) -> Array:
        """New temperatures of the nodes, shape (nodes, N) [degC], with the temperature of the entering water [degC]."""
        rows = [u + s * entering_temperature for u, s in zip(self.uncoupled, self.entering_shares, strict=True)]
        placed = self.masks[0] * rows[0]
        for mask, row in zip(self.masks[1:], rows[1:], strict=True):
            placed = placed + mask * row
        return placed

    def leaving_temperature(self, entering_temperature: Array) -> Array:
        """Temperature of the leaving water over the step [degC] with that of the entering water [degC]."""
        return self.leaving_uncoupled + self.leaving_share * entering_temperature


def tank_step(
    temperature: Array,
    node_number: Array,
    nodes: int,
    heat_capacity: Array,
    conduction: Array,
    side_conductance: Array,
    lid_conductance: Array,
    ambient_temperature: Array,
    downward_rate: Array,
    expected_entering_temperature: Array,
    time_step: Array,
    mixing_time: Array = MIXING_TIME,
    xp: Any = np,
) -> TankStep:
    """Implicit step of a stratified tank.

    Parameters
    ----------
    temperature : Array, shape (nodes, N)
        At the start of the step, from top to bottom [degC].
    node_number : Array, shape (nodes, 1)
        From `node_numbers`; a parameter.
    nodes : int
        Their number.
    heat_capacity : Array, shape (1, 1) or (1, N)
        Of a node [J/K], above 0.
    conduction : Array, broadcastable to (1, N)
        Between neighbors [W/K], at least 0.
    side_conductance, lid_conductance : Array, broadcastable to (1, N)
        From a node to the ambient, and from the first and the last node besides [W/K], at least 0.
    ambient_temperature : Array, broadcastable to (1, N)
        Around the tank [degC].
    downward_rate : Array, shape (1, N)
        Mass flow times specific heat [W/K]: above 0 the water enters at the top and leaves at the bottom (a chilled
        tank gives), below 0 it enters at the bottom and leaves at the top (it is charged).
    expected_entering_temperature : Array, shape (1, N)
        Of the entering water, as far as it is known [degC]: it only decides where buoyancy mixes.
    time_step : Array, broadcastable to (1, N)
        Length of the step [s], above 0.
    mixing_time : Array, broadcastable to (1, N)
        Time constant of mixing at an inversion of 1 K [s], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    TankStep

    Notes
    -----
    Backward Euler for ``C dT_i/dt = d (T_{i-1} - T_i) + u (T_{i+1} - T_i) + g_{i-1} (T_{i-1} - T_i) + g_i (T_{i+1} -
    T_i) + G_i (T_ambient - T_i)`` with ``d`` and ``u`` the flow downwards and upwards, one of them 0, and ``g_i =
    conduction + C / mixing_time max(T_{i+1} - T_i, 0)`` per kelvin of inversion, the law of Modelica Buildings. The
    inversion is that which advection alone would leave at the end of the step, so that mixing meets an inversion in the
    very step that makes it; two nodes at rest then mix exactly as that law says.

    The matrix is tridiagonal with off-diagonals at most 0 and rows that sum to ``C / dt`` and what comes from outside
    (an M-matrix): for steps and flows of any size, Courant numbers far above 1 included, the new temperatures are means
    of old, entering and ambient ones with weights from 0 to 1, so nothing rings and no node leaves their range. It is
    solved by elimination, which needs no pivots and, written with what each row keeps, no subtraction of its
    coefficients: full accuracy even where mixing is a thousand times faster than the step. Each flux appears with
    opposite signs in two rows: stored heat equals heat in less heat out to rounding, whatever the flow.

    First order in time; an inversion rises by about one node a step. Extrapolated to second order by an engine, a front
    overshoots the range by 0.3 % of its height at a Courant number of 1, 1 % at 5, 6 % at 100, and settles.

    The new temperatures depend linearly on the entering water's, so the tank can be solved together with the loop it
    lies in.

    No data are indexed: a node is picked by a sum over all with a mask made from ``node_number``.
    """
    masks = tuple(
        xp.where(node_number > k - 0.5, xp.where(node_number < k + 0.5, 1.0, 0.0), 0.0) for k in range(nodes)
    )  # of parameters alone: computed before the run
    old = [xp.sum(mask * temperature, axis=0, keepdims=True) for mask in masks]
    down = xp.maximum(downward_rate, 0.0)
    up = xp.maximum(-downward_rate, 0.0)
    storage = heat_capacity / time_step

    # where advection alone would take the nodes, and what exchanges heat then
    down_share, up_share = down / (storage + down), up / (storage + up)
    moved, upstream = [], expected_entering_temperature
    for value in old:
        upstream = value + down_share * (upstream - value)
        moved.append(upstream)
    upstream = expected_entering_temperature
    for k in reversed(range(nodes)):
        upstream = moved[k] + up_share * (upstream - moved[k])
        moved[k] = upstream
    mixing = heat_capacity / mixing_time
    exchange = [conduction + mixing * xp.maximum(moved[k + 1] - moved[k], 0.0) for k in range(nodes - 1)]

    # from top to bottom, each node in terms of the next: T_k = known_k + entering_k T_entering + following_k T_{k+1};
    # kept is 1 - following, the share that is not the next node's
    known: list[Array] = []
    entering: list[Array] = []
    following: list[Array] = []
    kept: Array = 1.0
    for k in range(nodes):
        is_first, is_last = k == 0, k == nodes - 1
        wall = side_conductance + lid_conductance if is_first or is_last else side_conductance
        above = down if is_first else down + exchange[k - 1]
        below = up if is_last else up + exchange[k]
        own = storage + wall + above * kept
        inverse = 1.0 / (own + below)
        right, inflow = storage * old[k] + wall * ambient_temperature, above
        if not is_first:
            right, inflow = right + above * known[k - 1], above * entering[k - 1]
        if is_last:
            inflow = inflow + below
        known.append(right * inverse)
        entering.append(inflow * inverse)
        following.append(below * inverse)
        kept = own * inverse

    # from bottom to top
    for k in reversed(range(nodes - 1)):
        known[k] = known[k] + following[k] * known[k + 1]
        entering[k] = entering[k] + following[k] * entering[k + 1]
    return TankStep(
        masks=masks,
        uncoupled=tuple(known),
        entering_shares=tuple(entering),
        leaving_uncoupled=xp.where(downward_rate > 0.0, known[-1], known[0]),
        leaving_share=xp.where(downward_rate > 0.0, entering[-1], entering[0]),
    )


def water_heat_flow(
    downward_rate: Array, entering_temperature: Array, leaving_temperature: Array, xp: Any = np
) -> Array:
    """Heat that the water brings into the tank over a step.

    Parameters
    ----------
    downward_rate : Array, shape (1, N)
        As for `tank_step` [W/K].
    entering_temperature, leaving_temperature : Array, shape (1, N)
        The latter from `TankStep.leaving_temperature` [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat flow [W]; negative while a chilled tank is charged.
    """
    return xp.maximum(downward_rate, -downward_rate) * (entering_temperature - leaving_temperature)


def wall_heat_flow(
    temperature: Array,
    node_number: Array,
    nodes: int,
    side_conductance: Array,
    lid_conductance: Array,
    ambient_temperature: Array,
    xp: Any = np,
) -> Array:
    """Heat from the ambient through walls and lids.

    Parameters
    ----------
    temperature : Array, shape (nodes, N)
        At the end of the step, for a balance to rounding [degC].
    node_number, nodes, side_conductance, lid_conductance, ambient_temperature
        As for `tank_step`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat flow into the tank [W].
    """
    is_end = xp.where(node_number < 0.5, 1.0, xp.where(node_number > nodes - 1.5, 1.0, 0.0))
    difference = ambient_temperature - temperature
    side = side_conductance * xp.sum(difference, axis=0, keepdims=True)
    return side + lid_conductance * xp.sum(is_end * difference, axis=0, keepdims=True)


def stored_heat(temperature: Array, heat_capacity: Array, reference_temperature: Array, xp: Any = np) -> Array:
    """Heat content against a reference temperature.

    Parameters
    ----------
    temperature : Array, shape (nodes, N)
        Of the nodes [degC].
    heat_capacity : Array, broadcastable to (1, N)
        Of a node [J/K].
    reference_temperature : Array, broadcastable to (1, N)
        Where the content is 0 [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat [J]; negative for a chilled tank against the return temperature.
    """
    return heat_capacity * xp.sum(temperature - reference_temperature, axis=0, keepdims=True)


def usable_cooling(temperature: Array, heat_capacity: Array, return_temperature: Array, xp: Any = np) -> Array:
    """Heat that a chilled tank can take up until all of it is at the return temperature.

    Parameters
    ----------
    temperature : Array, shape (nodes, N)
        Of the nodes [degC].
    heat_capacity : Array, broadcastable to (1, N)
        Of a node [J/K].
    return_temperature : Array, broadcastable to (1, N)
        Of the water that comes back from the coils [degC].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat [J], at least 0; nodes warmer than the return count nothing.

    Notes
    -----
    For valuing what is left in the tank at the end of an episode: divided by the chiller's COP, the electric energy
    that it saves later. It does not see mixing, which spoils the temperature and not the heat; `deliverable_cooling`
    does.
    """
    return heat_capacity * xp.sum(xp.maximum(return_temperature - temperature, 0.0), axis=0, keepdims=True)


def deliverable_cooling(
    temperature: Array,
    heat_capacity: Array,
    return_temperature: Array,
    supply_limit: Array,
    width: Array = 0.2,
    xp: Any = np,
) -> Array:
    """Cooling in the nodes that are cold enough to be supplied as they are.

    Parameters
    ----------
    temperature : Array, shape (nodes, N)
        Of the nodes [degC].
    heat_capacity : Array, broadcastable to (1, N)
        Of a node [J/K].
    return_temperature : Array, broadcastable to (1, N)
        Of the water that comes back from the coils [degC].
    supply_limit : Array, broadcastable to (1, N)
        Warmest water that still serves [degC], below the return.
    width : Array, broadcastable to (1, N)
        Of the step from 1 to 0 around the limit [K], above 0.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Heat [J], at least 0: what a tank gives without a chiller, such as while chillers start again after an outage.
    """
    serves = smooth_step(supply_limit - temperature, width, xp)
    cooling = xp.maximum(return_temperature - temperature, 0.0)
    return heat_capacity * xp.sum(serves * cooling, axis=0, keepdims=True)
