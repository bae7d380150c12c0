import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from test_cold_plate import COUNT, check_gradient, check_kernel, check_kink, check_namespace, draw

from dcsim.physics import storage_tank

SMALL = storage_tank.size_tank(0.1, 3.0, 7, 0.3)  # of Modelica Buildings, StratifiedLoadingUnloading
LARGE = storage_tank.size_tank(1000.0, 12.0, 20, 0.1)
STREAM = 1000.0 / 3600.0 / 4.0 * 4184.0  # W/K through the small tank


def step(temperature, size, rate, entering, time_step, walls=True, ambient=25.0, **changes):
    """A step of one tank; returns the new temperatures, the leaving temperature and the heats."""
    nodes = len(temperature)
    number = storage_tank.node_numbers(nodes)
    side, lid = (size.side_conductance, size.lid_conductance) if walls else (0.0, 0.0)
    rate = np.array([[rate]])
    tank = storage_tank.tank_step(
        np.reshape(temperature, (nodes, 1)),
        number,
        nodes,
        size.heat_capacity,
        size.conduction,
        side,
        lid,
        ambient,
        rate,
        entering,
        time_step,
        **changes,
    )
    new, leaving = tank.temperature(entering), tank.leaving_temperature(entering)
    water = storage_tank.water_heat_flow(rate, entering, leaving)
    wall = storage_tank.wall_heat_flow(new, number, nodes, side, lid, ambient)
    return new[:, 0], leaving.item(), water.item(), np.asarray(wall).item()


def engine_step(temperature, time_step, **given):
    """What an engine makes of it: one step against two of half the length, extrapolated."""
    coarse = step(temperature, time_step=time_step, **given)[0]
    fine = step(temperature, time_step=0.5 * time_step, **given)[0]
    return 2.0 * step(fine, time_step=0.5 * time_step, **given)[0] - coarse


def advection(size, rate, nodes):
    """Matrix of advection and conduction [1/s], last column for the entering water."""
    matrix = np.zeros((nodes + 1, nodes + 1))
    for i in range(nodes):
        for j in (i - 1, i + 1):
            if 0 <= j < nodes:
                matrix[i, i] -= size.conduction
                matrix[i, j] += size.conduction
        source = i - 1 if rate > 0.0 else i + 1
        matrix[i, i] -= abs(rate)
        matrix[i, source if 0 <= source < nodes else nodes] += abs(rate)
    return matrix / size.heat_capacity


# --- against others' numbers ---------------------------------------------------------------------------------------------


def loading_and_unloading(time_step, seconds):
    """Two periods of an hour of 20 degC water from below and an hour of 40 degC water from above; tank at 20 degC."""
    value, series = np.full(7, 20.0), [np.full(7, 20.0)]
    for k in range(round(seconds / time_step)):
        is_loading = (k * time_step) % 7200.0 >= 3600.0
        given = dict(rate=STREAM, entering=40.0) if is_loading else dict(rate=-STREAM, entering=20.0)
        value = engine_step(value, time_step, size=SMALL, walls=False, **given)
        series.append(value)
    return np.array(series)


# Modelica Buildings, Fluid.Storage.Validation.StratifiedLoadingUnloading (2026), 720 s after loading has begun
AFTER_720_SECONDS = [39.40, 37.31, 33.64, 29.33, 25.55, 22.89, 21.33]


@pytest.mark.parametrize(("time_step", "tolerance"), [(6.0, 0.01), (30.0, 0.025)])
def test_tank_loads_as_that_of_modelica_buildings(time_step, tolerance):
    assert_allclose(loading_and_unloading(time_step, 4320.0)[-1], AFTER_720_SECONDS, atol=tolerance)


def test_tank_equals_the_whole_series_of_modelica_buildings():
    folder = os.environ.get("DCSIM_DATA")
    if not folder:
        pytest.skip("DCSIM_DATA is not set: no reference trajectories to compare with")
    name = "Buildings_Fluid_Storage_Validation_StratifiedLoadingUnloading.txt"
    text = (Path(folder) / "modelica_ref" / "raw" / name).read_text()
    found = dict(re.findall(r"^tan\.vol\[(\d)\]\.T=\[(.*)\]$", text, re.MULTILINE))
    reference = np.array([[float(v) for v in found[str(k)].split(",")] for k in range(1, 8)]).T - 273.15
    assert reference.shape == (101, 7)  # every 144 s
    assert_allclose(loading_and_unloading(12.0, 14_400.0)[::12], reference, atol=0.01)
    assert_allclose(loading_and_unloading(36.0, 14_400.0)[::4], reference, atol=0.05)


def test_sizes_are_those_of_modelica_buildings():
    # area 1/30 m2, radius 0.10301 m, nodes of 0.42857 m: worked by hand
    assert_allclose(SMALL.heat_capacity, 995.6 * 4184.0 * 0.1 / 7.0, rtol=1e-14)
    assert_allclose(SMALL.conduction, 0.598 / 30.0 / 0.428571, rtol=1e-5)
    assert_allclose(SMALL.side_conductance, 2.0 * np.pi * 0.04 * 0.428571 / np.log(0.40301 / 0.10301), rtol=1e-4)
    assert_allclose(SMALL.lid_conductance, 0.04 / 0.3 / 30.0, rtol=1e-12)


def test_tanks_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="nodes"):
        storage_tank.size_tank(10.0, 3.0, 1, 0.1)
    with pytest.raises(ValueError, match="positive"):
        storage_tank.size_tank(10.0, 0.0, 5, 0.1)


# --- exact solutions and second implementations ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [STREAM, -STREAM])
def test_advection_follows_the_matrix_exponential_to_first_order_and_extrapolated_to_second(rate):
    start = np.linspace(30.0, 22.0, 7)
    entering = 40.0 if rate > 0.0 else 15.0
    exact = (expm(advection(SMALL, rate, 7) * 480.0) @ [*start, entering])[:7]

    def errors(advance):
        found = []
        for count in (16, 32, 64):
            value = start
            for _ in range(count):
                value = advance(value, 480.0 / count)
            found.append(np.abs(value - exact).max())
        return np.log2(np.array(found[:-1]) / found[1:])

    given = dict(size=SMALL, rate=rate, entering=entering, walls=False)
    assert_allclose(errors(lambda value, dt: step(value, time_step=dt, **given)[0]), 1.0, atol=0.15)
    assert_allclose(errors(lambda value, dt: engine_step(value, dt, **given)), 2.0, atol=0.2)


@given(
    st.lists(st.floats(4.0, 40.0), min_size=3, max_size=9),
    st.floats(-1.0, 1.0),
    st.floats(-1.0, 3.0),
    st.floats(4.0, 40.0),
)
def test_elimination_solves_the_joint_implicit_system(start, direction, log_courant, entering):
    nodes, time_step = len(start), 60.0
    rate = direction * 10.0**log_courant * LARGE.heat_capacity / time_step
    size = LARGE._replace(conduction=5e4, side_conductance=2e3, lid_conductance=7e3)
    capacity = size.heat_capacity / time_step
    # where advection alone leads, by a dense solution
    pure = advection(size._replace(conduction=0.0), rate, nodes) * time_step
    moved = np.linalg.solve(np.eye(nodes) - pure[:nodes, :nodes], np.array(start) + pure[:nodes, nodes] * entering)
    matrix = capacity * (np.eye(nodes) - pure[:nodes, :nodes])
    right = capacity * (np.array(start) + pure[:nodes, nodes] * entering)
    for i in range(nodes - 1):
        exchange = size.conduction + size.heat_capacity * max(moved[i + 1] - moved[i], 0.0)
        matrix[i, i] += exchange
        matrix[i + 1, i + 1] += exchange
        matrix[i, i + 1] -= exchange
        matrix[i + 1, i] -= exchange
    walls = np.full(nodes, 2e3)
    walls[[0, -1]] += 7e3
    matrix += np.diag(walls)
    expected = np.linalg.solve(matrix, right + walls * 25.0)
    new, leaving, *_ = step(np.array(start), size, rate, entering, time_step)
    assert_allclose(new, expected, rtol=1e-9, atol=1e-9)
    assert_allclose(leaving, expected[-1] if rate > 0.0 else expected[0], rtol=1e-9)


def test_two_nodes_at_rest_mix_as_their_law_says_at_any_step():
    # d(difference)/dt = -2 difference^2 / (1 s K): difference_0 / (1 + 2 t difference_0)
    for time_step in (0.1, 5.0, 60.0):
        new, *_ = step([10.0, 14.0], SMALL._replace(conduction=0.0), 0.0, 20.0, time_step, walls=False)
        assert_allclose(new[1] - new[0], 4.0 / (1.0 + 8.0 * time_step), rtol=1e-12)
        assert_allclose(new.sum(), 24.0, rtol=1e-14)


def test_mixing_converges_to_the_differential_equation():
    """Warm water enters below: the plume mixes upwards while it is fed."""
    rate, entering, mixing_time, duration = -STREAM, 30.0, 200.0, 240.0
    start = np.array([26.0, 25.0, 24.0, 21.0, 20.0, 20.0, 20.0])
    matrix = advection(SMALL, rate, 7)

    def slope(_, value):
        flow = np.maximum(np.diff(value), 0.0) ** 2 / mixing_time
        change = matrix[:7, :7] @ value + matrix[:7, 7] * entering
        change[:-1] += flow
        change[1:] -= flow
        return change

    exact = solve_ivp(slope, (0.0, duration), start, method="Radau", rtol=1e-10, atol=1e-10).y[:, -1]
    assert exact[-1] > exact[-2] > 20.0  # still inverted, and mixed into the node above
    errors = []
    for count in (24, 48, 96, 192):
        value = start
        for _ in range(count):
            value, *_ = step(value, SMALL, rate, entering, duration / count, walls=False, mixing_time=mixing_time)
        errors.append(np.abs(value - exact).max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:])[1:], 1.0, atol=0.2)
    assert errors[-1] < 0.05


def test_mixing_meets_an_inversion_in_the_step_that_makes_it():
    """Steady warm inflow from below: no alternation between a mixed and an inverted tank at steps far above 1 s."""
    value, bottom = np.r_[np.full(10, 14.0), np.full(10, 6.0)], []
    for _ in range(60):
        value, *_ = step(value, LARGE, -200.0 * 4184.0, 10.0, 60.0)
        bottom.append(value[-1])
        assert np.diff(value).max() < 0.2
    assert np.all(np.diff(bottom) > 0.0)


def test_stable_layers_do_not_mix():
    start = np.linspace(14.0, 5.0, 20)
    still, *_ = step(start, LARGE._replace(conduction=0.0), 0.0, 20.0, 60.0, walls=False)
    assert_allclose(still, start, rtol=1e-14)


def test_nodes_smear_a_thermocline_by_one_node_squared_for_each_node_passed():
    """Variance of the layer in node heights: the diffusivity of half the velocity times the height of a node."""
    size = LARGE._replace(conduction=0.0)
    value, rate, time_step, steps = np.full(60, 6.0), 1e6, 30.0, 174
    for _ in range(steps):
        value = engine_step(value, time_step, size=size, rate=rate, entering=14.0, walls=False)
    passed = steps * time_step * rate / size.heat_capacity  # nodes: 25
    share = -np.diff(np.r_[14.0, value, 6.0]) / 8.0
    place = np.arange(61)
    mean = np.sum(share * place)
    assert_allclose(share.sum(), 1.0, rtol=1e-12)
    assert_allclose(mean, passed, rtol=1e-4)
    assert_allclose(np.sum(share * (place - mean) ** 2), passed, rtol=5e-3)


# --- conservation, bounds, symmetry --------------------------------------------------------------------------------------

tanks = st.lists(st.floats(4.0, 40.0), min_size=2, max_size=24)


@given(tanks, st.floats(-1.0, 1.0), st.floats(-3.0, 3.0), st.floats(4.0, 40.0), st.floats(0.01, 3600.0))
def test_stored_heat_is_heat_in_less_heat_out_for_any_flow(start, direction, log_courant, entering, time_step):
    rate = direction * 10.0**log_courant * LARGE.heat_capacity / 60.0  # up to a thousand nodes a minute
    new, _, water, wall = step(np.array(start), LARGE, rate, entering, time_step)
    stored = storage_tank.stored_heat(new[:, None], LARGE.heat_capacity, 0.0).item()
    stored -= storage_tank.stored_heat(np.array(start)[:, None], LARGE.heat_capacity, 0.0).item()
    scale = LARGE.heat_capacity * 40.0 * len(start) + time_step * abs(rate) * 40.0
    assert_allclose(stored, time_step * (water + wall), rtol=0.0, atol=1e-14 * scale)


@given(tanks, st.floats(-1.0, 1.0), st.floats(-3.0, 3.0), st.floats(4.0, 40.0), st.floats(0.01, 3600.0))
def test_no_node_leaves_the_range_of_what_there_is(start, direction, log_courant, entering, time_step):
    rate = direction * 10.0**log_courant * LARGE.heat_capacity / 60.0
    new, leaving, *_ = step(np.array(start), LARGE, rate, entering, time_step)
    everything = [*start, 25.0] + ([entering] if rate else [])
    assert min(everything) - 1e-9 <= new.min() <= new.max() <= max(everything) + 1e-9
    assert new.min() - 1e-12 <= leaving <= new.max() + 1e-12


@pytest.mark.parametrize(("courant", "overshoot"), [(0.3, 1e-3), (1.0, 4e-3), (5.0, 0.015), (100.0, 0.07)])
def test_extrapolated_steps_overshoot_a_front_little_and_settle(courant, overshoot):
    value, rate, seen = np.full(20, 5.0), courant * LARGE.heat_capacity / 60.0, []
    for _ in range(200):
        value = engine_step(value, 60.0, size=LARGE, rate=rate, entering=14.0, walls=False)
        seen += [value.max() - 14.0, 5.0 - value.min()]
    assert max(seen) < overshoot * 9.0
    assert_allclose(value, 14.0, atol=1e-6)


@given(tanks, st.floats(-3.0, 3.0), st.floats(4.0, 40.0), st.floats(1.0, 60.0))
def test_charging_mirrors_discharging(start, log_courant, entering, time_step):
    """Turned upside down, warm and cold exchanged, the tank does the same: mixing included."""
    start, rate = np.array(start), 10.0**log_courant * LARGE.heat_capacity / 60.0
    down, left_down, water, wall = step(start, LARGE, rate, entering, time_step, ambient=20.0)
    up, left_up, *heats = step(44.0 - start[::-1], LARGE, -rate, 44.0 - entering, time_step, ambient=24.0)
    assert_allclose(44.0 - up[::-1], down, rtol=1e-12)
    assert_allclose(44.0 - left_up, left_down, rtol=1e-12)
    scale = rate * 40.0 + 1e3
    assert_allclose([-h for h in heats], [water, wall], rtol=0.0, atol=1e-9 * scale)


def test_charged_and_emptied_again_a_tank_gives_back_what_it_took():
    value, taken, stream = np.full(20, 14.0), 0.0, 200.0 * 4184.0
    before = storage_tank.usable_cooling(value[:, None], LARGE.heat_capacity, 14.0).item()
    for _ in range(150):  # 60 s each at 0.2 m3/s: nearly twice its content
        value, _, water, _ = step(value, LARGE, -stream, 5.0, 60.0, walls=False)
        taken -= 60.0 * water
    charged = storage_tank.usable_cooling(value[:, None], LARGE.heat_capacity, 14.0).item()
    assert before == 0.0
    assert_allclose(charged, taken, rtol=1e-12)
    assert_allclose(charged, 20.0 * LARGE.heat_capacity * 9.0, rtol=1e-3)  # full
    given_back, leaving = 0.0, []
    for _ in range(150):
        value, left, water, _ = step(value, LARGE, stream, 14.0, 60.0, walls=False)
        given_back += 60.0 * water
        leaving.append(left)
    assert_allclose(given_back, taken, rtol=1e-3)
    assert_allclose(leaving[:40], 5.0, atol=0.1)  # cold to start with, warm at the end
    assert leaving[-1] > 13.9
    assert np.all(np.diff(leaving) > -1e-9)


def test_standing_tank_ends_at_the_ambient_by_its_walls_alone():
    value, wall_heat = np.linspace(14.0, 5.0, 20), 0.0
    for _ in range(40):
        value, _, water, wall = step(value, LARGE, 0.0, 30.0, 1e9)
        assert water == 0.0
        wall_heat += wall
    assert_allclose(value, 25.0, atol=1e-6)
    assert wall_heat > 0.0
    # and starts by conductance over heat capacity
    uniform, _, _, wall = step(np.full(20, 5.0), LARGE, 0.0, 30.0, 1.0)
    conductance = 20.0 * LARGE.side_conductance + 2.0 * LARGE.lid_conductance
    assert_allclose(wall, conductance * 20.0, rtol=1e-5)
    assert_allclose(20.0 * LARGE.heat_capacity * (uniform.mean() - 5.0), wall, rtol=1e-6)
    assert uniform[0] > uniform[1] == pytest.approx(uniform[10])


def test_tank_depends_linearly_on_the_entering_water():
    number = storage_tank.node_numbers(5)
    for rate in (4e6, -4e6):
        tank = storage_tank.tank_step(
            np.linspace(14.0, 6.0, 5)[:, None], number, 5, *LARGE, 25.0, np.array([[rate]]), 10.0, 60.0
        )
        shares = np.array(tank.entering_shares)[:, 0, 0]
        assert_allclose(tank.temperature(12.0) - tank.temperature(8.0), 4.0 * shares[:, None], rtol=1e-9)
        if rate < 0.0:
            shares = shares[::-1]
        assert np.all(np.diff(shares) < 0.0)  # least where the water leaves
        assert_allclose(tank.leaving_share.item(), shares[-1], rtol=1e-14)
        # what the shares do not take stays with the old content and the walls: in a tank at one temperature, all is one
        even = storage_tank.tank_step(np.full((5, 1), 9.0), number, 5, *LARGE, 9.0, np.array([[rate]]), 9.0, 60.0)
        assert_allclose(even.temperature(9.0), 9.0, rtol=1e-13)


# --- worth of the content --------------------------------------------------------------------------------------------


def test_full_tank_holds_its_heat_capacity_times_the_difference():
    cold = np.full((20, 1), 5.0)
    expected = 995.6 * 4184.0 * 1000.0 * 9.0  # 1000 m3, 9 K: 10.4 MWh
    assert_allclose(storage_tank.usable_cooling(cold, LARGE.heat_capacity, 14.0), [[expected]], rtol=1e-12)
    assert_allclose(expected / 3.6e9, 10.4, atol=0.02)
    assert_allclose(storage_tank.stored_heat(cold, LARGE.heat_capacity, 14.0), [[-expected]], rtol=1e-12)


def test_nodes_above_the_return_are_worth_nothing():
    half = np.r_[np.full(10, 20.0), np.full(10, 5.0)][:, None]
    assert_allclose(
        storage_tank.usable_cooling(half, LARGE.heat_capacity, 14.0), 10.0 * LARGE.heat_capacity * 9.0, rtol=1e-12
    )


def test_mixing_spares_the_heat_and_spoils_what_can_be_delivered():
    layered = np.r_[np.full(10, 14.0), np.full(10, 5.0)][:, None]
    mixed = np.full((20, 1), 9.5)
    capacity = LARGE.heat_capacity
    usable = [storage_tank.usable_cooling(x, capacity, 14.0).item() for x in (layered, mixed)]
    served = [storage_tank.deliverable_cooling(x, capacity, 14.0, 7.0).item() for x in (layered, mixed)]
    assert_allclose(usable[1], usable[0], rtol=1e-12)
    assert_allclose(served[0], usable[0], rtol=1e-6)
    assert served[1] < 1e-6 * served[0]


# --- namespaces --------------------------------------------------------------------------------------------------------


def tank_of_seven(temperature, number, ambient, rate, expected, time_step, entering, xp):
    tank = storage_tank.tank_step(
        temperature, number, 7, 5e4, 40.0, 3.0, 5.0, ambient, rate, expected, time_step, 1.0, xp
    )
    return tank.temperature(entering), tank.leaving_temperature(entering)


def walls_of_seven(temperature, number, ambient, xp):
    return storage_tank.wall_heat_flow(temperature, number, 7, 3.0, 5.0, ambient, xp)


def sloped(top, slope, rate, entering, time_step, xp):
    number = xp.asarray(storage_tank.node_numbers(7))
    return tank_of_seven(top + slope * number, number, 25.0, rate, entering, time_step, entering, xp)


NUMBERS = storage_tank.node_numbers(7)
TEMPERATURES = np.random.default_rng(8).uniform(5.0, 15.0, (7, COUNT))
LAWS = {
    "tank_step": (
        tank_of_seven,
        [TEMPERATURES, NUMBERS, *draw((10.0, 30.0), (-2e4, 2e4), (5.0, 15.0), (1.0, 60.0), (5.0, 15.0))],
    ),
    "water_heat_flow": (storage_tank.water_heat_flow, draw((-2e4, 2e4), (5.0, 15.0), (5.0, 15.0))),
    "wall_heat_flow": (walls_of_seven, [TEMPERATURES, NUMBERS, *draw((10.0, 30.0))]),
    "stored_heat": (storage_tank.stored_heat, [TEMPERATURES, 5e4, 14.0]),
    "usable_cooling": (storage_tank.usable_cooling, [TEMPERATURES, 5e4, *draw((8.0, 16.0))]),
    "deliverable_cooling": (storage_tank.deliverable_cooling, [TEMPERATURES, 5e4, *draw((8.0, 16.0)), 7.0, 0.2]),
}
GRADIENTS = {
    "discharging": (sloped, [14.0, -1.1, 900.0, 16.0, 30.0]),
    "charging": (sloped, [14.0, -1.1, -900.0, 5.0, 30.0]),
    "inverted": (sloped, [6.0, 0.7, -900.0, 12.0, 30.0]),
}
KINKS = {
    "even and at rest": (sloped, [14.0, 0.0, 0.0, 14.0, 30.0]),
    "at rest": (sloped, [14.0, -1.0, 0.0, 5.0, 30.0]),
    "even with flow": (sloped, [14.0, 0.0, 900.0, 14.0, 30.0]),
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
