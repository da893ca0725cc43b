"""Keys for randomness on the host: integers of 64 bits, folded as JAX's keys are."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

_MASK = 0xFFFFFFFFFFFFFFFF


def _splitmix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def host_key(key: Any, *numbers: int) -> int:
    """A 64-bit integer drawn from `key` and folded with `numbers`: the host's counterpart of `jax.random.fold_in`.

    The same inputs give the same integer on every machine. Mixing function: SplitMix64 (Steele, Lea & Flood 2014).
    """
    if isinstance(key, int | np.integer):
        words = [int(key) & _MASK]
    else:
        words = [int(w) for w in np.asarray(jax.random.key_data(key)).ravel()]
    mixed = 0
    for word in (*words, *numbers):
        mixed = _splitmix(mixed ^ int(word) & _MASK)
    return mixed


def generator(key: int) -> np.random.Generator:
    """NumPy's random generator for a host key."""
    return np.random.Generator(np.random.PCG64(key))
