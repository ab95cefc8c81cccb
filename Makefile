# `make run` installs Marsam and opens the Studio; `make test` runs the tests.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
# --no-compile saves time: most installed modules are never imported. Python compiles and caches a
# module on its first import, for which the shell must not set PYTHONDONTWRITEBYTECODE.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
# Exact versions, the same everywhere; `make lock` renews them.
LOCKED := $(INSTALL) --constraint locks/check.txt
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check types test-mini test-browser test-service test-cluster test-others test-full
.PHONY: stress bench bench-families bench-gpu bench-recipes bench-studio bench-folder
.PHONY: bench-documents prove train evaluate docs film notebook dist lock audit clean

run: $(VENV)/.run
	$(BIN)/marsam studio --port $(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# Group the output of parallel targets, if make supports it (the one of macOS is too old).
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(MAKE) --jobs=3 $(SYNC) $(SLOW_TESTS) test-others types

types: $(VENV)/.dev
	$(BIN)/mypy

# Groups of tests, of which `make check` runs three in parallel, the longest first: each waits a third
# of its time for browsers, servers and worker processes.
SLOW_TESTS := test-mini test-browser test-service test-cluster

# The service tests wait most of their time, for servers that start and stop.
test-service: PROCESSES := --numprocesses 2

$(SLOW_TESTS): $(VENV)/.dev
	$(BIN)/python -m pytest $(@:test-%=tests/%) $(PROCESSES)

test-others: $(VENV)/.dev
	$(BIN)/python -m pytest $(SLOW_TESTS:test-%=--ignore=tests/%)

# Tests of the full-size architectures with random weights: eight minutes once the weights exist, and
# as much memory as generating an image.
test-full: $(VENV)/.dev
	MARSAM_FULL=1 $(BIN)/python -m pytest tests/full

# Long versions of the tests of the service, batches and documents, whose figures are in
# docs/guarantees.md, and the browser tests in both languages.
stress: $(VENV)/.dev
	MARSAM_STRESS=1 $(BIN)/python -m pytest tests/service tests/documents tests/mini/test_batch.py tests/browser

# Marsam, the baseline (the original code) and other programs with full-size models: one hour, 20 GB
# of memory and 10 GB of disk. Compiles stable-diffusion.cpp; without a C++ compiler its row is missing.
bench: $(VENV)/.dev
	$(LOCKED) --editable '.[bench]'
	-$(INSTALL) 'stable-diffusion-cpp-python>=0.4'
	$(BIN)/python -m benchmarks.full_size

# Today's models at full size with random weights: half an hour and 35 GB of disk.
bench-families: $(VENV)/.dev
	$(BIN)/python -m benchmarks.families

# A GPU: checks with tiny models, seconds and memory at full size; at most eight minutes.
bench-gpu: $(VENV)/.dev
	$(BIN)/python -m benchmarks.gpu

# Image quality of the presets (recipes), measured with the trained mini painter.
bench-recipes: $(VENV)/.train
	$(BIN)/python -m benchmarks.recipes

# Waiting times in the Studio, measured in a real browser.
bench-studio: $(VENV)/.dev
	$(BIN)/python -m benchmarks.studio

# `marsam batch` compared with a simple loop, with the mini set.
bench-folder: $(VENV)/.dev
	$(BIN)/python -m benchmarks.folder

# Alt texts of 2,000 pages with 5,000 images, killed once on the way; with the mini set.
bench-documents: $(VENV)/.dev
	$(BIN)/python -m benchmarks.documents

# Download a model set and compare what it does with known answers; the report is in build/prove-SET.
SET ?= standard
prove: $(VENV)/.dev
	$(BIN)/python -m tools.prove '$(SET)'

# Train the mini set: several hours; resumes after an interruption.
train: $(VENV)/.train
	$(BIN)/python -m training.export
	$(BIN)/python -m training.novelty
	$(BIN)/python tools/pin.py mini
	$(BIN)/python -m training.example
	$(BIN)/python -m training.evaluate
	$(BIN)/python -m training.model_card

evaluate: $(VENV)/.train
	$(BIN)/python -m training.evaluate
	$(BIN)/python -m training.model_card

# Build the documentation in build/docs; warnings are errors.
docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -b html -E -W --keep-going -n -q docs build/docs

# Record the film and the screenshots of the Studio in the documentation; needs Chromium.
film: $(VENV)/.dev
	$(BIN)/python -m tools.film

# Execute the notebook and save its outputs.
notebook: $(VENV)/.dev
	$(BIN)/python -m examples.refresh

# Build the sdist and the wheel, check their content, and test the wheel in a clean environment.
dist: $(VENV)/.dev
	$(BIN)/python -m tools.release --tag '$(TAG)'

# Write the exact versions of locks/ and requirements.txt; UPGRADE=--upgrade takes the newest.
lock: $(VENV)/.dev
	$(INSTALL) 'uv>=0.11'
	$(BIN)/python -m tools.lock $(UPGRADE)

# Look the locked versions up in PyPI's list of vulnerabilities. A version without an answer, as behind
# a mirror that lacks the list, is an error, not a success.
audit: $(VENV)/.dev
	$(LOCKED) 'pip-audit>=2.9'
	$(BIN)/pip-audit --strict --disable-pip --no-deps --progress-spinner=off --requirement locks/check.txt \
	    || { echo "make audit: a vulnerability, or no answer from PyPI; see above." >&2; exit 1; }

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml locks/check.txt | $(VENV)/bin/pip
	$(LOCKED) --editable .
	touch $@

# This installation includes everything that `make run` needs.
$(VENV)/.dev: pyproject.toml locks/check.txt | $(VENV)/bin/pip
	$(LOCKED) --editable '.[dev]'
	touch $(VENV)/.run $@

$(VENV)/.train: $(VENV)/.run
	$(LOCKED) --editable '.[train]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
