"""Where the records of a run go: into memory, or into a store on disk with checkpoints."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np

from morphogen import trajectory
from morphogen.errors import MorphogenError
from morphogen.store import Sink, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    import xarray as xr

    from morphogen.run import Recording
    from morphogen.system import State

CHECKPOINT_SECONDS = 10.0


class Memory:
    """Keeps every record in arrays made for all of them: memory O(records)."""

    def __init__(self, recording: Recording, total: int) -> None:
        self.recording, self.total, self.filled = recording, total, 0
        self.arrays = {n: np.empty((total, *v.shape), v.dtype) for n, v in recording.example.items()}

    def put(self, records: dict[str, np.ndarray]) -> None:
        """Take records of shape (time, ...); they are copied."""
        count = _length(records)
        for name, values in records.items():
            self.arrays[name][self.filled : self.filled + count] = values
        self.filled += count

    def flush(self, state: State, step: int, force: bool = False) -> None:
        """Nothing to do: memory needs no flushing."""

    def finish(self, state: State | None, step: int, wall: float) -> xr.Dataset:
        """The trajectory."""
        r = self.recording
        kept = r.samples_first({n: v[: self.filled] for n, v in self.arrays.items()})
        attrs = trajectory.provenance(r.system, r.key, r.every) | {"wall_seconds": wall}
        return trajectory.dataset(kept, r.observables, self.filled, r.every, trajectory.time_step(r.system), attrs)


def _length(records: dict[str, np.ndarray]) -> int:
    return len(next(iter(records.values()), ()))


class Disk:
    """Streams records to a Zarr store and writes a checkpoint at most every ten seconds: memory O(chunk)."""

    def __init__(self, recording: Recording, path: Path) -> None:
        self.recording, self.path = recording, path
        self.checkpoints = path.with_name(path.name + ".checkpoints")
        self.pending: list[dict[str, np.ndarray]] = []
        self.written = 0
        self.saved = time.perf_counter()
        self.attrs = trajectory.provenance(recording.system, recording.key, recording.every)
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> str:
        """Two runs with the same fingerprint are the same run: system, parameters, key, stride, observables, initial state."""
        named = {k: self.attrs[k] for k in ("system", "parameters", "key", "every")} | {
            "record": [o.name for o in self.recording.observables]
        }
        digest = sha256(json.dumps(named, sort_keys=True).encode())
        for leaf in jax.tree.leaves(self.recording.start):
            is_key = jax.dtypes.issubdtype(getattr(leaf, "dtype", np.float64), jax.dtypes.prng_key)
            digest.update(np.ascontiguousarray(jax.random.key_data(leaf) if is_key else leaf).tobytes())
        return digest.hexdigest()

    def begin(self, like: State, resume: bool, steps: int) -> tuple[int, State] | None:
        """Open or create the store; returns the step and state to continue from, if there is one."""
        r, dt = self.recording, trajectory.time_step(self.recording.system)
        if self.path.exists() and not resume:
            raise MorphogenError(f"{self.path} exists: pass resume=True to continue it, or choose another store")
        if not self.path.exists():
            example = {n: v if "sample" in self._dims(n) else v[None] for n, v in r.example.items()}
            attrs = self.attrs | {"fingerprint": self.fingerprint, "wall_seconds": 0.0}
            self.sink = Sink.create(self.path, example, r.observables, chunk=r.capacity, dt=dt, attrs=attrs)
            return None
        self.sink = Sink.open(self.path, dt)
        self._check_same()
        found = read_checkpoint(self.checkpoints, like) if self.checkpoints.exists() else None
        if found is None:
            return None
        step, _, state = found
        if step > steps:
            raise MorphogenError(f"{self.path} already holds {step} steps: ask for at least as many, not {steps}")
        self.written = step // r.every + 1
        return step, state

    def _dims(self, name: str) -> tuple[str, ...]:
        return next(o.dims for o in self.recording.observables if o.name == name)

    def _check_same(self) -> None:
        held = dict(self.sink.group.attrs)
        if held.get("fingerprint") == self.fingerprint:
            return
        for name in ("system", "key", "every"):
            if held.get(name) != self.attrs[name]:
                raise MorphogenError(f"{self.path} holds a run with {name} {held.get(name)}, not {self.attrs[name]}: choose another store")
        old, new = json.loads(str(held["parameters"])), json.loads(self.attrs["parameters"])
        for name in new:
            if old.get(name) != new[name]:
                raise MorphogenError(f"{self.path} holds a run with {name} = {old.get(name)}, not {new[name]}: choose another store")
        raise MorphogenError(f"{self.path} holds a run with other observables or another initial state: choose another store")

    def put(self, records: dict[str, np.ndarray]) -> None:
        """Take records of shape (time, ...); they are copied, because a view would keep the buffer that they lie in alive."""
        self.pending.append({n: np.array(v) for n, v in records.items()})

    def flush(self, state: State | None, step: int, force: bool = False) -> None:
        """Write what is pending, then (when the last one is old, or `force`) a checkpoint of `state` after `step` steps."""
        if self.pending:
            r = self.recording
            joined = {o.name: np.concatenate([p[o.name] for p in self.pending]) for o in r.observables}
            count = _length(joined)
            if count:
                self.sink.write(self.written, r.samples_first(joined), np.arange(self.written, self.written + count) * r.every)
            self.written += count
            self.pending = []
        if state is not None and (force or time.perf_counter() - self.saved > CHECKPOINT_SECONDS):
            write_checkpoint(self.checkpoints, state, step=step, fingerprint=self.fingerprint)
            self.saved = time.perf_counter()

    def finish(self, state: State | None, step: int, wall: float) -> xr.Dataset:
        """Write the rest and open the trajectory as a reader would."""
        self.flush(state, step, force=True)
        self.sink.set(wall_seconds=float(self.sink.group.attrs["wall_seconds"]) + wall)  # type: ignore[arg-type]
        return trajectory.open(self.path)
