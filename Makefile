# Two commands: `make run` shows the project at work, `make test` checks it. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint clean

run: .venv/.core
	$(BIN)/dcsim demo

test: .venv/.test
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow and not gpu"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

.venv/.core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e .
	touch $@

.venv/.test: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[test]'
	touch $@

.venv/.dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[dev]'
	touch $@

clean:
	rm -rf .venv runs build dist
