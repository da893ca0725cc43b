"""Information that symbols carry about each other, in bits: mutual information and transfer entropy.

Both are plug-in estimates: probabilities are counted frequencies. These are biased upwards when there are many joint states and few
samples; `correction="miller-madow"` removes the first order of the bias, and surrogates tell what is left:
`surrogates=N` turns the source round by a random lag, `shuffled_source` puts blocks of it in random order. Intervals come from
disjoint stretches, since joining resampled blocks would make up transitions. Real signals must be turned into a few symbols first.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.keys import generator, host_key
from morphogen.measure import measure

Correction = Literal["none", "miller-madow"]


def joint(*sequences: np.ndarray) -> np.ndarray:
    """One sequence of symbols 0, 1, ... that has a different symbol for each different combination of `sequences` (n,)."""
    states = np.zeros(len(sequences[0]), dtype=np.int64)
    for sequence in sequences:
        # Renumbering after each sequence keeps the codes below n * n, however many sequences there are.
        values, names = np.unique(sequence, return_inverse=True)
        states = np.unique(states * len(values) + names, return_inverse=True)[1]
    return states


def entropy(states: np.ndarray, *, correction: Correction = "none") -> float:
    """Shannon's entropy of symbols 0, 1, ... (n,), in bits: -sum p log2 p, plus (m - 1) / (2 n ln 2) for m states seen if corrected.

    Raises `MorphogenError` for an unknown correction. Sources: Shannon (1948); Miller (1955) for the correction.
    """
    if correction not in ("none", "miller-madow"):
        raise MorphogenError(f"unknown correction {correction!r}; choose none or miller-madow")
    counts = np.bincount(states)
    p = counts[counts > 0] / len(states)
    bias = (len(p) - 1) / (2 * len(states) * np.log(2)) if correction == "miller-madow" else 0.0
    return float(-(p * np.log2(p)).sum() + bias)


@measure("mutual-information", needs="channels", unit="bit", source="Shannon (1948)", interval="segments")
def mutual_information(channels: Any, *, first: int = 0, second: int = 1, lag: int = 0, correction: Correction = "none") -> float:
    """The information that channel `first` shares with channel `second` `lag` steps later, in symbols `channels` (time, channel).

    I(X; Y) = H(X) + H(Y) - H(X, Y). Unit: bit, from 0 to the smaller entropy. Cost O(n log n).
    Blind spots: a plug-in estimate of independent channels with a and b symbols is about (a - 1)(b - 1) / (2 n ln 2), not 0;
    shared history of slow signals reads as shared information. Corrected values can be slightly negative.
    Errors: `MorphogenError` for symbols that are not integers, a channel that is not there, or fewer than 2 pairs.
    Source: Shannon (1948).
    """
    x, y = _pair("mutual-information", channels, first, second)
    if len(x) - abs(lag) < 2:
        raise MorphogenError(f"mutual-information: lag={lag} leaves fewer than 2 pairs of {len(x)} samples")
    n = len(x)
    x, y = x[max(-lag, 0) : n - max(lag, 0)], y[max(lag, 0) : n - max(-lag, 0)]
    parts = [entropy(states, correction=correction) for states in (joint(x), joint(y), joint(x, y))]
    return parts[0] + parts[1] - parts[2]


@measure("transfer-entropy", needs="channels", unit="bit", source="Schreiber (2000)", interval="segments")
def transfer_entropy(
    channels: Any,
    *,
    source: int = 0,
    target: int = 1,
    target_history: int = 1,
    source_history: int = 1,
    lag: int = 1,
    correction: Correction = "none",
) -> float:
    """What the past of channel `source` tells about the next symbol of `target` beyond the target's own past.

    T = sum p(y', y^k, x^l) log2 p(y' | y^k, x^l) / p(y' | y^k) with y' = y_(t+1), y^k = (y_t, ..., y_(t-k+1)) for k =
    `target_history`, x^l = (x_(t+1-lag), ..., x_(t+2-lag-l)) for l = `source_history`; computed as
    H(y', y^k) + H(y^k, x^l) - H(y^k) - H(y', y^k, x^l). `channels` (time, channel) holds integer symbols.

    Unit: bit per step. Cost O((k + l) n log n); with s symbols about s^(k + l + 1) states must be visited some ten times each.
    Blind spots: a common driver or a target history that is too short reads as transfer; synergy with a third channel is not seen;
    the plug-in estimate is biased upwards: compare with `shuffled_source` or use the correction (which can go below 0).
    Errors: `MorphogenError` for symbols that are not integers, a channel that is not there, source equal to target, or a record
    shorter than the histories. Source: Schreiber (2000); Wibral et al. (2013) for the lag.
    """
    x, y = _pair("transfer-entropy", channels, source, target)
    if source == target:
        raise MorphogenError(f"transfer-entropy: source and target are the same channel, {source}")
    for name, value in (("target_history", target_history), ("source_history", source_history), ("lag", lag)):
        if value < 1:
            raise MorphogenError(f"transfer-entropy: {name}={value} must be at least 1")
    first = max(target_history, lag + source_history - 1)
    if len(y) - first < 2:
        raise MorphogenError(f"transfer-entropy: {len(y)} samples are too few for these histories; {first + 2} is the least")
    following = joint(y[first:])
    own = joint(*(y[first - back : len(y) - back] for back in range(1, target_history + 1)))
    other = joint(*(x[first - back : len(x) - back] for back in range(lag, lag + source_history)))
    h = [entropy(s, correction=correction) for s in (joint(following, own), joint(own, other), own, joint(following, own, other))]
    return h[0] + h[1] - h[2] - h[3]


def shuffled_source(channels: Any, key: Any, *, source: int = 0, block: int = 1) -> np.ndarray:
    """A surrogate of `channels` (time, channel): channel `source` cut into blocks of `block` steps, which are put in random order.

    Keeps the source's own statistics within blocks and destroys its relation in time to all others, which stay as they are. The
    last block may be shorter. `key` is an integer, a JAX key or a NumPy generator. Raises `MorphogenError` for a block that is not
    between 1 and half of the record, or a channel that is not there.
    """
    values = np.array(channels)
    if values.ndim != 2 or not 0 <= source < values.shape[1]:
        raise MorphogenError(f"shuffled_source: no channel {source} in the shape {values.shape}; wants (time, channel)")
    if not 1 <= block <= len(values) // 2:
        raise MorphogenError(f"shuffled_source: block={block} must lie between 1 and half of the {len(values)} samples")
    random = key if isinstance(key, np.random.Generator) else generator(host_key(key))
    starts = np.arange(0, len(values), block)
    order = np.concatenate([np.arange(start, min(start + block, len(values))) for start in random.permutation(starts)])
    values[:, source] = values[order, source]
    return values


def _pair(name: str, channels: Any, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(channels)
    if values.ndim != 2:
        raise MorphogenError(f"{name}: wants symbols (time, channel), not the shape {values.shape}")
    for channel in (first, second):
        if not 0 <= channel < values.shape[1]:
            raise MorphogenError(f"{name}: there is no channel {channel} among {values.shape[1]} (0 to {values.shape[1] - 1})")
    real = values.dtype.kind == "f"
    if values.dtype.kind not in "iubf" or (real and not (np.isfinite(values).all() and np.all(values == np.floor(values)))):
        raise MorphogenError(f"{name}: wants integer symbols; turn real signals into a few symbols first, e.g. x > median(x)")
    return values[:, first], values[:, second]
