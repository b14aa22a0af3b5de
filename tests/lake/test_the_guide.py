"""What DuckLake's own guide on backup and recovery says, done word for word: docs/the-guide.md says what came of it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests import extension
from tests.lake.answers import wrong_answers
from tests.lake.builder import Lake, contents, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import literal
from tests.postgres import Server

pytestmark = pytest.mark.versions

COPY = "COPY FROM DATABASE db TO backup"


def made(engine: Engine, folder: Path, postgres: Server) -> Lake:
    """A lake with two commits, whose catalog is where a recipe of the guide expects it."""
    elsewhere = "" if engine == "duckdb" else attach_string(engine, folder, postgres)
    lake = Lake(folder / "lake", elsewhere=elsewhere)
    lake.run("CREATE TABLE lake.t AS SELECT range AS i FROM range(100)", "DELETE FROM lake.t WHERE i < 50")
    return lake


def recipe(lake: Lake, engine: Engine, backup: Path) -> str:
    """Follow the guide's recipe for a catalog; the first line of the error in which it ends, or nothing."""
    catalog = lake.attach.removeprefix("ducklake:")
    target = f"sqlite:{backup}" if engine == "sqlite" else str(backup)
    with extension.connect("sqlite_scanner", "postgres_scanner") as connection:
        connection.execute(f"ATTACH {literal(catalog)} AS db (READ_ONLY)")
        connection.execute(f"ATTACH {literal(target)} AS backup")
        try:
            connection.execute(COPY)
        except duckdb.Error as error:
            return str(error).splitlines()[0]
    return ""


def fails(engine: Engine) -> bool:
    """Whether the recipe for a kind of catalog fails: with what DuckDB 1.4 brings, that for SQLite too."""
    return engine == "postgres" or (engine == "sqlite" and duckdb.__version__ < "1.5")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_recipes_for_catalogs(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    lake = made(engine, tmp_path, postgres)
    truth = lake.read()
    error = recipe(lake, engine, tmp_path / "backup.db")
    assert bool(error) == fails(engine), error
    assert lake.read() == truth
    if error:
        return
    kind = "sqlite:" if engine == "sqlite" else ""
    with session(f"ducklake:{kind}{tmp_path}/backup.db", "READ_ONLY") as connection:
        assert contents(connection) == truth
        assert wrong_answers(connection) == []


def test_a_replicated_data_path_takes_more_than_another_attach(tmp_path: Path, postgres: Server) -> None:
    """The guide attaches the same catalog with the replica as DATA_PATH."""
    lake = made("duckdb", tmp_path, postgres)
    replica = tmp_path / "replica"
    lake.data.rename(replica)
    with pytest.raises(duckdb.Error, match="DATA_PATH"), session(lake.attach, f"DATA_PATH {literal(f'{replica}/')}"):
        pass
