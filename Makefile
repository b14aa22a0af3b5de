# Every environment is a target with a stamp that depends on pyproject.toml: the second `make` is quick.
PYTHON ?= python3
NEWEST := 2.0.1
ORACLES := 1.3.0 1.3.2
MOTO := 5.2.5
JOBS ?= 2
# In the order of tests/conftest.py, which also says which tests share what they set up and stay together.
SPREAD := --numprocesses=$(JOBS) --dist=loadgroup --no-loadscope-reorder

VENV := .venv/stamp
VENV_PREVIOUS := .venv-0.3/stamp
VENV_NEWEST := .venv-newest/stamp
VENV_TOOLS := .venv-tools/stamp
AZURITE := .venv/azurite/stamp
VENV_ORACLES := $(ORACLES:%=.oracles/%/stamp)
VENV_MOTO := .cross-check/moto/stamp
CEPH := .cross-check/ceph/stamp

.DEFAULT_GOAL := help
.PHONY: help venv demo quick test cross-check lint walks bench soak coverage coverage-quick pythons docs docs-look hooks release

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)  ## Create .venv: canvasback (editable), the tools, duckdb 1.5.5 with the real DuckLake 1.0

demo: $(VENV)  ## Lose a lake and bring it back
	.venv/bin/python -m demo.demo

quick: $(VENV)  ## Run what needs no lake and no server: under a minute
	.venv/bin/python -m pytest tests/unit tests/contract/test_store.py -k "unit or memory" $(SPREAD)

test: $(VENV) $(VENV_PREVIOUS) $(VENV_NEWEST) $(VENV_ORACLES) $(AZURITE)  ## Run all tests, with DuckLake 1.0, 0.3 and the newest duckdb
	.venv/bin/python -m pytest tests $(SPREAD) --durations=50 --cpu
	.venv-0.3/bin/python -m pytest tests -m 'versions or previous' $(SPREAD)
	.venv-newest/bin/python -m pytest tests/unit tests/contract/test_engine.py $(SPREAD)
	.venv-newest/bin/python -m pytest tests/lake -m newest $(SPREAD)

cross-check: $(VENV) $(AZURITE) $(VENV_MOTO) $(CEPH)  ## Run what is promised of S3 against two more servers: moto, Ceph
	@failed=0; for server in moto rgw; do \
		echo "S3 by $$server:"; \
		.venv/bin/python -m pytest tests/contract/test_store.py tests/lake/test_object_stores.py \
			tests/contract/test_versions.py tests/lake/test_protect_every_s3.py -k s3 -rfEs \
			--s3-server $$server || failed=1; \
		.venv/bin/python -m pytest tests/lake/test_heal_versions.py -rfEs --s3-server $$server || failed=1; \
	done; \
	.venv/bin/python -m pytest tests/lake/test_heal_versions.py -m lifecycle -rfEs --s3-server rgw || failed=1; \
	exit $$failed

lint: $(VENV)  ## Check style, format and types
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

walks: $(VENV)  ## Count how far the verbs hand the name of a repository about
	.venv/bin/python tools/walks.py

bench: $(VENV)  ## Measure against rclone, restic, pg_dump and others
	@for tool in rclone restic zstd; do command -v $$tool >/dev/null || \
		{ echo "make bench compares with $$tool: apt-get install rclone restic zstd" >&2; exit 1; }; done
	.venv/bin/python -m bench

soak: $(VENV) $(VENV_ORACLES)  ## Run the property, crash and load tests for a long time
	.venv/bin/python -m pytest tests/property tests/crash tests/lake/test_busy_lakes.py tests/lake/test_load.py \
		tests/lake/test_oracle.py tests/lake/test_pitr_restore.py tests/lake/test_pitr_run.py tests/lake/test_rewind.py \
		tests/lake/test_watch_load.py \
		--hypothesis-profile=soak --every-step --timeout=0

# The floors are what was measured: raise them when there is more, and never lower them.
coverage: $(VENV) $(VENV_ORACLES) $(AZURITE)  ## Run all tests of .venv, and show what of the package they run
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest tests --numprocesses=$(JOBS) --dist=loadfile --no-loadscope-reorder
	.venv/bin/coverage combine --quiet
	.venv/bin/python tools/coverage_by_package.py
	.venv/bin/coverage report --format=total

# Its floor is that of the packages which need no lake.
coverage-quick: SRC := src/canvasback
coverage-quick: $(VENV)  ## The same of the tests that `make quick` runs
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest tests/unit tests/contract/test_store.py -k "unit or memory" --numprocesses=$(JOBS)
	.venv/bin/coverage combine --quiet
	.venv/bin/python tools/coverage_by_package.py
	.venv/bin/coverage report --format=total --fail-under=93 --include='$(SRC)/model/*,$(SRC)/repository/*'

# pyenv hides its interpreters but the one that is chosen: choose all.
pythons: $(VENV_TOOLS)  ## Run the quick tests and the demo with each Python that is supported and here
	PYENV_VERSION="$$(pyenv versions --bare 2>/dev/null | paste -sd: -)" .venv-tools/bin/nox

docs: $(VENV)  ## Build the documentation's site into site/; a dead link fails
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

docs-look: docs $(VENV_TOOLS)  ## Open every page of the site in a headless Chromium, narrow and wide
	.venv-tools/bin/python docs/look.py site .docs-look

hooks: $(VENV) $(VENV_TOOLS)  ## Let git run what `make lint` does before each commit
	.venv-tools/bin/pre-commit install

release: $(VENV_TOOLS)  ## Build the release and try it; publishes nothing
	rm -rf dist
	.venv-tools/bin/python -m build --outdir dist
	.venv-tools/bin/twine check --strict dist/*
	.venv-tools/bin/python tools/release.py dist

# A recipe ends with its stamp, so an interrupted installation is taken up again.
$(VENV): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

# No extensions here: the newest duckdb's are not on pip. It opens the catalogs that only it can open, and the SDK
# writes others.
# The DuckLake before: what can differ by version runs with it too.
$(VENV_PREVIOUS): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable '.[previous]'
	touch $@

$(VENV_NEWEST): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --editable '.[newest]' duckdb==$(NEWEST)
	touch $@

$(VENV_TOOLS): pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet '.[tools]'
	touch $@

# A server that speaks what Azure Blob Storage does; it comes from npm.
$(AZURITE): $(VENV)
	npm install --silent --no-audit --no-fund --prefix $(@D) azurite@3
	touch $@

# Two other servers that speak S3: one in an environment of its own, the other unpacked from Debian's packages and not
# installed. apt-get leaves out what is installed already.
$(VENV_MOTO):
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet 'moto[server]==$(MOTO)'
	touch $@

$(CEPH):
	@command -v apt-get >/dev/null || { echo "make cross-check needs Debian's packages of Ceph" >&2; exit 1; }
	mkdir -p $(@D)/packages/partial
	apt-get install --quiet --quiet --yes --no-install-recommends --download-only -o Debug::NoLocking=1 \
		-o Dir::Cache::archives=$(abspath $(@D))/packages radosgw ceph-mon ceph-osd
	for package in $(@D)/packages/*.deb; do dpkg -x $$package $(@D) || exit 1; done
	rm -r $(@D)/packages
	touch $@

# The real DuckLake of the versions that wrote the older fixtures; tests/oracle asks them what they see.
$(VENV_ORACLES): .oracles/%/stamp: pyproject.toml
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet duckdb==$* duckdb-ext 'duckdb-ext-ducklake==$*.*' pytz
	touch $@
