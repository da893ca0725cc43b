"""Cells that sort themselves: each cell of an array runs a sorting rule of its own, one cell at a time, with nobody in charge.

Source: Zhang, Goldstein & Levin (2024), Classical Sorting Algorithms as a Model of Morphogenesis, arXiv 2401.05375. There every
cell is a thread and all share one lock; here the next cell to act is drawn at random (`morphogen.worlds.scheduler`), which is
the same without the bias of an operating system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Array
from numba import njit, prange

from morphogen.combinators import initial_key
from morphogen.errors import MorphogenError
from morphogen.splitmix import draw, fold
from morphogen.system import Host, Observable, generator, parameter
from morphogen.worlds.scheduler import next_agent

Algotype = Literal["bubble", "insertion", "selection"]
ALGOTYPES: tuple[Algotype, ...] = ("bubble", "insertion", "selection")
BUBBLE, INSERTION, SELECTION, BLIND = range(4)
COLOURS = ((0x2A, 0x6F, 0x97), (0xE0, 0x7A, 0x3F))
"""Of the two labels, in pictures."""


class Cells(NamedTuple):
    """An array of cells. All but the counts are in order of position, shape (n,)."""

    values: np.ndarray
    labels: np.ndarray
    frozen: np.ndarray
    targets: np.ndarray
    counts: np.ndarray
    """Swaps started by cells of label 0 and of label 1, comparisons, activations."""


class SortingCells(Host):
    """An array of `n` different values whose cells sort themselves. One `step` is a sweep: n activations of random cells.

    The rules, for the cell that is activated:

    - *bubble*: toss a coin for a side; change places with that neighbour if the two are out of order.
    - *insertion*: if the cells to the left are in ascending order, and its own value is less than its left neighbour's, change
      places with it. A frozen cell cuts the check of the order in two: it is compared with neither neighbour.
    - *selection*: each cell has a target position, at first 0. If its value is not less than that of the cell there, or that
      cell cannot be moved, the target moves on by one; otherwise they change places. A cell on its target rests.

    Half of the cells (drawn at random) carry label 0 and run `algotype`, the others carry label 1 and run `other`: a chimera. With
    `other` equal to `algotype` the label is a name without consequences. Frozen cells never act; if they are `movable`,
    others may still change places with them. With `blind` the look is cut off from the act: whatever its algotype, the
    activated cell changes places with the neighbour on a random side.

    Initial arrays, labels and frozen cells depend on the key alone: worlds with the same `n` start alike, and the cells
    frozen at `frozen=1` are among those at `frozen=2`.

    Args:
        n: cells, at least 2.
        algotype: the rule of label 0.
        other: the rule of label 1; None for that of label 0.
        frozen: how many cells are frozen, at most n.
        movable: whether frozen cells can be moved by others.
        speed_ratio: activations of a cell of label 1 per activation of one of label 0 (fair: 1).
        blind: cells act without looking.

    A comparison is one reading of another cell's value: bubble 1, selection 1, insertion 1 for each pair on its left up to the
    first that is out of order and 1 for its own. Cost of a sweep: O(n) typically, O(n^2) at worst.
    """

    n: int = eqx.field(static=True)
    algotype: Algotype = eqx.field(static=True)
    other: Algotype = eqx.field(static=True)
    frozen: int = eqx.field(static=True)
    movable: bool = eqx.field(static=True)
    blind: bool = eqx.field(static=True)
    speed_ratio: Array

    def __init__(
        self,
        n: int = 100,
        algotype: Algotype = "bubble",
        other: Algotype | None = None,
        frozen: int = 0,
        movable: bool = True,
        speed_ratio: float = 1.0,
        blind: bool = False,
    ) -> None:
        if not 2 <= n <= 32_000:
            raise MorphogenError(f"an array to sort needs 2 to 32000 cells, not n={n}")
        for name in (algotype, other):
            if name is not None and name not in ALGOTYPES:
                raise MorphogenError(f"there is no algotype '{name}': choose from {', '.join(ALGOTYPES)}")
        if not 0 <= frozen <= n:
            raise MorphogenError(f"frozen must be from 0 to n={n} cells, not {frozen}")
        if not speed_ratio > 0 or not np.isfinite(speed_ratio):
            raise MorphogenError(f"speed_ratio must be positive and finite, not {speed_ratio}")
        self.n, self.algotype, self.other = n, algotype, other or algotype
        self.frozen, self.movable, self.blind = frozen, movable, blind
        self.speed_ratio = parameter(speed_ratio)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("values", ("cell",), "1", "the value at each position"),
            Observable("algotypes", ("cell",), "1", "label of the cell at each position: 0 runs algotype, 1 runs other"),
            Observable("sortedness", (), "pair", "adjacent pairs in ascending order, of n - 1"),
            Observable("aggregation", (), "1", "fraction of adjacent pairs with equal label"),
            Observable("swaps", (), "swap", "swaps so far"),
            Observable("comparisons", (), "comparison", "values read of other cells so far"),
        )

    @property
    def time_unit(self) -> str:
        return "sweep"

    def init(self, key: int) -> Cells:
        random = generator(key)
        values = random.permutation(self.n).astype(np.int64)
        labels = random.permutation(np.arange(self.n) % 2).astype(np.int64)
        frozen = np.zeros(self.n, dtype=np.bool_)
        frozen[random.permutation(self.n)[: self.frozen]] = True
        return Cells(values, labels, frozen, np.zeros(self.n, dtype=np.int64), np.zeros(4, dtype=np.int64))

    def step(self, state: Cells, key: int) -> Cells:
        new = Cells(*(np.array(part) for part in state))
        sweep(*new, *self.rule, np.array([key], dtype=np.uint64), *_NO_RECORD)
        return new

    def observe(self, state: Cells) -> dict[str, Any]:
        return {
            "values": state.values,
            "algotypes": state.labels,
            "sortedness": ascending(state.values),
            "aggregation": np.mean(state.labels[1:] == state.labels[:-1]),
            "swaps": state.counts[:2].sum(),
            "comparisons": state.counts[2],
        }

    def render(self, state: Cells) -> np.ndarray:
        """One bar a cell: its height is the value, its colour the label; frozen cells are grey."""
        height = max(self.n // 2, 2)
        colours = np.where(state.frozen[:, None], 0x90, np.array(COLOURS)[state.labels]).astype(np.uint8)
        tall = (state.values + 1) * height // self.n
        filled = np.arange(height, 0, -1)[:, None] <= np.maximum(tall, 1)
        return np.where(filled[:, :, None], colours, np.uint8(0xFF))

    @property
    def rule(self) -> tuple[np.ndarray, np.ndarray, bool]:
        """What the kernel needs of the parameters: algorithms and rates of the labels, and whether frozen cells move."""
        algorithms = [BLIND, BLIND] if self.blind else [ALGOTYPES.index(self.algotype), ALGOTYPES.index(self.other)]
        rates = np.array([1.0, float(self.speed_ratio)])
        return np.array(algorithms), rates / rates.max(), self.movable


def ascending(values: np.ndarray) -> int:
    """Sortedness: adjacent pairs in ascending order (equal values count)."""
    return int((values[1:] >= values[:-1]).sum())


@dataclass(frozen=True)
class Sorting:
    """What one array did until it came to rest.

    `sortedness` and `aggregation` (swaps + 1,) are the series after every swap, the start first; `by_label` are the swaps that
    cells of label 0 and of label 1 started; `labels_moved` (swaps,) is the label of the cell that started each.
    """

    start: Cells
    end: Cells
    sortedness: np.ndarray
    aggregation: np.ndarray
    labels_moved: np.ndarray
    rested: bool

    @property
    def swaps(self) -> int:
        return int(self.end.counts[:2].sum())

    @property
    def by_label(self) -> np.ndarray:
        return self.end.counts[:2]

    @property
    def comparisons(self) -> int:
        return int(self.end.counts[2])

    @property
    def activations(self) -> int:
        return int(self.end.counts[3])

    @property
    def error(self) -> int:
        """Adjacent pairs out of order at the end: n - 1 - S."""
        return self.end.values.size - 1 - int(self.sortedness[-1])


def sort_to_rest(
    system: SortingCells,
    keys: Sequence[int],
    *,
    starts: Sequence[Cells] | None = None,
    sweeps: int = 20_000,
    swaps: int | Sequence[int] | None = None,
) -> list[Sorting]:
    """Run one array for each key until no cell can act any more, recording after every swap.

    The arrays run side by side on all cores. Each is, to the bit, the run of `morphogen.run(system, ..., key=key)`, cut off in the
    sweep where it came to rest. Rest is decided exactly, once a sweep: no bubble or insertion cell has a swap to make, and no
    selection cell a target left to try.

    Args:
        starts: begin with these arrays (one for each key) instead of those that `system.init` gives.
        sweeps: give up after so many (the result says `rested=False`).
        swaps: stop after this many swaps (one number, or one for each key); None for no limit but the room for the record, n^2.

    Raises:
        MorphogenError: no key, starts or swaps that do not fit the keys, or n^2 swaps without a limit and no rest.

    Memory: 5 n^2 bytes an array.
    """
    if len(keys) == 0:
        raise MorphogenError("sort_to_rest needs at least one key")
    asked = np.asarray(system.n**2 if swaps is None else swaps, dtype=np.int64)
    if asked.ndim > 0 and asked.shape != (len(keys),):
        raise MorphogenError(f"swaps must be one number or one for each of the {len(keys)} keys, not of shape {asked.shape}")
    limits = np.array(np.broadcast_to(asked, len(keys)))
    if sweeps < 1 or limits.min() < 0:
        raise MorphogenError(f"sweeps must be at least 1 and swaps at least 0, not {sweeps} and {swaps}")
    room = int(limits.max())
    if starts is None:
        starts = [system.init(initial_key(int(key), True)) for key in keys]
    if len(starts) != len(keys) or any(start.values.shape != (system.n,) for start in starts):
        raise MorphogenError(f"starts must hold {len(keys)} arrays of {system.n} cells, one for each key")
    state = Cells(*(np.stack(parts) for parts in zip(*starts, strict=True)))
    records = np.zeros((2, len(keys), room + 1), dtype=np.int16)
    moved = np.zeros((len(keys), room + 1), dtype=np.int8)
    words = np.array([int(key) & 0xFFFFFFFFFFFFFFFF for key in keys], dtype=np.uint64)
    rested = _batch(*state, *system.rule, words, sweeps, limits, records[0], records[1], moved)
    return [_result(system, swaps is None, start, i, state, rested, records, moved) for i, start in enumerate(starts)]


def _result(
    system: SortingCells, unlimited: bool, start: Cells, i: int, state: Cells, rested: np.ndarray, records: np.ndarray, moved: np.ndarray
) -> Sorting:
    """Array number `i` of a finished batch."""
    end = Cells(*(part[i] for part in state))
    done = int(end.counts[:2].sum())
    if unlimited and done >= system.n**2 and not rested[i]:
        raise MorphogenError(f"an array of {system.n} cells swapped {done} times and did not come to rest: give a limit with swaps=")
    aggregation = records[1, i, : done + 1] / (system.n - 1)
    return Sorting(start, end, records[0, i, : done + 1].astype(int), aggregation, moved[i, :done], bool(rested[i]))


_NO_RECORD = (np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int8))


@njit(parallel=True)
def _batch(values, labels, frozen, targets, counts, algorithms, rates, movable, keys, sweeps, limits, sortedness, agreeing, moved):  # type: ignore[no-untyped-def]
    rested = np.zeros(keys.size, dtype=np.bool_)
    for i in prange(keys.size):
        sortedness[i, 0] = (values[i, 1:] >= values[i, :-1]).sum()
        agreeing[i, 0] = (labels[i, 1:] == labels[i, :-1]).sum()
        for t in range(sweeps):
            if at_rest(values[i], labels[i], frozen[i], targets[i], algorithms, movable):
                rested[i] = True
                break
            random = np.array([fold(keys[i], np.uint64(t))], dtype=np.uint64)
            sweep(
                values[i], labels[i], frozen[i], targets[i], counts[i], algorithms, rates, movable, random,
                sortedness[i, : limits[i] + 1], agreeing[i, : limits[i] + 1], moved[i, : limits[i] + 1],
            )  # fmt: skip
            if counts[i, 0] + counts[i, 1] >= limits[i]:
                break
    return rested


@njit
def sweep(values, labels, frozen, targets, counts, algorithms, rates, movable, random, sortedness, agreeing, moved):  # type: ignore[no-untyped-def]
    """n activations, in place. With room in the records, S and the agreeing pairs are written after every swap."""
    n = values.size
    recording = moved.size > 0
    descent = first_descent(values, frozen, 1)
    for _ in range(n):
        done = counts[0] + counts[1]
        if recording and done >= moved.size - 1:
            return
        p = next_agent(random, labels, rates)
        counts[3] += 1
        # A frozen cell is drawn as often as any other and lets its turn pass.
        if frozen[p]:
            continue
        q, looks = wish(p, algorithms[labels[p]], values, frozen, targets, movable, descent, random)
        counts[2] += looks
        if q < 0:
            continue
        counts[labels[p]] += 1
        low, high = min(p, q), max(p, q)
        if recording:
            before_s, before_a = _around(values, low, high), _around_labels(labels, low, high)
            moved[done] = labels[p]
        _swap(values, labels, frozen, targets, p, q)
        if recording:
            sortedness[done + 1] = sortedness[done] + _around(values, low, high) - before_s
            agreeing[done + 1] = agreeing[done] + _around_labels(labels, low, high) - before_a
        descent = _moved_descent(values, frozen, low, high, descent)


@njit
def wish(p, algorithm, values, frozen, targets, movable, descent, random):  # type: ignore[no-untyped-def]
    """The position that the cell at `p` changes places with (-1: none), and the comparisons it made. A selection target may move on."""
    n = values.size
    if algorithm == SELECTION:
        q = targets[p]
        if q >= n or q == p:
            return -1, 0
        if values[p] >= values[q] or (frozen[q] and not movable):
            targets[p] += 1
            return -1, 1
        return q, 1
    if algorithm == INSERTION:
        q = p - 1
        if q < 0:
            return -1, 0
        # The prefix check stops at the first pair out of order, the one that ends at `descent`.
        if descent < p:
            return -1, descent
        if values[p] >= values[q] or (frozen[q] and not movable):
            return -1, p
        return q, p
    q = p + 1 if draw(random, 2) == 1 else p - 1
    if q < 0 or q >= n:
        return -1, 0
    if algorithm == BLIND:
        return (-1 if frozen[q] and not movable else q), 0
    wrong = values[p] > values[q] if q > p else values[p] < values[q]
    return (q if wrong and (movable or not frozen[q]) else -1), 1


@njit
def at_rest(values, labels, frozen, targets, algorithms, movable):  # type: ignore[no-untyped-def]
    """Whether no activation of any cell can change anything any more."""
    n = values.size
    descent = first_descent(values, frozen, 1)
    for p in range(n):
        if frozen[p]:
            continue
        algorithm = algorithms[labels[p]]
        if algorithm == SELECTION:
            if targets[p] < n and targets[p] != p:
                return False
            continue
        left = p > 0 and (movable or not frozen[p - 1])
        right = p < n - 1 and (movable or not frozen[p + 1])
        if algorithm == BLIND and (left or right):
            return False
        if left and values[p] < values[p - 1] and (algorithm == BUBBLE or (algorithm == INSERTION and descent >= p)):
            return False
        if right and algorithm == BUBBLE and values[p] > values[p + 1]:
            return False
    return True


@njit
def first_descent(values, frozen, start):  # type: ignore[no-untyped-def]
    """The first position from `start` on whose value is less than its left neighbour's, neither frozen; n if there is none.

    The insertion cell at p finds the cells on its left in order exactly when this position is not among them, that is, >= p. Kept
    from swap to swap, it spares each activation a walk over the whole prefix.
    """
    for j in range(start, values.size):
        if values[j] < values[j - 1] and not frozen[j] and not frozen[j - 1]:
            return j
    return values.size


@njit
def _moved_descent(values, frozen, low, high, descent):  # type: ignore[no-untyped-def]
    """`first_descent` after the cells at `low` < `high` have changed places: only the pairs at these two can have changed."""
    for j in (low, low + 1, high, high + 1):
        if 1 <= j < values.size and j < descent and values[j] < values[j - 1] and not frozen[j] and not frozen[j - 1]:
            return j
    if descent in (low, low + 1, high, high + 1):
        return first_descent(values, frozen, descent)
    return descent


@njit
def _swap(values, labels, frozen, targets, p, q):  # type: ignore[no-untyped-def]
    values[p], values[q] = values[q], values[p]
    labels[p], labels[q] = labels[q], labels[p]
    frozen[p], frozen[q] = frozen[q], frozen[p]
    targets[p], targets[q] = targets[q], targets[p]


@njit
def _around(values, low, high):  # type: ignore[no-untyped-def]
    """Ascending pairs among those that touch `low` or `high`."""
    found, n = 0, values.size
    for j in range(max(low, 1), low + 2):
        found += values[j] >= values[j - 1]
    for j in range(max(high, low + 2), min(high + 2, n)):
        found += values[j] >= values[j - 1]
    return found


@njit
def _around_labels(labels, low, high):  # type: ignore[no-untyped-def]
    """Pairs of equal label among those that touch `low` or `high`."""
    found, n = 0, labels.size
    for j in range(max(low, 1), low + 2):
        found += labels[j] == labels[j - 1]
    for j in range(max(high, low + 2), min(high + 2, n)):
        found += labels[j] == labels[j - 1]
    return found
