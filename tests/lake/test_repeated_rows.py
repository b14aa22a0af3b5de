"""Rows of the catalog that are there more than once: one story from check to a lake that attaches again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import canvasback
from tests import extension
from tests.lake.builder import Lake, read
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

KEYED = ("ducklake_snapshot", "ducklake_snapshot_changes", "ducklake_data_file")
OTHERS = ("ducklake_table", "ducklake_column", "ducklake_table_stats", "ducklake_file_column_stats")


def change(lake: Lake, statements: list[str], postgres: Server) -> None:
    """Change the catalog by hand."""
    if lake.attach.startswith("ducklake:postgres:"):
        postgres.psql(lake.attach.partition("dbname=")[2].split()[0], "; ".join(statements))
        return
    path = lake.attach.rpartition(":")[2]
    with closing(sqlite3.connect(path) if ":sqlite:" in lake.attach else duckdb.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def twice(*, where: str = "true") -> list[str]:
    """Statements that take the keys away and copy rows once more."""
    found = []
    for table in KEYED:
        found += [f"CREATE TABLE other AS SELECT * FROM {table}", f"DROP TABLE {table}"]
        found += [f"ALTER TABLE other RENAME TO {table}"]
    return found + [f"INSERT INTO {table} SELECT * FROM {table} WHERE {where}" for table in (*KEYED, *OTHERS)]


@pytest.fixture(params=ENGINES)
def lake(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Lake:
    engine: Engine = request.param
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path, postgres))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)", "INSERT INTO lake.t SELECT i FROM range(50) r(i)")
    lake.backup()
    return lake


def test_rows_that_are_there_twice_are_collapsed(lake: Lake, postgres: Server) -> None:
    truth = lake.read()
    change(lake, twice(), postgres)
    with extension.for_lake(lake.attach) as connection:
        connection.execute(f"ATTACH '{lake.attach}' AS lake")
        with pytest.raises(duckdb.Error, match="multiple snapshots"):
            connection.execute("FROM lake.t")

    found = canvasback.check(lake.attach, level="catalog").findings
    told = {f.where for f in found if f.code == "duplicate-row"}
    assert told >= {"snapshot 1", "snapshot 2", "changes of snapshot 2", "data file 0", "data file 1", *OTHERS}
    assert "duplicate-id" not in {f.code for f in found}

    point = canvasback.backup(lake.attach, lake.repository)
    assert point.finding_counts == {"duplicate-row": 3}
    assert point.findings[0].cure.startswith("Stop all writers and run heal")
    look = str(lake.folder / "look.ducklake")
    with pytest.raises(canvasback.RefusedError, match="snapshot 0 has a row that is there 2 times") as refused:
        canvasback.attach(lake.repository, out=look)
    assert refused.value.code == "point-unreadable"
    assert canvasback.restore(lake.attach, lake.repository, replace=True).finding_counts == point.finding_counts

    healed = canvasback.heal(lake.attach, lake.repository)
    assert "duplicate-row" in {repair.code for repair in healed.repairs}
    assert set(healed.finding_counts) == {"primary-key-missing"}
    assert lake.read() == truth

    # What the hint of the missing keys says.
    assert canvasback.backup(lake.attach, lake.repository).findings == ()
    canvasback.restore(lake.attach, lake.repository, replace=True)
    assert canvasback.check(lake.attach, level="rows").findings == ()
    assert lake.read() == truth


def test_two_commits_of_one_number_are_not_collapsed(lake: Lake, postgres: Server) -> None:
    other = "UPDATE ducklake_snapshot SET next_file_id = next_file_id + 1"
    keyless = twice(where="false")[:3]
    change(
        lake,
        [
            *keyless,
            "CREATE TABLE kept AS SELECT * FROM ducklake_snapshot WHERE snapshot_id = 2",
            other,
            "INSERT INTO ducklake_snapshot SELECT * FROM kept",
            "DROP TABLE kept",
        ],
        postgres,
    )
    found = canvasback.check(lake.attach, level="catalog").findings
    assert {(f.code, f.where) for f in found} == {
        ("duplicate-id", "snapshot 2"),
        ("primary-key-missing", "ducklake_snapshot"),
    }
    point = canvasback.backup(lake.attach, lake.repository)
    assert point.finding_counts == {"duplicate-id": 1}
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.attach(lake.repository, point.point, out=str(lake.folder / "look.ducklake"))
    assert refused.value.code == "point-unreadable"
    before = canvasback.attach(lake.repository, point.point, at_snapshot=1, out=str(lake.folder / "before.ducklake"))
    assert before.findings == ()  # what is there twice came later
    assert len(read(f"ducklake:{before.file}")["main.t"]) == 1 + 100
    elsewhere = f"ducklake:{lake.folder}/elsewhere.ducklake"
    files = str(lake.folder / "elsewhere")
    back = canvasback.restore(elsewhere, lake.repository, point.point, at_snapshot=1, data_path=files)
    assert back.findings == ()
    assert read(elsewhere) == read(f"ducklake:{before.file}")
    assert canvasback.heal(lake.attach).repairs == ()
    # What the hint says: an older point.
    canvasback.restore(lake.attach, lake.repository, lake.points[0], replace=True)
    assert canvasback.check(lake.attach, level="rows").findings == ()
