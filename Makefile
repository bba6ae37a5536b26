# `make demo` and `make test` are the two to know. Each sets up first; that takes a moment when nothing changed.

# pip, pytest and the command print Norwegian, also where no locale is set.
export PYTHONUTF8 := 1

# The tests start hundreds of short processes; each would compile all of Koffert anew without its bytecode.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python

# Steps build on each other; -j gains nothing and mixes their output.
.NOTPARALLEL:

# The tests mostly wait for the processes that they start (docs/decisions/0004).
PYTEST := $(PYTHON) -m pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder

FAULTS ?= 5000
SEED ?= 1

.PHONY: help setup demo test test-all test-faults fuzz lint format bench sbom lock clean deb suitcase-image test-suitcase

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' Makefile

setup:  ## bring along everything that the others need
	@python3 scripts/setup.py

demo: setup  ## broker, hub and boxes with simulated devices, on this machine alone
	@.venv/bin/koffert demo

test: lint  ## what CI runs
	$(PYTEST)

test-all: test  ## also the slow tests, one after the other: some of them measure time
	$(PYTHON) -m pytest -m slow

test-faults: setup  ## boxes through FAULTS=5000 faults of SEED=1, every invariant looked at; an hour
	$(PYTHON) -m tests.faults --faults $(FAULTS) --seed $(SEED)

lint: setup  ## style, types and layers, of the web pages too; changes nothing
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

format:  ## put the code in the house's format
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

FUZZ_SECONDS ?= 300

fuzz: setup  ## coverage-guided fuzzing of every parser, FUZZ_SECONDS=300 each; over an hour
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r requirements/fuzz.txt
	$(PYTHON) -m tests.fuzz.guided --seconds $(FUZZ_SECONDS)

bench: setup  ## every benchmark, or one: make bench NAME=codec
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes -r requirements/bench.txt
	$(PYTHON) -m benchmarks $(NAME)

sbom: setup  ## what a box and a hub are made of, as CycloneDX in dist/; and the page of licences
	$(PYTHON) scripts/bill_of_materials.py

deb: setup  ## Debian packages of box and hub into dist/: make deb [ARCH=arm64]
	@$(PYTHON) scripts/deb.py $(if $(ARCH),--arch $(ARCH))

suitcase-image: setup  ## the box's disk image for QEMU into dist/suitcase/; as root
	@$(PYTHON) scripts/suitcase_image.py

test-suitcase: setup  ## boot the box's image under QEMU, and try it; as root, half an hour at most beside the image's own
	$(PYTHON) -m pytest -m slow -s -rs tests/suitcase

lock:  ## renew requirements/*.txt and package-lock.json from the public indexes
	$(PYTHON) scripts/lock.py

clean:  ## remove all that set-up and the tools wrote
	rm -rf .venv .cache node_modules hub/koffert_hub/static device_agent/koffert_agent/kiosk/static dist benchmarks/results
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
