"""Verdicts for people and for programs: a table in the terminal, Markdown and JSON on disk."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from morphogen.atlas.page import ClaimResult, PartResult
from morphogen.atlas.rules import Verdict
from morphogen.atlas.study import Record, Study
from morphogen.text import number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLOURS = {Verdict.HOLDS: "green", Verdict.FAILS: "yellow", Verdict.UNDECIDED: "cyan", Verdict.VOID: "bold red"}
COLUMNS = ("claim", "what it says", "rule", "effect", "95 % interval", "control", "null", "verdict", "seconds")


def _interval(part: PartResult) -> str:
    if part.deterministic and part.low == part.high:
        return "exact"
    if np.isinf(part.low) and np.isinf(part.high):
        return "-"
    return f"[{number(part.low)}, {number(part.high)}]"


def rows(study: Study) -> list[tuple[str, ...]]:
    """The verdict table as text: a row for each claim, and under it one for each part of a claim that has several."""
    without = {c.id: c for c in study.null.claims} if study.null else {}
    table: list[tuple[str, ...]] = []
    for claim in study.claims:
        bare = without.get(claim.id)
        null = f"{bare.verdict}" if bare else "-"
        if len(claim.parts) == 1 and not claim.parts[0].name:
            p = claim.parts[0]
            beside = f"{number(_null_part(bare, p.name))} ({null})" if bare else "-"
            table.append(
                (
                    claim.id,
                    claim.text,
                    p.rule,
                    number(p.effect),
                    _interval(p),
                    number(p.control),
                    beside,
                    _verdict(claim),
                    f"{claim.seconds:.1f}",
                )
            )
            continue
        table.append((claim.id, claim.text, "all of:", "", "", "", null, _verdict(claim), f"{claim.seconds:.1f}"))
        for p in claim.parts:
            table.append(
                (
                    "",
                    p.name,
                    p.rule,
                    number(p.effect),
                    _interval(p),
                    number(p.control),
                    number(_null_part(bare, p.name)),
                    f"{p.verdict}",
                    "",
                )
            )
    return table


def _null_part(claim: ClaimResult | None, name: str) -> float | None:
    return next((p.effect for p in claim.parts if p.name == name), None) if claim else None


def _verdict(claim: ClaimResult) -> str:
    return f"{claim.verdict}"


def summary(study: Study) -> str:
    """One line: how many claims hold, fail, are undecided, are void."""
    tally = {v: sum(c.verdict is v for c in study.claims) for v in Verdict}
    return ", ".join(f"{n} {v}" for v, n in tally.items() if n)


def terminal(study: Study, console: Console) -> None:
    """Print the verdicts, why the open ones are open, the notes and where everything lies."""
    page, record = study.page, study.main or study.null
    assert record is not None
    console.print(f"[bold]{page.number:03d} {page.slug}[/bold]  {page.paper}", highlight=False)
    console.print(f"null: {page.null}", highlight=False, style="dim")
    console.print(_table(study))
    for claim in study.claims:
        if claim.reason:
            console.print(f"{claim.id} {claim.verdict}: {claim.reason}", highlight=False)
    for gate in record.gates:
        if not gate.open:
            console.print(f"gate closed: {gate.name} ({gate.seen})", style="cyan", highlight=False)
    for name, table in record.tables.items():
        console.print(_plain_table(name, table))
    for note in record.notes:
        console.print(f"note: {note}", highlight=False)
    if study.void:
        console.print("VOID: a claim holds without the mechanism it is about; this page does not count", style="bold red")
    console.print(f"{summary(study)}; {_seconds(study)}; pictures and data in {study.directory}", highlight=False)


def _seconds(study: Study) -> str:
    sides = [f"{r.seconds:.1f} s{' (null)' if r.null else ''}" for r in (study.main, study.null) if r]
    return " + ".join(sides)


def _table(study: Study) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=False, header_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", ratio=3 if column == "what it says" else None)
    for row in rows(study):
        verdict = row[7].split(":")[0]
        style = COLOURS[Verdict(verdict)] if verdict else ""
        cells: list[Any] = [Text(cell, style="" if row[0] else "dim") for cell in row]
        cells[7] = Text(row[7], style=style if row[0] else "dim")
        table.add_row(*cells)
    return table


def _plain_table(name: str, content: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title=name, title_justify="left")
    for column in content[0] if content else ():
        table.add_column(column)
    for row in content:
        table.add_row(*[_cell(v) for v in row.values()])
    return table


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def as_dict(study: Study) -> dict[str, Any]:
    """Everything a program may want to know of a study."""
    record = study.main or study.null
    assert record is not None
    return {
        "page": study.page.number,
        "slug": study.page.slug,
        "paper": asdict(study.page.paper),
        "null_mechanism": study.page.null,
        "scale": record.scale,
        "first_key": record.first_key,
        "parameters": record.parameters,
        "summary": summary(study),
        "void": study.void,
        "claims": [asdict(c) for c in study.claims],
        "null_claims": [asdict(c) for c in study.null.claims] if study.null else [],
        "gates": [asdict(g) for g in record.gates],
        "notes": list(record.notes),
        "tables": record.tables,
        "pictures": [{"file": f, "caption": c} for f, c in record.pictures],
        "seconds": {"page": study.main.seconds if study.main else None, "null": study.null.seconds if study.null else None},
        "versions": record.versions,
    }


def as_json(study: Study) -> str:
    """`as_dict` as JSON; infinite interval ends are written as null."""
    return json.dumps(_finite(as_dict(study)), indent=1, default=str, ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def markdown(study: Study, picture: str = "picture1.png") -> str:
    """The study as a Markdown page."""
    page, record = study.page, study.main or study.null
    assert record is not None
    paper = f"[{page.paper}]({page.paper.link})" if page.paper.link else str(page.paper)
    lines = [f"# {page.number:03d} {page.slug}", "", paper + ".", "", f"**Null**: {page.null}.", ""]
    if record.pictures:
        file, caption = record.pictures[0]
        lines += [f"![{caption}]({picture if picture else file})", "", f"*{caption}*", ""]
    lines += _markdown_table(COLUMNS, rows(study))
    lines += [f"- **{c.id}** {c.verdict}: {c.reason}." for c in study.claims if c.reason] + [""]
    if record.gates:
        lines += ["Gates: " + "; ".join(f"{g.name} {'open' if g.open else '**closed**'} ({g.seen})" for g in record.gates) + ".", ""]
    for name, table in record.tables.items():
        lines += [f"**{name}**", ""]
        if table:
            lines += _markdown_table(tuple(table[0]), [tuple(_cell(v) for v in row.values()) for row in table])
    lines += [f"> {note}\n" for note in record.notes]
    chosen = ", ".join(f"{k} = {v}" for k, v in record.parameters.items())
    software = ", ".join(f"{k} {v}" for k, v in record.versions.items())
    lines += [f"{summary(study)}. Scale {record.scale}, keys from {record.first_key}: {chosen}. Time: {_seconds(study)}. {software}.", ""]
    return "\n".join(lines)


def _markdown_table(columns: tuple[str, ...], content: list[tuple[str, ...]]) -> list[str]:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    return [line(columns), line(tuple("---" for _ in columns)), *map(line, content), ""]


def write(study: Study) -> None:
    """Put the latest verdicts and pictures where people look for them: verdicts.md, verdicts.json and the pictures of the page."""
    record: Record | None = study.main or study.null
    assert record is not None
    study.directory.mkdir(parents=True, exist_ok=True)
    (study.directory / "verdicts.json").write_text(as_json(study), encoding="utf-8")
    (study.directory / "verdicts.md").write_text(markdown(study), encoding="utf-8")
    for side in (study.main, study.null):
        for file, _ in side.pictures if side else ():
            shutil.copy(side.directory / file, study.directory / (f"null-{file}" if side.null else file))  # type: ignore[union-attr]
    for table in record.directory.glob("*.csv"):
        shutil.copy(table, study.directory / table.name)


def record_verdicts(study: Study, root: Path) -> Path:
    """Write a study into the source tree at `root`: its Markdown and picture for the manual, its JSON for `morphogen atlas`."""
    slug, record = study.page.slug, study.main or study.null
    assert record is not None
    pages, shipped = root / "docs" / "verdicts", root / "src" / "morphogen" / "atlas" / "verdicts"
    for directory in (pages, shipped):
        directory.mkdir(parents=True, exist_ok=True)
    (pages / f"{slug}.md").write_text(markdown(study, f"{slug}.png"), encoding="utf-8")
    (shipped / f"{slug}.json").write_text(as_json(study), encoding="utf-8")
    if record.pictures:
        shutil.copy(record.directory / record.pictures[0][0], pages / f"{slug}.png")
    return pages / f"{slug}.md"
