"""Where a long run lives on disk: a Zarr store that is consistent at every moment, and checkpoints that cannot be half-written.

A store `flock.zarr` is an ordinary Zarr group for `xarray.open_zarr`; beside it `flock.zarr.checkpoints/` holds the last
two states. The consolidated metadata is replaced in one atomic write after the data of a chunk is on disk, so a reader,
or a run that was killed, never sees a half-written record.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from morphogen.errors import MorphogenError
from morphogen.system import Observable

if TYPE_CHECKING:
    import zarr

MAGIC = b"morphogen checkpoint 1\n"


def write_checkpoint(directory: Path, state: Any, *, step: int, fingerprint: str) -> Path:
    """Write `state` after `step` steps, atomically; keeps the newest two and returns the path."""
    directory.mkdir(parents=True, exist_ok=True)
    leaves = [np.asarray(jax.random.key_data(x)) if _is_key(x) else np.asarray(x) for x in jax.tree.leaves(state)]
    payload = BytesIO()
    np.savez(payload, *leaves)
    body = payload.getvalue()
    header = {"step": step, "fingerprint": fingerprint, "leaves": len(leaves), "sha256": sha256(body).hexdigest()}
    path = directory / f"{step:020d}.checkpoint"
    temporary = path.with_suffix(".writing")
    with temporary.open("wb") as file:
        file.write(MAGIC + json.dumps(header).encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    for old in sorted(directory.glob("*.checkpoint"))[:-2]:
        old.unlink()
    return path


def read_checkpoint(directory: Path, like: Any) -> tuple[int, str, Any] | None:
    """The newest whole checkpoint as (step, fingerprint, state shaped as `like`), or None. Torn ones are passed over with a warning."""
    for path in sorted(directory.glob("*.checkpoint"), reverse=True):
        content = path.read_bytes()
        head, _, body = content[len(MAGIC) :].partition(b"\n")
        try:
            header = json.loads(head)
            whole = content.startswith(MAGIC) and sha256(body).hexdigest() == header["sha256"]
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            warnings.warn(f"checkpoint {path.name} is torn; the one before it is used", stacklevel=2)
            continue
        with np.load(BytesIO(body), allow_pickle=False) as arrays:
            return header["step"], header["fingerprint"], _restore(like, [arrays[f"arr_{i}"] for i in range(header["leaves"])])
    return None


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _restore(like: Any, arrays: list[np.ndarray]) -> Any:
    leaves, tree = jax.tree.flatten(like)
    if len(leaves) != len(arrays):
        raise MorphogenError(f"the checkpoint holds {len(arrays)} arrays but the system's state has {len(leaves)}")

    def restore(old: Any, array: np.ndarray) -> Any:
        if _is_key(old):
            return jax.random.wrap_key_data(jax.numpy.asarray(array), impl=jax.random.key_impl(old))
        if isinstance(old, jax.Array):
            return jax.numpy.asarray(array)
        return array if isinstance(old, np.ndarray) else array.item()

    return jax.tree.unflatten(tree, [restore(o, a) for o, a in zip(leaves, arrays, strict=True)])


class Sink:
    """A Zarr group that grows along `time`. Writing at a position that exists replaces it, so that a resumed run overwrites its tail."""

    def __init__(self, path: Path, group: zarr.Group, dt: float) -> None:
        self.path, self.group, self.dt = path, group, dt

    @classmethod
    def create(
        cls, path: Path, example: dict[str, np.ndarray], observables: Sequence[Observable], *, chunk: int, dt: float, attrs: dict[str, Any]
    ) -> Sink:
        """A new store for records shaped like `example` (sample, ...), cut into chunks of `chunk` records."""
        import zarr

        path.parent.mkdir(parents=True, exist_ok=True)
        # Built beside its place and then moved there whole, so that a store that exists can always be opened.
        building = path.with_name(path.name + ".creating")
        shutil.rmtree(building, ignore_errors=True)
        group = zarr.open_group(building, mode="w-", zarr_format=3)
        group.attrs.update(attrs)
        for o in observables:
            record = example[o.name]
            array = group.create_array(
                o.name,
                shape=(record.shape[0], 0, *record.shape[1:]),
                chunks=(record.shape[0], chunk, *(max(1, s) for s in record.shape[1:])),
                dtype=record.dtype,
                dimension_names=("sample", "time", *[d for d in o.dims if d != "sample"]),
                fill_value=np.zeros((), record.dtype)[()],
            )
            array.attrs.update({"units": o.unit, "long_name": o.meaning, "coordinates": "step"})
        clock = "i8" if attrs["time_unit"] == "step" and dt == 1 else "f8"
        for name, kind, unit in (("time", clock, attrs["time_unit"]), ("step", "i8", "step")):
            array = group.create_array(name, shape=(0,), chunks=(max(chunk, 4096),), dtype=kind, dimension_names=("time",), fill_value=0)
            array.attrs["units"] = unit
        cls(building, group, dt)._publish()
        os.replace(building, path)
        return cls.open(path, dt)

    @classmethod
    def open(cls, path: Path, dt: float) -> Sink:
        """The store of an earlier run, to be continued."""
        import zarr

        # Consolidated metadata is a snapshot for readers; a writer needs the arrays as they are.
        return cls(path, zarr.open_group(path, mode="r+", use_consolidated=False), dt)

    def write(self, at: int, records: dict[str, np.ndarray], steps: np.ndarray) -> None:
        """Put records (sample, time, ...) at positions at, at + 1, ..., then let readers see them."""
        end = at + len(steps)
        for name, values in records.items():
            array: Any = self.group[name]
            array.resize((array.shape[0], max(end, array.shape[1]), *array.shape[2:]))
            array[:, at:end] = values
        for name, values in (("time", steps * self.dt), ("step", steps)):
            array = self.group[name]
            array.resize((max(end, array.shape[0]),))
            array[at:end] = values
        self._publish()

    def set(self, **attrs: Any) -> None:
        """Set attributes of the trajectory."""
        self.group.attrs.update(attrs)
        self._publish()

    def _publish(self) -> None:
        import zarr

        with warnings.catch_warnings():
            # Consolidated metadata is an agreed extension of Zarr 3 that xarray reads; the library warns at each write of it.
            warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
            zarr.consolidate_metadata(self.group.store)
