"""Contacts in exact arithmetic: the rule step by step, the closed forms, and what rounding loses."""

from __future__ import annotations

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.worlds.contact import Chain, averaged, contact, log, neighbours
from morphogen.worlds.swarms import AveragingFlock

THIRD, FIFTHS = Fraction(1, 3), Fraction(3, 5)


@pytest.mark.parametrize("lam", [THIRD, FIFTHS])
@pytest.mark.parametrize("digits", [1, 4, 20, 60])
def test_contact_ends_at_the_step_the_geometric_series_says(lam, digits):
    margin, speed = Fraction(1, 10**digits), Fraction(1, 5)
    found = contact(margin, lam)
    # What is still to be flown after t steps, speed lambda^(t+1) / (1 - lambda), falls below the margin.
    expected = next(t for t in range(10_000) if speed * lam ** (t + 1) / (1 - lam) < margin)
    assert found is not None and found.steps == expected
    assert found.exit_speed == speed * lam**expected


def test_rounding_swallows_small_margins_only():
    assert contact(1e-10, THIRD).steps == contact(Fraction(1, 10**10), THIRD).steps
    exact, rounded = contact(Fraction(1, 10**25), THIRD), contact(1e-25, THIRD)
    assert rounded is None or rounded.steps < exact.steps - 10


def test_without_averaging_the_margin_does_not_matter():
    steps = {contact(Fraction(1, 10**k), THIRD, averaging=Fraction(0)).steps for k in (3, 10, 30)}
    assert len(steps) == 1


def test_exact_step_is_the_step_of_the_flock():
    rng = np.random.default_rng(0)
    x, v = rng.integers(-99, 99, (9, 2)), rng.integers(-99, 99, (9, 2))
    exact_x = [tuple(Fraction(int(a), 70) for a in row) for row in x]
    exact_v = [tuple(Fraction(int(a), 900) for a in row) for row in v]
    with jax.enable_x64(True):
        flock = AveragingFlock(9, averaging=0.4)
        state = flock.begin(jnp.asarray(x / 70), jnp.asarray(v / 900))
        assert (np.asarray(state.edges) == np.array([[j in seen for j in range(9)] for seen in neighbours(exact_x)])).all()
        assert 0 < int(flock.observe(state)["edges"]) < 36
        after = averaged(exact_v, neighbours(exact_x), Fraction(2, 5))
        np.testing.assert_allclose(flock.step(state, jax.random.key(0)).velocities, np.array(after, float), atol=1e-15)


@pytest.mark.parametrize(
    "chain",
    [
        Chain(Fraction(1, 10), THIRD, gap=Fraction(1, 50), residual=Fraction(1, 5)),
        Chain(Fraction(1, 5), FIFTHS, gap=Fraction(1, 50), residual=Fraction(1, 15)),
        Chain(Fraction(1, 5), Fraction(1, 2), gap=Fraction(1, 50), residual=Fraction(1, 10)),
    ],
)
def test_event_by_event_equals_step_by_step(chain):
    stepped = chain.stepped(limit=1500)
    assert stepped is not None and stepped.third > 100
    assert stepped == chain.event_driven()


def test_second_level_is_an_exponential_of_the_first():
    times = [Chain(Fraction(1, d), THIRD).event_driven() for d in (100, 300, 1000)]
    slope = np.polyfit([t.second for t in times], [t.log_third for t in times], 1)[0]
    assert slope == pytest.approx(math.log(3), rel=1e-3)
    assert times[-1].third > 10**500
    assert [t.first for t in times] == sorted(t.first for t in times)


def test_without_averaging_the_second_level_is_gone():
    chain = Chain(Fraction(1, 1000), THIRD)
    assert chain.stepped(averaging=Fraction(0)).third < 100


def test_logarithm_of_what_no_float_can_hold():
    assert log(Fraction(1, 10**400)) == pytest.approx(-400 * math.log(10))
    assert log(0.5) == pytest.approx(-math.log(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: contact(Fraction(0), THIRD),
        lambda: contact(Fraction(1, 10), Fraction(1)),
        lambda: contact(Fraction(1, 2), THIRD),
        lambda: Chain(Fraction(-1, 2), THIRD),
        lambda: Chain(Fraction(1, 100), THIRD, residual=Fraction(1)),
    ],
)
def test_impossible_contacts_are_refused(make):
    with pytest.raises(MorphogenError):
        make()
