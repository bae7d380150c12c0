"""Panels of simulated halls: what is asked for and what was drawn stand in them as they were."""

import numpy as np
import pytest

from dcsim.envs.config import configure
from dcsim.forecasting import simulated


@pytest.fixture(scope="module")
def panels():
    return simulated(configure(hall="hyperscale-10mw", weather="phoenix", episode_days=0.25), 2, seed=3)


def rows(panel, signal):
    return np.array([panel.values[k] for k, each in enumerate(panel.members) if each.signal == signal])


def test_set_points_stand_still_and_jump_each_at_its_own_times(panels):
    for signal, count in (("supply_air_setpoint", 4), ("crah_fan_speed", 4), ("chilled_water_setpoint", 1)):
        asked = rows(panels[0], signal)
        assert len(asked) == count
        moves = np.diff(asked, axis=1) != 0.0
        resets = np.arange(1, asked.shape[1]) % 6 == 0  # looks at where the resets rest
        assert 0.0 < moves[:, ~resets].mean() < 1.0 / 3.0  # held for 15 minutes at least
    first, second = rows(panels[0], "supply_air_setpoint")[:2]
    assert not np.array_equal(np.diff(first) != 0.0, np.diff(second) != 0.0)


def test_roles_are_those_of_a_forecast(panels):
    of = {each.signal: each.role for each in panels[0].members}
    assert of["rack_inlet_temperature"] == of["condenser_water_supply_temperature"] == "target"
    assert of["utilization"] == "load" and of["rack_power"] == of["it_power"] == "sensor"
    assert of["mode_request"] == "action" and of["mode"] == "sensor"
    assert of["wet_bulb_temperature"] == of["atmospheric_pressure"] == "weather"
    assert of["cooling_power"] == "power"


def test_meters_are_means_over_steps_of_what_racks_draw_at_their_ends(panels):
    """Two ways to the power of all servers: integrated by the plant, and from the state at the ends of steps."""
    for panel in panels:
        at_ends, mean = rows(panel, "rack_power").sum(axis=0), rows(panel, "it_power")[0]
        assert at_ends.mean() == pytest.approx(mean.mean(), rel=0.01)
        assert rows(panel, "cooling_power")[0].min() > rows(panel, "crah_fan_power")[0].min() > 0.0


def test_seeds_give_the_same_panels_again(panels):
    config = configure(hall="hyperscale-10mw", weather="phoenix", episode_days=0.25)
    again = simulated(config, 1, seed=3)
    assert np.array_equal(
        again[0].values[[k for k, m in enumerate(again[0].members) if m.role == "weather"]], rows_of_weather(panels[0])
    )
    other = simulated(config, 1, seed=4)
    assert not np.array_equal(other[0].values, again[0].values)


def rows_of_weather(panel):
    return panel.values[[k for k, m in enumerate(panel.members) if m.role == "weather"]]
