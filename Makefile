# OnCue. Each target works alone on a fresh machine with Python >= 3.11 (with venv), git and make.
# Everything is installed into .venv, from the hash-locked files in requirements/.

PYTHON ?= python3
PORT ?= 8480
HOST ?= 127.0.0.1
DATA ?= ./oncue-data
PYTEST_ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
CONSOLE_BUILD := src/oncue/console_build/index.html
CONSOLE_SOURCES := $(shell find console \( -name node_modules -o -name dist -o -name .vite \) -prune -o -type f -print 2>/dev/null)

# Where the environment forbids bytecode, as many container images do, each of hundreds of processes would compile our sources anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help build run test check check-python check-console check-types format bench bench-correlation bench-storm bench-workflows profile soak wheel console-dev console lock clean
.DELETE_ON_ERROR:

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: $(VENV)/.project console ## Prepare everything that running needs: .venv/bin/oncue and the console

run: build ## Start OnCue at http://HOST:PORT with its state in DATA
	exec $(BIN)/oncue up --data $(DATA) --host $(HOST) --port $(PORT) --first-start-apply examples/starter

test: build $(VENV)/.dev ## Install what the tests need, and run them all
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: check-types check-python check-console ## Format, lint, strict types, import contracts, console

check-python: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-types: console/node_modules/.package-lock.json
	cd console && ../.ci/with-node npm run --silent typecheck

check-console: console/node_modules/.package-lock.json
	cd console && ../.ci/with-node npm run --silent lint
	cd console && ../.ci/with-node npm run --silent test

format: $(VENV)/.dev ## Put the sources into their one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: build $(VENV)/.dev ## Measure side by side with Alertmanager and ansible-rulebook; writes docs/explanation/benchmark.md
	$(BIN)/python -m bench

bench-storm: build $(VENV)/.dev ## 100,000 alerts over 50,000 resources on a real server, and how fast the incident is shown meanwhile
	$(BIN)/python -m bench.storm

bench-workflows: build $(VENV)/.dev ## How fast runs of workflows go, beside DBOS, and what waiting ones cost; writes docs/explanation/workflow-speed.md
	$(BIN)/python -m bench.workflows

bench-correlation: $(VENV)/.dev ## How well alerts are grouped, against the truth; writes docs/explanation/grouping.md
	$(BIN)/python -m bench.correlation

profile: build $(VENV)/.dev ## Where each microsecond of an event goes; writes docs/explanation/event-path.md
	$(BIN)/python -m bench.path

soak: build $(VENV)/.dev ## For an hour or two: kills under load, faults that last, 10,000 seeds, 100,000 alerts
	$(BIN)/pytest -m soak -s --timeout 3600 tests/soak tests/browser $(PYTEST_ARGS)

wheel: $(VENV)/.project console ## Build dist/*.whl with the console inside
	rm -rf dist
	$(UV) build --wheel --no-build-isolation --out-dir dist .

console-dev: $(VENV)/.project console/node_modules/.package-lock.json ## Serve the console with hot reload, beside a running server
	cd console && ../.ci/with-node npm run dev

lock: $(VENV)/.bootstrap ## Resolve the requirement files anew
	for group in bootstrap node; do \
	  $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --group pyproject.toml:$$group -q -o requirements/$$group.txt; \
	done
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" -q -c requirements/bootstrap.txt --extra pdf \
	  -o requirements/run.txt pyproject.toml
	$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" -q -c requirements/run.txt -c requirements/bootstrap.txt \
	  --group pyproject.toml:dev -o requirements/dev.txt pyproject.toml

clean: ## Remove what was built and installed; leaves DATA alone
	rm -rf $(VENV) .tools dist console/node_modules src/oncue/console_build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --- Python

$(VENV)/.bootstrap: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "OnCue needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.bootstrap
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.run
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.project
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# --- Console: rebuilt only when its sources changed

console: $(CONSOLE_BUILD)

console/node_modules/.package-lock.json: console/package.json console/package-lock.json | $(VENV)/.bootstrap
	cd console && ../.ci/with-node npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(CONSOLE_BUILD): $(CONSOLE_SOURCES) | console/node_modules/.package-lock.json
	cd console && ../.ci/with-node npm run --silent build
	@touch $@
