# Two commands do everything: `make study` and `make test`. Both set themselves up in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE ?= self-sorting-splats
EXTRAS := --extra dev --extra bench --extra docs

.PHONY: setup study test check lint types docs benchmarks clean

$(VENV)/ready: pyproject.toml uv.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "morphogen needs Python 3.11 or newer: set PYTHON=, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "uv>=0.9"
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact --python $(BIN)/python $(EXTRAS)
	touch $@

setup: $(VENV)/ready

study: setup
	$(BIN)/morphogen study $(PAGE)

test: setup lint types
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report term:skip-covered

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/mkdocs build --strict

benchmarks: setup
	for file in benchmarks/[a-z]*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis
