# Everything a developer types. `make` alone lists it.

# The first Python on this machine that is young enough; PYTHON=... names another.
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13; do \
	"$$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo "$$name" && exit; done; echo python3)
RUN := .venv/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test setup lint format types migrations check bench drill-kill drill-oversell drill-controls lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: .installed  ## Start the whole system with a local store; ARGS="--orders 60 --rate 20" feeds it
	@exec $(RUN) manage.py demo $(ARGS)

demo-reset: .installed  ## Remove all data of the demo
	@$(RUN) manage.py demo_reset

test: .installed-dev  ## Run the tests; ARGS="tests/runner -k port" runs some
	@env -u SWITCHYARD_STATE $(RUN) -m pytest $(ARGS)

setup: .installed-dev  ## Make .venv with everything for development

lint: .installed-dev  ## Check style
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

format: .installed-dev  ## Put style right
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

types: .installed-dev  ## Check types
	@$(RUN) -m mypy

migrations: .installed-dev  ## Check that every model change has its migration
	@$(RUN) manage.py check
	@$(RUN) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

check: lint types migrations test  ## Everything that must pass before a change is merged

bench: .installed  ## Measure, and write docs/BENCHMARKS.md
	@$(RUN) manage.py bench --page $(ARGS)

drill-kill: .installed  ## Kill one process after another under load; ARGS="--only web store" kills some
	@exec $(RUN) manage.py drill $(ARGS)

drill-oversell: .installed  ## Fight for few units while processes are killed; ARGS="--attempts 20000" is short
	@exec $(RUN) manage.py drill_oversell $(ARGS)

drill-controls: .installed-dev  ## Take one lock or condition away at a time: the tests have to fail
	@$(RUN) -m tests.controls $(ARGS)

lock:  ## Write the lock files anew from requirements.txt and requirements-dev.txt
	@$(PYTHON) -m venv build/uv && build/uv/bin/pip install --quiet uv==0.13.8
	@for name in requirements requirements-dev; do \
		{ echo "# Every package with its hashes, for Python 3.11 to 3.13. Made by \`make lock\`."; \
		build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --only-binary :all: $$name.txt; } > build/$$name.lock \
		&& mv build/$$name.lock $$name.lock || exit 1; done

clean:  ## Remove what was installed or cached; the data of the demo stays
	@rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.state/*' -prune -exec rm -rf {} +

.PHONY: .installed .installed-dev
.installed:
	@$(PYTHON) oms/runner/install.py requirements.lock

.installed-dev:
	@$(PYTHON) oms/runner/install.py requirements-dev.lock
