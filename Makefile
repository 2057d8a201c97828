# Targets for people and for pipelines. Everything is installed below this folder: .tools/ (uv) and .venv/.
.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage mutants verify chaos taskcat runbooks rain lint format artifact docs clean
SHELL := /bin/sh

UV_VERSION := 0.13.9
UV := .tools/bin/uv
RUN := $(UV) run --frozen
export PYTHONDONTWRITEBYTECODE := 1
unexport VIRTUAL_ENV

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.made ## Install what the project needs (uv, the Python environment)

demo: .venv/.made ## Run the whole system on this machine and send a few orders through it (KEEP=1 leaves it running)
	$(RUN) notify demo $(if $(KEEP),--keep)

test: .venv/.made ## Unit, model, template, functional and end-to-end tests
	$(RUN) pytest -n 3 --dist loadfile

coverage: .venv/.made ## Every line and branch of functions/ is run by unit and functional tests
	$(RUN) pytest -n 3 --dist loadfile tests/unit tests/functional --cov

mutants: .venv/.made ## Put known bugs into the functions, one at a time: fast tests must notice each (ONLY=part of a name)
	$(RUN) python -m tests.mutants $(if $(ONLY),--only "$(ONLY)")

verify: lint test coverage mutants runbooks ## The complete check: lint, test, coverage, mutants, runbooks, chaos, two regions, rain
	$(MAKE) chaos
	$(MAKE) taskcat TESTS=root REGIONS=us-east-1,eu-west-1
	$(RUN) python -m ci.rain --optional

chaos: .venv/.made ## Faults of all kinds on ORDERS orders (default 2000): nothing may be lost or sent twice
	$(RUN) python -m tests.chaos --orders $(or $(ORDERS),2000) $(if $(SEED),--seed $(SEED))

taskcat: .venv/.made ## Deploy in several regions and send mail in each (TARGET=aws: in your account; TESTS=… REGIONS=… CLEAN=1)
	$(RUN) python -m ci.taskcat --target $(or $(TARGET),emulator) $(if $(TESTS),--tests $(TESTS)) \
	  $(if $(REGIONS),--regions $(REGIONS)) $(if $(CLEAN),--delete-retained)

runbooks: .venv/.made ## Execute every runbook on the emulator, in the situation that it is about
	$(RUN) pytest -n 2 --dist loadfile tests/runbooks

rain: .venv/.made ## Run every rain command of docs/deployment.md on the emulator (builds the pinned rain once)
	$(RUN) python -m ci.rain

lint: .venv/.made ## Static checks of code and templates
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) cfn-lint

format: .venv/.made ## Format the code
	$(RUN) ruff check --fix
	$(RUN) ruff format

artifact: .venv/.made ## Build what is deployed to AWS, into build/
	$(RUN) python -m ops.release

docs: .venv/.made ## Render the pages that are made from code
	$(RUN) python -m ci.failure_table
	$(RUN) python -m ci.cost_page

clean: ## Remove what was built and installed here
	rm -rf .venv .tools build .local .coverage

$(UV):
	python3 -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.made: $(UV) pyproject.toml uv.lock ci/find-python
	$(UV) venv --quiet --allow-existing --python "$$(ci/find-python $(UV))"
	$(UV) sync --quiet --frozen
	@touch $@
