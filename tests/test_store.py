"""Stores: streaming, killing, resuming, torn checkpoints, memory."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import morphogen as mg
from systems import Dice, Logistic, Walk

HERE = Path(__file__).parent


def _script(body: str) -> list[str]:
    head = f"import sys; sys.path.insert(0, {str(HERE)!r}); import morphogen as mg; from systems import *\n"
    return [sys.executable, "-c", head + textwrap.dedent(body)]


def test_a_store_is_plain_zarr(tmp_path: Path) -> None:
    got = mg.run(Walk(3), 100, every=5, key=1, ensemble=2, store=tmp_path / "walk.zarr", chunk=7)
    plain = xr.open_zarr(tmp_path / "walk.zarr")
    memory = mg.run(Walk(3), 100, every=5, key=1, ensemble=2)
    for opened in (got, plain):
        assert opened.position.dims == ("sample", "time", "walker")
        assert np.array_equal(opened.position.values, memory.position.values)
        assert np.array_equal(opened.step.values, memory.step.values)
        assert opened.attrs["system"] == "Walk"


@settings(max_examples=8, deadline=None)
@given(first=st.integers(0, 30), more=st.integers(1, 30), chunk=st.integers(1, 9))
def test_a_resumed_run_is_the_same_bits(tmp_path_factory: pytest.TempPathFactory, first: int, more: int, chunk: int) -> None:
    path = tmp_path_factory.mktemp("resume") / "walk.zarr"
    mg.run(Walk(3), 2 * first, every=2, key=3, store=path, chunk=chunk)
    both = mg.run(Walk(3), 2 * (first + more), every=2, key=3, store=path, chunk=chunk, resume=True)
    whole = mg.run(Walk(3), 2 * (first + more), every=2, key=3)
    assert np.array_equal(both.position.values, whole.position.values)
    assert np.array_equal(both.step.values, whole.step.values)


def test_ensembles_and_host_systems_resume_too(tmp_path: Path) -> None:
    for name, system, ensemble in (("walk", Walk(3), 4), ("dice", Dice(), 2), ("one", Dice(), None)):
        path = tmp_path / f"{name}.zarr"
        mg.run(system, 10, key=3, ensemble=ensemble, store=path)
        both = mg.run(system, 25, key=3, ensemble=ensemble, store=path, resume=True)
        whole = mg.run(system, 25, key=3, ensemble=ensemble)
        assert both.drop_attrs().equals(whole.drop_attrs())


@pytest.mark.parametrize("times", [1, 3])
def test_killed_and_resumed_is_the_same_bits(tmp_path: Path, times: int) -> None:
    path = tmp_path / "walk.zarr"
    slow = f"""
        import morphogen.recorder as recorder, morphogen.run as _
        recorder.CHECKPOINT_SECONDS = 0.0
        mg.run(Walk(3), 4_000_000, every=100, key=9, chunk=50, store={str(path)!r}, resume=True)
    """
    for _ in range(times):
        process = subprocess.Popen(_script(slow), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = _records(path)
        deadline = time.monotonic() + 60
        while _records(path) < seen + 200 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
        partial = xr.open_zarr(path)  # readable at once, and right as far as it goes
        assert partial.sizes["time"] > seen
    done = _records(path)
    steps = (done + 500) * 100
    whole = mg.run(Walk(3), steps, every=100, key=9)
    assert np.array_equal(partial.position.values, whole.position.values[:, : partial.sizes["time"]])
    resumed = mg.run(Walk(3), steps, every=100, key=9, chunk=50, store=path, resume=True)
    assert np.array_equal(resumed.position.values, whole.position.values)


def _records(path: Path) -> int:
    return xr.open_zarr(path).sizes["time"] if (path / "zarr.json").exists() else 0


def test_control_c_leaves_a_resumable_store(tmp_path: Path) -> None:
    path = tmp_path / "walk.zarr"
    body = f"""
        try:
            mg.run(Walk(3), 400_000_000, every=1000, key=9, store={str(path)!r})
        except mg.Interrupted as stop:
            print(stop, flush=True)
            raise SystemExit(130)
    """
    process = subprocess.Popen(_script(body), stdout=subprocess.PIPE, text=True)
    while not (path / "zarr.json").exists():
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "resume=True" in said
    done = xr.open_zarr(path)
    steps = int(done.step[-1])
    assert steps > 0
    resumed = mg.run(Walk(3), steps + 5000, every=1000, key=9, store=path, resume=True)
    assert np.array_equal(resumed.position.values, mg.run(Walk(3), steps + 5000, every=1000, key=9).position.values)


def test_a_torn_checkpoint_is_detected_and_the_one_before_is_used(tmp_path: Path) -> None:
    path = tmp_path / "walk.zarr"
    mg.run(Walk(3), 20, key=3, store=path)
    mg.run(Walk(3), 40, key=3, store=path, resume=True)
    first, second = sorted((tmp_path / "walk.zarr.checkpoints").iterdir())
    second.write_bytes(second.read_bytes()[:-40])
    with pytest.warns(UserWarning, match="torn"):
        both = mg.run(Walk(3), 60, key=3, store=path, resume=True)
    assert np.array_equal(both.position.values, mg.run(Walk(3), 60, key=3).position.values)
    for file in (tmp_path / "walk.zarr.checkpoints").iterdir():
        file.write_bytes(b"rubbish")
    with pytest.warns(UserWarning, match="torn"):
        both = mg.run(Walk(3), 60, key=3, store=path, resume=True)
    assert np.array_equal(both.position.values, mg.run(Walk(3), 60, key=3).position.values)


def test_a_store_is_never_taken_for_another_run(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    mg.run(Logistic(3.5), 10, key=3, store=path)
    with pytest.raises(mg.MorphogenError, match="exists: pass resume=True"):
        mg.run(Logistic(3.5), 10, key=3, store=path)
    with pytest.raises(mg.MorphogenError, match="r = 3.5, not 3.75"):
        mg.run(Logistic(3.75), 10, key=3, store=path, resume=True)
    with pytest.raises(mg.MorphogenError, match="key"):
        mg.run(Logistic(3.5), 10, key=4, store=path, resume=True)
    with pytest.raises(mg.MorphogenError, match="already holds 10 steps"):
        mg.run(Logistic(3.5), 5, key=3, store=path, resume=True)
    assert mg.run(Logistic(3.5), 10, key=3, store=path, resume=True).sizes["time"] == 11


def test_a_diverging_run_leaves_its_records_in_the_store(tmp_path: Path) -> None:
    with pytest.raises(mg.DivergenceError) as caught:
        mg.run(Logistic(4.5), 1000, key=1, store=tmp_path / "x.zarr")
    assert mg.open(tmp_path / "x.zarr").sizes["time"] == caught.value.step


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of a process's memory")
def test_a_million_steps_stay_under_a_gigabyte(tmp_path: Path) -> None:
    # The high-water mark of the process itself; getrusage would count what its parent held when it was forked.
    body = f"""
        mg.run(Walk(8), 1_000_000, key=1, store={str(tmp_path / "long.zarr")!r})
        print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
    """
    done = subprocess.run(_script(body), capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1e6, f"{done.stdout} kB"
    assert mg.open(tmp_path / "long.zarr").sizes["time"] == 1_000_001


def test_save_open_concatenate(tmp_path: Path) -> None:
    from morphogen import trajectory

    a, b = mg.run(Walk(3), 10, key=1), mg.run(Walk(3), 10, key=2)
    both = trajectory.concatenate([a, b])
    assert both.sizes["sample"] == 2 and np.array_equal(both.position.values[1], b.position.values[0])
    for suffix in (".nc", ".zarr"):
        path = trajectory.save(both, tmp_path / f"both{suffix}")
        assert trajectory.open(path).equals(both)
        with pytest.raises(mg.MorphogenError, match="exists"):
            trajectory.save(both, path)
    with pytest.raises(mg.MorphogenError, match="must end in .zarr or .nc"):
        trajectory.save(both, tmp_path / "both.txt")
    with pytest.raises(mg.MorphogenError, match="there is no trajectory"):
        trajectory.open(tmp_path / "nothing.zarr")
    with pytest.raises(mg.MorphogenError, match="different observables"):
        trajectory.concatenate([a, mg.run(Logistic(), 10)])
