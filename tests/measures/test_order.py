"""Order parameters against analytic cases and the `kuramoto` package."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kuramoto import Kuramoto

from morphogen.errors import MorphogenError
from morphogen.measures.order import (
    cross_correlation,
    kuramoto_order,
    order_parameter,
    phases,
    polarisation,
    synchronisation_error,
)

random = np.random.default_rng(0)


def test_equal_phases_are_ordered_and_balanced_ones_are_not():
    assert kuramoto_order.value(np.full((7, 20), 1.3)) == pytest.approx(1, abs=1e-12)
    assert kuramoto_order.value(np.tile(2 * np.pi * np.arange(20) / 20, (7, 1))) == pytest.approx(0, abs=1e-12)
    assert kuramoto_order.value(np.tile([0.0, np.pi / 2], (3, 1))) == pytest.approx(1 / np.sqrt(2), abs=1e-12)


def test_independent_phases_give_the_rayleigh_mean():
    n, instants = 100, 20_000
    mean = kuramoto_order.value(random.uniform(0, 2 * np.pi, (instants, n)))
    error = np.sqrt((4 - np.pi) / 4 / n / instants)  # the standard deviation of a Rayleigh mean
    assert mean == pytest.approx(np.sqrt(np.pi / n) / 2, abs=4 * error + 1 / n**1.5)


def test_agrees_with_the_kuramoto_package():
    angles = random.normal(size=(30, 12))
    theirs = [Kuramoto.phase_coherence(instant) for instant in angles]
    np.testing.assert_allclose(order_parameter(angles), theirs, rtol=1e-12)
    assert kuramoto_order.value(angles) == pytest.approx(np.mean(theirs), rel=1e-12)


def test_order_parameter_is_batched_and_compiles_under_jax():
    angles = random.normal(size=(3, 4, 12))
    assert kuramoto_order.value(angles).shape == (3,)
    np.testing.assert_allclose(jax.jit(order_parameter)(jnp.asarray(angles)), order_parameter(angles), rtol=1e-5)


def test_phase_of_a_sine_advances_with_its_frequency():
    time = np.arange(1000) / 1000
    signals = np.stack([3 * np.cos(2 * np.pi * 10 * time + 0.4) + 7, np.cos(2 * np.pi * 25 * time - 1)], axis=1)
    expected = np.stack([2 * np.pi * 10 * time + 0.4, 2 * np.pi * 25 * time - 1], axis=1)
    np.testing.assert_allclose(np.exp(1j * phases(signals)), np.exp(1j * expected), atol=1e-10)
    np.testing.assert_allclose(phases(signals[:, 0]), phases(signals)[:, 0])


def test_polarisation_of_known_flocks():
    assert polarisation.value(np.array([[2.0, 0], [5, 0], [1, 0]])) == pytest.approx(1)
    assert polarisation.value(np.array([[1.0, 0], [-3, 0]])) == pytest.approx(0, abs=1e-15)
    assert polarisation.value(np.array([[1.0, 0], [0, 2.0]])) == pytest.approx(1 / np.sqrt(2))
    assert polarisation.value(np.array([[1.0, 0], [0, 0]])) == pytest.approx(0.5)
    angles = random.uniform(0, 7, (6, 40))
    velocities = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    np.testing.assert_allclose(polarisation.value(velocities), order_parameter(angles), rtol=1e-12)


def test_synchronisation_error_of_identical_opposite_and_independent_channels():
    x = random.normal(size=20_000)
    assert synchronisation_error.value(np.stack([x, x, x], axis=1)) == pytest.approx(0, abs=1e-12)
    assert synchronisation_error.value(np.stack([x, -x], axis=1)) == pytest.approx(np.sqrt(2), rel=1e-9)
    assert synchronisation_error.value(random.normal(size=(20_000, 5))) == pytest.approx(1, abs=0.01)
    assert synchronisation_error.value(np.stack([x, x + 2], axis=1), normalised=False) == pytest.approx(np.sqrt(2), rel=1e-9)


def test_cross_correlation_finds_the_lag_and_matches_the_definition():
    x = random.normal(size=500)
    both = np.stack([x, np.roll(x, 3) + 0.1 * random.normal(size=500)], axis=1)
    assert cross_correlation.value(both, lag=3) > 0.98
    assert abs(cross_correlation.value(both, lag=-3)) < 0.2
    assert cross_correlation.value(both, first=1, second=0, lag=-3) == pytest.approx(cross_correlation.value(both, lag=3))
    a, b = both[:-5, 0] - both[:-5, 0].mean(), both[5:, 1] - both[5:, 1].mean()
    assert cross_correlation.value(both, lag=5) == pytest.approx((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: kuramoto_order.value(np.full((5, 3), np.nan)), "NaN"),
        (lambda: kuramoto_order.value(np.zeros((5, 1))), "at least 2 oscillators"),
        (lambda: kuramoto_order.value(np.zeros((0, 4))), "empty"),
        (lambda: phases(np.ones((10, 2))), "channel 0 is constant"),
        (lambda: phases([1.0, 2.0]), "too few"),
        (lambda: phases(np.zeros((3, 3, 3))), "shape"),
        (lambda: polarisation.value(np.zeros((5, 2))), "all velocities are zero"),
        (lambda: polarisation.value(np.ones(5)), "shape"),
        (lambda: synchronisation_error.value(np.ones((5, 2))), "no scale"),
        (lambda: synchronisation_error.value(np.ones((5, 1))), "at least 2 samples of 2 channels"),
        (lambda: cross_correlation.value(np.ones((9, 2))), "constant"),
        (lambda: cross_correlation.value(np.eye(9), second=9), "no channel 9"),
        (lambda: cross_correlation.value(np.eye(9), lag=7), "2 pairs"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, says):
    with pytest.raises(MorphogenError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_readings_come_with_an_interval_and_a_test():
    time = np.arange(600)
    locked = 0.1 * time[:, None] + 0.3 * random.normal(size=(600, 6))
    reading = kuramoto_order(locked, surrogates=39)
    assert reading.low <= reading.value <= reading.high and reading.p <= 0.05
    assert reading.value == pytest.approx(np.exp(-(0.3**2) / 2), abs=0.02)  # the mean of exp(i theta) for a normal theta, but for 1 / n
    heading = np.stack([1 + 0.2 * random.normal(size=200), 0.2 * random.normal(size=200)], axis=1)
    reading = polarisation(heading)
    assert 0.9 < reading.low < reading.value < reading.high < 1
    x = random.normal(size=(2000, 2))
    x[:, 1] = 0.5 * x[:, 0] + np.sqrt(0.75) * x[:, 1]
    reading = cross_correlation(x, surrogates=39)
    assert reading.low < 0.5 < reading.high and reading.p == 1 / 40
    reading = synchronisation_error(x)
    assert reading.low < np.sqrt(0.5) < reading.high
