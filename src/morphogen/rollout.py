"""The compiled loop under `run`: counts of steps and records are data, so one program serves runs of any length and stride."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.system import State, System


class Layout:
    """How a state's arrays lie over the devices, in a form that can be a static argument of a compiled function."""

    def __init__(self, system: System, state: State, devices: int) -> None:
        available = jax.devices()
        if system.host:
            raise MorphogenError(f"{type(system).__name__} runs on the host and cannot be laid over devices")
        if not 1 <= devices <= len(available):
            raise MorphogenError(f"devices must be between 1 and the {len(available)} present, not {devices}")
        mesh = jax.sharding.Mesh(np.array(available[:devices]), ("devices",))
        specs = system.partition(state, devices)
        leaves, self._tree = jax.tree.flatten(specs, is_leaf=lambda x: isinstance(x, jax.sharding.PartitionSpec))
        self._leaves = tuple(jax.sharding.NamedSharding(mesh, spec) for spec in leaves)

    def shardings(self) -> Any:
        """One sharding for each leaf of the state."""
        return jax.tree.unflatten(self._tree, self._leaves)

    def __hash__(self) -> int:
        return hash((self._leaves, self._tree))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and (self._leaves, self._tree) == (other._leaves, other._tree)


def _pin(new: State, old: State, layout: Layout | None) -> State:
    """`new` with the types, and on several devices the layout, of `old`: a loop's carry must not change either."""
    new = jax.tree.map(lambda n, o: n if n.dtype == o.dtype else n.astype(o.dtype), new, old)
    return new if layout is None else jax.lax.with_sharding_constraint(new, layout.shardings())


@eqx.filter_jit
def start(system: System, key: Any) -> State:
    """A fresh state, compiled."""
    return system.init(key)


@eqx.filter_jit
def start_members(ensemble: Any, keys: Any) -> State:
    """A fresh ensemble whose members have `keys`, compiled."""
    return ensemble.start(keys)


@eqx.filter_jit
def look(system: System, state: State) -> dict[str, Any]:
    """What can be seen of a state, compiled."""
    return dict(system.observe(state))


class Stretch(NamedTuple):
    """What a call of `roll` rolls out: steps are numbered from `first` for their keys; `every=None` is a record at each step."""

    system: System
    state: State
    key: Any
    first: Any
    records: Any
    every: Any
    layout: Layout | None


@eqx.filter_jit(donate="all-except-first")
def roll(stretch: Stretch, buffer: dict[str, Any]) -> tuple[State, dict[str, Any]]:
    """`records` times: `every` steps, then one record into `buffer`, which is used up.

    `buffer` holds an array (capacity, ...) for each observable to keep; an empty one records nothing. Bits do not depend
    on how a run is cut into calls: the loop's trip counts are unknown to the compiler, so its body is compiled one way.
    """
    system, state, key, first, records, every, layout = stretch

    def one(t: Any, s: State) -> State:
        return _pin(system.step(s, jax.random.fold_in(key, t)), s, layout)

    def block(i: Any, carry: tuple[State, dict[str, Any]]) -> tuple[State, dict[str, Any]]:
        s, kept = carry
        if every is None:
            s = one(first + i, s)
        else:
            s = jax.lax.fori_loop(first + i * every, first + (i + 1) * every, one, s)
        if kept:
            seen = system.observe(s)
            kept = {n: jax.lax.dynamic_update_index_in_dim(b, jnp.asarray(seen[n], b.dtype), i, 0) for n, b in kept.items()}
        return s, kept

    return jax.lax.fori_loop(jnp.uint32(0), records, block, (state, buffer))


@eqx.filter_jit
def finite(state: State) -> Any:
    """Whether every real or complex number in a state is finite."""
    checks = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(state) if eqx.is_inexact_array(x)]
    return jnp.all(jnp.stack(checks)) if checks else jnp.array(True)


@eqx.filter_jit
def until_not_finite(system: System, state: State, key: Any, first: Any, steps: Any) -> tuple[Any, State]:
    """Replay a stretch up to the first step after which the state is not finite; returns the steps done by then and that state."""

    def go(carry: tuple[Any, State]) -> Any:
        return (carry[0] < first + steps) & finite(carry[1])

    def step(carry: tuple[Any, State]) -> tuple[Any, State]:
        t, s = carry
        return t + 1, _pin(system.step(s, jax.random.fold_in(key, t)), s, None)

    return jax.lax.while_loop(go, step, (first, state))


def not_finite(state: State) -> str | None:
    """The path of the first array in a state that holds NaN or infinity, or None."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        if jax.dtypes.issubdtype(getattr(leaf, "dtype", type(leaf)), np.inexact) and not np.isfinite(np.asarray(leaf)).all():
            return jax.tree_util.keystr(path).lstrip(".") or "state"
    return None
