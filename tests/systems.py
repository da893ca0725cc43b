"""Small systems with known behaviour that several tests share."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from morphogen.system import Flow, Host, Map, Observable, System, generator, parameter


class Logistic(Map):
    """x' = r x (1 - x)."""

    r: Array

    def __init__(self, r: float = 3.9) -> None:
        self.r = parameter(r)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("x", (), "1", "population"),)

    def init(self, key: Any) -> Array:
        return jax.random.uniform(key)

    def rule(self, state: Array) -> Array:
        return self.r * state * (1 - state)

    def observe(self, state: Array) -> dict[str, Array]:
        return {"x": state}


class Walk(System):
    """`n` random walkers: every step draws from the key, so that a wrong key shows at once."""

    n: int = eqx.field(static=True)
    scale: Array

    def __init__(self, n: int = 4, scale: float = 1.0) -> None:
        self.n, self.scale = n, parameter(scale)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("position", ("walker",), "1", "where each walker is"), Observable("spread", (), "1", "standard deviation"))

    def init(self, key: Any) -> Array:
        return jax.random.normal(key, (self.n,))

    def step(self, state: Array, key: Any) -> Array:
        return state + self.scale * jax.random.normal(key, state.shape)

    def observe(self, state: Array) -> dict[str, Array]:
        return {"position": state, "spread": jnp.std(state)}


class Decay(Flow):
    """dx/dt = -rate x, optionally with noise: an Ornstein-Uhlenbeck process."""

    rate: Array
    noise: Array | None
    interval: Array
    solver: Any

    def __init__(self, rate: float = 1.0, noise: float | None = None, interval: float = 0.1, solver: Any = None) -> None:
        self.rate, self.interval, self.solver = parameter(rate), parameter(interval), solver
        self.noise = None if noise is None else parameter(noise)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("x", (), "1", "what decays"),)

    def init(self, key: Any) -> Array:
        return jnp.asarray(1.0, self.rate.dtype)

    def drift(self, state: Array) -> Array:
        return -self.rate * state

    def diffusion(self, state: Array) -> Array | None:
        return None if self.noise is None else self.noise * jnp.ones_like(state)

    def observe(self, state: Array) -> dict[str, Array]:
        return {"x": state}


class Dice(Host):
    """A host system: the sum of dice thrown so far."""

    sides: int = eqx.field(static=True, default=6)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("total", (), "1", "sum of the dice"),)

    def init(self, key: int) -> dict[str, Any]:
        return {"total": 0.0, "last": np.zeros(2)}

    def step(self, state: dict[str, Any], key: int) -> dict[str, Any]:
        thrown = generator(key).integers(1, self.sides + 1, 2).astype(float)
        return {"total": state["total"] + float(thrown.sum()), "last": thrown}

    def observe(self, state: dict[str, Any]) -> dict[str, Any]:
        return {"total": state["total"]}


class Heat(System):
    """Diffusion on a ring of `n` cells with noise: one large state for several devices."""

    n: int = eqx.field(static=True)
    rate: Array

    def __init__(self, n: int = 64, rate: float = 0.2) -> None:
        self.n, self.rate = n, parameter(rate)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("heat", ("cell",), "1", "temperature"),)

    def init(self, key: Any) -> Array:
        return jax.random.normal(key, (self.n,))

    def step(self, state: Array, key: Any) -> Array:
        noise = jax.random.normal(key, state.shape)
        return state + self.rate * (jnp.roll(state, 1) + jnp.roll(state, -1) - 2 * state) + 0.01 * noise

    def observe(self, state: Array) -> dict[str, Array]:
        return {"heat": state}
