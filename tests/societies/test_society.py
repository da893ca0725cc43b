"""A society of voters: simultaneous rounds, order-free randomness, the same run and resume as any system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import morphogen as mg


class Voters(mg.Society):
    """Each agent holds an opinion and takes that of a random agent it hears."""

    @property
    def observables(self) -> tuple[mg.Observable, ...]:
        return (mg.Observable("opinion", ("agent",), "1", "what each agent says"),)

    def mind(self, agent: int, random: np.random.Generator) -> tuple[Any, Any]:
        return agent, agent

    def speak(self, agent: int, mind: Any, heard: dict[int, Any], random: np.random.Generator) -> tuple[Any, Any]:
        said = heard[int(random.choice(sorted(heard)))] if heard else mind
        return said, said

    def look(self, minds: tuple[Any, ...], messages: tuple[Any, ...]) -> dict[str, Any]:
        return {"opinion": np.array(messages)}


def test_voters_agree_in_the_end_and_only_where_they_hear() -> None:
    everyone = mg.run(Voters(np.ones((8, 8))), 400, key=1).opinion.values[0]
    assert len(set(everyone[-1])) == 1 and len(set(everyone[0])) == 8
    halves = np.kron(np.eye(2), np.ones((4, 4)))
    apart = mg.run(Voters(halves), 400, key=1).opinion.values[0][-1]
    assert len(set(apart[:4])) == 1 and len(set(apart[4:])) == 1 and apart[0] < 4 <= apart[-1]


def test_rounds_are_simultaneous() -> None:
    ring = np.roll(np.eye(5), 1, axis=1)
    got = mg.run(Voters(ring), 3, key=0).opinion.values[0]
    assert np.array_equal(got[1], np.roll(np.arange(5), -1)) and np.array_equal(got[3], np.roll(np.arange(5), -3))


def test_a_society_resumes(tmp_path: Path) -> None:
    system = Voters(np.ones((6, 6)))
    mg.run(system, 5, key=2, store=tmp_path / "v.zarr")
    resumed = mg.run(system, 20, key=2, store=tmp_path / "v.zarr", resume=True)
    assert np.array_equal(resumed.opinion, mg.run(system, 20, key=2).opinion)


def test_a_matrix_that_is_not_square_is_named() -> None:
    with pytest.raises(mg.MorphogenError, match="square matrix"):
        Voters(np.ones((2, 3)))
