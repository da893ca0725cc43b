"""A system: a state, a rule, and what can be seen of it.

Everything the library runs is a `System`: an automaton, a flock, a network in training, a society of agents.
The family is small: `Map` (discrete time), `Flow` (an ODE or SDE), `Learner` (weights under training, in
`morphogen.learners`), `Host` (a rule that runs outside JAX: Numba kernels, language models), and three
combinators: `Ensemble`, `Coupled`, `Perturbed`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.keys import generator, host_key

__all__ = [
    "Flow",
    "Host",
    "Map",
    "Observable",
    "Observation",
    "System",
    "euler_maruyama",
    "generator",
    "host_key",
    "parameter",
    "runge_kutta_4",
]

State: TypeAlias = Any
"""A pytree of arrays: whatever a system remembers from one step to the next."""
Key: TypeAlias = Any
"""A JAX key, or for systems on the host an integer of 64 bits."""
Observation: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Observable:
    """One thing that can be seen of a state: its name, the names of its dimensions, its unit and its meaning."""

    name: str
    dims: tuple[str, ...] = ()
    unit: str = "1"
    meaning: str = ""


def parameter(value: Any) -> Array:
    """`value` as an array leaf of the default floating type, so that it can be swept and changed without recompiling."""
    return jnp.asarray(value, dtype=jnp.result_type(float))


class System(eqx.Module):
    """A pytree of parameters with `init(key) -> state`, `step(state, key) -> state` and `observe(state) -> {name: array}`.

    Parameters that may be swept or differentiated are array leaves (see `parameter`); sizes are static fields. `step` must be
    pure: all its randomness comes from `key`, which `run` folds with the step number. Subclasses list what `observe`
    returns in `observables`.
    """

    @property
    def host(self) -> bool:
        """True when the rule runs outside JAX (see `Host`)."""
        return False

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Names, dimensions, units and meanings of what `observe` returns, in order."""
        raise NotImplementedError

    @property
    def dt(self) -> Any:
        """Time that passes in one step, in the unit `time_unit`."""
        return 1.0

    @property
    def time_unit(self) -> str:
        return "step"

    @abstractmethod
    def init(self, key: Key) -> State:
        """A fresh state."""

    @abstractmethod
    def step(self, state: State, key: Key) -> State:
        """The state one step later."""

    @abstractmethod
    def observe(self, state: State) -> Observation:
        """What can be seen of `state`: a dictionary with the names in `observables`."""

    def render(self, state: State) -> Any:
        """A picture of `state`: an RGB array (height, width, 3) of uint8."""
        raise MorphogenError(f"{type(self).__name__} has no picture of its own: it does not define render(state)")

    def partition(self, state: State, devices: int) -> Any:
        """How a state is laid over several devices: by default each array is split along its first axis that `devices` divides."""

        def split(leaf: Any) -> jax.sharding.PartitionSpec:
            for axis, size in enumerate(jnp.shape(leaf)):
                if size >= devices and size % devices == 0:
                    return jax.sharding.PartitionSpec(*[None] * axis, "devices")
            return jax.sharding.PartitionSpec()

        return jax.tree.map(split, state)


class Map(System):
    """A deterministic rule in discrete time: define `rule(state) -> state`."""

    @abstractmethod
    def rule(self, state: State) -> State:
        """The state one step later."""

    def step(self, state: State, key: Key) -> State:
        return self.rule(state)


class Flow(System):
    """A rule in continuous time: `drift(state)` is the vector field, `diffusion(state)` (optional) the noise amplitude.

    dX = drift(X) dt + diffusion(X) dW with diagonal noise. One `step` advances by `interval`: by classical Runge-Kutta of
    order 4 (global error O(dt^4)), or by Euler-Maruyama (strong order 1/2, Ito) when `diffusion` is defined. Set `solver`
    to a Diffrax solver (say `diffrax.Tsit5()`, `diffrax.Kvaerno5()`) for adaptive or stiff integration of the same step
    with tolerances `rtol`, `atol`. A field that depends on time carries its clock in the state.

    Source: Kloeden & Platen (1992) for Euler-Maruyama; Kidger (2021) for Diffrax.
    """

    interval: eqx.AbstractVar[Array]
    solver: eqx.AbstractVar[Any]

    rtol: ClassVar[float] = 1e-6
    atol: ClassVar[float] = 1e-9

    @property
    def dt(self) -> Any:
        return self.interval

    @property
    def time_unit(self) -> str:
        return "time"

    @abstractmethod
    def drift(self, state: State) -> State:
        """The time derivative of `state`."""

    def diffusion(self, state: State) -> State | None:
        """Noise amplitude per square root of time, shaped like `state`; None for an ordinary differential equation."""
        return None

    def step(self, state: State, key: Key) -> State:
        noise = self.diffusion(state)
        if noise is not None:
            if self.solver is not None:
                raise MorphogenError(f"{type(self).__name__} has noise: its solver must be None (Euler-Maruyama), not {self.solver}")
            return euler_maruyama(self.drift, noise, state, self.interval, key)
        if self.solver is not None:
            return self._solve(state)
        return runge_kutta_4(self.drift, state, self.interval)

    def _solve(self, state: State) -> State:
        import diffrax

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: self.drift(y)),
            self.solver,
            t0=0.0,
            t1=self.interval,
            dt0=None,
            y0=state,
            stepsize_controller=diffrax.PIDController(rtol=self.rtol, atol=self.atol),
            saveat=diffrax.SaveAt(t1=True),
        )
        return jax.tree.map(lambda leaf: leaf[0], solution.ys)


def runge_kutta_4(field: Callable[[State], State], state: State, dt: Any) -> State:
    """One classical Runge-Kutta step of length `dt`."""

    def along(slope: State, length: Any) -> State:
        return jax.tree.map(lambda x, s: x + length * s, state, slope)

    k1 = field(state)
    k2 = field(along(k1, dt / 2))
    k3 = field(along(k2, dt / 2))
    k4 = field(along(k3, dt))
    return jax.tree.map(lambda x, a, b, c, d: x + dt / 6 * (a + 2 * b + 2 * c + d), state, k1, k2, k3, k4)


def euler_maruyama(field: Callable[[State], State], noise: State, state: State, dt: Any, key: PRNGKeyArray) -> State:
    """One Euler-Maruyama step of length `dt` with diagonal noise amplitude `noise`."""
    leaves, tree = jax.tree.flatten(state)
    keys = jax.tree.unflatten(tree, list(jax.random.split(key, len(leaves))))
    return jax.tree.map(
        lambda x, f, g, k: x + dt * f + g * jnp.sqrt(dt) * jax.random.normal(k, x.shape, x.dtype), state, field(state), noise, keys
    )


class Host(System):
    """A system whose rule runs on the host, outside JAX: branchy integer kernels in Numba, agents that call a server.

    `run` drives it with the same signature, recording and resuming; `key` is a Python integer of 64 bits (see `host_key`)
    instead of a JAX key. States are pytrees of NumPy arrays, numbers and strings; `step` returns a new state and leaves
    the old one as it was.
    """

    @property
    def host(self) -> bool:
        return True

    @abstractmethod
    def init(self, key: int) -> State: ...

    @abstractmethod
    def step(self, state: State, key: int) -> State: ...
