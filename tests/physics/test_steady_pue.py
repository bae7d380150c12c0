"""A published annual tool rebuilt from the laws: what a hall draws at one state of the weather.

Lei and Masanet, Statistical analysis for predicting location-specific data center PUE and its improvement potential, Energy 201
(2020), with the parameter vectors of the examples in github.com/nuoaleon/Data-center-PUE-prediction-tool. Its air and water have
constants of their own, which are used here: 1010 J/(kg K), 1.293 kg/m3 at 0 degC, 4200 J/(kg K), 1000 kg/m3.
"""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from dcsim.physics import chiller, economizer, fan, moist_air, pump
from dcsim.physics import figures_of_merit as merit

AIR_SPECIFIC_HEAT, WATER_SPECIFIC_HEAT, WATER_DENSITY = 1010.0, 4200.0, 1000.0
PRESSURE = 101_325.0
COP = chiller.column((16.798751, 9.885294, -8.528931, -0.760621, 0.008840, 0.084615))
"""Of chiller load and of wet bulb plus approach [degC], as a biquadratic."""


class Common(NamedTuple):
    """What all three tools have; powers are over the IT power."""

    ups_efficiency: float
    distribution_loss: float
    lighting: float

    def electrical(self):
        return 1.0 / self.ups_efficiency - 1.0, 1.0 / (1.0 - self.distribution_loss) - 1.0, self.lighting

    def heat(self):
        return 1.0 + sum(self.electrical())


class Plant(NamedTuple):
    """Supply air, exchangers and movers; pressures [Pa] with their efficiencies."""

    supply: float
    air_rise: float
    water_rise: float
    crah: tuple
    humidifier: tuple
    economizer_pump: tuple
    chilled_pump: tuple
    exchanger_approach: float
    coil_effectiveness: float
    sensible_share: float
    load: float
    cop_factor: float


class Tower(NamedTuple):
    """Heat rejection; without a fan it is the sea."""

    water_rise: float
    pump: tuple
    approach: float = 0.0
    fan: tuple = (0.0, 1.0)
    water_to_air: float = 1.0


COMMON = Common(0.980302734, 5.60546875e-3, 1.81445313e-3)
WATERSIDE = Plant(
    27.3671875, 18.8856337, 7.50488281, (416.992188, 0.713720703), (6.50097656e6, 0.674023438),
    (1.56284191e5, 0.668945312), (1.71884552e5, 0.745117188), 2.29404297, 0.816601563, 0.986289063,
    0.224023438, 0.105488281,
)  # fmt: skip
TOWER = Tower(4.13867188, (2.1053468e5, 0.709960938), 6.50576172, (148.339844, 0.745947266), 1.11914062)
SEA_COMMON = Common(0.975556641, 1.35351562e-2, 5.60546875e-4)
SEASIDE = Plant(
    34.2578125, 14.1438802, 9.49707031, (413.867188, 0.671240234), (6.65683594e6, 0.632226562),
    (1.36980148e5, 0.628710937), (1.36194518e5, 0.743945313), 2.49814453, 0.804492187, 0.971992187,
    0.770117188, 8.80859375e-3,
)  # fmt: skip
SEA = Tower(7.50488281, (6.99398438e5, 0.798242188))


def air_density(temperature):
    return 1.293 * PRESSURE / 101_325.0 * 273.15 / moist_air.kelvin(temperature)


def magnus(temperature, factor):
    return factor * np.exp((18.678 - temperature / 234.5) * temperature / (temperature + 257.14))


def tools_wet_bulb(temperature, relative_humidity):
    """Temperature of saturated air of equal enthalpy, by the tool's formulas."""
    vapor = relative_humidity * magnus(temperature, 611.21)

    def enthalpy(t, v):
        return 1.01 * t + (2500.0 + 1.84 * t) * 0.62198 * v / (PRESSURE - v)

    target = enthalpy(temperature, vapor)
    return brentq(lambda t: enthalpy(t, magnus(t, 611.2)) - target, -40.0, 50.0, xtol=1e-12)


def fan_power(mass_flow, density, mover):
    return fan.design_power(mass_flow / density, *mover)


def pump_power(mass_flow, mover):
    return pump.design_power(mass_flow / WATER_DENSITY, *mover)


def waterside(common, plant, rejection, cold_source, outdoor):
    """Power of each part over that of the IT, with an economizer in series before the chiller."""
    heat = common.heat()
    cooling = heat / plant.sensible_share
    air = heat / (AIR_SPECIFIC_HEAT * plant.air_rise)
    # water as cold as the coil needs, and as warm as it leaves it
    returning_air = plant.supply + plant.air_rise
    supply_water = returning_air - plant.air_rise / plant.coil_effectiveness
    return_water = supply_water + plant.water_rise
    middle = 0.5 * (supply_water + return_water)
    evaporation = 1e3 * (2500.5 - 2.3097 * middle - 0.0013 * middle**2)
    free = economizer.free_fraction(
        return_water, cold_source + rejection.approach + plant.exchanger_approach, supply_water, 1e-12
    )
    by_chiller = (1.0 - free) * cooling
    cop = chiller.biquadratic(COP, plant.load, cold_source + rejection.approach)[0, 0] * (1.0 + plant.cop_factor)
    chiller_power = by_chiller / cop
    rate = WATER_SPECIFIC_HEAT * plant.water_rise
    rejected = chiller.condenser_heat_flow(cooling, chiller_power) / (WATER_SPECIFIC_HEAT * rejection.water_rise)
    ups, distribution, lighting = common.electrical()
    return {
        "ups": ups,
        "distribution": distribution,
        "lighting": lighting,
        "crah": fan_power(air, air_density(plant.supply), plant.crah),
        "humidifier": pump_power((cooling - heat) / evaporation, plant.humidifier),
        "economizer pump": pump_power(free * cooling / rate, plant.economizer_pump),
        "chiller": chiller_power,
        "chilled pump": pump_power(by_chiller / rate, plant.chilled_pump),
        "tower pump": pump_power(rejected, rejection.pump),
        "tower fan": fan_power(rejected / rejection.water_to_air, air_density(outdoor), rejection.fan),
        "free": free,
    }


def pue(parts):
    return float(merit.partial_pue(sum(power for name, power in parts.items() if name != "free"), 1.0))


def test_waterside_hall_draws_what_the_tool_says():
    wet_bulb = tools_wet_bulb(20.0, 0.40)
    assert_allclose(wet_bulb, 12.30, atol=5e-3)
    parts = waterside(COMMON, WATERSIDE, TOWER, wet_bulb, 20.0)
    published = {
        "ups": 0.02009, "distribution": 0.00564, "lighting": 0.00181, "crah": 0.02678, "humidifier": 0.00006,
        "economizer pump": 0.00772, "chiller": 0.0, "tower pump": 0.01777, "tower fan": 0.00884,
    }  # fmt: skip
    for name, power in published.items():
        assert_allclose(parts[name], power, atol=5.1e-6, err_msg=name)
    assert_allclose(pue(parts), 1.0887168184890426, atol=1e-10)


# dry bulb, relative humidity, share of free cooling, PUE
WEATHER = [
    (25.0, 0.50, 0.533, 1.16698),
    (28.0, 0.60, 0.0, 1.29800),
    (30.0, 0.70, 0.0, 1.33617),
    (35.0, 0.40, 0.0, 1.31812),
    (0.0, 0.70, 1.0, 1.08811),
]


@pytest.mark.parametrize("case", WEATHER)
def test_waterside_hall_follows_the_weather_as_the_tool_does(case):
    temperature, humidity, free, expected = case
    parts = waterside(COMMON, WATERSIDE, TOWER, tools_wet_bulb(temperature, humidity), temperature)
    assert_allclose(parts["free"], free, atol=5e-4)
    assert_allclose(pue(parts), expected, atol=5.1e-6)


@pytest.mark.parametrize("case", [case for case in WEATHER if case[0] > 0.0])
def test_saturated_air_of_equal_enthalpy_is_as_warm_here_as_in_the_tool(case):
    # its Magnus formula and rounded constants make 0.014 K at most, and the true wet bulb stands 0.04 to 0.11 K higher
    temperature, humidity, _, expected = case
    ratio = moist_air.humidity_ratio(temperature, humidity, PRESSURE)
    saturated = float(moist_air.saturation_temperature(moist_air.enthalpy(temperature, ratio), PRESSURE))
    wet_bulb = float(moist_air.wet_bulb_temperature(temperature, ratio, PRESSURE))
    assert_allclose(saturated, tools_wet_bulb(temperature, humidity), atol=0.014)
    assert 0.04 < wet_bulb - saturated < 0.12
    assert_allclose(pue(waterside(COMMON, WATERSIDE, TOWER, saturated, temperature)), expected, atol=3e-4)
    assert_allclose(pue(waterside(COMMON, WATERSIDE, TOWER, wet_bulb, temperature)), expected, atol=1.7e-3)


def test_hall_on_the_sea_draws_what_the_tool_says():
    parts = waterside(SEA_COMMON, SEASIDE, SEA, 20.0, 20.0)
    assert parts["free"] == 1.0
    assert parts["tower fan"] == 0.0
    assert_allclose(pue(parts), 1.1140761465494835, atol=1e-9)


def test_hall_on_outdoor_air_draws_what_the_tool_says():
    # 20 degC, 40 %: inside the envelope of its supply air, so all of the air is outdoor air and nothing but its fans runs
    rise, mover = 14.7840712, (685.058594, 0.829931641)
    air = COMMON.heat() / (AIR_SPECIFIC_HEAT * rise)
    fans = fan_power(air, air_density(20.0), mover)
    assert_allclose(merit.partial_pue(sum(COMMON.electrical()) + fans, 1.0), 1.0746922969797756, atol=1e-9)


def test_chiller_of_the_tool_is_best_at_part_load_and_worse_in_the_heat():
    load, condenser_water = np.linspace(0.2, 1.0, 81)[None, :], np.arange(15.0, 33.0)[None, :]
    by_load = chiller.biquadratic(COP, load, 24.0)
    assert 0.6 < load[0, by_load.argmax()] < 0.8
    assert np.all(np.diff(chiller.biquadratic(COP, 0.8, condenser_water)) < 0.0)
    # worked by hand at load 0.8 and 24 degC: 16.798751 + 7.908235 - 5.458516 - 18.254904 + 5.091840 + 1.624608
    assert_allclose(chiller.biquadratic(COP, 0.8, 24.0), 7.710014, atol=1e-6)
