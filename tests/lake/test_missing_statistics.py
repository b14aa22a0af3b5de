"""A table without its row of statistics gives row ids out anew: check names it, and heal proves the right row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import canvasback
from tests import extension
from tests.lake.builder import Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

TABLE = "(SELECT table_id FROM ducklake_table WHERE table_name = 't')"


def change(lake: Lake, sql: str, postgres: Server) -> None:
    """Change the catalog by hand."""
    if lake.attach.startswith("ducklake:postgres:"):
        postgres.psql(lake.attach.partition("dbname=")[2].split()[0], sql)
        return
    path = lake.attach.rpartition(":")[2]
    with closing(sqlite3.connect(path) if ":sqlite:" in lake.attach else duckdb.connect(path)) as database:
        database.execute(sql)
        database.commit()


def written(folder: Path, engine: Engine, postgres: Server, *options: str) -> Lake:
    """Build a lake whose highest row id is in no file's range: its row was rewritten, and what it was in is gone."""
    lake = Lake(
        folder / "lake",
        elsewhere=attach_string(engine, folder, postgres),
        options=("DATA_INLINING_ROW_LIMIT 5", *options),
    )
    lake.run(
        "CREATE TABLE lake.empty (i INTEGER)",
        "CREATE TABLE lake.t AS SELECT i FROM range(100) r(i)",
        "CREATE VIEW lake.v AS SELECT i FROM lake.t",
        "DELETE FROM lake.t WHERE i < 95",
        "CALL ducklake_flush_inlined_data('lake')",
        "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    )
    assert canvasback.check(lake.attach, level="rows").findings == ()
    return lake


def row_ids(lake: Lake, *statements: str) -> tuple[int, int]:
    """Run statements, and count the table's rows and their row ids."""
    with session(lake.attach, *lake.options) as connection:
        for statement in statements:
            connection.execute(statement)
        [found] = connection.execute("SELECT count(*), count(DISTINCT rowid) FROM lake.t").fetchall()
    return found


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_the_row_is_proved_by_the_files(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """As after the report of a view's row: whoever deletes that has a table without one."""
    lake = written(tmp_path, engine, postgres)
    truth = lake.read()
    view = "(SELECT view_id FROM ducklake_view)"
    change(lake, f"UPDATE ducklake_table_stats SET table_id = {view} WHERE table_id = {TABLE}", postgres)

    found = canvasback.check(lake.attach).findings
    assert {f.code for f in found} >= {"table-stats-missing", "orphan-row"}
    assert {f.table for f in found if f.code == "table-stats-missing"} == {"main.t"}

    canvasback.init(lake.attach, lake.repository)
    healed = canvasback.heal(lake.attach, lake.repository)

    assert {"orphan-row", "table-stats-missing"} <= {repair.code for repair in healed.repairs}
    assert healed.findings == ()
    assert canvasback.check(lake.attach, level="rows").findings == ()
    assert lake.read() == truth
    assert row_ids(lake, "INSERT INTO lake.t VALUES (1)", "INSERT INTO lake.t SELECT i FROM range(20) r(i)") == (26, 26)
    assert canvasback.check(lake.attach, level="rows").findings == ()


def test_the_extension_gives_row_ids_out_anew_where_the_row_is_missing(tmp_path: Path, postgres: Server) -> None:
    lake = written(tmp_path, "duckdb", postgres)
    change(lake, f"DELETE FROM ducklake_table_stats WHERE table_id = {TABLE}", postgres)
    rows, ids = row_ids(lake, "INSERT INTO lake.t SELECT i FROM range(100) r(i)")
    assert (extension.DUCKLAKE, rows) == ("1.0", 105)
    assert ids == 100


def test_encrypted_and_inlined_rows_tell_too(tmp_path: Path, postgres: Server) -> None:
    lake = written(tmp_path, "duckdb", postgres, "ENCRYPTED")
    lake.run("INSERT INTO lake.t VALUES (7), (8)")
    change(lake, f"DELETE FROM ducklake_table_stats WHERE table_id = {TABLE}", postgres)
    assert canvasback.heal(lake.attach).findings == ()
    assert row_ids(lake, "INSERT INTO lake.t SELECT i FROM range(20) r(i)") == (27, 27)


def test_what_the_files_do_not_tell_is_left_as_it_is(tmp_path: Path, postgres: Server) -> None:
    lake = written(tmp_path, "duckdb", postgres)
    [file] = lake.files()
    content = file.read_bytes()
    change(lake, f"DELETE FROM ducklake_table_stats WHERE table_id = {TABLE}", postgres)
    file.write_bytes(content[:40])
    healed = canvasback.heal(lake.attach)
    assert (healed.repairs, set(healed.finding_counts)) == ((), {"table-stats-missing", "file-size"})
    file.write_bytes(content)
    assert [repair.code for repair in canvasback.heal(lake.attach).repairs] == ["table-stats-missing"]
