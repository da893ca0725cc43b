"""Surrogates: data with the same simple properties as yours and without the structure that a measure looks for.

Each takes an array with time first and a NumPy generator and returns a new array of the same shape. All cost O(n log n) or less
for each surrogate (IAAFT: for each of its rounds).
"""

from __future__ import annotations

import numpy as np

from morphogen.errors import MorphogenError


def shuffled(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same values in random order: keeps the distribution, destroys all order in time. Source: Theiler et al. (1992)."""
    return random.permutation(x, axis=0)


def phase_randomised(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same power spectrum with random phases: keeps linear correlations, destroys everything else (also the distribution).

    Channels of (time, channel) get the same phase shifts, which keeps their cross-spectra. Source: Theiler et al. (1992),
    Prichard & Theiler (1994).
    """
    n = len(x)
    spectrum = np.fft.rfft(x, axis=0)
    turns = np.exp(2j * np.pi * random.random(len(spectrum)))
    turns[0] = 1
    if n % 2 == 0:
        # The Nyquist component of a real series is real: it can only keep its sign or change it.
        turns[-1] = random.choice([-1.0, 1.0])
    return np.fft.irfft(spectrum * turns.reshape(-1, *[1] * (x.ndim - 1)), n, axis=0)


def iaaft(x: np.ndarray, random: np.random.Generator, *, rounds: int = 200) -> np.ndarray:
    """Iterated amplitude-adjusted surrogate of a series (time,): exactly its values, and nearly its power spectrum.

    The two adjustments alternate until the order of the values no longer changes, at most `rounds` times. Keeps the
    distribution and the linear correlations, destroys nonlinear structure. Source: Schreiber & Schmitz (1996).
    """
    if x.ndim != 1:
        raise MorphogenError(f"iaaft takes one series (time,), not an array of shape {x.shape}")
    values, amplitudes = np.sort(x), np.abs(np.fft.rfft(x))
    series = random.permutation(x)
    ranks = np.empty(len(x), dtype=np.intp)
    before = np.full(len(x), -1)
    for _ in range(rounds):
        spectrum = np.fft.rfft(series)
        size = np.abs(spectrum)
        spectrum = np.where(size > 0, spectrum / np.where(size > 0, size, 1), 1) * amplitudes
        order = np.argsort(np.fft.irfft(spectrum, len(x)), kind="stable")
        ranks[order] = np.arange(len(x))
        if np.array_equal(ranks, before):
            break
        before = ranks.copy()
        series = values[ranks]
    return series


def shifted(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every channel of (time, channel) but the last turned round by its own random lag: keeps each channel, destroys what binds them.

    Lags are at least a tenth of the length away from zero. Source: Quian Quiroga et al. (2002).
    """
    if x.ndim != 2 or x.shape[1] < 2:
        raise MorphogenError(f"shifted takes at least two channels (time, channel), not an array of shape {x.shape}")
    n = len(x)
    out = x.copy()
    for channel in range(x.shape[1] - 1):
        out[:, channel] = np.roll(x[:, channel], int(random.integers(max(1, n // 10), n - n // 10 + 1)))
    return out


def columns_shuffled(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every coordinate of points (n, coordinates) shuffled by itself: keeps each distribution, destroys the shape of the cloud."""
    return random.permuted(x, axis=0)


def cells_shuffled(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The cells of a field (height, width) in random places: keeps the values, destroys all pattern."""
    return random.permutation(x.ravel()).reshape(x.shape)


SURROGATES = {
    "shuffle": shuffled,
    "phase": phase_randomised,
    "iaaft": iaaft,
    "shift": shifted,
    "columns": columns_shuffled,
    "cells": cells_shuffled,
}
