# Two commands matter: `make run` opens the studio, `make test` runs the tests.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
# Most modules that are installed are never imported: each is compiled when it first is, and kept so,
# whatever a shell says.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check types test-half test-rest test-full stress bench bench-recipes bench-studio bench-folder
.PHONY: train evaluate docs film notebook dist clean

run: $(VENV)/.run
	$(BIN)/marsam studio --port $(PORT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# What runs at once is shown one after the other, where make can do that (macOS has an old one).
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --jobs=3 $(SYNC) types test-half test-rest

types: $(VENV)/.dev
	$(BIN)/mypy

# The tests in two halves, for `make check` to run at once: each waits for pages, servers and
# machines of its own about half of the time.
HALF := tests/browser tests/cluster tests/hub tests/unit

test-half: $(VENV)/.dev
	$(BIN)/python -m pytest $(HALF)

test-rest: $(VENV)/.dev
	$(BIN)/python -m pytest $(HALF:%=--ignore=%)

# The full-size architectures with random weights; five minutes once these are
# built, and as much memory as painting takes.
test-full: $(VENV)/.dev
	MARSAM_FULL=1 $(BIN)/python -m pytest tests/full

# The tests of the service and of batches in their long forms, as docs/guarantees.md quotes them,
# and those of the page in both languages throughout.
stress: $(VENV)/.dev
	MARSAM_STRESS=1 $(BIN)/python -m pytest tests/service tests/mini/test_batch.py tests/browser

# Ours, the seed's way and peers at full size; an hour, 20 GB of memory and 10 GB of disk.
# stable-diffusion.cpp is compiled for it; where there is no C++ compiler, its row is left out.
bench: $(VENV)/.dev
	$(INSTALL) --editable '.[bench]'
	-$(INSTALL) 'stable-diffusion-cpp-python>=0.4'
	$(BIN)/python -m benchmarks.yardstick

# What the recipes cost in quality, on the trained mini painter.
bench-recipes: $(VENV)/.train
	$(BIN)/python -m benchmarks.recipes

# How long a reader of the studio waits, in a real browser.
bench-studio: $(VENV)/.dev
	$(BIN)/python -m benchmarks.studio

# A folder described by `marsam batch` and by a plain loop, with the mini set.
bench-folder: $(VENV)/.dev
	$(BIN)/python -m benchmarks.folder

# Rebuilds the mini set: hours of computing, resumed where it stopped.
train: $(VENV)/.train
	$(BIN)/python -m training.export
	$(BIN)/python tools/pin.py mini
	$(BIN)/python -m training.example
	$(BIN)/python -m training.evaluate
	$(BIN)/python -m training.card

evaluate: $(VENV)/.train
	$(BIN)/python -m training.evaluate
	$(BIN)/python -m training.card

# The documentation, in build/docs; every warning is an error.
docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -b html -E -W --keep-going -n -q docs build/docs

# The walk-through, filmed in the real studio; needs Chromium.
film: $(VENV)/.dev
	$(BIN)/python -m tools.film

# The notebook's outputs, made again.
notebook: $(VENV)/.dev
	$(BIN)/python -m examples.refresh

# The wheel and the sdist, looked into, installed in a clean environment, and at work there.
dist: $(VENV)/.dev
	$(BIN)/python -m tools.release --tag '$(TAG)'

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/pip
	$(INSTALL) --editable .
	touch $@

# What is here is also all that `make run` needs: one installation, not two.
$(VENV)/.dev: pyproject.toml | $(VENV)/bin/pip
	$(INSTALL) --editable '.[dev]'
	touch $(VENV)/.run $@

$(VENV)/.train: $(VENV)/.run
	$(INSTALL) --editable '.[train]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
