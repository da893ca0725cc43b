"""Where the long-run behaviour of a map changes: attractors, periods, fixed points followed in a parameter, and their crossings.

A *family* is a function `family(state, value) -> state`: a map with one free parameter, its state a flat array (d,). Work in
double precision (`jax.enable_x64(True)`): periods and crossings are found to 1e-6 and 1e-8.

Sources: Kuznetsov (2004), Elements of Applied Bifurcation Theory, for the crossings; Allgower & Georg (1990) for pseudo-arclength
continuation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.optimize import brentq

from morphogen.errors import MorphogenError

Family = Callable[[Array, Any], Array]

REGIMES = ("fixed point", "period 2^k", "other period", "quasi-periodic", "chaos", "unresolved", "escaped")
FIXED, DOUBLED, PERIODIC, QUASIPERIODIC, CHAOS, UNRESOLVED, ESCAPED = range(7)


def attractor(rule: Callable[[Any], Any], state: Any, transient: int, length: int, bound: float = 1e3) -> tuple[Any, Array]:
    """The orbit of a rule after its transient, and whether it escaped.

    Args:
        rule: state -> state; a pytree of arrays. Both may be traced: `vmap` over starts and parameters.
        transient: steps thrown away; length: steps kept.
        bound: an orbit whose largest entry passes it has escaped; it then stays where it was, so that no overflow spreads.

    Returns:
        The orbit, leaves (length, ...), and a boolean.
    """

    def size(s: Any) -> Array:
        return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(s)]))

    def step(carry: tuple[Any, Array], _: Any) -> tuple[tuple[Any, Array], None]:
        s, escaped = carry
        after = rule(s)
        escaped = escaped | ~(size(after) < bound)
        return (jax.tree.map(lambda new, old: jnp.where(escaped, old, new), after, s), escaped), None

    def record(carry: tuple[Any, Array], _: Any) -> tuple[tuple[Any, Array], Any]:
        carry, _ = step(carry, None)
        return carry, carry[0]

    carry, _ = jax.lax.scan(step, (state, jnp.array(False)), length=transient)
    (_, escaped), orbit = jax.lax.scan(record, carry, length=length)
    return orbit, escaped


def period(orbit: Array, *, longest: int = 64, tolerance: float = 1e-6, repeats: int = 4) -> Array:
    """The smallest period of the end of an orbit (time, d): 1 for a fixed point, 0 when none up to `longest` is seen.

    Period p is accepted when |x(t) - x(t - p)| < tolerance over the last `repeats` * `longest` steps, whatever p: a slow spiral or a
    long transient must not pass for a short period. Cost: longest^2 * repeats * d. May be traced.
    Raises MorphogenError when the orbit is shorter than (repeats + 1) * longest + 1.
    """
    window = repeats * longest
    if orbit.shape[0] < window + longest + 1:
        need = window + longest + 1
        raise MorphogenError(f"a period up to {longest} over {repeats} repeats takes an orbit of {need} steps, not {orbit.shape[0]}")
    flat = orbit.reshape(orbit.shape[0], -1)
    end = flat[-window:]

    def returns(p: Array) -> Array:
        earlier = jax.lax.dynamic_slice_in_dim(flat, flat.shape[0] - window - p, window)
        return jnp.max(jnp.abs(end - earlier)) < tolerance

    periods = jnp.arange(1, longest + 1)
    found = jax.lax.map(returns, periods)
    return jnp.where(jnp.any(found), periods[jnp.argmax(found)], 0)


def regime(periods: Any, exponents: Any, escaped: Any, *, quiet: float = 0.004, chaotic: float = 0.01) -> np.ndarray:
    """Numbers of `REGIMES` from periods (0 = none), largest Lyapunov exponents per step and escapes, all of one shape.

    Without a period, |exponent| < `quiet` reads as quasi-periodic, exponent > `chaotic` as chaos, and anything else stays unresolved.
    """
    periods, exponents, escaped = (np.asarray(v) for v in (periods, exponents, escaped))
    doubled = (periods > 1) & ((periods & (periods - 1)) == 0)
    code = np.full(periods.shape, UNRESOLVED)
    code[exponents > chaotic] = CHAOS
    code[np.abs(exponents) < quiet] = QUASIPERIODIC
    code[periods > 0] = PERIODIC
    code[doubled] = DOUBLED
    code[periods == 1] = FIXED
    code[escaped] = ESCAPED
    return code


def runs_in_order(code: Any, order: Sequence[int], least: int) -> list[int]:
    """Where along `code` (point,) the first run of `least` or more points of each regime of `order` begins, each after the one before.

    The list ends at the first regime that has no such run: all are there when it is as long as `order`.
    """
    code = np.asarray(code)
    begins: list[int] = []
    at = 0
    for wanted in order:
        hits = [i for i in range(at, len(code) - least + 1) if (code[i : i + least] == wanted).all()]
        if not hits:
            break
        begins.append(hits[0])
        at = hits[0] + least
    return begins


def iterate(family: Family, times: int) -> Family:
    """The family that applies `family` `times` times: its fixed points are the points of period `times`."""
    return lambda state, value: jax.lax.fori_loop(0, times, lambda _, s: family(s, value), state)


@dataclass(frozen=True)
class FixedPoint:
    """A fixed point: where, how well (largest |f(x) - x|), and its multipliers (eigenvalues of the Jacobian, largest modulus first)."""

    state: np.ndarray
    residual: float
    multipliers: np.ndarray

    @property
    def stable(self) -> bool:
        return bool(np.abs(self.multipliers[0]) < 1)


def fixed_point(family: Family, guess: Any, value: float, *, tolerance: float = 1e-10, iterations: int = 60) -> FixedPoint:
    """Newton's method from `guess` (d,) at one parameter value. Raises MorphogenError when it does not converge."""
    solver = _solver(family)
    state = np.array(guess, dtype=float)
    for _ in range(iterations):
        shift, jacobian, _ = solver(state, value)
        if np.abs(shift).max() < tolerance:
            return FixedPoint(state, float(np.abs(shift).max()), _multipliers(jacobian))
        state = state - np.linalg.solve(jacobian - np.eye(state.size), shift)
        if not np.isfinite(state).all():
            break
    raise MorphogenError(f"Newton's method found no fixed point from {np.round(np.asarray(guess), 4).tolist()} at parameter {value}")


class _Solver:
    """f(x) - x with both its derivatives at (x, value), compiled once for a family."""

    def __init__(self, family: Family) -> None:
        def all_of(state: Array, value: Array) -> tuple[Array, Array, Array]:
            by_state, by_value = jax.jacfwd(family, argnums=(0, 1))(state, value)
            return family(state, value) - state, by_state, by_value

        self._call = jax.jit(all_of)

    def __call__(self, state: np.ndarray, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shift, by_state, by_value = self._call(jnp.asarray(state, dtype=float), jnp.asarray(value, dtype=float))
        return np.asarray(shift), np.asarray(by_state), np.asarray(by_value)


@lru_cache(maxsize=16)
def _solver(family: Family) -> _Solver:
    """One compilation for a family, however many branches of it are followed: pass the same function object again."""
    return _Solver(family)


def _multipliers(jacobian: np.ndarray) -> np.ndarray:
    values = np.linalg.eigvals(jacobian)
    return values[np.argsort(-np.abs(values))]


@dataclass(frozen=True)
class Crossing:
    """A codimension-one bifurcation of a followed point.

    kind: "fold" (multiplier +1 where the branch turns back), "branch point" (multiplier +1 where it goes on: transcritical or
    pitchfork), "flip" (-1) or "Neimark-Sacker" (a complex pair on the unit circle). `residual`: the larger of the distance of the
    multiplier from its critical value and of |f(x) - x|. `speed`: change of the multiplier's modulus per unit of arclength.
    """

    kind: str
    value: float
    state: np.ndarray
    multiplier: complex
    residual: float
    speed: float


@dataclass(frozen=True)
class Branch:
    """A followed branch of fixed points: parameter values (k,), states (k, d), multipliers (k, d) and the crossings along it."""

    values: np.ndarray
    states: np.ndarray
    multipliers: np.ndarray
    crossings: tuple[Crossing, ...]


def follow(
    family: Family,
    start: Any,
    value: float,
    until: float,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    stride: float = 0.01,
    points: int = 2000,
) -> Branch:
    """Follow a fixed point from `start` at `value` towards `until` by pseudo-arclength, and locate every crossing on the way.

    Pass `iterate(family, p)` for orbits of period p. The branch may turn at folds; it ends at `until`, outside [low, high], after `points`
    points, or where the corrector no longer converges. Crossings lie between two points whose numbers of unstable multipliers
    differ; each is located by Brent's method on the crossing modulus. Two opposite crossings within one stride are missed:
    choose it small against the structure. Cost: a few Jacobians of the family per point.
    """
    follower = _Follower(family)
    here = np.append(fixed_point(family, start, value).state, value)
    tangent = follower.tangent(here, np.append(np.zeros(here.size - 1), np.sign(until - value)))
    heading = np.sign(until - value)
    trail, found, length = [here], [], stride
    spectra = [follower.multipliers(here)]
    while len(trail) < points and length > stride / 1000:
        there = follower.correct(here, tangent, length)
        if there is None:
            length /= 2
            continue
        spectrum = follower.multipliers(there)
        next_tangent = follower.tangent(there, tangent)
        if np.sum(np.abs(spectrum) > 1) != np.sum(np.abs(spectra[-1]) > 1):
            found.append(follower.locate(here, tangent, length, next_tangent, spectra[-1], spectrum))
        trail.append(there)
        spectra.append(spectrum)
        here, tangent, length = there, next_tangent, min(stride, 2 * length)
        if heading * (there[-1] - until) > 0 or not low <= there[-1] <= high:
            break
    path = np.array(trail)
    return Branch(path[:, -1], path[:, :-1], np.array(spectra), tuple(c for c in found if c is not None))


class _Follower:
    """One corrector step, tangent and crossing locator of `follow`; a point is (state, value) in one array (d + 1,)."""

    def __init__(self, family: Family) -> None:
        self.solver = _solver(family)

    def _system(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shift, by_state, by_value = self.solver(point[:-1], point[-1])
        slope = np.column_stack([by_state - np.eye(point.size - 1), by_value])
        return shift, slope, by_state

    def multipliers(self, point: np.ndarray) -> np.ndarray:
        return _multipliers(self._system(point)[2])

    def tangent(self, point: np.ndarray, along: np.ndarray) -> np.ndarray:
        """The unit tangent of the branch that points along `along`."""
        slope = self._system(point)[1]
        direction = np.linalg.svd(slope)[2][-1]
        return direction * (1.0 if direction @ along >= 0 else -1.0)

    def correct(self, here: np.ndarray, tangent: np.ndarray, length: float) -> np.ndarray | None:
        """Newton onto the branch in the plane at distance `length` along the tangent; None when it does not settle nearby."""
        point = here + length * tangent
        for _ in range(12):
            shift, slope, _ = self._system(point)
            rest = np.append(shift, tangent @ (point - here) - length)
            if not np.isfinite(rest).all():
                return None
            if np.abs(rest).max() < 1e-12:
                return point if np.linalg.norm(point - here) < 4 * length else None
            try:
                point = point - np.linalg.solve(np.vstack([slope, tangent]), rest)
            except np.linalg.LinAlgError:
                return None
        return point if np.abs(rest).max() < 1e-10 and np.linalg.norm(point - here) < 4 * length else None

    def locate(
        self, here: np.ndarray, tangent: np.ndarray, length: float, after: np.ndarray, first: np.ndarray, last: np.ndarray
    ) -> Crossing | None:
        """The crossing between `here` and the point at `length`, where the spectra are `first` and `last`."""
        # Sorted by modulus, the multipliers are continuous along the branch: the one that crosses is known by its rank.
        rank = min(int(np.sum(np.abs(first) > 1)), int(np.sum(np.abs(last) > 1)))

        def excess(distance: float) -> float:
            point = here if distance == 0 else self.correct(here, tangent, distance)
            return np.nan if point is None else float(np.abs(self.multipliers(point)[rank]) - 1)

        distance, result = brentq(excess, 0.0, length, xtol=1e-15, rtol=1e-14, full_output=True, disp=False)
        point = self.correct(here, tangent, distance) if distance else here
        if not result.converged or point is None:
            return None
        multiplier = complex(self.multipliers(point)[rank])
        turned = tangent[-1] * after[-1] < 0
        kind, target = _kind(multiplier, turned)
        residual = max(abs(multiplier - target), float(np.abs(self._system(point)[0]).max()))
        speed = (np.abs(last[rank]) - np.abs(first[rank])) / length
        return Crossing(kind, float(point[-1]), point[:-1], multiplier, residual, float(abs(speed)))


def _kind(multiplier: complex, turned: bool) -> tuple[str, complex]:
    """The name of a crossing and the critical value of its multiplier."""
    if abs(multiplier.imag) > 1e-6:
        return "Neimark-Sacker", multiplier / abs(multiplier)
    if multiplier.real < 0:
        return "flip", -1.0
    return ("fold" if turned else "branch point"), 1.0
