"""Classical maps: one- and two-dimensional rules in discrete time, from the logistic map to map neurons.

Each is a `Map` whose state is a flat array, so that any of them can be swept, differentiated, coupled into a network
(`morphogen.worlds.neurons`) or handed to a Lyapunov exponent. Orbits of some of them can escape to infinity; nothing here
clips them, because an escape is an answer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Map, Observable, Observation, parameter


class Logistic(Map):
    """The logistic map x' = r x (1 - x). State: (1,).

    Period doubling accumulates at r = 3.569946; at r = 4 the Lyapunov exponent is ln 2 and the invariant density
    1 / (pi sqrt(x (1 - x))). Starts are uniform in (0, 1), which the map keeps for 0 <= r <= 4.

    Source: May (1976), Simple mathematical models with very complicated dynamics.
    """

    r: Array

    def __init__(self, r: float = 3.9) -> None:
        self.r = parameter(r)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("x", (), "1", "population, as a fraction of the largest possible"),)

    def init(self, key: PRNGKeyArray) -> Array:
        return jax.random.uniform(key, (1,), self.r.dtype, 0.01, 0.99)

    def rule(self, state: Array) -> Array:
        return self.r * state * (1 - state)

    def observe(self, state: Array) -> Observation:
        return {"x": state[0]}


class PlanarMap(Map):
    """A map of the plane: state (2,) = (x, y), both observed; `low` and `high` are the corners of the box of random starts."""

    low: Array
    high: Array

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("x", (), "1", "first coordinate"), Observable("y", (), "1", "second coordinate"))

    def init(self, key: PRNGKeyArray) -> Array:
        return self.low + (self.high - self.low) * jax.random.uniform(key, (2,), self.low.dtype)

    def observe(self, state: Array) -> Observation:
        return {"x": state[0], "y": state[1]}

    def _start_in(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        self.low, self.high = parameter(low), parameter(high)


class Henon(PlanarMap):
    """The Henon map x' = 1 - a x^2 + y, y' = b x. State: (2,).

    For b = 0.3 a fixed point is born in a fold at a = -(1 - b)^2 / 4 = -0.1225 and flips at a = 3 (1 - b)^2 / 4 = 0.3675; at
    a = 1.4 the largest Lyapunov exponent is 0.4192 and the sum of both is ln b. Starts lie in a small box inside the basin.

    Source: Henon (1976), A two-dimensional mapping with a strange attractor.
    """

    a: Array
    b: Array

    def __init__(self, a: float = 1.4, b: float = 0.3) -> None:
        self.a, self.b = parameter(a), parameter(b)
        self._start_in((-0.1, -0.1), (0.1, 0.1))

    def rule(self, state: Array) -> Array:
        x, y = state
        return jnp.stack([1 - self.a * x**2 + y, self.b * x])


class Standard(PlanarMap):
    """The standard map p' = p + k sin(theta), theta' = theta + p' (both modulo 2 pi). State: (2,) = (theta, p).

    It preserves area: its two Lyapunov exponents add up to zero, about +-ln(k / 2) for large k.

    Source: Chirikov (1979), A universal instability of many-dimensional oscillator systems.
    """

    k: Array

    def __init__(self, k: float = 6.0) -> None:
        self.k = parameter(k)
        self._start_in((0.0, 0.0), (2 * jnp.pi, 2 * jnp.pi))

    def rule(self, state: Array) -> Array:
        theta, p = state
        p = p + self.k * jnp.sin(theta)
        return jnp.stack([theta + p, p]) % (2 * jnp.pi)


class Chialvo(PlanarMap):
    """Chialvo's map neuron: x' = x^2 exp(y - x) + k0, y' = a y - b x + c. State: (2,) = (activation x, recovery y).

    `a` is the time constant of recovery, `b` the activation-dependence of recovery, `c` an offset, `k0` the injected bias.
    The classical values a = 0.89, b = 0.6, c = 0.28, k0 = 0.04 give a closed invariant curve.

    Source: Chialvo (1995), Generic excitable dynamics on a two-dimensional map.
    """

    a: Array
    b: Array
    c: Array
    k0: Array

    def __init__(self, a: float = 0.89, b: float = 0.6, c: float = 0.28, k0: float = 0.04) -> None:
        self.a, self.b, self.c, self.k0 = parameter(a), parameter(b), parameter(c), parameter(k0)
        self._start_in((0.0, 0.0), (1.0, 1.0))

    def rule(self, state: Array) -> Array:
        x, y = state
        return jnp.stack([x**2 * jnp.exp(y - x) + self.k0, self.a * y - self.b * x + self.c])


class Rulkov(PlanarMap):
    """Rulkov's chaotic map neuron: x' = alpha / (1 + x^2) + y, y' = y - mu x - beta. State: (2,) = (fast x, slow y).

    For 0 < mu << 1, y drifts slowly and gates bursts of x; transients are several times 1 / mu.

    Source: Rulkov (2001), Regularization of synchronized chaotic bursts.
    """

    alpha: Array
    beta: Array
    mu: Array

    def __init__(self, alpha: float = 4.3, beta: float = 0.001, mu: float = 0.001) -> None:
        if mu < 0:
            raise MorphogenError(f"the Rulkov neuron needs a rate of the slow variable mu >= 0, not {mu}")
        self.alpha, self.beta, self.mu = parameter(alpha), parameter(beta), parameter(mu)
        self._start_in((-1.5, -3.0), (0.5, -2.5))

    def rule(self, state: Array) -> Array:
        x, y = state
        return jnp.stack([self.alpha / (1 + x**2) + y, y - self.mu * x - self.beta])
