"""Chilled-water coils of the CRAHs, with the valves that hold the supply air."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import coil, thermal
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.description import HallDescription
from dcsim.plant.loops import Array, modulated, total
from dcsim.plant.room import HotSide


class Params(NamedTuple):
    """What the coils are made of."""

    coil_conductance_nominal: Array  # (U) W/K
    coil_air_resistance_share: Array  # (1)
    coil_water_flow_nominal: Array  # (U) kg/s
    coil_rating_air_temperature: Array  # (1) entering
    coil_rating_water_temperature: Array  # (1) entering
    coil_air_film_coefficient: Array  # (1) 1/K
    valve_fraction_min: Array  # (1)
    valve_time_constant: Array  # (1) s


class State(NamedTuple):
    """Where the valves stand."""

    valve_fraction: Array  # (U) coil water flow over nominal


ROWS = {"valve_fraction": "crahs"}


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.coils is not None
    groups = d.crahs.groups
    return dict(
        coil_conductance_nominal=np.full(groups, d.coils.conductance.value / groups),
        coil_air_resistance_share=d.coils.air_resistance_share.value,
        coil_water_flow_nominal=np.full(groups, d.coils.water_flow.value / groups),
        coil_rating_air_temperature=d.coils.rating_air_temperature.value,
        coil_rating_water_temperature=d.coils.rating_water_temperature.value,
        coil_air_film_coefficient=d.coils.air_film_coefficient.value,
        valve_fraction_min=d.coils.valve_fraction_min.value,
        valve_time_constant=d.coils.valve_time_constant.value,
    )


class Cooled(NamedTuple):
    """What the coils did."""

    new: dict[str, Array]
    supply: Array  # (U) degC
    heat: Array  # (1) W into the chilled water


def cooled(hot: HotSide, s: Any, h: Any, p: Any, dt: Array, xp: Any) -> Cooled:
    """Cool the air that returns.

    Parameters
    ----------
    hot : HotSide
    s, h, p : State, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    stream, water = hot.air_stream, s.chilled_water_supply_temperature
    duty = coil.air_side_duty(
        stream,
        WATER_SPECIFIC_HEAT * p.coil_water_flow_nominal * s.valve_fraction,
        coil.coil_conductance(
            hot.crah_flow / p.crah_mass_flow_nominal,  # less where air is thin: films go with the mass flow
            s.valve_fraction,
            p.coil_conductance_nominal,
            p.coil_air_resistance_share,
            xp,
            air_factor=1.0
            + p.coil_air_film_coefficient
            * (hot.hot_return + hot.bypass * s.supply_air_temperature - p.coil_rating_air_temperature),
            water_factor=coil.water_film_factor(water, p.coil_rating_water_temperature),
        ),
        xp,
    )
    supply = thermal.node_temperature(
        s.supply_air_temperature,
        p.supply_air_heat_capacity,
        stream * (1.0 - (1.0 - duty) * hot.bypass),
        stream * ((1.0 - duty) * hot.hot_return + duty * water) + hot.crah_power,
        dt,
    )
    entering = hot.hot_return + hot.bypass * supply
    wanted = (entering - h.supply_air_setpoint + hot.crah_power / stream) / xp.maximum(entering - water, 0.5)
    valve = modulated(
        s.valve_fraction,
        wanted,
        duty,
        dt,
        p.valve_time_constant,
        p.valve_fraction_min,
        h.chilled_water_pump_speed,
        xp,
    )
    return Cooled({"valve_fraction": valve}, supply, total(stream * duty * (entering - water), xp))
