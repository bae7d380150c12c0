import numpy as np
import psychrolib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import envelopes, moist_air, room_metrics

psychrolib.SetUnitSystem(psychrolib.SI)
PRESSURE = 101_325.0

# ASHRAE TC 9.9 2021, reference card, table 2.1: recommended and allowable dry bulb, dew points, relative humidities
CARD = {
    "A1": ((18, 27), (15, 32), (-12, 17), (0.08, 0.80)),
    "A2": ((18, 27), (10, 35), (-12, 21), (0.08, 0.80)),
    "A3": ((18, 27), (5, 40), (-12, 24), (0.08, 0.85)),
    "A4": ((18, 27), (5, 45), (-12, 24), (0.08, 0.90)),
    "H1": ((18, 22), (5, 25), (-12, 17), (0.08, 0.80)),
}


@pytest.mark.parametrize("name", CARD)
def test_classes_are_those_of_the_reference_card(name):
    recommended, allowable, dew_point, relative_humidity = CARD[name]
    assert envelopes.RECOMMENDED[name].temperature == recommended
    assert envelopes.RECOMMENDED[name].dew_point == (-9.0, 15.0)
    assert envelopes.RECOMMENDED[name].relative_humidity[1] == 0.70
    assert envelopes.ALLOWABLE[name] == envelopes.Envelope(allowable, dew_point, relative_humidity)
    # what is recommended is allowed
    for inner, outer in zip(recommended, allowable, strict=True):
        assert envelopes.temperature_margin(inner, envelopes.ALLOWABLE[name]) >= 0.0 or inner == outer


def test_classes_of_facility_water_carry_their_limit_in_their_name():
    assert all(name == f"W{limit:.0f}" for name, limit in envelopes.FACILITY_WATER_MAX.items())
    assert (len(envelopes.FACILITY_WATER_MAX), envelopes.FACILITY_WATER_MIN) == (5, 2.0)


@pytest.mark.parametrize(
    ("name", "elevation", "limit"),
    [("A1", 0.0, 32.0), ("A1", 900.0, 32.0), ("A1", 1793.0, 29.02), ("A2", 2100.0, 31.0), ("A3", 1600.0, 36.0), ("A4", 1900.0, 37.0)],
)  # fmt: skip
def test_thin_air_lowers_the_allowable_dry_bulb(name, elevation, limit):
    # 1 K for each 300, 300, 175, 125 m above 900 m
    assert_allclose(envelopes.derated_temperature_max(name, elevation), limit, atol=5e-3)


def test_margin_of_temperature_is_the_distance_to_the_nearer_edge():
    inlets = np.array([14.0, 16.0, 25.0, 32.5])
    assert_allclose(envelopes.temperature_margin(inlets, envelopes.ALLOWABLE["A1"]), [-1.0, 1.0, 7.0, -0.5], atol=1e-12)
    # the index of the same limits counts only what is above the recommended ones
    index = room_metrics.rack_cooling_index_high(
        inlets[:, None], envelopes.RECOMMENDED["A1"].temperature[1], envelopes.ALLOWABLE["A1"].temperature[1]
    )
    assert_allclose(index, 1.0 - 5.5 / (5.0 * 4.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("temperature", "relative_humidity", "margin"),
    [
        (20.0, 0.75, "relative humidity"),  # 80 % at 20 degC is a dew point of 16.4 degC
        (30.0, 0.40, "dew point"),  # 17 degC
        (32.0, 0.09, "dry"),  # 8 % at 32 degC is a dew point of -4 degC
        (16.0, 0.13, "driest"),  # -12 degC; 8 % at 16 degC is drier still
    ],
)
def test_of_both_humidity_limits_the_narrower_one_counts(temperature, relative_humidity, margin):
    expected = {
        "relative humidity": psychrolib.GetTDewPointFromRelHum(20.0, 0.80),
        "dew point": 17.0,
        "dry": psychrolib.GetTDewPointFromRelHum(32.0, 0.08),
        "driest": -12.0,
    }
    ratio = moist_air.humidity_ratio(temperature, relative_humidity, PRESSURE)
    found = envelopes.humidity_margin(temperature, ratio, PRESSURE, envelopes.ALLOWABLE["A1"])
    distance = abs(expected[margin] - psychrolib.GetTDewPointFromRelHum(temperature, relative_humidity))
    assert found > 0.0
    assert_allclose(found, distance, atol=2e-3)


@given(st.floats(15.0, 32.0), st.floats(0.02, 0.98))
def test_margin_of_humidity_is_positive_where_the_card_allows_it(temperature, relative_humidity):
    ratio = moist_air.humidity_ratio(temperature, relative_humidity, PRESSURE)
    dew_point = psychrolib.GetTDewPointFromRelHum(temperature, relative_humidity)
    is_allowed = -12.0 < dew_point < 17.0 and 0.08 < relative_humidity < 0.80
    margin = envelopes.humidity_margin(temperature, ratio, PRESSURE, envelopes.ALLOWABLE["A1"])
    if abs(margin) > 2e-3:
        assert (margin > 0.0) == is_allowed
