"""Chilled water that comes from outside the site: coils that hold the supply air, and the water's way to the meter of heat.

How the water is cooled is not modelled and its electricity not counted. The coils are ideal: supply air follows its set-point, or a
measured temperature put in its place, within a time constant, and is never warmed. Their heat goes into the water between coils and meter,
one well-mixed lump, so that the meter sees it later. Condensation is left out.
"""

from typing import Any, NamedTuple

from dcsim.physics import thermal
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, total
from dcsim.plant.room import HotSide


class Params(NamedTuple):
    """Of coils and water."""

    supply_air_time_constant: Array  # (1) s, of the supply air behind its set-point
    district_water_stream: Array  # (1) W/K
    district_water_heat_capacity: Array  # (1) J/K between coils and meter


class State(NamedTuple):
    """Where the water stands."""

    district_return_temperature: Array  # (1) at the meter
    district_cooling_energy: Array  # (1) J of heat over the meter


class Inputs(NamedTuple):
    """What the driver says."""

    district_supply_temperature: Array  # (1)


DRIVERS = ("district_supply_temperature",)
HEAT_CAPACITIES = {"district_return_temperature": "district_water_heat_capacity"}
REJECTED = ("district_cooling_energy",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    district = d.district_cooling
    assert district is not None
    return dict(
        supply_air_time_constant=district.supply_air_time_constant.value,
        district_water_stream=WATER_SPECIFIC_HEAT * district.water_flow.value,
        district_water_heat_capacity=district.heat_capacity.value,
    )


class Cooled(NamedTuple):
    """What the coils did."""

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
    stream, capacity = hot.air_stream, p.supply_air_heat_capacity
    uncooled = thermal.node_temperature(
        s.supply_air_temperature,
        capacity,
        stream * (1.0 - hot.bypass),
        stream * hot.hot_return + hot.crah_power,
        dt,
    )
    held = thermal.relaxed_implicitly(s.supply_air_temperature, h.supply_air_setpoint, dt / p.supply_air_time_constant)
    supply = xp.minimum(held, uncooled)
    entering = hot.hot_return + hot.bypass * supply
    heat = total(
        stream * (entering - supply) + hot.crah_power - capacity / dt * (supply - s.supply_air_temperature), xp
    )
    returned = thermal.node_temperature(
        s.district_return_temperature,
        p.district_water_heat_capacity,
        p.district_water_stream,
        heat + p.district_water_stream * u.district_supply_temperature,
        dt,
    )
    return Cooled(
        new=dict(district_return_temperature=returned),
        supply=supply,
        powers=dict(district_cooling_energy=p.district_water_stream * (returned - u.district_supply_temperature)),
    )
