"""What every test may rely on: the markers, and the length of `make soak`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import Server, running

settings.register_profile("soak", max_examples=5000, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, as unknown ones are errors."""
    config.addinivalue_line(
        "markers",
        "newest: needs pip's newest duckdb and no extension; `make test` runs these in .venv-newest",
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server. The path of its socket has to be short, and pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_16() -> Iterator[Server]:
    """The oldest one that a wheel has."""
    with tempfile.TemporaryDirectory(prefix="canvasback-pg-") as folder, running(Path(folder), 16) as server:
        yield server
