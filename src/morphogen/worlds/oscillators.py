"""Coupled phase oscillators: the Kuramoto model, all-to-all or on a network."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Flow, Observable, Observation, parameter, runge_kutta_4
from morphogen.worlds.trigonometry import sincos

DISTRIBUTIONS = ("lorentzian", "gaussian")
METHODS = ("runge-kutta", "euler")


class Oscillators(NamedTuple):
    """Phases (n,) in radians, in [0, 2 pi), and natural frequencies (n,) in radians per unit of time, which stay as they are."""

    phases: Array
    frequencies: Array


class Kuramoto(Flow):
    """n phase oscillators: dtheta_i/dt = omega_i + (coupling / n) sum_j A_ij sin(theta_j - theta_i) (+ noise dW_i).

    Without `network` every A_ij is 1 and the sum is coupling r sin(psi - theta_i) with r exp(i psi) = mean_j exp(i theta_j), which
    costs O(n) a step; with a matrix `network` (n, n) it costs O(n^2). Natural frequencies are drawn with the initial
    state: Lorentzian with half width `width` or Gaussian with standard deviation `width`, around `centre`; pass `frequencies` (n,)
    to fix them. Phases start uniform on the circle.

    In the limit of many oscillators, all-to-all, order sets in at K_c = 2 / (pi g(0)): 2 width for the Lorentzian, where
    r = sqrt(1 - K_c / K) beyond it, and sqrt(8 / pi) width for the Gaussian (see `critical_coupling`).

    `method` is "runge-kutta" (order 4) or "euler"; with `noise` > 0, in radians per square root of time, Euler-Maruyama.
    Raises MorphogenError on sizes, shapes and names that make no sense.

    Source: Kuramoto (1975); review: Acebron, Bonilla, Perez Vicente, Ritort & Spigler (2005).
    """

    n: int = eqx.field(static=True)
    coupling: Array
    width: Array
    centre: Array
    distribution: str = eqx.field(static=True)
    noise: Array | None
    network: Array | None
    frequencies: Array | None
    method: str = eqx.field(static=True)
    interval: Array
    solver: Any

    def __init__(
        self,
        n: int = 1000,
        coupling: float = 3.0,
        width: float = 1.0,
        centre: float = 0.0,
        distribution: str = "lorentzian",
        noise: float = 0.0,
        interval: float = 0.05,
        method: str = "runge-kutta",
        network: Any = None,
        frequencies: Any = None,
        solver: Any = None,
    ) -> None:
        if n < 1:
            raise MorphogenError(f"Kuramoto needs n >= 1 oscillators, not {n}")
        if distribution not in DISTRIBUTIONS:
            raise MorphogenError(f"distribution must be one of {', '.join(DISTRIBUTIONS)}, not '{distribution}'")
        if method not in METHODS:
            raise MorphogenError(f"method must be one of {', '.join(METHODS)}, not '{method}'")
        if noise < 0 or not interval > 0:
            raise MorphogenError(f"Kuramoto needs noise >= 0 and interval > 0, not {noise} and {interval}")
        for name, value, shape in (("network", network, (n, n)), ("frequencies", frequencies, (n,))):
            if value is not None and np.shape(value) != shape:
                raise MorphogenError(f"{name} must have shape {shape} for n = {n}, not {np.shape(value)}")
        self.n, self.distribution, self.method, self.solver = n, distribution, method, solver
        self.coupling, self.width, self.centre, self.interval = (parameter(v) for v in (coupling, width, centre, interval))
        # Noise that is absent is absent from the program: with it, the integrator changes to Euler-Maruyama.
        self.noise = parameter(noise) if noise > 0 else None
        self.network = None if network is None else parameter(network)
        self.frequencies = None if frequencies is None else parameter(frequencies)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("phases", ("oscillator",), "rad", "phase of each oscillator, in [0, 2 pi)"),
            Observable("order", (), "1", "Kuramoto order r: length of the mean of exp(i phase)"),
            Observable("mean_phase", (), "rad", "direction of the mean of exp(i phase), in (-pi, pi]"),
        )

    def init(self, key: PRNGKeyArray) -> Oscillators:
        for_phases, for_frequencies = jax.random.split(key)
        dtype = self.coupling.dtype
        if self.frequencies is None:
            draw = jax.random.cauchy if self.distribution == "lorentzian" else jax.random.normal
            frequencies = self.centre + self.width * draw(for_frequencies, (self.n,), dtype)
        else:
            frequencies = self.frequencies
        return Oscillators(jax.random.uniform(for_phases, (self.n,), dtype, 0.0, 2 * math.pi), frequencies)

    def drift(self, state: Oscillators) -> Oscillators:
        return Oscillators(self.velocity(state.phases, state.frequencies), jnp.zeros_like(state.frequencies))

    def velocity(self, phases: Array, frequencies: Array) -> Array:
        """How fast each phase turns: d theta / dt, shape (n,)."""
        sine, cosine = sincos(phases)
        if self.network is None:
            pull = jnp.mean(sine) * cosine - jnp.mean(cosine) * sine
        else:
            pull = ((self.network @ sine) * cosine - (self.network @ cosine) * sine) / self.n
        return frequencies + self.coupling * pull

    def diffusion(self, state: Oscillators) -> Oscillators | None:
        if self.noise is None:
            return None
        return Oscillators(jnp.full_like(state.phases, self.noise), jnp.zeros_like(state.frequencies))

    def step(self, state: Oscillators, key: PRNGKeyArray) -> Oscillators:
        if self.noise is not None or self.solver is not None:
            moved = super().step(state, key).phases
        else:
            # Frequencies stay as they are: integrating the phases alone halves the work.
            def field(phases: Array) -> Array:
                return self.velocity(phases, state.frequencies)

            moved = runge_kutta_4(field, state.phases, self.interval)
            if self.method == "euler":
                moved = state.phases + self.interval * field(state.phases)
        # Wrapped at every step, because a phase that grows without bound loses its digits.
        turns = jnp.floor(moved / (2 * math.pi))
        return Oscillators(moved - 2 * math.pi * turns, state.frequencies)

    def observe(self, state: Oscillators) -> Observation:
        sine, cosine = (jnp.mean(part) for part in sincos(state.phases))
        return {
            "phases": state.phases,
            "order": jnp.sqrt(sine**2 + cosine**2),
            "mean_phase": jnp.arctan2(sine, cosine),
        }

    def critical_coupling(self) -> Array:
        """K_c = 2 / (pi g(0)) of the drawn distribution, for n -> infinity, all-to-all and without noise."""
        return self.width * (2.0 if self.distribution == "lorentzian" else math.sqrt(8 / math.pi))
