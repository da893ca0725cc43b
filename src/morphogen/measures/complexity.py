"""Complexity of sequences and pictures: how long is the shortest description that a simple compressor finds?

Two instruments. `lempel_ziv` counts the new patterns met while reading a sequence of symbols (Lempel & Ziv 1976).
`apparent_complexity` compresses a coarse-grained picture (Aaronson, Carroll & Ouellette 2014); its steps are public and take
stacks of pictures, (..., height, width): `coarse_grain`, `quantise`, `majority_adjust`, `compressed_size`, and the surrogate
`row_shuffled`. A number of bytes bounds the Kolmogorov complexity from above only: no compressor sees every regularity.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.keys import generator, host_key
from morphogen.measure import measure

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": lambda data: zlib.compress(data, 9),
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "bz2": lambda data: bz2.compress(data, 9),
    "lzma": lzma.compress,
}


def coarse_grain(field: Any, g: int, *, periodic: bool = False) -> np.ndarray:
    """The `g` x `g` moving average of `field` (..., height, width), in the same shape.

    The window of a cell reaches `g // 2` cells up and left and `(g - 1) // 2` down and right. At the border it is cut, and the
    mean is taken over the cells inside; with `periodic` it wraps around instead (a torus). Cost O(cells), whatever `g`.
    Raises `MorphogenError` when `g` is below 1 or above the shorter side. Source: Aaronson, Carroll & Ouellette (2014).
    """
    values = _picture(field).astype(np.float64)
    if not 1 <= g <= min(values.shape[-2:]):
        raise MorphogenError(f"coarse_grain: g={g} must lie between 1 and the shorter side, {min(values.shape[-2:])}")
    for axis in (-2, -1):
        values = _moving_sum(values, g, axis, periodic)
    return values / _window_cells(values.shape[-2:], g, periodic)


def _moving_sum(values: np.ndarray, g: int, axis: int, periodic: bool) -> np.ndarray:
    values = np.moveaxis(values, axis, -1)
    widths = [(0, 0)] * (values.ndim - 1) + [(g // 2, (g - 1) // 2)]
    padded = np.pad(values, widths, mode="wrap" if periodic else "constant")
    total = np.cumsum(np.pad(padded, [(0, 0)] * (values.ndim - 1) + [(1, 0)]), axis=-1)
    return np.moveaxis(total[..., g:] - total[..., :-g], -1, axis)


def _window_cells(shape: tuple[int, int], g: int, periodic: bool) -> np.ndarray | float:
    if periodic:
        return float(g * g)
    inside = np.ones(shape)
    return _moving_sum(_moving_sum(inside, g, -2, False), g, -1, False)


def quantise(values: Any, levels: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """`values` sorted into `levels` equal buckets between `low` and `high`: integers 0 to levels - 1, in the same shape.

    What lies outside goes to the nearest bucket. A value closer to the next edge than a billionth of a bucket counts as on
    it, so that rounding errors of a mean do not draw stripes. Raises `MorphogenError` for fewer than 2 or more than 256 levels,
    an empty range, or values that are not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not 2 <= levels <= 256:
        raise MorphogenError(f"quantise: levels={levels} must be between 2 and 256")
    if not low < high:
        raise MorphogenError(f"quantise: the range from low={low} to high={high} is empty; low must be below high")
    if not np.isfinite(numbers).all():
        raise MorphogenError("quantise: the values contain NaN or infinity; fill or drop them first")
    bucket = np.floor((numbers - low) / (high - low) * levels + 1e-9)
    return np.clip(bucket, 0, levels - 1).astype(np.uint8)


def majority_adjust(levels: Any) -> np.ndarray:
    """Levels (..., height, width) in which, row by row, values within 1 of the row's majority are replaced by the majority.

    Removes the pixel noise that a smooth gradient makes at the edges of buckets; what differs by 2 levels or more stays. The
    majority is the most frequent level (the lowest of equally frequent ones). The adjustment of Aaronson, Carroll &
    Ouellette (2014), section 5.2, used with 7 levels. Raises `MorphogenError` for levels that are not integers from 0 to 255.
    """
    rows = _picture(levels)
    if rows.dtype.kind not in "iub" or rows.min() < 0 or rows.max() > 255:
        raise MorphogenError("majority_adjust: wants integer levels from 0 to 255, as quantise returns them")
    rows = rows.astype(np.int64)
    counts = np.stack([(rows == level).sum(-1) for level in range(int(rows.max()) + 1)], axis=-1)
    majority = counts.argmax(-1)[..., None]
    return np.where(np.abs(rows - majority) <= 1, majority, rows).astype(np.uint8)


def compressed_size(array: Any, *, method: str = "zlib", subtract_empty: bool = True) -> int:
    """Bytes of the compressed `array`, less the bytes of an array of zeros of the same shape (header and bare size).

    Entries must be integers (a byte each when all fit into 0 to 255, else 8 bytes) or booleans. `method` is "zlib", "gzip", "bz2"
    or "lzma". zlib and gzip look back 32768 bytes: rows wider than that hide vertical repetition. One array, not a stack.
    Raises `MorphogenError` for other types, an empty array or an unknown method.
    """
    entries = np.asarray(array)
    if entries.dtype.kind not in "iub":
        raise MorphogenError(f"compressed_size: wants integers, not {entries.dtype}: quantise the values first")
    if not entries.size:
        raise MorphogenError("compressed_size: the array is empty")
    if method not in COMPRESSORS:
        raise MorphogenError(f"compressed_size: unknown method {method!r}; choose one of {', '.join(COMPRESSORS)}")
    small = entries.min() >= 0 and entries.max() <= 255
    data = np.ascontiguousarray(entries, dtype=np.uint8 if small else np.int64)
    size = len(COMPRESSORS[method](data.tobytes()))
    return size - len(COMPRESSORS[method](bytes(data.nbytes))) if subtract_empty else size


def row_shuffled(field: Any, key: Any) -> np.ndarray:
    """A surrogate of `field` (..., height, width): the cells of each row in a random order of its own.

    Keeps the profile from row to row exactly and destroys all lateral structure. `key` is an integer, a JAX key or a NumPy
    generator (which moves on).
    """
    random = key if isinstance(key, np.random.Generator) else generator(host_key(key))
    return random.permuted(_picture(field), axis=-1)


def _picture(field: Any) -> np.ndarray:
    values = np.asarray(field)
    if values.ndim < 2 or not values.size:
        raise MorphogenError(f"a field has the shape (..., height, width) and at least one cell, not {values.shape}")
    return values


@measure("apparent-complexity", needs="field", unit="byte", source="Aaronson, Carroll & Ouellette (2014)")
def apparent_complexity(
    field: Any,
    *,
    grain: int = 8,
    levels: int | None = None,
    adjusted: bool = False,
    periodic: bool = False,
    low: float | None = None,
    high: float | None = None,
    method: str = "zlib",
) -> float:
    """Compressed bytes of the coarse-grained picture: low for order, low for uniform noise, high for structure in between.

    C = |compress(quantise(mean over grain x grain))| - |compress(empty frame)|, the mean being `coarse_grain`. With `adjusted` the
    levels pass through `majority_adjust`. `levels` is 3, or 7 when adjusted. `low` and `high` are the ends of the scale, by
    default the least and greatest value of this field: give them (0 and 1 for a binary field) to compare fields over time.

    Unit: bytes, a multiple of no natural constant: compare only equal shapes and settings. Cost O(cells).
    Blind spots: an average over few cells fluctuates, so that noise whose standard deviation comes near a bucket's width, or whose
    mean lies at the edge between two buckets (density 1/3 for 3 levels), reads as complexity unless adjusted; so does a smooth
    gradient, along its level lines. Structure finer than the grain is lost.
    Errors: `MorphogenError` for a field that is not (height, width), is not finite, or is smaller than the grain.
    Source: Aaronson, Carroll & Ouellette (2014), arXiv 1405.6903, and the first author's correction of 3 June 2014: the bump
    reported for the interacting automaton comes from such artefacts.
    """
    picture = np.asarray(field, dtype=np.float64)
    if picture.ndim != 2:
        raise MorphogenError(f"apparent-complexity: wants one field (height, width), not the shape {picture.shape}")
    if not np.isfinite(picture).all():
        raise MorphogenError("apparent-complexity: the field contains NaN or infinity; fill these cells first")
    low = float(picture.min()) if low is None else low
    high = float(picture.max()) if high is None else high
    if low == high:
        return 0.0
    buckets = quantise(coarse_grain(picture, grain, periodic=periodic), levels or (7 if adjusted else 3), low, high)
    return float(compressed_size(majority_adjust(buckets) if adjusted else buckets, method=method))


@measure("lempel-ziv", needs="symbols", unit="1", source="Lempel & Ziv (1976); Kaspar & Schuster (1987)")
def lempel_ziv(symbols: Any, *, normalised: bool = True, alphabet: int | None = None) -> float:
    """Lempel-Ziv complexity of 1976: the number of new patterns met while reading `symbols` (time,) from the left.

    The sequence is cut into c phrases, each the shortest piece that has not occurred before (occurrences may overlap the piece);
    an unfinished last phrase counts as one. `normalised` gives c / (n / log_k n), which tends to 1 for n random symbols of
    equal frequency out of k (in general to the entropy rate / log k) and to 0 for a periodic sequence; k is `alphabet`, or the
    number of different symbols (at least 2).

    Unit: phrases, or 1 when normalised. Cost: O(n log^2 n) at worst, by a sorted list of suffixes, where the scan of Kaspar and
    Schuster takes O(n^2); the count is the same. 10^6 symbols take about a second.
    Blind spots: converges slowly, like log log n / log n, from above: at n = 1000 random bits give 1.0 to 1.1; compare equal lengths.
    A real series must be made into symbols first (say, above or below its median), and the answer depends on how.
    Errors: `MorphogenError` for fewer than 2 symbols, symbols that are not integers, or an alphabet smaller than what occurs.
    Sources: Lempel & Ziv (1976); Kaspar & Schuster (1987) for the count; Karkkainen, Kempa & Puglisi (2013) for the algorithm.
    """
    sequence = _symbols(symbols)
    ranks, names = np.unique(sequence, return_inverse=True)
    k = max(len(ranks), 2) if alphabet is None else alphabet
    if k < max(len(ranks), 2):
        raise MorphogenError(f"lempel-ziv: alphabet={k} is too small: {len(ranks)} different symbols occur (2 is the least)")
    phrases = _count_phrases(names.astype(np.int64), _suffix_array(names.astype(np.int64)))
    return float(phrases * np.log(len(sequence)) / np.log(k) / len(sequence)) if normalised else float(phrases)


def _symbols(symbols: Any) -> np.ndarray:
    sequence = np.asarray(symbols)
    if sequence.ndim != 1:
        raise MorphogenError(f"lempel-ziv: wants one sequence (time,), not the shape {sequence.shape}")
    if len(sequence) < 2:
        raise MorphogenError(f"lempel-ziv: {len(sequence)} symbols are too few; 2 is the least")
    if sequence.dtype.kind not in "iub" and not (sequence.dtype.kind == "f" and np.all(sequence == np.floor(sequence))):
        raise MorphogenError("lempel-ziv: wants integer symbols; turn a real series into symbols first, e.g. x > median(x)")
    return sequence


def _suffix_array(names: np.ndarray) -> np.ndarray:
    """Starts of the suffixes of `names` in lexicographic order, by doubling the sorted prefix (Manber & Myers 1993)."""
    n, length, rank = len(names), 1, names
    while True:
        following = np.zeros(n, dtype=np.int64)
        following[: n - length] = rank[length:] + 1
        pair = rank * (n + 1) + following
        order = np.argsort(pair, kind="stable")
        rank = np.empty(n, dtype=np.int64)
        rank[order] = np.concatenate(([0], np.cumsum(np.diff(pair[order]) > 0)))
        length *= 2
        if rank[order[-1]] == n - 1 or length >= n:
            return order


@numba.njit(cache=True)
def _count_phrases(text: np.ndarray, suffixes: np.ndarray) -> int:
    # The longest earlier copy of what starts at i starts at one of i's neighbours in the sorted suffixes, among those left of i.
    n = len(text)
    before = np.full(n, -1, dtype=np.int64)
    after = np.full(n, -1, dtype=np.int64)
    stack = np.empty(n, dtype=np.int64)
    top = -1
    for start in suffixes:
        while top >= 0 and stack[top] > start:
            after[stack[top]] = start
            top -= 1
        if top >= 0:
            before[start] = stack[top]
        top += 1
        stack[top] = start
    phrases, i = 0, 0
    while i < n:
        longest = 0
        for j in (before[i], after[i]):
            length = 0
            if j >= 0:
                while i + length < n and text[i + length] == text[j + length]:
                    length += 1
            longest = max(longest, length)
        phrases += 1
        i += longest + 1
    return phrases
