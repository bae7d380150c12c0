"""A forecaster against a hall whose course is known exactly, and against whatever may be wrong with its files and inputs."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch

from dcsim.errors import InputError
from dcsim.forecasting import Settings, aligned, fit, foretold, linear, load, save, table
from dcsim.forecasting.corpus import corpus_of
from dcsim.forecasting.features import HISTORY, layout_of
from dcsim.forecasting.network import Network
from dcsim.forecasting.trust import _share

P = 12
SMALL = Settings(width=12, said=4, own=2, members=2, steps=60)


@pytest.fixture(scope="module")
def fitted(panel):
    return fit([panel(700, noise=0.05)], P, SMALL)


def windows(panel, at, horizons=P):
    """History, planned actions and known future of a panel around columns."""
    values = torch.as_tensor(panel.values, dtype=torch.float32)
    past = torch.stack([values[:, k - HISTORY : k + 1] for k in at])
    future = torch.stack([values[:, k + 1 : k + 1 + horizons] for k in at])
    return past, future[:, 6:7], future[:, 3:6]


def test_the_linear_path_finds_the_exact_solution(panel):
    corpus = corpus_of([panel(900)], P)
    found = linear.fit(corpus, (), strengths={"rack_inlet_temperature": 0.0})
    later = corpus_of([panel(300, seed=9)], P, corpus.layout, corpus.scales)
    features, came = later.batch(later.at, later.targets)
    missed = found.predicted(features, later.targets) - came
    # lags further back than BEHIND reaches matter by KEPT^9 of what they were; a sign wrong anywhere would miss by kelvins
    assert float(missed[..., :6].pow(2).mean().sqrt()) < 0.01
    assert float(missed[..., -1].pow(2).mean().sqrt()) < 0.1 * float(came[..., -1].pow(2).mean().sqrt())


def test_the_constant_is_shrunk_with_the_rest(panel):
    rising = panel(400)
    rising.values[:3] += np.arange(400) / 12.0  # 1 K an hour
    corpus = corpus_of([rising], P)
    tight = linear.fit(corpus, (), strengths={"rack_inlet_temperature": 1e6})
    features, _ = corpus.batch(corpus.at, corpus.targets)
    assert float(tight.predicted(features, corpus.targets).abs().max()) < 1e-3


def test_forecasts_of_the_hall_are_better_than_that_nothing_changes(panel, fitted):
    found = table(foretold(fitted, [panel(300, seed=5, noise=0.05)])["known"])
    for entry in found["channels"].values():
        assert entry["model"]["rmse"] < 0.25 * entry["persistence"]["rmse"]
    assert 0.82 < found["mean"]["coverage90"] < 0.97


def test_predict_says_what_scores_are_of(panel, fitted):
    whole = panel(120, seed=3)
    found = foretold(fitted, [whole])
    at = list(range(HISTORY, 120 - P))
    past, planned, given = windows(whole, at)
    for mode, future in (("known", given), ("persistence", None)):
        forecast = fitted.predict(past, planned, future)
        scored = found[mode]
        assert np.allclose(forecast.mean.detach(), scored.now[..., None] + scored.by["model"], atol=1e-4)
        assert np.allclose(forecast.low.detach(), scored.now[..., None] + scored.low, atol=1e-3)


def test_gradients_by_planned_actions_are_those_of_differences(panel, fitted):
    past, planned, given = windows(panel(120, seed=4), [50])
    planned = planned.requires_grad_()
    fitted.predict(past, planned, given).mean[0, 0, -1].backward()
    for k in (2, 11):
        step = torch.zeros_like(planned)
        step[0, 0, k] = 0.05
        up, down = (fitted.predict(past, planned.detach() + s * step, given).mean[0, 0, -1].item() for s in (1.0, -1.0))
        assert float(planned.grad[0, 0, k]) == pytest.approx((up - down) / 0.1, abs=2e-3)
    assert float(planned.grad.sum()) > 0.5  # warmer supply air warms racks: KEPT^12 is left of what was


def test_intervals_grow_with_the_distance_from_what_was_learned(panel, fitted):
    past, planned, given = windows(panel(120, seed=4), [50])
    usual, near, far = (fitted.predict(past + warmer, planned, given) for warmer in (0.0, 15.0, 40.0))
    width = [(each.high - each.low).mean().item() for each in (usual, near, far)]
    assert width[0] < width[1] < width[2]


def test_without_a_gain_nothing_of_a_network_is_taken():
    random = torch.Generator().manual_seed(0)
    missed = torch.randn(200, 2, 3, generator=random)
    assert _share(missed, torch.randn(200, 2, 3, generator=random)) == 0.0
    assert _share(missed, missed) == pytest.approx(1.0)
    assert _share(missed, 2.0 * missed) == pytest.approx(0.5)
    assert _share(missed, -missed) == 0.0


def test_sensors_of_a_signal_share_weights(panel):
    whole = panel(60)
    layout = layout_of(whole.members)
    network = Network(8, 4, 2, 2, seed=1)
    network.grow(layout, is_new=True)
    with torch.no_grad():
        network.places.zero_()
        for value in network.out.values():
            value.normal_(generator=torch.Generator().manual_seed(2))
    corpus = corpus_of([whole], P)
    order = [2, 0, 1]
    other = panel(60)
    other.values[:3], other.values[3:6] = whole.values[:3][order], whole.values[3:6][order]
    swapped = corpus_of([other], P, corpus.layout, corpus.scales)
    with torch.no_grad():
        one, two = (network(c.batch(c.at, c.targets)[0], layout, c.targets)[0] for c in (corpus, swapped))
    assert torch.allclose(one[:, :, order], two, rtol=1e-4, atol=1e-4)
    assert float((one[:, :, 0] - one[:, :, 1]).abs().max()) > 1e-3


def test_a_file_gives_back_the_same_forecasts(panel, fitted, tmp_path):
    save(fitted, tmp_path, {"seed": 0})
    again = load(tmp_path)
    past, planned, given = windows(panel(120, seed=4), [40, 50])
    for one, two in zip(fitted.predict(past, planned, given), again.predict(past, planned, given), strict=True):
        assert torch.equal(one, two)
    assert json.loads((tmp_path / "forecaster.json").read_text())["channels"][0]["signal"] == "rack_inlet_temperature"


class Stranger:
    """A pickle that would run code."""

    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: (d / "forecaster.json").unlink(), "forecaster.json: No such file"),
        (lambda d: (d / "forecaster.pt").unlink(), "forecaster.pt: No such file"),
        (lambda d: (d / "forecaster.json").write_text('{"format": 1'), "forecaster.json: not a forecaster"),
        (lambda d: (d / "forecaster.json").write_text('{"format": 99}'), "format 99; this version reads 1"),
        (
            lambda d: (d / "forecaster.pt").write_bytes((d / "forecaster.pt").read_bytes()[:5000]),
            "forecaster.pt: not a forecaster",
        ),
        (lambda d: (d / "forecaster.pt").write_bytes(pickle.dumps(Stranger())), "forecaster.pt: not a forecaster"),
    ],
)
def test_a_bad_file_is_refused(fitted, tmp_path, capfd, spoil, says):
    save(fitted, tmp_path, {})
    spoil(tmp_path)
    with pytest.raises(InputError, match=says):
        load(tmp_path)
    assert "run" not in capfd.readouterr().out


def test_what_does_not_fit_is_refused(panel, fitted):
    whole = panel(200)
    with pytest.raises(InputError, match="has no channel for inlet 2"):
        aligned(
            type(whole)(tuple(m for m in whole.members if m.name != "inlet 2"), np.delete(whole.values, 1, 0), 300.0),
            fitted,
            "log",
        )
    with pytest.raises(InputError, match="steps of 600 s, the forecaster by 300 s"):
        aligned(type(whole)(whole.members, whole.values, 600.0), fitted, "log")
    past, planned, given = windows(whole, [50])
    with pytest.raises(InputError, match=r"expected \(N, 7 channels, 13 steps\)"):
        fitted.predict(past[:, :5], planned, given)
    with pytest.raises(InputError, match=r"planned_actions of shape \(1, 1, 3\)"):
        fitted.predict(past, planned[..., :3], given)
    with pytest.raises(InputError, match="no reading of anything to forecast"):
        fitted.predict(torch.full_like(past, torch.nan), planned, given)


def test_channels_are_found_by_name_or_as_the_only_ones_of_their_signal(panel, fitted):
    whole = panel(200)
    order = [5, 1, 6, 0, 3, 2, 4]
    renamed = tuple(dataclasses.replace(whole.members[k], name=f"other {k}") for k in order)
    found = aligned(dataclasses.replace(whole, members=renamed, values=whole.values[order]), fitted, "log")
    assert np.array_equal(found.values, whole.values)
    twin = dataclasses.replace(whole.members[1], name="twin")
    both = (*whole.members, twin)
    found = aligned(
        dataclasses.replace(whole, members=both, values=np.vstack([whole.values, whole.values[:1]])), fitted, "log"
    )
    assert np.array_equal(found.values, whole.values)  # by name, not the last of its kind
    neither = tuple(dataclasses.replace(each, name=f"{each.name} b") if each.number == 2 else each for each in both)
    with pytest.raises(InputError, match="has no channel for inlet 2"):
        aligned(
            dataclasses.replace(whole, members=neither, values=np.vstack([whole.values, whole.values[:1]])),
            fitted,
            "log",
        )


def test_a_missing_reading_does_not_spoil_the_others(panel, fitted):
    past, planned, given = windows(panel(200), [50])
    holed = past.clone()
    holed[0, 1] = torch.nan  # a sensor that is off
    mean = fitted.predict(holed, planned, given).mean[0]
    assert torch.isnan(mean[1]).all() and torch.isfinite(mean[[0, 2]]).all()
