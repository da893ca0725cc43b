"""Surrogates: exactly what each keeps and what each destroys."""

import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.surrogates import SURROGATES, cells_shuffled, columns_shuffled, iaaft, phase_randomised, shifted, shuffled


def random():
    return np.random.default_rng(0)


def coloured(n=1024):
    """A skewed series with memory: exp of an autoregression."""
    noise, x = np.random.default_rng(5).normal(size=n), np.zeros(n)
    for i in range(1, n):
        x[i] = 0.8 * x[i - 1] + noise[i]
    return np.exp(0.5 * x)


def spectrum(x):
    return np.abs(np.fft.rfft(x, axis=0))


def correlation(x):
    return np.corrcoef(x[:-1], x[1:])[0, 1]


def test_shuffled_keeps_values_and_destroys_order():
    x = coloured()
    y = shuffled(x, random())
    np.testing.assert_array_equal(np.sort(y), np.sort(x))
    assert correlation(x) > 0.6 and abs(correlation(y)) < 0.12


@pytest.mark.parametrize("n", [512, 513])
def test_phase_randomised_keeps_the_spectrum_and_not_the_distribution(n):
    x = coloured(n)
    y = phase_randomised(x, random())
    assert y.shape == x.shape and np.isrealobj(y)
    np.testing.assert_allclose(spectrum(y), spectrum(x), rtol=1e-9, atol=1e-9)
    assert y.mean() == pytest.approx(x.mean())
    skew = [np.mean((z - z.mean()) ** 3) / z.std() ** 3 for z in (x, y)]
    assert skew[0] > 1 and abs(skew[1]) < 0.5


def test_phase_randomised_channels_keep_their_cross_spectrum():
    x = np.stack([coloured(), np.roll(coloured(), 3)], axis=1)
    y = phase_randomised(x, random())
    a, b = np.fft.rfft(x, axis=0), np.fft.rfft(y, axis=0)
    np.testing.assert_allclose(b[1:-1, 0] * b[1:-1, 1].conj(), a[1:-1, 0] * a[1:-1, 1].conj(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("n", [1024, 1001])
def test_iaaft_keeps_the_values_exactly_and_the_spectrum_nearly(n):
    x = coloured(n)
    y = iaaft(x, random())
    np.testing.assert_array_equal(np.sort(y), np.sort(x))
    assert not np.array_equal(y, x)
    error = np.linalg.norm(spectrum(y) - spectrum(x)) / np.linalg.norm(spectrum(x - x.mean()))
    shuffled_error = np.linalg.norm(spectrum(shuffled(x, random())) - spectrum(x)) / np.linalg.norm(spectrum(x - x.mean()))
    assert error < 0.02 and shuffled_error > 0.3
    assert correlation(y) == pytest.approx(correlation(x), abs=0.02)


def test_iaaft_stops_by_itself_when_the_order_is_settled():
    x = coloured(256)
    settled = iaaft(x, random(), rounds=5000)
    np.testing.assert_array_equal(settled, iaaft(x, random(), rounds=10_000))
    assert not np.array_equal(settled, iaaft(x, random(), rounds=1))


def test_iaaft_destroys_what_makes_chaos_predictable():
    x = np.empty(1000)
    x[0] = 0.3
    for i in range(999):
        x[i + 1] = 4 * x[i] * (1 - x[i])
    surrogate = iaaft(x, random())
    off = [np.abs(z[1:] - 4 * z[:-1] * (1 - z[:-1])).mean() for z in (x, surrogate)]
    assert off[0] < 1e-12 and off[1] > 0.2


def test_shifted_keeps_each_channel_and_destroys_what_binds_them():
    x = np.stack([coloured(), coloured()], axis=1)
    y = shifted(x, random())
    np.testing.assert_array_equal(y[:, 1], x[:, 1])
    assert any(np.array_equal(y[:, 0], np.roll(x[:, 0], lag)) for lag in range(102, 923))
    assert abs(np.corrcoef(y.T)[0, 1]) < 0.3


def test_columns_and_cells_keep_their_values():
    points = random().normal(size=(50, 3))
    mixed = columns_shuffled(points, random())
    np.testing.assert_array_equal(np.sort(mixed, axis=0), np.sort(points, axis=0))
    assert not np.array_equal(mixed[:, 0], points[:, 0])
    field = np.arange(60).reshape(6, 10)
    scattered = cells_shuffled(field, random())
    assert scattered.shape == (6, 10) and set(scattered.ravel()) == set(range(60)) and not np.array_equal(scattered, field)


@pytest.mark.parametrize("name", sorted(SURROGATES))
def test_same_generator_same_surrogate_and_the_data_stay_as_they_were(name):
    x = coloured(64) if name in ("shuffle", "phase", "iaaft") else np.random.default_rng(1).normal(size=(64, 3))
    before = x.copy()
    first, second, other = (SURROGATES[name](x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x, before)
    assert not np.array_equal(first, other)


def test_refuses_the_wrong_shape():
    with pytest.raises(MorphogenError, match="iaaft takes one series"):
        iaaft(np.ones((5, 2)), random())
    with pytest.raises(MorphogenError, match="at least two channels"):
        shifted(np.ones((5, 1)), random())
