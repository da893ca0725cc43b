"""Entropies of series that are read off recurrences: how often do stretches that were alike stay alike for one step more?"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.measure import measure


@measure("sample-entropy", needs="series", unit="nat", source="Richman & Moorman (2000)")
def sample_entropy(series: Any, *, dimension: int = 2, tolerance: float = 0.2) -> Any:
    """Sample entropy of `series` (..., time): -ln(A / B), the surprise of the next value where the past has been alike.

    B counts the pairs of stretches of m = `dimension` values that differ by at most r in every value, A those that do so over
    m + 1 values; pairs are unordered, a stretch is not paired with itself, and only the n - m stretches that have a next value
    count. r = `tolerance` x the standard deviation of the series (with n in the denominator).

    Unit: nat, 0 for what repeats itself. Independent Gaussian values give -ln erf(tolerance / 2) in the mean: 2.184 at 0.2.
    Cost: stretches are sorted by their first value, and only those within r of it are compared, without branches: about
    n^2 r / range, a few milliseconds for 10^4 Gaussian values. Several series are shared among threads.
    Blind spots: depends on the sampling interval and on r; a slow trend reads as order; below some 10^m values, or when few
    pairs match, it is unsteady; noise scores higher than chaos, so high entropy is not complexity.
    Errors: `MorphogenError` for NaN, a constant series, fewer than m + 3 values, or no pair alike over m + 1 values (the entropy
    would be infinite). Source: Richman & Moorman (2000).
    """
    x = _series(series, dimension, tolerance)
    flat = np.ascontiguousarray(x.reshape(-1, x.shape[-1]))

    def one(row: np.ndarray) -> tuple[int, int]:
        return _matches(row, dimension, tolerance * row.std())

    # Threads, not parallel Numba: its thread pool may not be entered from two threads at once, and pages run in threads.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = np.array(list(pool.map(one, flat)) if len(flat) > 1 else [one(flat[0])])
    bad = np.flatnonzero(counts[:, 1] == 0)
    if len(bad):
        where = f" of series {bad[0]}" if len(flat) > 1 else ""
        raise MorphogenError(
            f"sample-entropy: no two stretches{where} are alike over {dimension + 1} values within tolerance={tolerance} standard "
            f"deviations, so that it is infinite; {x.shape[-1]} values are too few for this dimension and tolerance"
        )
    values = np.log(counts[:, 0] / counts[:, 1]).reshape(x.shape[:-1])
    return float(values) if values.ndim == 0 else values


def _series(series: Any, dimension: int, tolerance: float) -> np.ndarray:
    x = np.asarray(series, dtype=np.float64)
    if x.ndim < 1 or x.size == 0:
        raise MorphogenError(f"sample-entropy: wants a series (time,), not the shape {x.shape}")
    if dimension < 1 or not tolerance > 0:
        raise MorphogenError(f"sample-entropy: dimension={dimension} must be at least 1 and tolerance={tolerance} above 0")
    if x.shape[-1] < dimension + 3:
        raise MorphogenError(f"sample-entropy: {x.shape[-1]} values are too few; {dimension + 3} is the least for dimension={dimension}")
    missing = ~np.isfinite(x)
    if missing.any():
        first = int(np.argwhere(missing)[0][-1])
        raise MorphogenError(f"sample-entropy: {int(missing.sum())} of {x.size} values are missing or infinite (first at {first})")
    still = np.flatnonzero(np.ptp(x, axis=-1).ravel() == 0)
    if len(still):
        raise MorphogenError(f"sample-entropy: series {still[0]} is constant; it has no scale for the tolerance")
    return x


@numba.njit(cache=True, nogil=True)
def _matches(x: np.ndarray, m: int, r: float) -> tuple[int, int]:
    """B and A: unordered pairs of the n - m stretches that are within r in their first m, and in all m + 1 values."""
    n = len(x) - m
    order = np.argsort(x[:n])
    columns = np.empty((m + 1, n))
    for k in range(m + 1):
        for i in range(n):
            columns[k, i] = x[order[i] + k]
    first, last = columns[0], columns[m]
    alike = np.empty(n, np.uint8)
    b, a, end = 0, 0, 0
    for i in range(n):
        while end < n and first[end] - first[i] <= r:
            end += 1
        count = end - i - 1
        for j in range(count):
            alike[j] = 1
        for k in range(1, m):
            here, column = columns[k, i], columns[k, i + 1 : end]
            for j in range(count):
                alike[j] &= abs(column[j] - here) <= r
        here, column = last[i], last[i + 1 : end]
        both, more = 0, 0
        for j in range(count):
            both += alike[j]
            more += alike[j] & np.uint8(abs(column[j] - here) <= r)
        b += both
        a += more
    return b, a
