"""Lorenz and Roessler against scipy's integrator and against exact identities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.worlds.flows import Lorenz, Roessler


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def lorenz(_, s):
    return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]


def roessler(_, s):
    return [-s[1] - s[2], s[0] + 0.2 * s[1], 0.2 + s[2] * (s[0] - 5.7)]


@pytest.mark.parametrize(("system", "field"), [(Lorenz(), lorenz), (Roessler(), roessler)])
def test_one_unit_of_time_agrees_with_scipy(system, field):
    # Built here and not at import: parameters take the precision of the moment they are made.
    system = type(system)()
    steps = round(1 / float(system.interval))
    start = system.init(jax.random.key(3))
    data = run(system, steps, key=3, state=start)
    there = [float(data[name][0, -1]) for name in "xyz"]
    exact = solve_ivp(field, (0, 1), np.asarray(start), rtol=1e-11, atol=1e-12).y[:, -1]
    assert np.allclose(there, exact, atol=2e-4)


def test_divergence_of_the_lorenz_field_is_constant():
    jacobian = jax.jacfwd(Lorenz().drift)(jnp.array([1.0, 2.0, 30.0]))
    assert np.isclose(np.trace(jacobian), -(10 + 1 + 8 / 3))


def test_lorenz_equilibria():
    root = np.sqrt(8 / 3 * 27)
    assert np.allclose(Lorenz().drift(jnp.array([root, root, 27.0])), 0, atol=1e-12)


def test_both_stay_on_their_attractors():
    for system, top in ((Lorenz(), 60), (Roessler(), 40)):
        data = run(system, 4000, every=10, key=0, ensemble=3)
        assert all(np.abs(data[name]).max() < top for name in "xyz")
        assert float(data["x"].isel(time=slice(200, None)).std()) > 3


def test_a_silly_interval_is_refused():
    with pytest.raises(MorphogenError, match="interval > 0"):
        Lorenz(interval=0.0)
