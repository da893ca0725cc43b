"""Power laws of known exponent, brute force, the `powerlaw` package, and mpmath for the zeta function."""

import mpmath
import numpy as np
import powerlaw
import pytest
from scipy import optimize

from morphogen.errors import MorphogenError
from morphogen.measures.criticality import (
    _zeta,
    avalanche_exponent,
    avalanches,
    fit_power_law,
    likelihood_ratio,
    power_law_exponent,
)


def pareto(n, exponent, minimum=1.0, seed=0):
    return minimum * (1 - np.random.default_rng(seed).random(n)) ** (-1 / (exponent - 1))


def with_body(n=3000, seed=1):
    """A power law of exponent 2.5 above 3, and something else below."""
    random = np.random.default_rng(seed)
    return np.where(random.random(n) < 0.6, pareto(n, 2.5, 3.0, seed + 1), 3 * random.random(n) + 0.01)


def brute_force(events, minimum):
    """Exponent and Kolmogorov-Smirnov distance of a continuous tail, over all its points and both sides of each step."""
    tail = np.sort(events[events >= minimum])
    n, exponent = len(tail), 1 + 1 / np.mean(np.log(tail[tail >= minimum] / minimum))
    law, data = (tail / minimum) ** (1 - exponent), 1 - np.arange(n) / n
    return max(np.abs(data - law).max(), np.abs(data - 1 / n - law).max()), exponent


@pytest.mark.parametrize(("s", "q"), [(1.01, 7.0), (1.5, 1.0), (2.5, 3.0), (30.0, 2.0), (50.0, 1.0), (1.2, 500.0)])
def test_zeta_and_its_derivative_agree_with_mpmath(s, q):
    value, mean_log = _zeta(s, q)
    exact = mpmath.zeta(s, q)
    assert value * q**-s == pytest.approx(float(exact), rel=1e-13)
    assert mean_log == pytest.approx(float(-mpmath.zeta(s, q, 1) / exact), rel=1e-12)


@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.5])
def test_known_exponents_are_found_within_their_errors(exponent):
    deviations = []
    for seed in range(10):
        fit = fit_power_law(pareto(4000, exponent, 2.0, seed), minimum=2.0)
        assert fit.error == pytest.approx((exponent - 1) / np.sqrt(4000), rel=0.1)
        deviations.append((fit.exponent - exponent) / fit.error)
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(1, abs=0.6)
    assert np.abs(deviations).max() < 3.5


def test_minimum_is_the_best_of_all_and_the_distance_is_exact():
    events = with_body()
    fit = fit_power_law(events)
    distances = {m: brute_force(events, m)[0] for m in np.sort(events)[:-10]}
    best = min(distances, key=distances.get)
    assert fit.minimum == best
    assert fit.distance == pytest.approx(distances[best], abs=1e-12)
    assert fit.exponent == pytest.approx(brute_force(events, best)[1], rel=1e-12)
    assert fit.tail == (events >= best).sum() and fit.events == 3000 and not fit.discrete
    assert 2.5 < fit.minimum < 5 and fit.exponent == pytest.approx(2.5, abs=4 * fit.error)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Initial guess")
def test_agrees_with_the_powerlaw_package_on_continuous_events():
    # The package looks at one side of each step of the data only; its distance may be less by up to 1 / tail, and so it may take
    # another minimum. By the distance over both sides, ours must be the better one.
    events = with_body()
    ours, theirs = fit_power_law(events), powerlaw.Fit(events, verbose=0)
    there = fit_power_law(events, minimum=theirs.xmin)
    assert there.exponent == pytest.approx(theirs.power_law.alpha, rel=1e-6)
    assert theirs.power_law.D <= there.distance <= theirs.power_law.D + 1 / there.tail
    assert ours.distance <= there.distance
    assert ours.exponent == pytest.approx(theirs.power_law.alpha, abs=ours.error)
    theirs = powerlaw.Fit(events, xmin=ours.minimum, verbose=0)
    assert ours.exponent == pytest.approx(theirs.power_law.alpha, rel=1e-6)
    assert ours.distance == pytest.approx(theirs.power_law.D, abs=1 / ours.tail)
    assert ours.error == pytest.approx(theirs.power_law.standard_err, rel=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Initial guess")
@pytest.mark.parametrize(("alternative", "name"), [("exponential", "exponential"), ("log-normal", "lognormal")])
def test_comparisons_agree_with_the_powerlaw_package(alternative, name):
    for events in (pareto(1500, 2.5), np.random.default_rng(8).lognormal(1, 0.8, 3000)):
        comparison = likelihood_ratio(events, alternative, fit=fit_power_law(events, minimum=1.0))
        theirs = powerlaw.Fit(events, xmin=1.0, verbose=0)
        ratio, p = theirs.distribution_compare("power_law", name, normalized_ratio=True)
        assert comparison.ratio == pytest.approx(ratio, abs=0.01)
        assert comparison.p == pytest.approx(p, rel=0.05, abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Initial guess")
def test_agrees_with_the_powerlaw_package_on_integers():
    events = np.random.default_rng(2).zipf(2.2, 5000)
    ours = fit_power_law(events, minimum=1)
    theirs = powerlaw.Fit(events, discrete=True, estimate_discrete=False, xmin=1, verbose=0)
    assert ours.discrete
    assert ours.exponent == pytest.approx(theirs.power_law.alpha, abs=2e-4)  # theirs comes from a general minimiser
    assert ours.exponent == pytest.approx(2.2, abs=4 * ours.error)
    comparison = likelihood_ratio(events, "log-normal", fit=ours)
    ratio, _ = theirs.distribution_compare("power_law", "lognormal", normalized_ratio=True)
    assert comparison.ratio == pytest.approx(ratio, abs=0.02)


def test_discrete_fit_is_the_maximum_of_the_likelihood():
    events = np.random.default_rng(3).zipf(2.6, 2000)
    for minimum in (1, 3):
        tail = events[events >= minimum]
        fit = fit_power_law(events, minimum=minimum)

        def cost(exponent, tail=tail, minimum=minimum):
            return float(len(tail) * mpmath.log(mpmath.zeta(exponent, minimum)) + exponent * np.log(tail).sum())

        found = optimize.minimize_scalar(cost, bounds=(1.5, 5), method="bounded", options={"xatol": 1e-9})
        assert fit.exponent == pytest.approx(found.x, abs=1e-5)
        step = 1e-3
        curvature = (cost(fit.exponent + step) - 2 * cost(fit.exponent) + cost(fit.exponent - step)) / step**2
        assert fit.error == pytest.approx(1 / np.sqrt(curvature), rel=1e-3)


def test_discrete_distance_looks_at_every_integer():
    events = np.random.default_rng(4).zipf(1.9, 400)
    fit = fit_power_law(events, minimum=2)
    tail, zeta = events[events >= 2], float(mpmath.zeta(fit.exponent, 2))
    integers = np.arange(2, min(tail.max(), 20_000) + 1)
    law = 1 - np.concatenate(([0], np.cumsum(integers**-fit.exponent)[:-1])) / zeta
    data = np.array([(tail >= k).mean() for k in integers])
    assert fit.distance == pytest.approx(np.abs(data - law).max(), abs=1e-9)


def test_exponential_and_log_normal_tails_are_told_from_a_power_law():
    random = np.random.default_rng(5)
    assert likelihood_ratio(pareto(3000, 2.2), "exponential").ratio > 5
    exponential = fit_power_law(1 + random.exponential(size=3000), minimum=1.0)
    against = likelihood_ratio(1 + np.random.default_rng(5).exponential(size=3000), "exponential", fit=exponential)
    assert against.ratio < -5 and against.p < 1e-6
    assert against.parameters[0] == pytest.approx(1, abs=0.1)
    events = random.lognormal(1.0, 0.7, 4000)
    against = likelihood_ratio(events, "log-normal", fit=fit_power_law(events, minimum=1.0))
    assert against.ratio < -5 and against.parameters == pytest.approx((1.0, 0.7), abs=0.1)


def test_geometric_alternative_is_the_maximum_of_its_likelihood():
    events = 1 + np.random.default_rng(6).geometric(0.2, 2000)
    comparison = likelihood_ratio(events, "exponential", fit=fit_power_law(events, minimum=2))
    assert comparison.parameters[0] == pytest.approx(-np.log(1 - 0.2), abs=0.02)
    over = (events - 2).mean()
    options = {"xatol": 1e-9}
    found = optimize.minimize_scalar(lambda r: -np.log(1 - np.exp(-r)) + r * over, bounds=(0.01, 2), method="bounded", options=options)
    assert comparison.parameters[0] == pytest.approx(found.x, abs=1e-6)
    assert comparison.ratio < -5


def test_a_million_events_take_seconds():
    from time import perf_counter

    fit_power_law(pareto(100, 2.0))  # compile
    events, start = pareto(1_000_000, 2.0), perf_counter()
    fit = fit_power_law(events)
    assert perf_counter() - start < 10  # about 0.5 s on one idle core
    assert fit.exponent == pytest.approx(2, abs=5 * fit.error)


def test_avalanches_are_the_whole_runs_above_the_threshold():
    sizes, durations = avalanches([5, 0, 1, 2, 0, 0, 4, 0, 1, 1, 1, 0, 9])
    assert (sizes.tolist(), durations.tolist()) == ([3, 4, 3], [2, 1, 3])
    sizes, durations = avalanches([0.0, 1.5, 2.5, 1.0, 3.0, 0.0], threshold=1.0)
    assert (sizes.tolist(), durations.tolist()) == ([2.0, 2.0], [2, 1])
    for nothing in ([], [1, 1], [0, 0, 0], [0, 1], [1, 0]):
        assert [len(part) for part in avalanches(nothing)] == [0, 0]


def test_a_critical_branching_process_has_the_exponents_of_mean_field():
    # Galton-Watson trees with Poisson offspring of mean 1, one after the other: sizes fall as s^-3/2 (Otter 1949).
    random, activity = np.random.default_rng(7), []
    for _ in range(20_000):
        alive = 1
        while alive and alive < 10_000:
            activity.append(alive)
            alive = int(random.poisson(alive))
        activity.append(0)
    activity = np.array([0, *activity])
    sizes, durations = avalanches(activity)
    assert len(sizes) == 20_000
    assert (sizes == 1).mean() == pytest.approx(np.exp(-1), abs=0.015)  # no offspring at all
    assert fit_power_law(sizes, minimum=20).exponent == pytest.approx(1.5, abs=0.05)
    assert avalanche_exponent.value(activity) == pytest.approx(1.5, abs=0.1)
    assert avalanche_exponent.value(activity, of="duration") == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: power_law_exponent.value([1.0, 2, 3]), "too few"),
        (lambda: power_law_exponent.value(np.full(20, np.nan)), "NaN"),
        (lambda: power_law_exponent.value(np.arange(20.0)), "zero or negative"),
        (lambda: power_law_exponent.value(np.full(20, 3.0)), "same size 3"),
        (lambda: power_law_exponent.value(np.ones((20, 2))), "shape"),
        (lambda: power_law_exponent.value(pareto(50, 2), minimum=1e9), "0 events reach"),
        (lambda: power_law_exponent.value(pareto(50, 2), minimum=0), "above 0"),
        (lambda: power_law_exponent.value(pareto(50, 2), discrete=True), "integer sizes"),
        (lambda: power_law_exponent.value(np.arange(1, 50), minimum=2.5), "positive integer"),
        (lambda: likelihood_ratio(pareto(50, 2), "weibull"), "unknown alternative"),
        (lambda: avalanches(np.zeros((3, 3))), "shape"),
        (lambda: avalanches([0, np.nan, 0]), "NaN"),
        (lambda: avalanche_exponent.value(np.zeros(50)), "0 whole avalanches"),
        (lambda: avalanche_exponent.value(np.zeros(50), of="area"), "'area'"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, says):
    with pytest.raises(MorphogenError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_bootstrap_interval_covers_a_known_exponent():
    covered = 0
    for seed in range(20):
        reading = power_law_exponent(pareto(400, 2.5, seed=100 + seed), minimum=1.0)
        covered += reading.low <= 2.5 <= reading.high
    assert covered >= 16  # 19 expected
    free = power_law_exponent(pareto(400, 2.5, seed=1))
    assert free.low < 2.5 < free.high and free.interval == "bootstrap"
