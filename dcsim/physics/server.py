"""Servers: electric power, fans, air flow and the heat they give to the air.

A rack group is one lump of heat capacity behind a heat exchanger of constant effectiveness (the compact server model of
Erden et al. and Pardey et al.). Component temperatures, sleep-state transitions and altitude effects on the fans are
left out.

Main sources: Fan, Weber and Barroso (2007) for power against utilization [1]_; the Dell R410 inlet-temperature test
published by Green Revolution Cooling (2016) for leakage and fan ramp.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from dcsim.physics.constants import AIR_SPECIFIC_HEAT, Array
from dcsim.physics.smooth import clip, power

SPEC_POWER = MappingProxyType(
    {
        "ibm-x3550-m3": (58.4, 98.0, 109.0, 118.0, 128.0, 140.0, 153.0, 170.0, 189.0, 205.0, 222.0),
        "hp-ml110-g4": (86.0, 89.4, 92.6, 96.0, 99.5, 102.0, 106.0, 108.0, 112.0, 114.0, 117.0),
        "hp-ml110-g5": (93.7, 97.0, 101.0, 105.0, 110.0, 116.0, 121.0, 125.0, 129.0, 133.0, 135.0),
    }
)
"""Measured power [W] at 0, 10, ..., 100 % load: SPECpower_ssj2008 results of an IBM x3550 M3 (Xeon X5675), an HP
ProLiant ML110 G4 (Xeon 3040) and G5 (Xeon 3075), as carried by CloudSim (``PowerModelSpecPower...``)."""

SLEEP_STATE_UTILIZATION = 0.05
"""Utilization over which the sleep states of the X5675 end (fitted)."""


def dynamic_power(utilization: Array, idle_power: Array, peak_power: Array, exponent: Array, xp: Any = np) -> Array:
    """Power of a server at its reference temperature, fans apart.

    Parameters
    ----------
    utilization : Array, shape (R, N)
        Share of the greatest throughput [-], 0 to 1.
    idle_power, peak_power : Array, shape (R, 1) or (R, N)
        Power at utilization 0 and 1 [W].
    exponent : Array, broadcastable
        Calibration exponent r [-]; 1.4 in the source, 1.05 to 1.1 for the servers of `SPEC_POWER`.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Power [W].

    Notes
    -----
    ``idle + (peak - idle) (2 u - u**r)``. Domain: exponent 1 to 2, where the law is monotone in utilization. One
    parameter cannot follow a server with deep sleep states (error up to 19 W for the X5675): use `measured_power_curve`
    or `sleep_state_power` for those.

    References
    ----------
    .. [1] Fan, Weber, Barroso, Power provisioning for a warehouse-sized computer, ISCA 2007, section 3.
    """
    rise = 2.0 * utilization - power(utilization, exponent, xp)
    return idle_power + (peak_power - idle_power) * rise


def sleep_state_power(
    utilization: Array, idle_power: Array, wake_power: Array, linear_power: Array, square_power: Array, xp: Any = np
) -> Array:
    """Power of a server that leaves its sleep states within the first few percent of load.

    Parameters
    ----------
    utilization : Array, shape (R, N)
        Share of the greatest throughput [-], 0 to 1.
    idle_power : Array, broadcastable
        At utilization 0 [W].
    wake_power : Array, broadcastable
        Jump from idle to a light load [W].
    linear_power, square_power : Array, broadcastable
        Coefficients of utilization and of its square [W].
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Power [W].

    Notes
    -----
    ``idle + wake (1 - exp(-u / 0.05)) + linear u + square u**2``. With 58.4, 38.165, 49.434 and 78.004 W it follows the
    X5675 table within 3.0 W.
    """
    awake = 1.0 - xp.exp(-utilization / SLEEP_STATE_UTILIZATION)
    return idle_power + wake_power * awake + utilization * (linear_power + utilization * square_power)


def measured_power_curve(powers: Any) -> Callable[[Any], Any]:
    """Monotone interpolation of a measured power table, for setting up a simulation (not for its inner loop).

    Parameters
    ----------
    powers : sequence of float
        Power [W] at equally spaced utilizations from 0 to 1, for instance one of `SPEC_POWER`.

    Returns
    -------
    callable
        From utilization [-] (NumPy array) to power [W]. Shape-preserving cubic (PCHIP): rises wherever the table does.
    """
    from scipy.interpolate import PchipInterpolator

    table = np.asarray(powers, dtype=float)
    curve: Callable[[Any], Any] = PchipInterpolator(np.linspace(0.0, 1.0, table.size), table)
    return curve


def leakage_power(
    dynamic_power: Array, inlet_temperature: Array, leakage_coefficient: Array, reference_temperature: Array
) -> Array:
    """Change of a server's power with the temperature of the air it takes in.

    Parameters
    ----------
    dynamic_power : Array, shape (R, N)
        Power at the reference temperature, fans apart [W].
    inlet_temperature : Array, shape (R, N)
        Air entering the servers [degC].
    leakage_coefficient : Array, broadcastable
        Relative rise of power [1/K]; 0.0025 fits the Dell R410 test, 0.002 to 0.005 is usual. May be negative for
        low-voltage processors.
    reference_temperature : Array, broadcastable
        Inlet at which ``dynamic_power`` is stated [degC].

    Returns
    -------
    Array, shape (R, N)
        Power on top of ``dynamic_power`` [W]; negative below the reference temperature.

    References
    ----------
    .. [1] Green Revolution Cooling, white paper 2016: Dell R410, 27 to 37 degC.
    """
    return dynamic_power * leakage_coefficient * (inlet_temperature - reference_temperature)


def fan_speed_setpoint(
    inlet_temperature: Array,
    speed_min: Array,
    ramp_start_temperature: Array,
    ramp_end_temperature: Array,
    xp: Any = np,
) -> Array:
    """Speed that a server's own controller asks of its fans.

    Parameters
    ----------
    inlet_temperature : Array, shape (R, N)
        Air entering the servers [degC].
    speed_min : Array, broadcastable
        Idle speed over full speed [-], about 0.3.
    ramp_start_temperature, ramp_end_temperature : Array, broadcastable
        Inlets between which the speed rises from idle to full [degC]; 27 and 37 for the Dell R410.
    xp : namespace
        Array functions.

    Returns
    -------
    Array, shape (R, N)
        Speed over full speed [-], ``speed_min`` to 1.

    Notes
    -----
    The corners are plain: below the ramp the speed is exactly idle, to which the nominal air flow belongs.

    References
    ----------
    .. [1] Green Revolution Cooling, white paper 2016: 0.30 at 27 degC to 1 at 37 degC (our fit, with fans of 12.97 W).
    """
    ramp = (inlet_temperature - ramp_start_temperature) / (ramp_end_temperature - ramp_start_temperature)
    return speed_min + (1.0 - speed_min) * clip(ramp, 0.0, 1.0, xp)


def air_mass_flow(utilization: Array, fan_speed: Array, mass_flow_nominal: Array, speed_min: Array) -> Array:
    """Air that the servers draw.

    Parameters
    ----------
    utilization : Array, shape (R, N)
        Share of the greatest throughput [-], 0 to 1.
    fan_speed : Array, shape (R, N)
        Inlet-driven speed, `fan_speed_setpoint` after its lag [-].
    mass_flow_nominal : Array, shape (R, 1) or (R, N)
        Flow at full load and *idle* fan speed [kg/s].
    speed_min : Array, broadcastable
        Idle speed over full speed [-].

    Returns
    -------
    Array, shape (R, N)
        Mass flow [kg/s]: ``nominal (0.5 + 0.5 u) speed / speed_min``.

    Notes
    -----
    The nominal flow belongs to the idle speed because that is where servers spend their life: tied to full speed, a
    cool room would make them draw less than a third of the design flow, and a controller would harvest savings that no
    hall has. The load term stands for fans that follow component temperature.
    """
    return mass_flow_nominal * (0.5 + 0.5 * utilization) * fan_speed / speed_min


def fan_power(utilization: Array, fan_speed: Array, fan_power_max: Array) -> Array:
    """Electric power of the servers' fans, by the cube law on the speed behind `air_mass_flow`.

    Parameters
    ----------
    utilization : Array, shape (R, N)
        Share of the greatest throughput [-], 0 to 1.
    fan_speed : Array, shape (R, N)
        Inlet-driven speed [-].
    fan_power_max : Array, shape (R, 1) or (R, N)
        At full load and full speed [W]; 6 to 10 % of a server's peak power.

    Returns
    -------
    Array, shape (R, N)
        Power [W].
    """
    speed = (0.5 + 0.5 * utilization) * fan_speed
    return fan_power_max * speed * speed * speed


def released_heat_flow(
    server_temperature: Array, inlet_temperature: Array, mass_flow: Array, effectiveness: Array
) -> Array:
    """Heat that the mass of the servers gives to the air that passes.

    Parameters
    ----------
    server_temperature : Array, shape (R, N)
        Of the lumped mass [degC].
    inlet_temperature : Array, shape (R, N)
        Air entering [degC].
    mass_flow : Array, shape (R, N)
        Air through the servers [kg/s].
    effectiveness : Array, broadcastable
        Temperature rise of the air over the difference of mass and inlet [-], about 0.9.

    Returns
    -------
    Array, shape (R, N)
        Heat flow into the air [W].

    References
    ----------
    .. [1] Erden et al. (2014), Pardey et al. (2015): compact server model.
    """
    return effectiveness * AIR_SPECIFIC_HEAT * mass_flow * (server_temperature - inlet_temperature)


def time_constant(heat_capacity: Array, mass_flow: Array, effectiveness: Array) -> Array:
    """Time in which the mass of a server settles.

    Parameters
    ----------
    heat_capacity : Array, any shape
        Of the mass that takes part [J/K]; about 12 kJ/K for a 500 W server.
    mass_flow : Array, broadcastable
        Air through it [kg/s], above 0.
    effectiveness : Array, broadcastable
        As in `released_heat_flow` [-].

    Returns
    -------
    Array, broadcast shape
        Time constant [s].
    """
    return heat_capacity / (effectiveness * AIR_SPECIFIC_HEAT * mass_flow)


def mass_flow_per_power(temperature_rise: Array) -> Array:
    """Air that carries one watt away at a given temperature rise.

    Parameters
    ----------
    temperature_rise : Array, any shape
        Outlet less inlet [K], above 0.

    Returns
    -------
    Array, same shape
        Mass flow per power [kg/(s W)].
    """
    return 1.0 / (AIR_SPECIFIC_HEAT * temperature_rise)
