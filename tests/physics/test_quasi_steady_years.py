"""Years of four kinds of hall at full load, hour by hour in steady state, composed of the laws alone.

Another script of the same equations gave the values beside; where it does not say how large a machine is, a plain choice stands
here. PUE is meant to agree within 0.03. What is not said of the towers (their size beyond the approach at design, their air flow)
moves the share of free cooling by up to 0.05 and the water by up to a tenth.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from dcsim.drivers import load_weather
from dcsim.physics import chiller, cooling_tower, dry_cooler, dx_coil, economizer, fan, moist_air, power_chain, pump
from dcsim.physics import figures_of_merit as merit
from dcsim.physics.constants import AIR_DENSITY, WATER_DENSITY, WATER_SPECIFIC_HEAT
from dcsim.physics.server import mass_flow_per_power

CITIES = {
    "san francisco": "modelica_ref/weather/USA_CA_San.Francisco.Intl.AP.724940_TMY3.epw",
    "chicago": "modelica_ref/weather/USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw",
    "denver": "modelica_ref/weather/USA_CO_Denver.Intl.AP.725650_TMY3.epw",
    "phoenix": "weather/USA_AZ_Phoenix-Sky.Harbor.TMYx.2007-2021.epw.gz",
}
YORK = cooling_tower.york_approach_temperature_difference
AS_RATED = 5.56  # K, range of the York rating point


@pytest.fixture(scope="module")
def years():
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no weather files")
    hours = 3600.0 * np.arange(1, 8761)
    return [load_weather(Path(folder) / file).at(hours) for file in CITIES.values()]


def crah_power(ratio, rise, pressure, efficiency):
    """Of fans that move ``ratio`` of what 1 W of servers draws."""
    return fan.design_power(ratio * mass_flow_per_power(rise) / AIR_DENSITY, pressure, efficiency)


def loop_power(heat, difference, pressure, efficiency):
    return pump.design_power(heat / (WATER_SPECIFIC_HEAT * difference) / WATER_DENSITY, pressure, efficiency)


def least(low, high, is_enough):
    """Least value for which something rising is enough, or ``high``."""
    low, high = np.broadcast_arrays(low, high)
    for _ in range(40):
        middle = 0.5 * (low + high)
        enough = is_enough(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def condenser_water(air, range_, coldest, size):
    """Air ratio and leaving water of a York tower that is not made to cool below ``coldest``."""
    wet_bulb = air.wet_bulb_temperature

    def leaving(ratio):
        return wet_bulb + YORK(range_, wet_bulb, size / ratio)

    ratio = least(0.125 * size, np.ones_like(wet_bulb), lambda each: leaving(each) < coldest)
    return ratio, np.maximum(leaving(1.0), coldest)


# --- legacy chilled water ---------------------------------------------------------------------------------------------


def legacy_hall(air, load=1.0, design=1e6):
    """1 MW in open aisles: constant fans and pumps, two chillers of set A, York tower of 3.9 K, condenser water from 21.1 degC."""
    it = load * design
    ups = power_chain.loss_power(it, design, *power_chain.LOSSES["ups-legacy"])
    distribution = power_chain.loss_power(it, design, 0.006, 0.0, 0.019)
    lighting, humidifier = 0.015 * design, 0.02 * design
    fans = design * crah_power(1.4, 11.0, 500.0, 0.55)
    heat = it + distribution + lighting + humidifier + fans
    largest = design * (1.0 + 0.025 + 0.015 + 0.02) + fans
    rejected_at_design = largest * (1.0 + 1.0 / 5.96)
    curves = chiller.CURVE_SETS["A"]
    columns = [chiller.column(c) for c in (curves.capacity_curve, curves.eir_curve, curves.box)]
    rejected = np.full_like(air.wet_bulb_temperature, heat)
    for _ in range(4):
        range_ = np.maximum(AS_RATED * rejected / rejected_at_design, 1.1)
        ratio, water = condenser_water(air, range_, 21.1, 1.0)
        capacity, eir = chiller.full_load(np.full_like(water[None], 6.67), water[None], *columns)
        power = chiller.eir_power(
            heat,
            2.0 * curves.capacity_reference * capacity,
            curves.cop_reference,
            eir,
            chiller.column(curves.part_load_curve),
            curves.part_load_min,
            curves.part_load_min,
        )[0]
        rejected = chiller.condenser_heat_flow(heat, power)
    pumps = loop_power(largest, 5.6, 250e3, 0.65) + loop_power(rejected_at_design, AS_RATED, 220e3, 0.65)
    tower = 0.012 * rejected_at_design * cooling_tower.fan_power_fraction(ratio)
    return merit.partial_pue(np.mean(ups + distribution + lighting + humidifier + fans + pumps + power + tower), it)


def test_legacy_hall_at_full_load(years):
    assert_allclose([legacy_hall(air) for air in years], [1.451, 1.456, 1.450, 1.459], atol=5e-3)


def test_legacy_hall_at_part_load_in_chicago(years):
    # all fans and pumps at full speed and both chillers on: PUE far above that at full load
    pue = [legacy_hall(years[1], load) for load in (0.75, 0.50, 0.30)]
    assert_allclose(pue, [1.539, 1.724, 2.117], atol=5e-3)


# --- warm chilled water with economizer ---------------------------------------------------------------------------------


def hyperscale_hall(air):
    """Contained, 20 degC chilled water, economizer of 1.5 K approach, tower of 3.3 K; PUE, water [L/kWh], share of free cooling."""
    size = brentq(lambda ratio: float(YORK(AS_RATED, 25.55, ratio)) - 3.3, 0.3, 1.5)
    fans = crah_power(1.1, 13.0, 350.0, 0.65)
    heat = 1.0 + 0.003 + fans
    rejected_at_design = 1.1 * heat
    rejected = np.full_like(air.wet_bulb_temperature, heat)
    for _ in range(6):
        range_ = np.maximum(AS_RATED * rejected / rejected_at_design, 1.1)
        ratio, water = condenser_water(air, range_, 18.5, size)
        free = economizer.free_fraction(30.0, water + 1.5, 20.0, 1e-6)
        power = (1.0 - free) * heat / chiller.carnot_cop(20.0 - 1.5, water + range_ + 1.5, 0.60, 6.0)
        rejected = chiller.condenser_heat_flow(heat, power)
    pumps = loop_power(heat, 10.0, 200e3, 0.75) + loop_power(rejected_at_design, AS_RATED, 170e3, 0.75)
    tower = 0.010 * rejected_at_design * cooling_tower.fan_power_fraction(ratio)
    through = rejected_at_design / (WATER_SPECIFIC_HEAT * AS_RATED) / 1.1 * np.maximum(ratio, 0.1)
    entering = moist_air.humidity_ratio(air.dry_bulb_temperature, air.relative_humidity, air.pressure)
    evaporated = cooling_tower.evaporation_from_heat_flow(
        through, rejected, air.dry_bulb_temperature, entering, air.pressure
    )
    makeup = cooling_tower.makeup_mass_flow(evaporated * 1e6, 1e-9, 0.0, 4.0) / 1e6
    pue = merit.partial_pue(np.mean(0.045 + 0.003 + fans + pumps + power + tower), 1.0)
    return pue, merit.wue(3.6e6 * makeup.mean(), 1.0), free.mean()


def test_hyperscale_hall(years):
    pue, water, free = np.array([hyperscale_hall(air) for air in years]).T
    expected = np.array([[1.108, 1.117, 1.107, 1.122], [1.41, 1.35, 1.58, 2.11], [0.989, 0.888, 0.987, 0.842]])
    assert_allclose(pue, expected[0], atol=0.03)
    assert_allclose(water, expected[1], rtol=0.10)
    assert_allclose(free, expected[2], atol=0.05)
    for found, known in zip((pue, water), expected, strict=False):
        assert list(found.argsort()) == list(known.argsort())


# --- liquid to the chips --------------------------------------------------------------------------------------------------


def liquid_hall(air):
    """85 % of the racks' heat into water of 38 to 49 degC and dry coolers, 5 % of the racks air-cooled; PUE, water [L/kWh]."""
    dry_bulb = air.dry_bulb_temperature
    to_water = 0.85 * 0.95
    distribution = 0.0125  # pumps of the units, of the IT power
    heat = 1e6 * (to_water + distribution)
    rate = heat / 11.0
    design = 0.5 * (38.0 + 49.0) - 14.0  # degC of air, 14 K below the mean water
    conductance = dry_cooler.size_conductance(heat, 49.0, 38.0, design, rate)
    ratio = moist_air.humidity_ratio(dry_bulb, air.relative_humidity, air.pressure)
    wetted = dry_cooler.precooled_air(1.0, dry_bulb, air.wet_bulb_temperature, ratio, 0.7, 1.0)
    is_hot = dry_bulb > design
    entering = np.where(is_hot, wetted.temperature, dry_bulb)

    def is_enough(speed):
        there = dry_cooler.conductance(speed, 1.0, 1.0, 1.0, conductance)
        return dry_cooler.heat_flow(there, speed * rate, rate, 49.0, entering) > heat

    speed = least(np.full_like(dry_bulb, 0.05), np.ones_like(dry_bulb), is_enough)
    coolers = dry_cooler.fan_power(speed, 1.0, 0.025 * heat / 1e6, 0.0)
    fans = (1.0 - to_water) * crah_power(1.1, 13.0, 350.0, 0.65)
    air_heat = 1.0 - to_water + 0.002 + fans
    pumps = loop_power(to_water, 11.0, 180e3, 0.75) + loop_power(air_heat, 10.0, 200e3, 0.75)
    power = air_heat / chiller.carnot_cop(22.0 - 1.5, dry_bulb + 15.0, 0.50, 6.0)
    water = np.where(is_hot, wetted.evaporation * speed * rate / 1006.0, 0.0) / 1e6
    pue = merit.partial_pue(np.mean(0.045 + 0.002 + distribution + coolers + fans + pumps + power), 1.0)
    return pue, merit.wue(3.6e6 * water.mean(), 1.0)


def test_liquid_cooled_hall(years):
    pue, water = np.array([liquid_hall(air) for air in years]).T
    assert_allclose(pue, [1.082, 1.086, 1.086, 1.104], atol=0.03)
    # without blowdown: 0.00, 0.01, 0.06 and 0.43 L/kWh with it
    assert list(water.argsort()) == [0, 1, 2, 3]
    assert_allclose(water[:2], [0.0, 0.01], atol=5e-3)
    assert water[3] < 0.43


# --- direct expansion -----------------------------------------------------------------------------------------------------


def edge_room(air):
    """50 kW on units of 90 kW and COP 2.9 (Curve II, 16.5 degC wet bulb), losses and humidifier in the room."""
    outdoor = air.dry_bulb_temperature[None]
    fans = crah_power(1.7, 11.0, 400.0, 0.50)
    ups = 1.0 / 0.85 - 1.0
    heat = 1.0 + ups + 0.03 + 0.03 + 0.10 + fans
    ones = np.ones_like(outdoor)
    capacity, eir = dx_coil.full_load(16.5 * ones, outdoor, ones, dx_coil.columns(dx_coil.CURVE_SETS["curve-ii"]))
    loading, share, served = dx_coil.part_load(50e3 * heat * ones, 90e3 * capacity, 1.0)
    assert np.mean(served < 50e3 * heat * (1.0 - 1e-9)) < 1e-3  # of the hours, four at 48 degC
    curve, _ = dx_coil.PART_LOAD["single-stage"]
    power = dx_coil.compressor_power(90e3 * capacity, 2.9, eir, loading, share, chiller.column(curve)) / 50e3
    return merit.partial_pue(np.mean(heat - 1.0 + power), 1.0)


def test_edge_room(years):
    pue = [edge_room(air) for air in years]
    assert_allclose(pue, [1.855, 1.863, 1.864, 1.917], atol=0.03)
    assert np.all(np.diff(pue) > 0.0)
