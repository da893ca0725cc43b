"""The coffee automaton's page: runs whole at sketch scale, and its instruments read what they should on known pictures."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from morphogen.atlas.automata.coffee_automaton import Arm, complexities, measured, peak_slope, pictures, record_times, shuffling_at_peak
from morphogen.atlas.study import study
from morphogen.measures.complexity import coarse_grain
from morphogen.run import run
from morphogen.worlds.lattice import StirredLattice


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    return study("coffee-automaton", scale="sketch", directory=tmp_path_factory.mktemp("results"), first_key=0)


def test_sketch_runs_every_path_and_the_null(sketch):
    assert [c.id for c in sketch.main.claims] == ["C1", "C2", "C3", "C4"]
    assert [c.id for c in sketch.null.claims] == ["C1", "C2", "C3", "C4"]
    assert all(c.verdict == "undecided" for c in sketch.claims)
    assert any("reproduction of the correction" in note for note in sketch.main.notes)
    assert (sketch.main.directory / sketch.main.pictures[0][0]).stat().st_size > 50_000


def test_entropy_rises_only_with_a_low_entropy_start(sketch):
    rises, flat = ({p.name.split(",")[0]: p.effect for p in side.claims[0].parts} for side in (sketch.main, sketch.null))
    assert min(rises.values()) > 0.75
    assert max(flat.values()) < 0.5


def test_gates_see_conservation_and_the_missing_structure_of_the_null(sketch):
    open_in_main, open_in_null = ({g.name: g.open for g in side.gates} for side in (sketch.main, sketch.null))
    assert all(open_in_main[name] for name in ("cream is conserved", "the instrument sees lateral structure", "mixing was waited for"))
    assert open_in_null["cream is conserved"] and not open_in_null["the instrument sees lateral structure"]


def test_record_times_are_whole_different_and_reach_the_end():
    times = record_times(120, 24)
    assert times[0] == 0 and times[-1] == 120 and len(times) <= 24
    assert (np.diff(times) > 0).all()


def test_pictures_are_those_of_single_runs_with_the_same_keys():
    times, keys = np.array([0, 3, 10]), [jax.random.key(s) for s in (4, 5)]
    grids = pictures(StirredLattice(12), keys, times)
    for grid, key in zip(grids, keys, strict=True):
        alone = run(StirredLattice(12), 10, key=key)["grid"].values[0]
        assert (grid == alone[times]).all()


def test_excess_is_zero_for_bands_and_large_for_blobs():
    n = 96
    bands = np.arange(n)[:, None] < np.full(n, n // 2)
    hills = coarse_grain(np.random.default_rng(1).random((n, n)), 24, periodic=True)
    blobs = hills > np.median(hills)
    arm = measured(np.array([0, 1]), np.stack([bands, blobs])[None].astype(np.uint8), 8, 4, [np.random.default_rng(0)])
    assert arm.excess[0, 0] == 0
    assert arm.excess[0, 1] > 100
    assert arm.naive[0, 0] < 20


def test_complexity_of_a_uniform_picture_is_nothing():
    assert (complexities(np.zeros((1, 48, 48), np.uint8), 6) == 0).all()
    assert (complexities(np.ones((1, 48, 48), np.uint8), 6) < 5).all()


def with_peaks(naive, shuffled):
    nothing = np.zeros_like(naive)
    return Arm(np.arange(naive.shape[1]), nothing, nothing, naive, nothing, shuffled, nothing)


def test_peak_slope_and_what_shuffling_changes():
    arms = {
        ("interacting", n): with_peaks(np.array([[1.0, 3.0 * n**1.2, 2.0]]), np.array([[9e9, 2.7 * n**1.2, 9e9]])) for n in (48, 96, 144)
    }
    assert peak_slope(arms, "naive") == pytest.approx([1.2])
    assert shuffling_at_peak(arms["interacting", 96]) == pytest.approx([-0.1])
