"""Columns of numbers as text: find out delimiter, decimal sign and header from the first lines, then read the whole."""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from morphogen.errors import MorphogenError

if TYPE_CHECKING:
    import pandas as pd

LOOK = 65536  # bytes looked at to find out the format
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blanks"}
MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "?", ".")


def read_text(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table in a text file, gzipped or not, and what was found out about it: delimiter, header, decimal sign.

    Lines that start with # are comments, and rows shorter than the widest are filled with missing values. Raises `MorphogenError` for a
    file that is not text in UTF-8, has no data, or has a row with more columns than the first.
    """
    import pandas as pd

    lines = _first_lines(path)
    delimiter = _delimiter(lines)
    rows = list(_split(lines, delimiter))
    decimal = "," if delimiter != "," and _looks_like_decimal_comma(rows) else "."
    header = not any(_is_number(cell, decimal) for cell in rows[0]) and any(cell.strip().lower() not in MISSING for cell in rows[0])
    try:
        with warnings.catch_warnings():
            # Rows longer than the header would be cut with no more than this warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=r"\s+" if delimiter == " " else delimiter,
                header=0 if header else None,
                index_col=False,
                decimal=decimal,
                comment="#",
                skipinitialspace=True,
                encoding="utf-8-sig",
                na_values=[m for m in (*MISSING, *map(str.upper, MISSING)) if m],
            )
    except pd.errors.ParserWarning as error:
        raise MorphogenError(f"{path.name}: the rows have more columns than the header, which has {len(rows[0])}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise MorphogenError(f"{path.name} cannot be read as a table: {str(error).strip().splitlines()[-1][:160]}") from error
    said = {"delimiter": DELIMITERS[delimiter] if len(rows[0]) > 1 else "none (one column)", "header": "yes" if header else "no"}
    return frame, said | ({"decimal": "comma"} if decimal == "," else {})


def _first_lines(path: Path) -> list[str]:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            start = file.read(LOOK)
    except (gzip.BadGzipFile, EOFError) as error:
        raise MorphogenError(f"{path.name} is no gzip file: {error}") from error
    if b"\0" in start:
        raise MorphogenError(f"{path.name} is not text but binary (it contains zero bytes)")
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character cut by the end of the look is no fault of the file.
        if len(start) < LOOK or error.start < len(start) - 4:
            raise MorphogenError(f"{path.name} is not text in UTF-8 (byte {error.start}); save it as UTF-8") from error
        text = start[: error.start].decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(start) == LOOK:
        lines = lines[:-1] or lines
    if not lines:
        raise MorphogenError(f"{path.name} has no data: nothing but blank lines and comments")
    return lines[:200]


def _split(lines: Iterable[str], delimiter: str) -> Iterable[list[str]]:
    return (line.split() for line in lines) if delimiter == " " else csv.reader(lines, delimiter=delimiter)


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts most lines into the same number of columns, and more than one; of equals the first in the list."""
    best, agreement = ",", 0.0
    for delimiter in (";", "\t", "|", ",", " "):
        widths = [len(row) for row in _split(lines, delimiter)]
        usual = max(set(widths), key=widths.count)
        share = widths.count(usual) / len(widths)
        if usual > 1 and share > agreement:
            best, agreement = delimiter, share
    return best


def _looks_like_decimal_comma(rows: list[list[str]]) -> bool:
    cells = [cell.strip() for row in rows[1:] or rows for cell in row]
    return any("," in cell and _is_number(cell, ",") for cell in cells) and not any("." in cell and _is_number(cell, ".") for cell in cells)


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.strip().replace(",", ".") if decimal == "," else cell)
    except ValueError:
        return False
    return cell.strip().lower() not in MISSING
