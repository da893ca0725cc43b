"""Particles that mix on a square lattice: under exclusion, as free walkers, or stirred ("cream in coffee").

Three worlds on an n x n box with closed walls, half as many particles as cells. `SymmetricExclusion` lets neighbours change places, so
that a cell holds one particle at most; `LatticeWalkers` lets every particle wander alone, many to a cell; `StirredLattice` adds
large-scale shears to the exchange. The first two have the same diffusion constant, so that their times can be compared.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from morphogen.errors import MorphogenError
from morphogen.system import Observable, Observation, System, parameter

STARTS = ("layers", "mixed")
COFFEE = (59.0, 36.0, 22.0)
CREAM = (250.0, 240.0, 221.0)
LARGEST = 2**14 - 1


class _Lattice(System):
    """What the three worlds share: sizes, the start, what is seen. `start` is "layers" (upper half full) or "mixed" (anywhere)."""

    n: eqx.AbstractVar[int]
    start: eqx.AbstractVar[str]

    @property
    def time_unit(self) -> str:
        return "sweep"

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("grid", ("row", "column"), "particles", "number of particles in each cell"),
            Observable("profile", ("row",), "particles per cell", "mean number of particles in the cells of each row"),
        )

    @abstractmethod
    def grid(self, state: Array) -> Array:
        """Particles in each cell, (n, n) of uint8."""

    def observe(self, state: Array) -> Observation:
        grid = self.grid(state)
        return {"grid": grid, "profile": jnp.mean(grid, axis=1, dtype=jnp.result_type(float))}

    def render(self, state: Array) -> Array:
        """Coffee where there are no particles, cream where there is one or more: (n, n, 3) of uint8."""
        share = jnp.minimum(self.grid(state), 1)[..., None]
        return (jnp.asarray(COFFEE) + share * (jnp.asarray(CREAM) - jnp.asarray(COFFEE))).astype(jnp.uint8)


class SymmetricExclusion(_Lattice):
    """The interacting coffee automaton: the symmetric exclusion process on an n x n box, cells full (1) or empty (0).

    One step is a sweep: the four domino tilings of the lattice in turn (vertical even, vertical odd, horizontal even, horizontal
    odd), in each of which every domino swaps its two cells with probability 1/2. So every neighbouring pair is offered once a
    sweep and swapped half the time, the same rate as n^2 single random pairs of Aaronson's automaton swapped for certain. A
    particle alone diffuses with variance 2 per sweep along each axis: in brickwork order its displacement is a sum of independent
    signs, one per tiling. Swaps with any probability, in any order, keep the negative dependence of exclusion
    (Borcea, Branden & Liggett 2009), hence its consequences for the coarse picture.

    State: the grid (n, n) of uint8. `start` is "layers" (the upper n // 2 rows full) or "mixed" (the same cells shuffled: equilibrium).
    Cost O(n^2) a sweep; random bits are drawn 32 to a word. Raises MorphogenError for n < 2 or an unknown start.
    Source: Aaronson, Carroll & Ouellette (2014), arXiv 1405.6903; Liggett (1985), Interacting Particle Systems, ch. VIII.
    """

    n: int = eqx.field(static=True)
    start: str = eqx.field(static=True)

    def __init__(self, n: int = 96, start: str = "layers") -> None:
        self.n, self.start = _checked(n, start)

    def init(self, key: PRNGKeyArray) -> Array:
        return _filled(self.n, self.start, key)

    def step(self, state: Array, key: PRNGKeyArray) -> Array:
        return exchange_sweep(state, key)

    def grid(self, state: Array) -> Array:
        return state


class LatticeWalkers(_Lattice):
    """The non-interacting coffee automaton: n (n // 2) independent random walkers, any number to a cell.

    One step is a sweep: each walker makes four lazy moves along each axis (stay with probability 1/2, one cell either way with
    1/4), and a move into a wall is not made. The four together are a binomial number of eight coins less four, mirrored at
    the walls, which is how they are drawn. Variance 2 per sweep along each axis, as for `SymmetricExclusion`.

    State: positions (2, walkers) of int16, rows and columns. `start` is "layers" (one walker in each cell of the upper n // 2
    rows) or "mixed" (independent uniform positions: equilibrium). A cell with more than 255 walkers overflows its count of uint8.
    Cost O(walkers) a sweep. Raises MorphogenError for n < 4 (a sweep's longest walk crosses a smaller box) or an unknown start.
    Source: Aaronson, Carroll & Ouellette (2014), arXiv 1405.6903.
    """

    n: int = eqx.field(static=True)
    start: str = eqx.field(static=True)

    def __init__(self, n: int = 96, start: str = "layers") -> None:
        self.n, self.start = _checked(n, start, least=4)

    def init(self, key: PRNGKeyArray) -> Array:
        walkers = self.n * (self.n // 2)
        if self.start == "mixed":
            return jax.random.randint(key, (2, walkers), 0, self.n, dtype=jnp.int16)
        return jnp.stack(jnp.divmod(jnp.arange(walkers), self.n)).astype(jnp.int16)

    def step(self, state: Array, key: PRNGKeyArray) -> Array:
        coins = jax.lax.population_count(jax.random.bits(key, state.shape, jnp.uint8))
        moved = state + coins.astype(jnp.int16) - 4
        moved = jnp.where(moved < 0, -1 - moved, moved)
        return jnp.where(moved >= self.n, 2 * self.n - 1 - moved, moved)

    def grid(self, state: Array) -> Array:
        cells = state[0].astype(jnp.int32) * self.n + state[1]
        return jnp.zeros(self.n * self.n, jnp.uint8).at[cells].add(jnp.uint8(1)).reshape(self.n, self.n)


class StirredLattice(_Lattice):
    """Exclusion that is stirred: a world in which lateral structure is known to come and go.

    One step is a stir: a sine shear along an axis drawn at random, x -> x + round(amplitude n sin(2 pi y / n + phase)) with a random
    phase, wrapping around; then half a sweep of exchange (one vertical and one horizontal tiling, even or odd at random).
    Shears stretch and fold the interface into filaments; exchange dissolves filaments thinner than its reach.

    State: the grid (n, n) of uint8. `amplitude` is in sides of the box. Cost O(n^2) a stir. Raises MorphogenError for n < 2 or
    an unknown start. Source: the alternating sine shears of Pierrehumbert (1994), Tracer microstructure in the large-eddy dominated regime.
    """

    n: int = eqx.field(static=True)
    start: str = eqx.field(static=True)
    amplitude: Array

    def __init__(self, n: int = 96, start: str = "layers", amplitude: float = 0.15) -> None:
        self.n, self.start = _checked(n, start)
        self.amplitude = parameter(amplitude)

    @property
    def time_unit(self) -> str:
        return "stir"

    def init(self, key: PRNGKeyArray) -> Array:
        return _filled(self.n, self.start, key)

    def step(self, state: Array, key: PRNGKeyArray) -> Array:
        for_axis, for_phase, for_parity, for_swaps = jax.random.split(key, 4)
        phase = jax.random.uniform(for_phase, (), self.amplitude.dtype, 0.0, 2 * jnp.pi)
        upright = jax.random.bernoulli(for_axis)
        grid = sine_shear(jnp.where(upright, state.T, state), self.amplitude, phase)
        odd, coins = jax.random.bernoulli(for_parity, shape=(2,)), _coins(for_swaps, 2, self.n)
        for axis in (0, 1):
            swapped = [exchange(grid, coins[axis], axis, parity) for parity in (0, 1)]
            grid = jnp.where(odd[axis], swapped[1], swapped[0])
        return jnp.where(upright, grid.T, grid)

    def grid(self, state: Array) -> Array:
        return state


def exchange(grid: Array, coins: Array, axis: int, parity: int) -> Array:
    """One domino tiling: every domino whose coin is 1 swaps its two cells.

    `grid` (n, n) holds integers; `coins` (n // 2, n) of 0 and 1 in the type of `grid`; `axis` is 0 for upright dominoes and 1 for
    lying ones; the first domino of a line starts at cell `parity`, 0 or 1. Cells that no domino covers stay. Cost O(n^2).
    """
    n = grid.shape[0]
    pairs = (n - parity) // 2
    covered = slice(parity, parity + 2 * pairs)
    # Swapping by exclusive or: both cells change by the same difference, and no copy of either is needed.
    if axis == 0:
        block = grid[covered].reshape(pairs, 2, n)
        block = block ^ ((block[:, 0] ^ block[:, 1]) * coins[:pairs])[:, None]
        return grid.at[covered].set(block.reshape(2 * pairs, n))
    block = grid[:, covered].reshape(n, pairs, 2)
    block = block ^ ((block[..., 0] ^ block[..., 1]) * coins[:pairs].T)[..., None]
    return grid.at[:, covered].set(block.reshape(n, 2 * pairs))


def exchange_sweep(grid: Array, key: PRNGKeyArray) -> Array:
    """All four domino tilings of `grid` (n, n) of uint8 in turn, every domino swapped with probability 1/2. Cost O(n^2)."""
    coins = _coins(key, 4, grid.shape[0])
    for number, (axis, parity) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        grid = exchange(grid, coins[number], axis, parity)
    return grid


def sine_shear(grid: Array, amplitude: Any, phase: Any) -> Array:
    """Row y of `grid` (n, n) moved right by round(amplitude n sin(2 pi y / n + phase)) cells, around the torus: a permutation of cells."""
    n = grid.shape[0]
    shift = jnp.round(amplitude * n * jnp.sin(2 * jnp.pi * jnp.arange(n) / n + phase)).astype(jnp.int32)
    columns = (jnp.arange(n)[None, :] - shift[:, None]) % n
    return jnp.take_along_axis(grid, columns, axis=1)


def _coins(key: PRNGKeyArray, tilings: int, n: int) -> Array:
    """Fair coins (tilings, n // 2, n) of uint8, 32 from each random word."""
    count = tilings * (n // 2) * n
    words = jax.random.bits(key, (-(-count // 32),), jnp.uint32)
    bits = (words[None, :] >> jnp.arange(32, dtype=jnp.uint32)[:, None]) & 1
    return bits.astype(jnp.uint8).reshape(-1)[:count].reshape(tilings, n // 2, n)


def _filled(n: int, start: str, key: PRNGKeyArray) -> Array:
    grid = (jnp.arange(n) < n // 2).astype(jnp.uint8)[:, None] * jnp.ones(n, jnp.uint8)
    return jax.random.permutation(key, grid.reshape(-1)).reshape(n, n) if start == "mixed" else grid


def _checked(n: int, start: str, least: int = 2) -> tuple[int, str]:
    if not least <= n <= LARGEST:
        raise MorphogenError(f"a lattice needs a side n from {least} to {LARGEST} cells, not {n}")
    if start not in STARTS:
        raise MorphogenError(f"start must be one of {', '.join(STARTS)}, not '{start}'")
    return n, start
