"""The page on flocks: runs whole at sketch scale, and its claims fall without the averaging."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from morphogen.atlas.collectives.flock_convergence import Runs, flown, freezing_parts, meetings, sees, steps_of
from morphogen.atlas.study import study
from morphogen.worlds.contact import Contact, Fraction
from morphogen.worlds.swarms import AveragingFlock


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    return study("flock-convergence", scale="sketch", directory=tmp_path_factory.mktemp("results"), first_key=0)


def parts(side, claim):
    return {p.name: p for c in side.claims if c.id == claim for p in c.parts}


def test_sketch_runs_every_path_and_the_null(sketch):
    for side in (sketch.main, sketch.null):
        assert [c.id for c in side.claims] == ["C1", "C1-control", "C2", "C3", "C4"]
        assert all(g.open for g in side.gates), [g.seen for g in side.gates]
    assert all(c.verdict == "undecided" for c in sketch.claims)
    assert any("does not verify the upper bound" in note for note in sketch.main.notes)
    assert (sketch.main.directory / sketch.main.pictures[0][0]).stat().st_size > 50_000


def test_company_is_lost_without_averaging(sketch):
    for claim in ("C1", "C4"):
        name = "birds in company, least of all sizes"
        assert parts(sketch.null, claim)[name].effect == 0.0
        assert parts(sketch.main, claim)[name].effect + parts(sketch.main, claim)[name].control > 0.6
        assert parts(sketch.main, claim)["frozen for certain and agreed, at every size"].effect == 1.0


def test_rates_of_lines_and_their_absence(sketch):
    # Exact rate of 12 birds: the second eigenvalue of the averaging of a path.
    path = np.eye(12, k=1) + np.eye(12, k=-1)
    averaging = np.eye(12) + path
    second = np.sort(np.linalg.eigvals(averaging / averaging.sum(axis=1, keepdims=True)).real)[-2]
    name = "n = 12: rate n^2 / (pi^2 / 3)"
    assert parts(sketch.main, "C2")[name].effect * np.pi**2 / 3 == pytest.approx(-144 * np.log(second), rel=1e-4)
    assert parts(sketch.null, "C2")[name].effect == 0.0


def test_the_tower_falls_without_averaging(sketch):
    main, null = parts(sketch.main, "C3"), parts(sketch.null, "C3")
    for name in main:
        assert main[name].verdict == "holds", name
        if "> 1e-12" not in name:
            assert null[name].verdict == "fails", name


def test_flown_stops_early_only_when_certain():
    with jax.enable_x64(True):
        keys = [jax.random.key(s) for s in range(3)]
        calm, noisy = (flown(AveragingFlock(8, noise=noise), keys, 1000) for noise in (0.0, 0.01))
    assert calm.steps == 500 and calm.certified.all() and (calm.spread < 1e-6).all()
    assert noisy.steps == 1000 and not noisy.certified.any()


def test_a_flock_that_froze_alone_or_uncertified_does_not_count():
    def arm(certified, company):
        return Runs(np.array([1, 2, 3]), np.full(3, certified), np.zeros(3), np.full(3, company), 500)

    arms = {("none", n): arm(True, 0.9) for n in (8, 16, 32)} | {("constant", n): arm(False, 0.0) for n in (8, 16, 32)}
    arms["none", 16] = arm(False, 0.1)
    found = freezing_parts(arms, "none", (8, 16, 32), 3)
    assert not np.any(found["frozen for certain and agreed, at every size"].effect)
    assert (found["birds in company, least of all sizes"].effect == 0.1).all()


def test_small_helpers():
    assert steps_of([Contact(3, Fraction(1)), None]) == [3, None]
    assert sees(np.array([[0.0, 0.0], [1.0, 0.0], [2.5, 0.0]]), 1.0).sum() == 2
    assert meetings(Fraction(1, 100), Fraction(1, 3), None).third > 10**100
    assert meetings(Fraction(1, 100), Fraction(1, 3), Fraction(0)).third < 100
