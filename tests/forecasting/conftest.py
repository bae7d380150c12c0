"""Panels of the hall whose course is known."""

import pytest
from exact_hall import STEP_S, course

from dcsim.forecasting.panel import Panel


@pytest.fixture(scope="session")
def panel():
    """Return a function that makes panels of the hall."""

    def make(steps=900, seed=0, noise=0.0):
        members, values = course(steps, seed, noise)
        return Panel(members, values, STEP_S)

    return make
