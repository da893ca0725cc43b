"""The house plan holds: imports go down only, every module says what it is, no file outgrows its idea."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "src" / "morphogen").rglob("*.py"))


def test_imports_go_down_only() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or "lint-imports"
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT / "src" / "morphogen")))
def test_a_file_says_what_it_is_and_holds_one_idea(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "every module starts with a docstring"
    assert len(file.read_text().splitlines()) <= 450, "a file holds one idea"
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, "no bare except"
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if public and node in tree.body and "atlas" not in file.parts:
            assert ast.get_docstring(node), f"{node.name} is public and has no docstring"
