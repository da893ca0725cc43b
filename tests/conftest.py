"""What every test needs: the folder of the shared test systems on the path, and results in a temporary place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def results_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("MORPHOGEN_RESULTS", str(tmp_path_factory.getbasetemp() / "morphogen-results"))
