"""Colours mean the same in every figure, and heat can be read."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dcsim.plots import palette

BUILT_IN = [
    "fixed",
    "rules",
    "pid",
    "g36",
    "g36-default",
    "static-opt",
    "arx-mpc",
    "nn-mpc",
    "mpc",
    "oracle",
    "ppo",
    "sac",
    "tqc",
    "recurrentppo",
]


def luminance(rgb):
    return np.asarray(rgb) @ np.array([0.299, 0.587, 0.114])


def test_every_built_in_controller_has_its_own_colour():
    assert len({palette.color(name) for name in BUILT_IN}) == len(BUILT_IN)


@pytest.mark.parametrize("name", ["runs/2026/sac", "sac-seed3", "SAC_2", "runs/sac/"])
def test_a_saved_policy_has_the_colour_of_its_algorithm(name):
    assert palette.color(name) == palette.color("sac")
    assert palette.is_learned(name)


@pytest.mark.parametrize("name", ["g36", "mpc", "saccade", "my-policy"])
def test_other_names_are_not_taken_for_learned(name):
    assert not palette.is_learned(name)


def test_an_unknown_name_always_has_the_same_colour():
    assert palette.color("runs/a/my-policy") == palette.color("my-policy")
    assert palette.marker("my-policy") == palette.marker("elsewhere/my-policy")


def test_heat_jumps_at_the_recommended_limit():
    below, above = palette.heat(np.array([27.0, 27.001]), 27.0, 32.0)
    assert luminance(below) - luminance(above) > 0.1
    assert below[2] > 0.85 and above[2] < 0.5  # pale against orange


def test_heat_is_paler_towards_the_limit_and_darker_beyond_it():
    colder, hotter = np.linspace(15.0, 27.0, 25), np.linspace(27.001, 36.0, 25)
    assert (np.diff(luminance(palette.heat(colder, 27.0, 32.0))) > 0.0).all()
    assert (np.diff(luminance(palette.heat(hotter, 27.0, 32.0))) < 0.0).all()


def test_heat_stays_put_beyond_its_ends():
    ends = palette.heat(np.array([-10.0, 15.0, 36.0, 80.0]), 27.0, 32.0)
    assert_allclose(ends[0], ends[1])
    assert_allclose(ends[2], ends[3])


@pytest.mark.parametrize(
    "colors",
    [
        palette.heat(np.linspace(10.0, 45.0, 200), 27.0, 32.0),
        palette.hot_air(np.linspace(15.0, 60.0, 100)),
        palette.water(np.linspace(0.0, 45.0, 100)),
    ],
    ids=["heat", "hot air", "water"],
)
def test_scales_are_colours_that_text_can_be_read_on(colors):
    assert ((colors >= 0.0) & (colors <= 1.0)).all()
    ink = {palette.INK: luminance([0x22 / 255] * 3), palette.PAPER: 1.0}
    contrast = [
        abs(luminance(color) - ink[written]) for color, written in zip(colors, palette.ink_on(colors), strict=True)
    ]
    assert min(contrast) > 0.35
