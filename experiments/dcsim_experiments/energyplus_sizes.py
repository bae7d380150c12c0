"""Sizes of the data hall with a chilled-water plant that `energyplus_model` writes for EnergyPlus.

Plain numbers with units, fixed: nothing is autosized. The defaults describe a hall of 350 kW with a 471 kW chiller.

Sources: the chiller is "McQuay WSC 471 kW, COP 5.89, vanes" of the EnergyPlus data set Chillers.idf (CoolTools); the
fan curve is that of ASHRAE 90.1 Appendix G, method 2 for variable-speed fans; the tower's UA factors are those of the
EnergyPlus example for CoolingTower:VariableSpeed:Merkel; the other sizes are assumed so that the parts fit each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date

DAYS_A_YEAR = 365


@dataclass(frozen=True)
class Hall:
    """Shell of the hall: a box on a floor slab that exchanges no heat with the ground.

    Attributes
    ----------
    length, width, height : float
        Inner size [m].
    wall_resistance, roof_resistance : float
        Conductive resistance without surface films, no heat capacity [m² K/W].
    slab_thickness, slab_conductivity, slab_density, slab_specific_heat : float
        Concrete slab [m], [W/(m K)], [kg/m³], [J/(kg K)]; the only thermal mass besides the air.
    air_capacity_multiplier : float
        Factor on the heat capacity of the room air [-], 1 for the air alone.
    latent_heat_removed : float
        Constant drying of the room air [W], latent heat only; the hall exchanges no other moisture.

    Notes
    -----
    Undried, the hall keeps the humidity ratio that the outdoor air had at the start of the run. Where its dew point lies
    above the chilled water, EnergyPlus's simple coil turns wet and weaker without drying the air, and computes longer:
    start in a dry season or remove some 500 W, which empties this room of moisture within days.
    """

    length: float = 15.24
    width: float = 15.24
    height: float = 4.572
    wall_resistance: float = 2.291
    roof_resistance: float = 5.456
    slab_thickness: float = 0.1015
    slab_conductivity: float = 1.73
    slab_density: float = 2243.0
    slab_specific_heat: float = 837.0
    air_capacity_multiplier: float = 1.0
    latent_heat_removed: float = 0.0


@dataclass(frozen=True)
class ItEquipment:
    """Air-cooled servers with their own fans and power supply.

    Attributes
    ----------
    cpu_power_nominal, fan_power_nominal : float
        Full-load power without the fans, and of the fans [W].
    air_volume_flow_nominal : float
        Air flow of the servers at an air-flow fraction of 1 [m³/s].
    cpu_power_curve, air_flow_curve : tuple of 6 floats
        c1 + c2 u + c3 u² + c4 T + c5 T² + c6 u T with load u [-] and server inlet temperature T [°C], as a fraction
        of the nominal value [-].
    fan_power_curve : tuple of 4 floats
        Cubic in the air-flow fraction [-].
    recirculation_fraction : float
        Share of room air in the server inlet air [-].
    power_supply_efficiency : float
        IT power over power drawn, losses to the zone [-].
    hourly_load : tuple of 24 floats
        CPU load by hour of the day, local standard time [-].
    """

    cpu_power_nominal: float = 308e3
    fan_power_nominal: float = 42e3
    air_volume_flow_nominal: float = 28.0
    cpu_power_curve: tuple[float, ...] = (0.3, 0.7, 0.0, 0.0, 0.0, 0.0)
    air_flow_curve: tuple[float, ...] = (0.2, 0.4, 0.0, 0.02, 0.0, 0.0)
    fan_power_curve: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
    recirculation_fraction: float = 0.05
    power_supply_efficiency: float = 0.95
    hourly_load: tuple[float, ...] = (
        *(0.45,) * 5, *(0.55,) * 2, *(0.7,) * 2, *(0.85,) * 2, *(0.95,) * 3, *(1.0,) * 3, *(0.9,) * 3, *(0.75,) * 2,
        *(0.55,) * 2,
    )  # fmt: skip


@dataclass(frozen=True)
class Crah:
    """Air handler: counter-flow chilled-water coil, then a variable-speed fan.

    Attributes
    ----------
    air_volume_flow_nominal, air_flow_fraction_min : float
        Greatest air flow [m³/s] and the least share of it [-].
    fan_pressure : float
        Pressure rise at the greatest flow [Pa].
    fan_efficiency, fan_motor_efficiency : float
        Total and motor efficiency [-]; the motor sits in the air stream.
    fan_power_curve : tuple of 4 floats
        Cubic in the air-flow fraction, as a fraction of full power [-].
    coil_conductance : float
        UA at the coil's design point [W/K]; EnergyPlus varies it with both flows.
    coil_air_volume_flow, coil_water_volume_flow : float
        Flows at the design point, the second also the greatest water flow [m³/s].
    coil_air_inlet_temperature, coil_water_inlet_temperature : float
        Inlet temperatures at the design point [°C].
    coil_humidity_ratio : float
        Of the air at the design point, dry enough for a dry coil [kg/kg].
    valve_tolerance : float
        Band within which the coil's controller takes its set-point as met [K].
    """

    air_volume_flow_nominal: float = 36.0
    air_flow_fraction_min: float = 0.25
    fan_pressure: float = 600.0
    fan_efficiency: float = 0.65
    fan_motor_efficiency: float = 0.9
    fan_power_curve: tuple[float, ...] = (0.0013, 0.1470, 0.9506, -0.0998)
    coil_conductance: float = 46479.0
    coil_air_volume_flow: float = 32.0
    coil_water_volume_flow: float = 0.01035
    coil_air_inlet_temperature: float = 33.0
    coil_water_inlet_temperature: float = 10.0
    coil_humidity_ratio: float = 0.0075
    valve_tolerance: float = 0.002

    def coil_air_outlet_temperature(self, elevation: float) -> float:
        """Leaving air temperature with which EnergyPlus arrives at `coil_conductance`.

        Parameters
        ----------
        elevation : float
            Of the site [m]; EnergyPlus turns volume flows into mass flows with its standard air density.

        Returns
        -------
        float
            Air temperature behind the coil at the design point [°C].

        Notes
        -----
        Domain: dry counter-flow coil, air or water side smaller.

        References
        ----------
        EnergyPlus 25.2 Engineering Reference, "Chilled-Water-Based Detailed/Simple Coil"; Incropera et al., ch. 11,
        effectiveness-NTU relation for counterflow; ASHRAE Fundamentals 2021, ch. 1, eq. 3 (standard pressure).
        """
        pressure = 101325.0 * (1.0 - 2.25577e-5 * elevation) ** 5.2559
        air_density = pressure / (287.0 * 293.15)
        air = self.coil_air_volume_flow * air_density * (1004.84 + 1858.95 * self.coil_humidity_ratio)
        water = self.coil_water_volume_flow * 999.7 * 4195.0  # density and specific heat at 10 °C
        small, ratio = min(air, water), min(air, water) / max(air, water)
        decay = math.exp(-self.coil_conductance / small * max(1.0 - ratio, 1e-6))
        effectiveness = (1.0 - decay) / (1.0 - min(ratio, 1.0 - 1e-6) * decay)
        span = self.coil_air_inlet_temperature - self.coil_water_inlet_temperature
        return self.coil_air_inlet_temperature - effectiveness * small * span / air


@dataclass(frozen=True)
class Chiller:
    """Electric water-cooled chiller by its reference point and three curves.

    Attributes
    ----------
    capacity : float
        Cooling at the reference point [W].
    cop : float
        At the reference point [-].
    chilled_water_reference, condenser_water_reference : float
        Leaving chilled-water and entering condenser-water temperature at the reference point [°C].
    capacity_curve, input_ratio_curve : tuple of 6 floats
        Biquadratic in leaving chilled-water and entering condenser-water temperature [°C], relative [-].
    part_load_curve : tuple of 3 floats
        Quadratic in the part-load ratio [-].
    chilled_water_range, condenser_water_range : tuple of 2 floats
        Temperatures to which the curve inputs are clamped [°C].
    part_load_min, part_load_max : float
        Part-load ratios of the unloading limit and of the greatest load [-].
    chilled_water_limit : float
        Lowest leaving temperature [°C].
    """

    capacity: float = 471.2e3
    cop: float = 5.89
    chilled_water_reference: float = 8.89
    condenser_water_reference: float = 26.67
    capacity_curve: tuple[float, ...] = (0.252113, 0.01324053, -0.008637329, 0.08581056, -0.004261176, 0.008661899)
    input_ratio_curve: tuple[float, ...] = (0.4475238, -0.0258821, -0.001459053, 0.04342595, -0.001000651, 0.001920106)
    part_load_curve: tuple[float, ...] = (0.2778889, 0.2338363, 0.4883748)
    chilled_water_range: tuple[float, float] = (7.22, 12.78)
    condenser_water_range: tuple[float, float] = (12.78, 26.67)
    part_load_min: float = 0.1
    part_load_max: float = 1.15
    chilled_water_limit: float = 2.0


@dataclass(frozen=True)
class Tower:
    """Open cooling tower with a variable-speed fan, Merkel's theory.

    Attributes
    ----------
    conductance : float
        UA at design air and water flow [W/K].
    air_volume_flow : float
        Design air flow [m³/s].
    fan_power : float
        At the design air flow [W].
    air_flow_fraction_min : float
        Least share of the air flow while the fan runs [-].
    free_convection_fraction : float
        Share of air flow and of UA with the fan off [-].
    fan_power_curve : tuple of 4 floats
        Cubic in the air-flow ratio [-].
    air_flow_curve, water_flow_curve : tuple of 3 floats
        Quadratic factors on UA in the air- and water-flow ratio [-].
    wet_bulb_curve : tuple of 2 floats
        Linear factor on UA in design minus actual wet-bulb temperature [K].
    water_flow_limits, wet_bulb_limits : tuple of 2 floats
        Between which these factors are kept [-].
    design_wet_bulb_temperature, design_approach, design_range : float
        Design point [°C], [K], [K].
    """

    conductance: float = 38e3
    air_volume_flow: float = 15.2
    fan_power: float = 5800.0
    air_flow_fraction_min: float = 0.2
    free_convection_fraction: float = 0.1
    fan_power_curve: tuple[float, ...] = (0.02, 0.0, 0.0, 0.98)
    air_flow_curve: tuple[float, ...] = (0.0, 1.3, -0.3)
    water_flow_curve: tuple[float, ...] = (0.1082, 1.667, -0.7713)
    wet_bulb_curve: tuple[float, ...] = (1.0, 0.0081)
    water_flow_limits: tuple[float, float] = (0.5, 1.1)
    wet_bulb_limits: tuple[float, float] = (0.85, 1.3)
    design_wet_bulb_temperature: float = 25.6
    design_approach: float = 3.9
    design_range: float = 6.8


@dataclass(frozen=True)
class Pumps:
    """Pumps of the two water loops; shaft power warms the water, motor losses leave the site.

    Attributes
    ----------
    chilled_water_power, condenser_water_power : float
        At full flow [W].
    chilled_water_head, condenser_water_head : float
        At full flow [Pa].
    chilled_water_power_curve : tuple of 4 floats
        Cubic in the flow fraction [-].
    condenser_water_volume_flow : float
        Constant flow while the loop runs [m³/s].
    motor_efficiency : float
        Of both pumps [-].
    """

    chilled_water_power: float = 3250.0
    condenser_water_power: float = 4900.0
    chilled_water_head: float = 220e3
    condenser_water_head: float = 180e3
    chilled_water_power_curve: tuple[float, ...] = (0.0, 0.0, 0.0, 1.0)
    condenser_water_volume_flow: float = 0.01924
    motor_efficiency: float = 0.9


@dataclass(frozen=True)
class Setpoints:
    """Set-points that hold until somebody overrides them through an actuator.

    Attributes
    ----------
    supply_air, zone, chilled_water : float
        Temperatures [°C]: behind the fan (met by the valve), of the room (met by the air flow), behind the chiller.
    condenser_water : float or None
        Temperature behind the tower [°C]; None lets it follow the wet bulb, and then it cannot be overridden.
    condenser_water_approach : float
        Above the wet bulb, where followed [K].
    condenser_water_min, condenser_water_max : float
        Limits where the wet bulb is followed [°C].
    """

    supply_air: float = 20.0
    zone: float = 30.0
    chilled_water: float = 10.0
    condenser_water: float | None = None
    condenser_water_approach: float = 4.0
    condenser_water_min: float = 16.0
    condenser_water_max: float = 26.67


@dataclass(frozen=True)
class EnergyPlusModel:
    """The whole model: sizes of every part and the run.

    Attributes
    ----------
    hall, it_equipment, crah, chiller, tower, pumps, setpoints
        The parts.
    time_step : int
        Zone time step [s], a divisor of an hour of at least 60 s.
    shortest_system_step : int
        Shortest step [s] to which EnergyPlus may go down by itself within a zone time step, whole minutes.
    plant_iterations_min : int
        Least passes through the water loops in a system step; EnergyPlus's own default is 2, and 4 or more close the
        heat balance between tower and condenser where the tower is at its limit.
    start : datetime.date
        First day of the run period, in a year of 365 days; the year has no other meaning.
    days : int
        Length of the run period, which ends within the same year.
    """

    hall: Hall = field(default_factory=Hall)
    it_equipment: ItEquipment = field(default_factory=ItEquipment)
    crah: Crah = field(default_factory=Crah)
    chiller: Chiller = field(default_factory=Chiller)
    tower: Tower = field(default_factory=Tower)
    pumps: Pumps = field(default_factory=Pumps)
    setpoints: Setpoints = field(default_factory=Setpoints)
    time_step: int = 600
    shortest_system_step: int = 60
    plant_iterations_min: int = 2
    start: date = date(2017, 1, 1)
    days: int = DAYS_A_YEAR
