import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import room_metrics

WIDTH = 1e-9  # a sharp corner

# supply 20 degC, rise 12 K, no leakage: ratio, least recirculation -> recirculation, bypass, inlet, return, RTI
TWO_ZONES = [
    (0.7, 0.05, 0.300, 0.0, 25.14, 37.14, 1.4286),
    (0.9, 0.05, 0.100, 0.0, 21.33, 33.33, 1.1111),
    (1.0, 0.05, 0.050, 0.050, 20.63, 32.00, 1.0000),
    (1.1, 0.05, 0.050, 0.136, 20.63, 30.91, 0.9091),
    (1.4, 0.20, 0.200, 0.429, 23.00, 28.57, 0.7143),
]


@pytest.mark.parametrize("case", TWO_ZONES)
def test_two_zone_table(case):
    ratio, least, recirculation, bypass, inlet, back, index = case
    r = room_metrics.two_zone_recirculation(ratio, least, 0.0, WIDTH)
    b = room_metrics.two_zone_bypass(ratio, r)
    t_in = room_metrics.two_zone_inlet_temperature(20.0, r, 12.0)
    t_back = room_metrics.two_zone_return_temperature(20.0, t_in, b, 12.0)
    assert_allclose([r, b], [recirculation, bypass], atol=6e-4)
    assert_allclose([t_in, t_back], [inlet, back], atol=6e-3)
    assert_allclose(room_metrics.return_temperature_index(t_back, 20.0, 12.0), index, atol=6e-5)


@given(st.floats(0.3, 2.5), st.floats(0.0, 0.4), st.floats(0.0, 0.3))
def test_two_zone_identities(ratio, least, leakage):
    r = room_metrics.two_zone_recirculation(ratio, least, leakage)
    b = room_metrics.two_zone_bypass(ratio, r)
    inlet = room_metrics.two_zone_inlet_temperature(20.0, r, 12.0)
    back = room_metrics.two_zone_return_temperature(20.0, inlet, b, 12.0)
    as_rack = np.array([[inlet]]), np.array([[inlet + 12.0]]), np.array([[20.0]]), np.array([[1.0]])
    heat_index = room_metrics.supply_heat_index(*as_rack)
    assert_allclose(heat_index, r, atol=1e-13)
    assert_allclose(room_metrics.return_heat_index(heat_index), 1.0 - r, atol=1e-13)
    assert_allclose(room_metrics.return_temperature_index(back, 20.0, 12.0), 1.0 / ratio, rtol=1e-12)
    assert_allclose(ratio * (back - 20.0), 12.0, rtol=1e-12)  # energy
    assert max(least, 1.0 - ratio * (1.0 - leakage)) <= r + 1e-12 and r <= 0.95


def test_smooth_recirculation_is_half_a_width_above_at_the_corner():
    assert_allclose(room_metrics.two_zone_recirculation(0.9, 0.1, 0.0), 0.11, atol=1e-12)


def test_rack_cooling_indices():
    # Herrlin 2005 with 18-27 recommended, 15-32 degC allowable
    inlets = np.array([20.0, 22, 24, 26, 27, 28, 29, 30, 25, 26])[:, None]
    assert_allclose(room_metrics.rack_cooling_index_high(inlets), 0.880, atol=1e-12)
    assert_allclose(room_metrics.rack_cooling_index_low(inlets), 1.0, atol=1e-12)
    assert_allclose(room_metrics.rack_cooling_index_low(np.full((4, 1), 16.5)), 0.5, atol=1e-12)


def test_rounded_cooling_index_is_near_the_definition():
    inlets = np.array([20.0, 22, 24, 26, 27, 28, 29, 30, 25, 26])[:, None]
    rounded = room_metrics.rack_cooling_index_high(inlets, width=0.2)
    assert_allclose(rounded, 0.880, atol=5e-3)
    assert rounded < 0.880
