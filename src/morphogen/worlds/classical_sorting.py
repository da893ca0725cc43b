"""The textbook sorting loops, one controller for the whole array, on arrays that may have defects.

The counterpart of `morphogen.worlds.sorting`, where every cell sorts for itself. Source of the comparison: Zhang, Goldstein & Levin
(2024), arXiv 2401.05375; of the algorithms: Knuth (1973), The Art of Computer Programming, volume 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.worlds.sorting import ALGOTYPES, ascending


@dataclass(frozen=True)
class TopDown:
    """What a classical loop did."""

    error: int
    swaps: int
    comparisons: int


def top_down(values: np.ndarray, frozen: np.ndarray, algotype: str, movable: bool = False) -> TopDown:
    """The textbook algorithm, run by a controller that does not know of defects, on an array that has some.

    A swap command is silently ignored when the cell that it moves (bubble: the larger one carried right; insertion: the one carried left;
    selection: the minimum fetched) is frozen, or when the other one is and is not `movable`. Cost O(n^2).
    """
    if algotype not in ALGOTYPES or np.shape(values) != np.shape(frozen):
        raise MorphogenError(f"top_down takes one of {', '.join(ALGOTYPES)} and as many frozen flags as values, not '{algotype}'")
    cells, stuck, n = [int(v) for v in values], [bool(f) for f in frozen], len(values)
    swaps = comparisons = 0

    def swap(mover: int, other: int) -> None:
        nonlocal swaps
        if not stuck[mover] and (movable or not stuck[other]):
            cells[mover], cells[other] = cells[other], cells[mover]
            stuck[mover], stuck[other] = stuck[other], stuck[mover]
            swaps += 1

    if algotype == "bubble":
        for last in range(n - 1, 0, -1):
            for j in range(last):
                comparisons += 1
                if cells[j] > cells[j + 1]:
                    swap(j, j + 1)
    elif algotype == "insertion":
        for i in range(1, n):
            for j in range(i, 0, -1):
                comparisons += 1
                if cells[j] >= cells[j - 1]:
                    break
                swap(j, j - 1)
    else:
        for i in range(n - 1):
            least = min(range(i, n), key=cells.__getitem__)
            comparisons += n - 1 - i
            if least != i:
                swap(least, i)
    return TopDown(n - 1 - ascending(np.array(cells)), swaps, comparisons)
