"""Side by side: two functions that do the same work, timed in turn in one process, as a ratio of medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def side_by_side(title: str, ours: Callable[[], Any], peer: Callable[[], Any], *, rounds: int = 7, peer_rounds: int | None = None) -> float:
    """Run each once to warm up, then A B A B ...; print the medians, and return how many times longer the peer takes."""
    ours()
    peer()
    mine, theirs = [], []
    for i in range(rounds):
        mine.append(seconds(ours))
        if i < (peer_rounds or rounds):
            theirs.append(seconds(peer))
    a, b = statistics.median(mine), statistics.median(theirs)
    spread = f"[{min(mine) * 1e3:.3g}, {max(mine) * 1e3:.3g}] ms against [{min(theirs) * 1e3:.3g}, {max(theirs) * 1e3:.3g}] ms"
    print(f"{title}: {a * 1e3:.3g} ms against {b * 1e3:.3g} ms, ratio {b / a:.2f} (ranges {spread})", flush=True)
    return b / a
