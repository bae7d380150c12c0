"""Cooling modes and condenser water by the rules of Modelica Buildings, Applications.DataCenters.ChillerCooled."""

import numpy as np
from dcsim_agents.g36 import PLANT_IGNORED, PLANT_PERIOD_S, PLANT_RESPOND_MAX
from dcsim_agents.modes import EXCHANGER_APPROACH, TOWER_APPROACH, condenser_water_by_mode, mode_by_deadbands
from dcsim_agents.signal_io import Reading

from dcsim.plant.economizer import FREE, INTEGRATED, MECHANICAL
from dcsim.plant.operation import ResetConstants

SETPOINT = 8.0  # degC of chilled water in the examples


def reading(**values: list[float]) -> Reading:
    rows = {name: [row] for row, name in enumerate(values)}
    table = np.array(list(values.values()))
    return Reading(table.T, table, rows)


def test_free_cooling_ends_where_the_chilled_water_is_more_than_1_1_kelvin_above_its_setpoint() -> None:
    states = reading(
        mode=[FREE] * 2,
        chilled_water_supply_temperature=[SETPOINT + 1.09, SETPOINT + 1.11],
        chilled_water_return_temperature=[20.0] * 2,
        condenser_water_supply_temperature=[5.0] * 2,
        wet_bulb_temperature=[2.0] * 2,
    )
    np.testing.assert_array_equal(mode_by_deadbands(states, SETPOINT), [FREE, INTEGRATED])


def test_free_cooling_begins_where_the_economizer_comes_within_half_a_kelvin_of_the_setpoint() -> None:
    economizer_water = np.array([SETPOINT + 0.49, SETPOINT + 0.51])
    states = reading(
        mode=[INTEGRATED] * 2,
        chilled_water_supply_temperature=[SETPOINT] * 2,
        chilled_water_return_temperature=[20.0] * 2,
        condenser_water_supply_temperature=list(economizer_water - EXCHANGER_APPROACH),
        wet_bulb_temperature=[2.0] * 2,
    )
    np.testing.assert_array_equal(mode_by_deadbands(states, SETPOINT), [FREE, INTEGRATED])


def test_the_economizer_stops_where_the_return_is_less_than_half_a_kelvin_above_its_water() -> None:
    states = reading(
        mode=[INTEGRATED] * 2,
        chilled_water_supply_temperature=[SETPOINT] * 2,
        chilled_water_return_temperature=[15.49, 15.51],
        condenser_water_supply_temperature=[15.0 - EXCHANGER_APPROACH] * 2,
        wet_bulb_temperature=[9.0] * 2,
    )
    np.testing.assert_array_equal(mode_by_deadbands(states, SETPOINT), [MECHANICAL, INTEGRATED])


def test_the_economizer_starts_where_the_return_is_1_1_kelvin_above_what_the_wet_bulb_promises() -> None:
    promised = 9.0 + TOWER_APPROACH + EXCHANGER_APPROACH
    states = reading(
        mode=[MECHANICAL] * 2,
        chilled_water_supply_temperature=[SETPOINT] * 2,
        chilled_water_return_temperature=[promised + 1.09, promised + 1.11],
        condenser_water_supply_temperature=[12.0] * 2,
        wet_bulb_temperature=[9.0] * 2,
    )
    np.testing.assert_array_equal(mode_by_deadbands(states, SETPOINT), [MECHANICAL, INTEGRATED])


def test_chillers_alone_get_condenser_water_3_kelvin_above_the_wet_bulb_within_60_and_85_degf() -> None:
    wet_bulb = [5.0, 20.0, 28.0]
    states = reading(mode=[MECHANICAL] * 3, wet_bulb_temperature=wet_bulb)
    np.testing.assert_allclose(condenser_water_by_mode(states, SETPOINT), [15.56, 23.0, 29.44], atol=1e-12)
    # beside the economizer the tower gives what it can, in free cooling what the chilled water needs
    states = reading(mode=[INTEGRATED, FREE], wet_bulb_temperature=[5.0, 2.0])
    np.testing.assert_allclose(condenser_water_by_mode(states, SETPOINT), [15.56, SETPOINT - EXCHANGER_APPROACH])


def test_the_plant_reset_has_the_constants_of_the_template() -> None:
    # Modelica Buildings, Templates.Plants.Controls.Setpoints.PlantReset: 300 s, 2 ignored, -2 %, +3 %, at most +7 %
    c = ResetConstants()
    assert (PLANT_PERIOD_S, PLANT_IGNORED, c.plant_trim, c.plant_respond) == (300.0, 2.0, 0.02, 0.03)
    np.testing.assert_allclose(PLANT_RESPOND_MAX * c.plant_respond, 0.07, rtol=1e-12)
    # Guideline 36 asks for colder water above 95 % of the valve until below 85 %
    half = 0.5 * c.valve_band
    np.testing.assert_allclose([c.valve_target + half, c.valve_target - half], [0.95, 0.85], rtol=1e-12)
