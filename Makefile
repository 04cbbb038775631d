# Two commands matter: `make demo` and `make test`. `make check` is what CI runs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEV_READY := $(VENV)/dev-ready

# For commands that only read the settings, such as the type checker's Django plug-in. Nothing listens under these.
CHECK_SETTINGS := BLAMETRAIL_BASE_URL=http://localhost \
	BLAMETRAIL_SECRET_KEY=only-for-checks-xxxxxxxxxxxxxxxxxxxxxxxx \
	BLAMETRAIL_ENCRYPTION_KEYS=c1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= \
	BLAMETRAIL_DATA_DIR=$${TMPDIR:-/tmp} DJANGO_SETTINGS_MODULE=blametrail.settings

.PHONY: help demo test check lint types imports migrations format lock clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements/app.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/app.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

$(DEV_READY): $(READY) requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

demo: $(READY) ## Play the whole story on loopback and stay up (ONCE=1: stop after the story)
	$(BIN)/blametrail demo $(if $(ONCE),--once)

test: $(DEV_READY) ## All tests, on SQLite and, where it is found, PostgreSQL
	$(BIN)/python -m tests.run

check: lint types imports migrations test ## Exactly what CI runs

lint: $(DEV_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV_READY)
	$(CHECK_SETTINGS) $(BIN)/mypy

imports: $(DEV_READY)
	$(CHECK_SETTINGS) $(BIN)/lint-imports --no-cache

migrations: $(DEV_READY)
	$(CHECK_SETTINGS) $(BIN)/django-admin makemigrations --check --dry-run

format: $(DEV_READY) ## Put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(DEV_READY) ## Lock the dependencies anew, with hashes and without index addresses
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-header --allow-unsafe --strip-extras -o requirements/app.txt requirements/app.in
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-header --allow-unsafe --strip-extras -o requirements/dev.txt requirements/dev.in

clean: ## Remove what these commands made
	rm -rf $(VENV) var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
