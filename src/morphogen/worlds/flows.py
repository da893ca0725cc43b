"""Classical chaotic flows: the Lorenz and Roessler equations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Flow, Observable, Observation, parameter


class SpatialFlow(Flow):
    """A flow in three dimensions: state (3,) = (x, y, z), all observed; starts are Gaussian around `centre` with deviation `spread`."""

    centre: Array
    spread: Array
    interval: Array
    solver: Any

    @property
    def observables(self) -> tuple[Observable, ...]:
        return tuple(Observable(name, (), "1", f"coordinate {name}") for name in "xyz")

    def init(self, key: PRNGKeyArray) -> Array:
        return self.centre + self.spread * jax.random.normal(key, (3,), self.centre.dtype)

    def observe(self, state: Array) -> Observation:
        return {"x": state[0], "y": state[1], "z": state[2]}

    def _integrate_with(self, interval: float, solver: Any) -> None:
        if not interval > 0:
            raise MorphogenError(f"{type(self).__name__} needs an interval > 0 between steps, not {interval}")
        self.interval, self.solver = parameter(interval), solver

    def _start_at(self, centre: tuple[float, float, float], spread: float) -> None:
        self.centre, self.spread = parameter(centre), parameter(spread)


class Lorenz(SpatialFlow):
    """Convection in three modes: x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z. State: (3,).

    At the default values the Lyapunov exponents are 0.9056, 0, -14.572 per unit of time; their sum is -(sigma + 1 + beta)
    everywhere. Starts are Gaussian around (0, 1, 25); let some 20 units of time pass before measuring on the attractor.

    Source: Lorenz (1963), Deterministic nonperiodic flow.
    """

    sigma: Array
    rho: Array
    beta: Array

    def __init__(self, sigma: float = 10.0, rho: float = 28.0, beta: float = 8 / 3, interval: float = 0.01, solver: Any = None) -> None:
        self.sigma, self.rho, self.beta = parameter(sigma), parameter(rho), parameter(beta)
        self._integrate_with(interval, solver)
        self._start_at((0.0, 1.0, 25.0), 2.0)

    def drift(self, state: Array) -> Array:
        x, y, z = state
        return jnp.stack([self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z])


class Roessler(SpatialFlow):
    """A single folded band: x' = -y - z, y' = x + a y, z' = b + z (x - c). State: (3,).

    At the default values the largest Lyapunov exponent is 0.0714 per unit of time and a turn takes about 5.9. Starts are
    Gaussian around (1, 1, 0.1), inside the basin.

    Source: Roessler (1976), An equation for continuous chaos.
    """

    a: Array
    b: Array
    c: Array

    def __init__(self, a: float = 0.2, b: float = 0.2, c: float = 5.7, interval: float = 0.02, solver: Any = None) -> None:
        self.a, self.b, self.c = parameter(a), parameter(b), parameter(c)
        self._integrate_with(interval, solver)
        self._start_at((1.0, 1.0, 0.1), 0.05)

    def drift(self, state: Array) -> Array:
        x, y, z = state
        return jnp.stack([-y - z, x + self.a * y, self.b + z * (x - self.c)])
