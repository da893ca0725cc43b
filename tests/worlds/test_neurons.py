"""Neuron networks against sums written out, and the algebra that makes linear three-body coupling pairwise."""

from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.worlds.maps import Chialvo, Henon
from morphogen.worlds.neurons import (
    THREE_BODY,
    CoupledMaps,
    NeuronChain,
    RingStar,
    best_pairwise,
    complete_triangles,
    mixed_derivative,
    shared_triangles,
)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def random_network(form, seed=0, n=6):
    rng = np.random.default_rng(seed)
    triangles = [t for t in complete_triangles(n) if rng.random() < 0.4]
    return CoupledMaps(Chialvo(), 0.1 * rng.normal(size=(n, n)), triangles, 0.07, form), rng.random((n, 2))


@pytest.mark.parametrize("form", list(THREE_BODY))
def test_a_step_is_the_sum_written_out(form):
    network, state = random_network(form)
    x, weights = state[:, 0], np.asarray(network.matrix)
    h = {
        "linear": lambda a, b, c: b + c - 2 * a,
        "quadratic": lambda a, b, c: b * c - a * a,
        "cubic": lambda a, b, c: (b * b * c + b * c * c) / 2 - a**3,
    }[form]
    for i in range(6):
        own = np.asarray(Chialvo().rule(jnp.asarray(state[i])))
        pull = sum(weights[i, j] * (x[j] - x[i]) for j in range(6))
        for triangle in network.triangles:
            if i in triangle:
                j, k = (v for v in triangle if v != i)
                pull += 0.07 * h(x[i], x[j], x[k])
        assert np.allclose(network.rule(jnp.asarray(state))[i], own + [pull, 0])


def test_linear_three_body_coupling_is_pairwise_on_any_complex():
    network, state = random_network("linear", seed=3)
    twin = network.pairwise_equivalent()
    assert not twin.triangles
    assert np.allclose(network.rule(jnp.asarray(state)), twin.rule(jnp.asarray(state)), atol=1e-14)


def test_on_four_nodes_every_pair_lies_in_two_triangles():
    assert np.array_equal(shared_triangles(4, complete_triangles(4)), 2 * (1 - np.eye(4)))
    star = RingStar(mu=0.1, s1=0.05, s2=0.03)
    assert {frozenset(t) for t in star.triangles} == {frozenset(t) for t in combinations(range(4), 3)}
    weights = np.asarray(star.pairwise_equivalent().weights())
    assert np.allclose(weights[0, 1:], 0.1 + 0.06) and np.allclose(weights[1, 2:], 0.05 + 0.06)


def test_larger_ring_star_has_a_triangle_for_each_ring_edge():
    star = RingStar(peripheral=6)
    assert len(star.triangles) == 6 and all(t[0] == 0 for t in star.triangles)
    assert np.count_nonzero(star.weights()) == 2 * 12


@pytest.mark.parametrize(("form", "expected"), [("linear", 0.0), ("quadratic", 0.05), ("cubic", None)])
def test_mixed_derivative_sees_only_true_three_body_coupling(form, expected):
    state = jnp.array([[0.3, 1.0], [0.9, 1.2], [0.4, 2.0], [0.7, 0.1]])
    value = float(mixed_derivative(RingStar(s2=0.05, three_body=form), state))
    # Cubic: the derivative of (x_j^2 x_k + x_j x_k^2) / 2 by both is x_j + x_k, largest for the two largest activations.
    assert np.isclose(value, 0.05 * (0.9 + 0.7) if expected is None else expected, atol=1e-14)


def test_best_pairwise_finds_the_weights_of_a_pairwise_network():
    network, state = random_network("linear", seed=1)
    path = jnp.asarray(np.random.default_rng(2).random((40, 6)))
    fitted = best_pairwise(network, path).weights()
    away = ~np.eye(6, dtype=bool)
    assert np.allclose(np.asarray(fitted)[away], np.asarray(network.pairwise_equivalent().weights())[away], atol=1e-10)


def test_equal_neurons_stay_equal_and_positive_coupling_makes_them_equal():
    same = jnp.tile(jnp.array([0.5, 1.0]), (4, 1))
    after = RingStar(s2=-0.04, three_body="quadratic").rule(same)
    assert np.allclose(after, Chialvo().rule(same[0]))
    data = run(RingStar(mu=0.0, s1=0.0, s2=0.02), 3000, every=3000, key=0, ensemble=3)
    assert float(data["synchrony_error"][:, -1].max()) < 1e-9 < float(data["synchrony_error"][:, 0].min())


def test_sweeping_the_strength_changes_weights_of_the_twin_without_recompiling():
    count = 0

    @jax.jit
    def step(network, state):
        nonlocal count
        count += 1
        return network.pairwise_equivalent().rule(state)

    base, state = RingStar(), jnp.ones((4, 2)) * jnp.arange(4)[:, None]
    moved = [step(eqx.tree_at(lambda n: n.strength, base, jnp.asarray(s)), state) for s in (0.0, 0.1)]
    assert count == 1 and not np.allclose(*moved)


def test_chain_has_different_neurons_and_directed_ties():
    chain = NeuronChain(s12=0.1, s21=0.2, s23=0.3, s32=0.4)
    assert np.allclose(chain.weights(), [[0, 0.1, 0], [0.2, 0, 0.3], [0, 0.4, 0]])
    data = run(NeuronChain(), 500, every=50, key=1)
    assert data["activation"].shape == (1, 11, 3) and np.isfinite(data["activation"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Henon(), np.ones((2, 3))), "square"),
        (([Henon()], np.ones((2, 2))), "2 node maps"),
        ((Henon(), np.ones((3, 3)), [(0, 1, 3)]), "below 3"),
        ((Henon(), np.ones((3, 3)), [(0, 1, 1)]), "distinct"),
        ((Henon(), np.ones((3, 3)), [], 0.0, "quartic"), "not 'quartic'"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(MorphogenError, match=message):
        CoupledMaps(*arguments)


def test_a_ring_needs_three():
    with pytest.raises(MorphogenError, match="3 peripheral"):
        RingStar(peripheral=2)
