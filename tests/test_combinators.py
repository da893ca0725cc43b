"""Ensemble, Coupled and Perturbed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import morphogen as mg
from systems import Dice, Logistic, Walk


def test_coupled_parts_keep_their_names_and_touch() -> None:
    def share(states):  # type: ignore[no-untyped-def]
        a, b = states
        mean = (a + b) / 2
        return mean, mean

    pair = mg.Coupled((Logistic(3.9), Logistic(3.9)), share, labels=("left", "right"))
    got = mg.run(pair, 10, key=1)
    assert list(got.data_vars) == ["left.x", "right.x"]
    left, right = got["left.x"].values[0], got["right.x"].values[0]
    assert left[0] != right[0] and np.array_equal(left[1:], right[1:])
    free = mg.run(mg.Coupled((Logistic(3.9), Logistic(3.9)), lambda s: s), 10, key=1)
    assert not np.array_equal(free["part0.x"], free["part1.x"])


def test_coupled_mistakes() -> None:
    with pytest.raises(mg.MorphogenError, match="distinct label"):
        mg.Coupled((Logistic(), Logistic()), lambda s: s, labels=("a", "a"))
    with pytest.raises(mg.MorphogenError, match="cannot mix"):
        mg.Coupled((Logistic(), Dice()), lambda s: s)


def test_a_perturbed_twin_is_the_same_until_it_is_touched() -> None:
    plain = mg.run(Walk(50), 40, key=3).position.values[0]
    twin = mg.run(mg.Perturbed(Walk(50), mg.Lesion(0.5), start=20, stop=21), 40, key=3).position.values[0]
    assert np.array_equal(plain[:21], twin[:21])
    cut = twin[21] == 0
    assert 10 < cut.sum() < 40
    # Afterwards both take the same random steps.
    np.testing.assert_allclose(np.diff(plain[21:], axis=0), np.diff(twin[21:], axis=0), atol=1e-5)


def test_noise_has_its_amplitude_and_acts_at_its_stride() -> None:
    class Still(Walk):
        def step(self, state, key):  # type: ignore[no-untyped-def]
            return state

    got = mg.run(mg.Perturbed(Still(5000), mg.Noise(0.3), every=4), 8, key=1).position.values[0]
    kicks = np.diff(got, axis=0)
    moved = np.abs(kicks).max(1) > 0
    assert moved.tolist() == [True, False, False, False, True, False, False, False]
    assert kicks[0].std() == pytest.approx(0.3, rel=0.05)


def test_a_perturbation_on_the_host() -> None:
    reset = mg.Perturbed(Dice(), lambda state, key: {**state, "total": 0.0}, start=4, stop=5)
    total = mg.run(reset, 10, key=2).total.values[0]
    assert total[4] > 0 and total[5] == 0 and total[6] > 0


def test_ensemble_is_a_system_like_any_other() -> None:
    got = mg.run(mg.Ensemble(Walk(3), 6), 10, key=1)
    assert got.position.dims == ("sample", "time", "walker") and got.sizes["sample"] == 6
    assert len(np.unique(got.position.values[:, -1])) == 18
    with pytest.raises(mg.MorphogenError, match="at least 1 member"):
        mg.Ensemble(Walk(3), 0)


def test_stacked_parameters_differ_from_member_to_member() -> None:
    import equinox as eqx

    system = Logistic(3.0)
    stacked = eqx.tree_at(lambda s: s.r, jax.tree.map(lambda _: None, system), jnp.array([2.0, 2.5, 3.2]), is_leaf=lambda x: x is None)
    got = mg.run(mg.Ensemble(system, 3, stacked), 2000, key=1).x.values[:, -1]
    np.testing.assert_allclose(got[:2], [1 - 1 / 2.0, 1 - 1 / 2.5], rtol=1e-5)
