"""Sample entropy against its definition, the analytic value of white noise, and antropy."""

from math import erf, log

import antropy
import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.measures.entropy import sample_entropy


def by_definition(x, m, tolerance):
    """Richman & Moorman (2000), pair by pair."""
    r, n = tolerance * x.std(), len(x) - m
    a = b = 0
    for i in range(n):
        for j in range(i + 1, n):
            if np.abs(x[i : i + m] - x[j : j + m]).max() <= r:
                b += 1
                a += abs(x[i + m] - x[j + m]) <= r
    return log(b / a)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_equals_the_definition(m):
    x = np.random.default_rng(m).normal(size=200).cumsum()
    assert sample_entropy.value(x, dimension=m, tolerance=0.3) == pytest.approx(by_definition(x, m, 0.3), abs=1e-13)


def test_equals_the_definition_with_ties():
    x = np.random.default_rng(0).integers(0, 5, 150).astype(float)
    # A tolerance of exactly one step: values one apart are alike.
    tolerance = 1 / x.std()
    assert sample_entropy.value(x, tolerance=tolerance) == pytest.approx(by_definition(x, 2, tolerance), abs=1e-13)


@pytest.mark.parametrize("tolerance", [0.1, 0.2, 0.5])
def test_white_noise_has_the_analytic_value(tolerance):
    values = sample_entropy.value(np.random.default_rng(1).normal(size=(20, 5000)), tolerance=tolerance)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert error < 0.02
    assert values.mean() == pytest.approx(-log(erf(tolerance / 2)), abs=4 * error)


# antropy has two algorithms, and changes between them at 5000 values.
@pytest.mark.parametrize("n", [1000, 6000])
@pytest.mark.parametrize("kind", ["noise", "sine", "walk"])
def test_agrees_with_antropy(n, kind):
    noise = np.random.default_rng(2).normal(size=n)
    x = {"noise": noise, "sine": np.sin(np.arange(n) / 20) + 0.05 * noise, "walk": noise.cumsum()}[kind]
    assert sample_entropy.value(x) == pytest.approx(antropy.sample_entropy(x), abs=1e-12)


def test_batches_equal_single_series_and_scale_does_not_matter():
    x = np.random.default_rng(3).normal(size=(2, 3, 300))
    values = sample_entropy.value(x, tolerance=0.4)
    assert values.shape == (2, 3)
    assert values[1, 2] == sample_entropy.value(x[1, 2], tolerance=0.4)
    assert sample_entropy.value(1024 * x[0, 0], tolerance=0.4) == values[0, 0]


def test_order_scores_below_noise_with_surrogates_that_agree():
    x = np.empty(1000)
    x[0] = 0.3
    for i in range(999):
        x[i + 1] = 4 * x[i] * (1 - x[i])
    reading = sample_entropy(x, surrogates=39)
    assert reading.value < reading.null_mean and reading.p == pytest.approx(1 / 40)
    assert reading.low < reading.value < reading.high and reading.unit == "nat"


@pytest.mark.parametrize(
    "x, options, says",
    [
        (np.ones(100), {}, "constant"),
        (np.arange(4.0), {}, "4 values are too few"),
        (np.r_[1, 2, np.nan, np.arange(9)], {}, "1 of 12 values are missing or infinite .first at 2"),
        (np.array([0.0, 10, 30, 70, 150, 310]), {"tolerance": 0.01}, "too few for this dimension"),
        (np.arange(9.0), {"tolerance": 0.0}, "tolerance=0.0 above 0"),
        (np.arange(9.0), {"dimension": 0}, "dimension=0"),
        (np.float64(3), {}, "wants a series"),
    ],
)
def test_refuses(x, options, says):
    with pytest.raises(MorphogenError, match=says):
        sample_entropy.value(x, **options)
