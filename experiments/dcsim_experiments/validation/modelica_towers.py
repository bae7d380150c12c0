"""Cooling towers against the Modelica Buildings library and against EnergyPlus."""

import numpy as np

from dcsim.physics import cooling_tower
from dcsim.physics.constants import AIR_DENSITY, STANDARD_PRESSURE, WATER_DENSITY, WATER_SPECIFIC_HEAT
from dcsim_experiments.validation.modelica_air import NOTES
from dcsim_experiments.validation.modelica_reference import ReferenceFolder
from dcsim_experiments.validation.results import Array, Axis, Case, Quantity, Tolerance

# design of the EnergyPlus example CoolingTower_VariableSpeed_Merkel as that program sizes it
WET_BULB, RANGE, APPROACH = 25.6, 5.5, 3.9  # degC, K, K
WATER_VOLUME_FLOW, AIR_VOLUME_FLOW = 0.00109317, 0.56124  # m3/s
FAN_POWER = 213.27  # W
MINUTE = 60.0


def cases(files: ReferenceFolder) -> list[Case]:
    """Return the cases of cooling towers."""
    return [york_correlation(files), york_tower(files), merkel(files)]


def york_correlation(files: ReferenceFolder) -> Case:
    """The approach by correlation for any water and any air flow, range 5.56 K at a wet bulb of 25.55 degC."""
    reference = files("Fluid_HeatExchangers_CoolingTowers_Correlations_Examples_YorkCalc")
    ratio = 0.25 + reference.time
    tolerance = Tolerance(f"{NOTES}: 6.5e-7 K, single precision", greatest=1e-6)

    def approach(water_to_air: Array) -> Array:
        return cooling_tower.york_approach_temperature_difference(5.56, 25.55, water_to_air)

    return Case(
        "tower_york_correlation",
        "Approach of a tower by the York correlation",
        reference.source,
        [
            Quantity(
                "approach_by_water",
                "K",
                reference["TApp_Wat"],
                approach(ratio),
                tolerance,
                "approach, water flow varied",
            ),
            Quantity(
                "approach_by_air",
                "K",
                reference["TApp_Air"],
                approach(1.0 / ratio),
                tolerance,
                "approach, air flow varied",
            ),
        ],
        Axis("flow ratio", "-", ratio),
    )


def york_tower(files: ReferenceFolder) -> Case:
    """The approach of a tower in a loop in San Francisco while water runs over it and its fan turns."""
    reference = files("Fluid_HeatExchangers_CoolingTowers_Examples_YorkCalc")
    water, air = reference["tow.FRWat"], reference["tow.FRAir"]
    runs = (water > 0.5) & (air > 0.3)
    approach = cooling_tower.york_approach_temperature_difference(
        (reference["TEnt.T"] - reference["tow.TLvg"])[runs],
        reference.celsius("tow.TWetBul")[runs],
        (water / np.maximum(air, 0.3))[runs],
    )
    return Case(
        "tower_york_loop",
        "Approach of a York tower in a water loop, a summer day in San Francisco",
        reference.source,
        [
            Quantity(
                "approach",
                "K",
                reference["tow.TAppAct"][runs],
                approach,
                Tolerance(
                    "the entering water is read from a sensor that lags by a second: 0.003 K where it moves fastest",
                    greatest=0.01,
                ),
            )
        ],
        Axis("time", "s", reference.time[runs]),
        hour=reference.time[runs] / 3600.0 % 24.0,
        load=air[runs],
    )


def merkel(files: ReferenceFolder) -> Case:
    """Merkel's theory against EnergyPlus, minute by minute over two days in which water runs."""
    series = files.tower_series()
    water_nominal, air_nominal = WATER_VOLUME_FLOW * WATER_DENSITY, AIR_VOLUME_FLOW * AIR_DENSITY
    heat_nominal = water_nominal * WATER_SPECIFIC_HEAT * RANGE
    nominal = cooling_tower.size_conductance(heat_nominal, WET_BULB, APPROACH, RANGE, air_nominal, STANDARD_PRESSURE)
    runs = (series["water_mass_flow"] > 0.0) & (series["fan_speed"] > 0.0)
    time, wet_bulb, entering, water, speed = (
        series[name][runs] for name in ("time", "wet_bulb", "entering", "water_mass_flow", "fan_speed")
    )
    conductance = cooling_tower.merkel_conductance(speed, water / water_nominal, wet_bulb, nominal, WET_BULB)
    heat, _ = cooling_tower.merkel_heat_flow(
        entering, water, wet_bulb, STANDARD_PRESSURE, air_nominal * speed, conductance
    )
    leaving = entering - heat / (WATER_SPECIFIC_HEAT * water)
    fan = FAN_POWER * cooling_tower.fan_power_fraction(speed)
    to_kwh = MINUTE / 3.6e6
    return Case(
        "tower_merkel",
        "Tower by Merkel's theory against EnergyPlus: two summer days in Chicago",
        "EnergyPlus 9.2, example CoolingTower_VariableSpeed_Merkel",
        [
            Quantity(
                "heat_energy_kwh",
                "kWh",
                series["heat_flow"][runs] * to_kwh,
                heat * to_kwh,
                Tolerance(
                    f"{NOTES}: the same equations differ from EnergyPlus by -0.75 % in the mean, standard deviation 0.4 %",
                    error=0.0115,
                    cvrmse=0.0115,
                ),
                "heat",
            ),
            Quantity(
                "leaving_water",
                "degC",
                series["leaving"][runs],
                leaving,
                Tolerance(f"{NOTES}: 1.6 % of the heat at worst, of a range of up to 6.3 K", greatest=0.1),
            ),
            Quantity(
                "fan_power",
                "W",
                series["fan_power"][runs],
                fan,
                Tolerance(
                    "straight lines between points of 0.02 + 0.98 s^3 every tenth lie up to 0.0074 of the nominal power above it",
                    greatest=0.0074 * FAN_POWER,
                ),
            ),
        ],
        Axis("time", "s", time),
        hour=time / 3600.0 % 24.0,
        load=series["heat_flow"][runs] / heat_nominal,
        note=f"Sized at a wet bulb of {WET_BULB} degC, range {RANGE} K and approach {APPROACH} K; "
        "minutes without water are left out.",
    )
