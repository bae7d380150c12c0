"""The return air: fans that hold its temperature instead of running at a speed that is asked for, and a plenum on its way to the coils."""

from types import MappingProxyType
from typing import Any, NamedTuple

from dcsim.physics import thermal
from dcsim.physics.smooth import clip
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, Setpoint, total


class Params(NamedTuple):
    """Of the loop."""

    return_air_time_constant: Array  # (1) s


class State(NamedTuple):
    """Where the loop stands."""

    return_air_setpoint: Array  # (1)
    return_air_fan_speed: Array  # (U) what the loop asks for


class Inputs(NamedTuple):
    """What is asked for."""

    return_air_setpoint: Array  # (1)


ROWS = {"return_air_fan_speed": "crahs"}
SETPOINTS = (Setpoint("return_air_setpoint", "return_air_setpoint", "return_air_temperature"),)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.crahs.return_air_time_constant is not None
    return dict(return_air_time_constant=d.crahs.return_air_time_constant.value)


class ActualReach:
    """A part: the loop counts with the difference that there is between return and supply air, instead of the one it is to be.

    Less air is then asked for while the return air is above its set-point, which it reaches with the loop's time constant and not faster
    (EnergyPlus, whose thermostat divides the load of a zone by that difference).
    """

    class Params(NamedTuple):
        """Says that it is so."""

        return_air_actual_reach: Array  # (1) 1

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        return dict(return_air_actual_reach=1.0)


class Plenum:
    """A part: air between a one-zone hall and its coils, well mixed."""

    class Params(NamedTuple):
        """Of the plenum."""

        return_air_heat_capacity: Array  # (1) J/K

    class State(NamedTuple):
        """What leaves it."""

        return_air_temperature: Array  # (1)

    HEAT_CAPACITIES = MappingProxyType({"return_air_temperature": "return_air_heat_capacity"})

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.room.return_air_heat_capacity is not None
        return dict(return_air_heat_capacity=d.room.return_air_heat_capacity.value)


def kept(s: Any, p: Any, stream: Array, dt: Array) -> Array:
    """Share of a plenum's temperature before a pass in that after it, shape (1, N); the rest is the zone's new one. 0 without a plenum."""
    if not hasattr(s, "return_air_temperature"):
        return 0.0
    inertia = p.return_air_heat_capacity / dt
    return inertia / (inertia + stream)


def fan_speed_after(room_heat: Array, supply: Array, s: Any, p: Any, dt: Array, xp: Any) -> Array:
    """Speed that the loop asks for after a pass of length ``dt`` [s], shape (U, N).

    It takes out the heat that comes into the room's air, and what brings that air to its set-point within the loop's time constant.

    Parameters
    ----------
    room_heat : Array, shape (1, N)
        Into the room's air from all but the supply [W].
    supply : Array, shape (U, N)
        Supply air of the pass [degC].
    s, p : State, Params
    dt : Array or float
    xp : namespace
    """
    capacity = total(p.hot_air_heat_capacity, xp)
    mean = total(p.hot_air_heat_capacity * s.hot_air_temperature, xp) / capacity
    excess = (mean - s.return_air_setpoint) * capacity / p.return_air_time_constant
    stream = p.air_specific_heat * total(p.crah_mass_flow_nominal, xp)
    reach = xp.maximum((mean if hasattr(p, "return_air_actual_reach") else s.return_air_setpoint) - supply, 0.5)
    wanted = clip((room_heat + excess) / (stream * reach), 0.0, 1.0, xp)
    return thermal.relaxed_implicitly(s.return_air_fan_speed, wanted, dt / p.crah_fan_time_constant)
