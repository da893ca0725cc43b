"""Angles between subspaces against hand-made ones, SciPy, and the mean over random subspaces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from morphogen.errors import MorphogenError
from morphogen.measures.representation import chance_overlap, principal_angles, subspace_overlap


def test_angles_made_by_hand() -> None:
    angles = np.array([1e-7, 0.3, 1.2])
    first = np.eye(7)[:, :3]
    second = np.zeros((7, 3))
    second[[0, 1, 2], [0, 1, 2]] = np.cos(angles)
    second[[3, 4, 5], [0, 1, 2]] = np.sin(angles)
    np.testing.assert_allclose(principal_angles(first, second), angles, rtol=1e-6)
    assert subspace_overlap(first, second) == pytest.approx(np.mean(np.cos(angles) ** 2))


@pytest.mark.parametrize("j, k", [(3, 5), (5, 3), (4, 4)])
def test_agrees_with_scipy_whatever_the_bases(j: int, k: int) -> None:
    random = np.random.default_rng(j)
    first, second = random.normal(size=(20, j)), random.normal(size=(20, k))
    np.testing.assert_allclose(principal_angles(first, second), np.sort(subspace_angles(first, second)), atol=1e-10)
    mixed = first @ random.normal(size=(j, j))
    assert subspace_overlap(mixed, second) == pytest.approx(np.mean(np.cos(subspace_angles(first, second)) ** 2))


def test_inside_and_orthogonal() -> None:
    axes = np.eye(6)
    assert subspace_overlap(axes[:, :2], axes[:, :5]) == pytest.approx(1)
    assert subspace_overlap(axes[:, :2], axes[:, 2:5]) == pytest.approx(0)
    np.testing.assert_allclose(principal_angles(axes[:, :2], axes[:, 2:5]), np.pi / 2)


@pytest.mark.parametrize("j, k", [(6, 6), (3, 9)])
def test_chance_is_the_mean_over_random_subspaces(j: int, k: int) -> None:
    random = np.random.default_rng(0)
    found = [subspace_overlap(random.normal(size=(30, j)), random.normal(size=(30, k))) for _ in range(400)]
    error = np.std(found) / 20
    assert abs(np.mean(found) - chance_overlap(30, j, k)) < 4 * error < 0.02


def test_mistakes_are_named() -> None:
    with pytest.raises(MorphogenError, match="independent"):
        subspace_overlap(np.ones((4, 2)), np.eye(4))
    with pytest.raises(MorphogenError, match="no angles"):
        principal_angles(np.eye(3), np.eye(4))
    with pytest.raises(MorphogenError, match="1 <= k"):
        subspace_overlap(np.ones((2, 3)), np.eye(2))
    with pytest.raises(MorphogenError, match="finite"):
        subspace_overlap(np.full((3, 1), np.nan), np.eye(3))
    with pytest.raises(MorphogenError, match="fit into"):
        chance_overlap(3, 4, 1)
