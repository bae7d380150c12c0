"""Chiller and tower as EnergyPlus's iteration leaves them, beside what they are where the plant's heat balance is closed.

EnergyPlus begins every step of its systems with the terminal at the greatest air flow, and by default passes its water loops only twice in an
iteration. Its chiller is evaluated with condenser water that belongs to the load at the greatest air flow, and what is reported of the tower
is the second of two passes from there. So the heat balance between condenser and tower does not close, by up to 2 % of the chiller's energy
where the weather is mild. With eight passes (``LiveCase.plant_iterations_min``) it does.

Here the same passes are made with dcsim's laws for all intervals of a run at once, from what dcsim's plant found. Nothing is fitted, and no
result of EnergyPlus enters.

Sources: EnergyPlus 25.2, HVACManager, PlantManager and Plant/Loop (order of the passes), SingleDuct (greatest flow in the first iteration),
PlantUtilities (loop capacitance), CondenserLoopTowers (Merkel tower); Engineering Reference of the same names.
"""

from typing import Any, NamedTuple

import numpy as np

from dcsim.physics import chiller, coil, cooling_tower, fan, moist_air, pump
from dcsim.physics.constants import WATER_SPECIFIC_HEAT
from dcsim.plant.tower import STANDARD_DENSITY
from dcsim_experiments.validation.energyplus_reference import EnergyPlusRun

Array = np.ndarray

SYSTEM_STEP_MAX = 600.0  # s; hourly values are means over six steps
LOOP_WATER = 999.898  # kg in each half of a loop: 2 m3 at 5 degC
PASSES = 2  # through the condenser loop in one iteration
CLOSING_PASSES = 40
BISECTIONS = 40


class Operation(NamedTuple):
    """What the plant did in each interval, all of shape (T,); temperatures are means [degC]."""

    return_air_temperature: Array
    fan_temperature_rise: Array  # K, of the air in the CRAH fan
    chilled_water_supply_temperature: Array
    chilled_water_return_temperature: Array
    basin_temperature: Array  # of the tower, which the condenser takes
    tower_inlet_temperature: Array
    tower_outlet_temperature: Array
    evaporator_heat_flow: Array  # W
    condenser_heat_flow: Array  # W


class WaterSide(NamedTuple):
    """Chiller and tower of each interval, all of shape (T,)."""

    condenser_inlet_temperature: Array
    tower_inlet_temperature: Array
    tower_outlet_temperature: Array
    chiller_power: Array  # W
    tower_fan_power: Array  # W

    def less(self, other: "WaterSide") -> "WaterSide":
        """Return the differences."""
        return WaterSide(*(a - b for a, b in zip(self, other, strict=True)))

    def times(self, factor: Array) -> "WaterSide":
        """Return all of it times a factor, shape (T,)."""
        return WaterSide(*(a * factor for a in self))


def water_sides(run: EnergyPlusRun, p: Any, found: Operation) -> tuple[WaterSide, WaterSide]:
    """Return chiller and tower as EnergyPlus iterates, and with the balance of the condenser loop closed.

    Both are quasi-steady: of an interval in which the plant starts, stops or is carried from one state to another, their difference means
    something, not their size.

    Parameters
    ----------
    run : EnergyPlusRun
        Of which weather, set-points and length of step count.
    p : Params
        Of dcsim's hall.
    found : Operation
        What dcsim's plant did.
    """
    loop = _CondenserLoop(run, p, found)
    leaving, heat = found.chilled_water_supply_temperature, found.evaporator_heat_flow
    entering = loop.passed(loop.outlet_before, loop.heat_before)[2]
    first_heat = load_at_greatest_air_flow(run, p, found)
    first_heat = first_heat + chiller_power(first_heat, run.chilled_water_temperature_setpoint, entering, p)
    for _ in range(PASSES):
        entering = loop.passed(entering, first_heat)[2]
    power = chiller_power(heat, leaving, entering, p)
    water = entering
    for _ in range(PASSES):
        inlet, outlet, water = loop.passed(water, heat + power)
    iterated = WaterSide(entering, inlet, outlet, power, loop.tower.fan_power(inlet))

    water = loop.outlet_before
    for _ in range(CLOSING_PASSES):
        power = chiller_power(heat, leaving, water, p)
        inlet, outlet, water = loop.passed(water, heat + power)
    return iterated, WaterSide(water, inlet, outlet, power, loop.tower.fan_power(inlet))


def chiller_power(heat: Array, leaving: Array, entering: Array, p: Any) -> Array:
    """Power [W] of the chiller with a heat flow [W], leaving chilled and entering condenser water [degC], all of shape (T,)."""
    capacity, eir = chiller.full_load(
        leaving[None],
        entering[None],
        p.chiller_capacity_curve,
        p.chiller_eir_curve,
        p.chiller_curve_box,
        lift_corrected=0.0,
    )
    power = chiller.eir_power(
        heat[None],
        p.chiller_capacity * capacity,
        p.chiller_cop,
        eir,
        p.chiller_part_load_curve,
        p.chiller_part_load_min,
        p.chiller_unloading_min,
    )
    return np.asarray(power[0])


def load_at_greatest_air_flow(run: EnergyPlusRun, p: Any, found: Operation) -> Array:
    """Load of the chiller [W], shape (T,), when the coil has to cool the greatest air flow to its set-point."""
    water, returning = run.chilled_water_temperature_setpoint, found.return_air_temperature
    air_flow = float(p.crah_mass_flow_nominal[0, 0])
    air_stream = air_flow * float(p.air_specific_heat[0, 0])
    rated = float(p.coil_conductance_nominal[0, 0]), float(p.coil_air_resistance_share[0, 0])
    flow_nominal = float(p.coil_water_flow_nominal[0, 0])
    air_factor = 1.0 + p.coil_air_film_coefficient[0] * (returning - p.coil_rating_air_temperature[0])
    water_factor = coil.water_film_factor(water, p.coil_rating_water_temperature[0])
    humidity_ratio = run.zone_humidity_ratio
    dew_point = moist_air.dew_point_temperature(humidity_ratio, run.outdoor_pressure)

    def heat_flow(valve: Array) -> Array:
        stream, whole = WATER_SPECIFIC_HEAT * flow_nominal * valve, np.ones_like(valve)
        conductance = coil.coil_conductance(whole, valve, *rated, np, air_factor, water_factor)
        duty: Any = coil.air_side_duty(air_stream, stream, conductance)
        films = coil.film_conductances(whole, valve, *rated)
        wetted = coil.wetted_duty(
            air_flow,
            returning,
            humidity_ratio,
            dew_point,
            water,
            stream,
            air_factor * films[0],
            water_factor * films[1],
            run.outdoor_pressure,
            p.air_specific_heat[0],
        )
        duty = np.where(dew_point > water, np.minimum(wetted, 1.0), duty)
        return np.asarray(air_stream * duty * (returning - water))

    coil_outlet = run.supply_air_temperature_setpoint - before(run, found.fan_temperature_rise)
    wanted = np.maximum(air_stream * (returning - coil_outlet), 0.0)
    valve: Any = solved(heat_flow, wanted, 1e-4, 1.0)
    heat = np.minimum(wanted, heat_flow(valve))
    stream = WATER_SPECIFIC_HEAT * flow_nominal * valve
    pump_power = pump.pump_power(valve, valve, p.chilled_water_pump_power_nominal[0])
    arriving = mixed_tank(
        before(run, found.chilled_water_return_temperature),
        water + (heat + p.pump_motor_efficiency[0] * pump_power) / stream,
        flow_nominal * valve,
        system_step(run),
    )
    return np.clip(stream * (arriving - water), 0.0, chiller_load_max(p))


def chiller_load_max(p: Any) -> float:
    """Greatest load that the plant's control gives to the chiller [W]."""
    return float(p.chiller_load_max[0, 0] * p.chiller_capacity[0, 0])


def system_step(run: EnergyPlusRun) -> float:
    """Length of a step of EnergyPlus's systems [s]."""
    return min(run.time_step, SYSTEM_STEP_MAX)


def before(run: EnergyPlusRun, values: Array) -> Array:
    """Values of the step before; of hourly means, which hold several steps, the same."""
    return values if run.time_step > SYSTEM_STEP_MAX else np.concatenate([values[:1], values[:-1]])


def mixed_tank(last: Array, entering: Array, mass_flow: Array | float, time_step: float) -> Array:
    """Mean temperature over a step of the water that leaves a mixed half loop, which had ``last`` before."""
    turns = mass_flow * time_step / LOOP_WATER
    return entering + (last - entering) * -np.expm1(-turns) / turns


def solved(law: Any, wanted: Array, low: float, high: float) -> Array:
    """Argument within bounds at which a rising law comes to what is wanted, by bisection; the upper bound where it does not."""
    lower, upper = np.full_like(wanted, low), np.full_like(wanted, high)
    for _ in range(BISECTIONS):
        middle = 0.5 * (lower + upper)
        enough = law(middle) >= wanted
        lower, upper = np.where(enough, lower, middle), np.where(enough, middle, upper)
    return upper


class _Tower:
    """The tower in the weather of a run: heat flows [W] and temperatures [degC] of shape (T,)."""

    def __init__(self, run: EnergyPlusRun, p: Any) -> None:
        self._run, self._p = run, p
        volume = moist_air.specific_volume(
            run.outdoor_dry_bulb_temperature, run.outdoor_humidity_ratio, run.outdoor_pressure
        )
        self._air_flow = p.tower_air_flow_nominal[0] / (volume * STANDARD_DENSITY)
        self._specific_heat = moist_air.specific_heat(run.outdoor_humidity_ratio)
        self.stream = WATER_SPECIFIC_HEAT * float(p.condenser_water_flow_nominal[0, 0])

    def outlet(self, inlet: Array) -> Array:
        demand, still, slowest = self._loads(inlet)
        heat = np.minimum(demand, self._driven(inlet, 1.0))
        heat = np.where(slowest >= demand, slowest, heat)
        heat = np.where(still >= demand, still, heat)
        return inlet - np.where(demand > 0.0, heat, 0.0) / self.stream

    def fan_power(self, inlet: Array) -> Array:
        demand, still, _ = self._loads(inlet)
        least = float(self._p.tower_air_fraction_min[0, 0])
        fraction = solved(lambda air: self._driven(inlet, air), demand, least, 1.0)
        c = self._p.tower_fan_curve
        power = fan.polynomial_power(fraction, self._p.tower_fan_power_nominal[0], (c[0], c[1], c[2], c[3]))
        return np.where((still >= demand) | (demand <= 0.0), 0.0, power)

    def _loads(self, inlet: Array) -> tuple[Array, Array, Array]:
        """Heat to take out, and what a still tower and the slowest fan take out in any case."""
        p = self._p
        wanted = self.stream * (inlet - self._run.condenser_water_temperature_setpoint)
        share = float(p.tower_free_convection[0, 0])
        still = self._transfer(inlet, share, share * p.tower_conductance_nominal[0])
        return (
            np.minimum(wanted, p.tower_load_max[0]),
            still,
            self._driven(inlet, float(p.tower_air_fraction_min[0, 0])),
        )

    def _driven(self, inlet: Array, air_fraction: Any) -> Array:
        p = self._p
        conductance = cooling_tower.merkel_conductance(
            air_fraction,
            1.0,
            self._run.outdoor_wet_bulb_temperature,
            p.tower_conductance_nominal[0],
            p.tower_wet_bulb_nominal[0],
        )
        return self._transfer(inlet, air_fraction, conductance)

    def _transfer(self, inlet: Array, air_fraction: Any, conductance: Array) -> Array:
        run = self._run
        heat, _ = cooling_tower.merkel_heat_flow(
            inlet,
            self.stream / WATER_SPECIFIC_HEAT,
            run.outdoor_wet_bulb_temperature,
            run.outdoor_pressure,
            self._air_flow * air_fraction,
            conductance,
            np,
            self._specific_heat,
        )
        return np.asarray(heat)


class _CondenserLoop:
    """Condenser water that takes up heat, is mixed, cooled and mixed again."""

    def __init__(self, run: EnergyPlusRun, p: Any, found: Operation) -> None:
        self.tower = _Tower(run, p)
        self.outlet_before = before(run, found.tower_outlet_temperature)
        self.heat_before = before(run, found.condenser_heat_flow)
        self._inlet_before = before(run, found.tower_inlet_temperature)
        self._pump_heat = p.pump_motor_efficiency[0] * p.condenser_water_pump_power_nominal[0]
        self._flow, self._time_step = self.tower.stream / WATER_SPECIFIC_HEAT, system_step(run)

    def passed(self, entering: Array, heat: Array) -> tuple[Array, Array, Array]:
        """Water into the tower, out of it, and back at the condenser [degC], from what enters that and the heat it gives [W]."""
        warmed = entering + (heat + self._pump_heat) / self.tower.stream
        inlet = mixed_tank(self._inlet_before, warmed, self._flow, self._time_step)
        outlet = self.tower.outlet(inlet)
        return inlet, outlet, mixed_tank(self.outlet_before, outlet, self._flow, self._time_step)
