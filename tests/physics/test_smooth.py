import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import smooth

values = st.floats(-100.0, 100.0)
widths = st.floats(1e-3, 5.0)


def test_smooth_maximum_overshoots_by_half_the_width_at_the_corner():
    assert_allclose(smooth.smooth_maximum(0.0, 0.0, 0.1), 0.05, rtol=1e-15)
    assert_allclose(smooth.smooth_maximum(1.0, 0.0, 0.1), 1.002494, atol=5e-7)  # closed form, 7 digits


@given(values, values, widths)
def test_smooth_bounds_enclose_the_plain_ones_and_add_up(x, y, width):
    upper, lower = smooth.smooth_maximum(x, y, width), smooth.smooth_minimum(x, y, width)
    assert upper >= max(x, y) - 1e-12
    assert lower <= min(x, y) + 1e-12
    assert_allclose(upper + lower, x + y, atol=1e-12)


@given(values, widths)
def test_positive_part_is_the_smooth_maximum_with_zero(x, width):
    assert_allclose(smooth.positive_part(x, width), smooth.smooth_maximum(x, 0.0, width), rtol=1e-14)
    assert smooth.positive_part(x, width) > 0.0


@given(values, values, widths)
def test_rounded_maximum_is_exact_beyond_its_width_and_never_below(x, y, width):
    rounded = smooth.rounded_maximum(x, y, width)
    assert rounded >= max(x, y) - 1e-12
    assert rounded <= max(x, y) + 0.25 * width + 1e-12
    if abs(x - y) >= width:
        assert_allclose(rounded, max(x, y), atol=1e-12)


def test_rounded_maximum_has_no_kink():
    x = np.linspace(-3.0, 3.0, 60_001)
    slope = np.diff(smooth.rounded_maximum(x, 0.0, 1.0)) / np.diff(x)
    assert np.all(np.diff(slope) > -1e-8)
    assert np.abs(np.diff(slope)).max() < 1e-4


@given(values)
def test_plain_clip_stays_between_its_bounds(x):
    assert smooth.clip(x, -1.0, 2.0) == min(max(x, -1.0), 2.0)


def test_clip_smooth_passes_the_middle_and_bends_at_both_ends():
    bent = smooth.clip_smooth(np.array([-1.0, 0.5, 2.0]), 0.0, 1.0, 0.02)
    assert_allclose(bent, [0.0, 0.5, 1.0], atol=2e-4)


def test_smooth_step_is_a_weight():
    assert smooth.smooth_step(0.0, 1.0) == 0.5
    assert_allclose(smooth.smooth_step(np.array([-20.0, 20.0]), 1.0), [0.0, 1.0], atol=1e-15)


@pytest.mark.parametrize("exponent", [0.8, 0.85, 1.4])
def test_fractional_power_equals_the_power_and_vanishes_at_zero(exponent):
    base = np.array([1e-6, 0.1, 1.0, 3.0])
    assert_allclose(smooth.power(base, exponent), base**exponent, rtol=1e-13)
    assert 0.0 <= smooth.power(0.0, exponent) < 1e-9
