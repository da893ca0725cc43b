"""Is it chaos? Lyapunov exponents of a system from its own derivative, and of recorded data; the 0-1 test.

Of a system whose rule is known, `lyapunov` and `lyapunov_spectrum` read the exact growth of small disturbances (see
`morphogen.measures.tangent`). Of data alone, `lyapunov_rosenstein` follows the nearest neighbours in a delay embedding, and
`zero_one` asks whether the series drives a random walk. Noise passes for chaos in both: compare with surrogates.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
from scipy import fft
from scipy.spatial import KDTree

from morphogen.errors import MorphogenError
from morphogen.measure import measure
from morphogen.statistics import Interval

FREQUENCIES_AT_ONCE = 20
RISE = 0.8
"""Where the fit of a divergence curve ends by itself: this share of the way from its start to its plateau."""


@measure("lyapunov", needs="system", unit="nat/time", source="Benettin, Galgani & Strelcyn (1976)")
def lyapunov(system: Any, *, steps: int = 20_000, transient: int = 2000, key: Any = 0) -> Interval:
    """The largest Lyapunov exponent of a system that can be differentiated, with the interval of its batch means.

    `steps` are counted after `transient` ones, from the state `system.init(key)`, in double precision. Unit: nat per unit of the
    system's time. Cost: one derivative a step. Blind spots and errors: as
    `morphogen.measures.tangent.lyapunov_spectrum`. Source: Benettin, Galgani & Strelcyn (1976).
    """
    from morphogen.measures.tangent import lyapunov_spectrum as spectrum

    found = spectrum(system, steps=steps, transient=transient, key=key, k=1)
    return Interval(float(found.exponents[0]), float(found.low[0]), float(found.high[0]))


@measure("lyapunov-spectrum", needs="system", unit="nat/time", source="Shimada & Nagashima (1979); Benettin et al. (1980)")
def lyapunov_spectrum(system: Any, *, k: int | None = None, steps: int = 20_000, transient: int = 2000, key: Any = 0) -> Interval:
    """The k largest Lyapunov exponents (all by default), largest first: value, low and high are arrays (k,).

    As `lyapunov`, with a frame of tangents kept orthonormal by QR. When all are asked for, their sum must equal the mean
    log|det| of the steps: a difference above 1e-6 raises `MorphogenError` instead of being read. Cost: 2 k derivatives and one QR
    a step. Sources: Shimada & Nagashima (1979); Benettin, Galgani, Giorgilli & Strelcyn (1980).
    """
    from morphogen.measures.tangent import lyapunov_spectrum as spectrum

    found = spectrum(system, steps=steps, transient=transient, key=key, k=k)
    if found.sum_error > 1e-6 * max(1.0, float(np.abs(found.exponents).sum())):
        raise MorphogenError(
            f"lyapunov-spectrum: the exponents add up to {found.exponents.sum():.6g} and the steps contract by {found.log_det:.6g}: "
            "the frame of tangents has degenerated"
        )
    return Interval(found.exponents, found.low, found.high)  # type: ignore[arg-type]


def kaplan_yorke(exponents: Any) -> float:
    """The dimension that Lyapunov exponents (n,) give an attractor: j + (lambda_1 + ... + lambda_j) / |lambda_(j+1)|.

    j is the largest number of leading exponents whose sum is not negative; 0 when the largest is negative, n when no sum is.
    Exponents are sorted first. Raises `MorphogenError` when there are none or one is NaN. Source: Kaplan & Yorke (1979).
    """
    values = np.sort(np.asarray(exponents, dtype=float).ravel())[::-1]
    if not values.size or np.isnan(values).any():
        raise MorphogenError("kaplan_yorke: wants at least one exponent, and no NaN")
    sums = np.cumsum(values)
    j = int(np.count_nonzero(np.logical_and.accumulate(sums >= 0)))
    if j in (0, len(values)):
        return float(j)
    return float(j + sums[j - 1] / abs(values[j]))


class Divergence(NamedTuple):
    """How neighbours part: mean log distance (length,) after 0, 1, ... steps, its plateau, and the embedding that was used."""

    curve: np.ndarray
    plateau: float
    delay: int
    separation: int


@measure("lyapunov-rosenstein", needs="series", unit="nat/time", source="Rosenstein, Collins & De Luca (1993)")
def lyapunov_rosenstein(
    series: Any,
    *,
    dimension: int = 5,
    delay: int | None = None,
    separation: int | None = None,
    length: int = 20,
    first: int = 0,
    last: int | None = None,
    sampling: float = 1.0,
) -> float:
    """The largest Lyapunov exponent of `series` (time,): the slope at which the log distance of nearest neighbours grows.

    Delay vectors X_i = (x_i, x_(i+delay), ...) of `dimension` entries; each is paired with the nearest one that is more than
    `separation` steps away, and the mean of ln |X_(i+k) - X_(j+k)| over pairs is fitted with a line for k from `first` to `last`.

    Args:
        delay: by default the first lag at which the autocorrelation is below 1 - 1/e, as in the paper.
        separation: Theiler's window; by default the mean period (one over the mean frequency of the power spectrum), at most n/4.
        length: steps for which pairs are followed; about three times the time in which they part.
        last: by default the last k before the curve has risen 0.8 of the way to the mean log distance of random pairs.
        sampling: time between samples.

    Unit: nat per unit of `sampling`. Cost: neighbours from a k-d tree, about n log n for a thin attractor in few dimensions and
    up to n^2 for noise in many; 10^4 points take well below a second.
    Blind spots: noise and trends also make neighbours part, so a positive slope is not chaos: look at `divergence`, and compare with
    surrogates; a negative exponent cannot be read from a settled series; the slope is too low when pairs start far apart.
    Errors: `MorphogenError` for NaN, a constant or too short series, or one that repeats itself exactly.
    Source: Rosenstein, Collins & De Luca (1993).
    """
    if not sampling > 0:
        raise MorphogenError(f"lyapunov-rosenstein: sampling={sampling} must be above 0")
    if not 0 <= first < length - 1 or (last is not None and not first < last < length):
        raise MorphogenError(f"lyapunov-rosenstein: the fit from first={first} to last={last} must hold 2 of the length={length} steps")
    found = divergence(series, dimension=dimension, delay=delay, separation=separation, length=length)
    curve = found.curve
    if last is None:
        ceiling = curve[0] + RISE * (found.plateau - curve[0])
        above = np.flatnonzero(curve[first:] > ceiling)
        last = max(first + 1, first + int(above[0]) - 1) if len(above) else length - 1
    slope = np.polyfit(np.arange(first, last + 1), curve[first : last + 1], 1)[0]
    return float(slope / sampling)


def divergence(series: Any, *, dimension: int = 5, delay: int | None = None, separation: int | None = None, length: int = 20) -> Divergence:
    """The curve that `lyapunov_rosenstein` fits; with its arguments and errors.

    Pairs at distance 0 have no logarithm and are left out of the mean.
    """
    x = _finite("lyapunov-rosenstein", series, 1)
    if dimension < 1 or length < 2 or (delay is not None and delay < 1) or (separation is not None and separation < 0):
        raise MorphogenError(
            f"lyapunov-rosenstein: dimension={dimension} and delay={delay} must be at least 1, length={length} at least 2, "
            f"separation={separation} not negative"
        )
    delay = _decorrelation(x) if delay is None else delay
    separation = _mean_period(x) if separation is None else separation
    starts = len(x) - (dimension - 1) * delay - length + 1
    if starts < 2 * separation + 2:
        needed = (dimension - 1) * delay + length + 2 * separation + 1
        raise MorphogenError(
            f"lyapunov-rosenstein: {len(x)} values are too few for dimension={dimension}, delay={delay}, separation={separation} and "
            f"length={length}; {needed} is the least"
        )
    vectors = np.lib.stride_tricks.sliding_window_view(x, (dimension - 1) * delay + 1)[:, ::delay]
    vectors = np.ascontiguousarray(vectors)
    curve = _part(vectors, _nearest(vectors[:starts], separation), length)
    if not np.isfinite(curve).all():
        raise MorphogenError("lyapunov-rosenstein: the series repeats itself exactly, so that no neighbours part")
    return Divergence(curve, _plateau(vectors), delay, separation)


def _nearest(vectors: np.ndarray, separation: int) -> np.ndarray:
    """For each of `vectors` (n, d) the index of the nearest that is more than `separation` indices away; n >= 2 separation + 2."""
    tree, todo, most = KDTree(vectors), np.arange(len(vectors)), 2 * separation + 2
    nearest, k = np.empty(len(vectors), dtype=np.int64), min(8, most)
    while len(todo):
        # Among 2 separation + 2 nearest points, the point itself and its neighbours in time included, one is always far enough away.
        near = tree.query(vectors[todo], k=k)[1]
        far = np.abs(near - todo[:, None]) > separation
        found = far.any(1)
        nearest[todo[found]] = near[found, far[found].argmax(1)]
        todo, k = todo[~found], min(2 * k, most)
    return nearest


@numba.njit(cache=True, nogil=True)
def _part(vectors: np.ndarray, neighbour: np.ndarray, length: int) -> np.ndarray:
    """Mean log distance of the pairs after 0 ... length - 1 steps; -inf when all of them coincide."""
    curve = np.empty(length)
    for k in range(length):
        total, count = 0.0, 0
        for i in range(len(neighbour)):
            square = 0.0
            for c in range(vectors.shape[1]):
                square += (vectors[i + k, c] - vectors[neighbour[i] + k, c]) ** 2
            if square > 0:
                total += 0.5 * np.log(square)
                count += 1
        curve[k] = total / count if count else -np.inf
    return curve


def _plateau(vectors: np.ndarray) -> float:
    """Mean log distance of pairs that have nothing to do with each other: each vector and the one half the series later."""
    distance = np.linalg.norm(vectors - np.roll(vectors, len(vectors) // 2, axis=0), axis=1)
    return float(np.log(distance[distance > 0]).mean())


def _decorrelation(x: np.ndarray) -> int:
    centred = x - x.mean()
    spectrum = np.fft.rfft(centred, 2 * len(x))
    correlation = np.fft.irfft(spectrum * spectrum.conj())[: len(x)]
    return int(np.flatnonzero(correlation < (1 - 1 / np.e) * correlation[0])[0])


def _mean_period(x: np.ndarray) -> int:
    power = np.abs(np.fft.rfft(x - x.mean())[1:]) ** 2
    return int(min(np.ceil(power.sum() / (power @ np.fft.rfftfreq(len(x))[1:])), len(x) // 4))


@measure("zero-one", needs="series", unit="1", source="Gottwald & Melbourne (2009)")
def zero_one(series: Any, *, frequencies: int = 100, key: Any = 0) -> Any:
    """The modified 0-1 test for chaos of `series` (..., time): K near 1 for chaos, near 0 for a regular series.

    For a frequency c the series drives p(n) + i q(n) = sum_(j <= n) x_j exp(i c j). The mean square displacement
    M(n) = mean over j of |p(j + n) - p(j)|^2 + |q(j + n) - q(j)|^2, n = 1 ... N / 10, less its oscillation
    V(n) = (mean x)^2 (1 - cos n c) / (1 - cos c), grows in n for chaos and is bounded otherwise; K_c is its correlation with n, and K
    the median over `frequencies` values of c, drawn evenly at random between pi / 5 and 4 pi / 5 from `key` (the same for all series).

    Unit: 1. Cost O(frequencies x N log N) a series, by Fourier transforms; series are shared among threads.
    Blind spots: a finely sampled flow reads as regular: take every tenth sample or so; noise reads as chaos; weak chaos needs
    long series (N >= 5000). Errors: `MorphogenError` for NaN, a constant series or fewer than 100 values.
    Source: Gottwald & Melbourne (2009), On the implementation of the 0-1 test for chaos.
    """
    x = _finite("zero-one", series, None)
    if x.shape[-1] < 100 or frequencies < 1:
        raise MorphogenError(f"zero-one: wants at least 100 values and 1 frequency, not {x.shape[-1]} and {frequencies}")
    c = np.random.default_rng(_seed(key)).uniform(np.pi / 5, 4 * np.pi / 5, frequencies)
    flat = x.reshape(-1, x.shape[-1])
    growth = np.empty((len(flat), frequencies))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # A few frequencies at a time, so that their walks stay in the cache and long series in memory.
        for some in np.array_split(np.arange(frequencies), -(-frequencies // FREQUENCIES_AT_ONCE)):
            turns = np.exp(1j * c[some, None] * np.arange(1, x.shape[-1] + 1))
            growth[:, some] = list(pool.map(partial(_growth, c=c[some], turns=turns), flat))
    values = np.median(growth, axis=1).reshape(x.shape[:-1])
    return float(values) if values.ndim == 0 else values


def _growth(x: np.ndarray, c: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """K_c of one series for the frequencies `c` (f,), where `turns` (f, n) = exp(i c j)."""
    n, lags = len(x), len(x) // 10
    walk = np.cumsum(turns * x, axis=1)
    # A walk far from the origin would lose digits in the difference of its squares; M does not depend on where it starts.
    walk -= walk.mean(1, keepdims=True)
    kept = n - lags
    size = fft.next_fast_len(n)
    # No lag up to N / 10 wraps around, because the second factor ends N / 10 values before the first.
    together = fft.ifft(fft.fft(walk, size) * fft.fft(walk[:, :kept], size).conj(), overwrite_x=True)[:, 1 : lags + 1].real
    squares = np.concatenate((np.zeros((len(c), 1)), np.cumsum(walk.real**2 + walk.imag**2, axis=1)), axis=1)
    steps = np.arange(1, lags + 1)
    ahead = squares[:, kept + 1 : n + 1] - squares[:, 1 : lags + 1]
    displacement = (ahead + squares[:, kept, None] - 2 * together) / kept
    growth = displacement - x.mean() ** 2 * (1 - np.cos(np.outer(c, steps))) / (1 - np.cos(c))[:, None]
    growth -= growth.mean(1, keepdims=True)
    time = steps - steps.mean()
    return growth @ time / np.sqrt((growth**2).sum(1) * (time @ time))


def _seed(key: Any) -> Any:
    """What NumPy can be seeded with: an integer, or the words of a JAX key."""
    if isinstance(key, int | np.integer):
        return int(key)
    import jax

    return [int(word) for word in np.asarray(jax.random.key_data(key)).ravel()]


def _finite(name: str, series: Any, dimensions: int | None) -> np.ndarray:
    x = np.asarray(series, dtype=np.float64)
    if x.ndim < 1 or x.size == 0 or (dimensions is not None and x.ndim != dimensions):
        raise MorphogenError(f"{name}: wants a series (time,), not the shape {x.shape}")
    missing = ~np.isfinite(x)
    if missing.any():
        first = int(np.argwhere(missing)[0][-1])
        raise MorphogenError(f"{name}: {int(missing.sum())} of {x.size} values are missing or infinite (first at {first})")
    still = np.flatnonzero(np.ptp(x, axis=-1).ravel() == 0)
    if len(still):
        raise MorphogenError(f"{name}: series {still[0]} is constant")
    return x
