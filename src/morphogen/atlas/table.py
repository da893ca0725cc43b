"""The atlas as a table: every number of the reading list with its verdict, or "not yet"."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from morphogen.atlas.reading_list import TOTAL, entries
from morphogen.atlas.study import RESULTS
from morphogen.errors import MorphogenError


def rows(chapter: str | None = None) -> list[dict[str, Any]]:
    """One row per paper: number, page, chapter, paper, verdict, and where the verdict comes from.

    A verdict of the user's own results counts before the one recorded with the library.
    """
    known = {e.number: e for e in entries()}
    chapters = sorted({e.chapter for e in known.values()})
    if chapter is not None and chapter not in chapters:
        raise MorphogenError(f"there is no chapter '{chapter}': the chapters are {', '.join(chapters)}")
    listed = []
    for number in range(1, TOTAL + 1):
        e = known.get(number)
        if e is None:
            if chapter is None:
                listed.append(_row(number, "-", "-", "(not specified yet)", "not yet", None))
            continue
        if chapter in (None, e.chapter):
            verdict, source = _verdict(e.slug)
            paper = f"{e.title} ({', '.join(str(x) for x in (e.authors, e.year) if x)})"
            listed.append(_row(number, e.slug, e.chapter, paper, verdict, source))
    return listed


def _row(number: int, page: str, chapter: str, paper: str, verdict: str, source: str | None) -> dict[str, Any]:
    return {"number": number, "page": page, "chapter": chapter, "paper": paper, "verdict": verdict, "source": source}


def _verdict(slug: str) -> tuple[str, str | None]:
    own = Path(os.environ.get("MORPHOGEN_RESULTS") or RESULTS) / slug / "verdicts.json"
    shipped = Path(__file__).parent / "verdicts" / f"{slug}.json"
    for file in (own, shipped):
        if file.exists():
            found = json.loads(file.read_text(encoding="utf-8"))
            if found["scale"] != "sketch":
                return found["summary"], str(file)
    return "not yet", None
