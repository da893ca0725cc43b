"""Reading a user's recording: comma-separated text, NumPy, Parquet, Zarr or netCDF, as one `xarray.Dataset`.

`read` guesses as little as it can and says in the attributes what it took for granted: delimiter, header, which column is time,
which columns were left out and why, and how many values are missing. Nothing is filled in or dropped: missing values stay NaN, and
it is for the measure to refuse them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from morphogen.data.text import read_text
from morphogen.errors import MorphogenError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

TEXT = (".csv", ".tsv", ".txt", ".dat")
FORMATS = {
    ".csv, .tsv, .txt, .dat (also .gz)": "columns of numbers as text",
    ".npy, .npz": "NumPy",
    ".parquet": "Parquet",
    ".zarr": "Zarr",
    ".nc": "netCDF",
}
TIME = ("time", "t", "timestamp", "step", "seconds", "time_s", "time (s)", "time [s]")


def read(path: str | Path, columns: Sequence[str | int] | None = None) -> xr.Dataset:
    """The recording in the file (or Zarr folder) at `path`.

    A table or an array becomes the variable `signal` with the dimensions (time, channel); an array of more dimensions gets
    (time, axis_1, axis_2, ...). A column named like a time ("time", "t", "timestamp", "step", ...) that increases strictly becomes the
    coordinate `time`. Zarr groups and netCDF files keep their variables and dimensions and are read when used. `columns` picks
    columns by name or position (from 0), arrays of an .npz or variables of a
    group by name; a time column takes no position.

    The attributes say what was done: `source`, `format`, `delimiter`, `header`, `time_column`, `skipped` (columns that are no
    numbers), `missing` (NaN per column) and `notes`. Raises `MorphogenError` in one line for a file that is missing, empty, of an
    unknown kind or not what its name says, a column that is not there or is no numbers, and an .npz of several arrays without a choice.
    """
    path = Path(path)
    if not path.exists():
        raise MorphogenError(f"there is no file {path}")
    suffix = next((s for s in reversed([s.lower() for s in path.suffixes]) if s != ".gz"), "")
    wanted = None if columns is None else list(columns)
    if wanted == []:
        raise MorphogenError(f"{path.name}: columns=[] asks for nothing; leave it out to read all")
    if path.is_dir():
        return _zarr(path, wanted)
    if path.stat().st_size == 0:
        raise MorphogenError(f"{path.name} is empty (0 bytes)")
    if suffix in TEXT:
        frame, said = read_text(path)
        return _table(path, frame, wanted, {"format": "text", **said})
    if suffix == ".parquet":
        return _table(path, _parquet(path), wanted, {"format": "parquet"})
    if suffix in (".npy", ".npz"):
        return _numpy(path, wanted)
    if suffix in (".nc", ".nc4", ".netcdf"):
        return _netcdf(path, wanted)
    if suffix == ".zarr":
        raise MorphogenError(f"{path.name} is a file, but a Zarr recording is a folder")
    known = "; ".join(f"{name} ({meaning})" for name, meaning in FORMATS.items())
    raise MorphogenError(f"{path.name}: cannot tell the format from {suffix or 'a name without a suffix'!r}; the name must end in {known}")


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pandas().reset_index(drop=True)
    except (pa.ArrowException, OSError) as error:
        raise MorphogenError(f"{path.name} is no Parquet file that can be read: {_line(error)}") from error


def _table(path: Path, frame: pd.DataFrame, wanted: list[str | int] | None, said: dict[str, str]) -> xr.Dataset:
    import pandas as pd
    import xarray as xr

    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise MorphogenError(f"{path.name}: two columns have the name {twice!r}; names must differ")
    if not len(frame):
        raise MorphogenError(f"{path.name} has a header but no rows")
    numbers, text = {}, {}
    for name in frame.columns:
        converted, complaint = _numbers(frame[name])
        if complaint:
            text[name] = complaint
        else:
            numbers[name] = converted
    time = next((name for name in frame.columns if name.strip().lower() in TIME and name not in (wanted or ())), None)
    if time is not None:
        time = time if time in numbers and np.isfinite(numbers[time]).all() and np.all(np.diff(numbers[time]) > 0) else None
    names = [name for name in frame.columns if name != time]
    chosen = [name for name in names if name in numbers] if wanted is None else [_pick(path, one, names) for one in wanted]
    for name in chosen:
        if name in text:
            raise MorphogenError(f"{path.name}: column {name!r} is no numbers ({text[name]})")
    if not chosen:
        raise MorphogenError(f"{path.name} has no column of numbers: " + "; ".join(f"{name!r} has {why}" for name, why in text.items()))
    values = np.stack([numbers[name] for name in chosen], axis=1)
    attributes = {"source": path.name, **said, **_missing(values, chosen)}
    if time is not None:
        attributes["time_column"] = time
    if wanted is None and text:
        attributes["skipped"] = "; ".join(f"{name}: {why}" for name, why in text.items())
    coordinates: dict[str, Any] = {"channel": pd.Index(chosen, dtype=object)}
    if time is not None:
        coordinates["time"] = numbers[time]
    return xr.Dataset({"signal": (("time", "channel"), values)}, coords=coordinates, attrs=attributes)


def _numbers(column: pd.Series) -> tuple[np.ndarray, str]:
    """The column as numbers, or what is in it that is none."""
    import pandas as pd

    if column.isna().all():
        return np.empty(0), "no values at all"
    if pd.api.types.is_bool_dtype(column) and not column.isna().any():
        return column.to_numpy(dtype=np.int64), ""
    if pd.api.types.is_complex_dtype(column):
        return np.empty(0), "complex numbers"
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64 if column.isna().any() else None, na_value=np.nan), ""
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return np.empty(0), "dates"
    converted = pd.to_numeric(column, errors="coerce")
    bad = np.flatnonzero(converted.isna() & column.notna())
    if len(bad):
        return np.empty(0), f"{str(column.iloc[bad[0]])[:30]!r} in row {bad[0] + 1}, and {len(bad)} of {len(column)} such"
    return converted.to_numpy(dtype=np.float64, na_value=np.nan), ""


def _pick(path: Path, one: str | int, names: list[str]) -> str:
    if isinstance(one, str) and one in names:
        return one
    position = int(one) if isinstance(one, int | np.integer) or one.isdigit() else -1
    if 0 <= position < len(names):
        return names[position]
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    raise MorphogenError(f"{path.name} has no column {one!r}; there are {shown}")


def _missing(values: np.ndarray, names: list[str]) -> dict[str, str]:
    if values.dtype.kind not in "fc":
        return {"missing": "none"}
    counts = np.isnan(values).sum(0)
    return {"missing": "; ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True) if count) or "none"}


def _numpy(path: Path, wanted: list[str | int] | None) -> xr.Dataset:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise MorphogenError(f"{path.name} is no NumPy file of numbers: {_line(error)}") from error
    if list(arrays) == [""]:
        return _array(path, arrays[""], wanted)
    if not arrays:
        raise MorphogenError(f"{path.name} holds no array")
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    if len(arrays) == 1 and (wanted is None or wanted[0] not in arrays):
        return _array(path, next(iter(arrays.values())), wanted)
    if wanted is None:
        raise MorphogenError(f"{path.name} holds several arrays ({shapes}); choose with columns, e.g. columns={[next(iter(arrays))]!r}")
    if missing := [one for one in wanted if one not in arrays]:
        raise MorphogenError(f"{path.name} has no array {missing[0]!r}; there are {shapes}")
    if len(wanted) == 1:
        return _array(path, arrays[str(wanted[0])], None)
    picked = {str(one): arrays[str(one)] for one in wanted}
    if any(array.ndim != 1 for array in picked.values()) or len({len(array) for array in picked.values()}) > 1:
        raise MorphogenError(f"{path.name}: several arrays make channels only if all are (time,) of one length, not {shapes}")
    return _array(path, np.stack(list(picked.values()), axis=1), None, list(picked))


def _array(path: Path, array: np.ndarray, wanted: list[str | int] | None, names: list[str] | None = None) -> xr.Dataset:
    import pandas as pd
    import xarray as xr

    if array.dtype.names:
        return _table(path, pd.DataFrame({name: array[name] for name in array.dtype.names}), wanted, {"format": "numpy"})
    if array.dtype.kind not in "iubf":
        hint = "; take the modulus or the angle" if array.dtype.kind == "c" else ""
        raise MorphogenError(f"{path.name} holds {array.dtype}, not real numbers{hint}")
    if array.ndim == 0 or not array.size:
        raise MorphogenError(f"{path.name} holds an array of the shape {array.shape}; at least one sample along time is needed")
    values = array.astype(np.int64) if array.dtype.kind == "b" else array
    attributes = {"source": path.name, "format": "numpy"}
    if values.ndim > 2:
        if wanted is not None:
            raise MorphogenError(f"{path.name} holds an array of the shape {array.shape}, which has no columns to choose from")
        dims = ("time", *(f"axis_{i}" for i in range(1, values.ndim)))
        missing = int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
        return xr.Dataset({"signal": (dims, values)}, attrs={**attributes, "missing": str(missing) if missing else "none"})
    values = values[:, None] if values.ndim == 1 else values
    names = names or [str(i) for i in range(values.shape[1])]
    if wanted is not None:
        names = [_pick(path, one, names) for one in wanted]
        values = values[:, [int(name) for name in names]]
    if values.shape[1] > values.shape[0] > 1:
        attributes["notes"] = f"more channels ({values.shape[1]}) than samples ({values.shape[0]}): the first axis was taken as time"
    coordinates = {"channel": pd.Index(names, dtype=object)}
    return xr.Dataset({"signal": (("time", "channel"), values)}, coords=coordinates, attrs={**attributes, **_missing(values, names)})


def _zarr(path: Path, wanted: list[str | int] | None) -> xr.Dataset:
    import xarray as xr
    import zarr

    if not any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray", ".zmetadata")):
        raise MorphogenError(f"{path.name} is a folder, but not a Zarr recording: it has no zarr.json or .zgroup")
    try:
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return _array(path, np.asarray(node[...]), wanted).assign_attrs(format="zarr")
        found = xr.open_zarr(path, chunks=None, consolidated=False)
    except MorphogenError:
        raise
    except Exception as error:  # zarr and its codecs raise errors of many unrelated kinds for a damaged store
        raise MorphogenError(f"{path.name} is no Zarr recording that can be read: {_line(error)}") from error
    return _variables(path, found, wanted, "zarr")


def _netcdf(path: Path, wanted: list[str | int] | None) -> xr.Dataset:
    import xarray as xr

    try:
        found = xr.open_dataset(path)
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        raise MorphogenError(f"{path.name} is no netCDF file that can be read: {_line(error)}") from error
    return _variables(path, found, wanted, "netcdf")


def _variables(path: Path, found: xr.Dataset, wanted: list[str | int] | None, form: str) -> xr.Dataset:
    there = sorted(str(name) for name in found.data_vars)
    if not there:
        raise MorphogenError(f"{path.name} holds no variables")
    if wanted is not None:
        found = found[[_pick(path, one, there) for one in wanted]]
    note = "variables and dimensions as stored; missing values not counted, since arrays are read when used"
    return found.assign_attrs({"source": path.name, "format": form, "notes": note})


def _line(error: BaseException) -> str:
    """The first line of a library's error, short enough to stand in a sentence."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:160]
