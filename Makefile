# Everything runs in .venv, made from requirements-dev.txt. `make up` and `make test` set up whatever is missing.
PYTHON ?= python3
MEMBERS ?=
RUNS ?= 1000000
SEED ?=
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# What contexts are made of is nobody's prose.
PROSE = $(shell git ls-files '*.md' ':!examples')

.PHONY: up tools down clean-fleet test test-unit test-contract test-model soak test-integration test-e2e test-faults check format generate requirements images bench-latency

up: $(STAMP) sandbox ## local fleet, `pulumi up` of the reference stack, a table of what runs
	$(BIN)/python -m fleet up $(if $(MEMBERS),--members $(MEMBERS))

tools: $(STAMP) ## the programs of the fleet and its tests, built where they are missing: up to half an hour once
	$(BIN)/python -m fleet tools

down: $(STAMP) ## ends exactly what `make up` started; state stays
	$(BIN)/python -m fleet down

clean-fleet: down ## and removes the fleet's state
	$(BIN)/python -m fleet clean

test: test-unit test-contract test-model test-integration test-e2e test-faults ## all tests

test-unit: $(STAMP)
	$(PYTEST) tests/unit

test-contract: $(STAMP)
	$(PYTEST) tests/contract

test-model: $(STAMP) ## the protocol simulated, and its mutants killed
	$(PYTEST) tests/model

soak: $(STAMP) ## a long simulation, from new seeds unless SEED is given; MUTANT=<name> switches one rule off
	$(BIN)/python -m tests.model.soak --runs $(RUNS) --jobs $(JOBS) $(if $(SEED),--seed $(SEED)) $(if $(MUTANT),--mutant $(MUTANT))

test-integration: $(STAMP) sandbox tools
	$(PYTEST) tests/integration

test-e2e: $(STAMP) sandbox tools
	$(PYTEST) tests/e2e

test-faults: $(STAMP) sandbox tools ## processes killed, networks cut, disks full, under load; ends with a table of figures
	$(PYTEST) tests/faults

check: $(STAMP) ## format, lint, types, import direction, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mdformat --check $(PROSE)
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m api --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mdformat $(PROSE)

generate: $(STAMP) ## crds/ and the components' arguments from api/
	$(BIN)/python -m api .

requirements: $(STAMP) ## pins, from pyproject.toml
	./requirements.sh $(BIN)/uv

images: ## container images, with buildah or docker
	images/build

bench-latency: $(STAMP)
	$(BIN)/python -m benchmarks.latency

.PHONY: sandbox
sandbox:
	@command -v bwrap >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; } \
	  || { echo "bubblewrap (bwrap) is missing: install the package 'bubblewrap'; it isolates the local fleet's pods"; exit 1; }

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python venv module is missing: install 'python3-venv'"; exit 1; }
	@echo "installing pinned requirements into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
