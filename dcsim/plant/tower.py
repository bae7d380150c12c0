"""Condenser water, its pumps, and the cooling towers."""

from typing import Any, NamedTuple

from dcsim.physics import cooling_tower, fan, moist_air, pump, thermal
from dcsim.physics.constants import STANDARD_PRESSURE, WATER_SPECIFIC_HEAT
from dcsim.physics.smooth import clip
from dcsim.plant import economizer, pump_motors
from dcsim.plant.description import HallDescription, Tower
from dcsim.plant.loops import DRIFT_FRACTION, Array, Setpoint, modulated

STANDARD_DENSITY = 1.2041  # kg/m3 of dry air at 20 degC and sea level


class Params(NamedTuple):
    """What condenser-water loop and towers are made of."""

    condenser_water_temperature_min: Array  # (1) while chillers run
    condenser_water_flow_nominal: Array  # (1) kg/s
    condenser_water_heat_capacity: Array  # (1) J/K
    condenser_water_pump_power_nominal: Array  # (1) W
    condenser_water_static_share: Array  # (1)
    tower_conductance_nominal: Array  # (1) W/K
    tower_air_flow_nominal: Array  # (1) kg/s
    tower_wet_bulb_nominal: Array  # (1)
    tower_fan_power_nominal: Array  # (1) W
    tower_air_fraction_min: Array  # (1)
    tower_time_constant: Array  # (1) s
    drift_fraction: Array  # (1) of the tower's water flow
    cycles_of_concentration: Array  # (1)


class Held(NamedTuple):
    """What flows, and of the outdoor air."""

    condenser_water_flow: Array  # (1) fraction that flows
    outdoor_density_ratio: Array  # (1) over that of 20 degC at sea level
    tower_film_density_ratio: Array  # (1) that the rating of films and fans is corrected by
    outdoor_specific_heat: Array  # (1) J/K for each kilogram of dry air


class State(NamedTuple):
    """Water, fans, energies of the control step."""

    condenser_water_supply_temperature: Array  # (1) tower basin
    tower_air_fraction: Array  # (1)
    condenser_water_pump_energy: Array  # (1) J
    tower_fan_energy: Array  # (1) J
    tower_heat: Array  # (1) J from the water to the outdoor air
    tower_makeup_water: Array  # (1) kg evaporated, drifted and blown down
    condenser_water_setpoint: Array  # (1)
    condenser_water_flow: Array  # (1) fraction


class Inputs(NamedTuple):
    """What is asked for."""

    condenser_water_setpoint: Array  # (1)
    condenser_water_flow: Array  # (1) fraction
    condenser_water_pump_available: Array  # (1) share of the pumps that can run
    tower_fan_available: Array  # (1) share of the cells whose fan can run


SETPOINTS = (
    Setpoint("condenser_water_setpoint", "condenser_water_setpoint", "condenser_water_temperature"),
    Setpoint("condenser_water_flow", "condenser_water_flow", "condenser_water_flow"),
)
HEAT_CAPACITIES = {"condenser_water_supply_temperature": "condenser_water_heat_capacity"}
AVAILABILITY = {"condenser_water_pump": "condenser_water_pump_available", "tower_fan": "tower_fan_available"}
UNITS = {"condenser_water_pump": "condenser_water_pumps", "tower_fan": "tower_cells"}
METERS = {"pump": ("condenser_water_pump_energy",), "tower_fan": ("tower_fan_energy",)}
REJECTED = ("tower_heat", "tower_fan_energy")  # the fans' power leaves with the air they move
WATER = ("tower_makeup_water",)


def sized(d: HallDescription) -> dict[str, Any]:
    """Values of ``Params`` for a described hall."""
    assert d.tower is not None and d.chillers is not None
    tower, coldest = d.tower, d.chillers.condenser_water_temperature_min
    assert coldest is not None
    return dict(
        condenser_water_temperature_min=coldest.value,
        condenser_water_flow_nominal=tower.water_flow.value,
        condenser_water_heat_capacity=tower.heat_capacity.value,
        condenser_water_pump_power_nominal=tower.pump_power.value,
        condenser_water_static_share=tower.pump_static_share.value,
        tower_conductance_nominal=tower.conductance.value if tower.conductance else _conductance(tower),
        tower_air_flow_nominal=tower.air_flow.value,
        tower_wet_bulb_nominal=tower.design_wet_bulb_temperature.value,
        tower_fan_power_nominal=tower.fan_power.value,
        tower_air_fraction_min=tower.air_fraction_min.value,
        tower_time_constant=tower.time_constant.value,
        drift_fraction=tower.drift_fraction.value,
        cycles_of_concentration=tower.cycles_of_concentration.value,
    )


def _conductance(tower: Tower) -> float:
    return cooling_tower.size_conductance(
        WATER_SPECIFIC_HEAT * tower.water_flow.value * tower.design_range.value,
        tower.design_wet_bulb_temperature.value,
        tower.design_approach.value,
        tower.design_range.value,
        tower.air_flow.value,
        STANDARD_PRESSURE,
    )


def begin(s: Any, u: Any, p: Any, now: dict[str, Array], interval: Array, xp: Any) -> tuple[dict, dict]:
    """Hold what flows, at most what the pumps that can run give, and the density of the outdoor air."""
    flow = xp.minimum(now["condenser_water_flow"], pump.RUN_OUT * u.condenser_water_pump_available)
    density = 1.0 / moist_air.specific_volume(u.dry_bulb_temperature, u.outdoor_humidity_ratio, u.outdoor_pressure)
    ratio = density / STANDARD_DENSITY
    film = 1.0 + (1.0 - p.site_rated) * (ratio - 1.0)
    return {}, dict(
        condenser_water_flow=xp.maximum(flow, DRIFT_FRACTION),
        outdoor_density_ratio=ratio,
        tower_film_density_ratio=film,
        outdoor_specific_heat=moist_air.specific_heat(u.outdoor_humidity_ratio),
    )


class FanCurve:
    """A part: power of the fans by a cubic of the air fraction, instead of a measured table."""

    class Params(NamedTuple):
        """Of the cubic."""

        tower_fan_curve: Array  # (4)

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.tower is not None and d.tower.fan_curve is not None
        return dict(tower_fan_curve=d.tower.fan_curve.values)


class FreeConvection:
    """A part: fans stop where natural draught is enough; without a bypass the water then leaves below its set-point."""

    class Params(NamedTuple):
        """Of the still tower."""

        tower_free_convection: Array  # (1) conductance and air over nominal with still fans

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.tower is not None and d.tower.free_convection is not None
        return dict(tower_free_convection=d.tower.free_convection.value)


class LoadLimit:
    """A part: towers that are never asked for more than a load; hotter water then leaves above its set-point (EnergyPlus)."""

    class Params(NamedTuple):
        """Of the limit."""

        tower_load_max: Array  # (1) W

    @staticmethod
    def sized(d: HallDescription) -> dict[str, Any]:
        """Values of ``Params`` for a described hall."""
        assert d.tower is not None and d.tower.load_max is not None
        return dict(tower_load_max=d.tower.load_max.value)


class Rejected(NamedTuple):
    """What the towers did."""

    new: dict[str, Array]
    powers: dict[str, Array]  # (1) W


def rejected(condenser_heat: Array, s: Any, u: Any, h: Any, p: Any, dt: Array, xp: Any) -> Rejected:
    """Take the condensers' heat out of the water; a bypass keeps the basin from falling below its set-point.

    Parameters
    ----------
    condenser_heat : Array
        Into the water [W], shape (1, N).
    s, u, h, p : State, Inputs, Held, Params
        Of shapes ``(rows, N)``.
    dt : Array or float
        Length of the pass [s].
    xp : namespace
    """
    basin = s.condenser_water_supply_temperature
    flow = p.condenser_water_flow_nominal * h.condenser_water_flow
    stream = WATER_SPECIFIC_HEAT * flow
    water_share, cells_share = h.condenser_water_flow, 1.0  # of nominal: water onto each cell that runs, cells that run
    pumps = u.condenser_water_pump_available
    driven_flow = xp.minimum(s.condenser_water_flow, pump.RUN_OUT * pumps)  # what drifts takes no power
    if hasattr(p, "tower_cells"):
        cells_share = s.tower_cells_on / p.tower_cells
        water_share = water_share / cells_share
        static = p.condenser_water_static_share
        pump_power = pump.parallel_power(
            driven_flow,
            static + (1.0 - static) * driven_flow * driven_flow,
            xp.minimum(s.condenser_water_pumps_on / p.condenser_water_pumps, pumps),
            p.condenser_water_pump_power_nominal,
            xp,
        )
    else:
        pump_power = pump.friction_and_static_power(
            driven_flow, p.condenser_water_pump_power_nominal, p.condenser_water_static_share
        )
    # cells without fan keep their share of the water, which natural draught cools
    natural = p.tower_free_convection if hasattr(p, "tower_free_convection") else cooling_tower.FREE_CONVECTION_FRACTION
    fans_share = xp.minimum(u.tower_fan_available / cells_share, 1.0)  # of the cells that run
    worth = fans_share + (1.0 - fans_share) * natural
    wanted = xp.maximum(s.condenser_water_setpoint, p.condenser_water_temperature_min)
    if hasattr(p, "economizer_conductance"):
        free = economizer.is_free(s)
        wanted = xp.where(free, s.condenser_water_setpoint, wanted)
        pump_power = pump_power * pump.head_fraction(
            xp.where(free, 1.0, 0.0),
            p.chiller_condenser_head_share,
            xp.where(h.economizer_conductance > 0.0, 0.0, 1.0),
            p.economizer_condenser_head_share,
        )
    pump_heat, motor_heat = pump_motors.heat(pump_power, "condenser_water", p)
    heat_in = condenser_heat + pump_heat
    entering = thermal.mixed_temperature(basin, heat_in, stream)

    def transfer(air_fraction: Array, conductance: Array) -> tuple[Array, Array, Array]:
        air_flow = h.outdoor_density_ratio * (cells_share * p.tower_air_flow_nominal) * air_fraction
        heat_flow, leaving_wet_bulb = cooling_tower.merkel_heat_flow(
            entering,
            flow,
            u.wet_bulb_temperature,
            u.outdoor_pressure,
            air_flow,
            conductance,
            xp,
            h.outdoor_specific_heat,
        )
        evaporated = cooling_tower.evaporation_mass_flow(
            air_flow, leaving_wet_bulb, u.outdoor_humidity_ratio, u.outdoor_pressure, xp
        )
        return heat_flow, evaporated, air_fraction

    def driven(air_fraction: Array) -> tuple[Array, Array, Array]:
        ratio = h.tower_film_density_ratio * air_fraction
        nominal = cells_share * p.tower_conductance_nominal, p.tower_wet_bulb_nominal
        heat_flow, evaporated, _ = transfer(
            air_fraction,
            cooling_tower.merkel_conductance(ratio, water_share, u.wet_bulb_temperature, *nominal, xp),
        )
        return worth * heat_flow, worth * evaporated, air_fraction

    limit, evaporation, air_fraction = driven(s.tower_air_fraction)
    if hasattr(p, "tower_free_convection"):
        demand = _limited(xp.maximum(heat_in + stream * (basin - wanted), 0.0), p, xp)
        still = transfer(p.tower_free_convection, p.tower_free_convection * cells_share * p.tower_conductance_nominal)
        slowest = driven(p.tower_air_fraction_min)
        heat = xp.minimum(demand, limit)
        evaporation = evaporation * (heat / xp.maximum(limit, 1.0))
        for heat_flow, evaporated, fraction in (slowest, still):
            enough = heat_flow >= demand
            heat = xp.where(enough, heat_flow, heat)
            evaporation = xp.where(enough, evaporated, evaporation)
            air_fraction = xp.where(enough, fraction, air_fraction)
        fans = xp.where(still[0] >= demand, 0.0, 1.0)
    else:
        wished = thermal.relaxed_implicitly(basin, wanted, dt / p.tower_time_constant)
        demand = _limited(heat_in + thermal.heat_to_cool(basin, wished, p.condenser_water_heat_capacity, dt), p, xp)
        heat = xp.minimum(xp.maximum(demand, 0.0), limit)
        evaporation = evaporation * clip(heat / xp.maximum(limit, 1.0), 0.0, 1.0, xp)
        fans = 1.0
    if hasattr(p, "tower_fan_curve"):
        c = p.tower_fan_curve
        curve = fan.polynomial_power(air_fraction, fans, (c[0:1], c[1:2], c[2:3], c[3:4]))
    else:
        curve = fans * cooling_tower.fan_power_fraction(air_fraction, xp)
    fan_power = (h.tower_film_density_ratio * (fans_share * cells_share * p.tower_fan_power_nominal)) * curve
    return Rejected(
        new=dict(
            condenser_water_supply_temperature=thermal.heated(
                basin, p.condenser_water_heat_capacity, heat_in - heat, dt
            ),
            tower_air_fraction=modulated(
                s.tower_air_fraction, demand, limit, dt, p.tower_time_constant, p.tower_air_fraction_min, 1.0, xp
            ),
        ),
        powers=dict(
            condenser_water_pump_energy=pump_power,
            tower_fan_energy=fan_power,
            tower_heat=heat,
            tower_makeup_water=cooling_tower.makeup_mass_flow(
                xp.maximum(evaporation, 0.0), flow, p.drift_fraction, p.cycles_of_concentration, xp
            ),
            **motor_heat,
        ),
    )


def _limited(demand: Array, p: Any, xp: Any) -> Array:
    """Heat asked of the towers [W], at most what they may be asked for."""
    return xp.minimum(demand, p.tower_load_max) if hasattr(p, "tower_load_max") else demand


def monitor(s: Any, u: Any, h: Any, p: Any, time_step: Array, xp: Any) -> dict[str, Array]:
    """Extrapolation may carry the fans a little beyond their ends."""
    return dict(tower_air_fraction=clip(s.tower_air_fraction, p.tower_air_fraction_min, 1.0, xp))
