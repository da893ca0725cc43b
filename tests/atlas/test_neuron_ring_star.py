"""The ring star's page: runs whole at sketch scale, and its own readings are right where the answer is known."""

import jax
import numpy as np
import pytest

from morphogen.atlas.dynamics.neuron_ring_star import (
    CLASSIC,
    ROUTE,
    Scheme,
    pairwise_of,
)
from morphogen.atlas.study import study
from morphogen.steer.attractors import activations, chaos_index, draw_starts, settle, two_chaotic


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    return study("neuron-ring-star", scale="sketch", directory=tmp_path_factory.mktemp("results"), first_key=0)


def test_sketch_runs_every_path_and_the_null(sketch):
    for side in (sketch.main, sketch.null):
        assert [c.id for c in side.claims] == ["C1", "C2", "C3", "C3b", "C4", "C4b", "C5"]
    assert all(c.verdict == "undecided" for c in sketch.claims)
    assert (sketch.main.directory / sketch.main.pictures[0][0]).stat().st_size > 50_000


def test_only_the_nonlinear_form_escapes_its_pairwise_twin(sketch):
    main, null = ({c.id: {p.name: p.effect for p in c.parts} for c in side.claims} for side in (sketch.main, sketch.null))
    name = "orbits leave the reduced network's within 30 steps"
    assert main["C3"][name] < 1e-10 and main["C3b"][name] > 0.1 and null["C3b"][name] < 1e-10


def run_batch(scheme, s2, **parameters):
    networks = scheme.networks(np.array(s2), **parameters)
    states = draw_starts(networks, jax.random.split(jax.random.key(7), len(s2)))
    return networks, settle(networks, states, 3000, 3000)


def test_regimes_where_they_are_known_and_an_escape_poisons_nothing():
    with jax.enable_x64(True):
        _, settled = run_batch(Scheme(1, 0, 0, 0, 1.0), [0.0, 0.08, 0.118, 0.19], **ROUTE)
    assert np.asarray(settled.period)[:3].tolist() == [1, 2, 0]
    assert np.asarray(settled.escaped).tolist() == [False, False, False, True]
    exponent = np.asarray(settled.exponent)
    assert exponent[0] < -0.1 and exponent[1] < -0.1 and abs(exponent[2]) < 0.004


def test_the_null_cuts_the_sweep():
    with jax.enable_x64(True):
        networks, settled = run_batch(Scheme(1, 0, 0, 0, 0.0), [0.0, 0.08, 0.19], **ROUTE)
    assert np.all(np.asarray(networks.strength) == 0) and np.asarray(settled.period).tolist() == [1, 1, 1]


def test_the_reduced_network_keeps_orbit_and_exponent():
    with jax.enable_x64(True):
        networks, settled = run_batch(Scheme(1, 0, 0, 0, 1.0), [-0.03, -0.04], **CLASSIC)
        own, twin = (np.asarray(activations(n, settled.state, 30)) for n in (networks, pairwise_of(networks)))
        exponents = [np.asarray(settle(n, settled.state, 1000, 20000).exponent) for n in (networks, pairwise_of(networks))]
    assert np.abs(own - twin).max() < 1e-10 < np.ptp(own)
    # One finite chaotic orbit: its exponent scatters by about 0.01.
    assert (exponents[0] > 0.05).all() and np.allclose(*exponents, atol=0.03)


def test_a_series_at_rest_is_regular_whatever_its_rounding():
    rng = np.random.default_rng(0)
    logistic = np.empty(2000)
    logistic[0] = 0.3
    for t in range(1999):
        logistic[t + 1] = 3.97 * logistic[t] * (1 - logistic[t])
    k = chaos_index(np.stack([1 + 1e-15 * rng.normal(size=2000), np.cos(2.3 * np.arange(2000)), logistic]))
    assert k[0] == 0 and k[1] < 0.2 and k[2] > 0.9


def test_two_chaotic_attractors_are_told_apart_and_one_is_not_made_two():
    n = 40
    column = np.ones((n, 1))
    exponent = np.where(np.arange(n) < 12, 0.02, 0.05)[:, None]
    top = np.where(np.arange(n) < 12, 2.7, 3.1)[:, None] + 1e-3 * np.sin(np.arange(n))[:, None]
    inside = np.zeros((n, 1), bool)
    row = two_chaotic(exponent, top, inside, exponent, top, inside)
    assert row["smaller share"] == 0.3 and np.isclose(row["lambda difference"], 0.03) and row["kept"] == 1.0 and row["range gap"] > 0.39
    regular = two_chaotic(-column, top, inside, -column, top, inside)
    assert regular["smaller share"] == 0 and regular["range gap"] < 0
    spread = 3 + 1e-3 * np.arange(n)[:, None]
    single = two_chaotic(0.05 * column, spread, inside, 0.05 * column, spread, inside)
    assert single["lambda difference"] < 1e-12
