# Every environment is a target with a stamp that depends on pyproject.toml: the second `make` is quick.
PYTHON ?= python3
NEWEST := 2.0.0
ORACLES := 1.3.0 1.3.2

VENV := .venv/stamp
VENV_NEWEST := .venv-newest/stamp
VENV_ORACLES := $(ORACLES:%=.oracles/%/stamp)

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint bench soak

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)  ## Create .venv: canvasback (editable), the tools, duckdb 1.4.4 with its real DuckLake

demo: $(VENV)  ## Lose a lake and bring it back
	.venv/bin/python demo/demo.py

test: $(VENV) $(VENV_NEWEST) $(VENV_ORACLES)  ## Run all tests, with duckdb 1.4.4 and with the newest
	.venv/bin/python -m pytest tests
	.venv-newest/bin/python -m pytest tests/unit tests/contract
	.venv-newest/bin/python -m pytest tests/lake -m newest

lint: $(VENV)  ## Check style, format and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

bench: $(VENV)  ## Measure against rclone, restic, pg_dump and others
	@for tool in rclone restic zstd; do command -v $$tool >/dev/null || \
		{ echo "make bench compares with $$tool: apt-get install rclone restic zstd" >&2; exit 1; }; done
	.venv/bin/python -m bench

soak: $(VENV) $(VENV_ORACLES)  ## Run the property, crash and load tests for a long time
	.venv/bin/python -m pytest tests/property tests/crash tests/lake/test_load.py --hypothesis-profile=soak --timeout=0

# A recipe ends with its stamp, so an interrupted installation is taken up again.
$(VENV): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

# No extensions here: the newest duckdb's are not on pip. It opens the catalogs that only it can open, and the SDK
# writes others.
$(VENV_NEWEST): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable '.[newest]' duckdb==$(NEWEST)
	touch $@

# The real DuckLake of the versions that wrote the older fixtures; tests/oracle asks them what they see.
$(VENV_ORACLES): .oracles/%/stamp: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet duckdb==$* duckdb-ext 'duckdb-ext-ducklake==$*.*' pytz
	touch $@
