# Everything there is to do here, one word each. Needs Python 3.11 or newer and make; all else goes into .venv.
#
#   make run      install, and watch a real job outlive its supervisor
#   make test     every check and every test: what CI runs
#
#   make check    the checks alone: lint, format, types, which way the imports point
#   make chaos    the long chaos run; `make chaos SEED=...` runs one again
#   make flood    a gigabyte of output from a container of each engine: minutes, and 3 GB of disk
#   make rig-systemd   the stories under a real systemd, on an emulated machine: minutes, and root
#   make cover    the tests, with the branches of core, engine and shim that none of them took
#   make bench    our figures beside our peers'
#   make docs     the documentation, into site/
#   make lock     write the lock files again; `make lock UPGRADE=--upgrade` takes newer releases
#   make clean    remove what these made
#
# PYTHON=... chooses the interpreter, VENV=... the environment's folder, ARGS=... is passed on, and WORKERS=...
# is how many tests run side by side: four of them where all are run, one where ARGS chooses.

.DEFAULT_GOAL := help
.PHONY: help run venv test check suite chaos flood rig-systemd cover bench docs lock clean
.DELETE_ON_ERROR:

VENV ?= .venv
BIN  := $(VENV)/bin

# Set in some containers. Modules that are never compiled take two to three times as long to import.
unexport PYTHONDONTWRITEBYTECODE
# Neither may steer what goes into the environment, nor what is imported from outside it.
unexport PYTHONPATH PYTHONHOME

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# A name on PATH proves nothing: a version manager's stand-in may refuse to run, and a distribution's
# Python may lack venv. So each is asked.
suitable := import sys, ensurepip, sqlite3, venv; sys.exit(sys.version_info < (3, 11))
define new_environment
@set -e; test -x $(1)/bin/python && exit 0; \
for each in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
  if "$$each" -c '$(suitable)' 2>/dev/null; then \
    echo "Making $(1) with $$("$$each" --version)"; \
    "$$each" -m venv $(1); \
    exit 0; \
  fi; \
done; \
echo "No Python 3.11 or newer with venv and sqlite3 was found ($(or $(PYTHON),python3.13 python3.12 python3.11 python3))." >&2; \
echo "Install one (Debian: apt-get install python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
exit 1
endef
PIP := -m pip --disable-pip-version-check --no-input -qq

# ------------------------------------------------------------------------------------ environments
venv: $(VENV)/.installed

$(VENV)/.locked: requirements.lock
	$(call new_environment,$(VENV))
	@echo "Installing the locked dependencies into $(VENV)"
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

# The documentation and the benchmarks have environments of their own, made when first asked for.
$(VENV)-docs/.installed $(VENV)-bench/.installed: $(VENV)-%/.installed: requirements-%.lock pyproject.toml
	$(call new_environment,$(VENV)-$*)
	@echo "Installing the locked dependencies into $(VENV)-$*"
	@$(VENV)-$*/bin/python $(PIP) install --require-hashes -r requirements-$*.lock
	@$(VENV)-$*/bin/python $(PIP) install --no-deps --no-build-isolation -e .
	@$(VENV)-$*/bin/python -m compileall -q src
	@touch $@

# ------------------------------------------------------------------------------------------- work
run: venv
	@$(BIN)/python examples/first_job.py

check: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tests wait for processes more than they compute, so that there are more of them than cores.
WORKERS ?= $(if $(ARGS),0,4)
SIDE_BY_SIDE = --numprocesses=$(WORKERS) --dist=worksteal

suite: venv
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test: check
	@$(MAKE) --no-print-directory suite

chaos: venv
	OUTLAST_CHAOS_SEED=$(SEED) $(BIN)/python -m pytest tests/chaos -m long --capture=no $(ARGS)

flood: venv
	$(BIN)/python -m pytest tests/containers -m long --durations=4 $(ARGS)

rig-systemd: venv
	$(BIN)/python -m pytest tests/stories/test_systemd.py -m long $(ARGS)

cover: venv
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(SIDE_BY_SIDE) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='src/outlast/core/*,src/outlast/engine/*,src/outlast/shim/*' --fail-under=100

bench: $(VENV)-bench/.installed
	$(VENV)-bench/bin/python -m benchmarks $(ARGS)

docs: $(VENV)-docs/.installed
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --strict --quiet $(ARGS)
	@echo "Written to site/; open site/index.html"

# uv reads the groups from a copy without [tool.uv], whose `managed = false` keeps its own lock file
# away. What is written names neither a registry nor where this was run, and carries every hash.
compile := build/lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
  --no-emit-index-url --no-emit-find-links --no-annotate --quiet $(UPGRADE) build/lock/pyproject.toml
lock:
	$(call new_environment,build/lock)
	@build/lock/bin/python $(PIP) install uv
	@sed '/^\[tool\.uv\]/,/^$$/d' pyproject.toml > build/lock/pyproject.toml
	$(compile) --all-extras --group build/lock/pyproject.toml:dev -o requirements.lock
	$(compile) --group build/lock/pyproject.toml:docs -c requirements.lock -o requirements-docs.lock
	$(compile) --extra http --extra mcp --group build/lock/pyproject.toml:bench -c requirements.lock -o requirements-bench.lock

clean:
	rm -rf $(VENV) $(VENV)-docs $(VENV)-bench .venv-3.* build dist site .coverage .coverage.* htmlcov
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
