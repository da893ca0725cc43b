"""The command line as a user meets it: through a subprocess for the few that matter most, in process for the rest."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from morphogen.arguments import grid
from morphogen.cli import main
from morphogen.errors import MorphogenError


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    said = capsys.readouterr()
    return int(stop.value.code or 0), said.out, said.err


def outside(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "morphogen", *arguments], capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]


def test_help_needs_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "morphogen", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "study" in done.stdout
    for heavy in ("jax", "numpy", "xarray", "rich", "tyro", "matplotlib"):
        assert f"| {heavy}\n" not in done.stderr and f" {heavy}\n" not in done.stderr
    imported = subprocess.run([sys.executable, "-X", "importtime", "-c", "import morphogen"], capture_output=True, text=True, check=True)
    assert "jax" not in imported.stderr and "numpy" not in imported.stderr


def test_a_run_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "k.zarr"
    done = outside("run", "kuramoto", "--n", "30", "--steps", "40", "--every", "4", "--store", str(path))
    assert done.returncode == 0, done.stderr
    assert "order" in done.stdout and xr.open_zarr(path).sizes["time"] == 11
    again = outside("run", "kuramoto", "--n", "30", "--steps", "80", "--every", "4", "--store", str(path), "--resume")
    assert again.returncode == 0 and xr.open_zarr(path).sizes["time"] == 21
    refused = outside("run", "kuramoto", "--n", "30", "--steps", "80", "--every", "4", "--store", str(path))
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and "exists" in refused.stderr


def test_control_c_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "l.zarr"
    command = [sys.executable, "-m", "morphogen", "run", "lorenz", "--steps", "2000000000", "--every", "100000", "--store", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not path.exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("\n") == 1 and "resume=True" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stdy"], "invalid choice: 'stdy'"),
        (["study"], "needs the name of a page"),
        (["study", "coffee"], "there is no page 'coffee'"),
        (["study", "cofee-automaton"], "did you mean coffee-automaton?"),
        (["study", "metra"], "not written yet"),
        (["study", "coffee-automaton", "--scale", "huge"], "invalid choice: 'huge'"),
        (["study", "coffee-automaton", "--sizs", "3"], "did you mean --sizes"),
        (["study", "coffee-automaton", "--seeds", "many"], "--seeds"),
        (["study", "coffee-automaton", "--null", "--no-null"], "exclude each other"),
        (["run"], "needs the name of a system"),
        (["run", "kuramotto"], "did you mean kuramoto?"),
        (["run", "kuramoto", "--couplin", "2"], "did you mean --coupling?"),
        (["run", "kuramoto", "--n", "x"], "--n"),
        (["run", "kuramoto", "--n", "-3"], "n >= 1"),
        (["run", "kuramoto", "--steps", "ten"], "invalid int value: 'ten'"),
        (["run", "kuramoto", "--steps", "10", "--every", "3"], "steps must be a multiple of every"),
        (["run", "kuramoto", "--record", "height"], "no observable 'height'"),
        (["run", "kuramoto", "--steps", "2000000000", "--output", "k.png"], "must end in .zarr or .nc"),
        (["sweep", "kuramoto"], "needs a grid"),
        (["sweep", "kuramoto", "coupling=0:4"], "is not a sweep axis"),
        (["sweep", "kuramoto", "n=10,20"], "fixed when it is compiled"),
        (["sweep", "kuramoto", "size=10,20"], "no parameter 'size'"),
        (["sweep", "kuramoto", "coupling=1", "--after", "2"], "--after"),
        (["measure"], "file"),
        (["measure", "nothing.csv"], "there is no file nothing.csv"),
        (["measure", "nothing.csv", "--wth", "x"], "--wth"),
        (["atlas", "--chapter", "automat"], "there is no chapter 'automat'"),
        (["list", "--all"], "--all"),
    ],
)
def test_mistakes_get_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    code, _, said = call(capsys, *arguments)
    assert code == 2 and message in said
    assert said.startswith("morphogen: ") and said.count("\n") == 1 and "Traceback" not in said


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys)
    assert code == 2 and "study" in shown


@pytest.mark.parametrize("arguments", [["study", "--help"], ["run", "--help"], ["sweep", "--help"], ["measure", "--help"]])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, shown, _ = call(capsys, *arguments)
    assert code == 0 and "--" in shown


def test_help_of_a_page_and_of_a_system_shows_their_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys, "study", "coffee-automaton", "--help")
    assert code == 0 and "--sizes" in shown and "--seeds" in shown
    code, shown, _ = call(capsys, "run", "kuramoto", "--help")
    assert code == 0 and "--coupling" in shown and "Source: Kuramoto" in shown


def test_the_atlas_has_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys, "atlas", "--json")
    listed = json.loads(shown)
    assert code == 0 and [row["number"] for row in listed] == list(range(1, 204))
    assert {row["verdict"] for row in listed if row["page"] == "metra"} == {"not yet"}
    code, shown, _ = call(capsys, "atlas", "--chapter", "automata")
    assert code == 0 and "coffee-automaton" in shown and "metra" not in shown


def test_the_list_shows_systems_measures_and_pages(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = call(capsys, "list")
    assert code == 0
    for name in ("kuramoto", "sample-entropy", "coffee-automaton"):
        assert name in shown


def test_a_sweep_reads_an_observable_or_a_measure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    common = ["sweep", "kuramoto", "coupling=0:4:4", "--n", "200", "--steps", "400", "--every", "4"]
    code, shown, _ = call(capsys, *common, "--reading", "order", "--json")
    rows = json.loads(shown)
    assert code == 0 and [r["coupling"] for r in rows] == [0, 4]
    assert rows[0]["order"] < 0.3 < rows[1]["order"]
    saved = tmp_path / "sweep.nc"
    code, shown, _ = call(capsys, *common, "--reading", "sample-entropy", "--of", "order", "--record", "order", "--output", str(saved))
    assert code == 0 and "sample-entropy of order" in shown and xr.open_dataset(saved).sizes["coupling"] == 2


def test_a_diverging_run_says_where_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, said = call(capsys, "run", "logistic", "--r", "4.5", "--steps", "2000")
    assert code == 1 and "not finite after step" in said and said.count("\n") == 1


def test_measure_reads_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = tmp_path / "noise.csv"
    np.savetxt(noise, random.normal(size=(600, 2)), delimiter=",", header="left,right", comments="")
    code, shown, _ = call(capsys, "measure", str(noise), "--with", "sample-entropy", "--columns", "left", "--surrogates", "19", "--json")
    assert code == 0
    (reading,) = json.loads(shown)["readings"]
    assert reading["channel"] == "left" and reading["surrogates"] == 19 and 0 < reading["p"] <= 1
    assert abs(reading["value"] - 2.19) < 0.25 and reading["low"] < reading["value"] < reading["high"]
    code, shown, _ = call(capsys, "measure", str(noise), "--with", "cross-correlation")
    assert code == 0 and "cross-correlation" in shown
    code, _, said = call(capsys, "measure", str(noise), "--with", "smple-entropy")
    assert code == 2 and "did you mean sample-entropy" in said
    code, _, said = call(capsys, "measure", str(noise), "--with", "maximum-persistence", "--columns", "left")
    assert code == 2 and "needs points" in said
    code, _, said = call(capsys, "measure", str(noise), "--surrogates", "5", "--with", "sample-entropy")
    assert code == 2 and "at least 19" in said


def test_measure_says_what_it_does_with_missing_values(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=500)
    values[[7, 8]] = np.nan
    file = tmp_path / "gaps.npy"
    np.save(file, values)
    code, _, said = call(capsys, "measure", str(file), "--with", "sample-entropy")
    assert code == 2 and "2 of 500 values are missing" in said and "row 7" in said
    code, shown, _ = call(capsys, "measure", str(file), "--with", "sample-entropy", "--nan", "interpolate")
    assert code == 0 and "2 missing values interpolated" in shown


def test_measure_chooses_by_the_kind_of_data(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    symbols = tmp_path / "symbols.csv"
    np.savetxt(symbols, np.random.default_rng(0).integers(0, 3, 400), fmt="%d")
    code, shown, _ = call(capsys, "measure", str(symbols), "--json")
    assert code == 0 and {r["measure"] for r in json.loads(shown)["readings"]} == {"lempel-ziv"}


def test_sweep_axes() -> None:
    axes = grid(["coupling=0:4:0.1", "noise=1,2,4", "part.rate=3:1:-1"])
    assert len(axes["coupling"]) == 41 and axes["coupling"][-1] == pytest.approx(4)
    assert axes["noise"].tolist() == [1, 2, 4] and axes["part.rate"].tolist() == [3, 2, 1]
    for wrong in ("coupling", "coupling=", "coupling=1:2", "coupling=2:1:0.1", "coupling=1:2:0", "coupling=a", "=1,2"):
        with pytest.raises(MorphogenError, match="not a sweep axis"):
            grid([wrong])
