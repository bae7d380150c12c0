"""What is watched over a control step: how fast inlets rise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_step import random_inputs, random_state

from dcsim.plant import supervision
from dcsim.plant.hall import build_hall

HALL = build_hall("enterprise-1mw")


def rate_excess(inlet_at, hours, interval, substep=30.0):
    """K min beyond the allowed rise, by control step, of inlets [degC, shape (R,)] prescribed as a function of time [s]."""
    rng = np.random.default_rng(0)
    u = random_inputs(HALL, rng, 1)
    start = inlet_at(0.0)[:, None]
    s = random_state(HALL, rng, 1)._replace(rack_inlet_temperature=start, trip_time=np.zeros((1, 1)))
    s = s._replace(**{name: value + np.zeros((1, 1)) for name, value in supervision.samples_at_rest(start).items()})
    excess = []
    for step in range(round(hours * 3600.0 / interval)):
        latched, held = supervision.begin(s, u, HALL.params, {}, interval, np)
        s, h = s._replace(**latched), supervision.Held(**held)
        for k in range(round(interval / substep)):
            inlet = inlet_at(step * interval + (k + 1) * substep)[:, None]
            s = s._replace(rack_inlet_temperature=inlet)
            s = s._replace(**supervision.monitor(s, u, h, HALL.params, substep, np))
        excess.append(s.rate_excess[0, 0] / 60.0)
    return np.array(excess)


def inlets(rise):
    """Inlets of which the coldest alone rises from 18 degC."""
    return lambda time: np.concatenate([[18.0 + rise(time)], np.full(HALL.racks - 1, 26.0)])


@pytest.mark.parametrize("interval", [60.0, 300.0])
def test_a_jump_counts_by_what_it_exceeds_five_kelvin_for_a_quarter_of_an_hour(interval):
    jump = 10.0 * 60.0
    assert rate_excess(inlets(lambda time: 4.9 * (time > jump)), 1.0, interval).sum() == 0.0
    excess = rate_excess(inlets(lambda time: 6.0 * (time > jump)), 1.0, interval)
    assert_allclose(excess.sum(), 1.0 * 15.0, rtol=1e-9)


@pytest.mark.parametrize("interval", [60.0, 300.0, 900.0, 3600.0])
def test_twenty_kelvin_an_hour_is_allowed_and_thirty_is_not(interval):
    slow = rate_excess(inlets(lambda time: 20.0 * time / 3600.0), 1.0, interval)
    fast = rate_excess(inlets(lambda time: 30.0 * time / 3600.0), 1.0, interval)
    assert_allclose(slow, 0.0, atol=1e-9)
    assert fast.sum() > 5.0


def test_falling_and_swinging_within_five_kelvin_cost_nothing():
    assert rate_excess(inlets(lambda time: -40.0 * time / 3600.0), 1.0, 300.0).sum() == 0.0
    assert rate_excess(inlets(lambda time: 2.4 * np.sin(time / 60.0)), 1.0, 300.0).sum() == 0.0


def test_the_rise_is_that_over_the_last_quarter_of_an_hour_whatever_came_before():
    """Against the definition: at the end of a 300 s step, the highest of the rises since 0, 5, 10 and 15 minutes ago."""
    rng = np.random.default_rng(7)
    knots = np.cumsum(rng.normal(0.0, 5.0, 49))  # every 5 minutes of 4 hours
    rise = lambda time: np.interp(time, 300.0 * np.arange(49), knots)  # noqa: E731
    excess = rate_excess(inlets(rise), 4.0, 300.0, substep=300.0)
    expected = [max(knots[k] - knots[max(k - 3, 0) : k].min() - 5.0, 0.0) * 5.0 for k in range(1, 49)]
    assert np.count_nonzero(expected) >= 3
    assert_allclose(excess, expected, atol=1e-9)
