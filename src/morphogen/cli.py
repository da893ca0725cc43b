"""The command line: study, run, measure, sweep, atlas, list. Mistakes get one line and exit code 2.

Only `argparse` is imported here; each command imports what it needs, so that `morphogen --help` is instant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphogen import __version__
from morphogen.errors import DivergenceError, Interrupted, MorphogenError

if TYPE_CHECKING:
    import xarray as xr

WRONG, STOPPED = 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise MorphogenError(f"{message}; `{self.prog} --help` shows what there is")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 the study is void or a run diverged, 2 a mistake in what was asked, 130 Ctrl-C."""
    try:
        parser = _parser()
        chosen, rest = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
        if "command" not in chosen:
            parser.print_help()
            sys.exit(WRONG)
        code = chosen.command(chosen, rest)
    except MorphogenError as error:
        _complain(str(error), WRONG)
    except DivergenceError as error:
        _complain(str(error), 1)
    except Interrupted as error:
        _complain(str(error), STOPPED)
    except KeyboardInterrupt:
        _complain("stopped", STOPPED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    else:
        sys.exit(code or 0)


def _complain(message: str, code: int) -> None:
    print("morphogen: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="morphogen", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"morphogen {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Any, text: str, own_help: bool = False) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False, add_help=not own_help)
        sub.set_defaults(command=function)
        return sub

    study = command("study", _study, "run a page of the atlas: its claims, measured, and its null", own_help=True)
    study.add_argument("page", nargs="?", help="the page's name or number; 'all' runs every page that is written")
    study.add_argument("--scale", default="lab", choices=("sketch", "lab", "paper"), help="how large (default: lab)")
    study.add_argument("--null", action="store_true", help="run the null alone")
    study.add_argument("--no-null", action="store_true", help="run the page alone, without its null")
    study.add_argument("--fresh", action="store_true", help="compute again even when the result is there")
    study.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    study.add_argument("--output", metavar="DIR", help="where results live (default: ./morphogen-results)")
    study.add_argument(
        "--first-key", type=int, default=1000, metavar="N", help="the first seed (default: 1000; smaller ones are for tuning)"
    )
    study.add_argument("--record", metavar="ROOT", help="also write the verdicts into the source tree at ROOT")
    study.add_argument("-h", "--help", action="store_true", help="this help; with a page, its parameters too")
    study.set_defaults(parser=study)

    run = command("run", _run, "roll a system out and keep its trajectory", own_help=True)
    run.add_argument("system", nargs="?", help="the system's name; `morphogen list` shows them")
    _run_options(run)
    run.add_argument("--ensemble", type=int, metavar="N", help="N independent members")
    run.add_argument("--store", metavar="PATH.zarr", help="stream the records to this Zarr store")
    run.add_argument("--resume", action="store_true", help="continue the run in --store")
    run.add_argument("--output", metavar="PATH", help="save the trajectory as .nc or .zarr")
    run.add_argument("--devices", type=int, metavar="N", help="lay the state over N devices")
    run.add_argument("-h", "--help", action="store_true", help="this help; with a system, its parameters too")
    run.set_defaults(parser=run)

    measure = command("measure", _measure, "read a data file with the instruments: csv, npy, npz, parquet, zarr, nc")
    measure.add_argument("file", help="the file; columns are channels, rows are time")
    measure.add_argument("--with", dest="names", metavar="A,B", help="the measures (default: those that need one series)")
    measure.add_argument("--columns", metavar="A,B", help="read these columns only")
    measure.add_argument("--surrogates", type=int, default=0, metavar="N", help="also a p-value against N surrogates")
    measure.add_argument("--nan", default="raise", choices=("raise", "drop", "interpolate"), help="what to do with missing values")
    measure.add_argument("--key", type=int, default=0, help="the seed of bootstrap and surrogates")
    measure.add_argument("--json", action="store_true", help="print the readings as JSON")

    sweep = command("sweep", _sweep, "run a system over a grid of parameters: morphogen sweep kuramoto coupling=0:4:0.1", own_help=True)
    sweep.add_argument("system", nargs="?", help="the system's name")
    sweep.add_argument("axes", nargs="*", metavar="NAME=START:STOP:STEP", help="the grid")
    _run_options(sweep)
    sweep.add_argument(
        "--reading", metavar="NAME", help="an observable (its mean) or a measure of --of (default: every observable with one value)"
    )
    sweep.add_argument("--of", metavar="OBSERVABLE", help="the observable that the measure reads")
    sweep.add_argument(
        "--after", type=float, default=0.5, metavar="SHARE", help="leave out this share of the run as transient (default: 0.5)"
    )
    sweep.add_argument("--samples", type=int, default=1, metavar="N", help="independent members at each point")
    sweep.add_argument("--batch", type=int, metavar="N", help="at most N members at a time")
    sweep.add_argument("--output", metavar="PATH", help="save the trajectories as .nc or .zarr")
    sweep.add_argument("--json", action="store_true", help="print the readings as JSON")
    sweep.add_argument("-h", "--help", action="store_true", help="this help; with a system, its parameters too")
    sweep.set_defaults(parser=sweep)

    atlas = command("atlas", _atlas, "the reading list: every paper, its chapter and what its page found")
    atlas.add_argument("--chapter", help="one chapter only")
    atlas.add_argument("--json", action="store_true", help="print the list as JSON")

    command("list", _list, "the systems, measures and pages that are here")
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=1000, help="how many steps (default: 1000)")
    parser.add_argument("--every", type=int, default=1, help="record every so many steps (default: 1)")
    parser.add_argument("--key", type=int, default=0, help="the seed (default: 0)")
    parser.add_argument("--record", metavar="A,B", help="keep these observables only")


def _names(text: str | None) -> list[str] | None:
    return [n.strip() for n in text.split(",") if n.strip()] if text else None


def _study(chosen: argparse.Namespace, rest: list[str]) -> int:
    if chosen.help and not chosen.page:
        chosen.parser.print_help()
        return 0
    if not chosen.page:
        raise MorphogenError("study needs the name of a page: `morphogen atlas` lists them")
    from morphogen.atlas.reading_list import entry
    from morphogen.atlas.study import find, written

    if chosen.null and chosen.no_null:
        raise MorphogenError("--null and --no-null exclude each other: leave both out to run the page and its null")
    if chosen.page == "all":
        if rest:
            raise MorphogenError(f"'study all' takes no page parameters, got {rest[0]}")
        return max(_study_one(slug, chosen, []) for slug in written())
    slug = entry(chosen.page).slug
    if chosen.help:
        chosen.parser.print_help()
        print(f"\n{find(slug).function.__doc__}\n")
        rest = ["--help"]
    return _study_one(slug, chosen, rest)


def _study_one(slug: str, chosen: argparse.Namespace, rest: list[str]) -> int:
    from rich.console import Console

    from morphogen.arguments import options, parse
    from morphogen.atlas.report import as_json, record_verdicts, terminal
    from morphogen.atlas.study import find, study

    page = find(slug)
    at_scale = page.parameters(chosen.scale, {})
    available = {name: (kind, at_scale[name]) for name, (kind, _) in options(page.function, skip=1).items()}
    parameters = parse(slug, available, rest)
    shown = Console(stderr=True)
    with shown.status(f"{slug} ({chosen.scale})") as status:
        result = study(
            slug,
            scale=chosen.scale,
            null=True if chosen.null else False if chosen.no_null else None,
            fresh=chosen.fresh,
            directory=chosen.output,
            first_key=chosen.first_key,
            announce=lambda message: status.update(f"{slug}: {message}"),
            **parameters,
        )
    if chosen.json:
        print(as_json(result), end="")
    else:
        terminal(result, Console(width=None if sys.stdout.isatty() else 160))
    if chosen.record:
        root = Path(chosen.record)
        if not (root / "src" / "morphogen").is_dir():
            raise MorphogenError(f"--record takes the root of morphogen's source tree; {root} has no src/morphogen")
        if result.main is None or result.null is None or chosen.first_key < 1000:
            raise MorphogenError("only verdicts of a page with its null, on keys from 1000 up, are recorded")
        print(f"verdicts written to {record_verdicts(result, root)}", file=sys.stderr)
    return 1 if result.void else 0


def _system(chosen: argparse.Namespace, rest: list[str]) -> Any:
    """The system that the command line asks for, with its parameters; None after printing help."""
    if not chosen.system:
        if chosen.help:
            chosen.parser.print_help()
            return None
        raise MorphogenError(f"{chosen.parser.prog.split()[-1]} needs the name of a system: `morphogen list` shows them")
    from morphogen.arguments import options, parse
    from morphogen.worlds.catalogue import world

    kind = world(chosen.system)
    if chosen.help:
        chosen.parser.print_help()
        print(f"\n{kind.__doc__}\n")
        rest = ["--help"]
    return kind(**parse(chosen.system, options(kind.__init__, skip=1), rest))


def _run(chosen: argparse.Namespace, rest: list[str]) -> int:
    system = _system(chosen, rest)
    if system is None:
        return 0
    from morphogen.run import run
    from morphogen.trajectory import check_free, save

    if chosen.output:
        check_free(chosen.output)
    result = run(
        system,
        chosen.steps,
        every=chosen.every,
        key=chosen.key,
        ensemble=chosen.ensemble,
        record=_names(chosen.record),
        store=chosen.store,
        resume=chosen.resume,
        devices=chosen.devices,
    )
    _print_trajectory(chosen.system, result)
    if chosen.output:
        print(f"saved in {save(result, chosen.output)}")
    return 0


def _print_trajectory(name: str, result: xr.Dataset) -> None:
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from morphogen.text import number

    table = Table(
        title=f"{name}: {result.sizes['time']} records to {result.time.attrs['units']} {float(result.time[-1]):g}", title_justify="left"
    )
    for column in ("observable", "dimensions", "unit", "mean", "standard deviation", "last", "meaning"):
        table.add_column(column)
    for key, values in result.data_vars.items():
        shape = " x ".join(f"{d} {s}" for d, s in values.sizes.items() if d not in ("sample", "time")) or "-"
        if np.issubdtype(values.dtype, np.number) or values.dtype == bool:
            x = values.values.astype(float)
            figures = (number(float(x.mean())), number(float(x.std())), number(float(x[:, -1].mean())))
        else:
            figures = ("-", "-", "-")
        table.add_row(str(key), shape, values.attrs.get("units", ""), *figures, values.attrs.get("long_name", ""))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _measure(chosen: argparse.Namespace, rest: list[str]) -> int:
    if rest:
        raise MorphogenError(f"measure has no option {rest[0]}; `morphogen measure --help` shows what there is")
    from morphogen.data.readers import read
    from morphogen.reading import read_with

    data = read(chosen.file, columns=_names(chosen.columns))
    readings, remarks = read_with(data, _names(chosen.names), surrogates=chosen.surrogates, nan=chosen.nan, key=chosen.key)
    if chosen.json:
        import json

        print(json.dumps({"file": chosen.file, "remarks": remarks, "readings": readings}, indent=1, default=str))
        return 0
    from rich.console import Console

    from morphogen.reading import table

    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table(readings, chosen.surrogates > 0))
    for remark in remarks:
        console.print(remark, highlight=False, style="dim")
    return 0


def _sweep(chosen: argparse.Namespace, rest: list[str]) -> int:
    from morphogen.arguments import grid

    # Axes may stand anywhere after the system, so those that argparse left over among the options count too.
    loose = [t for t in rest if "=" in t and not t.startswith("-")]
    system = _system(chosen, [t for t in rest if t not in loose])
    if system is None:
        return 0
    from morphogen.reading import over_grid
    from morphogen.steer.sweep import sweep
    from morphogen.trajectory import check_free, save

    axes = grid([*chosen.axes, *loose])
    if not axes:
        raise MorphogenError(f"sweep needs a grid, such as `morphogen sweep {chosen.system} coupling=0:4:0.1`")
    if not 0 <= chosen.after < 1:
        raise MorphogenError(f"--after is the share of the run to leave out, from 0 up to but not 1, not {chosen.after:g}")
    if chosen.output:
        check_free(chosen.output)
    result = sweep(
        system,
        axes,
        chosen.steps,
        every=chosen.every,
        key=chosen.key,
        samples=chosen.samples,
        record=_names(chosen.record),
        batch=chosen.batch,
    )
    frame = over_grid(result, list(axes), chosen.reading, chosen.of, chosen.after)
    print(frame.to_json(orient="records", indent=1) if chosen.json else frame.to_string(index=False))
    if chosen.output:
        print(f"saved in {save(result, chosen.output)}")
    return 0


def _atlas(chosen: argparse.Namespace, rest: list[str]) -> int:
    if rest:
        raise MorphogenError(f"atlas has no option {rest[0]}; `morphogen atlas --help` shows what there is")
    from morphogen.atlas.table import rows

    listed = rows(chosen.chapter)
    if chosen.json:
        import json

        print(json.dumps(listed, indent=1, ensure_ascii=False))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold")
    for column in ("number", "page", "chapter", "paper", "verdict"):
        table.add_column(column, no_wrap=column in ("page", "chapter"), overflow="fold")
    for row in listed:
        style = "" if row["verdict"] != "not yet" else "dim"
        table.add_row(f"{row['number']:03d}", row["page"], row["chapter"], row["paper"], row["verdict"], style=style)
    Console(width=None if sys.stdout.isatty() else 150).print(table)
    return 0


def _list(chosen: argparse.Namespace, rest: list[str]) -> int:
    if rest:
        raise MorphogenError(f"list has no option {rest[0]}")
    from rich.console import Console
    from rich.table import Table

    from morphogen.atlas.reading_list import entry
    from morphogen.atlas.study import written
    from morphogen.measure import catalogue
    from morphogen.worlds.catalogue import WORLDS, world

    console = Console(width=None if sys.stdout.isatty() else 140)
    systems = Table("name", "what it is", title="systems (morphogen run NAME)", title_justify="left")
    for name in WORLDS:
        systems.add_row(name, (world(name).__doc__ or "").split(". ")[0].split("\n")[0])
    measures = Table("name", "needs", "unit", "source", title="measures (morphogen measure FILE --with NAME)", title_justify="left")
    for name, m in sorted(catalogue().items()):
        measures.add_row(name, m.needs, m.unit, m.source)
    pages = Table("number", "name", "what it says", title="pages (morphogen study NAME)", title_justify="left")
    for slug in written():
        e = entry(slug)
        pages.add_row(f"{e.number:03d}", slug, e.idea)
    for table in (systems, measures, pages):
        console.print(table)
    return 0
