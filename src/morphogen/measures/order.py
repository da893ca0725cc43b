"""Order parameters: one number for how much the parts of a system do the same thing.

Phases of oscillators (`kuramoto_order`), headings of a flock (`polarisation`), values of coupled units (`synchronisation_error`),
two signals (`cross_correlation`). `phases` turns real signals into phases by the analytic signal, so that any recording of
oscillations can be read as oscillators.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import signal

from morphogen.errors import MorphogenError
from morphogen.measure import measure


def order_parameter(phases: Any) -> Any:
    """|mean over oscillators of exp(i theta)| at each instant: `phases` (..., oscillator) in radians to (...), between 0 and 1.

    Takes NumPy or JAX arrays (also inside `jax.jit`) and returns the same kind. Cost O(n). Source: Kuramoto (1984).
    """
    xp: Any = jnp if isinstance(phases, jax.Array) else np
    return xp.hypot(xp.cos(phases).mean(-1), xp.sin(phases).mean(-1))


def phases(signals: Any) -> np.ndarray:
    """The phase of each channel of `signals` (time,) or (time, channel), in radians from -pi to pi, in the same shape.

    The angle of the analytic signal x + i H(x) of each channel less its mean, H being the Hilbert transform. Meaningful for a
    narrow band: filter a broad-band signal first. About one period at either end is distorted unless the record holds whole
    periods. Cost O(n log n). Raises `MorphogenError` for fewer than 4 samples, NaN, or a constant channel. Source: Gabor (1946).
    """
    values = _finite("phases", signals, (1, 2))
    if len(values) < 4:
        raise MorphogenError(f"phases: {len(values)} samples are too few; 4 is the least")
    still = np.flatnonzero(np.atleast_1d(np.ptp(values, axis=0) == 0))
    if len(still):
        raise MorphogenError(f"phases: channel {still[0]} is constant and has no phase; drop it")
    return np.angle(signal.hilbert(values - values.mean(0), axis=0))


@measure("kuramoto-order", needs="phases", unit="1", source="Kuramoto (1984)")
def kuramoto_order(phases: Any) -> Any:
    """Kuramoto's order parameter r = |mean over oscillators of exp(i theta)|, averaged over time.

    `phases` (..., time, oscillator) in radians to (...); one instant, (oscillator,), is taken as it is. For r at each instant use
    `order_parameter`. Unit: 1, from 0 (balanced) to 1 (all phases equal); n independent uniform phases give
    sqrt(pi / n) / 2 in the mean, not 0. Cost O(n).
    Blind spots: two equal clusters in antiphase, a travelling or splay state read 0 although they are perfectly ordered.
    Errors: `MorphogenError` for fewer than 2 oscillators or phases that are not finite. Source: Kuramoto (1984).
    """
    angles = _finite("kuramoto-order", phases, None)
    if angles.ndim < 1 or angles.shape[-1] < 2:
        raise MorphogenError(f"kuramoto-order: wants phases (time, oscillator) of at least 2 oscillators, not the shape {angles.shape}")
    order = order_parameter(angles)
    return _number(order if angles.ndim == 1 else order.mean(-1))


@measure("polarisation", needs="points", unit="1", source="Vicsek et al. (1995)", surrogate=None)
def polarisation(velocities: Any) -> Any:
    """The polarisation of a flock: the length of the mean direction, |mean over agents of v / |v||.

    `velocities` (..., agent, dimension) to (...). Unit: 1, from 0 to 1; n independent isotropic headings give sqrt(pi / n) / 2 in the
    mean for two dimensions. An agent at rest has no direction and adds nothing to the sum, but counts in n. Cost O(n).
    The interval is the bootstrap over agents. There is no surrogate: shuffling the components keeps the mean velocity.
    Blind spots: milling and counter-moving lanes read 0. Errors: `MorphogenError` for fewer than 2 agents, velocities that are
    not finite, or when all agents are at rest. Source: Vicsek, Czirok, Ben-Jacob, Cohen & Shochet (1995).
    """
    moving = _finite("polarisation", velocities, None)
    if moving.ndim < 2 or moving.shape[-2] < 2:
        raise MorphogenError(f"polarisation: wants velocities (agent, dimension) of at least 2 agents, not the shape {moving.shape}")
    speed = np.linalg.norm(moving, axis=-1, keepdims=True)
    if not speed.any():
        raise MorphogenError("polarisation: all velocities are zero; there is no direction to compare")
    direction = np.divide(moving, speed, out=np.zeros_like(moving), where=speed > 0)
    return _number(np.linalg.norm(direction.mean(-2), axis=-1))


@measure("synchronisation-error", needs="channels", unit="1", source="Pecora & Carroll (1990)")
def synchronisation_error(channels: Any, *, normalised: bool = True) -> float:
    """How far `channels` (time, channel) are from moving as one: the root mean square spread between channels.

    E = sqrt(time mean of the variance between channels, with N - 1 in the denominator). `normalised` divides by the root mean
    variance of the single channels over time about the common mean: 0 for identical channels, about 1 for independent ones of
    equal law, above 1 for anticorrelated ones. Unit: that of the channels, or 1 when normalised. Cost O(n).
    Blind spots: a constant offset, a lag, or a difference in amplitude between channels in step reads as error.
    Errors: `MorphogenError` for fewer than 2 channels or 2 samples, NaN, or (normalised) constant channels.
    Source: the synchronisation manifold of Pecora & Carroll (1990).
    """
    values = _finite("synchronisation-error", channels, (2,))
    if min(values.shape) < 2:
        raise MorphogenError(f"synchronisation-error: wants at least 2 samples of 2 channels, not the shape {values.shape}")
    error = np.sqrt(values.var(axis=1, ddof=1).mean())
    if not normalised:
        return float(error)
    scale = values.std()
    if scale == 0:
        raise MorphogenError("synchronisation-error: all values are equal, so that there is no scale; use normalised=False")
    return float(error / scale)


@measure("cross-correlation", needs="channels", unit="1", source="Pearson (1895)", interval="segments")
def cross_correlation(channels: Any, *, first: int = 0, second: int = 1, lag: int = 0) -> float:
    """Pearson's correlation of channel `first` with channel `second` `lag` steps later, in `channels` (time, channel).

    c(lag) = sum (x_t - mean x)(y_(t + lag) - mean y) / (n s_x s_y) over the n - |lag| pairs there are, means and deviations taken
    over these. A negative lag lets `second` lead. Unit: 1, from -1 to 1. Cost O(n).
    Blind spots: sees linear relations only; slow signals correlate by chance, so that its significance wants surrogates that keep
    the spectrum, not shuffled ones. Errors: `MorphogenError` for fewer than 3 pairs, NaN, a constant channel, or a channel
    that is not there. Source: Pearson (1895); Box & Jenkins (1970) for the lag.
    """
    values = _finite("cross-correlation", channels, (2,))
    n, width = values.shape
    for channel in (first, second):
        if not 0 <= channel < width:
            raise MorphogenError(f"cross-correlation: there is no channel {channel} among {width} (0 to {width - 1})")
    if n - abs(lag) < 3:
        raise MorphogenError(f"cross-correlation: lag={lag} leaves {max(n - abs(lag), 0)} pairs of {n} samples; 3 is the least")
    x = values[max(-lag, 0) : n - max(lag, 0), first]
    y = values[max(lag, 0) : n - max(-lag, 0), second]
    for channel, part in ((first, x), (second, y)):
        if np.ptp(part) == 0:
            raise MorphogenError(f"cross-correlation: channel {channel} is constant and has no correlation")
    return float(np.corrcoef(x, y)[0, 1])


def _finite(name: str, values: Any, dimensions: tuple[int, ...] | None) -> np.ndarray:
    numbers = np.asarray(values, dtype=np.float64)
    if dimensions is not None and numbers.ndim not in dimensions:
        shapes = " or ".join("(time, channel)" if d == 2 else "(time,)" for d in dimensions)
        raise MorphogenError(f"{name}: wants an array {shapes}, not the shape {numbers.shape}")
    if not numbers.size:
        raise MorphogenError(f"{name}: the array is empty, with the shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise MorphogenError(f"{name}: the values contain NaN or infinity; fill or drop them first")
    return numbers


def _number(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
