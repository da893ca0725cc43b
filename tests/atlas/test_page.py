"""The honesty machinery: gates, nulls, void claims, seeds, scales, and results that cannot be taken for another's."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import morphogen as mg
from morphogen.atlas import page as pages
from morphogen.atlas import reading_list, report, study
from morphogen.atlas.page import Lab, Paper, Part, page
from morphogen.atlas.rules import Verdict, greater, less, within


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A page made for one test."""
    monkeypatch.setattr(pages, "REGISTRY", registry := {})
    monkeypatch.setattr(study, "REGISTRY", registry)

    def declare(function, **options):  # type: ignore[no-untyped-def]
        settings = {"chapter": "automata", "paper": Paper("A title", "Author", 2020), "null": "nothing moves", "sketch": {}}
        page(7, "test-page", **{**settings, **options})(function)
        return registry["test-page"]

    return declare


def _honest(lab: Lab, *, size: int = 3, seeds: int = 4) -> None:
    """An effect that is there only with the mechanism."""
    random = np.random.default_rng(lab.seed_numbers(seeds)[0])
    effect = (0.0 if lab.null else 5.0) + random.normal(size=seeds) * 0.1
    gate = lab.gate("size", size > 2, f"size {size}")
    lab.claim("C1", "the mechanism does it", effect=effect, rule=greater(1.0), gates=(gate,))
    lab.claim("C2", "trivially true", effect=np.full(seeds, 2.0), rule=greater(1.0))
    lab.claim("C3", "in parts", parts={"low": Part(effect, greater(1.0)), "high": Part(effect, less(3.0))})
    lab.note("a   note\n over lines")
    lab.table("sizes", [{"size": size, "value": np.float64(1.5)}])
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [0, effect[0]])
    lab.picture(figure, "a line")


def test_a_claim_that_holds_without_its_mechanism_is_void(make) -> None:  # type: ignore[no-untyped-def]
    make(_honest)
    done = study.study("test-page")
    assert done.verdicts == {"C1": Verdict.HOLDS, "C2": Verdict.VOID, "C3": Verdict.FAILS}
    assert done.void and "void" in report.summary(done)
    without = {c.id: c.verdict for c in done.null.claims}
    assert without["C1"] is Verdict.FAILS and without["C2"] is Verdict.HOLDS


def test_a_closed_gate_makes_a_claim_undecided(make) -> None:  # type: ignore[no-untyped-def]
    make(_honest)
    claim = study.study("test-page", size=1).claims[0]
    assert claim.verdict is Verdict.UNDECIDED and "gate 'size' is closed: size 1" in claim.reason
    assert claim.parts[0].verdict is Verdict.HOLDS


def test_too_few_seeds_give_no_verdict(make) -> None:  # type: ignore[no-untyped-def]
    make(_honest)
    assert study.study("test-page", seeds=2).claims[0].reason == "2 seeds are too few: a verdict takes 3"


def test_the_sketch_gives_no_verdict(make) -> None:  # type: ignore[no-untyped-def]
    make(_honest, sketch={"seeds": 3})
    done = study.study("test-page", scale="sketch")
    assert set(done.verdicts.values()) == {Verdict.UNDECIDED}
    assert done.main.parameters == {"size": 3, "seeds": 3}


def test_deterministic_claims_judge_every_entry(make) -> None:  # type: ignore[no-untyped-def]
    def exact(lab: Lab) -> None:
        """Exact numbers."""
        lab.claim("C1", "all above", effect=[2.0, 3.0], rule=greater(1.0), deterministic=True)
        lab.claim("C2", "one is not", effect=[2.0, 0.0], rule=greater(1.0), deterministic=True)
        lab.claim("C3", "unknown", effect=[float("nan")], rule=greater(1.0), deterministic=True)
        lab.claim("C4", "none is", effect=[0.5], rule=within(1.0, 2.0), deterministic=True)

    make(exact)
    assert [*study.study("test-page", null=False).verdicts.values()] == ["holds", "undecided", "undecided", "fails"]


def test_results_are_kept_under_their_content(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    runs = []

    def counting(lab: Lab, *, size: int = 3) -> None:
        """Counts how often it runs."""
        runs.append((size, lab.null))
        lab.claim("C1", "one", effect=np.ones(3) * size, rule=greater(0.5))

    make(counting)
    first = study.study("test-page", directory=tmp_path)
    study.study("test-page", directory=tmp_path)
    assert runs == [(3, False), (3, True)]
    study.study("test-page", directory=tmp_path, size=4, null=False)
    study.study("test-page", directory=tmp_path, null=False, first_key=5)
    study.study("test-page", directory=tmp_path, fresh=True, null=True)
    assert runs[2:] == [(4, False), (3, False), (3, True)]
    assert first.directory == tmp_path / "test-page"


def test_what_lies_on_disk(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(_honest)
    done = study.study("test-page", directory=tmp_path)
    folder = tmp_path / "test-page"
    assert {"verdicts.json", "verdicts.md", "picture1.png", "null-picture1.png", "sizes.csv"} <= {p.name for p in folder.iterdir()}
    kept = json.loads((folder / "verdicts.json").read_text())
    assert [c["verdict"] for c in kept["claims"]] == ["holds", "void", "fails"]
    assert kept["notes"] == ["a note over lines"] and kept["tables"]["sizes"] == [{"size": 3, "value": 1.5}]
    text = (folder / "verdicts.md").read_text()
    assert "| C2 | trivially true |" in text and "void" in text and "![a line](picture1.png)" in text
    assert study.load(done.main.directory) == done.main


def test_recording_writes_the_manual_and_the_shipped_verdicts(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(_honest)
    file = report.record_verdicts(study.study("test-page"), tmp_path)
    assert file == tmp_path / "docs" / "verdicts" / "test-page.md" and "test-page.png" in file.read_text()
    assert (tmp_path / "docs" / "verdicts" / "test-page.png").exists()
    assert json.loads((tmp_path / "src" / "morphogen" / "atlas" / "verdicts" / "test-page.json").read_text())["void"]


def test_a_page_that_fails_leaves_no_result(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def broken(lab: Lab) -> None:
        """Breaks."""
        raise RuntimeError("broken")

    make(broken)
    with pytest.raises(RuntimeError, match="broken"):
        study.study("test-page", directory=tmp_path)
    assert not list(tmp_path.rglob("record.json"))


def test_a_lost_control_c_still_stops_the_page(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    before = signal.getsignal(signal.SIGINT)
    reached = []

    def deaf(lab: Lab) -> None:
        """Swallows an interrupt, as a callback of the garbage collector does."""
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            reached.append("swallowed")
        lab.claim("C1", "one", effect=np.ones(3), rule=greater(0.5))
        reached.append("went on")

    make(deaf)
    with pytest.raises(KeyboardInterrupt):
        study.study("test-page", directory=tmp_path)
    assert reached == ["swallowed"] and signal.getsignal(signal.SIGINT) is before
    assert not list(tmp_path.rglob("record.json"))


def test_a_page_runs_in_double_precision_when_it_asks(make) -> None:  # type: ignore[no-untyped-def]
    import jax.numpy as jnp

    def precise(lab: Lab) -> None:
        """Notes its precision."""
        lab.note(str(jnp.zeros(1).dtype))
        lab.claim("C1", "one", effect=np.ones(3), rule=greater(0.5))

    make(precise, float64=True)
    assert study.study("test-page", null=False).main.notes == ("float64",)
    assert jnp.zeros(1).dtype == jnp.float32


def test_verdict_keys_start_at_a_thousand() -> None:
    assert Lab().seed_numbers(3) == [1000, 1001, 1002]
    assert len(Lab(first_key=0).keys(2)) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda lab: lab.claim("C1", "x"), "needs effect= and rule="),
        (lambda lab: lab.claim("C1", "x", parts={}), "cannot fall"),
        (lambda lab: [lab.claim("C1", "x", effect=[1, 2, 3], rule=greater()) for _ in "ab"], "twice"),
        (lambda lab: lab.claim("C1", "x", effect=[1, 2, 3], control=[1, 2], rule=greater()), "paired"),
        (lambda lab: lab.claim("C1", "x", effect=np.ones((3, 2)), rule=greater()), "one number per seed"),
        (lambda lab: lab.picture("no figure", ""), "matplotlib Figure"),
        (lambda lab: lab.keys(0), "at least 1 seed"),
    ],
)
def test_mistakes_on_a_page_are_named(body, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(mg.MorphogenError, match=message):
        body(Lab())


def test_declaring_a_page_wrongly_is_named(make) -> None:  # type: ignore[no-untyped-def]
    def positional(lab: Lab, size: int = 3) -> None:
        """Positional."""

    def silent(lab: Lab) -> None: ...

    with pytest.raises(mg.MorphogenError, match="keyword-only"):
        make(positional)
    with pytest.raises(mg.MorphogenError, match="docstring"):
        make(silent)
    with pytest.raises(mg.MorphogenError, match="no parameter 'siez'"):
        make(_honest, sketch={"siez": 3})


def test_the_reading_list_is_whole_and_finds_by_name_number_and_near_miss() -> None:
    listed = reading_list.entries()
    assert len({e.number for e in listed}) == len({e.slug for e in listed}) == len(listed) > 150
    assert all(1 <= e.number <= reading_list.TOTAL and e.title for e in listed)
    assert reading_list.entry("100").slug == reading_list.entry("coffee-automaton").slug
    with pytest.raises(mg.MorphogenError, match="did you mean coffee-automaton"):
        reading_list.entry("cofee-automaton")
    with pytest.raises(mg.MorphogenError, match="not written yet"):
        study.find("metra")
