# Everything a developer or a newcomer runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help setup run test test-long test-cluster bench lint format typecheck imports protos proto-lint smoke check requirements k8s-check clean

CLUSTER_TESTS := tests/cluster tests/contracts tests/integration tests/e2e

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sluice needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with make PYTHON=python3.12 …")'
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# Installed from pinned, hashed requirements; again only when they change.
$(VENV)/.installed: requirements/main.txt requirements/dev.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing the pinned requirements (a minute the first time)"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/main.txt -r requirements/dev.txt
	@mkdir -p gen
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.installed ## create .venv, install, generate code from proto/
	@$(BIN)/python proto/generate.py

run: setup ## start everything on the embedded servers with demo data
	@exec $(BIN)/sluice up

test: setup ## unit, contract, integration and end-to-end tests on the embedded servers
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not long"

test-long: setup ## the property tests with many more steps: a million through the feeds, an hour on one core, the rest beside it
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q -n 2 --dist loadfile --timeout 7200

# Elasticsearch comes without its analysis modules here; what stems is tested on the embedded server.
test-cluster: setup ## contract, integration and end-to-end tests on Apache Kafka and Elasticsearch (needs a JDK 21 and Maven)
	@$(BIN)/python -m tests.cluster -q -n 2 --dist loadfile $(CLUSTER_TESTS)

bench: setup ## every figure beside its ceiling (20 minutes; QUICK=1: 5); rows with servers need a JDK 21 and Maven
	@$(BIN)/sluice bench $(if $(QUICK),--quick)

smoke: setup ## a fresh stack, 2,000 activities through all channels, restarts, and a count of what was lost
	@$(BIN)/python -m tests.smoke

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## let ruff and buf write the format
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format -q .
	@$(BIN)/buf format -w proto

typecheck: setup ## mypy, strict
	@$(BIN)/mypy

imports: setup ## who may import whom
	@$(BIN)/lint-imports

proto-lint: setup ## buf: lint and format of proto/
	@$(BIN)/buf lint gen/sluice.binpb --config proto/buf.yaml
	@$(BIN)/buf format --diff --exit-code proto

k8s-check: setup ## render deploy/k8s and check it against the Kubernetes schemas
	@$(BIN)/python deploy/k8s/check.py

check: lint typecheck imports proto-lint ## all static checks

requirements: setup ## pin requirements/*.in again, with hashes
	@cd requirements && for name in main dev; do env -u PIP_FIND_LINKS ../$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" $$name.in -o $$name.txt; done

clean: ## remove what was built; data in .sluice stays
	@rm -rf $(VENV) gen .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
