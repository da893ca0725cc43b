"""Mutual information and transfer entropy against analytic values, brute-force counts and `infomeasure`."""

from collections import Counter
from math import log2

import infomeasure
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.information import entropy, joint, mutual_information, shuffled_source, transfer_entropy


def binary_entropy(p):
    return -p * log2(p) - (1 - p) * log2(1 - p)


def coupled(n, flip, seed=0):
    """y_(t+1) = x_t, flipped with probability `flip`; x is a fair coin."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 2, n)
    return np.stack([x, np.concatenate(([0], x[:-1] ^ (random.random(n - 1) < flip)))], axis=1)


def counted_transfer(x, y, k, m, lag):
    """Schreiber's sum, term by term, from a dictionary of counts."""
    full, own_next, own_other, own = Counter(), Counter(), Counter(), Counter()
    first = max(k, lag + m - 1)
    for t in range(first, len(y)):
        past, other = tuple(y[t - k : t]), tuple(x[t - lag - m + 1 : t - lag + 1])
        full[y[t], past, other] += 1
        own_next[y[t], past] += 1
        own_other[past, other] += 1
        own[past] += 1
    n = len(y) - first
    return sum(c / n * log2(c * own[past] / (own_other[past, other] * own_next[new, past])) for (new, past, other), c in full.items())


@pytest.mark.parametrize("flip", [0.02, 0.1, 0.3])
def test_transfer_through_a_noisy_channel_is_its_capacity(flip):
    channels = coupled(200_000, flip)
    deviation = abs(log2((1 - flip) / flip)) * np.sqrt(flip * (1 - flip) / 200_000)
    assert transfer_entropy.value(channels) == pytest.approx(1 - binary_entropy(flip), abs=5 * deviation)
    assert transfer_entropy.value(channels, source=1, target=0) == pytest.approx(0, abs=1e-4)


def test_a_lag_is_found_where_it_is():
    channels = coupled(20_000, 0.1)
    delayed = np.stack([channels[:-3, 0], channels[3:, 1]], axis=1)
    at = [transfer_entropy.value(np.stack([channels[3:, 0], channels[:-3, 1]], axis=1), lag=lag) for lag in range(1, 7)]
    assert np.argmax(at) == 3
    assert transfer_entropy.value(delayed) < 0.01


@pytest.mark.parametrize(("k", "m", "lag"), [(1, 1, 1), (2, 1, 1), (1, 3, 1), (3, 2, 2)])
def test_equals_a_brute_force_count(k, m, lag):
    random = np.random.default_rng(1)
    x = random.integers(-1, 2, 600)
    y = (np.roll(x, 2) + random.integers(0, 2, 600)) % 3
    got = transfer_entropy.value(np.stack([x, y], axis=1), target_history=k, source_history=m, lag=lag)
    assert got == pytest.approx(counted_transfer(x, y, k, m, lag), abs=1e-12)


@pytest.mark.parametrize(("approach", "correction"), [("discrete", "none"), ("miller_madow", "miller-madow")])
def test_agrees_with_infomeasure(approach, correction):
    channels = coupled(2000, 0.2, seed=3)
    theirs = infomeasure.transfer_entropy(channels[:, 0], channels[:, 1], approach=approach, base=2)
    assert transfer_entropy.value(channels, correction=correction) == pytest.approx(theirs, abs=1e-10)
    theirs = infomeasure.mutual_information(channels[:-1, 0], channels[1:, 1], approach=approach, base=2)
    assert mutual_information.value(channels, lag=1, correction=correction) == pytest.approx(theirs, abs=1e-10)


def test_correction_removes_the_bias_of_independent_sources():
    random = np.random.default_rng(2)
    plain, corrected = np.array(
        [[transfer_entropy.value(c, correction=how) for how in ("none", "miller-madow")] for c in random.integers(0, 3, (200, 400, 2))]
    ).T
    expected = (3 - 1) * (3 - 1) * 3 / (2 * 400 * np.log(2))  # (target - 1)(source - 1) own states / (2 n ln 2)
    assert plain.mean() == pytest.approx(expected, rel=0.1)
    assert abs(corrected.mean()) < 0.1 * expected


def test_mutual_information_of_a_copy_is_its_entropy():
    x = np.repeat([0, 1, 2, 5], [40, 30, 20, 10])
    p = np.array([0.4, 0.3, 0.2, 0.1])
    assert mutual_information.value(np.stack([x, 7 - x], axis=1)) == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-12)
    independent = np.stack(np.divmod(np.arange(12), 4), axis=1)
    assert mutual_information.value(independent) == pytest.approx(0, abs=1e-12)
    assert entropy(joint(np.arange(8))) == pytest.approx(3)


def test_shuffling_the_source_destroys_transfer_and_keeps_the_rest():
    channels = coupled(20_000, 0.1)
    before = channels.copy()
    surrogate = shuffled_source(channels, 5, block=7)
    np.testing.assert_array_equal(channels, before)
    np.testing.assert_array_equal(surrogate[:, 1], channels[:, 1])
    assert surrogate[:, 0].sum() == channels[:, 0].sum()
    assert transfer_entropy.value(surrogate) < 0.001 < 0.5 < transfer_entropy.value(channels)
    np.testing.assert_array_equal(surrogate, shuffled_source(channels, 5, block=7))
    counting = np.stack([np.arange(20), np.zeros(20, int)], axis=1)
    steps = np.diff(shuffled_source(counting, 1, block=5)[:, 0])
    assert (steps == 1).sum() >= 16


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: transfer_entropy.value(np.random.default_rng(0).normal(size=(50, 2))), "integer symbols"),
        (lambda: transfer_entropy.value(np.array([[0.0, 1.0], [np.nan, 1.0], [0, 1], [0, 0]])), "integer symbols"),
        (lambda: transfer_entropy.value(np.zeros(50, int)), "shape"),
        (lambda: transfer_entropy.value(np.zeros((50, 2), int), source=1), "same channel"),
        (lambda: transfer_entropy.value(np.zeros((50, 2), int), target=2), "no channel 2"),
        (lambda: transfer_entropy.value(np.zeros((50, 2), int), lag=0), "lag=0"),
        (lambda: transfer_entropy.value(np.zeros((4, 2), int), target_history=3), "too few"),
        (lambda: transfer_entropy.value(np.zeros((50, 2), int), correction="some"), "unknown correction"),
        (lambda: mutual_information.value(np.zeros((5, 2), int), lag=4), "fewer than 2 pairs"),
        (lambda: shuffled_source(np.zeros((5, 2)), 0, block=3), "block=3"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, says):
    with pytest.raises(MorphogenError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_constant_channels_carry_nothing():
    assert transfer_entropy.value(np.zeros((50, 2), int)) == 0
    assert mutual_information.value(np.zeros((50, 2), int)) == 0


def test_readings_come_with_an_interval_and_a_test():
    channels = coupled(8000, 0.2)
    forth = transfer_entropy(channels, surrogates=39)
    assert forth.low < 1 - binary_entropy(0.2) < forth.high and forth.p == 1 / 40 and forth.unit == "bit"
    back = transfer_entropy(channels, surrogates=39, source=1, target=0)
    assert back.p > 0.05 and back.null_mean == pytest.approx(back.value, abs=0.001)
    shared = mutual_information(channels, lag=1, surrogates=39)
    assert shared.low < 1 - binary_entropy(0.2) < shared.high and shared.p == 1 / 40
