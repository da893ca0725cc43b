"""SplitMix64 inside compiled host kernels: a random generator whose whole state is one word (Steele, Lea & Flood 2014).

A Numba kernel that runs many worlds side by side needs one generator for each, and `fold` gives the keys that `morphogen.run`
would give: a compiled batch and a stepwise run are the same to the bit, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(inline="always")
def _mixed(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit
def fold(key: np.uint64, number: np.uint64) -> np.uint64:
    """`morphogen.system.host_key(key, number)` for 64-bit words, inside a kernel."""
    return _mixed((_mixed(key + GOLDEN) ^ number) + GOLDEN)


@njit
def draw(random: np.ndarray, below: int) -> np.int64:
    """A whole number from 0 to `below` - 1; `random` is one uint64 in an array, and moves on.

    The upper 32 bits are scaled, without rejection: each outcome's probability is off by less than 2^-32.
    """
    random[0] += GOLDEN
    high = _mixed(random[0]) >> np.uint64(32)
    return np.int64((high * np.uint64(below)) >> np.uint64(32))


@njit
def uniform(random: np.ndarray) -> float:
    """A number in [0, 1) with 53 random bits; `random` moves on."""
    random[0] += GOLDEN
    return float(_mixed(random[0]) >> np.uint64(11)) * 2.0**-53
