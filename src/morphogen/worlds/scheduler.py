"""Random-sequential scheduling for compiled host worlds: at each instant one agent, drawn at random, acts.

The opposite of a synchronous update: there is no common clock, and an agent always sees what the one before it did. The random
numbers are SplitMix64 (Steele, Lea & Flood 2014), because a Numba kernel that runs many worlds side by side needs a generator
whose whole state is one word, and because `fold` then gives the keys that `morphogen.run` would give: a compiled batch and a
stepwise run are the same to the bit.
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


@njit
def next_agent(random: np.ndarray, kinds: np.ndarray, rates: np.ndarray) -> np.int64:
    """The place of the agent that acts next: drawn with probability proportional to the rate of its kind.

    `kinds` (agents,) are indices into `rates`, whose greatest entry must be 1: agents are drawn uniformly and taken with
    probability equal to their rate, so the cost is 1 / (mean rate) draws.
    """
    while True:
        place = draw(random, kinds.size)
        rate = rates[kinds[place]]
        if rate >= 1.0 or uniform(random) < rate:
            return place
