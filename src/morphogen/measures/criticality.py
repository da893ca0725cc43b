"""Signs of criticality: avalanches in an activity, the exponent of their power law, and whether a power law it is.

`avalanches` cuts a series into avalanches; `fit_power_law` finds exponent and lower end by the recipe of Clauset, Shalizi & Newman
(2009); `likelihood_ratio` sets the power law against an exponential or a log-normal on the same tail. A straight line on log-log
paper is not evidence, and neither is an exponent without that comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numba
import numpy as np
from scipy import optimize, special

from morphogen.errors import MorphogenError
from morphogen.measure import measure

TAIL = 10  # events that a tail must have to be fitted at all
STEEPEST = 50.0  # the largest exponent looked for


def avalanches(activity: Any, threshold: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and durations of the avalanches in `activity` (time,): the maximal runs strictly above `threshold`.

    A size is the activity above the threshold summed over the run (so in the unit of activity x step), a duration the number of
    steps. Runs that touch either end of the record are left out, since their size is unknown. Both arrays may be empty.
    Raises `MorphogenError` for a series that is not (time,) or not finite. Cost O(n). Source: Beggs & Plenz (2003).
    """
    series = np.asarray(activity)
    if series.ndim != 1:
        raise MorphogenError(f"avalanches: wants one activity (time,), not the shape {series.shape}")
    if series.dtype.kind == "f" and not np.isfinite(series).all():
        raise MorphogenError("avalanches: the activity contains NaN or infinity; fill or drop these steps first")
    whole = series.dtype.kind in "iub" and float(threshold).is_integer()
    excess: np.ndarray = series.astype(np.int64) - int(threshold) if whole else series.astype(np.float64) - threshold
    edges = np.flatnonzero(np.diff(excess > 0)) + 1
    if len(excess) and excess[0] > 0:
        edges = edges[1:]
    edges = edges[: len(edges) // 2 * 2]
    starts, ends = edges[::2], edges[1::2]
    total = np.concatenate(([0], np.cumsum(np.where(excess > 0, excess, 0))))
    return total[ends] - total[starts], ends - starts


@dataclass(frozen=True)
class PowerLawFit:
    """A power law p(x) ~ x^-exponent for x >= minimum, fitted by maximum likelihood.

    `error` is the standard error of the exponent at the given minimum, `distance` the Kolmogorov-Smirnov distance between the tail
    and the fit, `tail` the number of events at or above `minimum`, out of `events`.
    """

    exponent: float
    error: float
    minimum: float
    distance: float
    tail: int
    events: int
    discrete: bool


def fit_power_law(events: Any, *, discrete: bool | None = None, minimum: float | None = None, candidates: int = 10_000) -> PowerLawFit:
    """The power law that fits the tail of `events` (n,) best.

    Continuous: p(x) = (a - 1) / m (x / m)^-a, with a = 1 + n / sum ln(x / m) and standard error (a - 1) / sqrt(n).
    Discrete: p(x) = x^-a / zeta(a, m), with a from -zeta'(a, m) / zeta(a, m) = mean ln x and standard error
    1 / sqrt(n (zeta'' / zeta - (zeta' / zeta)^2)). The minimum m is given, or the observed value for which the Kolmogorov-Smirnov
    distance between tail and fit is least; with more than `candidates` different values, that many of them, evenly spaced in
    rank, are tried. `discrete` defaults to whether all events are integers.

    Cost: O(n log n) to sort, then for each candidate about 1 / distance evaluations (the distance is exact: stretches whose two
    ends bound the gap below the largest gap so far are skipped). 10^6 events take about half a second.
    Raises `MorphogenError` for fewer than 10 events, events that are not positive and finite, or all equal.
    Source: Clauset, Shalizi & Newman (2009), equations 3.1, 3.2, 3.5, 3.6 and section 3.3.
    """
    sizes, discrete = _events(events, discrete)
    values, counts = np.unique(sizes, return_counts=True)
    at_least = np.concatenate((np.cumsum(counts[::-1])[::-1], [0]))
    logs = np.log(values)
    log_sum = np.cumsum((counts * logs)[::-1])[::-1]
    if minimum is None:
        eligible = np.flatnonzero(at_least[:-1] >= TAIL)
        eligible = eligible[eligible < len(values) - 1]
        if len(eligible) > candidates:
            eligible = eligible[np.linspace(0, len(eligible) - 1, candidates).round().astype(np.int64)]
    else:
        if minimum <= 0 or (discrete and not float(minimum).is_integer()):
            raise MorphogenError(f"power-law-exponent: minimum={minimum} must be {'a positive integer' if discrete else 'above 0'}")
        eligible = np.searchsorted(values, [minimum])
        if at_least[eligible[0]] < TAIL or eligible[0] >= len(values) - 1:
            raise MorphogenError(
                f"power-law-exponent: {at_least[eligible[0]]} events reach minimum={minimum}; at least {TAIL}, not all equal, are needed"
            )
    lowest = values[eligible] if minimum is None else np.array([float(minimum)])
    best, exponent, distance = _best_minimum(values, logs, log_sum, at_least, eligible, lowest, discrete)
    if best < 0:
        raise MorphogenError(f"power-law-exponent: no tail has an exponent between 1 and {STEEPEST:g}; these events follow no power law")
    tail = int(at_least[eligible[best]])
    error = _discrete_error(exponent, float(lowest[best]), tail) if discrete else (exponent - 1) / np.sqrt(tail)
    return PowerLawFit(exponent, float(error), float(lowest[best]), distance, tail, len(sizes), discrete)


def _events(events: Any, discrete: bool | None) -> tuple[np.ndarray, bool]:
    sizes = np.asarray(events, dtype=np.float64)
    if sizes.ndim != 1:
        raise MorphogenError(f"power-law-exponent: wants events (n,), not the shape {sizes.shape}")
    if len(sizes) < TAIL:
        raise MorphogenError(f"power-law-exponent: {len(sizes)} events are too few; {TAIL} is the least")
    if not np.isfinite(sizes).all() or sizes.min() <= 0:
        raise MorphogenError("power-law-exponent: the events contain NaN, infinity, zero or negative sizes; drop these first")
    if sizes.min() == sizes.max():
        raise MorphogenError(f"power-law-exponent: all {len(sizes)} events have the same size {sizes[0]:g}; no exponent can be fitted")
    whole = bool(np.all(sizes == np.floor(sizes)))
    if discrete and not whole:
        raise MorphogenError("power-law-exponent: discrete=True wants integer sizes, but some are not")
    return sizes, whole if discrete is None else discrete


# zeta(s, q) and its derivative in s by the Euler-Maclaurin sum; the coefficients are B_2j / (2j)!.
_BERNOULLI = np.array([1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600])
_FAR = 25.0


@numba.njit(cache=True)
def _zeta(s: float, q: float) -> tuple[float, float]:
    """The Hurwitz zeta function sum_k (q + k)^-s, times q^s, and minus its derivative in s divided by it (the mean of ln x)."""
    total, slope, a = 0.0, 0.0, q
    while a < _FAR:
        term = (a / q) ** -s
        total += term
        slope -= term * np.log(a)
        a += 1.0
    log_a = np.log(a)
    scale = (a / q) ** -s
    tail = scale * a / (s - 1)
    total += tail + 0.5 * scale
    slope -= tail * (log_a + 1 / (s - 1)) + 0.5 * scale * log_a
    rising, inverse, power = s, 1 / s, scale / a
    for j in range(len(_BERNOULLI)):
        term = _BERNOULLI[j] * rising * power
        total += term
        slope += term * (inverse - log_a)
        low, high = s + 2 * j + 1, s + 2 * j + 2
        rising *= low * high
        inverse += 1 / low + 1 / high
        power /= a * a
    return total, -slope / total


@numba.njit(cache=True)
def _discrete_exponent(mean_log: float, lowest: float) -> float:
    low, high = 1.0 + 1e-9, STEEPEST
    if _zeta(high, lowest)[1] > mean_log:
        return np.inf
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _zeta(middle, lowest)[1] > mean_log:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _discrete_error(exponent: float, lowest: float, n: int) -> float:
    step = 1e-4 * (exponent - 1)
    variance = (_zeta(exponent - step, lowest)[1] - _zeta(exponent + step, lowest)[1]) / (2 * step)
    return float(1 / np.sqrt(n * variance))


@numba.njit(cache=True)
def _survival(value: float, log: float, exponent: float, lowest: float, log_lowest: float, norm: float) -> float:
    """P(X >= value): `norm` is zeta(exponent, lowest) lowest^exponent for integers, 0 for a continuous law."""
    if norm == 0.0:
        return np.exp((1 - exponent) * (log - log_lowest))
    return _zeta(exponent, value)[0] * np.exp(-exponent * (np.log(value) - log_lowest)) / norm


@numba.njit(cache=True)
def _distance(
    values: np.ndarray,
    logs: np.ndarray,
    at_least: np.ndarray,
    first: int,
    exponent: float,
    lowest: float,
    discrete: bool,
    enough: float,
) -> float:
    """The Kolmogorov-Smirnov distance of the tail from `first` on; stops early once it exceeds `enough`."""
    n, log_lowest = float(at_least[first]), np.log(lowest)
    norm = _zeta(exponent, lowest)[0] if discrete else 0.0
    left, right = np.empty(128, dtype=np.int64), np.empty(128, dtype=np.int64)
    from_left, from_right = np.empty(128), np.empty(128)

    last = len(values) - 1
    largest, top = 0.0, -1
    ends = np.empty(2)
    for e in range(2):
        j = first if e == 0 else last
        ends[e] = _survival(values[j], logs[j], exponent, lowest, log_lowest, norm)
        after = _survival(values[j] + 1, 0.0, exponent, lowest, log_lowest, norm) if discrete else ends[e]
        largest = max(largest, abs(at_least[j] / n - ends[e]), abs(at_least[j + 1] / n - after))
    top = 0
    left[0], right[0], from_left[0], from_right[0] = first, last, ends[0], ends[1]
    while top >= 0 and largest < enough:
        a, b, upper, lower = left[top], right[top], from_left[top], from_right[top]
        top -= 1
        # Data and law both fall from a to b, so that their gap in between cannot exceed this.
        if b - a < 2 or max(at_least[a + 1] / n - lower, upper - at_least[b] / n) <= largest:
            continue
        j = (a + b) // 2
        here = _survival(values[j], logs[j], exponent, lowest, log_lowest, norm)
        after = _survival(values[j] + 1, 0.0, exponent, lowest, log_lowest, norm) if discrete else here
        largest = max(largest, abs(at_least[j] / n - here), abs(at_least[j + 1] / n - after))
        for start, end, high, low in ((j, b, here, lower), (a, j, upper, here)):
            top += 1
            left[top], right[top], from_left[top], from_right[top] = start, end, high, low
    return largest


@numba.njit(cache=True)
def _best_minimum(
    values: np.ndarray,
    logs: np.ndarray,
    log_sum: np.ndarray,
    at_least: np.ndarray,
    firsts: np.ndarray,
    lowest: np.ndarray,
    discrete: bool,
) -> tuple[int, float, float]:
    best, exponent, distance = -1, 0.0, np.inf
    for c in range(len(firsts)):
        mean_log = log_sum[firsts[c]] / at_least[firsts[c]]
        fitted = _discrete_exponent(mean_log, lowest[c]) if discrete else 1 + 1 / (mean_log - np.log(lowest[c]))
        if not fitted < STEEPEST:
            continue
        gap = _distance(values, logs, at_least, firsts[c], fitted, lowest[c], discrete, distance)
        if gap < distance:
            best, exponent, distance = c, fitted, gap
    return best, exponent, distance


@measure("power-law-exponent", needs="events", unit="1", source="Clauset, Shalizi & Newman (2009)")
def power_law_exponent(events: Any, *, minimum: float | None = None, discrete: bool | None = None) -> float:
    """The exponent a of p(x) ~ x^-a in the tail of `events` (n,), by maximum likelihood; see `fit_power_law` for all of the fit.

    Unit: 1. Cost: as `fit_power_law`, and a hundred times that for the bootstrap interval, in which the minimum is found anew.
    Blind spots: it returns an exponent for any data, power law or not (ask `likelihood_ratio`); a finite system cuts the tail off,
    which steepens the exponent; under 100 events in the tail the minimum itself is uncertain.
    Errors: `MorphogenError` for fewer than 10 events, events that are not positive and finite, or all equal.
    Source: Clauset, Shalizi & Newman (2009).
    """
    return fit_power_law(events, minimum=minimum, discrete=discrete).exponent


@measure("avalanche-exponent", needs="series", unit="1", source="Beggs & Plenz (2003); Clauset, Shalizi & Newman (2009)")
def avalanche_exponent(activity: Any, *, threshold: float = 0.0, of: Literal["size", "duration"] = "size") -> float:
    """The power-law exponent of the avalanches in `activity` (time,): 3/2 for sizes and 2 for durations of a critical branching process.

    An avalanche is a run above `threshold` (see `avalanches`), the exponent that of `fit_power_law`. Unit: 1. Cost O(n log n).
    Blind spots: the threshold and the width of a time step move the exponent; an uncorrelated activity that crosses a threshold also
    has avalanches, with an exponential tail: compare with surrogates and `likelihood_ratio`.
    Errors: `MorphogenError` for fewer than 10 whole avalanches or a series with NaN. Source: Beggs & Plenz (2003).
    """
    if of not in ("size", "duration"):
        raise MorphogenError(f"avalanche-exponent: of={of!r} must be 'size' or 'duration'")
    events = avalanches(activity, threshold)[of == "duration"]
    if len(events) < TAIL:
        raise MorphogenError(f"avalanche-exponent: {len(events)} whole avalanches above {threshold:g} are too few; {TAIL} is the least")
    return fit_power_law(events).exponent


@dataclass(frozen=True)
class Comparison:
    """The power law against an alternative on the same tail (Vuong 1989).

    `ratio` is the log-likelihood ratio divided by sqrt(n) times its standard deviation: positive for the power law. `p` is the
    chance of a ratio so far from 0 when both describe the tail equally well: above 0.1 the data cannot tell. `parameters` are those
    of the alternative: (rate,) or (mean, deviation) of ln x.
    """

    alternative: str
    ratio: float
    p: float
    parameters: tuple[float, ...]


def likelihood_ratio(events: Any, alternative: Literal["exponential", "log-normal"], *, fit: PowerLawFit | None = None) -> Comparison:
    """Is the tail of `events` (n,) better described by the fitted power law (`fit`, or `fit_power_law(events)`) or by `alternative`?

    The alternative is fitted by maximum likelihood to the events at or above the same minimum, as a law cut off below it; for discrete
    events the log-normal has the mass between x - 1/2 and x + 1/2, the exponential is geometric. A continuous log-normal
    contains the power law as a limit, so that its ratio is never above 0 by more than noise: read "not told apart" from a large p.

    Cost O(different values) times some 200 evaluations for the log-normal. Raises `MorphogenError` for an unknown alternative and
    whatever `fit_power_law` raises. Source: Clauset, Shalizi & Newman (2009), section 5 and appendix C; Vuong (1989).
    """
    fit = fit_power_law(events) if fit is None else fit
    sizes = np.asarray(events, dtype=np.float64)
    x, counts = np.unique(sizes[sizes >= fit.minimum], return_counts=True)
    if alternative == "exponential":
        log_other, parameters = _exponential(x, counts, fit)
    elif alternative == "log-normal":
        log_other, parameters = _log_normal(x, counts, fit)
    else:
        raise MorphogenError(f"likelihood_ratio: unknown alternative {alternative!r}; choose exponential or log-normal")
    scaled = np.log(_zeta(fit.exponent, fit.minimum)[0] if fit.discrete else fit.minimum / (fit.exponent - 1))
    difference = -fit.exponent * np.log(x / fit.minimum) - scaled - log_other
    n = counts.sum()
    mean = (counts * difference).sum() / n
    deviation = np.sqrt((counts * (difference - mean) ** 2).sum() / n)
    ratio = float(mean * np.sqrt(n) / deviation)
    return Comparison(alternative, ratio, float(special.erfc(abs(ratio) / np.sqrt(2))), parameters)


def _exponential(x: np.ndarray, counts: np.ndarray, fit: PowerLawFit) -> tuple[np.ndarray, tuple[float, ...]]:
    over = x - fit.minimum
    mean = (counts * over).sum() / counts.sum()
    rate = np.log1p(1 / mean) if fit.discrete else 1 / mean
    return (np.log(-np.expm1(-rate)) if fit.discrete else np.log(rate)) - rate * over, (float(rate),)


def _log_normal(x: np.ndarray, counts: np.ndarray, fit: PowerLawFit) -> tuple[np.ndarray, tuple[float, ...]]:
    logs, start = np.log(x), fit.minimum - 0.5 if fit.discrete else fit.minimum

    def log_density(mean: float, deviation: float) -> np.ndarray:
        beyond = special.log_ndtr((mean - np.log(start)) / deviation)
        if not fit.discrete:
            return -logs - 0.5 * ((logs - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi)) - beyond
        # The mass between two points, taken from the side where it is small, as a difference of logarithms.
        lower, upper = (np.log(x - 0.5) - mean) / deviation, (np.log(x + 0.5) - mean) / deviation
        flip = lower > 0
        near = special.log_ndtr(np.where(flip, -lower, upper))
        far = special.log_ndtr(np.where(flip, -upper, lower))
        return near + np.log(-np.expm1(np.minimum(far - near, -1e-300))) - beyond

    def cost(at: np.ndarray) -> float:
        value = -(counts * log_density(at[0], np.exp(at[1]))).sum() / counts.sum()
        return float(value) if np.isfinite(value) else 1e300

    mean = (counts * logs).sum() / counts.sum()
    deviation = np.sqrt((counts * (logs - mean) ** 2).sum() / counts.sum())
    accuracy = {"xatol": 1e-7, "fatol": 1e-10, "maxiter": 2000}
    found = optimize.minimize(cost, [mean, np.log(deviation)], method="Nelder-Mead", options=accuracy).x
    return log_density(found[0], np.exp(found[1])), (float(found[0]), float(np.exp(found[1])))
