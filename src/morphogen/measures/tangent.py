"""Small disturbances carried along a trajectory: the one propagator behind Lyapunov exponents and Jacobians of whole runs.

A tangent is a direction in the space of states; a step moves it by its derivative, computed exactly with `jax.jvp` beside the
step itself. `propagate` moves many of them, `flow_jacobian` all of them, `lyapunov_spectrum` keeps a frame of them orthonormal and
reads its growth, `largest_lyapunov` follows a single one.

Everywhere, `step` is a system (anything with `step(state, key)`; its `dt` is the time of one step) or a function state -> state.
All functions can be traced, so that parameters and starts are `vmap` axes::

    eqx.filter_vmap(lambda r, x: largest_lyapunov(Logistic(r), x, 4000))(values, starts)

Systems and Equinox modules are arguments of the compiled programs: neither other parameters nor another number of steps recompiles.
A plain lambda is compiled afresh whenever it is made afresh.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PyTree

from morphogen.errors import MorphogenError
from morphogen.statistics import LEVEL

BATCHES = 20
"""Stretches whose separate exponents give the interval."""


def propagate(step: Any, state: PyTree, tangents: PyTree, steps: int, *, key: Any = 0, first: int = 0) -> tuple[PyTree, PyTree]:
    """The state `steps` steps later and what became of `tangents`.

    Args:
        tangents: shaped like the real-valued leaves of `state` (`eqx.filter(state, eqx.is_inexact_array)`), with a leading axis k.
        key: an integer or a JAX key; step t uses it folded with t, as a run does. Steps are numbered from `first`.

    Returns:
        The state and the tangents (k, ...). Integer leaves of the state (clocks, keys) go along without a derivative.

    Raises `MorphogenError` for a system that runs on the host or a negative number of steps.
    Cost: `steps` times one step and k derivatives of it; memory O(k x state). Source: Shimada & Nagashima (1979).
    """
    _check(step, steps, 0)
    return _propagate(step, _arrays(state), tangents, jnp.uint32(steps), _as_key(key), jnp.uint32(first))


def flow_jacobian(step: Any, state: PyTree, steps: int, *, key: Any = 0, block: int = 128) -> Array:
    """The derivative of the state after `steps` steps with respect to the state now: (n, n), entry [i, j] = d out_i / d in_j.

    n counts the real numbers in the state, in the order of `jax.flatten_util.ravel_pytree`; integer leaves are left out. Columns
    are computed `block` at a time: memory O(block x state) beside the n x n result, cost n derivatives of the run plus
    n / block runs. Raises as `propagate`, and for a block below 1. Source: Belrose & Scherlis (2024) for whole training runs.
    """
    _check(step, steps, 0)
    if block < 1:
        raise MorphogenError(f"flow_jacobian: block={block} must be at least 1 column")
    return _flow_jacobian(step, _arrays(state), jnp.uint32(steps), _as_key(key), block)


class Spectrum(NamedTuple):
    """Lyapunov exponents in nats per unit of time, largest first, and what is needed to trust them.

    `low` and `high` bound each exponent at 95 % (Student's t over the batch means `rates` (batch, k)). `log_det` is the mean of
    log|det| of the steps per unit of time, computed apart from the frame; `sum_error` = |sum of exponents - log_det| is rounding
    only when all went well. Both are NaN unless all exponents were asked for. `state` is where the orbit ended.
    """

    exponents: Array
    low: Array
    high: Array
    rates: Array
    log_det: Array
    sum_error: Array
    state: PyTree


def lyapunov_spectrum(
    step: Any,
    state: PyTree = None,
    steps: int = 20_000,
    *,
    k: int | None = None,
    transient: int = 1000,
    reorthonormalise_every: int = 1,
    key: Any = 0,
    batches: int = BATCHES,
) -> Spectrum:
    """The k largest Lyapunov exponents of an orbit, by repeated QR decomposition of a frame of tangents.

    lambda_i = mean of log|R_ii| over decompositions / (time between them), with J_t Q = Q' R. State and frame first run through
    `transient` steps, so that the frame has turned into its directions when counting begins.

    Args:
        state: where the orbit starts; by default `step.init(key)`.
        steps: steps counted; what is left over after whole `batches` of `reorthonormalise_every` steps is not run.
        k: how many exponents; all by default.
        reorthonormalise_every: steps between decompositions. More is cheaper; too many and the frame collapses onto its first
            direction, which `sum_error` shows.
        batches: equal stretches for the interval; at least 2, each long against the memory of the orbit.

    Outside `jit` and `vmap` everything runs in double precision, the parameters (which keep the digits they have) included;
    inside, in the precision of the state. Cost: k derivatives (with all exponents n more) and one QR of (n, k), O(n k^2), a step.

    Raises:
        MorphogenError: a host system, an impossible count, or (outside `jit`) an orbit that does not stay finite.

    Blind spots: one orbit speaks for one attractor; an exponent within its interval of 0 is not told from 0; for a flow the
    derivative is that of the numerical step, so that exponents have its error in dt.

    Sources: Shimada & Nagashima (1979); Benettin, Galgani, Giorgilli & Strelcyn (1980).
    """
    _check(step, steps, transient)
    if batches < 2 or reorthonormalise_every < 1 or steps < batches * reorthonormalise_every:
        raise MorphogenError(
            f"lyapunov_spectrum: steps={steps} must hold at least batches={batches} (>= 2) of "
            f"reorthonormalise_every={reorthonormalise_every} (>= 1) steps"
        )

    def compute(system: Any, start: PyTree, random: Any) -> Spectrum:
        size = _size(start)
        count = size if k is None else k
        if not 1 <= count <= size:
            raise MorphogenError(f"lyapunov_spectrum: k={count} must lie between 1 and the {size} real numbers of the state")
        per_batch = jnp.uint32(steps // (batches * reorthonormalise_every))
        return _spectrum(system, start, random, per_batch, jnp.uint32(transient), count, reorthonormalise_every, batches)

    return _in_double(compute, step, state, key)


def largest_lyapunov(step: Any, state: PyTree = None, steps: int = 20_000, *, transient: int = 0, key: Any = 0) -> Array:
    """The largest Lyapunov exponent alone, in nats per unit of time, from a single tangent: the cheap one for sweeps.

    The tangent turns during `transient` steps that are not counted, together with the state. Precision, `state`, errors and
    blind spots are those of `lyapunov_spectrum`; a superstable orbit gives -inf, and a traced orbit that escapes gives NaN or
    infinity. Cost: one derivative a step. Source: Benettin, Galgani & Strelcyn (1976).
    """
    _check(step, steps, transient)
    if steps < 1:
        raise MorphogenError(f"largest_lyapunov: steps={steps} must be at least 1")
    return _in_double(
        lambda system, start, random: _largest(system, start, random, jnp.uint32(steps), jnp.uint32(transient)), step, state, key
    )


@eqx.filter_jit
def _propagate(step: Any, state: PyTree, tangents: PyTree, steps: Array, key: Array, first: Array) -> tuple[PyTree, PyTree]:
    return jax.lax.fori_loop(first, first + steps, lambda t, carry: _push(_rule(step, key, t), *carry), (state, tangents))


@eqx.filter_jit
def _flow_jacobian(step: Any, state: PyTree, steps: Array, key: Array, block: int) -> Array:
    flat, unravel = ravel_pytree(eqx.filter(state, eqx.is_inexact_array))
    size = flat.size
    width = min(block, size)

    def columns(start: Array) -> Array:
        basis = jax.nn.one_hot(start + jnp.arange(width), size, dtype=flat.dtype)
        moved = _propagate(step, state, jax.vmap(unravel)(basis), steps, key, jnp.uint32(0))[1]
        return jax.vmap(lambda tangent: ravel_pytree(tangent)[0])(moved)

    return jax.lax.map(columns, jnp.arange(0, size, width)).reshape(-1, size)[:size].T


@eqx.filter_jit
def _spectrum(step: Any, state: PyTree, key: Array, per_batch: Array, transient: Array, k: int, every: int, batches: int) -> Spectrum:
    flat, unravel = ravel_pytree(eqx.filter(state, eqx.is_inexact_array))
    to_rows = jax.vmap(lambda tangent: ravel_pytree(tangent)[0])
    whole = k == flat.size

    def stretch(t: Array, state: PyTree, frame: Array) -> tuple[PyTree, Array, Array, Array]:
        """`every` steps and one decomposition: state, frame (n, k), log stretch (k,), log|det| of the steps."""

        def one(i: Array, carry: tuple[PyTree, Array, Array]) -> tuple[PyTree, Array, Array]:
            state, frame, volume = carry
            rule = _rule(step, key, t + i)
            after, moved = _push(rule, state, jax.vmap(unravel)(frame.T))
            if whole:
                # Determinants of the bare steps do not see the frame, which is what makes them a check of it.
                jacobian = to_rows(_push(rule, state, jax.vmap(unravel)(jnp.eye(k, dtype=frame.dtype)))[1])
                volume = volume + jnp.linalg.slogdet(jacobian)[1]
            return after, to_rows(moved).T, volume

        state, frame, volume = jax.lax.fori_loop(jnp.uint32(0), jnp.uint32(every), one, (state, frame, jnp.zeros((), flat.dtype)))
        frame, triangle = jnp.linalg.qr(frame)
        return state, frame, jnp.log(jnp.abs(jnp.diagonal(triangle))), volume

    def settle(i: Array, carry: tuple[PyTree, Array]) -> tuple[PyTree, Array]:
        return stretch(i * jnp.uint32(every), *carry)[:2]

    def batch(carry: tuple[PyTree, Array], number: Array) -> tuple[tuple[PyTree, Array], tuple[Array, Array]]:
        def count(i: Array, c: tuple[PyTree, Array, Array, Array]) -> tuple[PyTree, Array, Array, Array]:
            state, frame, stretched, volume = stretch((settled + number * per_batch + i) * jnp.uint32(every), *c[:2])
            return state, frame, c[2] + stretched, c[3] + volume

        zero = jnp.zeros((), flat.dtype)
        state, frame, stretched, volume = jax.lax.fori_loop(jnp.uint32(0), per_batch, count, (*carry, jnp.zeros(k, flat.dtype), zero))
        return (state, frame), (stretched, volume)

    # A random frame, because one along the axes can lie in a subspace that the rule never leaves.
    frame = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (flat.size, k), flat.dtype))[0]
    settled = (transient + jnp.uint32(every - 1)) // jnp.uint32(every)
    carry = jax.lax.fori_loop(jnp.uint32(0), settled, settle, (state, frame))
    (state, _), (stretched, volumes) = jax.lax.scan(batch, carry, jnp.arange(batches, dtype=jnp.uint32))
    time = per_batch * every * _dt(step, flat.dtype)
    return _summary(stretched / time, volumes / time, whole, state)


def _summary(rates: Array, volumes: Array, whole: bool, state: PyTree) -> Spectrum:
    from scipy.stats import t

    exponents = rates.mean(0)
    quantile = float(t.ppf((1 + LEVEL) / 2, len(rates) - 1))
    half = quantile * rates.std(0, ddof=1) / np.sqrt(len(rates))
    log_det = volumes.mean() if whole else jnp.full((), jnp.nan, rates.dtype)
    # Exponents closer than their error can come out in the wrong order.
    order = jnp.argsort(-exponents)
    error = jnp.abs(exponents.sum() - log_det)
    return Spectrum(exponents[order], (exponents - half)[order], (exponents + half)[order], rates[:, order], log_det, error, state)


@eqx.filter_jit
def _largest(step: Any, state: PyTree, key: Array, steps: Array, transient: Array) -> Array:
    flat, unravel = ravel_pytree(eqx.filter(state, eqx.is_inexact_array))
    random = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    random = random / jnp.linalg.norm(random)

    def body(t: Array, carry: tuple[PyTree, Array, Array]) -> tuple[PyTree, Array, Array]:
        state, tangent, total = carry
        state, moved = _push(_rule(step, key, t), state, jax.tree.map(lambda leaf: leaf[None], unravel(tangent)))
        flat = ravel_pytree(moved)[0]
        size = jnp.linalg.norm(flat)
        # A tangent that a superstable point has swallowed has no direction left: the sum is -inf, and stays it.
        flat = jnp.where(size > 0, flat / jnp.where(size > 0, size, 1), random)
        return state, flat, total + jnp.where(t >= transient, jnp.log(size), 0)

    total = jax.lax.fori_loop(jnp.uint32(0), transient + steps, body, (state, random, jnp.zeros((), flat.dtype)))[2]
    return total / (steps * _dt(step, flat.dtype))


def _push(rule: Callable[[PyTree], PyTree], state: PyTree, tangents: PyTree) -> tuple[PyTree, PyTree]:
    """One step of the state and of all tangents; the step itself is computed once, not once for each tangent."""
    real, rest = eqx.partition(state, eqx.is_inexact_array)

    def real_part(moving: PyTree) -> tuple[PyTree, PyTree]:
        before = eqx.combine(moving, rest)
        # Parameters of another precision must not change the types of the state on the way.
        after = jax.tree.map(lambda new, old: jnp.asarray(new, None if _is_key(old) else old.dtype), rule(before), before)
        return eqx.partition(after, eqx.is_inexact_array)

    def derivative(tangent: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        end, moved, others = jax.jvp(real_part, (real,), (tangent,), has_aux=True)
        return end, moved, others

    end, moved, others = jax.vmap(derivative, out_axes=(None, 0, None))(tangents)
    return eqx.combine(end, others), moved


def _rule(step: Any, key: Array, t: Array) -> Callable[[PyTree], PyTree]:
    if hasattr(step, "step"):
        return lambda state: step.step(state, jax.random.fold_in(key, t))
    return step


def _dt(step: Any, dtype: Any) -> Array:
    return jnp.asarray(getattr(step, "dt", 1.0), dtype)


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _as_key(key: Any) -> Any:
    return jax.random.key(key) if isinstance(key, int | np.integer) else key


def _arrays(state: PyTree) -> PyTree:
    return jax.tree.map(jnp.asarray, state)


def _size(state: PyTree) -> int:
    size = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(state, eqx.is_inexact_array)))
    if size == 0:
        raise MorphogenError("the state holds no real numbers, so that it has no tangents and no Lyapunov exponents")
    return int(size)


def _check(step: Any, steps: int, transient: int) -> None:
    if getattr(step, "host", False):
        raise MorphogenError(f"{type(step).__name__} runs on the host, outside JAX: it cannot be differentiated")
    if not (hasattr(step, "step") or callable(step)):
        raise MorphogenError(f"tangents need a system or a function state -> state, not {type(step).__name__}")
    if steps < 0 or transient < 0 or steps + transient >= 2**32:
        raise MorphogenError(f"steps={steps} and transient={transient} must not be negative, and together below 2^32")


def _in_double(compute: Callable[[Any, PyTree, Any], Any], step: Any, state: PyTree, key: Any) -> Any:
    """`compute` in double precision; where something is being traced, in the precision it has."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((step, state, key))):
        return compute(step, _start(step, state, key), _as_key(key))
    with jax.enable_x64(True):
        wide = jax.tree.map(_widen, step)
        start = jax.tree.map(_widen, _start(wide, state, key))
        result = compute(wide, start, _as_key(key))
        if not _finite(result):
            raise MorphogenError("the orbit does not stay finite: it has no Lyapunov exponents; choose a start inside a basin")
        # NumPy, because JAX would round doubles to singles as soon as the context is left.
        return jax.tree.map(lambda leaf: leaf if _is_key(leaf) else np.asarray(leaf), result)


def _start(step: Any, state: PyTree, key: Any) -> PyTree:
    if state is not None:
        state = _arrays(state)
    elif hasattr(step, "init"):
        state = _arrays(step.init(_as_key(key)))
    else:
        raise MorphogenError("a function state -> state has no init: say which state the orbit starts from")
    _size(state)
    return state


def _widen(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array | np.ndarray) and not (isinstance(leaf, jax.Array) and _is_key(leaf)):
        return jnp.asarray(leaf, jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else jnp.asarray(leaf)
    return leaf


def _finite(result: Any) -> bool:
    """Nothing but the deliberate: exponents may be -inf (superstable), and the determinant is NaN when it was not asked for."""
    values = np.asarray(result.exponents if isinstance(result, Spectrum) else result)
    ended = all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(eqx.filter(getattr(result, "state", ()), eqx.is_inexact_array)))
    return ended and not bool(np.isnan(values).any() or np.isposinf(values).any())
