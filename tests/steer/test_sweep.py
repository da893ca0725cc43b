"""Sweeps: every point equals its own run, one compilation serves all batches, mistakes are named."""

from __future__ import annotations

import numpy as np
import pytest

import morphogen as mg
from systems import Decay, Dice, Logistic, Walk


def test_every_point_of_a_grid_is_its_own_run() -> None:
    got = mg.sweep(Decay(noise=0.1), {"rate": [0.5, 1.0, 2.0], "noise": [0.0, 0.3]}, 20, samples=2, key=4)
    assert got.x.dims == ("rate", "noise", "sample", "time") and got.x.shape == (3, 2, 2, 21)
    for i, rate in enumerate((0.5, 1.0, 2.0)):
        for j, noise in enumerate((0.0, 0.3)):
            alone = mg.run(Decay(rate, noise), 20, key=4, ensemble=2)
            np.testing.assert_allclose(got.x.values[i, j], alone.x.values, rtol=1e-5, atol=1e-6)


def test_batches_change_nothing() -> None:
    grid = {"r": np.linspace(2.5, 3.5, 7)}
    np.testing.assert_array_equal(mg.sweep(Logistic(), grid, 50, batch=3).x, mg.sweep(Logistic(), grid, 50).x)


def test_the_logistic_map_doubles_its_period_where_it_should() -> None:
    r = np.array([2.9, 3.2, 3.5])
    tail = mg.sweep(Logistic(), {"r": r}, 5000).x.values[:, 0, -64:]
    assert [len(np.unique(np.round(t, 4))) for t in tail] == [1, 2, 4]


def test_a_member_that_diverges_does_not_stop_the_others() -> None:
    last = mg.sweep(Logistic(), {"r": [3.5, 4.5]}, 500).x.values[:, 0, -1]
    assert np.isfinite(last[0]) and not np.isfinite(last[1])
    with pytest.raises(mg.DivergenceError):
        mg.sweep(Logistic(), {"r": [3.5, 4.5]}, 500, check_finite=True)


@pytest.mark.parametrize(
    ("system", "grid", "message"),
    [
        (Logistic(), {"rate": [1.0]}, "no parameter 'rate'; it has r"),
        (Walk(), {"n": [3.0]}, "fixed when it is compiled"),
        (Logistic(), {}, "needs a list of values"),
        (Logistic(), {"r": []}, "needs a list of values"),
        (Dice(), {"sides": [4]}, "fixed when it is compiled"),
    ],
)
def test_mistakes_are_named(system, grid, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(mg.MorphogenError, match=message):
        mg.sweep(system, grid, 10)
