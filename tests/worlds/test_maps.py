"""Classical maps against closed forms, and their place in `run`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.worlds.maps import Chialvo, Henon, Logistic, Rulkov, Standard

ALL = (Logistic, Henon, Standard, Chialvo, Rulkov)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def orbit(system, state, steps):
    return np.asarray(jax.lax.scan(lambda s, _: (system.rule(s),) * 2, jnp.asarray(state, float), length=steps)[1])


def test_logistic_at_four_follows_its_closed_form():
    # x(t) = sin^2(2^t arcsin sqrt(x0)); errors double every step, so 12 steps keep 12 digits or so.
    x = orbit(Logistic(4.0), [0.3], 12)[:, 0]
    assert np.allclose(x, np.sin(2.0 ** np.arange(1, 13) * np.arcsin(np.sqrt(0.3))) ** 2, atol=1e-11)


def test_henon_has_its_fixed_point_and_constant_area_contraction():
    henon = Henon()
    x = (-(1 - 0.3) + np.sqrt((1 - 0.3) ** 2 + 4 * 1.4)) / (2 * 1.4)
    fixed = jnp.array([x, 0.3 * x])
    assert np.allclose(henon.rule(fixed), fixed, atol=1e-14)
    assert np.isclose(np.linalg.det(jax.jacfwd(henon.rule)(jnp.array([0.4, -0.1]))), -0.3)


def test_standard_map_preserves_area_everywhere():
    jacobian = jax.vmap(jax.jacfwd(Standard(2.3).rule))(jnp.array([[1.0, 2.0], [4.0, 0.5]]))
    assert np.allclose(np.linalg.det(jacobian), 1.0)


def test_chialvo_step_by_hand():
    assert np.allclose(Chialvo().rule(jnp.array([0.5, 1.5])), [0.25 * np.e + 0.04, 0.89 * 1.5 - 0.6 * 0.5 + 0.28])


def test_rulkov_fixed_point_and_bursts():
    neuron = Rulkov(alpha=4.3, beta=0.001, mu=0.001)
    # y' = y needs mu x = -beta, so x = -1; then y = x - alpha / (1 + x^2).
    fixed = jnp.array([-1.0, -1.0 - 4.3 / 2])
    assert np.allclose(neuron.rule(fixed), fixed)
    x = orbit(neuron, [-1.0, -2.9], 20000)[5000:, 0]
    assert x.max() > 0.5 and x.min() < -1.0


@pytest.mark.parametrize("kind", ALL)
def test_each_runs_bounded_with_its_observables(kind):
    system = kind()
    data = run(system, 400, every=20, key=1, ensemble=3)
    assert set(data.data_vars) == {o.name for o in system.observables}
    for name in data.data_vars:
        assert data[name].shape == (3, 21) and np.abs(data[name]).max() < 20
        assert float(data[name].std()) > 0


def test_rulkov_refuses_a_negative_rate():
    with pytest.raises(MorphogenError, match="mu >= 0, not -1"):
        Rulkov(mu=-1)
