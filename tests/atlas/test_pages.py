"""Every page that is written, at sketch scale, with its null: all code paths run, and every number is a number."""

from __future__ import annotations

import numpy as np
import pytest

from morphogen.atlas import reading_list
from morphogen.atlas.rules import Verdict
from morphogen.atlas.study import find, study, written


@pytest.mark.parametrize("slug", written())
def test_the_sketch_and_its_null_run(slug: str) -> None:
    done = study(slug, scale="sketch", fresh=True)
    assert done.main is not None and done.null is not None
    assert [c.id for c in done.main.claims] == [c.id for c in done.null.claims]
    for claim in done.claims:
        assert claim.verdict is Verdict.UNDECIDED, "a sketch gives no verdict"
        for part in claim.parts:
            # What a closed gate guards may not be defined at this size; everything else is a number.
            assert np.isfinite(part.effect) or claim.reason.startswith("gate"), f"{claim.id} {part.name}: {part.effect}"
    assert done.main.pictures, "a page shows a picture"
    for file, caption in done.main.pictures:
        assert (done.directory / file).stat().st_size > 10_000 and len(caption) > 20


@pytest.mark.parametrize("slug", written())
def test_the_page_agrees_with_the_reading_list(slug: str) -> None:
    page, listed = find(slug), reading_list.entry(slug)
    assert (page.number, page.chapter) == (listed.number, listed.chapter)
    assert page.paper.arxiv == listed.arxiv and page.paper.year == listed.year
    assert len(page.null) > 20 and "seeds" in page.defaults


def test_the_first_six_pages_are_written() -> None:
    assert {find(slug).number for slug in written()} >= {6, 24, 100, 125, 157, 191}
