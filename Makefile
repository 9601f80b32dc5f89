.DEFAULT_GOAL := help
PYTHON ?= python3
UV := .venv/bin/uv
UV_VERSION := 0.13.8

.PHONY: help setup run test check sdk bench torture fuzz docs

help:  ## Show these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## Install everything into .venv (leaves .venv/bin/vinr)

.venv/.ready: pyproject.toml sdk/python/pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; choose it with make PYTHON=…"; exit 1; }
	@echo "Installing into .venv; the first time this takes a minute or two."
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv does not work here; on Debian: apt install python3-venv"; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --frozen --quiet --inexact --compile-bytecode
	@.venv/bin/python -m compileall -q src sdk/python/src
	@touch $@

run: setup  ## Start the sandbox: embedded PostgreSQL, API and worker
	@.venv/bin/vinr dev

test: setup  ## Run the tests and the short form of the bench (about 13 minutes on 2 cores)
	@.venv/bin/pytest -n 2 --dist loadfile
	@.venv/bin/python -m bench --short

check: setup  ## Check lint, types, import rules and sizes
	@.venv/bin/ruff check src sdk docsite tests bench
	@.venv/bin/ruff format --check --quiet src sdk docsite tests bench
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache

sdk: setup  ## Regenerate the generated parts of the SDKs and the docs
	@.venv/bin/python -m sdk.generate
	@.venv/bin/python -m docsite

docs: setup  ## Build the documentation into build/docs
	@.venv/bin/python -m docsite build

bench: setup  ## Measure speed against pgbench and other engines (half an hour; OPTIONS="award --rounds 1")
	@.venv/bin/python -m bench $(OPTIONS)

torture: setup  ## Run planted bugs, thousands of clients, kills and webhooks, then property and race tests (about an hour)
	@.venv/bin/python tests/mutants
	@.venv/bin/python tests/torture
	@VINR_PROPERTY_SCALE=30 .venv/bin/pytest -n 2 --dist loadfile tests/properties tests/core
	@VINR_PROPERTY_SCALE=10 .venv/bin/pytest -n 2 --dist loadfile tests/engine tests/api/test_races.py

fuzz: setup  ## Run schemathesis against a server: 50,000 cases, about 9 minutes (OPTIONS="--cases 5000 --seed 1")
	@.venv/bin/python tests/fuzz $(OPTIONS)
