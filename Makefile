# make app    install what the app needs and serve it at http://localhost:8501
# make check  install what the checks need and run the quick ones: two minutes on two cores
# make test   run all of them: also those in a browser, with worker processes and on real screens
# make pictures   take the documentation's pictures anew, from the app as it is
# make docs   build the documentation as a site in docs/_build/html; a warning is an error
#
# make matrix run the quick tests with every Python here, and the oldest and newest libraries
# make lock   write the exact versions that the checks ran with to requirements*.lock
#
# PYTHON=python3.12    the Python (3.11 or newer) to build the environment with
# PORT=8600            where to serve
# PIP_ARGS="…"         further arguments of pip install
# PYTEST_ARGS="…"      further arguments of pytest
# NOX_ARGS="…"         further arguments of nox: -s oldest, say
# LOCKED=1             install what requirements-dev.linux.lock has, file by file (Python 3.11)

PORT ?= 8501
VENV := .venv
RUN := $(VENV)/bin/python

# A finished install leaves a mark named after the content of the requirement files: the next run
# asks pip, and the network, only when that content has changed.
APP := $(VENV)/.installed-$(shell cat requirements.txt | cksum | cut -d' ' -f1)
CHECKS := $(if $(LOCKED),requirements-dev.linux.lock,requirements-dev.txt)
DEV := $(APP)-$(shell cat $(CHECKS) requirements-docs.txt | cksum | cut -d' ' -f1)
# Lies there while pip works. Found at the start of a run, pip was killed half-way.
HALF := $(VENV)/.installing

# Whole files go to three processes, those in a browser to one of them: on two cores, for one of them
# often waits. None of the quick ones does: they go to two.
PYTEST := $(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# Where bytecode is turned off, every process would compile llmpert and its tests anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help app check test docs pictures checks-installed lint format bench matrix lock clean environment

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile
	@echo "make lint, make format, make bench, make clean"

app: environment
	@test -e $(APP) || $(MAKE) --no-print-directory install REQUIREMENTS=requirements.txt MARKS="$(APP)"
	$(RUN) -m llmpert serve --port $(PORT)

checks-installed: environment
	@test -e $(DEV) || $(MAKE) --no-print-directory install REQUIREMENTS=$(CHECKS) MARKS="$(APP) $(DEV)"

check: QUICK = -n 2 -m "not browser and not processes and not real" --hypothesis-profile quick

# Linters use one core; types take half a minute of it when mypy has no cache.
check test: checks-installed
	@$(MAKE) --no-print-directory lint & lint=$$!; \
	$(PYTEST) $(QUICK) $(PYTEST_ARGS); tests=$$?; \
	wait $$lint || { echo "Error: make lint failed; what it said stands above." >&2; exit 1; }; \
	exit $$tests

# All pages anew, as links into a page are checked where the page with the link is read.
docs: checks-installed
	$(RUN) -m sphinx --fail-on-warning --fresh-env --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

pictures: checks-installed
	$(RUN) -m docs.take_pictures

lint: checks-installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) $(VENV)/bin/lint-imports

format: checks-installed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: checks-installed
	$(RUN) -m benchmarks.gp
	$(RUN) -m benchmarks.app

# Where PyPI's torch would bring CUDA along: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
matrix: checks-installed
	$(RUN) -m nox $(NOX_ARGS)
	@echo "What was skipped is unverified: this machine lacks it."

lock: checks-installed
	$(RUN) .ci/lock.py

clean:
	rm -rf $(VENV) .nox docs/_build .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A working Python of 3.11 or newer, with pip, in $(VENV).
environment:
	@set -e; \
	new='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if test ! -e $(HALF) && $(RUN) -c "$$new" 2>/dev/null && \
		{ $(RUN) -m pip --version || $(RUN) -m ensurepip; } >/dev/null 2>&1; \
	then exit 0; fi; \
	python=; \
	for candidate in $(or $(PYTHON),python3.11 python3 python3.12 python3.13 python3.14); do \
		if $$candidate -c "$$new" 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if test -z "$$python"; then \
		echo "Error: llmpert needs Python 3.11 or newer, and found none (tried: $(or $(PYTHON),python3.11, python3 and newer)). Name yours: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "Error: $$python comes without its venv module. On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; \
	fi; \
	echo "Making $(VENV) with $$python"; \
	$$python -m venv --clear $(VENV)

.PHONY: install
install:
	@echo "Installing $(REQUIREMENTS) (minutes on the first run; later runs skip it)"
	@touch $(HALF); \
	$(RUN) -m pip install --disable-pip-version-check $(PIP_ARGS) -r $(REQUIREMENTS); \
	status=$$?; \
	test $$status -ge 128 || rm -f $(HALF); \
	test $$status -eq 0 || exit $$status; \
	rm -f $(VENV)/.installed-*; \
	touch $(MARKS)
