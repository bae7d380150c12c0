"""Windows lie in their stretch altogether, and know nothing of what comes behind them."""

import dataclasses

import numpy as np
import pytest
import torch

from dcsim.errors import InputError
from dcsim.forecasting.corpus import corpus_of
from dcsim.forecasting.features import HISTORY
from dcsim.forecasting.forecaster import blocks_of
from dcsim.forecasting.panel import trailing_means

P = 12


def test_no_window_crosses_from_a_stretch_into_another(panel):
    first, second = panel(100), panel(80, seed=1)
    at = corpus_of([first, second], P).at.numpy()
    assert at[0] == HISTORY and at[-1] == 180 - P - 1
    assert not ((at > 100 - P - 1) & (at < 100 + HISTORY)).any()


def test_what_is_learned_shares_no_horizon_with_a_block(panel):
    corpus = corpus_of([panel(600)], P)
    blocks = blocks_of(corpus)
    assert sum(len(block.at) for block in blocks) == len(corpus.at)
    ahead = torch.arange(1, P + 1)
    for block in blocks:
        rest = corpus.without(block)
        foretold, learned = (set((each.at[:, None] + ahead).flatten().tolist()) for each in (block, rest))
        assert not foretold & learned
        assert len(foretold | learned) > len(corpus.at) - P  # no more is given up than that


def test_what_comes_behind_the_horizon_changes_nothing(panel):
    whole = panel(300)
    values = whole.values.copy()
    values[:, 150 + P + 1 :] = np.random.default_rng(0).permutation(values[:, 150 + P + 1 :].T).T
    shuffled = dataclasses.replace(whole, values=values)
    corpus = corpus_of([whole], P)
    other = corpus_of([shuffled], P, corpus.layout, corpus.scales)
    at = torch.arange(HISTORY, 151)
    for one, two in zip(corpus.batch(at, corpus.targets)[0], other.batch(at, other.targets)[0], strict=True):
        assert torch.equal(one, two)


def test_the_future_of_a_target_is_no_feature(panel):
    whole = panel(200)
    values = whole.values.copy()
    values[:3, 101:] += 5.0  # racks alone
    corpus = corpus_of([whole], P)
    other = corpus_of([dataclasses.replace(whole, values=values)], P, corpus.layout, corpus.scales)
    at = torch.tensor([100])
    (found, came), (same, warmer) = corpus.batch(at, corpus.targets), other.batch(at, other.targets)
    assert all(torch.equal(one, two) for one, two in zip(found, same, strict=True))
    assert torch.allclose(warmer, came + 5.0, atol=1e-5)


def test_hidden_load_is_told_by_its_mask_alone(panel):
    whole = panel(200)
    values = whole.values.copy()
    values[3:6, 101:] = 0.5
    corpus = corpus_of([whole], P)
    other = corpus_of([dataclasses.replace(whole, values=values)], P, corpus.layout, corpus.scales)
    at, hidden = torch.tensor([100]), torch.tensor([True])
    known, unknown = corpus.batch(at, corpus.targets)[0], corpus.batch(at, corpus.targets, hidden)[0]
    assert not torch.equal(known.own_future, unknown.own_future)
    assert torch.equal(unknown.own_future, other.batch(at, other.targets, hidden)[0].own_future)


def test_too_short_is_said(panel):
    with pytest.raises(InputError, match=r"a window takes 2\.08333 h"):
        corpus_of([panel(HISTORY + P)], P)
    with pytest.raises(InputError, match="too short to tell what forecasts are worth"):
        blocks_of(corpus_of([panel(40)], P))


def test_means_are_of_what_is_known():
    fine = np.array([[1.0, 2.0, np.nan, 4.0, np.nan, np.nan]])
    assert trailing_means(fine, 2) == pytest.approx(np.array([[1.0, 1.5, 2.0, 4.0, 4.0, np.nan]]), nan_ok=True)
