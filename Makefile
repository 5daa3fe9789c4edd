# Every target makes the virtual environment it needs; only Python 3.11 or newer, make and a package index are assumed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
SEEDS  ?= 1000
MINUTES ?= 10
# Two workers more than cores, since tests with real processes wait; four at most: more wait for one another's disk.
JOBS   ?= $(shell $(PYTHON) -c 'import os; print(min(4, 2 + (os.cpu_count() or 1)))')
# Folders of tests lie in memory where there is plenty of it: they are made, flushed and removed ten thousand times.
MEMORY := $(shell $(PYTHON) -c 'import os; s = os.statvfs("/dev/shm"); print("/dev/shm" if s.f_bavail * s.f_frsize >> 32 and not s.f_flag & os.ST_NOEXEC else "")' 2>/dev/null)
PYTEST := $(if $(MEMORY),TMPDIR=$(MEMORY) )$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# Tests start hundreds of commands, each from the bytecode that the first one left.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv test test-peers check lint bench soak helm image pictures demo lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

venv: $(STAMP) ## make the virtual environment

$(STAMP): requirements/dev.txt requirements/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(install) || $(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# A fifth of pip's time. Where uv is not to be had, or does not reach the index that pip knows, pip does it after all.
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INDEX   = $${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}
install = index="$(INDEX)"; $(PIP) --require-hashes -r requirements/installer.txt && \
	UV_NATIVE_TLS=true $(BIN)/uv pip install --quiet --no-config --python $(BIN)/python $${index:+--default-index "$$index"} \
	--require-hashes -r requirements/dev.txt

test: $(STAMP) ## run the tests
	$(PYTEST)

test-peers: $(STAMP) ## destinations against real servers, built once from their modules (an hour the first time)
	ROTATOR_TEST_PEERS=1 $(BIN)/python -m pytest -v tests/peers

lint: $(STAMP) ## style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: $(STAMP) ## everything CI checks: lint and the tests, side by side
	@$(MAKE) --no-print-directory -j2 lint test

bench: $(STAMP) ## print the numbers of docs/benchmarks.md again
	$(BIN)/python -m tests.benchmarks

soak: $(STAMP) ## many simulated seeds, and nodes that are killed for long: make soak SEEDS=5000 MINUTES=10
	ROTATOR_SIMULATION_SEEDS=$(SEEDS) $(PYTEST) --timeout=0 tests/simulation
	ROTATOR_CLUSTER_MINUTES=$(MINUTES) $(BIN)/python -m pytest --timeout=0 -s tests/cluster/test_soak.py

helm: $(STAMP) ## build helm from its Go module, for the tests of the chart (minutes the first time)
	GOBIN=$(CURDIR)/$(BIN) go install -trimpath helm.sh/helm/v3/cmd/helm@v3.19.0

image: $(STAMP) ## replay the Dockerfile in environments of its own, and add up what the image holds
	ROTATOR_TEST_IMAGE=1 $(BIN)/python -m pytest tests/deploy/test_container.py

pictures: $(STAMP) ## take the pictures of README and docs anew, by the tests in Chromium
	ROTATOR_PICTURES=1 $(BIN)/python -m pytest tests/browser/test_demo.py tests/browser/test_whole_way.py

demo: $(STAMP) ## the whole product in one command, against a simulated tenant
	$(BIN)/rotator demo

lock: $(STAMP) ## resolve the requirements again, with hashes and without addresses
	$(call resolve,pyproject.toml --extra all) --output-file requirements/runtime.txt
	$(call resolve,pyproject.toml --extra dev) --constraints requirements/runtime.txt --output-file requirements/dev.txt
	$(call resolve,--group pyproject.toml:build) --constraints requirements/dev.txt --output-file requirements/build.txt
	$(call resolve,--group pyproject.toml:installer) --constraints requirements/dev.txt --output-file requirements/installer.txt

# Universal: the same pins, and the hashes of every wheel and source archive, for each platform and Python from 3.11.
resolve = env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --no-config $(1)

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .venv-tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
