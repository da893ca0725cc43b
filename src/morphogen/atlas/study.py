"""`study`: run a page and its null, keep the results under the address of their content, and put both columns side by side."""

from __future__ import annotations

import csv
import json
import marshal
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from morphogen.atlas.page import FIRST_KEY, REGISTRY, SCALES, ClaimResult, Gate, Lab, Page, PartResult, Scale
from morphogen.atlas.reading_list import entry
from morphogen.atlas.rules import Verdict
from morphogen.errors import MorphogenError

RESULTS = "morphogen-results"


@dataclass(frozen=True)
class Record:
    """What one run of a page left: with the mechanism, or (null) without."""

    slug: str
    scale: Scale
    null: bool
    first_key: int
    parameters: dict[str, Any]
    claims: tuple[ClaimResult, ...]
    gates: tuple[Gate, ...]
    notes: tuple[str, ...]
    tables: dict[str, list[dict[str, Any]]]
    pictures: tuple[tuple[str, str], ...]
    seconds: float
    versions: dict[str, str]
    directory: Path


@dataclass(frozen=True)
class Study:
    """A page's verdicts: every claim with the mechanism, and (unless only one side was run) without it."""

    page: Page
    main: Record | None
    null: Record | None
    directory: Path

    @property
    def claims(self) -> tuple[ClaimResult, ...]:
        """The claims with their final verdicts: what holds in the null too is void."""
        if self.main is None:
            return self.null.claims if self.null else ()
        void = {c.id for c in self.null.claims if c.verdict is Verdict.HOLDS} if self.null else set()
        return tuple(
            replace(c, verdict=Verdict.VOID, reason="it holds without the mechanism too")
            if c.verdict is Verdict.HOLDS and c.id in void
            else c
            for c in self.main.claims
        )

    @property
    def verdicts(self) -> dict[str, Verdict]:
        return {c.id: c.verdict for c in self.claims}

    @property
    def void(self) -> bool:
        """Whether any claim holds without its mechanism: such a page does not count."""
        return any(c.verdict is Verdict.VOID for c in self.claims)


def find(slug: str) -> Page:
    """The page with this name. Imports its file only."""
    if slug in REGISTRY:
        return REGISTRY[slug]
    listed = entry(slug)
    name = slug.replace("-", "_")
    chapter = Path(__file__).parent / listed.chapter / f"{name}.py"
    if not chapter.exists():
        raise MorphogenError(
            f"the page '{slug}' ({listed.title}) is on the reading list but not written yet; `morphogen atlas` shows which are"
        )
    import_module(f"morphogen.atlas.{listed.chapter}.{name}")
    if slug not in REGISTRY:
        raise MorphogenError(f"{chapter.name} does not declare a page named '{slug}'")
    return REGISTRY[slug]


def written() -> list[str]:
    """The names of the pages that exist, in the order of their numbers."""
    from morphogen.atlas.reading_list import entries

    here = Path(__file__).parent
    return [e.slug for e in entries() if (here / e.chapter / f"{e.slug.replace('-', '_')}.py").exists()]


def study(
    slug: str,
    *,
    scale: Scale = "lab",
    null: bool | None = None,
    fresh: bool = False,
    directory: str | Path | None = None,
    first_key: int = FIRST_KEY,
    announce: Callable[[str], None] = lambda message: None,
    **parameters: Any,
) -> Study:
    """Run the page `slug` and its null, or take their results from an earlier run of the same content.

    Args:
        scale: "sketch", "lab" or "paper".
        null: True runs the null alone, False the page alone, None both.
        fresh: compute again even when the result is there.
        directory: where results live (default: $MORPHOGEN_RESULTS or ./morphogen-results).
        first_key: the first seed; verdicts use 1000 and up, smaller ones are for tuning.
        parameters: any parameter of the page.

    Returns:
        A `Study`; its pictures, tables and verdicts lie in `directory / slug`.
    """
    if scale not in SCALES:
        raise MorphogenError(f"there is no scale '{scale}': choose one of {', '.join(SCALES)}")
    page = find(slug)
    chosen = page.parameters(scale, parameters)
    root = Path(directory or os.environ.get("MORPHOGEN_RESULTS") or RESULTS) / slug
    sides: dict[bool, Record | None] = {False: None, True: None}
    for side in (False, True) if null is None else (null,):
        address = root / "results" / _address(page, scale, chosen, side, first_key)
        if fresh or not (address / "record.json").exists():
            _compute(page, scale, chosen, side, first_key, address, announce)
        sides[side] = load(address)
    result = Study(page, sides[False], sides[True], root)
    from morphogen.atlas.report import write

    write(result)
    return result


def _address(page: Page, scale: Scale, parameters: Mapping[str, Any], null: bool, first_key: int) -> str:
    """The name of a result: everything it depends on, hashed."""
    import jax

    # The function itself counts too: a user's own page is not part of the library's source.
    function = sha256(marshal.dumps(page.function.__code__)).hexdigest()
    content = [page.slug, scale, dict(parameters), null, first_key, function, source_hash(), jax.default_backend(), jax.__version__]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


@cache
def source_hash() -> str:
    """A hash of the library's source: results of one version are never taken for another's."""
    digest = sha256()
    root = Path(__file__).parent.parent
    for file in sorted(root.rglob("*.py")):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _compute(
    page: Page, scale: Scale, parameters: dict[str, Any], null: bool, first_key: int, address: Path, announce: Callable[[str], None]
) -> None:
    import jax

    lab = Lab(scale=scale, null=null, first_key=first_key, announce=announce)
    began = time.perf_counter()
    with _heeding(lab), jax.enable_x64(True) if page.float64 else nullcontext():
        page.function(lab, **parameters)
    seconds = time.perf_counter() - began
    if not lab.claims:
        raise MorphogenError(f"page {page.slug} states no claim")
    _keep(page, lab, parameters, seconds, address)


@contextmanager
def _heeding(lab: Lab) -> Iterator[None]:
    """Ctrl-C raises at once, as ever, and is remembered in case that is swallowed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: Any) -> None:
        lab.stopped = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _keep(page: Page, lab: Lab, parameters: dict[str, Any], seconds: float, address: Path) -> None:
    """Write everything to a temporary directory and move it into place, so that no half-written result is ever read."""
    from morphogen.trajectory import versions

    address.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=address.parent, prefix=".writing-") as name:
        temporary = Path(name) / "result"
        temporary.mkdir()
        pictures = []
        for i, (figure, caption) in enumerate(lab.pictures):
            file = f"picture{i + 1}.png"
            figure.savefig(temporary / file, dpi=160)
            pictures.append((file, caption))
        for table, rows in lab.tables.items():
            with (temporary / f"{table.replace('/', '-')}.csv").open("w", newline="") as out:
                writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [])
                writer.writeheader()
                writer.writerows(rows)
        record = {
            "slug": page.slug,
            "scale": lab.scale,
            "null": lab.null,
            "first_key": lab.first_key,
            "parameters": parameters,
            "claims": [asdict(c) for c in lab.claims],
            "gates": [asdict(g) for g in lab.gates],
            "notes": lab.notes,
            "tables": lab.tables,
            "pictures": pictures,
            "seconds": seconds,
            "versions": versions(),
        }
        (temporary / "record.json").write_text(json.dumps(record, indent=1, default=str))
        shutil.rmtree(address, ignore_errors=True)
        os.replace(temporary, address)


def load(directory: Path) -> Record:
    """Read a kept result."""
    d = json.loads((directory / "record.json").read_text())
    claims = tuple(
        ClaimResult(
            c["id"],
            c["text"],
            tuple(PartResult(**(p | {"verdict": Verdict(p["verdict"])})) for p in c["parts"]),
            Verdict(c["verdict"]),
            c["reason"],
            c["seconds"],
        )
        for c in d["claims"]
    )
    return Record(
        d["slug"],
        d["scale"],
        d["null"],
        d["first_key"],
        d["parameters"],
        claims,
        tuple(Gate(**g) for g in d["gates"]),
        tuple(d["notes"]),
        d["tables"],
        tuple((file, caption) for file, caption in d["pictures"]),
        d["seconds"],
        d["versions"],
        directory,
    )
