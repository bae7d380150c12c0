"""Fits of a hall to logs that its own equations wrote, with the torch gradient as a second implementation of the derivatives."""

import numpy as np
import pytest
import torch
import yaml
from dcsim_experiments.synthetic_log import GIVEN, course, frame, rules

from dcsim.calibration import batch, comparable, fit, hall_text, mapping_text, parameters_of, with_values
from dcsim.calibration.batch import Bench
from dcsim.calibration.objective import (
    OFFSET_SPREAD,
    ONE_SIDED_MAX,
    Noise,
    Objective,
    _agreed,
    autocorrelation_time,
    counted,
)
from dcsim.engines.gradients import rollout
from dcsim.errors import InputError
from dcsim.logs import load_mapping, read_log, signals_of
from dcsim.plant.description import HallDescription, load_hall
from dcsim.plant.hall import build_hall
from dcsim.replay import boundaries, open_loop
from dcsim.replay.run import settled, substeps_of

NAMES = ("racks.temperature_rise", "room.recirculation_min", "crahs.fan_power")
MEASURED = ("rack_inlet_temperature", "return_air_temperature", "crah_fan_power")


@pytest.fixture(scope="module")
def enterprise() -> HallDescription:
    return load_hall("enterprise-1mw")


def logged(folder, description, steps=120, signals=MEASURED, spoil=None):
    """Write the log of a hall and read it with its mapping."""
    written = frame(course(description, steps, seed=3, held=15), (*GIVEN, "utilization", *signals))
    if spoil is not None:
        spoil(written)
    path, map_path = folder / "log.csv", folder / "mapping.yaml"
    written.round(5).to_csv(path, index_label="time")
    map_path.write_text(yaml.safe_dump({"channels": rules(written)}))
    mapping = load_mapping(map_path)
    return read_log(path, mapping), mapping


def test_a_drawn_hall_is_found_again(enterprise, tmp_path):
    parameters = parameters_of(enterprise, NAMES)
    truth = with_values(enterprise, parameters, np.array([0.8, -0.9, 1.1]))
    random = np.random.default_rng(0)

    def noisy(written):
        for name in written:
            if name.startswith(("rack_inlet", "return_air")):
                written[name] += 0.05 * random.standard_normal(len(written))

    log, mapping = logged(tmp_path, truth, spoil=noisy)
    found = fit(boundaries(log, mapping, enterprise), enterprise, parameters, starts=1)
    for each in found.parameters:
        true = each.parameter.of(truth)
        assert each.is_identifiable and each.low <= each.value <= each.high
        assert each.value == pytest.approx(true, rel=0.03)
        assert abs(each.value - true) < abs(each.parameter.centre - true) / 4.0  # and the log, not the prior, says so
    again = boundaries(log, mapping, found.description)
    inlet = next(each for each in again.measured if each.signal == "rack_inlet_temperature")
    assert np.nanstd(open_loop(again).reading(inlet) - inlet.values) < 0.1


def test_a_sensor_that_reads_too_much_is_found_and_the_hall_is_not_bent(enterprise, tmp_path):
    def shift(written):
        written["rack_inlet_temperature_3"] += 0.6

    log, mapping = logged(tmp_path, enterprise, spoil=shift)
    parameters = parameters_of(enterprise, ("room.recirculation_min",))
    found = fit(boundaries(log, mapping, enterprise), enterprise, parameters, starts=1)
    offset = {each.name: each.offset for each in found.channels}
    assert offset["rack_inlet_temperature_3"] == pytest.approx(0.6, abs=0.1)
    assert abs(offset["rack_inlet_temperature_4"]) < 0.1
    assert found.parameters[0].value == pytest.approx(parameters[0].centre, rel=0.05)


def test_what_the_log_does_not_tell_stays_and_is_said(enterprise, tmp_path):
    log, mapping = logged(tmp_path, enterprise)
    parameters = parameters_of(enterprise, ("crahs.fan_power", "tower.fan_power"))  # nothing of the tower is measured
    found = {
        each.parameter.name: each
        for each in fit(boundaries(log, mapping, enterprise), enterprise, parameters, starts=1).parameters
    }
    assert found["crahs.fan_power"].is_identifiable
    tower = found["tower.fan_power"]
    assert not tower.is_identifiable and tower.value == tower.parameter.centre
    assert tower.spread == pytest.approx(1.0, abs=1e-9)
    assert tower.low < tower.value < tower.high


def test_the_hold_out_is_not_looked_at(enterprise, tmp_path):
    log, mapping = logged(tmp_path, enterprise)
    parameters = parameters_of(enterprise, NAMES)
    taken = boundaries(log, mapping, enterprise)
    until = 70
    for each in taken.measured:
        each.values[until:] = np.random.default_rng(1).normal(20.0, 9.0, len(each.values) - until)
    spoiled = fit(taken, enterprise, parameters, until, starts=1)
    whole = fit(boundaries(log, mapping, enterprise), enterprise, parameters, until, starts=1)
    for one, other in zip(spoiled.parameters, whole.parameters, strict=True):
        assert one.value == other.value and one.low == other.low


def even(taken, size):
    """Noise of one size for all."""
    channels, steps = len(taken.measured), len(taken.time)
    return Noise(np.full(channels, size), np.ones(channels), np.ones((channels, steps)))


def test_slopes_are_trusted_as_far_as_both_sides_agree():
    """Of x squared and of a kink at 0, from both sides; a machine that switches on one side only is none of the slope."""
    x, h, sides = np.array([[[-1.0, 0.5, 2.0]]]), 1e-3, np.ones(3, bool)
    up, down = ((x + h) ** 2 - x**2) / h, (x**2 - (x - h) ** 2) / h
    np.testing.assert_allclose(_agreed(up, down, sides, sides), 2.0 * x, rtol=1e-12)
    assert _agreed(up + 5.0 / h, down, sides, sides)[0, 0, 1] == ONE_SIDED_MAX * down[0, 0, 1]
    np.testing.assert_array_equal(_agreed(np.maximum(up, 0.0), np.zeros_like(x), sides, sides), 0.0)
    at_bound = np.array([False, True, True])
    assert _agreed(0.0 * up, down, at_bound, sides)[0, 0, 0] == down[0, 0, 0]


def test_readings_count_after_the_warm_up_of_each_segment(enterprise, tmp_path):
    def hole(written):
        written.loc[written.index[80:110], "utilization_1"] = np.nan

    log, mapping = logged(tmp_path, enterprise, steps=240, spoil=hole)
    taken = boundaries(log, mapping, enterprise)
    assert [(each.start, each.stop) for each in taken.segments] == [(0, 80), (110, 240)]
    count = counted(taken, 200)  # of the longest, 90 minutes, a quarter, which is less than an hour
    assert count.sum() == (80 - 22) + (90 - 22) and count[22] and not count[21] and count[132] and not count[200]


def test_a_meter_errs_by_a_share_of_what_it_reads_and_that_does_not_bend_the_fit(enterprise, tmp_path):
    """Errors of 5 %, whose mean is nothing: weights by what was read would find a power lower by twice their square, 0.5 %."""
    error = 0.05 * np.random.default_rng(4).standard_normal(60).repeat(2) * np.resize([1.0, -1.0], 120)

    def noisy(written):
        for name in written:
            if name.startswith("crah_fan_power"):
                written[name] *= 1.0 + error

    log, mapping = logged(tmp_path, enterprise, signals=("crah_fan_power",), spoil=noisy)
    parameters = parameters_of(enterprise, ("crahs.fan_power",))
    found = fit(boundaries(log, mapping, enterprise), enterprise, parameters, starts=1)
    assert found.parameters[0].value == pytest.approx(parameters[0].centre, rel=2e-3)
    shown = open_loop(boundaries(log, mapping, enterprise)).of("crah_fan_power")
    np.testing.assert_allclose(found.noise.scale[0] * np.mean(shown[30:]), shown, rtol=0.02)


def test_the_gradient_is_that_of_the_adjoint(enterprise, tmp_path, monkeypatch):
    """The same cost by the batch of halls and by reverse differentiation through torch, for a parameter that scales one array."""
    random = np.random.default_rng(2)

    def noisy(written):
        for name in written:
            if name.startswith("rack_inlet"):
                written[name] += 0.3 * random.standard_normal(len(written))

    log, mapping = logged(tmp_path, enterprise, steps=30, signals=("rack_inlet_temperature",), spoil=noisy)
    taken = boundaries(log, mapping, enterprise)
    (parameter,) = parameters_of(enterprise, ("room.recirculation_min",))
    bench = Bench(taken, enterprise, [parameter], taken.measured)
    objective = Objective(bench, len(taken.time))
    noise = even(taken, 50.0)  # so wide that Huber's bend is far
    hall = build_hall(enterprise)
    engine = bench._engine([hall.params])
    start = settled(taken, engine, 0)
    monkeypatch.setattr(batch, "begun", lambda *args: np.repeat(start, args[-1], axis=1))  # of the steps alone
    normal = objective.normal(np.zeros(objective.variables), noise)
    begin = torch.from_numpy(start)
    inputs = torch.from_numpy(np.ascontiguousarray(taken.inputs.T[:, :, None]))
    z = torch.zeros((), dtype=torch.float64, requires_grad=True)
    base = torch.from_numpy(hall.params.recirculation_min)
    params = hall.params._replace(recirculation_min=base * torch.exp(parameter.prior.spread * z))
    shown = rollout(
        engine, begin, inputs, taken.step_s, params, fields=("rack_inlet_temperature",), substeps=substeps_of(taken)
    ).fields["rack_inlet_temperature"][:, :, 0]
    before = torch.cat([begin[engine.state_slices["rack_inlet_temperature"]].T, shown[:-1]])
    measured = torch.from_numpy(np.stack([each.values for each in taken.measured]).T)
    count = counted(taken, len(taken.time))
    cost = 0.5 * (((0.5 * (before + shown) - measured) / 50.0) ** 2)[count].nansum()
    cost.backward()
    assert normal.cost == pytest.approx(cost.item(), rel=1e-6)
    assert normal.gradient[0] == pytest.approx(z.grad.item(), rel=1e-3)
    assert abs(normal.gradient[0]) > 1e-6


def test_an_offset_pulls_by_as_much_as_the_residuals_sum_to(enterprise, tmp_path):
    log, mapping = logged(tmp_path, enterprise, steps=30, signals=("rack_inlet_temperature",))
    taken = boundaries(log, mapping, enterprise)
    parameters = parameters_of(enterprise, ("room.recirculation_min",))
    objective = Objective(Bench(taken, enterprise, parameters, taken.measured), len(taken.time))
    normal = objective.normal(np.zeros(objective.variables), even(taken, 2.0))
    away = (open_loop(taken).reading(taken.measured[0]) - taken.measured[0].values)[counted(taken, len(taken.time))]
    place = objective.shared  # the first offset is that of the first channel
    assert normal.gradient[place] == pytest.approx(np.nansum(away) * OFFSET_SPREAD / 4.0, rel=1e-6, abs=1e-9)


def test_autocorrelation_time_is_that_of_its_process():
    """Of an autoregression of the first order it is (1 + a) / (1 - a)."""
    random = np.random.default_rng(0)
    for a in (0.0, 0.6, 0.9):
        x = np.zeros(40_000)
        for k, e in enumerate(random.standard_normal(len(x) - 1), 1):
            x[k] = a * x[k - 1] + e
        assert autocorrelation_time(x) == pytest.approx((1.0 + a) / (1.0 - a), rel=0.12)
        x[5000:9000] = np.nan
        assert autocorrelation_time(x) == pytest.approx((1.0 + a) / (1.0 - a), rel=0.15)


def test_fitted_halls_and_mappings_read_back(enterprise, tmp_path):
    parameters = parameters_of(enterprise)
    fitted = with_values(enterprise, parameters, np.full(len(parameters), 0.3), "fitted to a log")
    path = tmp_path / "hall.yaml"
    path.write_text(hall_text(fitted, "a heading"))
    assert load_hall(path) == fitted
    assert "fitted to a log; before" in path.read_text()
    log, mapping = logged(tmp_path, enterprise, steps=20)
    taken = boundaries(log, mapping, enterprise)
    (sensor, *_) = taken.measured
    from dataclasses import replace

    own = replace(sensor, offset=0.25, room_share=0.1, time_constant=90.0)
    map_path = tmp_path / "fitted.yaml"
    map_path.write_text(mapping_text(mapping, signals_of(log, mapping), [own]))
    again = boundaries(log, load_mapping(map_path), enterprise)
    assert [each.name for each in again.measured] == [each.name for each in taken.measured]
    found = again.measured[0]
    assert (found.offset, found.room_share, found.time_constant) == (0.25, 0.1, 90.0)


def test_lags_and_offsets_of_a_mapping_are_in_what_a_replay_shows(enterprise, tmp_path):
    """A sensor of first order behind a ramp ends its time constant behind it."""
    from dataclasses import replace

    log, mapping = logged(tmp_path, enterprise, steps=60)
    taken = boundaries(log, mapping, enterprise)
    replayed = open_loop(taken)
    sensor = taken.measured[0]
    plain = replayed.reading(sensor)
    np.testing.assert_allclose(replayed.reading(replace(sensor, offset=0.5)), plain + 0.5)
    room = replayed.of("room_temperature")
    np.testing.assert_allclose(replayed.reading(replace(sensor, room_share=0.25)), 0.75 * plain + 0.25 * room)
    slow = replayed.reading(replace(sensor, time_constant=120.0))
    assert slow[0] == pytest.approx(plain[0])
    np.testing.assert_allclose(np.diff(slow), (plain - slow)[1:] * taken.step_s / 120.0, atol=1e-9)  # implicit Euler


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("coils.conductivity",), "nearest is 'coils.conductance'"),
        (("dx.cop",), "hall enterprise-1mw has none"),
        (("room.relative_recirculation.40",), "has the numbers 1 to"),
    ],
)
def test_parameters_that_cannot_be_fitted_are_refused(enterprise, names, said):
    with pytest.raises(InputError, match=said):
        parameters_of(enterprise, names)


def test_of_several_starts_the_one_that_foretells_best_is_fitted_on(enterprise, tmp_path):
    """Kept starts stand for two searches: one at the truth, one whose fans' power is off, and both are tried on the last third."""
    log, mapping = logged(tmp_path, enterprise)
    parameters = parameters_of(enterprise, ("crahs.fan_power",))
    taken = boundaries(log, mapping, enterprise)
    variables = Objective(Bench(taken, enterprise, parameters, comparable(open_loop(taken))), len(taken.time)).variables
    off = np.zeros(variables)
    off[0] = 1.5
    found = fit(taken, enterprise, parameters, starts=2, kept={0: off, 1: np.zeros(variables)})
    assert found.costs[1] < found.costs[0] - np.log(5.0)
    assert found.parameters[0].value == pytest.approx(parameters[0].centre, rel=1e-3)
    shown = Objective(Bench(taken, enterprise, parameters, comparable(open_loop(taken))), len(taken.time))
    since = 80
    errors = shown.errors(off, since)
    power = next(k for k, each in enumerate(taken.measured) if each.signal == "crah_fan_power")
    more = np.expm1(1.5 * parameters[0].prior.spread)
    expected = more * np.sqrt(np.mean(taken.measured[power].values[since:] ** 2))
    assert errors[power] == pytest.approx(expected, rel=0.01)
