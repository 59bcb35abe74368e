# Everything there is to set up: Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= data
PORT ?= 8000
CRASHES ?= 200
PACKAGES := platform events workers calendars infra

.DEFAULT_GOAL := help
.PHONY: help up test check format crashes bench clean

help: ## What there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 is needed.")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev -e .
	touch $@

up: .venv/ready ## Run everything on this machine, with a demo city: http://127.0.0.1:8000
	$(BIN)/openyard up --data-dir $(DATA) --port $(PORT)

test: .venv/ready ## Run the whole suite, real servers included
	$(BIN)/python -m pytest

check: .venv/ready ## Lint, types, and the arrows between the packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

crashes: .venv/ready ## Crash everything under load, again and again (CRASHES=200: half an hour)
	OPENYARD_CRASHES=$(CRASHES) $(BIN)/python -m pytest -q tests/races/test_crash_matrix.py

bench: .venv/ready ## Measure booking and calendars beside their baselines (minutes)
	$(BIN)/openyard bench rush
	$(BIN)/openyard bench spread
	$(BIN)/openyard bench feed

clean: ## Forget the environment and the caches; data/ stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +
