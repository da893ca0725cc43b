"""Random-sequential scheduling for compiled host worlds: at each instant one agent, drawn at random, acts.

The opposite of a synchronous update: there is no common clock, and an agent always sees what the one before it did.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from morphogen.splitmix import draw, uniform


@njit
def next_agent(random: np.ndarray, kinds: np.ndarray, rates: np.ndarray) -> np.int64:
    """The place of the agent that acts next: drawn with probability proportional to the rate of its kind.

    `kinds` (agents,) are indices into `rates`, whose greatest entry must be 1: agents are drawn uniformly and taken with
    probability equal to their rate, so the cost is 1 / (mean rate) draws.
    """
    while True:
        place = draw(random, kinds.size)
        rate = rates[kinds[place]]
        if rate >= 1.0 or uniform(random) < rate:
            return place
