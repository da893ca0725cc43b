"""The reading list: one entry for each paper, read from `reading_list.json`.

The list has 203 numbers; a number whose entry is not in the file yet is shown as such, never invented.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from morphogen.errors import MorphogenError

TOTAL = 203


@dataclass(frozen=True)
class Entry:
    """A paper of the reading list: its number, its page's name, its chapter, and in `idea` what it says in a line."""

    number: int
    slug: str
    chapter: str
    idea: str
    title: str
    authors: str | None
    year: int | None
    arxiv: str | None = None
    doi: str | None = None


@cache
def entries() -> tuple[Entry, ...]:
    """All known entries, by number."""
    listed = json.loads(Path(__file__).with_name("reading_list.json").read_text(encoding="utf-8"))
    return tuple(sorted((Entry(**e) for e in listed), key=lambda e: e.number))


def entry(slug: str) -> Entry:
    """The entry with this name, or with this number."""
    for e in entries():
        if slug in (e.slug, str(e.number), f"{e.number:03d}"):
            return e
    close = get_close_matches(slug, [e.slug for e in entries()], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`morphogen atlas` lists them"
    raise MorphogenError(f"there is no page '{slug}': {hint}")
