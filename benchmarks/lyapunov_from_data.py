"""The largest Lyapunov exponent from 10 000 values (Rosenstein, Collins & De Luca 1993) against nolds, on the same data in the same run.

Goal: at least 20 times faster. Both get the same embedding, Theiler window and range of the fit (all steps, least squares), and
the run stops when the slopes differ by more than 1e-9. nolds keeps all distances: it needs 2 GB.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from compare import side_by_side
from sample_entropy import import_nolds, logistic

from morphogen.measures.chaos import lyapunov_rosenstein

LENGTH, STEPS = 10_000, 20


def lorenz(n: int, stride: int = 5, dt: float = 0.01) -> np.ndarray:
    """x of the Lorenz equations every `stride` Runge-Kutta steps, after a transient."""

    def slope(s: np.ndarray) -> np.ndarray:
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    state, orbit = np.array([1.0, 1.0, 25.0]), []
    for i in range(2000 + n * stride):
        k1 = slope(state)
        k2 = slope(state + dt / 2 * k1)
        k3 = slope(state + dt / 2 * k2)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + slope(state + dt * k3))
        if i >= 2000 and (i - 2000) % stride == 0:
            orbit.append(state[0])
    return np.array(orbit)


def main() -> None:
    nolds = import_nolds()
    noise = np.random.default_rng(0).normal(size=LENGTH)
    settings = {"logistic map": (logistic(LENGTH), 3, 1, 10), "Lorenz": (lorenz(LENGTH), 5, 3, 40), "white noise": (noise, 5, 1, 10)}
    for name, (x, dimension, delay, window) in settings.items():
        ours = partial(lyapunov_rosenstein.value, x, dimension=dimension, delay=delay, separation=window, length=STEPS, last=STEPS - 1)
        theirs = partial(nolds.lyap_r, x, emb_dim=dimension, lag=delay, min_tsep=window, trajectory_len=STEPS, fit="poly")
        np.testing.assert_allclose(theirs(), ours(), rtol=0, atol=1e-9)
        title = f"Lyapunov exponent of {LENGTH:,} values, {name}: morphogen against nolds (goal: 20)"
        side_by_side(title, ours, theirs, peer_rounds=3)


if __name__ == "__main__":
    main()
