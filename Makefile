# Everything a person needs: `make demo`, `make test`. Python 3.11 or newer is all they ask for.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n auto
# The pinned versions are complete, so nothing is left for pip to resolve.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps
UV := --universal --generate-hashes --python-version 3.11 --no-header --no-annotate --quiet

.PHONY: help demo test faults fuzz lint types coverage docs lock clean

help:
	@echo "make demo      sync an invented company's Slack, mail and tickets, and search them"
	@echo "make test      run the tests"
	@echo "make faults    break every promise on purpose, at length"
	@echo "make fuzz      give every reader of others' content 100,000 made-up inputs"
	@echo "make coverage  run them and fail where less than 90 % of the code is run"
	@echo "make lint      check style and format"
	@echo "make types     check types"
	@echo "make docs      write the generated parts of the documentation again"
	@echo "make lock      resolve the pinned versions again (needs uv)"
	@echo "make clean     remove environments, caches and the demo's data"

demo: $(VENV)/.runtime
	@$(BIN)/python -m flows.demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

faults: $(VENV)/.dev
	FAULTS=full $(BIN)/python -m pytest -m faults $(PYTEST_ARGS)

# Atheris is no dependency: it lies in a folder of its own, and has wheels for Linux only.
FUZZ_RUNS ?= 100000
fuzz: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/fuzz "atheris==3.0.*"
	PYTHONPATH=.:$(VENV)/fuzz $(BIN)/python -m tests.fuzz.guided --runs $(FUZZ_RUNS)

coverage: $(VENV)/.dev
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90 $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python -m docs.generate

lock:
	uv pip compile $(UV) --extra all pyproject.toml --output-file requirements/runtime.txt
	uv pip compile $(UV) --extra dev --constraint requirements/runtime.txt pyproject.toml \
		--output-file requirements/dev.txt

clean:
	rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# A marker file remembers which pinned versions an environment holds.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements/runtime.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-build-isolation --editable .
	@touch $@ $(VENV)/.runtime
