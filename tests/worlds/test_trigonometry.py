"""The vectorised sine and cosine against the library's, in both precisions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.worlds.trigonometry import _polynomials, sincos


@pytest.mark.parametrize(("precise", "bound"), [(False, 1.3e-7), (True, 4e-16)])
def test_against_numpy(precise: bool, bound: float) -> None:
    angles = np.concatenate([np.random.default_rng(0).uniform(-8000, 8000, 50_000), np.arange(-40, 41) * np.pi / 4])
    with jax.enable_x64(precise):
        x = jnp.asarray(angles)
        exact = np.asarray(x, dtype=np.float64)
        for function in (sincos, _polynomials):
            sine, cosine = function(x)
            assert sine.dtype == x.dtype
            assert np.abs(np.asarray(sine, np.float64) - np.sin(exact)).max() < bound
            assert np.abs(np.asarray(cosine, np.float64) - np.cos(exact)).max() < bound


def test_it_can_be_differentiated_and_batched() -> None:
    x = jnp.linspace(-7, 7, 101)
    slopes = jax.vmap(jax.grad(lambda a: sincos(a)[0]))(x)
    np.testing.assert_allclose(slopes, np.cos(x), atol=3e-6)
