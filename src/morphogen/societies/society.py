"""A society: agents on a network of who hears whom. One step is a round: everybody hears the last round, then everybody speaks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.system import Host, Observation, generator, host_key


class Round(NamedTuple):
    """Every agent's mind, and what each said last."""

    minds: tuple[Any, ...]
    messages: tuple[Any, ...]


class Society(Host):
    """n agents that hear one another through the matrix `hears` (n, n): agent i hears j where hears[i, j] is true.

    Subclasses define `mind` (an agent's beginning), `speak` (what it makes of what it heard) and `look` (what can be seen
    of all). Rounds are simultaneous: nobody hears what is said in the same round. Agent i's random numbers come from the
    step's key folded with i, so that they do not depend on the order of the agents. Cost: n calls of `speak` a step.
    """

    hears: np.ndarray = eqx.field(converter=lambda matrix: np.asarray(matrix, dtype=bool))

    def __check_init__(self) -> None:
        if self.hears.ndim != 2 or self.hears.shape[0] != self.hears.shape[1]:
            raise MorphogenError(f"hears must be a square matrix (listener, speaker), not shape {self.hears.shape}")

    @property
    def size(self) -> int:
        return len(self.hears)

    @property
    def time_unit(self) -> str:
        return "round"

    @abstractmethod
    def mind(self, agent: int, random: np.random.Generator) -> tuple[Any, Any]:
        """The first mind of an agent and the first thing it says."""

    @abstractmethod
    def speak(self, agent: int, mind: Any, heard: dict[int, Any], random: np.random.Generator) -> tuple[Any, Any]:
        """An agent's next mind and what it says, after hearing `heard` (speaker: message)."""

    @abstractmethod
    def look(self, minds: tuple[Any, ...], messages: tuple[Any, ...]) -> Observation:
        """What can be seen of a round."""

    def init(self, key: int) -> Round:
        pairs = [self.mind(i, generator(host_key(key, i))) for i in range(self.size)]
        return Round(tuple(m for m, _ in pairs), tuple(s for _, s in pairs))

    def step(self, state: Round, key: int) -> Round:
        pairs = []
        for i, row in enumerate(self.hears):
            heard = {int(j): state.messages[j] for j in np.flatnonzero(row)}
            pairs.append(self.speak(i, state.minds[i], heard, generator(host_key(key, i))))
        return Round(tuple(m for m, _ in pairs), tuple(s for _, s in pairs))

    def observe(self, state: Round) -> Observation:
        return self.look(state.minds, state.messages)
