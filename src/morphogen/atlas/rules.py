"""The rules a claim can be held to. Each turns per-seed numbers into an interval and one verdict: holds, fails or undecided.

*holds*: the whole interval satisfies the rule. *fails*: the whole interval satisfies its opposite. *undecided*: neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.statistics import Interval, fisher_exact, mean_interval, rank_correlation, ratio_interval, share_interval


class Verdict(StrEnum):
    """What a claim came to. `VOID`: it holds, but it holds without the mechanism too."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    VOID = "void"


@dataclass(frozen=True)
class Outcome:
    """What a rule made of the numbers: the interval it judged, the control's mean if there is one, and the verdict."""

    interval: Interval
    control: float | None
    verdict: Verdict


class Rule(Protocol):
    """A falsifiable inequality on per-seed numbers."""

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome: ...


def _decide(interval: Interval, low: float, high: float) -> Verdict:
    """Is the interval inside (low, high), outside it, or neither?"""
    if interval.low > low and interval.high < high:
        return Verdict.HOLDS
    if interval.high < low or interval.low > high:
        return Verdict.FAILS
    return Verdict.UNDECIDED


def _interval(values: np.ndarray, exact: bool) -> Interval:
    if not exact:
        return mean_interval(values)
    if not np.isfinite(values).all():
        return Interval(float("nan"), -np.inf, np.inf)
    return Interval(float(values.mean()), float(values.min()), float(values.max()))


def _flat(values: np.ndarray, rule: str) -> np.ndarray:
    if values.ndim > 1:
        raise MorphogenError(f"the rule '{rule}' takes one number per seed, not an array of shape {values.shape}")
    return np.atleast_1d(values)


@dataclass(frozen=True)
class _Between:
    """The paired difference of effect and control (or the effect itself) lies strictly between two bounds."""

    low: float
    high: float
    text: str

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        effect = _flat(effect, self.text)
        difference = effect if control is None else effect - _flat(control, self.text)
        interval = _interval(difference, exact)
        mean = None if control is None else float(np.mean(control))
        return Outcome(interval, mean, _decide(interval, self.low, self.high))

    def __str__(self) -> str:
        return self.text


def greater(by: float = 0.0) -> Rule:
    """effect - control > by; without a control: effect > by."""
    return _Between(by, np.inf, f"> {by:g}")


def less(by: float = 0.0) -> Rule:
    """effect - control < -by; without a control: effect < by."""
    return _Less(by)


@dataclass(frozen=True)
class _Less:
    by: float

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        high = self.by if control is None else -self.by
        return _Between(-np.inf, high, str(self)).judge(effect, control, exact)

    def __str__(self) -> str:
        return f"< {self.by:g}"


def within(low: float, high: float) -> Rule:
    """low < effect < high; with a control: low < effect - control < high."""
    if not low < high:
        raise MorphogenError(f"within needs low < high, not {low} and {high}")
    return _Between(low, high, f"in [{low:g}, {high:g}]")


@dataclass(frozen=True)
class _Ratio:
    low: float
    high: float

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        if control is None:
            raise MorphogenError("the rule 'ratio' needs a control to divide by")
        effect, control = _flat(effect, str(self)), _flat(control, str(self))
        interval = _interval(effect / control, True) if exact else ratio_interval(effect, control)
        # Judged on effect - factor x control, the same inequality: near a control of zero the ratio has no bounded interval.
        factor, above = (self.low, True) if np.isfinite(self.low) else (self.high, False)
        contrast = _interval(effect - factor * control, exact)
        low, high = (0.0, np.inf) if above else (-np.inf, 0.0)
        return Outcome(interval, float(np.mean(control)), _decide(contrast, low, high))

    def __str__(self) -> str:
        return f"ratio > {self.low:g}" if np.isfinite(self.low) else f"ratio < {self.high:g}"


def ratio(*, at_least: float | None = None, at_most: float | None = None) -> Rule:
    """mean(effect) / mean(control) is above `at_least` or below `at_most` (give one)."""
    if (at_least is None) == (at_most is None):
        raise MorphogenError("ratio takes either at_least= or at_most=")
    return _Ratio(-np.inf if at_least is None else at_least, np.inf if at_most is None else at_most)


@dataclass(frozen=True)
class _Monotone:
    sign: float
    at_least: float
    along: tuple[float, ...] | None

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        if effect.ndim != 2 or effect.shape[1] < 3:
            raise MorphogenError(f"the rule 'monotone' takes an array (seeds, 3 or more points), not shape {effect.shape}")
        interval = _interval(self.sign * rank_correlation(effect, self.along), exact)
        # A rank correlation cannot exceed 1, so at 1 in every seed the interval has no width and only its lower end decides.
        mean = None if control is None else float(self.sign * rank_correlation(control, self.along).mean())
        return Outcome(interval, mean, _decide(interval, self.at_least, np.inf))

    def __str__(self) -> str:
        return f"{'rises' if self.sign > 0 else 'falls'}, rank correlation > {self.at_least:g}"


def monotone(*, increasing: bool = True, at_least: float = 0.8, along: Any = None) -> Rule:
    """Each seed's curve (a row) rises (or falls): Spearman's correlation with `along`, default the column order."""
    return _Monotone(1.0 if increasing else -1.0, at_least, None if along is None else tuple(float(v) for v in along))


@dataclass(frozen=True)
class _Crosses:
    low: float
    high: float

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        if effect.ndim != 2 or effect.shape[1] < 2:
            raise MorphogenError(f"the rule 'crosses' takes an array (seeds, 2 or more points), not shape {effect.shape}")
        first, last = _interval(effect[:, 0], exact), _interval(effect[:, -1], exact)
        below, above = _decide(first, -np.inf, self.low), _decide(last, self.high, np.inf)
        verdict = Verdict.UNDECIDED
        if below == above == Verdict.HOLDS:
            verdict = Verdict.HOLDS
        elif Verdict.FAILS in (below, above):
            verdict = Verdict.FAILS
        # The last point is shown as the effect and the first as its control: what was crossed from, and to.
        return Outcome(last, first.value, verdict)

    def __str__(self) -> str:
        return f"from < {self.low:g} to > {self.high:g}"


def crosses(low: float, high: float) -> Rule:
    """Each seed's curve (a row) starts below `low` and ends above `high`."""
    return _Crosses(low, high)


@dataclass(frozen=True)
class _Count:
    at_least: int

    def judge(self, effect: np.ndarray, control: np.ndarray | None, exact: bool) -> Outcome:
        effect = _flat(np.asarray(effect, dtype=bool), str(self))
        if self.at_least > effect.size:
            return Outcome(share_interval(effect), None, Verdict.UNDECIDED)
        enough = int(effect.sum()) >= self.at_least
        if control is None:
            return Outcome(share_interval(effect), None, Verdict.HOLDS if enough else Verdict.FAILS)
        control = _flat(np.asarray(control, dtype=bool), str(self))
        distinct = fisher_exact(effect, control) < 0.05
        verdict = Verdict.HOLDS if enough and distinct else Verdict.FAILS if not enough else Verdict.UNDECIDED
        return Outcome(share_interval(effect), float(control.mean()), verdict)

    def __str__(self) -> str:
        return f"in >= {self.at_least} seeds"


def count(*, at_least: int) -> Rule:
    """True in at least `at_least` seeds; with a control also more often than there (Fisher's exact test, p < 0.05)."""
    return _Count(at_least)
