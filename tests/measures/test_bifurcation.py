"""Periods, regimes and crossings against maps whose bifurcations are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.bifurcation import (
    CHAOS,
    DOUBLED,
    ESCAPED,
    FIXED,
    PERIODIC,
    QUASIPERIODIC,
    UNRESOLVED,
    attractor,
    fixed_point,
    follow,
    iterate,
    period,
    regime,
    runs_in_order,
)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def henon(state, a, b=0.3):
    return jnp.stack([1 - a * state[0] ** 2 + state[1], b * state[0]])


def logistic(state, r):
    return r * state * (1 - state)


def delayed_logistic(state, r):
    return jnp.stack([r * state[0] * (1 - state[1]), state[0]])


@pytest.mark.parametrize(("r", "expected"), [(2.8, 1), (3.2, 2), (3.5, 4), (3.55, 8), (3.83, 3), (3.9, 0)])
def test_periods_of_the_logistic_map(r, expected):
    orbit, escaped = attractor(lambda x: logistic(x, r), jnp.array([0.3]), 5000, 330)
    assert int(period(orbit)) == expected and not bool(escaped)


def test_a_slow_spiral_is_not_a_period():
    t = jnp.arange(400)
    assert int(period((1 + 1e-4 * t)[:, None])) == 0
    assert int(period(jnp.cos(2 * jnp.pi * t / 64)[:, None])) == 64
    with pytest.raises(MorphogenError, match="takes an orbit of 321 steps, not 100"):
        period(jnp.zeros((100, 1)))


def test_an_escape_is_flagged_and_does_not_poison_its_batch():
    starts = jnp.array([[0.0, 0.0], [5.0, 5.0]])
    orbit, escaped = jax.vmap(lambda s: attractor(lambda x: henon(x, 1.4), s, 100, 50))(starts)
    assert np.array_equal(escaped, [False, True]) and np.isfinite(orbit).all()
    assert np.abs(orbit[0]).max() < 2


def test_regimes_in_words():
    code = regime([1, 4, 6, 0, 0, 0, 1], [-0.1, -0.1, -0.1, 0.001, 0.3, 0.007, np.nan], [False] * 6 + [True])
    assert code.tolist() == [FIXED, DOUBLED, PERIODIC, QUASIPERIODIC, CHAOS, UNRESOLVED, ESCAPED]


def test_runs_must_come_in_order():
    code = np.array([0, 0, 0, 4, 4, 1, 1, 1, 3, 4, 4, 4])
    assert runs_in_order(code, (0, 1, 4), 3) == [0, 5, 9]
    assert runs_in_order(code, (0, 4, 1), 3) == [0, 9]
    assert runs_in_order(code, (3,), 3) == []


def test_newton_finds_the_fixed_point_and_its_multipliers():
    found = fixed_point(henon, [0.5, 0.2], 0.2)
    x = (-0.7 + np.sqrt(0.49 + 0.8)) / 0.4
    assert np.allclose(found.state, [x, 0.3 * x]) and found.stable
    assert np.isclose(np.prod(found.multipliers), -0.3) and np.isclose(np.sum(found.multipliers), -2 * 0.2 * x)
    with pytest.raises(MorphogenError, match="no fixed point"):
        fixed_point(henon, [0.5, 0.2], -0.5)


def test_henon_fold_and_flip_lie_where_algebra_puts_them():
    (flip,) = follow(henon, [0.5, 0.2], 0.1, 0.6, stride=0.02).crossings
    assert flip.kind == "flip" and abs(flip.value - 0.3675) < 1e-9 and flip.residual < 1e-8 and flip.speed > 1e-3
    folded = follow(henon, [0.5, 0.2], 0.1, -0.2, stride=0.02, points=200)
    (fold,) = folded.crossings
    assert fold.kind == "fold" and abs(fold.value + 0.1225) < 1e-9 and fold.residual < 1e-8 and fold.speed > 1e-3
    # Beyond the fold the branch comes back as a saddle, the other root of a x^2 + (1 - b) x = 1, which leaves to infinity at a = 0.
    a, x = folded.values[-1], folded.states[-1, 0]
    assert -0.12 < a < 0 and np.isclose(a * x**2 + 0.7 * x, 1) and x > 1 / 0.35
    assert np.sum(np.abs(folded.multipliers[-1]) > 1) == 1


def test_neimark_sacker_of_the_delayed_logistic_map():
    (crossing,) = follow(delayed_logistic, [0.4, 0.4], 1.7, 2.2, stride=0.02).crossings
    assert crossing.kind == "Neimark-Sacker" and abs(crossing.value - 2.0) < 1e-9
    assert np.isclose(abs(np.angle(crossing.multiplier)), np.pi / 3)


def test_transcritical_is_a_branch_point_and_not_a_fold():
    (crossing,) = follow(logistic, [0.0], 0.5, 1.5, stride=0.03).crossings
    assert crossing.kind == "branch point" and abs(crossing.value - 1) < 1e-9


def test_period_two_of_the_logistic_map_flips_at_one_plus_root_six():
    x = (1 + 3.2 + np.sqrt((3.2 - 3) * (3.2 + 1))) / (2 * 3.2)
    (crossing,) = follow(iterate(logistic, 2), [x], 3.2, 3.6, stride=0.02).crossings
    assert crossing.kind == "flip" and abs(crossing.value - (1 + np.sqrt(6))) < 1e-9


def test_a_linear_contraction_has_no_crossing():
    assert follow(lambda x, v: 0.5 * x + v, [0.0, 0.0], 0.0, 1.0).crossings == ()
