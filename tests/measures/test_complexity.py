"""Complexity: the steps against brute force, Lempel-Ziv against its definition and `antropy`."""

import gzip
import zlib

import antropy
import jax
import numpy as np
import pytest
from lempel_ziv_complexity import lempel_ziv_complexity as lempel_ziv_78

from morphogen.errors import MorphogenError
from morphogen.measures.complexity import (
    apparent_complexity,
    coarse_grain,
    compressed_size,
    lempel_ziv,
    majority_adjust,
    quantise,
    row_shuffled,
)

random = np.random.default_rng(0)


def phrases(sequence):
    """The exhaustive history of Lempel & Ziv (1976), by searching all that came before each phrase's last symbol."""
    text, start, count = "".join(chr(65 + s) for s in sequence), 0, 0
    while start < len(text):
        length = 1
        while start + length <= len(text) and text[start : start + length] in text[: start + length - 1]:
            length += 1
        count, start = count + 1, start + length
    return count


@pytest.mark.parametrize(("periodic", "g"), [(False, 1), (False, 3), (False, 4), (True, 3), (True, 4), (True, 7)])
def test_coarse_grain_is_a_mean_over_windows(periodic, g):
    field = random.normal(size=(2, 7, 11))
    expected = np.empty_like(field)
    for i in range(7):
        for j in range(11):
            rows, columns = np.arange(i - g // 2, i + (g - 1) // 2 + 1), np.arange(j - g // 2, j + (g - 1) // 2 + 1)
            if periodic:
                rows, columns = rows % 7, columns % 11
            rows, columns = rows[(rows >= 0) & (rows < 7)], columns[(columns >= 0) & (columns < 11)]
            expected[:, i, j] = field[:, rows][:, :, columns].mean((1, 2))
    np.testing.assert_allclose(coarse_grain(field, g, periodic=periodic), expected, atol=1e-12)


def test_coarse_grain_keeps_a_uniform_field_uniform_up_to_the_border():
    grained = coarse_grain(np.ones((9, 9), dtype=bool), 4)
    assert (grained == 1).all()
    thirds = quantise(coarse_grain(np.tile([0, 0, 1], (12, 20)), 3, periodic=True), 3)
    assert (thirds == 1).all()  # every window holds exactly one third, which must not flicker between two buckets


def test_quantise_has_equal_buckets_and_closed_ends():
    np.testing.assert_array_equal(quantise([-1, 0, 0.24, 0.25, 0.5, 0.99, 1, 2], 4), [0, 0, 0, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(quantise([-2, 0, 2], 2, low=-2, high=2), [0, 1, 1])
    assert 0.29 * 100 < 29  # in floating point
    assert quantise([0.29], 100) == 29
    assert quantise(np.zeros((2, 2)), 3).dtype == np.uint8


def test_majority_adjust_smooths_within_one_level_only():
    rows = np.array([[3, 3, 3, 2, 4, 1, 6], [0, 0, 5, 5, 5, 6, 4], [1, 2, 1, 2, 0, 3, 4]])
    expected = [[3, 3, 3, 3, 3, 1, 6], [0, 0, 5, 5, 5, 5, 5], [1, 1, 1, 1, 1, 3, 4]]
    np.testing.assert_array_equal(majority_adjust(rows), expected)
    np.testing.assert_array_equal(majority_adjust(np.stack([rows, rows]))[1], expected)


def test_compressed_size_is_the_compressor_less_the_empty_frame():
    field = random.integers(0, 7, (40, 60))
    raw = field.astype(np.uint8).tobytes()
    assert compressed_size(field) == len(zlib.compress(raw, 9)) - len(zlib.compress(bytes(2400), 9))
    assert compressed_size(field, method="gzip", subtract_empty=False) == len(gzip.compress(raw, 9))
    assert compressed_size(field) == compressed_size(field, method="gzip")  # the same algorithm, another header
    assert compressed_size(np.zeros((40, 60), int)) == 0
    for method in ("zlib", "bz2", "lzma"):
        # no compressor beats the entropy of independent symbols, 2400 log2(7) / 8 = 842 bytes
        assert 842 - 100 < compressed_size(field, method=method) < 1300


def test_row_shuffled_keeps_rows_and_destroys_columns():
    field = np.tile(np.arange(50), (20, 1)) + 100 * np.arange(20)[:, None]
    for key in (3, jax.random.key(3), np.random.default_rng(3)):
        shuffled = row_shuffled(field, key)
        np.testing.assert_array_equal(np.sort(shuffled, axis=1), field)
        assert (shuffled != field).any(axis=1).all()
        assert len(np.unique(shuffled % 100, axis=0)) == 20
    np.testing.assert_array_equal(row_shuffled(field, 3), row_shuffled(field, 3))


def test_apparent_complexity_is_highest_between_order_and_noise():
    n = 96
    noise = random.random((n, n)) < 0.5
    order = np.arange(n)[:, None] < n // 2 + np.zeros((n, n))
    blobs = coarse_grain(random.normal(size=(n, n)), 9, periodic=True) > 0
    for adjusted in (False, True):
        o, b, z = (apparent_complexity.value(f, grain=8, low=0, high=1, adjusted=adjusted) for f in (order, blobs, noise))
        assert o < 0.1 * b and z < 0.25 * b
    assert compressed_size(noise) > compressed_size(blobs) > compressed_size(order)
    assert apparent_complexity.value(np.full((20, 20), 3.0)) == 0


def test_noise_at_the_edge_of_a_bucket_is_a_blind_spot_that_the_adjustment_removes():
    half, third = (random.random((96, 96)) < density for density in (1 / 2, 1 / 3))
    plain = [apparent_complexity.value(noise, low=0, high=1) for noise in (half, third)]
    adjusted = apparent_complexity.value(third, low=0, high=1, adjusted=True)
    assert plain[1] > 3 * plain[0] and adjusted < 0.1 * plain[1]


def test_apparent_complexity_is_its_steps():
    field = random.random((30, 40))
    steps = compressed_size(majority_adjust(quantise(coarse_grain(field, 5), 7, field.min(), field.max())))
    assert apparent_complexity.value(field, grain=5, adjusted=True) == steps
    steps = compressed_size(quantise(coarse_grain(field, 5, periodic=True), 4, 0.2, 0.8))
    assert apparent_complexity.value(field, grain=5, levels=4, low=0.2, high=0.8, periodic=True) == steps


@pytest.mark.parametrize("k", [1, 2, 3, 20])
@pytest.mark.parametrize("n", [2, 3, 17, 200])
def test_lempel_ziv_counts_the_phrases_of_the_definition(n, k):
    for _ in range(5):
        sequence = random.integers(0, k, n)
        count = lempel_ziv.value(sequence, normalised=False)
        assert count == phrases(sequence) == antropy.lziv_complexity(sequence)


def test_lempel_ziv_of_the_examples_in_the_literature():
    # 0 . 001 . 10 . 100 . 1000 . 101: Kaspar & Schuster (1987)
    assert lempel_ziv.value([int(c) for c in "0001101001000101"], normalised=False) == 6
    assert lempel_ziv.value(np.zeros(1000, int), normalised=False) == 2
    assert lempel_ziv.value(np.tile([0, 1], 500), normalised=False) == 3
    assert lempel_ziv.value([-5, 900, -5, 900], normalised=False) == 3


def test_lempel_ziv_of_1976_is_not_that_of_1978():
    # The package of that name parses as in 1978 (phrases as a dictionary), which finds more phrases in a constant sequence.
    assert lempel_ziv_78("0" * 1000) == 45 - 1
    assert lempel_ziv.value(np.zeros(1000, int), normalised=False) == 2


def test_lempel_ziv_tends_to_the_entropy_rate():
    n = 200_000
    assert lempel_ziv.value(random.integers(0, 2, n)) == pytest.approx(1, abs=0.03)
    assert lempel_ziv.value(random.integers(0, 4, n)) == pytest.approx(1, abs=0.03)
    biased = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert lempel_ziv.value(random.random(n) < 0.1) == pytest.approx(biased, abs=0.05)
    assert lempel_ziv.value(random.integers(0, 2, n), alphabet=4) == pytest.approx(0.5, abs=0.02)
    assert lempel_ziv.value(np.tile(random.integers(0, 2, 50), n // 50)) < 0.002


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: coarse_grain(np.zeros((5, 5)), 6), "g=6"),
        (lambda: coarse_grain(np.zeros(5), 2), "shape"),
        (lambda: quantise([0.0], 1), "levels=1"),
        (lambda: quantise([0.0], 3, 1, 1), "empty"),
        (lambda: quantise([np.nan], 3), "NaN"),
        (lambda: majority_adjust(np.zeros((3, 3))), "integer levels"),
        (lambda: majority_adjust(np.full((3, 3), -1)), "integer levels"),
        (lambda: compressed_size(np.zeros(3)), "quantise the values"),
        (lambda: compressed_size(np.zeros(0, int)), "empty"),
        (lambda: compressed_size(np.zeros(3, int), method="zip"), "unknown method 'zip'"),
        (lambda: row_shuffled(np.zeros(3), 0), "shape"),
        (lambda: apparent_complexity.value(np.zeros((3, 4, 5))), "shape"),
        (lambda: apparent_complexity.value(np.full((9, 9), np.nan)), "NaN"),
        (lambda: apparent_complexity.value(np.eye(4)), "g=8"),
        (lambda: lempel_ziv.value([1]), "too few"),
        (lambda: lempel_ziv.value([0.5, 1, 2]), "integer symbols"),
        (lambda: lempel_ziv.value([0, np.nan, 2]), "integer symbols|NaN"),
        (lambda: lempel_ziv.value(np.zeros((3, 3), int)), "shape"),
        (lambda: lempel_ziv.value([0, 1, 2], alphabet=2), "alphabet=2"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, says):
    with pytest.raises(MorphogenError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_readings_come_with_an_interval_and_a_test():
    repeating = np.tile(random.integers(0, 2, 40), 50)
    reading = lempel_ziv(repeating, surrogates=39)
    assert reading.p == 1 / 40 and reading.value < 0.1 < 0.9 < reading.null_mean
    coin = lempel_ziv(random.integers(0, 2, 4000), surrogates=39)
    assert coin.p > 0.05 and coin.low < coin.value < coin.high
    blobs = coarse_grain(random.normal(size=(64, 64)), 9, periodic=True)
    blobs = blobs > np.median(blobs)
    reading = apparent_complexity(blobs, surrogates=19, grain=8, low=0.0, high=1.0)
    assert reading.p == 1 / 20 and reading.value > reading.null_mean and reading.unit == "byte"
