# `make run` installs Marsam and opens the Studio; `make test` runs the tests.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
# --no-compile saves time: most installed modules are never imported. Python compiles and caches a
# module on its first import, for which the shell must not set PYTHONDONTWRITEBYTECODE.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check types test-mini test-browser test-service test-cluster test-others test-full
.PHONY: stress bench bench-recipes bench-studio bench-folder
.PHONY: train evaluate docs film notebook dist clean

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

$(SLOW_TESTS): $(VENV)/.dev
	$(BIN)/python -m pytest $(@:test-%=tests/%)

test-others: $(VENV)/.dev
	$(BIN)/python -m pytest $(SLOW_TESTS:test-%=--ignore=tests/%)

# Tests of the full-size architectures with random weights: five minutes once the weights exist, and
# as much memory as generating an image.
test-full: $(VENV)/.dev
	MARSAM_FULL=1 $(BIN)/python -m pytest tests/full

# Long versions of the service and batch tests, whose figures are in docs/guarantees.md, and the
# browser tests in both languages.
stress: $(VENV)/.dev
	MARSAM_STRESS=1 $(BIN)/python -m pytest tests/service tests/mini/test_batch.py tests/browser

# Marsam, the baseline (the original code) and other programs with full-size models: one hour, 20 GB
# of memory and 10 GB of disk. Compiles stable-diffusion.cpp; without a C++ compiler its row is missing.
bench: $(VENV)/.dev
	$(INSTALL) --editable '.[bench]'
	-$(INSTALL) 'stable-diffusion-cpp-python>=0.4'
	$(BIN)/python -m benchmarks.full_size

# Image quality of the presets (recipes), measured with the trained mini painter.
bench-recipes: $(VENV)/.train
	$(BIN)/python -m benchmarks.recipes

# Waiting times in the Studio, measured in a real browser.
bench-studio: $(VENV)/.dev
	$(BIN)/python -m benchmarks.studio

# `marsam batch` compared with a simple loop, with the mini set.
bench-folder: $(VENV)/.dev
	$(BIN)/python -m benchmarks.folder

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

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/pip
	$(INSTALL) --editable .
	touch $@

# This installation includes everything that `make run` needs.
$(VENV)/.dev: pyproject.toml | $(VENV)/bin/pip
	$(INSTALL) --editable '.[dev]'
	touch $(VENV)/.run $@

$(VENV)/.train: $(VENV)/.run
	$(INSTALL) --editable '.[train]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
