# Two commands on a fresh machine: `make demo` and `make test`. Both set up a virtual environment in .venv.
# They work from any folder (`make -C path demo`) and can be repeated.

ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
PYTHON ?= python3
VENV := $(ROOT).venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
export PYTHONHASHSEED ?= random

.PHONY: help demo test test-fast fuzz check bench docs dev train clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(READY): $(ROOT)pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("spcc needs Python 3.11 or later (set PYTHON=...)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e "$(ROOT)[dev]"
	mkdir -p $(ROOT).links && ln -sfn .. $(ROOT).links/spcc
	touch $(READY)

dev: $(READY)  ## set up the environment in .venv

demo: $(READY)  ## compile, run and check the model that ships, on SPOTS
	cd $(ROOT) && $(BIN)/spcc --target spots

test: $(READY)  ## all tests
	cd $(ROOT) && $(BIN)/python -m pytest -n $(WORKERS)

test-fast: $(READY)  ## the tests that take less than two minutes in all
	cd $(ROOT) && $(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

fuzz: $(READY)  ## the properties with new random examples
	cd $(ROOT) && $(BIN)/python -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=explore

check: $(READY)  ## format, lint and types
	cd $(ROOT) && $(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/pyright

docs: $(READY)  ## generate docs/isa and docs/supported-ops
	cd $(ROOT) && $(BIN)/python -m spcc.tools.docs

bench: $(READY)  ## measure against onnxruntime on this machine
	cd $(ROOT) && $(BIN)/python bench/run.py

train: $(READY)  ## train and prune the model that ships again (PyTorch)
	$(BIN)/python -m pip install --quiet -e "$(ROOT)[dev,train]"
	cd $(ROOT) && $(BIN)/python -m spcc.models.digits.train --out models/digits

clean:  ## remove the environment and outputs
	rm -rf $(VENV) $(ROOT).links $(ROOT)spcc-out
