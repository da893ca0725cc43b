"""Flocks against their rules written out in plain loops, against exact values, and their behaviour in known limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.worlds.freezing import flocks, frozen
from morphogen.worlds.swarms import AveragingFlock, Boids, Vicsek, polarisation

KEY = jax.random.key(3)


def test_averaging_flock_is_the_rule_written_out():
    flock = AveragingFlock(12, averaging=0.7, hysteresis=0.05)
    state = flock.init(KEY)
    x, v = np.asarray(state.positions, float), np.asarray(state.velocities, float)
    seen = np.array([[i != j and np.hypot(*(x[i] - x[j])) <= 1 for j in range(12)] for i in range(12)])
    switched = 0
    for t in range(30):
        after = v.copy()
        for i in range(12):
            others = np.flatnonzero(seen[i])
            for j in others:
                after[i] += 0.7 / (len(others) + 1) * (v[j] - v[i])
        v, x = after, x + after
        before = seen.copy()
        for i in range(12):
            for j in range(12):
                limit = 1.05 if before[i, j] else 1.0
                seen[i, j] = i != j and np.hypot(*(x[i] - x[j])) <= limit
        state = flock.step(state, jax.random.key(t))
        assert int(state.switches) == (seen ^ before).sum() // 2
        switched += int(state.switches)
        assert (np.asarray(state.edges) == seen).all()
        np.testing.assert_allclose(state.positions, x, atol=1e-5)
        np.testing.assert_allclose(state.velocities, v, atol=1e-6)
    assert switched > 0


def test_two_birds_contract_by_one_minus_averaging():
    flock = AveragingFlock(2, averaging=0.4)
    state = flock.begin(jnp.array([[0.0, 0.0], [0.5, 0.0]]), jnp.array([[0.01, 0.0], [-0.01, 0.02]]))
    after = flock.step(state, KEY)
    np.testing.assert_allclose(after.velocities[1] - after.velocities[0], 0.6 * np.array([-0.02, 0.02]), rtol=1e-5)
    np.testing.assert_allclose(after.velocities.sum(0), state.velocities.sum(0), atol=1e-8)


def test_hysteresis_keeps_an_edge_in_the_band_and_does_not_make_one():
    flock = AveragingFlock(2, averaging=0.0, hysteresis=0.1)
    inside = flock.begin(jnp.array([[0.0, 0.0], [0.96, 0.0]]), jnp.array([[0.0, 0.0], [0.06, 0.0]]))
    counts = [int(flock.observe(s)["edges"]) for s in (inside, flock.step(inside, KEY), flock.step(flock.step(inside, KEY), KEY))]
    assert counts == [1, 1, 1 - 1 + (0.96 + 0.12 <= 1.1)]
    outside = flock.begin(jnp.array([[0.0, 0.0], [1.05, 0.0]]), jnp.zeros((2, 2)))
    assert int(flock.observe(flock.step(outside, KEY))["edges"]) == 0


def test_noise_is_bounded_decays_and_changes_without_recompiling():
    lone = AveragingFlock(1, noise=0.1, noise_decay=2.0, speed=0.0)
    velocities = run(lone, 200, key=1)["velocities"].values[0, :, 0]
    kicks = np.abs(np.diff(velocities, axis=0)).max(axis=1)
    assert (kicks <= 0.1 * (1.0 + np.arange(200)) ** -2 + 1e-6).all() and kicks[0] > 0.01
    step = jax.jit(lambda flock, state: flock.step(state, KEY))
    for noise in (0.1, 0.2):
        step(AveragingFlock(1, noise=noise), lone.init(KEY))
    assert step._cache_size() == 1


def test_last_switch_is_the_last_step_with_a_switch():
    seen = run(AveragingFlock(24), 150, key=2)
    switches, last = seen["switches"].values[0], int(seen["last_switch"].values[0, -1])
    assert last == np.flatnonzero(switches)[-1] > 0
    edges = seen["edges"].values[0]
    assert (np.abs(np.diff(edges)) <= switches[1:]).all()


def test_vicsek_is_the_rule_written_out():
    world = Vicsek(15, noise=0.0, box=3.0)
    state = world.init(KEY)
    x, v = np.asarray(state.positions, float), np.asarray(state.velocities, float)
    apart = x[None] - x[:, None]
    apart -= 3.0 * np.round(apart / 3.0)
    total = np.array([v[np.hypot(*apart[i].T) <= 1].sum(axis=0) for i in range(15)])
    after = world.step(state, KEY)
    np.testing.assert_allclose(after.positions, (x + v) % 3.0, atol=1e-6)
    np.testing.assert_allclose(after.velocities, 0.03 * total / np.linalg.norm(total, axis=1)[:, None], atol=1e-6)


def test_vicsek_orders_at_low_noise_and_not_at_full_noise():
    low, high = (run(Vicsek(100, noise=noise, box=4.0), 300, key=0)["polarisation"].values[0, -50:].mean() for noise in (0.3, 2 * np.pi))
    assert low > 0.95
    assert high < 0.25


def test_boids_align_keep_their_speed_and_their_distance():
    seen = run(Boids(60, box=6.0), 400, key=0)
    speeds = np.linalg.norm(seen["velocities"].values[0, 1:], axis=-1)
    assert (speeds > 0.02 - 1e-5).all() and (speeds < 0.06 + 1e-5).all()
    order = seen["polarisation"].values[0]
    assert order[-1] > order[0] + 0.3
    crowded, apart = (nearest(run(Boids(60, box=6.0, separation=s), 400, key=0)["positions"].values[0, -1], 6.0) for s in (0.0, 0.002))
    assert np.median(apart) > 2 * np.median(crowded)


def nearest(x, box):
    apart = x[None] - x[:, None]
    apart -= box * np.round(apart / box)
    distance = np.hypot(apart[..., 0], apart[..., 1])
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=1)


def test_boids_are_the_rules_written_out():
    world = Boids(20, box=4.0, separation=0.003, alignment=0.04, cohesion=0.01, slowest=0.001, fastest=1.0)
    state = world.init(KEY)._replace(velocities=0.1 * jax.random.normal(KEY, (20, 2)))
    x, v = np.asarray(state.positions, float), np.asarray(state.velocities, float)
    expected = v.copy()
    for i in range(20):
        apart = x - x[i] - 4.0 * np.round((x - x[i]) / 4.0)
        d = np.hypot(*apart.T)
        seen, near = (d <= 1) & (d > 0), (d < 0.4) & (d > 0)
        if seen.any():
            expected[i] += 0.04 * (v[seen].mean(0) - v[i]) + 0.01 * apart[seen].mean(0)
        expected[i] -= 0.003 * (apart[near] / d[near, None] ** 2).sum(0)
    np.testing.assert_allclose(world.step(state, KEY).velocities, expected, atol=1e-5)


def test_polarisation_of_known_flocks():
    assert float(polarisation(jnp.array([[0.2, 0.0], [5.0, 0.0]]))) == pytest.approx(1.0)
    assert float(polarisation(jnp.array([[0.2, 0.0], [-5.0, 0.0]]))) == pytest.approx(0.0)


@pytest.mark.parametrize("world", [AveragingFlock(20), Vicsek(20), Boids(20)])
def test_pictures_show_every_world(world):
    state = world.init(KEY)
    picture = np.asarray(world.render(state))
    assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8
    bright = (picture.max(axis=-1) > 80).sum()
    assert 20 * 3 < bright < 20 * 60


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: AveragingFlock(0), "n >= 1"),
        (lambda: AveragingFlock(averaging=1.5), "averaging must be between 0"),
        (lambda: AveragingFlock(noise=-1.0), "noise >= 0"),
        (lambda: Vicsek(box=1.0), "twice the radius"),
        (lambda: Boids(slowest=0.2, fastest=0.1), "slowest <= fastest"),
        (lambda: Boids(crowding=2.0), "crowding <= radius"),
        (lambda: AveragingFlock(3).begin(jnp.zeros((2, 2)), jnp.zeros((2, 2))), "3 birds need"),
    ],
)
def test_values_that_make_no_sense_are_refused(make, says):
    with pytest.raises(MorphogenError, match=says):
        make()


def pair(distance, speed):
    return np.array([[0.0, 0.0], [distance, 0.0]]), np.array([[0.0, 0.0], [speed, 0.0]])


def test_certificate_sees_a_slow_meeting_and_a_slow_parting():
    alone, together = np.zeros((2, 2), bool), ~np.eye(2, dtype=bool)
    assert frozen(*pair(2.0, 1e-9), alone, averaging=0.5)
    assert not frozen(*pair(2.0, -1e-9), alone, averaging=0.5)
    assert frozen(*pair(0.5, 0.1), together, averaging=0.5)
    # They stay within 0.95 + 0.1 lambda / (1 - lambda) = 1.05: too far.
    assert not frozen(*pair(0.95, 0.1), together, averaging=0.5)
    assert not frozen(*pair(0.5, 0.1), together, averaging=0.0)
    # A pass at distance 1.2, and one at 0.9.
    across = np.array([[0.0, 0.0], [0.0, -0.1]])
    assert frozen(np.array([[0.0, 0.0], [1.2, 5.0]]), across, alone, averaging=0.5)
    assert not frozen(np.array([[0.0, 0.0], [0.9, 5.0]]), across, alone, averaging=0.5)


def test_certificate_covers_noise_to_come():
    alone, together = np.zeros((2, 2), bool), ~np.eye(2, dtype=bool)
    assert frozen(*pair(0.5, 0.0), together, averaging=0.5, noise_left=0.05)
    assert not frozen(*pair(0.9, 0.0), together, averaging=0.5, noise_left=0.05)
    assert frozen(*pair(2.0, 0.1), alone, averaging=0.5, noise_left=0.01)
    assert not frozen(*pair(2.0, 0.1), alone, averaging=0.5, noise_left=0.05)
    assert not frozen(*pair(0.5, 0.0), together, averaging=0.5, noise_left=np.inf)


@pytest.mark.parametrize(("noise", "decay"), [(0.0, 0.0), (0.01, 2.0)])
def test_what_is_certified_never_switches_again(noise, decay):
    from morphogen.worlds.freezing import noise_to_come

    flock = AveragingFlock(24, noise=noise, noise_decay=decay)
    certified = 0
    with jax.enable_x64(True):
        flock = AveragingFlock(24, noise=noise, noise_decay=decay)
        roll = jax.jit(lambda s: jax.lax.scan(lambda s, t: (flock.step(s, jax.random.fold_in(KEY, t)),) * 2, s, jnp.arange(3000))[1])
        for seed in range(4):
            states = jax.tree.map(np.asarray, roll(flock.init(jax.random.key(seed))))
            for at in range(0, 2500, 100):
                left = noise_to_come(noise, decay, int(states.clock[at]))
                if frozen(states.positions[at], states.velocities[at], states.edges[at], averaging=0.5, noise_left=left):
                    certified += 1
                    assert states.last_switch[-1] <= states.clock[at]
    assert certified >= 20


def test_flocks_their_spread_and_company():
    edges = np.zeros((4, 4), bool)
    edges[0, 1] = edges[1, 0] = True
    found = flocks(np.array([[0.0, 0.0], [0.3, 0.4], [9.0, 0.0], [-9.0, 0.0]]), edges)
    assert sorted(found.sizes) == [1, 1, 2]
    assert found.spread == pytest.approx(0.5)
    assert found.share_in_company == 0.5
