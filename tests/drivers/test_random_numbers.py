"""Counter-based random numbers: a published sequence, the laws they follow, and streams that do not depend on each other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from dcsim.drivers import RandomNumbers
from dcsim.drivers.random_numbers import load_streams

LAWS = {"uniform": stats.uniform(), "normal": stats.norm(), "exponential": stats.expon()}
STREAMS = 300


def streams(first=0, count=STREAMS):
    return RandomNumbers.of_seeds(range(first, first + count))


def test_the_hash_is_that_of_splitmix64():
    # The first numbers of SplitMix64 seeded 1234567, from several published implementations: hashes of seed + k golden.
    golden, published = 0x9E3779B97F4A7C15, (6457827717110365317, 3203168211198807973, 9817491932198370423)
    seeds = [1234567 + k * golden for k in range(3)]
    assert tuple(int(key) for key in RandomNumbers.of_seeds(seeds).keys) == published


@pytest.mark.parametrize("law", LAWS)
def test_numbers_follow_their_law_within_a_stream_and_across_streams(law):
    numbers = getattr(streams(), law)(2001)
    assert numbers.shape == (STREAMS, 2001)
    for some in (numbers.ravel(), numbers[:, 0], numbers[:, 1], numbers[:, -1], numbers[7]):
        assert stats.kstest(some, LAWS[law].cdf).pvalue > 1e-3
    # Neighbors in a stream, halves of a pair and neighboring seeds have nothing to do with each other.
    for one, other in (
        (numbers[:, :-1], numbers[:, 1:]),
        (numbers[:, :1000], numbers[:, 1001:]),
        (numbers[:-1], numbers[1:]),
        (numbers[:, 0], streams().of("episode", 1).uniform(1)[:, 0]),
    ):
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 4.0 / np.sqrt(one.size)


def test_normal_numbers_have_the_tails_of_the_normal_law():
    numbers = streams().normal(20_000)
    for limit in (2.0, 3.0, 4.0):
        expected = 2.0 * stats.norm.sf(limit) * numbers.size
        assert abs((np.abs(numbers) > limit).sum() - expected) < 4.0 * np.sqrt(expected)


def test_bits_are_as_often_one_as_zero_and_squares_fill_evenly():
    x = streams().uniform(4000)
    assert x.min() > 0.0
    assert x.max() < 1.0
    bits = (x * 2.0**40).astype(np.int64)
    share = np.array([(bits >> k & 1).mean() for k in range(40)])
    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / np.sqrt(x.size)
    counts = np.histogram2d(x[:, ::2].ravel(), x[:, 1::2].ravel(), 32, [[0, 1], [0, 1]])[0]
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_a_stream_is_the_same_alone_and_in_any_batch():
    together = streams(count=40)
    first, second = together.normal(37), together.exponential(5, 3)
    for row in (0, 13, 39):
        alone = streams(row, 1)
        assert_array_equal(alone.normal(37)[0], first[row])
        assert_array_equal(alone.exponential(5, 3)[0], second[row])


def test_numbers_go_on_where_the_last_ended_whatever_the_size_of_the_pieces():
    whole, pieces = streams(), streams()
    expected = whole.uniform(12)
    assert_array_equal(np.concatenate([pieces.uniform(5), pieces.uniform(1), pieces.uniform(6)], axis=1), expected)
    assert_array_equal(whole[3:5].uniform(12), expected[3:5])  # parts are at the beginning


def test_purposes_and_numbers_have_streams_of_their_own():
    random = streams(count=3)
    drawn = {
        name: numbers.uniform(2)
        for name, numbers in {
            "itself": random[:],
            "load": random.of("load"),
            "site": random.of("site"),
            "second": random.of("load", 1),
            "nested": random.of("load").of("site"),
            "crossed": random.of("site").of("load"),
        }.items()
    }
    values = np.concatenate([numbers.ravel() for numbers in drawn.values()])
    assert len(np.unique(values)) == len(values)
    by_row = random.of("episode", np.array([0, 5, 2])).uniform(1)
    for row, number in enumerate((0, 5, 2)):
        assert by_row[row] == random.of("episode", number).uniform(1)[row]
    assert_array_equal(load_streams([4]).uniform(3), RandomNumbers.of_seeds([4]).of("load").uniform(3))


def test_choices_are_even_and_each_stream_has_its_own_count():
    counts = np.array([1, 2, 7] * 20_000)
    chosen = streams(count=len(counts)).choice(counts)
    assert (chosen >= 0).all()
    assert (chosen < counts).all()
    for count in (2, 7):
        assert stats.chisquare(np.bincount(chosen[counts == count], minlength=count)).pvalue > 1e-3


def test_seeds_of_any_size_and_sign_give_streams():
    assert len(np.unique(RandomNumbers.of_seeds([0, 1, -1, 2**63, 2**64 - 2]).keys)) == 5
