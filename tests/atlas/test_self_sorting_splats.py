"""Page 006: the renderer, the free permutation, and what the null takes away."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from morphogen.atlas.structure.self_sorting_splats import RATES, Sorter, SplatFit, Splats, component_layout, permuted, render
from morphogen.data.images import photograph
from morphogen.measures.gridcode import neighbour_distance
from morphogen.run import advance


def test_one_splat_fills_the_picture_with_its_colour_and_two_share_it() -> None:
    one = jnp.array([[[0.5, 0.5, -2.0, -2.0, 0.3, 0.2, 0.4, 0.6]]])
    np.testing.assert_allclose(render(one, 8), np.broadcast_to([0.2, 0.4, 0.6], (8, 8, 3)), atol=1e-5)
    left, right = [0.0, 0.5, -3.0, -3.0, 0.0, 1.0, 0.0, 0.0], [1.0, 0.5, -3.0, -3.0, 0.0, 0.0, 0.0, 1.0]
    picture = np.asarray(render(jnp.array([[left, right]]), 9))
    assert picture[4, 0, 0] > 0.99 and picture[4, 8, 2] > 0.99
    np.testing.assert_allclose(picture[4, 4], [0.5, 0, 0.5], atol=0.01)


def test_rotation_turns_a_long_splat() -> None:
    def spread(theta: float) -> tuple[float, float]:
        background = [[5.0, 5.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]]
        grid = jnp.array([[[0.5, 0.5, jnp.log(0.3), jnp.log(0.05), theta, 1.0, 1.0, 1.0]], [background[0]]])
        light = np.asarray(render(grid, 33))[..., 0]
        return light[16].sum(), light[:, 16].sum()

    flat, upright = spread(0.0), spread(np.pi / 2)
    assert flat[0] > 2 * flat[1] and upright[1] > 2 * upright[0]


def test_a_permutation_renders_the_same_picture_and_training_goes_on_as_if_nothing_happened() -> None:
    system = SplatFit(photograph(size=16, side=320), 8, 0.0)
    state = advance(system, system.init(jax.random.key(1)), 20)
    order = np.random.default_rng(0).permutation(64)
    moved = permuted(state, order)
    np.testing.assert_allclose(render(moved.grid, 16), render(state.grid, 16), atol=1e-5)
    # The moments move with their parameters: twenty steps later both are still the same set of splats.
    later, later_moved = advance(system, state, 20), advance(system, moved, 20)
    np.testing.assert_allclose(later.grid.reshape(-1, 8)[order], later_moved.grid.reshape(-1, 8), atol=2e-3)
    wrong = advance(system, Splats(moved.grid, state.moments), 20)
    apart = np.abs(np.asarray(later.grid.reshape(-1, 8)[order] - wrong.grid.reshape(-1, 8))).max()
    assert apart > 5 * np.abs(np.asarray(later.grid.reshape(-1, 8)[order] - later_moved.grid.reshape(-1, 8))).max()


def test_fitting_raises_the_quality() -> None:
    system = SplatFit(photograph(size=16, side=320), 8, 0.0)
    start = system.init(jax.random.key(2))
    assert float(system.observe(advance(system, start, 80))["quality"]) > float(system.observe(start)["quality"]) + 3
    assert RATES.shape == (8,)


def test_the_null_sorter_exchanges_and_orders_nothing() -> None:
    grid = np.random.default_rng(1).random((16, 16, 3))
    flat = grid.reshape(-1, 3)
    for null, low, high in ((False, 0.0, 0.45), (True, 0.85, 1.2)):
        order = Sorter(null).order(grid, jax.random.key(3))
        assert np.array_equal(np.sort(order), np.arange(256))
        assert low < neighbour_distance(flat[order].reshape(grid.shape)) / neighbour_distance(grid) < high
    assert np.array_equal(np.sort(component_layout(flat)), np.arange(256))
