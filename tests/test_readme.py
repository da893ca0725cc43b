"""What the README and the manual tell a user to type works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "manual").glob("*.md"))]


def _blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for file in TEXTS:
        found += [(file.name, block) for block in re.findall(rf"^```{language}\n(.*?)^```", file.read_text(), re.S | re.M)]
    return found


def _commands() -> list[str]:
    lines = [line.split("#")[0].strip() for _, block in _blocks("(?:sh)?") for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("morphogen ") and "--on" not in line})


@pytest.mark.parametrize("command", _commands())
def test_commands_run(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(command)[1:]
    if arguments[0] == "study":
        arguments += ["--scale", "sketch"]  # the same code in seconds; lab scale is what .ci/run's first command runs
    if arguments[0] == "measure":
        (tmp_path / arguments[1]).parent.mkdir(parents=True, exist_ok=True)
        _recording(tmp_path / arguments[1])
    done = subprocess.run([sys.executable, "-m", "morphogen", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.strip()


def _recording(path: Path) -> None:
    import numpy as np

    from morphogen.data.series import electrocardiogram

    ecg = np.asarray(electrocardiogram().values, dtype=float)
    np.savetxt(path, ecg, header="ecg", comments="")


@pytest.mark.parametrize(("name", "code"), _blocks("python"), ids=lambda v: v[:24] if isinstance(v, str) else None)
def test_python_examples_run(name: str, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "..." in code:
        pytest.skip("a fragment, not a program")
    monkeypatch.chdir(tmp_path)
    import morphogen as mg

    # A page in an example runs at sketch scale here: the code is the same, the wait is not.
    monkeypatch.setattr(mg, "study", lambda slug, **options: _sketch(slug, **options), raising=False)
    exec(compile(code, name, "exec"), {"__name__": "__main__"})


def _sketch(slug: str, **options: object):  # type: ignore[no-untyped-def]
    from morphogen.atlas.study import study

    return study(slug, **{**options, "scale": "sketch"})  # type: ignore[arg-type]
