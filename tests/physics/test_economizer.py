import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.physics import economizer

temperatures = st.floats(0.0, 40.0)


@given(temperatures, temperatures, st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.floats(0.0, 1.0))
def test_heat_is_within_what_either_water_can_give(warm, cold, chilled_rate, condenser_rate, effectiveness):
    heat = economizer.heat_flow(effectiveness, chilled_rate, condenser_rate, warm, cold)
    assert 0.0 <= heat <= min(chilled_rate, condenser_rate) * max(warm - cold, 0.0) + 1e-9


def test_heat_of_a_typical_exchanger():
    # effectiveness 0.8, 10 kg/s against 20 kg/s, 24 over 14 degC
    assert_allclose(economizer.heat_flow(0.8, 41_840.0, 83_680.0, 24.0, 14.0), 0.8 * 41_840.0 * 10.0, rtol=1e-15)


def test_warm_condenser_water_is_bypassed():
    assert economizer.heat_flow(0.8, 4e4, 4e4, 20.0, 25.0) == 0.0


def test_free_fraction_goes_from_chillers_alone_to_free_cooling():
    leaving = np.array([30.0, 20.0, 15.0, 10.0, 5.0])
    share = economizer.free_fraction(20.0, leaving, 10.0)
    assert_allclose(share, [0.0, 0.0, 0.5, 1.0, 1.0], atol=0.011)  # rounded by half the width at the corners
    assert np.all(np.diff(share) >= 0.0)


def test_enable_and_disable_leave_a_gap():
    # return 18 degC: worth starting below 18 - 4 - 2 - 1 = 11 degC wet bulb, stopped above 17 degC condenser water
    assert economizer.enable_margin(18.0, 10.9, 4.0, 2.0) > 0.0 > economizer.enable_margin(18.0, 11.1, 4.0, 2.0)
    assert economizer.disable_margin(18.0, 16.9) > 0.0 > economizer.disable_margin(18.0, 17.1)


def test_a_wet_bulb_in_kelvin_would_start_it_28_kelvin_too_late_in_the_year():
    # Modelica Buildings, WSEControl: return > 0.9 wet bulb + tower approach + exchanger approach, evaluated in kelvin
    wet_bulb = np.array([0.0, 10.0, 20.0])
    lenient = 0.9 * (wet_bulb + 273.15) - 273.15
    margins = [economizer.enable_margin(18.0, w, 4.0, 2.0, 0.0) for w in (lenient, wet_bulb)]
    assert_allclose(margins[0] - margins[1], 28.0, atol=1.5)


def test_leaving_temperature_carries_the_heat_away():
    # 10 kg/s of chilled water against 20 kg/s of condenser water
    leaving = economizer.leaving_temperature(0.8, 24.0, 14.0)
    heat = economizer.heat_flow(0.8, 41_840.0, 83_680.0, 24.0, 14.0)
    assert_allclose(24.0 - heat / 41_840.0, leaving, rtol=1e-14)


def test_conductance_of_two_equal_films():
    assert economizer.conductance(1.0, 1.0, 3e5) == 3e5
    # one film halved in flow: 1 / (0.5 + 0.5 / 0.5^0.8)
    assert_allclose(economizer.conductance(1.0, 0.5, 1.0), 1.0 / (0.5 + 0.5 / 0.5**0.8), rtol=1e-9)
    assert_allclose(economizer.conductance(0.5, 1.0, 1.0), economizer.conductance(1.0, 0.5, 1.0), rtol=1e-12)


def test_effectiveness_is_that_of_counterflow_and_zero_out_of_use():
    # NTU 2.98, capacity ratio 0.516: 0.87 (Incropera, counterflow)
    assert_allclose(economizer.effectiveness(2.98, 1.0, 1.0 / 0.516), 0.87, atol=2e-3)
    assert_allclose(economizer.effectiveness(3.0, 1.0, 1.0), 0.75, rtol=1e-5)
    assert economizer.effectiveness(0.0, 1.0, 2.0) == 0.0
