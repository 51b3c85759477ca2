# One command each; the plain commands behind them are in README.md.
#   make run    opens the app        make test    runs every check, browser included

SHELL  := /bin/bash
VENV   := .venv
PY     := $(VENV)/bin/python
# The first Python that is new enough; set PYTHON=/path/to/python3 to choose another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS   ?=
# Each process has an app of its own. A browser test often waits, so a third one finds room.
TWO    := --numprocesses 2
THREE  := --numprocesses 3

export GRADIO_ANALYTICS_ENABLED := False

.PHONY: help run test bench lint format types unit browser slow clean
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.run  ## open the app (make run ARGS="--port 8000")
	$(PY) app.py $(ARGS)

test: lint types unit browser  ## every check: style, types, unit tests, browser tests

lint: $(VENV)/.dev  ## style: ruff check and ruff format --check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev  ## type hints: mypy
	$(VENV)/bin/mypy

unit: $(VENV)/.dev node_modules/.axe  ## tests without a browser
	$(PY) -m pytest $(TWO) --dist worksteal tests --ignore=tests/browser $(ARGS)

browser: $(VENV)/.dev node_modules/.axe  ## tests in a real Chromium, a file's on one page
	$(PY) tests/chromium.py
	$(PY) -m pytest $(THREE) --dist loadfile tests/browser $(ARGS)

slow: $(VENV)/.dev node_modules/.axe  ## the long tests that `make test` leaves out
	$(PY) tests/chromium.py
	$(PY) -m pytest tests -m slow $(ARGS)

bench: $(VENV)/.run  ## measure speed as ratios (make bench ARGS=cnn)
	$(PY) -m dlcore bench $(ARGS)

format: $(VENV)/.dev  ## put the code into the one style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:  ## remove what was installed and cached here
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than the list it was installed from, so an edit of the list installs again.
$(PY):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed, and none was found."; \
		echo "Install it (python.org, brew install python, apt-get install python3 python3-venv)"; \
		echo "or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is older than Python 3.11, which is the oldest that works."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python cannot make a virtual environment; on Debian and Ubuntu:"; \
		echo "    apt-get update && apt-get install -y python3-venv"; exit 1; }

$(VENV)/.run: requirements.txt | $(PY)
	$(PY) -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt | $(PY)
	$(PY) -m pip install --quiet -r requirements-dev.txt
	@touch $(VENV)/.run $@

node_modules/.axe: package.json package-lock.json
	@command -v npm >/dev/null || { \
		echo "npm is needed: it brings axe-core, which checks that everybody can use the page."; \
		echo "Install Node.js (nodejs.org, brew install node, apt-get install npm) and try again."; \
		exit 1; }
	npm ci --silent --no-audit --no-fund
	@touch $@
