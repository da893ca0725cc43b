"""The grid code: lengths that a decoder could live with, smooth grids shorter than rough ones."""

from __future__ import annotations

import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.gridcode import grid_code, neighbour_distance, scalar_code, symbol_bits


def test_neighbour_distance_of_a_ramp_and_of_noise() -> None:
    ramp = np.arange(20.0)[:, None, None] * np.ones((1, 20, 1))
    assert neighbour_distance(ramp) == pytest.approx(0.5)
    noise = np.random.default_rng(0).normal(size=(200, 200, 1))
    assert neighbour_distance(noise) == pytest.approx(2 / np.sqrt(np.pi), rel=0.02)
    with pytest.raises(MorphogenError, match="height, width, channel"):
        neighbour_distance(np.zeros((4, 4)))


def test_symbol_bits_near_the_entropy_of_its_source() -> None:
    random, q, n = np.random.default_rng(1), 0.7, 200_000
    sizes = random.geometric(1 - q, (2, n)) - 1
    symbols = sizes[0] - sizes[1]  # two-sided geometric: p(k) = (1 - q) / (1 + q) q^|k|
    mean = 2 * q / (1 - q * q)
    entropy = -np.log2((1 - q) / (1 + q)) - mean * np.log2(q)
    assert symbol_bits(symbols) / n == pytest.approx(entropy, rel=0.005)
    assert symbol_bits(random.integers(0, 256, n)) / n == pytest.approx(8, rel=0.001)
    # Far from zero the centre is worth its bits.
    assert symbol_bits(symbols + 500) / n == pytest.approx(entropy, rel=0.005)


def test_noise_is_never_short_even_in_small_bands() -> None:
    """The flaw of an empirical entropy without its table: 16 different symbols would cost 4 bits each."""
    symbols = np.random.default_rng(2).integers(-(2**15), 2**15, 16)
    assert symbol_bits(symbols) > 16 * 14


def test_constants_cost_only_their_parameters() -> None:
    assert symbol_bits(np.zeros(1000)) <= 10
    assert symbol_bits(np.full(1000, 7)) <= 26
    assert symbol_bits([]) == 0


def test_codes_decode_within_their_step() -> None:
    grid = np.random.default_rng(3).normal(size=(16, 24, 3))
    steps = np.array([0.1, 0.01, 0.5])
    _, scalar = scalar_code(grid, steps)
    assert (np.abs(scalar - grid).max((0, 1)) <= steps / 2 + 1e-12).all()
    _, block = grid_code(grid, steps)
    # The transform is orthonormal: the error of a block is that of its coefficients.
    assert (np.sqrt(((block - grid) ** 2).mean((0, 1))) <= steps / 2).all()
    assert np.sqrt(((block - grid)[..., 0] ** 2).mean()) == pytest.approx(0.1 / np.sqrt(12), rel=0.1)


def test_smooth_grids_are_short_and_shuffled_ones_are_not() -> None:
    y, x = np.mgrid[0:32, 0:32] / 32
    smooth = np.stack([np.sin(3 * x + y), np.cos(2 * y)], -1)
    shuffled = np.random.default_rng(4).permutation(smooth.reshape(-1, 2)).reshape(smooth.shape)
    assert grid_code(smooth, 0.02)[0] < 0.35 * grid_code(shuffled, 0.02)[0]
    assert scalar_code(smooth, 0.02)[0] == scalar_code(shuffled, 0.02)[0]
    with pytest.raises(MorphogenError, match="multiples of 8"):
        grid_code(np.zeros((12, 16, 1)), 0.1)
