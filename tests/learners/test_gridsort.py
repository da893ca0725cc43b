"""The grid sorter: an exact permutation, the same on any number of threads, and better than what is cheap."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphogen.errors import MorphogenError
from morphogen.learners.gridsort import FOURS, GridSorter, _best_of_24, grid_sort, unit_range
from morphogen.measures.gridcode import neighbour_distance


@settings(max_examples=15, deadline=None)
@given(side=st.integers(4, 13), channels=st.integers(1, 5), key=st.integers(0, 2**63))
def test_it_is_a_permutation(side: int, channels: int, key: int) -> None:
    grid = np.random.default_rng(key % 1000).random((side, side, channels))
    order = grid_sort(grid, key=key)
    assert np.array_equal(np.sort(order), np.arange(side * side))


def test_random_colours_become_smooth_and_smoother_than_principal_components() -> None:
    grid = np.random.default_rng(0).random((32, 32, 3))
    flat = grid.reshape(-1, 3)
    centred = flat - flat.mean(0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2].T
    rows = np.argsort(scores[:, 0]).reshape(32, 32)
    cheap = flat[np.stack([r[np.argsort(scores[r, 1])] for r in rows])]
    after = flat[grid_sort(grid, key=1)].reshape(grid.shape)
    assert neighbour_distance(after) < 0.25 * neighbour_distance(grid)
    assert neighbour_distance(after) < 0.6 * neighbour_distance(cheap)


def test_a_gradient_in_disorder_is_put_back_in_order() -> None:
    ramp = np.stack(np.meshgrid(np.arange(16.0), np.arange(16.0), indexing="ij"), -1)
    shuffled = np.random.default_rng(1).permutation(ramp.reshape(-1, 2)).reshape(ramp.shape)
    after = shuffled.reshape(-1, 2)[grid_sort(shuffled, key=2)].reshape(ramp.shape)
    assert neighbour_distance(ramp) == 1
    # Not perfect: exchanges of four leave folds. But a quarter of the disorder at most.
    assert neighbour_distance(after) < 0.25 * neighbour_distance(shuffled)


def test_the_key_decides_and_the_threads_do_not() -> None:
    grid = np.random.default_rng(2).random((24, 24, 3))
    one = grid_sort(grid, key=5)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        alone = grid_sort(grid, key=5)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(one, alone) and not np.array_equal(one, grid_sort(grid, key=6))


def test_a_group_of_four_takes_the_best_of_its_24_permutations() -> None:
    random = np.random.default_rng(3)
    grid, aim = random.random((2, 2, 3)), random.random((2, 2, 3))
    cells = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    held, targets = grid.reshape(4, 3).copy(), aim.reshape(4, 3)
    least = min(float(((held[list(p)] - targets) ** 2).sum()) for p in FOURS)
    order = np.arange(4).reshape(2, 2)
    _best_of_24(grid, order, aim, cells)
    assert float(((grid - aim) ** 2).sum()) == pytest.approx(least)
    assert np.array_equal(held[order.ravel()], grid.reshape(4, 3))


def test_a_target_that_is_disconnected_brings_no_order() -> None:
    grid = np.random.default_rng(4).random((24, 24, 3))
    random = np.random.default_rng(5)
    order = grid_sort(grid, key=1, target=lambda now, blurred: random.permutation(blurred.reshape(-1, 3)).reshape(blurred.shape))
    assert neighbour_distance(grid.reshape(-1, 3)[order].reshape(grid.shape)) > 0.9 * neighbour_distance(grid)


def test_the_transformer() -> None:
    items = np.random.default_rng(6).normal(size=(64, 5)) * [1, 10, 100, 1, 1] + 3
    sorter = GridSorter(key=2)
    grid = sorter.fit_transform(items)
    assert grid.shape == (8, 8, 5)
    assert np.array_equal(grid.reshape(64, 5), items[sorter.permutation_])
    assert neighbour_distance(unit_range(grid)) < 0.8 * neighbour_distance(unit_range(items.reshape(8, 8, 5)))
    assert unit_range(np.array([[1.0, 5.0], [3.0, 5.0]]), [2, 1]).tolist() == [[0, 0], [2, 0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grid_sort(np.zeros((4, 5, 3))), "side, side, channel"),
        (lambda: grid_sort(np.zeros((3, 3, 3))), "side >= 4"),
        (lambda: grid_sort(np.full((4, 4, 1), np.nan)), "finite"),
        (lambda: grid_sort(np.zeros((4, 4, 1)), decay=1.0), "decay"),
        (lambda: GridSorter().fit(np.zeros((10, 3))), "square number"),
    ],
)
def test_mistakes_are_named(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MorphogenError, match=message):
        call()
