"""Sorting cells against a slow reading of the same rules in plain Python, the textbook, and `run`."""

from __future__ import annotations

import numpy as np
import pytest

from morphogen.errors import MorphogenError
from morphogen.run import run
from morphogen.splitmix import draw, fold, uniform
from morphogen.system import host_key
from morphogen.worlds.classical_sorting import top_down
from morphogen.worlds.scheduler import next_agent
from morphogen.worlds.sorting import (
    ALGOTYPES,
    Cells,
    SortingCells,
    _moved_descent,
    ascending,
    at_rest,
    first_descent,
    sort_to_rest,
    wish,
)

CHIMERAS = [("bubble", "selection"), ("bubble", "insertion"), ("selection", "insertion")]


def slow_wish(cells, p, algorithm, movable, right):
    """The rules as the paper states them: where the cell at `p` wants to swap (None), its target afterwards, and its comparisons."""
    value, n = cells.values[p], len(cells.values)
    target = cells.targets[p]

    def can(q):
        return movable or not cells.frozen[q]

    if algorithm == "bubble":
        q = p + 1 if right else p - 1
        if not 0 <= q < n:
            return None, target, 0
        out_of_order = value > cells.values[q] if right else value < cells.values[q]
        return (q if out_of_order and can(q) else None), target, 1
    if algorithm == "insertion":
        if p == 0:
            return None, target, 0
        previous, looks = None, 0
        for i in range(p):
            if cells.frozen[i]:
                previous = None
                looks += i > 0
                continue
            looks += i > 0
            if previous is not None and cells.values[i] < previous:
                return None, target, looks
            previous = cells.values[i]
        return (p - 1 if value < cells.values[p - 1] and can(p - 1) else None), target, looks + 1
    if target >= n or target == p:
        return None, target, 0
    if value >= cells.values[target] or not can(target):
        return None, target + 1, 1
    return target, target, 1


def first_descent_slow(cells):
    for j in range(1, len(cells.values)):
        if cells.values[j] < cells.values[j - 1] and not cells.frozen[j] and not cells.frozen[j - 1]:
            return j
    return len(cells.values)


def slow_sweep(world, start, key):
    """A sweep by the slow rules with the same random numbers; also S and agreeing pairs after every swap."""
    cells = Cells(*(np.array(part) for part in start))
    random, rates = np.array([key], dtype=np.uint64), world.rule[1]
    series = [(ascending(cells.values), int((cells.labels[1:] == cells.labels[:-1]).sum()))]
    for _ in range(world.n):
        p = next_agent(random, cells.labels, rates)
        cells.counts[3] += 1
        if cells.frozen[p]:
            continue
        algorithm = (world.algotype, world.other)[cells.labels[p]]
        right = algorithm == "bubble" and draw(random, 2) == 1
        q, cells.targets[p], looks = slow_wish(cells, p, algorithm, world.movable, right)
        cells.counts[2] += looks
        if q is not None:
            cells.counts[cells.labels[p]] += 1
            for part in cells[:4]:
                part[[p, q]] = part[[q, p]]
            series.append((ascending(cells.values), int((cells.labels[1:] == cells.labels[:-1]).sum())))
    return cells, series


@pytest.mark.parametrize("movable", [True, False])
@pytest.mark.parametrize("pair", [*CHIMERAS, ("insertion", "insertion"), ("selection", "selection")])
def test_kernel_is_the_slow_rules_swap_for_swap(pair, movable):
    for seed in range(4):
        world = SortingCells(12, *pair, frozen=seed, movable=movable, speed_ratio=(1.0, 0.4, 3.0, 1.0)[seed])
        (fast,) = sort_to_rest(world, [seed])
        cells, series = fast.start, []
        for t in range(fast.activations // 12):
            cells, new = slow_sweep(world, cells, host_key(seed, t))
            series += new[1:] if series else new
        for slow, quick in zip(cells, fast.end, strict=True):
            np.testing.assert_array_equal(slow, quick)
        np.testing.assert_array_equal([s for s, _ in series], fast.sortedness)
        np.testing.assert_allclose([a / 11 for _, a in series], fast.aggregation)


def test_batch_is_the_stepwise_run_to_the_bit():
    world = SortingCells(20, "insertion", "bubble", frozen=1, speed_ratio=2.0)
    for seed, fast in zip((5, 6, 7), sort_to_rest(world, [5, 6, 7]), strict=True):
        sweeps = fast.activations // 20
        seen = run(world, sweeps + 3, key=seed)
        np.testing.assert_array_equal(seen["values"].values[0, 0], fast.start.values)
        np.testing.assert_array_equal(seen["values"].values[0, sweeps], fast.end.values)
        # At rest nothing moves any more, and one sweep before, something still could.
        np.testing.assert_array_equal(seen["values"].values[0, -1], fast.end.values)
        assert seen["swaps"].values[0, -1] == fast.swaps
        assert seen["aggregation"].values[0, -1] == pytest.approx(fast.aggregation[-1])


def test_rest_is_exact():
    for seed in range(60):
        random = np.random.default_rng(seed)
        pair, movable = (*CHIMERAS, ("insertion", "insertion"))[seed % 4], bool(seed % 3)
        world = SortingCells(6, *pair, frozen=int(random.integers(0, 4)), movable=movable)
        start = world.init(seed)
        # Nearly sorted arrays, with targets anywhere: some rest, some do not.
        values = np.arange(6)
        if seed % 2:
            i = random.integers(0, 5)
            values[[i, i + 1]] = values[[i + 1, i]]
        cells = start._replace(values=values, targets=random.integers(3, 8, 6))
        could = False
        for p in np.flatnonzero(~cells.frozen):
            for right in (True, False):
                q, target, _ = slow_wish(cells, p, (world.algotype, world.other)[cells.labels[p]], movable, right)
                could |= q is not None or target != cells.targets[p]
        algorithms, _, _ = world.rule
        assert at_rest(*cells[:4], algorithms, movable) == (not could)


@pytest.mark.parametrize("algotype", ALGOTYPES)
def test_every_algotype_sorts_and_neighbour_swaps_are_inversions(algotype):
    for result in sort_to_rest(SortingCells(40, algotype), range(8)):
        values = result.start.values
        assert (result.end.values == np.arange(40)).all() and result.rested and result.error == 0
        inversions = sum(values[i] > values[j] for i in range(40) for j in range(i + 1, 40))
        classical = top_down(values, result.start.frozen, algotype)
        assert classical.error == 0
        if algotype == "selection":
            assert classical.swaps <= 39 < result.swaps
            assert classical.comparisons == 40 * 39 // 2
        else:
            assert result.swaps == inversions == classical.swaps


@pytest.mark.parametrize("pair", CHIMERAS)
def test_chimeras_sort_and_keep_values_with_labels(pair):
    for result in sort_to_rest(SortingCells(30, *pair), range(6)):
        assert (result.end.values == np.arange(30)).all()
        label_of = dict(zip(result.start.values, result.start.labels, strict=True))
        assert [label_of[v] for v in result.end.values] == list(result.end.labels)
        assert np.bincount(result.labels_moved, minlength=2).tolist() == result.by_label.tolist()


def test_immovable_cells_stay_and_movable_ones_are_carried():
    stuck = sort_to_rest(SortingCells(40, "bubble", frozen=3, movable=False), range(10))
    for result in stuck:
        where = result.start.frozen
        np.testing.assert_array_equal(where, result.end.frozen)
        np.testing.assert_array_equal(result.start.values[where], result.end.values[where])
        # Between the walls every piece is in order.
        walls = np.flatnonzero(where)
        for a, b in zip(np.r_[0, walls + 1], np.r_[walls, 40], strict=True):
            assert (np.diff(result.end.values[a:b]) > 0).all()
    carried = sort_to_rest(SortingCells(40, "bubble", frozen=1, movable=True), range(10))
    assert all(result.error == 0 for result in carried)


def test_blind_cells_do_not_sort_and_stop_at_the_limit():
    results = sort_to_rest(SortingCells(60, blind=True), range(12), swaps=900)
    assert all(result.swaps == 900 and not result.rested for result in results)
    assert 0.4 < np.mean([result.sortedness[-1] for result in results]) / 59 < 0.6
    blind = sort_to_rest(SortingCells(60, "insertion", "selection", blind=True), range(12), swaps=900)
    assert all((a.end.values == b.end.values).all() for a, b in zip(results, blind, strict=True))


def test_a_run_stopped_at_a_swap_is_the_same_run():
    world = SortingCells(25, "selection", "insertion")
    whole = sort_to_rest(world, [1, 2])
    for result, part in zip(whole, sort_to_rest(world, [1, 2], swaps=[10, 40]), strict=True):
        np.testing.assert_array_equal(part.sortedness, result.sortedness[: part.swaps + 1])
        assert ascending(part.end.values) == result.sortedness[part.swaps]
    assert [part.swaps for part in sort_to_rest(world, [1, 2], swaps=[10, 40])] == [10, 40]


def test_worlds_of_one_key_start_alike_and_frozen_cells_are_nested():
    plain = SortingCells(30).init(9)
    before = np.zeros(30, dtype=bool)
    for number in range(4):
        cells = SortingCells(30, "selection", "bubble", frozen=number, movable=False).init(9)
        np.testing.assert_array_equal(cells.values, plain.values)
        np.testing.assert_array_equal(cells.labels, plain.labels)
        assert cells.frozen.sum() == number and (cells.frozen >= before).all()
        before = cells.frozen
    assert plain.labels.sum() == 15


def test_speed_ratio_sets_who_is_activated():
    random, kinds = np.array([3], dtype=np.uint64), np.arange(10) % 2
    drawn = np.array([kinds[next_agent(random, kinds, np.array([0.25, 1.0]))] for _ in range(4000)])
    assert np.mean(drawn) == pytest.approx(0.8, abs=0.03)


def test_scheduler_is_the_hosts_mixing_and_uniform():
    for key in (0, 7, 2**63 + 11):
        for number in (0, 3, 10**6):
            assert int(fold(np.uint64(key), np.uint64(number))) == host_key(key, number)
    random = np.array([1], dtype=np.uint64)
    counts = np.bincount([draw(random, 7) for _ in range(14_000)], minlength=7)
    assert ((counts - 2000) ** 2 / 2000).sum() < 22.5
    assert np.mean([uniform(random) for _ in range(4000)]) == pytest.approx(0.5, abs=0.03)


def test_top_down_by_hand():
    frozen = np.array([False, True, False])
    # 2 must cross the frozen 0: the loop's commands are ignored, and it ends where it began.
    assert top_down(np.array([2, 0, 1]), frozen, "bubble").error == 1
    # Carried cells may be frozen, movers may not: 2 moves over 0, then over 1.
    assert top_down(np.array([2, 0, 1]), frozen, "bubble", movable=True).error == 0
    # The least cell is frozen and cannot be fetched; a movable one can be pushed aside by the one that is.
    assert top_down(np.array([2, 0, 1]), frozen, "selection", movable=True).swaps == 0
    assert top_down(np.array([1, 2, 0]), frozen, "selection", movable=True).swaps == 2
    assert top_down(np.array([2, 1, 0]), frozen, "insertion").swaps == 0
    assert top_down(np.array([2, 1, 0]), frozen, "insertion", movable=True).swaps == 2


def test_wish_of_an_insertion_cell_waits_for_order_on_its_left():
    values, none = np.array([3, 1, 2]), np.zeros(3, dtype=np.bool_)
    targets, random = np.zeros(3, dtype=np.int64), np.array([0], dtype=np.uint64)
    assert wish(2, 1, values, none, targets, True, 1, random) == (-1, 1)
    assert wish(1, 1, values, none, targets, True, 1, random) == (0, 1)


def test_first_descent_is_kept_right_over_any_swap():
    random = np.random.default_rng(4)
    for _ in range(3000):
        n = int(random.integers(2, 9))
        # Mostly in order, so that the first descent is often far behind the swap.
        values = np.arange(n) if random.random() < 0.6 else random.permutation(n)
        frozen = random.random(n) < 0.3
        low, high = sorted(random.choice(n, 2, replace=False))
        before = first_descent(values, frozen, 1)
        for part in (values, frozen):
            part[[low, high]] = part[[high, low]]
        after = first_descent_slow(Cells(values, values, frozen, values, values))
        assert _moved_descent(values, frozen, low, high, before) == after


def test_render_is_a_picture_of_the_values():
    world = SortingCells(20, frozen=1)
    picture = world.render(world.init(0)._replace(values=np.arange(20)))
    assert picture.shape == (10, 20, 3) and picture.dtype == np.uint8
    heights = (picture != 255).any(-1).sum(0)
    assert (np.diff(heights) >= 0).all() and heights[-1] == 10


@pytest.mark.parametrize(
    "bad", [{"n": 1}, {"algotype": "quick"}, {"frozen": 101}, {"speed_ratio": 0.0}, {"other": "merge"}, {"speed_ratio": float("nan")}]
)
def test_impossible_worlds_are_refused(bad):
    with pytest.raises(MorphogenError):
        SortingCells(**bad)


def test_impossible_batches_are_refused():
    world = SortingCells(10)
    for arguments in (
        {"keys": []},
        {"keys": [1], "swaps": -1},
        {"keys": [1], "swaps": [1, 2]},
        {"keys": [1, 2], "starts": [world.init(0)]},
    ):
        with pytest.raises(MorphogenError):
            sort_to_rest(world, **arguments)
    with pytest.raises(MorphogenError, match="did not come to rest"):
        sort_to_rest(SortingCells(6, blind=True), [0])
    with pytest.raises(MorphogenError, match="frozen flags"):
        top_down(np.arange(4), np.zeros(3, dtype=bool), "bubble")
