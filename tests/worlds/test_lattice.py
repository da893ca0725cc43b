"""Particles on a lattice: conserved, at the right rate, with the right dependence, and compiled once."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.combinators import Ensemble
from morphogen.errors import MorphogenError
from morphogen.run import advance, run
from morphogen.worlds.lattice import LatticeWalkers, StirredLattice, SymmetricExclusion, exchange, sine_shear

WORLDS = (SymmetricExclusion, LatticeWalkers, StirredLattice)


def many(system, size, steps):
    ensemble = Ensemble(system, size)
    state = advance(ensemble, ensemble.init(jax.random.key(3)), steps)
    return np.asarray(ensemble.observe(state)["grid"], dtype=int)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("start", ["layers", "mixed"])
@pytest.mark.parametrize("n", [12, 13])
def test_particles_are_conserved_and_seen(world, start, n):
    trajectory = run(world(n, start), 20, every=5, key=1)
    grids = trajectory["grid"].values[0]
    assert grids.shape == (5, n, n)
    assert (grids.sum(axis=(1, 2)) == n * (n // 2)).all()
    assert np.allclose(trajectory["profile"].values[0], grids.mean(axis=2))
    if world is not LatticeWalkers:
        assert set(np.unique(grids)) == {0, 1}


@pytest.mark.parametrize("world", WORLDS)
def test_layers_start_full_above_and_empty_below(world):
    system = world(10)
    grid = np.asarray(system.observe(system.init(jax.random.key(0)))["grid"])
    assert (grid[:5] == 1).all() and (grid[5:] == 0).all()
    picture = np.asarray(system.render(system.init(jax.random.key(0))))
    assert picture.shape == (10, 10, 3) and picture.dtype == np.uint8
    assert picture[0, 0].sum() > picture[-1, -1].sum()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize("n", [6, 7])
def test_exchange_equals_swapping_domino_by_domino(axis, parity, n):
    random = np.random.default_rng(n)
    grid, coins = random.integers(0, 9, (n, n)), random.integers(0, 2, (n // 2, n))
    expected = grid.copy() if axis == 0 else grid.T.copy()
    for line in range(n):
        for number in range((n - parity) // 2):
            first = parity + 2 * number
            if coins[number, line]:
                expected[[first, first + 1], line] = expected[[first + 1, first], line]
    moved = np.asarray(exchange(jnp.asarray(grid), jnp.asarray(coins), axis, parity))
    assert (moved == (expected if axis == 0 else expected.T)).all()


def test_shear_moves_each_row_by_the_rounded_sine():
    n, amplitude, phase = 16, 0.15, 0.7
    grid = np.arange(n * n).reshape(n, n)
    moved = np.asarray(sine_shear(jnp.asarray(grid), amplitude, phase))
    shifts = np.round(amplitude * n * np.sin(2 * np.pi * np.arange(n) / n + phase)).astype(int)
    assert (moved == np.stack([np.roll(row, s) for row, s in zip(grid, shifts, strict=True)])).all()
    assert len(set(shifts)) > 2


@pytest.mark.parametrize("world", [SymmetricExclusion, LatticeWalkers])
def test_density_relaxes_by_the_heat_equation(world):
    """Both diffuse with constant 1 cell^2 per sweep: the slowest mode of a closed box decays like exp(-(pi / n)^2 t)."""
    n, sweeps = 24, 60
    mode = np.cos(np.pi * (np.arange(n) + 0.5) / n)
    amplitude = (many(world(n), 64, sweeps).mean(axis=(0, 2)) * mode).sum() / ((np.arange(n) < n // 2) * mode).sum()
    assert amplitude == pytest.approx(np.exp(-((np.pi / n) ** 2) * sweeps), abs=0.015)


def test_a_lone_walker_has_variance_two_per_sweep_and_stays_in_the_box():
    system = LatticeWalkers(200)
    state = jnp.full((2, 20_000), 100, jnp.int16)
    moved = np.asarray(advance(system, state, 10), dtype=float) - 100
    assert moved.mean(axis=1) == pytest.approx([0, 0], abs=0.15)
    assert moved.var(axis=1) == pytest.approx([20, 20], rel=0.05)
    corner = np.asarray(advance(LatticeWalkers(4), jnp.zeros((2, 4000), jnp.int16), 40))
    assert corner.min() == 0 and corner.max() == 3
    assert np.bincount(corner[0]) / 4000 == pytest.approx([0.25] * 4, abs=0.04)


def test_exclusion_is_negatively_dependent_and_walkers_are_poisson():
    """Liggett's inequality: under exclusion the number of particles in a region varies less than if cells were independent."""
    n, block = 24, slice(8, 16)

    def variance_ratio(grids):
        cells = grids[:, block, block]
        return cells.sum(axis=(1, 2)).var(ddof=1) / cells.var(axis=0, ddof=1).sum()

    assert variance_ratio(many(SymmetricExclusion(n), 400, 40)) < 0.9
    assert variance_ratio(many(LatticeWalkers(n), 400, 40)) == pytest.approx(1.0, abs=0.25)


def test_mixed_is_stationary_and_stirring_reaches_it():
    mixed = many(SymmetricExclusion(16, "mixed"), 200, 10)
    assert mixed.mean(axis=(0, 2)) == pytest.approx(np.full(16, 0.5), abs=0.05)
    stirred = many(StirredLattice(16), 200, 80)
    assert stirred.mean(axis=(0, 2)) == pytest.approx(np.full(16, 0.5), abs=0.05)


def test_a_new_amplitude_does_not_compile_again():
    compiled = []

    @eqx.filter_jit
    def stir(system, state, key):
        compiled.append(1)
        return system.step(state, key)

    key = jax.random.key(0)
    start = StirredLattice(16, "mixed").init(key)
    none, some, more = (np.asarray(stir(StirredLattice(16, amplitude=a), start, key)) for a in (0.0, 0.15, 0.4))
    assert len(compiled) == 1
    assert (none != some).any() and (some != more).any()


def test_without_shear_only_the_interface_is_stirred():
    start = StirredLattice(16, amplitude=0.0).init(jax.random.key(0))
    for seed in range(8):
        after = np.asarray(StirredLattice(16, amplitude=0.0).step(start, jax.random.key(seed)))
        changed = np.nonzero((after != np.asarray(start)).any(axis=1))[0]
        assert set(changed) <= {7, 8}


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: SymmetricExclusion(1), "from 2"),
        (lambda: LatticeWalkers(3), "from 4"),
        (lambda: StirredLattice(16, "poured"), "start must be one of layers, mixed"),
    ],
)
def test_bad_arguments_are_named(make, what):
    with pytest.raises(MorphogenError, match=what):
        make()
