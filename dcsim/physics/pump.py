"""Pumps: electric power against speed and flow."""

from typing import Any

import numpy as np

from dcsim.physics.constants import Array
from dcsim.physics.smooth import clip

EFFICIENCY_SHARE_MIN = 0.2
"""Lowest efficiency over best efficiency. Modelica Buildings, ``Fluid.Movers`` defaults."""

SPEED_MIN = 1e-6

RUN_OUT = 1.2
"""Most flow of a pump over its nominal one at the same speed; ends of published curves lie at 1.2 to 1.3."""


def relative_efficiency(flow_fraction: Array, speed: Array, xp: Any = np) -> Array:
    """Efficiency of a pump over its best efficiency.

    Parameters
    ----------
    flow_fraction : Array, shape (1, N)
        Flow over nominal flow [-].
    speed : Array, shape (1, N)
        Speed over nominal speed [-].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        ``2 x - x**2`` [-] with ``x`` the flow over the flow of best efficiency at this speed, held at 1 above it; not
        below 0.2.

    Notes
    -----
    Similar operating points, ``flow / speed`` the same, have the same efficiency.
    """
    x = clip(flow_fraction / xp.maximum(speed, SPEED_MIN), 0.0, 1.0, xp)
    return xp.maximum(2.0 * x - x * x, EFFICIENCY_SHARE_MIN)


def pump_power(
    speed: Array, flow_fraction: Array, power_nominal: Array, xp: Any = np, running_share: Array = 1.0
) -> Array:
    """Electric power of a pump, or of alike ones in parallel, at a speed and a flow that control valves may have throttled.

    Parameters
    ----------
    speed : Array, shape (1, N)
        Speed over nominal speed [-], 0 to 1.
    flow_fraction : Array, shape (1, N)
        Flow over nominal flow [-], at most ``speed``.
    power_nominal : Array, shape (1, 1) or (1, N)
        Power at nominal speed and flow [W].
    xp : namespace
        Array functions.
    running_share : Array, shape (1, N)
        Pumps that run over pumps there are [-], which carry the flow alone.

    Returns
    -------
    Array, shape (1, N)
        Power [W].

    Notes
    -----
    Head is taken as ``speed**2`` of nominal at any flow (a flat pump curve), efficiency from `relative_efficiency`. On
    a pure friction loop, flow = speed, this is the cube law. Domain: flow above about 5 % of nominal; against a closed
    valve a real pump still draws power, while this law goes to 0.
    """
    carried = flow_fraction * (1.0 / xp.maximum(running_share, SPEED_MIN))
    return power_nominal * speed * speed * flow_fraction / relative_efficiency(carried, speed, xp)


def friction_and_static_power(flow_fraction: Array, power_nominal: Array, static_share: Array) -> Array:
    """Electric power of a pump whose speed follows the flow through friction and a fixed lift.

    Parameters
    ----------
    flow_fraction : Array, shape (1, N)
        Flow over nominal flow [-].
    power_nominal : Array, shape (1, 1) or (1, N)
        Power at nominal flow [W].
    static_share : Array, broadcastable
        Share of the nominal head that does not fall with flow [-]: tower lift, controlled pressure.

    Returns
    -------
    Array, shape (1, N)
        Power [W]: ``static_share w + (1 - static_share) w**3`` of nominal, at unchanged efficiency.
    """
    friction = (1.0 - static_share) * flow_fraction * flow_fraction
    return power_nominal * flow_fraction * (static_share + friction)


def parallel_power(
    flow_fraction: Array, head_fraction: Array, running_share: Array, power_nominal: Array, xp: Any = np
) -> Array:
    """Electric power of alike pumps in parallel of which some stand still.

    Parameters
    ----------
    flow_fraction : Array, shape (1, N)
        Flow of all over nominal flow of all [-].
    head_fraction : Array, shape (1, N)
        Head over nominal head [-], at least 0.
    running_share : Array, shape (1, N)
        Pumps that run over pumps there are [-], above 0.
    power_nominal : Array, shape (1, 1) or (1, N)
        Power of all at nominal flow and head [W].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (1, N)
        Power [W].

    Notes
    -----
    As in `pump_power`, head is the square of the speed at any flow, so running pumps turn alike whatever their number,
    and each moves ``flow_fraction / running_share`` of its nominal flow. Its efficiency is ``2 x - x**2`` of the best with
    ``x`` that flow over the speed: it falls on either side of ``x = 1``, left with too many pumps, right with too few, and
    not below 0.2. With all running this is `pump_power`. Domain: ``x`` up to 2; real pumps run out at 1.2 to 1.3.
    """
    speed = xp.sqrt(xp.maximum(head_fraction, SPEED_MIN))
    x = clip(flow_fraction / (xp.maximum(running_share, SPEED_MIN) * speed), 0.0, 2.0, xp)
    efficiency = xp.maximum(2.0 * x - x * x, EFFICIENCY_SHARE_MIN)
    return power_nominal * flow_fraction * head_fraction / efficiency


def head_fraction(first_bypassed: Array, first_share: Array, second_bypassed: Array, second_share: Array) -> Array:
    """Head of a loop over that with two of its parts in series, when either may be bypassed.

    Parameters
    ----------
    first_bypassed, second_bypassed : Array, shape (1, N)
        1 where the water goes around the part, else 0.
    first_share, second_share : Array, broadcastable
        Of the loop's head that lies in the part [-].

    Returns
    -------
    Array, shape (1, N)
        Factor on head, and so on pump power at a given flow [-].
    """
    return 1.0 - first_bypassed * first_share - second_bypassed * second_share


def design_power(volume_flow: Array, pressure_drop: Array, efficiency: Array) -> Array:
    """Electric power that moves a volume flow against a pressure drop.

    Parameters
    ----------
    volume_flow : Array, any shape
        Volume flow [m3/s].
    pressure_drop : Array, broadcastable
        Pressure drop of the loop [Pa].
    efficiency : Array, broadcastable
        Of pump, motor and drive together [-].

    Returns
    -------
    Array, broadcast shape
        Power [W].
    """
    return volume_flow * pressure_drop / efficiency
