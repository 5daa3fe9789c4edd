# Every target makes the virtual environment it needs; only Python 3.11 or newer, make and a package index are assumed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
SEEDS  ?= 1000
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help venv test check lint bench soak demo lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

venv: $(STAMP) ## make the virtual environment

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(STAMP) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## everything CI checks: lint, then the tests

bench: $(STAMP) ## print the numbers of docs/benchmarks.md again
	$(BIN)/python -m tests.benchmarks

soak: $(STAMP) ## many simulated seeds: make soak SEEDS=5000
	ROTATOR_SIMULATION_SEEDS=$(SEEDS) $(BIN)/python -m pytest -n $(JOBS) --timeout=0 tests/simulation

demo: $(STAMP) ## the whole product in one command, against a simulated tenant
	$(BIN)/rotator demo

lock: $(STAMP) ## resolve the requirements again, with hashes
	$(call compile,--extra all,runtime.txt,)
	$(call compile,--extra dev,dev.txt,--constraints requirements/runtime.txt)

compile = env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade \
	pyproject.toml $(1) $(3) --output-file requirements/$(2)

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
