"""The tangent propagator against analytic exponents, automatic differentiation of whole runs, and its own determinants."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.tangent import _largest, _spectrum, flow_jacobian, largest_lyapunov, lyapunov_spectrum, propagate
from morphogen.system import Flow, Host, Map, System, parameter


class Logistic(Map):
    r: jax.Array

    def __init__(self, r=4.0):
        self.r = parameter(r)

    def init(self, key):
        return jax.random.uniform(key, (1,), self.r.dtype, 0.1, 0.9)

    def rule(self, state):
        return self.r * state * (1 - state)

    def observe(self, state):
        return {"x": state[0]}


class Linear(Map):
    matrix: jax.Array

    def init(self, key):
        return jnp.ones(len(self.matrix), self.matrix.dtype)

    def rule(self, state):
        # The state would overflow; its direction is enough, and the derivative must be the matrix itself.
        after = self.matrix @ state
        return after + jax.lax.stop_gradient(after / jnp.linalg.norm(after) - after)

    def observe(self, state):
        return {"x": state}


class Lorenz(Flow):
    rho: jax.Array
    interval: jax.Array
    solver: None = eqx.field(static=True)

    def __init__(self, rho=28.0, interval=0.01):
        self.rho, self.interval, self.solver = parameter(rho), parameter(interval), None

    def init(self, key):
        return jnp.array([1.0, 1.0, 25.0]) + jax.random.normal(key, (3,))

    def drift(self, state):
        x, y, z = state
        return jnp.stack([10 * (y - x), x * (self.rho - z) - y, x * y - 8 / 3 * z])

    def observe(self, state):
        return {"x": state}


class Mixed(System):
    """A noisy step with a clock and a key in its state, to be differentiated past."""

    def init(self, key):
        return {"x": jnp.array([0.5, -0.2]), "clock": jnp.int32(0), "key": key}

    def step(self, state, key):
        noise = jax.random.normal(key, (2,))
        x = jnp.sin(state["x"][::-1] * state["clock"]) + state["x"] ** 2 * noise
        return {"x": x, "clock": state["clock"] + 1, "key": jax.random.fold_in(state["key"], 1)}

    def observe(self, state):
        return {"x": state["x"]}


class OnHost(Host):
    def init(self, key):
        return np.zeros(1)

    def step(self, state, key):
        return state

    def observe(self, state):
        return {"x": state}


def test_logistic_map_has_ln_2():
    with jax.enable_x64(True):
        system = Logistic(4.0)
    found = lyapunov_spectrum(system, steps=40_000)
    assert found.exponents.dtype == np.float64
    assert found.exponents[0] == pytest.approx(np.log(2), abs=1e-3)
    assert found.low[0] < np.log(2) < found.high[0]
    assert float(largest_lyapunov(system, steps=40_000, transient=1000)) == pytest.approx(np.log(2), abs=1e-3)


def test_periodic_orbit_has_the_exponent_of_its_multiplier():
    # At r = 3.2 the orbit of period 2 has the multiplier 4 + 2 r - r^2.
    with jax.enable_x64(True):
        system = Logistic(3.2)
    expected = np.log(abs(4 + 2 * 3.2 - 3.2**2)) / 2
    assert float(largest_lyapunov(system, steps=1000, transient=1000)) == pytest.approx(expected, abs=1e-9)


def test_superstable_orbit_has_minus_infinity():
    assert float(largest_lyapunov(Logistic(2.0), jnp.array([0.5]), 10)) == -np.inf


def test_linear_maps_have_the_logarithms_of_their_eigenvalues():
    random = np.random.default_rng(0)
    basis = random.normal(size=(4, 4)) + 3 * np.eye(4)
    values = np.array([1.5, 1.0, 0.7, 0.2])  # the second is a unit root: exponent 0
    with jax.enable_x64(True):
        system = Linear(jnp.asarray(basis @ np.diag(values) @ np.linalg.inv(basis)))
    for every in (1, 5):
        found = lyapunov_spectrum(system, steps=1000, transient=200, reorthonormalise_every=every)
        np.testing.assert_allclose(found.exponents, np.log(values), atol=1e-9)
        assert found.sum_error < 1e-9 and found.log_det == pytest.approx(np.log(values).sum(), abs=1e-9)
    leading = lyapunov_spectrum(system, steps=1000, transient=200, k=2)
    np.testing.assert_allclose(leading.exponents, np.log(values[:2]), atol=1e-9)
    assert leading.rates.shape == (20, 2) and np.isnan(leading.log_det)


def test_start_in_an_invariant_subspace_still_finds_the_largest():
    with jax.enable_x64(True):
        system = Linear(jnp.diag(jnp.array([0.5, 2.0])))
        start = jnp.array([1.0, 0.0])
    assert float(largest_lyapunov(system, start, 500, transient=100)) == pytest.approx(np.log(2), abs=1e-12)


def test_lorenz_spectrum_and_its_sum():
    with jax.enable_x64(True):
        fine, coarse = Lorenz(interval=0.0025), Lorenz(interval=0.005)
    found = lyapunov_spectrum(fine, steps=80_000, transient=4000, reorthonormalise_every=4)
    assert found.low[0] < 0.9056 < found.high[0] and found.exponents[0] == pytest.approx(0.9056, abs=0.04)
    assert abs(found.exponents[1]) < 0.02
    divergence = -(10 + 1 + 8 / 3)
    assert found.sum_error < 1e-10
    assert found.exponents.sum() == pytest.approx(divergence, abs=1e-6)
    # What is left is the error of the Runge-Kutta step: order 4.
    rough = lyapunov_spectrum(coarse, steps=40_000, transient=2000, reorthonormalise_every=4)
    assert (rough.exponents.sum() - divergence) / (found.exponents.sum() - divergence) == pytest.approx(16, rel=0.2)


def test_sum_check_sees_a_frame_that_collapsed():
    with jax.enable_x64(True):
        # Skewed eigenvectors, because a diagonal matrix scales the columns without rounding them together.
        basis = jnp.array([[1.0, 1.0], [1.0, 2.0]])
        system = Linear(basis @ jnp.diag(jnp.array([10.0, 0.1])) @ jnp.linalg.inv(basis))
    assert lyapunov_spectrum(system, steps=400, transient=100, batches=2).sum_error < 1e-9
    assert not lyapunov_spectrum(system, steps=400, transient=100, batches=2, reorthonormalise_every=50).sum_error < 1e-3


@pytest.mark.parametrize("block", [1, 3, 100])
def test_flow_jacobian_equals_the_jacobian_of_the_composed_map(block):
    def step(x):
        return jnp.stack([x[0] ** 2 + x[1], jnp.sin(x[0]) * x[2], x[1] - 0.3 * x[2], x[3] * x[0]])

    with jax.enable_x64(True):
        start = jnp.array([0.3, 0.4, -0.2, 0.9])
        expected = jax.jacobian(lambda x: step(step(step(x))))(start)
        found = flow_jacobian(step, start, 3, block=block)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_flow_jacobian_passes_clocks_and_keys_by_and_uses_the_keys_of_a_run():
    system, key = Mixed(), jax.random.key(3)
    start = system.init(key)

    def run(x):
        state = start | {"x": x}
        for t in range(4):
            state = system.step(state, jax.random.fold_in(key, t))
        return state["x"]

    np.testing.assert_allclose(flow_jacobian(system, start, 4, key=key), jax.jacobian(run)(start["x"]), rtol=1e-4, atol=1e-6)
    state, moved = propagate(system, start, {"x": jnp.eye(2), "clock": None, "key": None}, 4, key=key)
    np.testing.assert_allclose(state["x"], run(start["x"]), rtol=1e-5)
    assert int(state["clock"]) == 4
    np.testing.assert_allclose(moved["x"].T, jax.jacobian(run)(start["x"]), rtol=1e-4, atol=1e-6)


def test_stages_of_propagation_equal_the_whole():
    system, key = Mixed(), jax.random.key(1)
    start, tangents = system.init(key), {"x": jnp.ones((1, 2)), "clock": None, "key": None}
    middle, carried = propagate(system, start, tangents, 3, key=key)
    in_two = propagate(system, middle, carried, 4, key=key, first=3)[1]["x"]
    np.testing.assert_allclose(in_two, propagate(system, start, tangents, 7, key=key)[1]["x"], rtol=1e-6)


def test_sweep_equals_single_orbits():
    with jax.enable_x64(True):
        values, starts = jnp.linspace(3.5, 4, 6), jnp.full((6, 1), 0.3)
        swept = eqx.filter_vmap(lambda r, x: largest_lyapunov(Logistic(r), x, 300, transient=50))(values, starts)
        whole = eqx.filter_vmap(lambda r, x: lyapunov_spectrum(Logistic(r), x, 300, transient=50).exponents)(values, starts)
    # Chaotic orbits amplify rounding e-fold every step or two, so only regular ones agree to the last digits.
    single = [float(largest_lyapunov(Logistic(float(r)), starts[i], 300, transient=50)) for i, r in enumerate(np.asarray(values))]
    assert float(swept[0]) == pytest.approx(single[0], abs=1e-6)
    np.testing.assert_allclose(swept, single, atol=0.15)
    np.testing.assert_allclose(whole[:, 0], swept, atol=0.15)
    assert np.all(np.sign(swept) == np.sign(single))


def test_other_parameters_and_other_lengths_do_not_recompile():
    largest_lyapunov(Logistic(3.7), steps=100)
    lyapunov_spectrum(Logistic(3.7), steps=100)
    before = _largest._cached._cache_size(), _spectrum._cached._cache_size()
    largest_lyapunov(Logistic(3.9), steps=777, transient=5)
    lyapunov_spectrum(Logistic(3.9), steps=200, transient=7, key=4)
    assert (_largest._cached._cache_size(), _spectrum._cached._cache_size()) == before


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: largest_lyapunov(OnHost()), "runs on the host"),
        (lambda: largest_lyapunov(3), "not int"),
        (lambda: largest_lyapunov(lambda x: x), "which state"),
        (lambda: largest_lyapunov(Logistic(), steps=0), "steps=0"),
        (lambda: largest_lyapunov(lambda x: x + 1, jnp.arange(3), 5), "no real numbers"),
        (lambda: largest_lyapunov(Logistic(5.0), steps=100), "does not stay finite"),
        (lambda: lyapunov_spectrum(Logistic(), k=2), "k=2"),
        (lambda: lyapunov_spectrum(Logistic(), steps=19), "steps=19"),
        (lambda: lyapunov_spectrum(Logistic(), transient=-1), "transient=-1"),
        (lambda: flow_jacobian(lambda x: x, jnp.ones(2), 1, block=0), "block=0"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(MorphogenError, match=says):
        call()
