"""How much air the servers draw: by an inlet-driven ramp above an idle speed, a curve of load and inlet temperature, or a given speed."""

from types import MappingProxyType
from typing import Any, NamedTuple

from dcsim.physics import server, thermal
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array

CURVE_TEMPERATURES = (-10.0, 99.0)  # degC of inlet air, beyond which EnergyPlus holds the curve

FLOW_RATIO_MAX = 3.0  # over nominal, where a hall says nothing else: above what the curve gives within its temperatures


class Ramp:
    """A part: fans idle up to an inlet temperature and speed up above it."""

    class Params(NamedTuple):
        """Where the ramp begins and ends."""

        server_fan_speed_min: Array  # (1)
        server_fan_ramp_start_temperature: Array  # (1) inlet above which the fans speed up
        server_fan_ramp_end_temperature: Array  # (1) inlet at which they run at full speed

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        ramp = d.racks.fan_ramp
        assert ramp is not None
        return dict(
            server_fan_speed_min=ramp.speed_min.value,
            server_fan_ramp_start_temperature=ramp.start_temperature.value,
            server_fan_ramp_end_temperature=ramp.end_temperature.value,
        )


class Curve:
    """A part: flow over nominal flow is linear in load and inlet temperature, fan power its cube (EnergyPlus ITE)."""

    class Params(NamedTuple):
        """Of the line."""

        server_flow_curve: Array  # (3) constant, per load, per degC of inlet
        server_flow_ratio_max: Array  # (1) over nominal, of fans that run as fast as they can

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        racks = d.racks
        assert racks.flow_curve is not None
        return dict(
            server_flow_curve=racks.flow_curve.values,
            server_flow_ratio_max=racks.flow_ratio_max.value if racks.flow_ratio_max else FLOW_RATIO_MAX,
        )


class InletSensors:
    """A part: fans that follow the temperature of sensors, which come to that of the inlet air with a lag."""

    class Params(NamedTuple):
        """Of the sensors."""

        server_sensor_time_constant: Array  # (1) s

    class State(NamedTuple):
        """What they read."""

        server_sensor: Array  # (R) degC

    ROWS = MappingProxyType({"server_sensor": "racks"})

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.racks.sensor_time_constant is not None
        return dict(server_sensor_time_constant=d.racks.sensor_time_constant.value)


def sensed(s: Any, p: Any, dt: Array) -> dict[str, Array]:
    """State of the sensors after a pass of length ``dt`` [s], where there are any."""
    if not hasattr(s, "server_sensor"):
        return {}
    ratio = dt / p.server_sensor_time_constant
    return dict(server_sensor=thermal.relaxed_implicitly(s.server_sensor, s.rack_inlet_temperature, ratio))


class Given:
    """A part: the speed of the fans is known, for instance from a log; flow goes with the speed, power with its cube."""

    class Inputs(NamedTuple):
        """What the driver says."""

        server_fan_speed: Array  # (R) over the usual speed; rows as in the state

    DRIVERS = ("server_fan_speed",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """No parameters: the nominal flow is that at the usual speed."""
        return {}


def speed_after(s: Any, u: Any, p: Any, dt: Array, xp: Any) -> Array:
    """Fan speed of the servers after a pass of length ``dt`` [s], shape (R, N); of a curve: flow over nominal flow."""
    inlet = sensed(s, p, dt).get("server_sensor", s.rack_inlet_temperature)
    if hasattr(p, "server_flow_curve"):
        curve = p.server_flow_curve
        inlet = clip(inlet, *CURVE_TEMPERATURES, xp)
        target = clip(curve[0:1] + curve[1:2] * u.utilization + curve[2:3] * inlet, 0.0, p.server_flow_ratio_max, xp)
    elif hasattr(u, "server_fan_speed"):
        target = u.server_fan_speed
    else:
        target = server.fan_speed_setpoint(
            inlet, p.server_fan_speed_min, p.server_fan_ramp_start_temperature, p.server_fan_ramp_end_temperature, xp
        )
    return thermal.relaxed_implicitly(s.server_fan_speed, target, dt / p.server_fan_time_constant)


def air_flow(u: Any, speed: Array, p: Any) -> Array:
    """Air that the servers draw at sea level [kg/s], shape (R, N)."""
    if _is_proportional(u, p):
        return p.server_mass_flow_nominal * speed
    return server.air_mass_flow(u.utilization, speed, p.server_mass_flow_nominal, p.server_fan_speed_min)


def fan_power(u: Any, speed: Array, p: Any) -> Array:
    """Power of their fans at sea level [W], shape (R, N)."""
    if _is_proportional(u, p):
        return p.server_fan_power_max * speed * speed * speed
    return server.fan_power(u.utilization, speed, p.server_fan_power_max)


def _is_proportional(u: Any, p: Any) -> bool:
    return hasattr(p, "server_flow_curve") or hasattr(u, "server_fan_speed")
