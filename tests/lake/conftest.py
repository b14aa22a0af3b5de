"""What the tests of lakes share; `tests.lake.builder` says what a lake can do."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.lake.builder import Lake
from tests.lake.saved import Saved, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kept import Kept
    from tests.postgres import Server


INLINED = ("DATA_INLINING_ROW_LIMIT 5",)


@pytest.fixture
def lake(kept: Kept, tmp_path: Path) -> Lake:
    """A lake with two tables, seven files that compaction can merge in part, deletes and inlined rows."""
    kept.copy(write, tmp_path)
    lake = Lake(tmp_path / "lake", options=INLINED)
    with duckdb.connect(str(lake.catalog)) as catalog:  # where its files are is all that it says of its place
        catalog.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [lake.data_path])
    return lake


def write(folder: Path) -> None:
    """Write the lake."""
    Lake(folder / "lake", options=INLINED).run(
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t SELECT i, 'one ' || i FROM range(20) r(i)",
        "INSERT INTO lake.t SELECT i, 'two ' || i FROM range(20, 50) r(i)",
        "DELETE FROM lake.t WHERE i % 10 = 3 AND i < 20",
        "CREATE TABLE lake.u (d DATE, n BIGINT)",
        "ALTER TABLE lake.u SET PARTITIONED BY (d)",
        "INSERT INTO lake.u SELECT DATE '2026-01-01' + (i % 2)::INTEGER, i FROM range(10) r(i)",
        "INSERT INTO lake.u SELECT DATE '2026-01-01' + (i % 2)::INTEGER, i FROM range(10, 30) r(i)",
        "INSERT INTO lake.t VALUES (1000, 'inlined'), (1001, NULL)",
    )


@pytest.fixture
def new_lake(tmp_path: Path) -> Lake:
    """A lake that does not exist yet."""
    return Lake(tmp_path / "lake")


@pytest.fixture(scope="session")
def saved_once(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Callable[[str], Saved]:
    """Save a lake of tests/fixtures the first time that it is asked for."""
    return cache(lambda name: save(name, tmp_path_factory.mktemp("saved"), postgres))


@pytest.fixture
def saved(request: pytest.FixtureRequest, saved_once: Callable[[str], Saved]) -> Saved:
    """The lake of the parameter's name, saved: for tests that change neither it nor its repository.

    `tests.lake.saved.together` makes the parameter, so that all of a lake's tests run where it was saved.
    """
    once: Saved = saved_once(request.param)
    return once


@pytest.fixture
def cli() -> Callable[..., int]:
    """Run the command line as a user does, and answer its exit code."""

    def run(*arguments: str) -> int:
        return subprocess.run([sys.executable, "-m", "canvasback", *arguments], check=False).returncode

    return run


@pytest.fixture(scope="session")
def every_step(pytestconfig: pytest.Config) -> bool:
    """Whether to take all of what `make test` takes samples of."""
    return bool(pytestconfig.getoption("--every-step"))
