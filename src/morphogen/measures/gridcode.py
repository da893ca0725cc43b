"""How smooth is a grid of vectors, and how many bytes does it take? Neighbour distance and the length of a block-transform code.

The code length is one that a decoder could use: every parameter of the code is paid for. (An empirical entropy without its
table is not: with few symbols in a band it makes any grid look short.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.fft import dctn, idctn

from morphogen.errors import MorphogenError

BLOCK = 8
BANDS = np.array([0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 6])
"""The band of each frequency i + j of a block: high frequencies share theirs, because every band pays for its parameters."""
PLACE_BITS, SPREAD_BITS, STEP_BITS = 12, 8, 16


def neighbour_distance(grid: Any) -> float:
    """Mean Euclidean distance between the vectors of 4-neighbours in `grid` (height, width, channel). Cost O(cells)."""
    g = np.asarray(grid, dtype=float)
    if g.ndim != 3 or min(g.shape[:2]) < 2:
        raise MorphogenError(f"neighbour_distance takes a grid (height, width, channel) of at least 2 x 2 cells, not shape {g.shape}")
    down = np.linalg.norm(np.diff(g, axis=0), axis=-1).ravel()
    right = np.linalg.norm(np.diff(g, axis=1), axis=-1).ravel()
    return float(np.concatenate([down, right]).mean())


def symbol_bits(symbols: Any) -> float:
    """Bits for whole numbers (n,) under the shortest of three codes, each with its parameters paid for.

    Two-sided geometric around zero, p(k) ~ q^|k| (8 bits for q, rounded as a decoder would have it); the same around a centre
    (12 bits more); uniform on the range (24 bits). Two bits say which. Cost O(n). Source: Rissanen (1978) for two-part codes;
    Weinberger, Seroussi & Sapiro (2000) for the two-sided geometric model of transform residues.
    """
    k = np.asarray(symbols).ravel().astype(np.int64)
    if not k.size:
        return 0.0
    uniform = 2 * PLACE_BITS + k.size * np.log2(float(k.max() - k.min()) + 1.0)
    centred = PLACE_BITS + _geometric_bits(np.abs(k - int(np.median(k))))
    return 2 + float(min(uniform, centred, _geometric_bits(np.abs(k))))


def _geometric_bits(sizes: np.ndarray) -> float:
    mean = float(sizes.mean())
    if mean == 0:
        return SPREAD_BITS
    mean = 2.0 ** (np.round(8 * np.log2(mean)) / 8)
    # The maximum-likelihood q of p(k) = (1 - q) / (1 + q) q^|k| solves 2 q / (1 - q^2) = mean |k|.
    q = (np.sqrt(1 + mean * mean) - 1) / mean
    return float(SPREAD_BITS - sizes.size * np.log2((1 - q) / (1 + q)) - sizes.sum() * np.log2(q))


def scalar_code(grid: Any, steps: Any) -> tuple[float, np.ndarray]:
    """Bytes of `grid` (height, width, channel) when each channel is rounded to multiples of its step, and the decoded grid."""
    g = np.asarray(grid, dtype=float)
    steps = np.broadcast_to(np.asarray(steps, dtype=float), g.shape[-1:])
    symbols = np.rint(g / steps).astype(np.int64)
    bits = sum(symbol_bits(symbols[..., c]) + STEP_BITS for c in range(g.shape[-1]))
    return bits / 8, symbols * steps


def grid_code(grid: Any, steps: Any) -> tuple[float, np.ndarray]:
    """Bytes of `grid` (height, width, channel) under a code that profits from smoothness, and the decoded grid.

    Every channel is cut into 8 x 8 blocks, each block transformed by the orthonormal DCT, the coefficients rounded to
    multiples of the channel's step, and coded in seven bands of frequency i + j (see `symbol_bits`). Sides must be
    multiples of 8. Cost O(cells). Source: Ahmed, Natarajan & Rao (1974); the layout of JPEG, Wallace (1991).
    """
    g = np.asarray(grid, dtype=float)
    height, width, channels = g.shape
    if height % BLOCK or width % BLOCK:
        raise MorphogenError(f"the grid's sides must be multiples of {BLOCK}, not {height} x {width}")
    blocks = g.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
    steps = np.broadcast_to(np.asarray(steps, dtype=float), (channels,))
    symbols = np.rint(dctn(blocks, axes=(1, 3), norm="ortho") / steps).astype(np.int64)
    band = BANDS[np.add.outer(np.arange(BLOCK), np.arange(BLOCK))]
    bits = float(channels * STEP_BITS)
    for c in range(channels):
        one = symbols[..., c].transpose(0, 2, 1, 3)
        bits += sum(symbol_bits(one[..., band == b]) for b in range(BANDS.max() + 1))
    decoded = idctn(symbols * steps, axes=(1, 3), norm="ortho")
    return bits / 8, decoded.reshape(height, width, channels)
