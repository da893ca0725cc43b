"""Many networks of maps settled on their attractors at once, and what each attractor is: period, exponent, reach, synchrony."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from morphogen.measures import bifurcation
from morphogen.measures.bifurcation import attractor
from morphogen.measures.chaos import zero_one
from morphogen.measures.tangent import largest_lyapunov
from morphogen.worlds.neurons import NeuronNetwork


class Settled(NamedTuple):
    """What is read of one orbit after its transient; every entry has the batch's axes in front.

    The last state, whether the orbit escaped, its period (0: none up to 64), its largest Lyapunov exponent, each node's
    highest activation, and the synchrony error (largest distance of a node from the mean).
    """

    state: Any
    escaped: Any
    period: Any
    exponent: Any
    top: Any
    error: Any


WINDOW = 325
"""Steps that a period up to 64, seen over four repeats, takes."""
LEAN = 100
"""Steps in which a tangent turns into the most unstable direction before its growth counts."""


@eqx.filter_jit
def settle(networks: NeuronNetwork, states: Any, transient: int, steps: int, window: int = WINDOW) -> Settled:
    """Run a batch of networks (batch axis on every leaf) from `states` (batch, node, 2), then measure; `top` is the reach in `window`."""

    def one(network: NeuronNetwork, state: Any) -> Settled:
        orbit, escaped = attractor(network.rule, state, transient, window)
        exponent = largest_lyapunov(network, orbit[-1], steps, transient=LEAN)
        x = orbit[..., 0]
        error = jnp.max(jnp.abs(x - jnp.mean(x, axis=1, keepdims=True)))
        # An orbit can also escape while its exponent is measured, which is then NaN or infinite.
        escaped = escaped | ~(exponent < jnp.inf)
        return Settled(orbit[-1], escaped, bifurcation.period(orbit[-WINDOW:]), exponent, jnp.max(x, axis=0), error)

    return jax.vmap(one)(networks, states)


@eqx.filter_jit
def activations(networks: NeuronNetwork, states: Any, steps: int) -> Any:
    """Activations (batch, steps, node) of a batch of networks from `states`."""
    return jax.vmap(lambda network, state: attractor(network.rule, state, 0, steps)[0][..., 0])(networks, states)


def chaos_index(series: np.ndarray) -> np.ndarray:
    """K of the 0-1 test of each series (..., time). One at rest is regular, K = 0: the test would read chaos in its rounding errors."""
    moving = np.ptp(series, axis=-1) > 1e-6
    k = np.zeros(series.shape[:-1])
    if moving.any():
        k[moving] = zero_one.value(series[moving])
    return k


@eqx.filter_jit
def draw_starts(networks: NeuronNetwork, keys: Any) -> Any:
    """A random initial state for every network of a batch, from as many keys."""
    return jax.vmap(lambda network, key: network.init(key))(networks, keys)


def split(keys: Any, count: int) -> Any:
    """(seed,) keys to (seed, count) keys."""
    return jax.vmap(lambda key: jax.random.split(key, count))(keys)


def select(tree: Any, index: Any) -> Any:
    """The members `index` of a batch."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def two_chaotic(e1: np.ndarray, top1: np.ndarray, out1: np.ndarray, e2: np.ndarray, top2: np.ndarray, out2: np.ndarray) -> dict[str, float]:
    """Split one seed's chaotic starts at the widest gap of the range of the centre; compare both sides, before and after more transient.

    The range is used to split and the exponent to confirm, so that the difference of exponents is not made by the split.
    """
    nothing = {"smaller share": 0.0, "larger share": 0.0, "lambda difference": 0.0, "range gap": -1.0, "kept": 0.0}
    chaotic = (e2[:, 0] > 0.01) & ~out2[:, 0]
    if chaotic.sum() < 2:
        return nothing
    reach = np.sort(top2[chaotic, 0])
    widest = int(np.argmax(np.diff(reach)))
    cut = (reach[widest] + reach[widest + 1]) / 2
    labels = [np.where((e[:, 0] > 0.01) & ~out[:, 0], 1 + (top[:, 0] > cut), 0) for e, top, out in ((e1, top1, out1), (e2, top2, out2))]
    shares = [float(np.mean(labels[1] == k)) for k in (1, 2)]
    return {
        "smaller share": min(shares),
        "larger share": max(shares),
        "lambda difference": abs(float(e2[labels[1] == 1].mean() - e2[labels[1] == 2].mean())),
        "range gap": float(reach[widest + 1] - reach[widest]),
        "kept": float(np.mean(labels[0] == labels[1])),
    }
