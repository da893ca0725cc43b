"""The Kuramoto model against mean-field theory, the exact two-oscillator solution, and its own network form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.worlds.oscillators import Kuramoto, Oscillators


def settled_order(coupling, **kw):
    data = run(Kuramoto(n=1500, coupling=coupling, interval=0.1, **kw), 500, every=10, key=5, ensemble=3)
    return float(data["order"].isel(time=slice(20, None)).mean())


def test_lorentzian_order_follows_kuramotos_formula():
    # r = sqrt(1 - K_c / K), K_c = 2 at half width 1; fluctuations are of order n^-1/2.
    assert abs(settled_order(4.0) - np.sqrt(0.5)) < 0.03
    assert settled_order(1.0) < 0.1


def test_gaussian_order_sets_in_at_its_own_threshold():
    threshold = float(Kuramoto(distribution="gaussian").critical_coupling())
    assert np.isclose(threshold, 1.5957691)
    assert settled_order(0.6 * threshold, distribution="gaussian") < 0.15
    assert settled_order(1.4 * threshold, distribution="gaussian") > 0.6


@pytest.mark.parametrize("method", ["runge-kutta", "euler"])
def test_two_oscillators_lock_at_the_exact_phase_difference(method):
    # d(difference)/dt = dw - K sin(difference), with coupling / n = K / 2 from either side.
    system = Kuramoto(n=2, coupling=1.0, frequencies=[-0.3, 0.3], method=method)
    data = run(system, 2000, every=2000, key=2)
    a, b = np.asarray(data["phases"])[0, -1]
    assert np.isclose(np.sin(b - a), 0.6, atol=1e-4)


def test_a_full_network_is_the_mean_field():
    frequencies = np.linspace(-1, 1, 30)
    mean_field = Kuramoto(n=30, coupling=1.5, frequencies=frequencies)
    network = Kuramoto(n=30, coupling=1.5, frequencies=frequencies, network=np.ones((30, 30)))
    state = mean_field.init(jax.random.key(0))
    assert np.allclose(mean_field.drift(state).phases, network.drift(state).phases, atol=1e-5)


def test_network_coupling_by_brute_force():
    rng = np.random.default_rng(0)
    matrix, phases, omega = rng.random((7, 7)), rng.random(7) * 6, rng.normal(size=7)
    system = Kuramoto(n=7, coupling=2.0, frequencies=omega, network=matrix)
    slow = [omega[i] + 2.0 / 7 * sum(matrix[i, j] * np.sin(phases[j] - phases[i]) for j in range(7)) for i in range(7)]
    drift = system.drift(Oscillators(jnp.asarray(phases), jnp.asarray(omega)))
    assert np.allclose(drift.phases, slow, atol=1e-5) and np.allclose(drift.frequencies, 0)


def test_noise_alone_diffuses_phases_and_leaves_frequencies():
    system = Kuramoto(n=4000, coupling=0.0, width=0.0, noise=0.4, interval=0.1)
    state = system.init(jax.random.key(1))
    after = state
    step = jax.jit(lambda s, k: system.step(s, k))
    for k in jax.random.split(jax.random.key(2), 50):
        after = step(after, k)
    # Phases live on the circle; a deviation of 0.9 rad seldom goes around.
    moved = np.angle(np.exp(1j * (np.asarray(after.phases) - np.asarray(state.phases))))
    assert np.isclose(np.var(moved), 0.4**2 * 5.0, rtol=0.1)
    assert np.array_equal(after.frequencies, state.frequencies)


def test_changing_the_coupling_does_not_recompile():
    count = 0

    @jax.jit
    def drift(system, state):
        nonlocal count
        count += 1
        return system.drift(state).phases

    state = Kuramoto(n=5).init(jax.random.key(0))
    for coupling in (1.0, 2.0, 3.0):
        drift(Kuramoto(n=5, coupling=coupling), state)
    assert count == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(n=0), "n >= 1"),
        (dict(distribution="flat"), "not 'flat'"),
        (dict(method="leapfrog"), "not 'leapfrog'"),
        (dict(n=3, network=np.ones((2, 2))), r"\(3, 3\)"),
        (dict(noise=-1.0), "noise >= 0"),
    ],
)
def test_nonsense_is_refused(wrong, message):
    with pytest.raises(MorphogenError, match=message):
        Kuramoto(**wrong)
