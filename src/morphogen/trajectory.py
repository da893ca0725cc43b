"""Trajectories: what a run recorded, as an `xarray.Dataset` with names, units and provenance.

Dimensions are `sample`, `time`, then the observable's own. Coordinates are `time` (in the system's unit) and `step`
(exact). Attributes carry the system's name and parameters, the key, versions and wall time; `parameters`, `key` and
`versions` are JSON text so that every file format keeps them.
"""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.system import Observable, System

if TYPE_CHECKING:
    import xarray as xr

SHOWN = 16
"""Parameters with at most this many entries are written out in the attributes; larger ones as shape and checksum."""


def describe(system: System) -> dict[str, Any]:
    """The parameters of a system as plain values: small arrays in full, large ones as shape, type and checksum."""
    from hashlib import sha256

    described: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(system):
        name = jax.tree_util.keystr(path).lstrip(".")
        if not hasattr(leaf, "dtype") and not isinstance(leaf, int | float | complex | str | bool):
            described[name] = getattr(leaf, "__qualname__", type(leaf).__qualname__)
            continue
        if jax.dtypes.issubdtype(getattr(leaf, "dtype", np.float64), jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        if array.size <= SHOWN:
            described[name] = array.tolist()
        else:
            described[name] = f"{array.dtype}{list(array.shape)} sha256:{sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]}"
    return described | _static(system)


def _static(node: Any, prefix: str = "") -> dict[str, Any]:
    """The static fields (sizes, choices) of a system and of the systems in it."""
    from dataclasses import fields, is_dataclass

    found: dict[str, Any] = {}
    for field in fields(node) if is_dataclass(node) else ():
        value = getattr(node, field.name)
        if field.metadata.get("static"):
            plain = isinstance(value, str | int | float | bool | type(None) | tuple)
            found[prefix + field.name] = value if plain else getattr(value, "__qualname__", type(value).__qualname__)
        elif isinstance(value, System):
            found |= _static(value, f"{prefix}{field.name}.")
    return found


@cache
def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in ("morphogen", "jax", "numpy", "equinox")}


def provenance(system: System, key: Any, every: int) -> dict[str, Any]:
    """The attributes that say where a trajectory came from."""
    words = [int(w) for w in np.asarray(key if isinstance(key, int) else jax.random.key_data(key)).ravel()]
    return {
        "system": type(getattr(system, "system", system)).__name__ if type(system).__name__ == "Ensemble" else type(system).__name__,
        "parameters": json.dumps(describe(system), default=str),
        "key": json.dumps(words),
        "every": every,
        "time_unit": system.time_unit,
        "versions": json.dumps(versions()),
        "platform": "host" if system.host else jax.default_backend(),
    }


def time_step(system: System) -> float:
    """The time between two steps; 1 when it differs between the members of an ensemble."""
    steps = np.unique(np.asarray(system.dt, dtype=float))
    return float(steps[0]) if steps.size == 1 else 1.0


def dataset(
    records: dict[str, np.ndarray], observables: Sequence[Observable], count: int, every: int, dt: float, attrs: dict[str, Any]
) -> xr.Dataset:
    """`count` records, one for each `every` steps, as a named Dataset; arrays have the shape (sample, time, ...)."""
    import pandas as pd
    import xarray as xr

    # A range takes no memory, and an index made here is not copied once more by xarray.
    steps = pd.RangeIndex(0, count * every, every)
    counted = attrs["time_unit"] == "step" and dt == 1
    time = xr.IndexVariable("time", steps if counted else pd.Index(steps.to_numpy() * dt, copy=False), {"units": attrs["time_unit"]})
    step = xr.IndexVariable("time", steps, {"units": "step"}).to_base_variable()
    variables = {
        o.name: (("sample", "time", *[d for d in o.dims if d != "sample"]), records[o.name], {"units": o.unit, "long_name": o.meaning})
        for o in observables
    }
    return xr.Dataset(variables, coords={"time": time, "step": step}, attrs=attrs)


def open(path: str | Path) -> xr.Dataset:
    """Open a trajectory that a run left in Zarr, or one saved as netCDF; arrays are read when they are used."""
    import xarray as xr

    path = Path(path)
    if not path.exists():
        raise MorphogenError(f"there is no trajectory at {path}")
    if path.is_dir():
        return xr.open_zarr(path, chunks=None)
    return xr.open_dataset(path, engine="h5netcdf")


def check_free(path: str | Path) -> Path:
    """`path` if a trajectory can be saved there: its name ends in .zarr or .nc and nothing has it yet. Ask before a long run."""
    path = Path(path)
    if path.exists():
        raise MorphogenError(f"{path} exists: choose another name or remove it")
    if path.suffix not in (".zarr", ".nc"):
        raise MorphogenError(f"cannot save a trajectory as '{path.name}': the name must end in .zarr or .nc")
    return path


def save(trajectory: xr.Dataset, path: str | Path) -> Path:
    """Write a trajectory: to Zarr (a path ending in .zarr) or netCDF (.nc). Refuses to replace what is there."""
    path = check_free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".nc":
        trajectory.to_netcdf(path, engine="h5netcdf")
        return path
    with warnings.catch_warnings():
        # Readers are faster with consolidated metadata, an agreed extension of Zarr 3 that its library warns about.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        trajectory.to_zarr(path, consolidated=True)
    return path


def concatenate(trajectories: Sequence[xr.Dataset], dim: str = "sample") -> xr.Dataset:
    """Join trajectories of the same observables along `sample` (more members) or `time` (a run and its continuation)."""
    import xarray as xr

    if not trajectories:
        raise MorphogenError("concatenate needs at least one trajectory")
    if dim not in ("sample", "time"):
        raise MorphogenError(f"trajectories are joined along 'sample' or 'time', not '{dim}'")
    names = [sorted(map(str, t.data_vars)) for t in trajectories]
    if any(n != names[0] for n in names):
        raise MorphogenError(
            f"trajectories with different observables cannot be joined: {names[0]} and {next(n for n in names if n != names[0])}"
        )
    return xr.concat(list(trajectories), dim=dim, combine_attrs="drop_conflicts")
