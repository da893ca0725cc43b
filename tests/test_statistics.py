"""The statistics of verdicts, tested on simulated claims: how often do they cry wolf, and how often do they see one?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphogen.atlas.rules import Verdict, count, crosses, greater, less, monotone, ratio, within
from morphogen.statistics import block_length, fisher_exact, mean_interval, rank_correlation, ratio_interval, share_interval

TRIALS = 1000
DRAWS = {
    "normal": lambda r, n: r.normal(size=n),
    "skewed": lambda r, n: r.exponential(size=n) - 1,
    "skewed the other way": lambda r, n: 1 - r.exponential(size=n),
    "heavy tailed": lambda r, n: r.standard_t(3, size=n),
    "two-valued": lambda r, n: r.choice([-1.0, 1.0], size=n),
}


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("kind", ["normal", "skewed", "heavy tailed"])
def test_without_an_effect_a_claim_falsely_holds_at_most_one_time_in_twenty(kind: str, seeds: int) -> None:
    random = np.random.default_rng(seeds)
    verdicts = [greater().judge(DRAWS[kind](random, seeds), DRAWS[kind](random, seeds), False).verdict for _ in range(TRIALS)]
    # 5 % plus three standard errors of the simulation itself.
    assert np.mean([v is Verdict.HOLDS for v in verdicts]) <= 0.05
    assert np.mean([v is Verdict.FAILS for v in verdicts]) <= 0.05


@pytest.mark.parametrize("rule", ["ratio", "within", "monotone", "crosses"])
def test_other_rules_do_not_cry_wolf_either(rule: str) -> None:
    random, seeds, held = np.random.default_rng(1), 5, 0
    for _ in range(TRIALS):
        a, b = 10 + random.normal(size=seeds), 10 + random.normal(size=seeds)
        outcome = {
            "ratio": lambda a=a, b=b: ratio(at_least=1.0).judge(a, b, False),
            "within": lambda a=a: within(10.0, 20.0).judge(a, None, False),  # the true mean sits on the border
            "monotone": lambda: monotone(at_least=0.0).judge(random.normal(size=(seeds, 8)), None, False),
            "crosses": lambda: crosses(0.0, 0.0).judge(random.normal(size=(seeds, 4)), None, False),
        }[rule]()
        held += outcome.verdict is Verdict.HOLDS
    assert held / TRIALS <= 0.05


def test_power_is_what_the_manual_says() -> None:
    """An effect of two standard deviations: how often it is seen with 3, 5 and 10 seeds (reported in docs/verdicts.md)."""
    random = np.random.default_rng(2)
    power = {
        n: np.mean([greater().judge(2 + random.normal(size=n), None, False).verdict is Verdict.HOLDS for _ in range(TRIALS)])
        for n in (3, 5, 10)
    }
    assert 0.30 < power[3] < 0.55
    assert 0.85 < power[5] < 0.97
    assert power[10] > 0.99


def test_the_percentile_bootstrap_alone_would_cry_wolf() -> None:
    """Why the interval is a hull: three values of one sign are all it takes to fool the bootstrap."""
    random = np.random.default_rng(3)
    samples = random.normal(size=(400, 3))
    resampled = samples[:, random.integers(0, 3, (500, 3))].mean(2)
    assert np.mean(np.quantile(resampled, 0.025, axis=1) > 0) > 0.08
    assert np.mean([mean_interval(s).low > 0 for s in samples]) <= 0.05


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12), st.floats(-1e3, 1e3))
def test_intervals_hold_their_mean_and_move_with_the_data(values: list[float], shift: float) -> None:
    x = np.array(values)
    a, b = mean_interval(x), mean_interval(x + shift)
    scale = 1e-9 * (1 + np.abs(x).max() + abs(shift))
    assert a.low <= a.value + scale and a.value <= a.high + scale
    assert b.low == pytest.approx(a.low + shift, abs=scale) and b.high == pytest.approx(a.high + shift, abs=scale)


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan"), 2.0], [1.0, float("inf")]])
def test_what_is_unknown_is_never_evidence(values: list[float]) -> None:
    interval = mean_interval(values)
    assert (interval.low, interval.high) == (-np.inf, np.inf)
    assert greater(-1e9).judge(np.array(values), None, False).verdict is Verdict.UNDECIDED


def test_ratio_against_the_delta_method_and_where_it_has_none() -> None:
    random = np.random.default_rng(4)
    a, b = 20 + random.normal(size=400), 10 + random.normal(size=400)
    got = ratio_interval(a, b)
    error = 1.96 * np.sqrt((a.var() + 4 * b.var()) / 400) / 10
    assert got.value == pytest.approx(a.mean() / b.mean())
    assert got.high - got.low == pytest.approx(2 * error, rel=0.1)
    assert ratio_interval([1, 2, 3], [-1, 0.1, 1]).high == np.inf


def test_shares_and_fisher_against_known_values() -> None:
    five = share_interval([True] * 5)
    assert (five.value, five.high) == (1.0, 1.0) and five.low == pytest.approx(0.025 ** (1 / 5))
    assert fisher_exact([1, 1, 1, 1, 0], [0] * 5) == pytest.approx(0.02381, abs=1e-4)


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(5)
    rows = np.round(random.normal(size=(6, 9)), 1)
    along = random.normal(size=9)
    np.testing.assert_allclose(rank_correlation(rows, along), [spearmanr(r, along)[0] for r in rows])
    assert rank_correlation([[1, 1, 1, 1]])[0] == 0


def test_blocks_are_longer_where_memory_is() -> None:
    random = np.random.default_rng(6)
    noise = random.normal(size=2000)
    slow = np.convolve(random.normal(size=2000), np.ones(50), "same")
    assert block_length(noise) < 20 < block_length(slow) <= 500


@pytest.mark.parametrize(
    ("rule", "effect", "control", "expected"),
    [
        (greater(1.0), [3.0, 3.1, 2.9], None, Verdict.HOLDS),
        (greater(1.0), [3.0, 3.1, 2.9], [2.5, 2.6, 2.4], Verdict.FAILS),
        (greater(1.0), [1.5, 0.5, 1.2], None, Verdict.UNDECIDED),
        (less(1.0), [0.1, 0.2, 0.15], None, Verdict.HOLDS),
        (less(1.0), [0.1, 0.2, 0.15], [2.1, 2.2, 2.15], Verdict.HOLDS),
        (less(1.0), [2.1, 2.2, 2.15], [2.1, 2.2, 2.15], Verdict.FAILS),
        (within(0.2, 0.8), [0.5, 0.51, 0.49], None, Verdict.HOLDS),
        (within(0.2, 0.8), [0.9, 0.91, 0.92], None, Verdict.FAILS),
        (ratio(at_least=2.0), [6.0, 6.1, 5.9], [2.0, 2.0, 2.0], Verdict.HOLDS),
        (ratio(at_most=2.0), [6.0, 6.1, 5.9], [2.0, 2.0, 2.0], Verdict.FAILS),
        (monotone(), [[1, 2, 3, 4], [2, 3, 5, 9], [0, 1, 2, 3]], None, Verdict.HOLDS),
        (monotone(increasing=False), [[1, 2, 3, 4], [2, 3, 5, 9], [0, 1, 2, 3]], None, Verdict.FAILS),
        (crosses(0.1, 0.9), [[0.0, 0.5, 1.0], [0.01, 0.4, 0.99], [0.0, 0.6, 1.0]], None, Verdict.HOLDS),
        (crosses(0.1, 0.9), [[0.5, 1.0], [0.51, 0.99], [0.5, 1.0]], None, Verdict.FAILS),
        (count(at_least=4), [True, True, True, True, False], None, Verdict.HOLDS),
        (count(at_least=4), [True] * 4 + [False], [False] * 5, Verdict.HOLDS),
        (count(at_least=4), [True] * 4 + [False], [True] * 5, Verdict.UNDECIDED),
        (count(at_least=4), [True, False, False, True, False], None, Verdict.FAILS),
    ],
)
def test_rules_on_clear_cases(rule, effect, control, expected) -> None:  # type: ignore[no-untyped-def]
    outcome = rule.judge(np.array(effect, dtype=float), None if control is None else np.array(control, dtype=float), False)
    assert outcome.verdict is expected
