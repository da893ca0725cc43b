"""The self-sorting page: runs whole at sketch scale, and its instruments against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from morphogen.atlas.automata.self_sorting import (
    Chimera,
    across_runs,
    aggregation_course,
    cells_kept,
    delayed_gratification,
    in_pieces,
    inversions,
    label_control,
    turning_points,
)
from morphogen.atlas.study import study
from morphogen.worlds.sorting import SortingCells, sort_to_rest

CLAIMS = ["C1", "C2a", "C2b", "C3", "C3b", "C4", "C4b"]


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    return study("self-sorting", scale="sketch", directory=tmp_path_factory.mktemp("results"), first_key=0)


def test_sketch_runs_every_path_and_the_null(sketch):
    for side in (sketch.main, sketch.null):
        assert [c.id for c in side.claims] == CLAIMS
        assert all(g.open for g in side.gates), [g for g in side.gates if not g.open]
        assert (side.directory / side.pictures[0][0]).stat().st_size > 50_000
    assert all(c.verdict == "undecided" for c in sketch.claims)


def test_sorting_and_damage_fall_in_the_null(sketch):
    parts = [{p.name: p for c in side.claims for p in c.parts} for side in (sketch.main, sketch.null)]
    name = "all three algotypes end sorted"
    assert parts[0][name].effect == 1 and parts[1][name].effect == 0
    rows = {(r["kind"], r["frozen"], r["algotype"]): r for r in sketch.null.tables["errors with frozen cells, means over seeds"]}
    assert all(r["error"] > r["classical error"] for r in rows.values())
    peaks = [p for c in sketch.null.claims if c.id == "C4" for p in c.parts if p.name.endswith("peak")]
    assert len(peaks) == 3 and all(p.effect == 0 for p in peaks)


def slow_gratification(series):
    """The definition, word for word: drop repeats; walk; each drop with the rise that follows it."""
    kept = [series[0]]
    for s in series[1:]:
        if s != kept[-1]:
            kept.append(s)
    ratios, i = [], 0
    while i < len(kept) - 1:
        if kept[i + 1] > kept[i]:
            i += 1
            continue
        top = kept[i]
        while i < len(kept) - 1 and kept[i + 1] < kept[i]:
            i += 1
        bottom = kept[i]
        while i < len(kept) - 1 and kept[i + 1] > kept[i]:
            i += 1
        if kept[i] > bottom:
            ratios.append(((kept[i] - bottom) - (top - bottom)) / (top - bottom))
    return sum(ratios) / len(ratios) if ratios else 0.0


def test_delayed_gratification_is_its_definition():
    assert delayed_gratification(np.array([5, 5, 3, 3, 9])) == pytest.approx((6 - 2) / 2)
    assert delayed_gratification(np.array([1, 5, 4, 4, 5, 6, 2])) == pytest.approx((2 - 1) / 1)
    for series in ([3], [3, 3], [1, 2, 3], [3, 2, 1], [1, 4, 2]):
        assert delayed_gratification(np.array(series)) == 0
    random = np.random.default_rng(0)
    for _ in range(300):
        series = np.cumsum(random.integers(-1, 2, random.integers(1, 40)))
        assert delayed_gratification(series) == pytest.approx(slow_gratification(list(series)))


def test_delayed_gratification_of_a_real_run_and_its_episodes():
    for result in sort_to_rest(SortingCells(12), range(6)):
        assert delayed_gratification(result.sortedness) == pytest.approx(slow_gratification(list(result.sortedness)))
        for high, low, after in turning_points(result.sortedness):
            assert high < low < after
            assert result.sortedness[low] == result.sortedness[high : after + 1].min()


def test_pieces_keep_their_order_and_nothing_crosses_the_cuts():
    world = SortingCells(30, frozen=3, movable=False)
    for result in sort_to_rest(world, range(8)):
        cut = in_pieces(result.start)
        assert sorted(cut.values) == list(range(30)) and not cut.frozen.any()
        where = np.flatnonzero(result.start.frozen)
        for a, b in zip(np.r_[0, where + 1], np.r_[where, 30], strict=True):
            assert set(cut.values[a:b]) == set(range(a, b))
            np.testing.assert_array_equal(np.argsort(cut.values[a:b]), np.argsort(result.start.values[a:b]))
        # Each piece is sorted with one swap an inversion, with walls and without.
        (free,) = sort_to_rest(SortingCells(30), [0], starts=[cut])
        assert free.swaps == result.swaps == inversions(cut.values)


def test_agreement_across_runs_sees_position_and_only_position():
    start, random = SortingCells(40).init(0), np.random.default_rng(1)
    sides = [start._replace(labels=(np.arange(40) >= 20).astype(int)) for _ in range(5)]
    assert across_runs(sides) == pytest.approx(38 / 39)
    blocks = [start._replace(labels=np.roll(np.arange(40) % 20 >= 10, random.integers(40)).astype(int)) for _ in range(400)]
    assert across_runs(blocks) == pytest.approx(0.5, abs=0.02)
    few = [start._replace(labels=random.permutation(start.labels)) for _ in range(4)]
    pairs = [np.mean(a.labels[:-1] == b.labels[1:]) for i, a in enumerate(few) for j, b in enumerate(few) if i != j]
    assert across_runs(few) == pytest.approx(np.mean(pairs))


def test_label_control_takes_the_higher_peak_and_courses_end_at_the_last_swap():
    arms = {(a, 0, ""): sort_to_rest(SortingCells(20, a), range(5)) for a in ("bubble", "selection")}
    courses = {a: aggregation_course(arms[a, 0, ""]) for a in ("bubble", "selection")}
    best = label_control(arms, ("bubble", "selection")).mean(axis=0).max()
    assert best == max(c.mean(axis=0).max() for c in courses.values())
    np.testing.assert_array_equal(courses["bubble"][:, -1], [r.aggregation[-1] for r in arms["bubble", 0, ""]])
    c = Chimera("bubble", "selection", 1.0, arms["bubble", 0, ""], [], courses["bubble"])
    assert courses["bubble"].mean(axis=0)[c.peak] == courses["bubble"].mean(axis=0).max()


def test_a_lost_cell_is_noticed():
    (result,) = sort_to_rest(SortingCells(20, frozen=2, movable=False), [3])
    assert cells_kept(result, True)
    result.end.values[0] = result.end.values[1]
    assert not cells_kept(result, True)
