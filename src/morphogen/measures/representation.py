"""How two linear subspaces lie to each other: principal angles, their overlap, and the overlap that chance alone gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from morphogen.errors import MorphogenError


def principal_angles(first: Any, second: Any) -> np.ndarray:
    """The principal angles between two subspaces, in radians from 0 to pi / 2, smallest first.

    `first` (dimension, j) and `second` (dimension, k) hold a basis in their columns, which need not be orthonormal; the result has
    min(j, k) angles. Their cosines are the singular values of Q1^T Q2 with Q from QR; angles below about 1e-4 are taken from
    sines, where the cosine has no digits left. Cost O(dimension (j + k)^2).
    Raises `MorphogenError` for bases of different dimension or dependent columns. Source: Bjoerck & Golub (1973).
    """
    q1, q2 = _orthonormal(first), _orthonormal(second)
    if len(q1) != len(q2):
        raise MorphogenError(f"subspaces of spaces of dimension {len(q1)} and {len(q2)} have no angles between them")
    if q1.shape[1] < q2.shape[1]:
        q1, q2 = q2, q1
    product = q1.T @ q2
    cosines = np.clip(np.linalg.svd(product, compute_uv=False), 0, 1)
    sines = np.clip(np.linalg.svd(q2 - q1 @ product, compute_uv=False)[::-1], 0, 1)
    return np.where(cosines**2 > 0.5, np.arcsin(sines), np.arccos(cosines))


def subspace_overlap(first: Any, second: Any) -> float:
    """Mean squared cosine of the principal angles of two subspaces: 0 orthogonal, 1 when the smaller lies in the larger.

    Bases as for `principal_angles`. It equals ||Q1^T Q2||_F^2 / min(j, k), so no singular values are needed. Compare it with
    `chance_overlap`: large subspaces overlap by being large. Cost O(dimension (j + k)^2).
    """
    q1, q2 = _orthonormal(first), _orthonormal(second)
    if len(q1) != len(q2):
        raise MorphogenError(f"subspaces of spaces of dimension {len(q1)} and {len(q2)} have no overlap")
    return float(np.sum((q1.T @ q2) ** 2) / min(q1.shape[1], q2.shape[1]))


def chance_overlap(dimension: int, j: int, k: int) -> float:
    """The mean `subspace_overlap` of two independent, uniformly random subspaces of j and k dimensions: max(j, k) / dimension."""
    if not (1 <= j <= dimension and 1 <= k <= dimension):
        raise MorphogenError(f"subspaces of {j} and {k} dimensions do not fit into {dimension}")
    return max(j, k) / dimension


def _orthonormal(basis: Any) -> np.ndarray:
    columns = np.asarray(basis, dtype=float)
    if columns.ndim != 2 or not 1 <= columns.shape[1] <= columns.shape[0]:
        raise MorphogenError(f"a basis is an array (dimension, k) with 1 <= k <= dimension, not of shape {columns.shape}")
    if not np.isfinite(columns).all():
        raise MorphogenError("a basis must be finite, and this one holds NaN or infinity")
    q, r = np.linalg.qr(columns)
    lengths = np.abs(np.diag(r))
    if lengths.min() <= 1e-6 * np.linalg.norm(columns, axis=0).max():
        raise MorphogenError("the columns of a basis must be independent: one lies in the span of those before it")
    return q
