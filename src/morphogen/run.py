"""`run`: a system, rolled out. Compiled once, recorded at a stride, resumable to the same bits.

The loop is one compiled program with the numbers of steps and records as data: a run of another length, another stride,
another key or other parameter values calls the same program. Because every run passes through the same program whatever
its chunking, the same key gives the same bits whether it ran in one go, in pieces, or was killed and resumed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from morphogen.combinators import Ensemble, initial_key, member_keys, step_key
from morphogen.errors import DivergenceError, Interrupted, MorphogenError
from morphogen.progress import progress as progress_display
from morphogen.recorder import Disk, Memory
from morphogen.rollout import Layout, Stretch, finite, look, not_finite, roll, start, start_members, until_not_finite
from morphogen.system import State, System, host_key

if TYPE_CHECKING:
    import xarray as xr

CHUNK_BYTES = 32 * 2**20
BUFFER_BYTES = 4 * 2**20
CHUNK_RECORDS = 2**20
BATCH_SECONDS = 0.3


def run(
    system: System,
    steps: int,
    *,
    every: int = 1,
    key: Any = 0,
    ensemble: int | Any | None = None,
    record: Sequence[str] | None = None,
    state: State | None = None,
    store: str | Path | None = None,
    resume: bool = False,
    progress: bool | None = None,
    chunk: int | None = None,
    devices: int | None = None,
    check_finite: bool = True,
) -> xr.Dataset:
    """Roll `system` out for `steps` steps and return its trajectory.

    Args:
        steps: how many steps; a multiple of `every`.
        every: the initial state is recorded, then the state after each `every` steps: steps / every + 1 records.
        key: an integer or a JAX key; step t uses it folded with t, the initial state with a number no step uses.
        ensemble: a number of independent members, or an array of their keys. Member i equals the single run with key
            `fold_in(key, i)` (or the i-th key given): the same random numbers, results equal up to rounding.
        record: names of the observables to keep; all by default.
        state: start here instead of from `init` (for an ensemble: a state of the `Ensemble`).
        store: a path for a Zarr store that the records stream to; without it they are kept in memory.
        resume: continue the run in `store` from its newest whole checkpoint, also with more steps than it first had; starts
            afresh when there is no store yet.
        progress: show a progress bar; by default only in a terminal or a notebook.
        chunk: records in one chunk of memory and of the store (default: 32 MiB worth, at most 2^20).
        devices: lay one large state over this many devices (see `System.partition`).
        check_finite: stop when the state holds NaN or infinity.

    Returns:
        A Dataset with dimensions (sample, time, the observable's own); with `store`, arrays are read from disk when used.

    Raises:
        MorphogenError: impossible arguments, or a store that holds another run.
        DivergenceError: the state is no longer finite; `recorded` holds what came before.
        Interrupted: Ctrl-C; a store is left resumable.

    Memory: the state three times over and one chunk; without `store` also every record.
    """
    if steps < 0 or every < 1 or steps % every or steps >= 2**32 - 1:
        raise MorphogenError(f"steps must be a multiple of every, both positive and below 2^32: got steps={steps}, every={every}")
    if resume and store is None:
        raise MorphogenError("resume=True needs store=, the path of the run to continue")
    rollout = _Rollout(system, key, ensemble, record, state, every, chunk, devices, check_finite)
    recorder: Memory | Disk = Memory(rollout.recording, steps // every + 1) if store is None else Disk(rollout.recording, Path(store))
    if isinstance(recorder, Disk) and (found := recorder.begin(rollout.state, resume, steps)) is not None:
        rollout.restore(*found)
    began = time.perf_counter()
    with progress_display(rollout.name, steps, progress, start=rollout.step) as bar, _deferred_interrupt() as pressed:
        for done in rollout.go(steps, recorder):
            bar.update(done)
            if pressed:
                recorder.flush(rollout.state, done, force=True)
                hint = f"; {store} can be continued with --resume (in Python: resume=True)" if store is not None else ""
                raise Interrupted(f"stopped at step {done} of {steps}{hint}", step=done)
    return recorder.finish(rollout.state, rollout.step, time.perf_counter() - began)


def advance(system: System, state: State, steps: int, *, key: Any = 0, first: int = 0) -> State:
    """The state `steps` steps after `state`, nothing recorded: for transients. Steps are numbered from `first` for their keys."""
    if system.host:
        word = key if isinstance(key, int) else host_key(key)
        for t in range(first, first + steps):
            state = system.step(state, step_key(word, t, True))
        return state
    one = jnp.uint32(1)
    return roll(Stretch(system, state, as_key(key), jnp.uint32(first), one, jnp.uint32(steps), None), {})[0]


def as_key(key: Any) -> Any:
    """A JAX key from an integer or a JAX key."""
    return jax.random.key(key) if isinstance(key, int | np.integer) else key


@contextmanager
def _deferred_interrupt() -> Iterator[list[int]]:
    """Ctrl-C asks politely: the list is no longer empty, and the loop stops where its records are whole. A second one is immediate."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def handler(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


class Recording:
    """What a run records: of which system, with which key, at which stride, which observables, in chunks of how many records."""

    def __init__(self, system: System, key: Any, every: int, names: Sequence[str] | None, state: State, chunk: int | None) -> None:
        self.system, self.key, self.every, self.start = system, key, every, state
        seen = system.observe(state) if system.host else look(system, state)
        declared = {o.name: o for o in system.observables}
        if set(declared) != set(seen):
            raise MorphogenError(f"{type(system).__name__} declares the observables {sorted(declared)} but observes {sorted(seen)}")
        unknown = [name for name in names or () if name not in declared]
        if unknown:
            raise MorphogenError(f"{type(system).__name__} has no observable '{unknown[0]}'; it has {', '.join(declared)}")
        self.observables = tuple(declared.values()) if names is None else tuple(declared[name] for name in names)
        self.example = {o.name: np.asarray(seen[o.name]) for o in self.observables}
        for o in self.observables:
            shape = self.example[o.name].shape
            if len(o.dims) != len(shape):
                raise MorphogenError(f"observable '{o.name}' is declared with dimensions {o.dims} but has shape {shape}")
        if chunk is not None and chunk < 1:
            raise MorphogenError(f"chunk must be at least 1 record, not {chunk}")
        record_bytes = max(1, sum(v.nbytes for v in self.example.values()))
        self.capacity = chunk or int(min(CHUNK_RECORDS, max(1, CHUNK_BYTES // record_bytes)))
        # The compiled loop copies its buffer at each call, so it is kept small beside a chunk.
        self.buffer = int(min(self.capacity, max(1, BUFFER_BYTES // record_bytes)))

    def samples_first(self, records: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Records (time, ...) as (sample, time, ...)."""
        ensemble = isinstance(self.system, Ensemble)
        return {n: np.moveaxis(v, 1, 0) if ensemble else v[None] for n, v in records.items()}


class _Rollout:
    """A run in progress: where it is, and how it moves."""

    def __init__(
        self,
        system: System,
        key: Any,
        ensemble: Any,
        names: Sequence[str] | None,
        state: State | None,
        every: int,
        chunk: int | None,
        devices: int | None,
        check: bool,
    ) -> None:
        self.name = type(system).__name__
        self.key = _word(key) if system.host else as_key(key)
        members = None
        if ensemble is not None:
            count = isinstance(ensemble, int | np.integer)
            members = member_keys(self.key, int(ensemble), system.host) if count else _member_keys(ensemble, system.host)
            system = Ensemble(system, len(members))
        self.system, self.every, self.check, self.step, self.recorded = system, every, check, 0, 0
        if state is None:
            state = self._start(members)
        if not system.host:
            state = jax.tree.map(jnp.asarray, state)
        self.state = state
        self.recording = Recording(system, self.key, every, names, state, chunk)
        self.buffer: dict[str, Any] | None = None
        self.layout = None if devices is None else Layout(system, state, devices)
        self._spread()

    def _start(self, members: Any) -> State:
        if isinstance(self.system, Ensemble) and members is not None:
            return self.system.start(members) if self.system.host else start_members(self.system, members)
        key = initial_key(self.key, self.system.host)
        return self.system.init(key) if self.system.host else start(self.system, key)

    def _check_step(self, state: State) -> None:
        """Say what is wrong with a step whose result does not fit its state."""
        after = eqx.filter_eval_shape(lambda system, s, k: system.step(s, k), self.system, state, self.key)
        if bool(jax.tree.structure(after) != jax.tree.structure(state)):  # type: ignore[operator]
            raise MorphogenError(f"{self.name}.step returns a state of another structure than init's")
        for (path, old), new in zip(jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(after), strict=True):
            if old.shape != new.shape:
                part = jax.tree_util.keystr(path) or "the state"
                raise MorphogenError(f"{self.name}.step turns {part} of shape {old.shape} into shape {new.shape}")

    def _spread(self) -> None:
        if self.layout is not None:
            self.state = jax.device_put(self.state, self.layout.shardings())

    def restore(self, step: int, state: State) -> None:
        """Continue from a checkpoint."""
        self.step, self.state, self.recorded = step, state, step // self.every + 1
        self._spread()

    def go(self, steps: int, recorder: Memory | Disk) -> Iterator[int]:
        """Move to `steps`, handing records on; yields the step number a few times a second, always between whole records."""
        total, capacity = steps // self.every + 1, self.recording.capacity
        if self.recorded == 0:
            recorder.put({n: v[None] for n, v in self.recording.example.items()})
            self.recorded = 1
        move, batch = self._move_host if self.system.host else self._move, 1
        while self.recorded < total:
            count = min(batch, total - self.recorded, capacity - self.recorded % capacity, self.recording.buffer)
            began = time.perf_counter()
            move(count, recorder)
            seconds = time.perf_counter() - began
            batch = (
                min(8 * batch, capacity) if seconds < BATCH_SECONDS / 8 else max(1, batch // 2) if seconds > 2 * BATCH_SECONDS else batch
            )
            if self.recorded % capacity == 0:
                recorder.flush(self.state, self.step)
            yield self.step

    def _move(self, count: int, recorder: Memory | Disk) -> None:
        first = jnp.uint32(self.step)
        buffer = self.buffer or {n: jnp.zeros((self.recording.buffer, *v.shape), v.dtype) for n, v in self.recording.example.items()}
        stride = None if self.every == 1 else jnp.uint32(self.every)
        try:
            state, buffer = roll(Stretch(self.system, self.state, self.key, first, jnp.uint32(count), stride, self.layout), buffer)
        except TypeError:
            self._check_step(self.state)
            raise
        self.buffer = buffer
        diverged = self.check and not bool(finite(state))
        if diverged:
            at, state = until_not_finite(self.system, self.state, self.key, first, jnp.uint32(count * self.every))
            count = (int(at) - 1 - self.step) // self.every
        recorder.put({n: np.asarray(v)[:count] for n, v in buffer.items()})
        self.recorded += count
        if diverged:
            raise self._divergence(int(at), state, recorder)
        self.state, self.step = state, self.step + count * self.every

    def _move_host(self, count: int, recorder: Memory | Disk) -> None:
        for _ in range(count):
            for _ in range(self.every):
                self.state = self.system.step(self.state, step_key(self.key, self.step, True))
                self.step += 1
                if self.check and not_finite(self.state):
                    raise self._divergence(self.step, self.state, recorder)
            seen = self.system.observe(self.state)
            recorder.put({o.name: np.asarray(seen[o.name])[None] for o in self.recording.observables})
            self.recorded += 1

    def _divergence(self, step: int, state: State, recorder: Memory | Disk) -> DivergenceError:
        where = not_finite(state) or "state"
        bad = next((n for n, v in self.system.observe(state).items() if not_finite(np.asarray(v))), None)
        shown = f"observable '{bad}'" if bad else "no observable shows it"
        kept = recorder.finish(None, step, 0.0)
        message = (
            f"{self.name}: the state is not finite after step {step} (in {where}; {shown}); the {self.recorded} records before it are kept"
        )
        return DivergenceError(message, step=step, where=where, recorded=kept)


def _word(key: Any) -> int:
    return int(key) if isinstance(key, int | np.integer) else host_key(key)


def _member_keys(keys: Any, host: bool) -> Any:
    if host:
        return tuple(_word(k) for k in keys)
    return keys if isinstance(keys, jax.Array) else jnp.stack([as_key(k) for k in keys])
