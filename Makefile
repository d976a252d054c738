# Verbs of the project; `make help` lists them. All that is needed: Python 3.11 or newer, make and a package index.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
# Python compiles a file when it is first imported; most of the libraries' 17,000 files never are.
INSTALL = $(PIP) install --no-compile --constraint constraints.txt --editable

# Two test workers with one thread each are faster than two that fight over the cores.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
# Without bytecode every process that a test starts compiles the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test quick kernel format lint type contracts cov bench docs wheel-test static check clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | awk -F': ' '{printf "make %-11s %s\n", $$1, $$2}'

demo: $(VENV)/.base ## install what users get; what a small shop's plan brings, and what a better one would bring
	$(BIN)/xbopt simulate quickstart
	$(BIN)/xbopt plan quickstart

# The tests of a file share a worker, so that what they share is made once.
PYTEST = $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

test: $(VENV)/.dev ## all tests
	$(PYTEST) $(ARGS)

quick: $(VENV)/.dev ## the tests without the slow, statistical, real-data and browser ones: within a minute
	$(PYTEST) -m "not (slow or statistical or realdata or browser)" --most-seconds 3 $(ARGS)

kernel: $(VENV)/.dev ## compile the day of the market beside its sources, warnings as errors
	XBOPT_BUILD_KERNEL=required $(BIN)/python setup.py --quiet build_ext --inplace

format: $(VENV)/.dev ## format the code and mend what can be mended safely
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: $(VENV)/.dev ## style, docstrings and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.dev ## strict types
	$(BIN)/basedpyright --pythonpath $(BIN)/python --warnings

contracts: $(VENV)/.dev ## who may import whom
	$(BIN)/lint-imports --no-cache --no-logo

cov: $(VENV)/.dev ## tests in one process, with a table of the lines that none of them ran
	$(BIN)/coverage run -m pytest -q $(ARGS)
	$(BIN)/coverage report --show-missing --skip-covered

bench: $(VENV)/.dev ## measurements, and one table of their bars: all, or ARGS="bench_step bench_ope_* --tiny --markdown bars.md"
	PYTHONPATH=. $(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.dev ## write docs/cli.md, docs/scenario.md and docs/api.md from the code itself
	$(BIN)/typer xbopt.cli.main utils docs --name xbopt --output $(VENV)/cli.md
	mv $(VENV)/cli.md docs/cli.md
	$(BIN)/python -m xbopt.core.scenario.reference > $(VENV)/scenario.md
	mv $(VENV)/scenario.md docs/scenario.md
	$(BIN)/python docs/write_api.py > $(VENV)/api.md
	mv $(VENV)/api.md docs/api.md

wheel-test: $(VENV)/.dev ## build, look inside, install in an empty place and run there
	$(BIN)/python tests/packaging/wheel_smoke.py

static: ## lint, type, contracts and wheel-test, side by side: the wheel's test waits for the network much of its time
	$(MAKE) --no-print-directory --jobs=$(JOBS) lint type contracts wheel-test

check: static ## everything that has to pass before a commit
	$(MAKE) --no-print-directory test

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) build dist htmlcov .coverage .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

# The stamps: an environment is made anew whenever the dependencies change, and left alone otherwise.
$(VENV)/.made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; '$(PYTHON)' is not. Name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.made
	$(INSTALL) .
	@touch $@

$(VENV)/.dev: $(VENV)/.made
	$(INSTALL) '.[dev]'
	@touch $(VENV)/.base $@
