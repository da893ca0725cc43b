"""Networks of map neurons: planar maps on a weighted graph and on its triangles.

The pull on the activation x_i of node i has a pairwise part, sum_j w_ij (x_j - x_i), and a three-body part,
strength * sum over the triangles {i, j, k} of h(x_i, x_j, x_k). If h is linear, h = x_j + x_k - 2 x_i, the three-body part
is a pairwise one in disguise: edge (i, j) gains strength times the number of triangles it lies in (see
`CoupledMaps.pairwise_equivalent`). Only a nonlinear h can give what no pairwise network gives.

Sources: Nair, Ghosh, Fatoyinbo & Muni (2024) for the ring star; Gambuzza et al. (2021) for diffusive coupling on simplices;
Neuhaeuser, Mellor & Lambiotte (2020) for when many-body linear coupling reduces to pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Map, Observable, Observation, parameter
from morphogen.worlds.maps import Chialvo, PlanarMap, Rulkov

Triangles = tuple[tuple[int, int, int], ...]


def linear(own: Array, first: Array, second: Array) -> Array:
    """x_j + x_k - 2 x_i: diffusive and linear."""
    return first + second - 2 * own


def quadratic(own: Array, first: Array, second: Array) -> Array:
    """x_j x_k - x_i^2: diffusive (it vanishes when all three agree) and bilinear in the two partners."""
    return first * second - own**2


def cubic(own: Array, first: Array, second: Array) -> Array:
    """(x_j^2 x_k + x_j x_k^2) / 2 - x_i^3: the form of Gambuzza et al. (2021), symmetric in the two partners."""
    return first * second * (first + second) / 2 - own**3


THREE_BODY: dict[str, Callable[[Array, Array, Array], Array]] = {"linear": linear, "quadratic": quadratic, "cubic": cubic}


def complete_triangles(n: int) -> Triangles:
    """All triangles of the complete graph on n nodes."""
    return tuple(combinations(range(n), 3))


def shared_triangles(n: int, triangles: Triangles) -> np.ndarray:
    """(n, n): in how many of `triangles` each pair of nodes lies."""
    shared = np.zeros((n, n))
    for triangle in triangles:
        for i, j in combinations(triangle, 2):
            shared[i, j] += 1
            shared[j, i] += 1
    return shared


class NeuronNetwork(Map):
    """What all networks of map neurons share: state (n, 2), column 0 the activation that is coupled, column 1 the recovery.

    A subclass holds its couplings in the form it likes and gives `weights()` (n, n), where weights()[i, j] pulls node i towards
    node j. `nodes` is one planar map for all nodes, or a tuple with one for each. Cost of a step: O(n^2 + triangles).
    Orbits may escape to infinity; nothing clips them.
    """

    nodes: PlanarMap | tuple[PlanarMap, ...]
    strength: Array
    triangles: Triangles = eqx.field(static=True)
    three_body: str = eqx.field(static=True)
    n: int = eqx.field(static=True)

    def weights(self) -> Array:
        """Pairwise weights (n, n)."""
        raise NotImplementedError

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("activation", ("node",), "1", "x of every neuron"),
            Observable("recovery", ("node",), "1", "y of every neuron"),
            Observable("synchrony_error", (), "1", "largest distance of an activation from the mean activation"),
        )

    def init(self, key: PRNGKeyArray) -> Array:
        keys = jax.random.split(key, self.n)
        if isinstance(self.nodes, tuple):
            return jnp.stack([node.init(k) for node, k in zip(self.nodes, keys, strict=True)])
        return jax.vmap(self.nodes.init)(keys)

    def rule(self, state: Array) -> Array:
        if isinstance(self.nodes, tuple):
            moved = jnp.stack([node.rule(own) for node, own in zip(self.nodes, state, strict=True)])
        else:
            moved = jax.vmap(self.nodes.rule)(state)
        return moved.at[:, 0].add(self.pull(state[:, 0]))

    def pull(self, x: Array) -> Array:
        """What the network adds to each activation: x (n,) -> (n,)."""
        weights = self.weights()
        pairwise = weights @ x - jnp.sum(weights, axis=1) * x
        return pairwise + self.strength * self._triplets(x) if self.triangles else pairwise

    def _triplets(self, x: Array) -> Array:
        """Sum of the three-body terms at each node: gathered from padded lists of partners, because a scatter is slow when batched."""
        partners: list[list[tuple[int, int]]] = [[] for _ in range(self.n)]
        for i, j, k in self.triangles:
            for own, first, second in ((i, j, k), (j, i, k), (k, i, j)):
                partners[own].append((first, second))
        most = max(len(p) for p in partners)
        index = np.array([p + [(own, own)] * (most - len(p)) for own, p in enumerate(partners)])
        # A padded entry pairs a node with itself, where every diffusive three-body term is zero.
        return jnp.sum(THREE_BODY[self.three_body](x[:, None], x[index[..., 0]], x[index[..., 1]]), axis=1)

    def observe(self, state: Array) -> Observation:
        x = state[:, 0]
        return {"activation": x, "recovery": state[:, 1], "synchrony_error": jnp.max(jnp.abs(x - jnp.mean(x)))}

    def pairwise_equivalent(self) -> CoupledMaps:
        """The network without triangles that moves exactly like this one, when its three-body term is linear.

        Its weights are w_ij + strength * (number of triangles that hold both i and j): on the complete graph of four nodes every
        pair lies in two triangles, so w_ij + 2 strength. For a nonlinear term these are the weights of the linear one: not an
        equivalent, but the pairwise network to compare it with.
        """
        weights = self.weights() + self.strength * shared_triangles(self.n, self.triangles)
        return CoupledMaps(self.nodes, weights)


class CoupledMaps(NeuronNetwork):
    """Any planar maps on any weighted graph and any list of triangles.

    Args:
        nodes: one `PlanarMap` for all nodes, or one for each.
        weights: (n, n), entry (i, j) pulls i towards j; need not be symmetric; the diagonal has no effect.
        triangles: triples of distinct node numbers.
        strength: of the three-body term, for all triangles.
        three_body: "linear", "quadratic" or "cubic".

    Raises MorphogenError when shapes, node numbers or names do not fit.
    """

    matrix: Array

    def __init__(
        self,
        nodes: PlanarMap | Sequence[PlanarMap],
        weights: Any,
        triangles: Sequence[tuple[int, int, int]] = (),
        strength: float = 0.0,
        three_body: str = "linear",
    ) -> None:
        shape = np.shape(weights)
        if len(shape) != 2 or shape[0] != shape[1]:
            raise MorphogenError(f"weights must be a square matrix (n, n), not of shape {shape}")
        n = shape[0]
        if not isinstance(nodes, PlanarMap) and len(tuple(nodes)) != n:
            raise MorphogenError(f"{n} x {n} weights need {n} node maps (or one for all), not {len(tuple(nodes))}")
        if three_body not in THREE_BODY:
            raise MorphogenError(f"three_body must be one of {', '.join(THREE_BODY)}, not '{three_body}'")
        for triangle in triangles:
            if len(set(triangle)) != 3 or not all(0 <= i < n for i in triangle):
                raise MorphogenError(f"a triangle is three distinct node numbers below {n}, not {tuple(triangle)}")
        self.nodes = nodes if isinstance(nodes, PlanarMap) else tuple(nodes)
        self.matrix, self.strength = parameter(weights), parameter(strength)
        self.triangles = tuple((int(i), int(j), int(k)) for i, j, k in triangles)
        self.three_body, self.n = three_body, n

    def weights(self) -> Array:
        return self.matrix


class RingStar(NeuronNetwork):
    """The smallest higher-order ring star: a centre and a ring of Chialvo neurons around it, with three-body coupling.

    The centre (node 0) is tied to every peripheral node with weight `mu`, peripheral neighbours on the ring with `s1`, and all
    triangles of centre and two ring neighbours, and for three peripheral nodes also the ring itself, carry `s2`. With
    the default three peripheral nodes this is the complete graph on four nodes with its four triangles.

    `three_body` = "linear" is the paper's form; "quadratic" and "cubic" are controls that no pairwise network can imitate.

    Source: Nair, Ghosh, Fatoyinbo & Muni (2024), On the higher-order smallest ring star network of Chialvo neurons under
    diffusive couplings. The normalisation of the paper's three-body sum is not known to us: each triangle counts once here.
    """

    mu: Array
    s1: Array

    def __init__(
        self,
        mu: float = 0.1506,
        s1: float = 0.0539,
        s2: float = 0.05,
        three_body: str = "linear",
        a: float = 0.89,
        b: float = 0.6,
        c: float = 0.28,
        k0: float = 0.04,
        peripheral: int = 3,
    ) -> None:
        if peripheral < 3:
            raise MorphogenError(f"a ring star needs at least 3 peripheral neurons, not {peripheral}")
        if three_body not in THREE_BODY:
            raise MorphogenError(f"three_body must be one of {', '.join(THREE_BODY)}, not '{three_body}'")
        self.nodes = Chialvo(a, b, c, k0)
        self.mu, self.s1, self.strength = parameter(mu), parameter(s1), parameter(s2)
        self.n, self.three_body = peripheral + 1, three_body
        ring = [(i, i % peripheral + 1) for i in range(1, peripheral + 1)]
        wheel = [(0, min(edge), max(edge)) for edge in ring]
        self.triangles = tuple(wheel) + (((1, 2, 3),) if peripheral == 3 else ())

    def weights(self) -> Array:
        star, ring = np.zeros((self.n, self.n)), np.zeros((self.n, self.n))
        star[0, 1:] = star[1:, 0] = 1
        for i in range(1, self.n):
            neighbour = i % (self.n - 1) + 1
            ring[i, neighbour] = ring[neighbour, i] = 1
        return self.mu * star + self.s1 * ring


class NeuronChain(NeuronNetwork):
    """Chialvo - Rulkov - Chialvo: two Chialvo neurons tied through a Rulkov neuron, each tie with a strength in each direction.

    `s12` is the pull of the middle on the first neuron, `s21` of the first on the middle, `s23` of the last on the middle, `s32` of the
    middle on the last.

    Source: Ghosh, Nair, Fatoyinbo & Muni (2024), Dynamical properties of a small heterogeneous chain network of neurons in
    discrete time. The form of the Rulkov neuron (2001) and of the diffusive ties is the library's choice.
    """

    s12: Array
    s21: Array
    s23: Array
    s32: Array

    def __init__(
        self,
        s12: float = -0.12829,
        s21: float = 0.03708,
        s23: float = 0.03809,
        s32: float = -0.14416,
        a: float = 0.89,
        b: float = 0.47236,
        c: float = 0.28,
        k0: float = 0.09308,
        alpha: float = 4.47425,
        beta: float = 0.00056,
        rate: float = 0.00421,
    ) -> None:
        end = Chialvo(a, b, c, k0)
        self.nodes = (end, Rulkov(alpha, beta, rate), end)
        self.s12, self.s21, self.s23, self.s32 = (parameter(s) for s in (s12, s21, s23, s32))
        self.strength, self.triangles, self.three_body, self.n = parameter(0.0), (), "linear", 3

    def weights(self) -> Array:
        zero = jnp.zeros_like(self.s12)
        rows = ((zero, self.s12, zero), (self.s21, zero, self.s23), (zero, self.s32, zero))
        return jnp.stack([jnp.stack(row) for row in rows])


def best_pairwise(network: NeuronNetwork, path: Array) -> CoupledMaps:
    """The pairwise linear network whose pull fits that of `network` best along activations `path` (time, node).

    Least squares, node by node.

    Where nodes move as one their weights are not determined and the smallest ones are taken. Cost O(n^3 time).
    """
    pull = jax.vmap(network.pull)(path)

    def row(i: Array) -> Array:
        return jnp.linalg.lstsq(path - path[:, i, None], pull[:, i])[0]

    return CoupledMaps(network.nodes, jax.vmap(row)(jnp.arange(network.n)))


def mixed_derivative(network: NeuronNetwork, state: Array) -> Array:
    """Largest |d2 x_i' / dx_j dx_k| over distinct nodes i, j, k at `state` (n, 2): zero for every sum of functions of pairs.

    Linear or not, a pairwise network adds functions g_ij(x_i, x_j) to each node, and their mixed derivative by two others is zero. A
    value above rounding therefore proves a coupling that no pairwise network has. Cost O(n^2) of a step, O(n^3) memory.
    """
    second = jax.hessian(lambda x: network.rule(jnp.stack([x, state[:, 1]], axis=1))[:, 0])(state[:, 0])
    i, j, k = np.indices(second.shape)
    return jnp.max(jnp.abs(second) * ((i != j) & (j != k) & (i != k)))
