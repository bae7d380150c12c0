import inspect
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dcsim.engines import Model
from dcsim.engines.fused import FusedEngine
from dcsim.physics import cold_plate, thermal

# Wakefield 133032: 0.0267 K/W from case to inlet at 1.6 L/min
NOMINAL_FLOW = 1.6 / 60_000.0  # m3/s
NOMINAL_RESISTANCE = 0.0267
FILM_SHARE = 0.6
COOLANT = cold_plate.PG25_DENSITY * cold_plate.PG25_SPECIFIC_HEAT  # J/(m3 K)


def plate(flow_fraction):
    """Conductance and capacity rate of the plate."""
    capacity_rate = flow_fraction * NOMINAL_FLOW * COOLANT
    resistance = cold_plate.resistance(flow_fraction, NOMINAL_RESISTANCE, FILM_SHARE)
    return cold_plate.conductance(resistance, capacity_rate), capacity_rate


@pytest.mark.parametrize(("power", "temperature"), [(1000.0, 66.7), (1200.0, 72.0)])
def test_case_temperature_of_a_published_plate(power, temperature):
    conductance, _ = plate(1.0)
    assert_allclose(cold_plate.steady_case_temperature(40.0, power, conductance), temperature, atol=0.05)


# L/min per kW -> rise in kelvin of water at 40 degC (992.2 kg/m3, 4184 J/(kg K)) and of 25 % glycol (1019 kg/m3, 3880
# J/(kg K), the constants of the table); to the last digit given
RISES = {1.0: (14.45, 15.2), 1.2: (12.04, 12.7), 1.5: (9.63, 10.1), 2.0: (7.22, 7.6)}


@pytest.mark.parametrize("flow", RISES)
def test_coolant_rises_by_its_heat_over_its_flow(flow):
    volume_flow = flow / 60_000.0
    water = cold_plate.return_temperature(40.0, 1e3, volume_flow * 992.2 * 4184.0) - 40.0
    glycol = cold_plate.return_temperature(40.0, 1e3, volume_flow * 1019.0 * 3880.0) - 40.0
    assert_allclose(water, RISES[flow][0], atol=0.01)
    assert_allclose(glycol, RISES[flow][1], atol=0.1)


def test_glycol_carries_a_few_percent_less_than_water():
    assert 0.95 < COOLANT / (992.2 * 4179.0) < 0.98


def test_resistance_is_a_solid_part_and_a_power_of_the_flow():
    volume_flow = np.array([0.4, 0.8, 1.6, 2.4]) / 60_000.0
    solid = NOMINAL_RESISTANCE * (1.0 - FILM_SHARE)
    coefficient = NOMINAL_RESISTANCE * FILM_SHARE * NOMINAL_FLOW**0.4
    resistance = cold_plate.resistance(volume_flow / NOMINAL_FLOW, NOMINAL_RESISTANCE, FILM_SHARE, 0.4)
    assert_allclose(resistance, solid + coefficient * volume_flow**-0.4, rtol=1e-12)
    assert resistance[2] == NOMINAL_RESISTANCE
    assert np.all(np.diff(resistance) < 0.0)
    assert np.isfinite(cold_plate.resistance(0.0, NOMINAL_RESISTANCE, FILM_SHARE))


@given(st.floats(0.0, 2.0), st.floats(0.0, 1.0), st.floats(0.0, 2000.0))
def test_coolant_never_leaves_hotter_than_the_case(flow_fraction, film_share, power):
    resistance = cold_plate.resistance(flow_fraction, NOMINAL_RESISTANCE, film_share)
    capacity_rate = flow_fraction * NOMINAL_FLOW * COOLANT
    conductance = cold_plate.conductance(resistance, capacity_rate)
    step = cold_plate.case_step(60.0, 400.0, conductance, power, 60.0)
    leaving = cold_plate.return_temperature(40.0, step.heat_flow(40.0), capacity_rate)
    assert 40.0 <= leaving <= step.temperature(40.0) + 1e-9
    assert 0.0 <= conductance <= 1.0 / resistance


@given(
    st.floats(20.0, 90.0), st.floats(20.0, 60.0), st.floats(0.0, 2.0), st.floats(0.0, 2000.0), st.floats(1e-3, 600.0)
)
def test_power_is_stored_in_the_case_or_leaves_with_the_coolant(case, supply, flow_fraction, power, time_step):
    capacity = 400.0
    conductance, _ = plate(flow_fraction)
    step = cold_plate.case_step(case, capacity, conductance, power, time_step)
    after, heat = step.temperature(supply), step.heat_flow(supply)
    scale = capacity * 100.0 / time_step + 2000.0
    assert_allclose(capacity * (after - case) / time_step, power - heat, rtol=0.0, atol=1e-12 * scale)
    assert_allclose(heat, conductance * (after - supply), rtol=0.0, atol=1e-12 * scale)
    assert_allclose(
        after,
        thermal.node_temperature(case, capacity, conductance, power + conductance * supply, time_step),
        rtol=1e-12,
    )


def test_case_follows_the_exponential_to_first_order_and_long_steps_end_in_the_steady_state():
    capacity, power, supply = 400.0, 1000.0, 40.0
    conductance, _ = plate(1.0)
    steady = cold_plate.steady_case_temperature(supply, power, conductance)
    assert 5.0 < capacity / conductance < 20.0  # s, time constant
    exact = thermal.relaxed(45.0, steady, 20.0 * conductance / capacity)
    errors = []
    for count in (20, 40, 80):
        value = 45.0
        for _ in range(count):
            value = cold_plate.case_step(value, capacity, conductance, power, 20.0 / count).temperature(supply)
        errors.append(abs(value - exact))
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1.0, atol=0.05)
    assert_allclose(
        cold_plate.case_step(45.0, capacity, conductance, power, 1e9).temperature(supply), steady, rtol=1e-6
    )


def test_case_without_flow_warms_by_its_power_over_its_heat_capacity():
    conductance, _ = plate(0.0)
    step = cold_plate.case_step(66.7, 400.0, conductance, 1000.0, 5.0)
    assert conductance == 0.0
    assert step.heat_flow(40.0) == 0.0
    assert_allclose(step.temperature(40.0), 66.7 + 5.0 * 1000.0 / 400.0, rtol=1e-14)
    assert cold_plate.return_temperature(40.0, 0.0, 0.0) == 40.0


def test_pressure_drop_and_pump_power_of_a_published_plate():
    # OCP OAI: 29 kPa at 2 L/min, growing with the 1.8th power of the flow
    assert_allclose(cold_plate.pressure_drop(1.0, 29e3), 29e3, rtol=1e-14)
    assert_allclose(cold_plate.pressure_drop(0.5, 29e3), 29e3 / 2.0**1.8, rtol=1e-12)
    assert_allclose(cold_plate.pressure_drop(0.5, 29e3, 2.0), 29e3 / 4.0, rtol=1e-12)
    # 1/30000 m3/s against 29 kPa at an efficiency of 0.5: 1.93 W
    assert_allclose(cold_plate.pump_power(1.0, 2.0 / 60_000.0, 29e3, 0.5), 1.933, atol=1e-3)
    assert_allclose(cold_plate.pump_power(0.5, 2.0 / 60_000.0, 29e3, 0.5, 2.0), 1.933 / 8.0, atol=1e-3)


# --- namespaces: the same numbers on NumPy, torch and a compiled kernel, and gradients; the tests of CDU, dry cooler and
# storage tank import these checks

COUNT = 40  # environments


def draw(*ranges, rows=1):
    rng = np.random.default_rng(5)
    return [rng.uniform(low, high, (rows, COUNT)) for low, high in ranges]


def call(law, arguments, xp):
    """Results of a law as a tuple of arrays, whatever it returns."""
    values = law(*arguments, xp=xp) if "xp" in inspect.signature(law).parameters else law(*arguments)
    return tuple(values) if isinstance(values, tuple) else (values,)


def kernel_results(laws):
    """What one compiled kernel makes of all laws: each a function with its arguments; columns are parameters."""
    inputs, params = {}, {"none": np.zeros((1, 1))}
    for name, (_, arguments) in laws.items():
        for index, value in enumerate(arguments):
            if isinstance(value, np.ndarray):
                (inputs if value.shape[1] == COUNT else params)[f"{name}_{index}"] = value
    expected = {
        f"{name}_{index}": value
        for name, (law, arguments) in laws.items()
        for index, value in enumerate(call(law, arguments, np))
    }
    rows = {key: value.shape[0] for key, value in expected.items()}
    State, Inputs, Params = (namedtuple("Fields", x) for x in (expected, inputs, params))
    Held = namedtuple("Held", "nothing")

    def sweep(s, u, h, p, time_step, xp):
        values = {}
        for name, (law, arguments) in laws.items():
            symbols = []
            for index, value in enumerate(arguments):
                key = f"{name}_{index}"
                symbols.append(getattr(u if key in inputs else p, key) if isinstance(value, np.ndarray) else value)
            for index, value in enumerate(call(law, symbols, xp)):
                values[f"{name}_{index}"] = value + 0.0 * getattr(s, f"{name}_{index}")
        return State(**values)

    model = Model(
        begin=lambda s, u, p, interval, xp: (s, Held(0.0)),
        sweep=sweep,
        monitor=lambda s, u, h, p, time_step, xp: s,
        state=State,
        inputs=Inputs,
        params=Params,
        state_rows=rows,
        input_rows={key: value.shape[0] for key, value in inputs.items()},
    )
    engine = FusedEngine(model, Params(**params), substeps=1)
    packed = engine.step(np.zeros((sum(rows.values()), COUNT)), np.concatenate(list(inputs.values())), 60.0)
    parts = np.split(packed, np.cumsum(list(rows.values()))[:-1])
    return expected, dict(zip(expected, parts, strict=True))


def check_kernel(laws):
    expected, got = kernel_results(laws)
    for key, value in expected.items():
        scale = np.abs(value).max() + 1e-300
        assert_allclose(got[key], np.broadcast_to(value, got[key].shape), rtol=1e-11, atol=1e-12 * scale, err_msg=key)


def check_namespace(law, arguments, arrays):
    with np.errstate(all="raise", under="ignore"):
        expected = call(law, arguments, np)
    given_before = [np.copy(a) if isinstance(a, np.ndarray) else None for a in arguments]
    given = [arrays.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    for value, reference in zip(call(law, given, arrays.xp), expected, strict=True):
        value = arrays.to_numpy(value)
        assert value.dtype == np.float64
        assert_allclose(value, reference, rtol=1e-11, atol=1e-12 * (np.abs(reference).max() + 1e-300))
    for before, argument in zip(given_before, given, strict=True):
        if before is not None:
            assert np.array_equal(before, arrays.to_numpy(argument))
    alone = [a[:, 7:8] if isinstance(a, np.ndarray) and a.shape[1] == COUNT else a for a in arguments]
    for one, whole in zip(call(law, alone, np), expected, strict=True):
        assert_allclose(one, whole[:, 7:8], rtol=1e-13, atol=1e-13)


def check_gradient(law, point, arrays):
    """Gradients equal finite differences; each argument in its own unit of size, so that one finite step suits all."""
    import torch

    sizes = [abs(p) if p else 1.0 for p in point]
    variables = [
        torch.tensor([[p / s]], dtype=torch.float64, requires_grad=True) for p, s in zip(point, sizes, strict=True)
    ]

    def total(*x):
        return sum(v.sum() for v in call(law, [v * s for v, s in zip(x, sizes, strict=True)], arrays.xp))

    size = float(total(*variables).detach().abs())
    assert torch.autograd.gradcheck(lambda *x: total(*x) / size, variables, eps=1e-7, atol=2e-5, rtol=2e-5)


def check_kink(law, point, arrays):
    import torch

    variables = [torch.tensor([[p]], dtype=torch.float64, requires_grad=True) for p in point]
    value = sum(v.sum() for v in call(law, variables, arrays.xp))
    gradients = torch.autograd.grad(value, variables, allow_unused=True)
    assert torch.isfinite(value)
    assert all(torch.isfinite(g).all() for g in gradients if g is not None)


LAWS = {
    "resistance": (cold_plate.resistance, [*draw((0.0, 2.0)), 0.0267, 0.6, 0.4]),
    "conductance": (cold_plate.conductance, draw((0.02, 0.05), (0.0, 200.0))),
    "steady_case_temperature": (cold_plate.steady_case_temperature, draw((30.0, 45.0), (0.0, 1200.0), (10.0, 60.0))),
    "case_step": (cold_plate.case_step, draw((30.0, 80.0), (200.0, 900.0), (0.0, 60.0), (0.0, 1200.0), (1.0, 60.0))),
    "return_temperature": (cold_plate.return_temperature, draw((30.0, 45.0), (0.0, 1e3), (0.0, 100.0))),
    "pressure_drop": (cold_plate.pressure_drop, [*draw((0.0, 2.0)), 29e3, 1.8]),
    "pump_power": (cold_plate.pump_power, [*draw((0.0, 2.0)), 3e-5, 29e3, 0.5, 1.8]),
}
GRADIENTS = {
    "resistance": (cold_plate.resistance, [0.7, 0.0267, 0.6, 0.4]),
    "conductance": (cold_plate.conductance, [0.0267, 105.0]),
    "conductance of little flow": (cold_plate.conductance, [0.05, 8.0]),
    "case_step": (cold_plate.case_step, [60.0, 400.0, 37.0, 1000.0, 30.0]),
    "pump_power": (cold_plate.pump_power, [0.7, 3e-5, 29e3, 0.5, 1.8]),
}
KINKS = {
    "resistance without flow": (cold_plate.resistance, [0.0, 0.0267, 0.6, 0.4]),
    "conductance without flow": (cold_plate.conductance, [170.0, 0.0]),
    "case without flow": (cold_plate.case_step, [60.0, 400.0, 0.0, 1000.0, 30.0]),
    "steady case without flow": (cold_plate.steady_case_temperature, [40.0, 0.0, 0.0]),
    "return without flow": (cold_plate.return_temperature, [40.0, 0.0, 0.0]),
    "pressure without flow": (cold_plate.pressure_drop, [0.0, 29e3, 1.8]),
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
