"""Keyword arguments are checked, and what they name is loaded."""

import pytest

from dcsim.envs.config import configure
from dcsim.errors import InputError


def message_of(**options) -> str:
    """Return the one line with which the options are refused."""
    with pytest.raises(InputError) as caught:
        configure(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("option", "forecast"),
    [
        (None, ""),
        ({}, ""),
        ({"forecast": None}, ""),
        ({"forecast": False}, ""),
        ({"forecast": True}, "persistence"),
        ({"forecast": "persistence"}, "persistence"),
        ({"forecast": "truth"}, "truth"),
    ],
)
def test_a_forecast_is_honest_unless_the_truth_is_asked_for(option, forecast):
    config = configure(observation=option)
    assert config.forecast == forecast
    assert config.with_forecast is bool(forecast)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"forecast": "no"}, "observation: forecast='no'"),
        ({"forecast": "trueth"}, "nearest is 'truth'"),
        ({"forecast": 1}, "observation: forecast=1"),
        ({"forecast": ["truth"]}, "observation: forecast=['truth']"),
        ({"forcast": True}, "observation: no option 'forcast'; nearest is 'forecast'"),
        ({3: True}, "observation: no option 3"),
        (["forecast"], "observation=['forecast']: expected a mapping"),
        ("forecast", "observation='forecast': expected a mapping"),
    ],
)
def test_a_wrong_observation_is_refused(option, words):
    assert words in message_of(observation=option)
