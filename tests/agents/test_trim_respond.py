"""Trim and respond against the validation case of Modelica Buildings, Controls.OBC.ASHRAE.G36.Generic.Validation.TrimAndRespond."""

import numpy as np
import pytest
from dcsim_agents.trim_respond import TrimRespond, is_due, trim_and_respond

PUBLISHED = TrimRespond(
    low=37.0, high=370.0, period_s=120.0, trim=-10.0, respond=15.0, respond_max=37.0, ignored=2.0, delay_s=300.0
)


@pytest.mark.parametrize(("requests", "change"), [(0, -10), (1, -10), (2, -10), (3, 5), (4, 20), (5, 27), (6, 27)])
def test_one_update_changes_the_setpoint_by_the_published_amount(requests: int, change: float) -> None:
    assert trim_and_respond(120.0, requests, PUBLISHED) == 120.0 + change


def test_a_rise_of_requests_gives_the_published_sequence() -> None:
    # Requests are round(|6 sin(2 pi t / 5400)|) at t = 480, 600, ... s; the set-points are the reference result's.
    time = np.arange(480.0, 1681.0, 120.0)
    requests = np.round(np.abs(6.0 * np.sin(2.0 * np.pi * time / 5400.0)))
    setpoint, sequence = np.float64(120.0), []
    for r in requests:
        setpoint = trim_and_respond(setpoint, r, PUBLISHED)[()]
        sequence.append(float(setpoint))
    assert sequence == [125.0, 145.0, 165.0, 192.0, 219.0, 246.0, 273.0, 300.0, 327.0, 354.0, 370.0]


def test_the_same_holds_for_a_reset_of_the_other_sign() -> None:
    falling = PUBLISHED._replace(trim=10.0, respond=-15.0, respond_max=-37.0)
    np.testing.assert_array_equal(
        trim_and_respond(np.full(4, 120.0), np.array([2, 3, 4, 6]), falling), [130, 115, 100, 93]
    )


def test_the_setpoint_stays_in_its_range_and_where_nothing_acts() -> None:
    assert trim_and_respond(45.0, 0, PUBLISHED) == 37.0
    assert trim_and_respond(360.0, 6, PUBLISHED) == 370.0
    np.testing.assert_array_equal(trim_and_respond(np.array([120.0, 120.0]), 0, PUBLISHED, [False, True]), [120, 110])


def test_an_update_is_due_once_a_period_after_the_delay() -> None:
    minutes = 60.0 * np.arange(15)
    np.testing.assert_array_equal(np.flatnonzero(is_due(minutes, 60.0, 120.0)), np.arange(0, 15, 2))
    np.testing.assert_array_equal(np.flatnonzero(is_due(minutes, 60.0, 120.0, 300.0)), [5, 7, 9, 11, 13])
    assert is_due(300.0 * np.arange(10), 300.0, 120.0).all()
