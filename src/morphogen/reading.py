"""What the command line does with readings: choose measures for a recording, read, and lay the results out as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from morphogen.errors import MorphogenError
from morphogen.measure import KINDS, Measure, NanPolicy, catalogue, find

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from rich.table import Table

MANY_VALUES = 16
"""A whole-number series with at most this many different values is taken for symbols."""


def read_with(
    data: xr.Dataset, names: Sequence[str] | None, *, surrogates: int = 0, nan: NanPolicy = "raise", key: int = 0
) -> tuple[list[dict[str, Any]], list[str]]:
    """Readings of a recording, and remarks on what was done to it.

    With `names`, a measure that cannot read the data is an error. Without, every measure that fits the kind of data is tried
    (real or symbolic, one or several channels), and one that refuses says why in the remarks.
    """
    remarks = [
        f"{k}: {v}"
        for k, v in data.attrs.items()
        if k in ("source", "format", "header", "delimiter", "time_column", "skipped", "notes") and v
    ]
    items = _items(data)
    readings: list[dict[str, Any]] = []
    for label, array in items:
        chosen = _fitting(array) if names is None else [m for m in map(find, names) if _fits(m, array)]
        for instrument in chosen:
            try:
                reading = instrument(array, surrogates=surrogates if instrument.surrogate else 0, nan=nan, key=key)
            except MorphogenError as error:
                if names is not None:
                    raise MorphogenError(f"{label}: {error}") from None
                remarks.append(f"{instrument.name} of {label} left out: {error}")
                continue
            readings.append({"channel": label} | reading.as_dict())
            remarks += [f"{instrument.name} of {label}: {w}" for w in reading.warnings]
    if names is not None and (unread := [n for n in names if n not in {r["measure"] for r in readings}]):
        needs = find(unread[0]).needs
        raise MorphogenError(f"{unread[0]} needs {needs} ({' x '.join(KINDS[needs].dims) or 'a system'}), and the file holds none")
    if names is None:
        remarks.append("measures chosen by the kind of data; --with chooses others, `morphogen list` shows all")
    return readings, list(dict.fromkeys(remarks))


def _items(data: xr.Dataset) -> list[tuple[str, np.ndarray]]:
    """Every channel by itself, then all channels together, then whatever has more dimensions."""
    items: list[tuple[str, np.ndarray]] = []
    for name, variable in data.data_vars.items():
        values = variable.squeeze(drop=True)
        array = values.values
        if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
            continue
        if array.ndim == 1:
            only = data[name].coords.get("channel")
            items.append((str(np.ravel(only.values)[0]) if only is not None and only.size else str(name), array))
        elif array.ndim == 2 and values.dims[0] == "time":
            labels = values.coords[values.dims[1]].values if values.dims[1] in values.coords else range(array.shape[1])
            items += [(str(label), array[:, i]) for i, label in enumerate(labels)]
            items.append(("all channels", array))
        elif array.ndim >= 1:
            items.append((str(name), array))
    if not items:
        raise MorphogenError("the file holds no numbers with a dimension")
    return items


def _symbolic(array: np.ndarray) -> bool:
    known = array[np.isfinite(array)] if np.issubdtype(array.dtype, np.inexact) else array
    return bool(np.array_equal(known, np.round(known)) and len(np.unique(known)) <= MANY_VALUES)


def _fits(instrument: Measure, array: np.ndarray) -> bool:
    return len(KINDS[instrument.needs].dims) == array.ndim and instrument.needs != "system"


def _fitting(array: np.ndarray) -> list[Measure]:
    wanted = {1: {"symbols"} if _symbolic(array) else {"series"}, 2: {"channels"}}.get(array.ndim, set())
    return [m for m in catalogue().values() if m.needs in wanted]


def table(readings: list[dict[str, Any]], with_p: bool) -> Table:
    """Readings for people."""
    from rich.table import Table

    from morphogen.text import number

    shown = Table(header_style="bold")
    for column in ("channel", "measure", "value", "95 % interval", "unit", "n", *(("surrogates' mean", "p") if with_p else ())):
        shown.add_column(column)
    for r in readings:
        interval = f"[{number(r['low'])}, {number(r['high'])}]" if np.isfinite(r["low"]) else "-"
        row = [r["channel"], r["measure"], number(r["value"]), interval, r["unit"], str(r["n"])]
        if with_p:
            row += [number(r["null_mean"]), "-" if r["p"] is None else f"{r['p']:.3g} ({r['surrogate']})"]
        shown.add_row(*row)
    return shown


def over_grid(swept: xr.Dataset, axes: list[str], reading: str | None, of: str | None, after: float) -> pd.DataFrame:
    """One row for each point of a sweep: the mean of an observable after the transient, or a measure of one, over samples."""
    import xarray as xr

    kept = swept.isel(time=slice(int(after * swept.sizes["time"]), None))
    scalar = [str(n) for n, v in kept.data_vars.items() if set(v.dims) <= {*axes, "sample", "time"}]
    columns: dict[str, Any] = {}
    if reading is not None and reading not in kept.data_vars:
        instrument = find(reading)
        source = of or next(iter(map(str, kept.data_vars)))
        if source not in kept.data_vars:
            raise MorphogenError(f"there is no observable '{source}': there are {', '.join(map(str, kept.data_vars))}")
        columns[f"{reading} of {source}"] = _measured(instrument, kept[source], axes)
    else:
        for name in [reading] if reading else scalar:
            columns[name] = kept[name].mean([d for d in kept[name].dims if d not in axes])
    if not columns:
        raise MorphogenError(f"no observable is a single number; choose --reading from {', '.join(map(str, kept.data_vars))} or a measure")
    return xr.Dataset(columns).to_dataframe().reset_index()


def _measured(instrument: Measure, values: xr.DataArray, axes: list[str]) -> xr.DataArray:
    import xarray as xr

    lead = [*axes, "sample"]
    ordered = values.transpose(*lead, "time", ...)
    shape = tuple(ordered.sizes[d] for d in lead)
    needed = len(KINDS[instrument.needs].dims)
    if ordered.ndim - len(lead) != needed:
        wanted, got = KINDS[instrument.needs].dims, map(str, ordered.dims[len(lead) :])
        raise MorphogenError(f"{instrument.name} reads {' x '.join(wanted)}; {values.name} is {' x '.join(got)}")
    numbers = np.full(shape, np.nan)
    for index in np.ndindex(shape):
        item = ordered.values[index]
        if np.isfinite(item).all():
            numbers[index] = instrument(item, interval=False).value
    return xr.DataArray(numbers, dims=lead, coords={a: values.coords[a] for a in axes}).mean("sample")
