"""Lyapunov exponents of systems and of data, and the 0-1 test, against known values, their definitions and nolds."""

import importlib.resources

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.chaos import divergence, kaplan_yorke, lyapunov, lyapunov_rosenstein, lyapunov_spectrum, zero_one
from morphogen.system import Map, parameter


def logistic(r, n, x=0.3, transient=2000):
    orbit = np.empty(n)
    for i in range(-transient, n):
        x = r * x * (1 - x)
        if i >= 0:
            orbit[i] = x
    return orbit


@pytest.fixture(scope="module")
def nolds():
    """nolds opens its example data as a package that is none, which Python 3.11 refuses: on the way in it is given its own package."""
    genuine = importlib.resources.files
    importlib.resources.files = lambda package: genuine("nolds" if package == "nolds.datasets" else package)
    try:
        import nolds
    finally:
        importlib.resources.files = genuine
    return nolds


class Henon(Map):
    a: jax.Array
    b: jax.Array

    def __init__(self, a=1.4, b=0.3):
        self.a, self.b = parameter(a), parameter(b)

    def init(self, key):
        return 0.1 * jax.random.uniform(key, (2,), self.a.dtype)

    def rule(self, state):
        return jnp.stack([1 - self.a * state[0] ** 2 + state[1], self.b * state[0]])

    def observe(self, state):
        return {"x": state[0]}


def test_system_measures_read_an_interval_from_the_key():
    with jax.enable_x64(True):
        system = Henon()
    reading = lyapunov(system)
    assert reading.low < 0.4192 < reading.high and reading.value == pytest.approx(0.4192, abs=0.02)
    assert reading.interval == "batch means" and reading.unit == "nat/time"
    assert lyapunov(system, steps=2000, key=1).value != lyapunov(system, steps=2000, key=2).value
    spectrum = lyapunov_spectrum(system)
    assert spectrum.value.shape == (2,) and spectrum.value.sum() == pytest.approx(np.log(0.3), abs=1e-9)
    assert len(spectrum.as_dict()["value"]) == 2 and str(spectrum).startswith("lyapunov-spectrum = 0.4")
    assert kaplan_yorke(spectrum.value) == pytest.approx(1.26, abs=0.02)


@pytest.mark.parametrize(
    "exponents, dimension", [([0.906, 0, -14.57], 2 + 0.906 / 14.57), ([-1, -2], 0), ([-1, 0.5], 1.5), ([1, 0.5], 2), ([0.0, -1], 1)]
)
def test_kaplan_yorke(exponents, dimension):
    assert kaplan_yorke(exponents) == pytest.approx(dimension)


def test_rosenstein_of_the_logistic_map_is_ln_2():
    assert lyapunov_rosenstein.value(logistic(4.0, 4000), dimension=2, delay=1) == pytest.approx(np.log(2), abs=0.01)


def test_rosenstein_of_lorenz_data():
    def slope(s):
        x, y, z = s
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    state, dt, orbit = np.array([1.0, 1.0, 25.0]), 0.01, []
    for i in range(42_000):
        k1 = slope(state)
        k2 = slope(state + dt / 2 * k1)
        k3 = slope(state + dt / 2 * k2)
        state = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + slope(state + dt * k3))
        if i >= 2000 and i % 10 == 0:
            orbit.append(state[0])
    found = lyapunov_rosenstein.value(np.array(orbit), dimension=4, delay=1, separation=20, length=40, sampling=0.1)
    assert found == pytest.approx(0.906, rel=0.15)


@pytest.mark.parametrize("dimension, delay, separation", [(1, 1, 0), (3, 1, 10), (5, 2, 30), (10, 1, 4)])
def test_rosenstein_agrees_with_nolds(nolds, dimension, delay, separation):
    noise = np.random.default_rng(0).normal(size=800)
    for x in (logistic(4.0, 800), np.sin(np.arange(800) / 5) + 0.1 * noise, noise):
        mine = lyapunov_rosenstein.value(x, dimension=dimension, delay=delay, separation=separation, length=15, last=14)
        other = nolds.lyap_r(x, emb_dim=dimension, lag=delay, min_tsep=separation, trajectory_len=15, fit="poly")
        assert mine == pytest.approx(other, abs=1e-9)


def test_divergence_starts_from_the_nearest_neighbour_outside_the_window():
    x, separation, length = np.random.default_rng(1).normal(size=120).cumsum(), 8, 5
    vectors = np.stack([x[:-2], x[1:-1], x[2:]], axis=1)
    n = len(vectors) - length + 1
    distance = np.linalg.norm(vectors[:n, None] - vectors[None, :n], axis=-1)
    distance[np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= separation] = np.inf
    found = divergence(x, dimension=3, delay=1, separation=separation, length=length)
    assert found.curve[0] == pytest.approx(np.log(distance.min(1)).mean(), abs=1e-12)
    near = distance.argmin(1)
    assert found.curve[4] == pytest.approx(np.log(np.linalg.norm(vectors[np.arange(n) + 4] - vectors[near + 4], axis=1)).mean(), abs=1e-12)


def test_the_least_length_named_in_the_error_is_enough_and_one_less_is_not():
    x = np.random.default_rng(0).normal(size=43)
    options = {"dimension": 5, "delay": 3, "separation": 5, "length": 20}
    assert np.isfinite(lyapunov_rosenstein.value(x, **options))
    with pytest.raises(MorphogenError, match="43 is the least"):
        lyapunov_rosenstein.value(x[:42], **options)


def test_sampling_scales_the_exponent():
    x = logistic(4.0, 1000)
    assert lyapunov_rosenstein.value(x, sampling=0.5) == pytest.approx(2 * lyapunov_rosenstein.value(x), rel=1e-12)


def test_zero_one_separates_chaos_from_periods():
    values = zero_one.value(np.stack([logistic(4.0, 5000), logistic(3.55, 5000), logistic(3.7, 5000)]))
    assert values[0] > 0.99 and abs(values[1]) < 0.05 and values[2] > 0.98
    assert zero_one.value(logistic(3.55, 5000)) == pytest.approx(values[1], abs=1e-12)
    assert abs(zero_one.value(np.cos(np.arange(5000) * np.sqrt(2)))) < 0.05


def test_zero_one_equals_its_definition():
    x, count = logistic(3.9, 400), 30
    c = np.random.default_rng(7).uniform(np.pi / 5, 4 * np.pi / 5, count)
    growth = []
    for each in c:
        j = np.arange(1, len(x) + 1)
        p, q = np.cumsum(x * np.cos(j * each)), np.cumsum(x * np.sin(j * each))
        lags, kept = np.arange(1, 41), 360
        m = [np.mean((p[n : n + kept] - p[:kept]) ** 2 + (q[n : n + kept] - q[:kept]) ** 2) for n in lags]
        d = m - x.mean() ** 2 * (1 - np.cos(lags * each)) / (1 - np.cos(each))
        growth.append(np.corrcoef(lags, d)[0, 1])
    assert zero_one.value(x, frequencies=count, key=7) == pytest.approx(np.median(growth), abs=1e-10)


def test_zero_one_draws_from_the_key_of_the_reading():
    x = logistic(3.7, 600)
    first, second = zero_one(x, key=1, interval=False).value, zero_one(x, key=2, interval=False).value
    assert first == zero_one.value(x, key=1) and second == zero_one.value(x, key=2) and first != second
    assert zero_one.value(x, key=jax.random.key(5)) == zero_one.value(x, key=jax.random.key(5)) != first


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: zero_one.value(np.zeros(200)), "constant"),
        (lambda: zero_one.value(np.arange(99.0)), "at least 100 values"),
        (lambda: zero_one.value(np.r_[np.nan, np.arange(200)]), "1 of 201 values are missing or infinite .first at 0"),
        (lambda: lyapunov_rosenstein.value(logistic(3.5, 2000)), "repeats itself exactly"),
        (
            lambda: lyapunov_rosenstein.value(np.arange(30.0) ** 2, dimension=5, delay=3, separation=5),
            "30 values are too few.*43 is the least",
        ),
        (lambda: lyapunov_rosenstein.value(np.ones(300)), "constant"),
        (lambda: lyapunov_rosenstein.value(np.ones((3, 300))), "wants a series"),
        (lambda: lyapunov_rosenstein.value(np.arange(300.0), first=5, last=5), "first=5 to last=5"),
        (lambda: lyapunov_rosenstein.value(np.arange(300.0), sampling=0), "sampling=0"),
        (lambda: lyapunov_rosenstein.value(np.arange(300.0), delay=0), "delay=0"),
        (lambda: kaplan_yorke([]), "at least one"),
    ],
)
def test_refuses(call, says):
    with pytest.raises(MorphogenError, match=says):
        call()
