"""Chilled-water coils of the CRAHs, with the valves that hold the supply air."""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import coil, moist_air, thermal
from dcsim.physics.constants import STANDARD_PRESSURE, WATER_SPECIFIC_HEAT
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


class WetBelowDewPoint:
    """A part: water colder than the dew point of a constant air wets the whole coil (EnergyPlus, simple water coil)."""

    class Params(NamedTuple):
        """Of the air."""

        coil_air_humidity_ratio: Array  # (1) kg/kg dry air
        coil_air_dew_point_temperature: Array  # (1)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.coils is not None and d.coils.air_humidity_ratio is not None
        ratio = d.coils.air_humidity_ratio.value
        dew_point = moist_air.dew_point_temperature(np.array([[ratio]]), STANDARD_PRESSURE)
        return dict(coil_air_humidity_ratio=ratio, coil_air_dew_point_temperature=dew_point)


class EnteringLimit:
    """A part: coils that take air no hotter than a limit; what is above it is lost, and said to be (EnergyPlus holds 60 degC)."""

    class Params(NamedTuple):
        """Of the limit."""

        coil_entering_air_max: Array  # (1) degC

    class State(NamedTuple):
        """What was lost."""

        entering_limit_heat: Array  # (1) J

    REJECTED = ("entering_limit_heat",)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.coils is not None and d.coils.entering_air_max is not None
        return dict(coil_entering_air_max=d.coils.entering_air_max.value)


class State(NamedTuple):
    """Where the valves stand."""

    valve_fraction: Array  # (U) coil water flow over nominal; more than flows where pumps are lost


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
    powers: dict[str, Array]  # (1) W


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
    entering = hot.hot_return + hot.bypass * s.supply_air_temperature
    air_factor = 1.0 + p.coil_air_film_coefficient * (entering - p.coil_rating_air_temperature)
    water_factor = coil.water_film_factor(water, p.coil_rating_water_temperature)
    air_fraction = hot.crah_flow / p.crah_mass_flow_nominal  # less where air is thin: films go with the mass flow
    asked = total(p.coil_water_flow_nominal * s.valve_fraction, xp)
    water_fraction = s.valve_fraction * xp.minimum(h.chilled_water_flow_max / xp.maximum(asked, 1e-9), 1.0)
    water_stream = WATER_SPECIFIC_HEAT * p.coil_water_flow_nominal * water_fraction
    duty = coil.air_side_duty(
        stream,
        water_stream,
        coil.coil_conductance(
            air_fraction,
            water_fraction,
            p.coil_conductance_nominal,
            p.coil_air_resistance_share,
            xp,
            air_factor,
            water_factor,
        ),
        xp,
    )
    if hasattr(p, "coil_air_humidity_ratio"):
        films = coil.film_conductances(
            air_fraction, water_fraction, p.coil_conductance_nominal, p.coil_air_resistance_share, xp
        )
        wetted = coil.wetted_duty(
            hot.crah_flow,
            entering,
            p.coil_air_humidity_ratio,
            p.coil_air_dew_point_temperature,
            water,
            water_stream,
            air_factor * films[0],
            water_factor * films[1],
            STANDARD_PRESSURE,
            p.air_specific_heat,
            xp,
        )
        duty = xp.where(p.coil_air_dew_point_temperature > water, xp.minimum(wetted, 1.0), duty)
    hot_return, bypass = hot.hot_return, hot.bypass
    if hasattr(p, "coil_entering_air_max"):
        is_over = entering > p.coil_entering_air_max
        hot_return = xp.where(is_over, p.coil_entering_air_max, hot_return)
        bypass = xp.where(is_over, 0.0, bypass)
    supply = thermal.node_temperature(
        s.supply_air_temperature,
        p.supply_air_heat_capacity,
        stream * (1.0 - (1.0 - duty) * bypass),
        stream * ((1.0 - duty) * hot_return + duty * water) + hot.crah_power,
        dt,
    )
    entering = hot_return + bypass * supply
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
    powers = {}
    if hasattr(p, "coil_entering_air_max"):
        powers["entering_limit_heat"] = total(stream * (hot.hot_return + hot.bypass * supply - entering), xp)
    return Cooled({"valve_fraction": valve}, supply, total(stream * duty * (entering - water), xp), powers)
