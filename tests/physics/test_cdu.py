import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from test_cold_plate import check_gradient, check_kernel, check_kink, check_namespace, draw

from dcsim.physics import cdu, cold_plate, economizer, pump

# 1.3 MW, TCS 50 -> 40 degC, FWS 36 degC in: facility over technology capacity rate -> effectiveness, NTU; hand calculation
RATINGS = {1.0: (0.714, 2.50), 0.8: (0.893, 4.90)}
HEAT, RATE = 1.3e6, 1.3e5


@pytest.mark.parametrize("ratio", RATINGS)
def test_sizing_from_a_rating(ratio):
    conductance = cdu.size_conductance(HEAT, 50.0, 40.0, 36.0, ratio)
    smaller = RATE * ratio
    effectiveness, ntu = RATINGS[ratio]
    assert_allclose(conductance / smaller, ntu, atol=6e-3)
    exchange_rate = cdu.exchange_rate(conductance, RATE, ratio * RATE)
    assert_allclose(exchange_rate / smaller, effectiveness, atol=5e-4)
    assert_allclose(cdu.heat_flow(exchange_rate, 50.0, 36.0), HEAT, rtol=1e-9)


def test_balanced_rating_takes_325_kilowatts_per_kelvin():
    assert_allclose(cdu.size_conductance(HEAT, 50.0, 40.0, 36.0, 1.0), 325e3, rtol=1e-5)


def test_more_facility_than_technology_water_is_sized_on_the_technology_side():
    # facility rate 2: effectiveness 10/14 of the technology side, NTU = ln((1 - e/2)/(1 - e)) / (1 - 1/2)
    conductance = cdu.size_conductance(HEAT, 50.0, 40.0, 36.0, 2.0)
    effectiveness = 10.0 / 14.0
    ntu = 2.0 * np.log((1.0 - 0.5 * effectiveness) / (1.0 - effectiveness))
    assert_allclose(conductance / RATE, ntu, rtol=1e-12)


@given(st.floats(0.0, 1.5), st.floats(0.0, 1.5), st.floats(0.05, 0.95))
def test_conductance_is_that_of_two_films_in_series(technology, facility, share):
    conductance = cdu.conductance(technology, facility, 325e3, share)
    assert np.isfinite(conductance)
    if min(technology, facility) > 1e-3:
        assert_allclose(conductance, 325e3 / (share * technology**-0.8 + (1.0 - share) * facility**-0.8), rtol=1e-10)


def test_conductance_at_nominal_flows_and_with_equal_films():
    assert_allclose(cdu.conductance(1.0, 1.0, 325e3, 0.6), 325e3, rtol=1e-14)
    assert cdu.conductance(0.0, 1.0, 325e3, 0.6) < 1e-3
    # with equal films it is the plate exchanger of the economizer
    assert_allclose(cdu.conductance(0.7, 0.3, 3e5, 0.5), economizer.conductance(0.7, 0.3, 3e5), rtol=1e-12)


@given(st.floats(1e3, 2e5), st.floats(1e3, 2e5), st.floats(0.0, 1e6), st.floats(30.0, 60.0), st.floats(2.0, 70.0))
def test_neither_water_leaves_beyond_the_others_entering_temperature(tcs, fws, conductance, returned, supplied):
    rate = cdu.exchange_rate(conductance, tcs, fws)
    heat = cdu.heat_flow(rate, returned, supplied)
    low, high = min(returned, supplied) - 1e-6, max(returned, supplied) + 1e-6
    assert low <= returned - heat / tcs <= high
    assert low <= supplied + heat / fws <= high
    assert 0.0 <= rate <= conductance * (1.0 + 1e-9)


def test_exchanger_without_flow_moves_no_heat():
    assert cdu.exchange_rate(325e3, 0.0, RATE) == 0.0
    assert cdu.exchange_rate(325e3, RATE, 0.0) < 1e-5


def test_more_facility_water_takes_more_heat_with_ever_less_gain():
    facility = np.linspace(0.1, 1.0, 10)
    conductance = cdu.conductance(1.0, facility, 325e3, 0.6)
    heat = cdu.heat_flow(cdu.exchange_rate(conductance, RATE, facility * RATE), 50.0, 36.0)
    assert np.all(np.diff(heat) > 0.0)
    assert np.all(np.diff(heat, 2) < 0.0)


# --- loop with plates and exchanger ----------------------------------------------------------------------------------

LOOP = dict(supply=41.0, back=49.0, cold=3e5, warm=4e5, stream=9e3, case=61.0, mass=9e3, plates=800.0, chips=110e3)


def joint_step(exchange_rate, facility, time_step, **changes):
    v = {**LOOP, **changes}
    case = cold_plate.case_step(v["case"], v["mass"], v["plates"], v["chips"], time_step)
    loop = cdu.technology_loop_step(
        v["supply"], v["back"], v["cold"], v["warm"], v["stream"], case.heat_uncoupled, case.stiffness, time_step
    )
    removed = cdu.exchanged_heat_flow(loop, exchange_rate, facility)
    supply, back = loop.temperatures(removed)
    return case.temperature(supply), supply, back, removed


@pytest.mark.parametrize("time_step", [1.0, 30.0, 600.0])
def test_plates_loop_and_exchanger_end_where_the_joint_implicit_system_says(time_step):
    v, rate, facility = LOOP, 6e3, 36.0
    mass, cold, warm = v["mass"] / time_step, v["cold"] / time_step, v["warm"] / time_step
    stream, plates = v["stream"], v["plates"]
    matrix = [
        [mass + plates, -plates, 0.0],
        [0.0, cold + stream, -stream + rate],
        [-plates, plates - stream, warm + stream],
    ]
    right = [mass * v["case"] + v["chips"], cold * v["supply"] + rate * facility, warm * v["back"]]
    case, supply, back, removed = joint_step(rate, facility, time_step)
    assert_allclose([case, supply, back], np.linalg.solve(matrix, right), rtol=1e-12)
    assert_allclose(removed, rate * (back - facility), rtol=1e-10)


@given(st.floats(0.0, 9e3), st.floats(2.0, 55.0), st.floats(0.1, 600.0), st.floats(0.0, 2e5))
def test_chips_power_is_stored_or_goes_into_the_facility_water(rate, facility, time_step, chips):
    case, supply, back, removed = joint_step(rate, facility, time_step, chips=chips)
    stored = (
        LOOP["mass"] * (case - LOOP["case"])
        + LOOP["cold"] * (supply - LOOP["supply"])
        + LOOP["warm"] * (back - LOOP["back"])
    )
    scale = 1e6 * 60.0
    assert_allclose(stored, time_step * (chips - removed), rtol=0.0, atol=1e-12 * max(scale, time_step * 2e5))


def test_warm_facility_water_warms_the_loop():
    *_, removed = joint_step(6e3, 70.0, 30.0, chips=0.0)
    assert removed < 0.0


def test_long_steps_end_in_the_steady_state():
    rate, facility = 6e3, 36.0
    case, supply, back, removed = joint_step(rate, facility, 1e9)
    assert_allclose(removed, LOOP["chips"], rtol=1e-4)
    assert_allclose(back, facility + LOOP["chips"] / rate, rtol=1e-4)
    assert_allclose(supply, back - LOOP["chips"] / LOOP["stream"], rtol=1e-4)
    assert_allclose(case, supply + LOOP["chips"] / LOOP["plates"], rtol=1e-4)


def test_slow_valves_let_the_supply_swing_further_when_a_training_job_starts():
    """30 to 100 % of the power within a second; an integrating controller asks, the valve follows at its own speed."""

    def warmest(stroke_time):
        state, position, command, time_step = dict(supply=40.0, back=44.0, case=46.0), 0.5, 0.5, 1.0
        seen = []
        for second in range(1500):
            chips = 33e3 if second < 900 else 110e3
            command = min(max(command + 0.004 * (state["supply"] - 40.0) * time_step, 0.0), 1.0)
            stroke = 30.0 if second < 900 else stroke_time
            position = cdu.stroked_position(position, command, time_step, stroke)
            flow = cdu.facility_flow_fraction(position, 0.5)
            conductance = cdu.conductance(1.0, flow, 25e3, 0.6)
            rate = cdu.exchange_rate(conductance, LOOP["stream"], 10e3 * flow)
            case, supply, back, _ = joint_step(rate, 36.0, time_step, **state, chips=chips)
            state = dict(supply=supply, back=back, case=case)
            seen.append(supply)
        assert abs(seen[899] - 40.0) < 0.05  # settled before the step
        return max(seen[900:])

    fast, slow = warmest(30.0), warmest(600.0)
    assert 40.0 < fast < slow - 0.2


# --- valve and pump --------------------------------------------------------------------------------------------------


def test_valve_takes_its_stroke_time_and_stops_at_its_command():
    position, seconds = 0.0, 0
    while position < 1.0:
        position = cdu.stroked_position(position, 1.0, 1.0, 90.0)
        seconds += 1
    assert seconds in (90, 91)  # one more where the ninety parts do not add up to 1
    assert cdu.stroked_position(0.5, 0.52, 30.0, 90.0) == 0.52
    assert_allclose(cdu.stroked_position(0.5, 0.0, 9.0, 90.0), 0.4, rtol=1e-14)


def test_facility_flow_rises_with_the_valve_from_leakage_to_nominal():
    flow = cdu.facility_flow_fraction(np.linspace(0.0, 1.0, 50), 0.5)
    assert np.all(np.diff(flow) > 0.0)
    assert flow[0] < 2e-4
    assert_allclose(flow[-1], 1.0, rtol=1e-12)


def test_pumps_on_the_nominal_loop_follow_the_affinity_laws():
    speed = np.array([0.0, 0.3, 0.5, 1.0])
    flow = cdu.pump_flow_fraction(speed, 1.0, 1.0)
    assert_allclose(flow, speed, rtol=1e-14)
    assert_allclose(cdu.pump_power(flow, speed, 1.0, 1.0, 8.47e3), 8.47e3 * speed**3, rtol=1e-12)


@given(st.floats(0.05, 1.0), st.floats(0.1, 1.0), st.floats(0.2, 20.0), st.floats(1.05, 1.5))
def test_flow_stands_where_pump_curve_and_loop_meet(speed, running, resistance, shutoff):
    flow = cdu.pump_flow_fraction(speed, running, resistance, shutoff)
    pump_head = shutoff * speed**2 - (shutoff - 1.0) * (flow / running) ** 2
    assert_allclose(pump_head, resistance * flow**2, rtol=1e-9, atol=1e-12)


def test_losing_one_of_two_pumps_leaves_more_than_half_of_the_flow_and_losing_both_none():
    one = cdu.pump_flow_fraction(1.0, 0.5, 1.0)
    assert 0.5 < one < 1.0
    assert cdu.pump_flow_fraction(1.0, 0.0, 1.0) == 0.0
    assert cdu.pump_power(0.0, 1.0, 0.0, 1.0, 8.47e3) == 0.0
    # the pump left runs out on its curve: its hydraulic power at best efficiency
    assert_allclose(cdu.pump_power(one, 1.0, 0.5, 1.0, 8.47e3), 8.47e3 * one**3, rtol=1e-12)


def test_throttled_pump_loses_efficiency_as_pumps_do():
    flow = cdu.pump_flow_fraction(1.0, 1.0, 4.0)
    head = 4.0 * flow**2
    expected = 1e4 * head * flow / pump.relative_efficiency(flow, 1.0)
    assert_allclose(cdu.pump_power(flow, 1.0, 1.0, 4.0, 1e4), expected, rtol=1e-14)
    assert head > 1.0
    assert head * flow < expected / 1e4 < 1.0


# --- namespaces --------------------------------------------------------------------------------------------------------


def closed_loop(supply, back, heat, stiffness, rate, facility):
    loop = cdu.technology_loop_step(supply, back, 3e5, 4e5, 9e3, heat, stiffness, 30.0)
    removed = cdu.exchanged_heat_flow(loop, rate, facility)
    return (removed, *loop.temperatures(removed))


LAWS = {
    "conductance": (cdu.conductance, [*draw((0.0, 1.2), (0.0, 1.2)), 325e3, 0.6]),
    "exchange_rate": (cdu.exchange_rate, draw((0.0, 4e5), (0.0, 2e5), (0.0, 2e5))),
    "heat_flow": (cdu.heat_flow, draw((0.0, 1e5), (40.0, 55.0), (20.0, 60.0))),
    "size_conductance": (cdu.size_conductance, draw((1e5, 2e6), (48.0, 52.0), (39.0, 41.0), (30.0, 36.0), (0.9, 1.5))),
    "closed_loop": (closed_loop, draw((38.0, 44.0), (44.0, 52.0), (0.0, 2e5), (0.0, 2e3), (0.0, 9e3), (20.0, 45.0))),
    "stroked_position": (cdu.stroked_position, draw((0.0, 1.0), (0.0, 1.0), (1.0, 60.0), (30.0, 120.0))),
    "facility_flow_fraction": (cdu.facility_flow_fraction, [*draw((0.0, 1.0)), 0.5]),
    "pump_flow_fraction": (cdu.pump_flow_fraction, [*draw((0.0, 1.0), (0.0, 1.0), (0.5, 5.0)), 1.2]),
    "pump_power": (cdu.pump_power, [*draw((0.0, 1.0), (0.1, 1.0), (0.1, 1.0), (0.5, 5.0)), 1e4]),
}
GRADIENTS = {
    "conductance": (cdu.conductance, [0.8, 0.5, 3e5, 0.6]),
    "exchange_rate": (cdu.exchange_rate, [3e5, 1.3e5, 1.0e5]),
    "size_conductance": (cdu.size_conductance, [1.3e6, 50.0, 40.0, 36.0, 0.9]),
    "closed_loop": (closed_loop, [41.0, 49.0, 1.6e5, 800.0, 6e3, 36.0]),
    "stroked_position": (cdu.stroked_position, [0.5, 0.9, 10.0, 90.0]),
    "pump_flow_fraction": (cdu.pump_flow_fraction, [0.8, 0.5, 1.3]),
    "pump_power": (cdu.pump_power, [0.6, 0.9, 1.0, 1.3, 1e4]),
}
KINKS = {
    "no technology flow": (cdu.conductance, [0.0, 1.0, 3e5, 0.6]),
    "no flow at all": (cdu.conductance, [0.0, 0.0, 3e5, 0.6]),
    "exchange without flow": (cdu.exchange_rate, [0.0, 0.0, 0.0]),
    "exchange at balance": (cdu.exchange_rate, [3e5, 1e5, 1e5]),
    "exchanger shut": (closed_loop, [41.0, 49.0, 1.6e5, 800.0, 0.0, 36.0]),
    "no pump": (cdu.pump_flow_fraction, [0.0, 0.0, 1.0]),
    "no pump power": (cdu.pump_power, [0.0, 0.0, 0.0, 1.0, 1e4]),
    "closed valve": (cdu.facility_flow_fraction, [0.0, 0.5]),
    "valve at its command": (cdu.stroked_position, [0.5, 0.5, 10.0, 90.0]),
}


@pytest.mark.parametrize("name", LAWS)
def test_laws_agree_between_namespaces_and_leave_their_inputs_alone(name, arrays):
    check_namespace(*LAWS[name], arrays)


def test_laws_agree_with_the_compiled_kernel():
    check_kernel(LAWS)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_equal_finite_differences(name, torch_arrays):
    check_gradient(*GRADIENTS[name], torch_arrays)


@pytest.mark.parametrize("name", KINKS)
def test_values_and_gradients_stay_finite_at_limits(name, torch_arrays):
    check_kink(*KINKS[name], torch_arrays)
