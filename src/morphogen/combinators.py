"""Systems made of systems: many copies (`Ensemble`), several that touch (`Coupled`), one that is disturbed (`Perturbed`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Observable, Observation, State, System, host_key, parameter

INITIAL = 0xFFFFFFFF
"""The number that a run's key is folded with to draw the initial state; step t folds with t."""


def initial_key(key: Any, host: bool) -> Any:
    """The key of a run's initial state."""
    return host_key(key, INITIAL) if host else jax.random.fold_in(key, INITIAL)


def step_key(key: Any, step: Any, host: bool) -> Any:
    """The key of a run's step number `step`."""
    return host_key(key, int(step)) if host else jax.random.fold_in(key, step)


class EnsembleState(NamedTuple):
    """The members' keys, the steps done (all members share the clock), and the members' states."""

    keys: Any
    clock: Any
    members: Any


class Ensemble(System):
    """`size` copies of a system side by side, each with its own key; parameters may differ from copy to copy.

    `stacked` is a pytree shaped like `system` with `None` wherever a parameter is shared and an array with leading axis
    `size` wherever it is swept (see `morphogen.steer.sweep`). Observations gain a leading dimension `sample`. Member i of a
    run with key k takes the same random numbers as a run of the single system with key `fold_in(k, i)`.

    JAX systems are vectorised with `vmap`: cost is that of one system of `size` times the state. Host systems are looped over.
    """

    system: System
    stacked: Any
    size: int = eqx.field(static=True)

    def __init__(self, system: System, size: int, stacked: Any = None) -> None:
        if size < 1:
            raise MorphogenError(f"an ensemble needs at least 1 member, not {size}")
        if stacked is not None and system.host:
            raise MorphogenError(f"{type(system).__name__} runs on the host: sweep its parameters one system at a time")
        self.system, self.stacked, self.size = system, stacked, size

    @property
    def host(self) -> bool:
        return self.system.host

    @property
    def observables(self) -> tuple[Observable, ...]:
        return tuple(replace(o, dims=("sample", *o.dims)) for o in self.system.observables)

    @property
    def dt(self) -> Any:
        swept = None if self.stacked is None else eqx.combine(self.stacked, self.system)
        return (swept or self.system).dt

    @property
    def time_unit(self) -> str:
        return self.system.time_unit

    def start(self, keys: Any) -> EnsembleState:
        """The initial state of an ensemble whose member i runs with `keys[i]`."""
        if self.host:
            members = tuple(self.system.init(initial_key(k, True)) for k in keys)
            return EnsembleState(tuple(keys), 0, members)
        members = self._each(lambda system, k: system.init(initial_key(k, False)), keys)
        return EnsembleState(keys, jnp.uint32(0), members)

    def init(self, key: Any) -> EnsembleState:
        return self.start(member_keys(key, self.size, self.host))

    def step(self, state: EnsembleState, key: Any) -> EnsembleState:
        if self.host:
            members = tuple(self.system.step(m, step_key(k, state.clock, True)) for m, k in zip(state.members, state.keys, strict=True))
        else:
            members = self._each(lambda system, m, k: system.step(m, step_key(k, state.clock, False)), state.members, state.keys)
        return EnsembleState(state.keys, state.clock + 1, members)

    def observe(self, state: EnsembleState) -> Observation:
        if self.host:
            import numpy as np

            seen = [self.system.observe(m) for m in state.members]
            return {name: np.stack([np.asarray(s[name]) for s in seen]) for name in seen[0]}
        return self._each(lambda system, m: system.observe(m), state.members)

    def _each(self, function: Callable[..., Any], *batched: Any) -> Any:
        def member(stacked: Any, *rest: Any) -> Any:
            return function(self.system if stacked is None else eqx.combine(stacked, self.system), *rest)

        return eqx.filter_vmap(member, in_axes=(None if self.stacked is None else eqx.if_array(0), *[0] * len(batched)))(
            self.stacked, *batched
        )


def member_keys(key: Any, size: int, host: bool) -> Any:
    """The keys of the members of an ensemble run with `key`."""
    if host:
        return tuple(host_key(key, i) for i in range(size))
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(size, dtype=jnp.uint32))


class Coupled(System):
    """Several systems that step side by side and then touch: `exchange(states) -> states` acts after every step.

    The parts keep their own keys; observables are named `label.name`. Time is the first part's.
    """

    parts: tuple[System, ...]
    exchange: Callable[[tuple[State, ...]], tuple[State, ...]]
    labels: tuple[str, ...] = eqx.field(static=True)

    def __init__(
        self,
        parts: Sequence[System],
        exchange: Callable[[tuple[State, ...]], tuple[State, ...]],
        labels: Sequence[str] | None = None,
    ) -> None:
        self.parts, self.exchange = tuple(parts), exchange
        self.labels = tuple(labels) if labels is not None else tuple(f"part{i}" for i in range(len(self.parts)))
        if len(self.labels) != len(self.parts) or len(set(self.labels)) != len(self.labels):
            raise MorphogenError(f"Coupled needs one distinct label for each of its {len(self.parts)} parts, not {self.labels}")
        if len({p.host for p in self.parts}) > 1:
            raise MorphogenError("Coupled cannot mix systems that run on the host with compiled ones")

    @property
    def host(self) -> bool:
        return self.parts[0].host

    @property
    def observables(self) -> tuple[Observable, ...]:
        return tuple(
            replace(o, name=f"{label}.{o.name}", dims=tuple(f"{label}.{d}" for d in o.dims))
            for label, part in zip(self.labels, self.parts, strict=True)
            for o in part.observables
        )

    @property
    def dt(self) -> Any:
        return self.parts[0].dt

    @property
    def time_unit(self) -> str:
        return self.parts[0].time_unit

    def init(self, key: Any) -> tuple[State, ...]:
        return tuple(p.init(k) for p, k in zip(self.parts, member_keys(key, len(self.parts), self.host), strict=True))

    def step(self, state: tuple[State, ...], key: Any) -> tuple[State, ...]:
        keys = member_keys(key, len(self.parts), self.host)
        return tuple(self.exchange(tuple(p.step(s, k) for p, s, k in zip(self.parts, state, keys, strict=True))))

    def observe(self, state: tuple[State, ...]) -> Observation:
        return {
            f"{label}.{name}": value
            for label, part, s in zip(self.labels, self.parts, state, strict=True)
            for name, value in part.observe(s).items()
        }


class Perturbed(System):
    """A system that is disturbed while it runs: `act(state, key) -> state` is applied after the steps start, start + every, ... < stop.

    For robustness experiments: run the system and its perturbed twin with the same key, and compare. The undisturbed steps
    take the same random numbers in both. `act` may be any function or one of `Noise` and `Lesion`.
    """

    system: System
    act: Callable[[State, Any], State]
    start: Array
    stop: Array
    every: Array

    def __init__(
        self, system: System, act: Callable[[State, Any], State], *, start: int = 0, stop: int = 2**31 - 1, every: int = 1
    ) -> None:
        if every < 1:
            raise MorphogenError(f"a perturbation acts every 1 or more steps, not every {every}")
        self.system, self.act = system, act
        self.start, self.stop, self.every = (jnp.asarray(v, jnp.int32) for v in (start, stop, every))

    @property
    def host(self) -> bool:
        return self.system.host

    @property
    def observables(self) -> tuple[Observable, ...]:
        return self.system.observables

    @property
    def dt(self) -> Any:
        return self.system.dt

    @property
    def time_unit(self) -> str:
        return self.system.time_unit

    def init(self, key: Any) -> tuple[State, Any]:
        return self.system.init(key), (0 if self.host else jnp.int32(0))

    def step(self, state: tuple[State, Any], key: Any) -> tuple[State, Any]:
        inner, clock = state
        inner = self.system.step(inner, key)
        now = (clock >= self.start) & (clock < self.stop) & ((clock - self.start) % self.every == 0)
        act_key = initial_key(key, self.host)
        if self.host:
            return (self.act(inner, act_key) if bool(now) else inner), clock + 1
        return jax.lax.cond(now, lambda s: self.act(s, act_key), lambda s: s, inner), clock + 1

    def observe(self, state: tuple[State, Any]) -> Observation:
        return self.system.observe(state[0])

    def render(self, state: tuple[State, Any]) -> Any:
        return self.system.render(state[0])


class Noise(eqx.Module):
    """Adds Gaussian noise of standard deviation `amplitude` to every real array of a state."""

    amplitude: Array

    def __init__(self, amplitude: float) -> None:
        self.amplitude = parameter(amplitude)

    def __call__(self, state: State, key: PRNGKeyArray) -> State:
        leaves, tree = jax.tree.flatten(state)
        keys = jax.random.split(key, len(leaves))
        noisy = [
            x + self.amplitude.astype(x.dtype) * jax.random.normal(k, x.shape, x.dtype) if eqx.is_inexact_array(x) else x
            for x, k in zip(leaves, keys, strict=True)
        ]
        return jax.tree.unflatten(tree, noisy)


class Lesion(eqx.Module):
    """Sets a random `fraction` of the entries of every real array of a state to `value`."""

    fraction: Array
    value: Array

    def __init__(self, fraction: float, value: float = 0.0) -> None:
        if not 0 <= fraction <= 1:
            raise MorphogenError(f"a lesion takes a fraction between 0 and 1, not {fraction}")
        self.fraction, self.value = parameter(fraction), parameter(value)

    def __call__(self, state: State, key: PRNGKeyArray) -> State:
        leaves, tree = jax.tree.flatten(state)
        keys = jax.random.split(key, len(leaves))
        cut = [
            jnp.where(jax.random.bernoulli(k, self.fraction, x.shape), self.value.astype(x.dtype), x) if eqx.is_inexact_array(x) else x
            for x, k in zip(leaves, keys, strict=True)
        ]
        return jax.tree.unflatten(tree, cut)
