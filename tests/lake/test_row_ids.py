"""What holds of row ids: several versions of one row may be in one file, and a file's first id is no bound of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.catalog.spec import LOCAL_ROW_IDS, ROW_ID, ROW_ID_FIELD, SNAPSHOT_ID, SNAPSHOT_ID_FIELD
from canvasback.model.lake import parse_lake
from tests.lake.builder import Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

OPTIONS = ("DATA_INLINING_ROW_LIMIT 5",)

FLUSH = "CALL ducklake_flush_inlined_data('lake')"
UPDATED = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t VALUES (1, 'a'), (2, 'b')",
    "UPDATE lake.t SET s = 'c' WHERE i = 1",
    "UPDATE lake.t SET s = 'd'",
    FLUSH,
    "INSERT INTO lake.t VALUES (3, 'c'), (4, 'd')",
    FLUSH,
)
PARTITIONED = (
    "CREATE TABLE lake.p (k INTEGER, s VARCHAR)",
    "ALTER TABLE lake.p SET PARTITIONED BY (k)",
    "INSERT INTO lake.p VALUES (1, 'a'), (2, 'b'), (1, 'c'), (2, 'd')",
    "UPDATE lake.p SET s = 'e' WHERE s = 'b'",
    FLUSH,
)
FROM_FILES = (
    "CREATE TABLE lake.f AS SELECT i, 'row ' || i AS s FROM range(100) r(i)",
    "UPDATE lake.f SET s = 'new' WHERE i IN (5, 50)",
    "UPDATE lake.f SET s = 'newer' WHERE i = 5",
    "INSERT INTO lake.f VALUES (100, 'more')",
    FLUSH,
    "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
    "INSERT INTO lake.f SELECT i, 'row ' || i FROM range(200, 220) r(i)",
    "CALL ducklake_merge_adjacent_files('lake')",
)


def distinct_at_every_snapshot(lake: Lake, table: str) -> bool:
    """Ask the extension whether no snapshot that it can read sees a row id twice."""
    with session(lake.attach, "READ_ONLY") as connection:
        snapshots = connection.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()
        query = f"SELECT count(*) = count(DISTINCT rowid) FROM lake.{table} AT (VERSION => {{}})"
        answers = []
        for (snapshot,) in snapshots:
            try:
                answers += connection.execute(query.format(snapshot)).fetchall()
            except duckdb.CatalogException:
                continue  # before the table was made
    assert answers
    return all(answer for (answer,) in answers)


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_a_flush_and_what_follows_are_no_fault(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    lake = Lake(tmp_path / "lake", elsewhere=attach_string(engine, tmp_path, postgres), options=OPTIONS)
    for history, table in ((UPDATED, "t"), (PARTITIONED, "p"), (FROM_FILES, "f")):
        lake.run(*history)
        assert canvasback.check(lake.attach, level="rows").findings == (), table
        assert distinct_at_every_snapshot(lake, table)


@pytest.fixture
def flushed(tmp_path: Path) -> Lake:
    """A lake with one file that a flush wrote, and in it two versions of a row: the highest id is no number of rows."""
    lake = Lake(tmp_path / "lake", options=OPTIONS)
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t VALUES (0), (1), (2), (3)",
        "DELETE FROM lake.t WHERE i IN (1, 2)",
        "UPDATE lake.t SET i = 9 WHERE i = 0",
        FLUSH,
    )
    return lake


def catalog(lake: Lake, sql: str) -> list[tuple[object, ...]]:
    """Ask or change the catalog by hand."""
    with duckdb.connect(str(lake.catalog)) as database:
        return database.execute(sql).fetchall()


def test_what_the_extension_notes_of_a_flushed_file(flushed: Lake) -> None:
    """The lowest row id, the number of all versions of rows, and their newest snapshot."""
    [file] = (file for file in flushed.files() if not file.stem.endswith("-delete"))
    ids = duckdb.sql(f"SELECT {ROW_ID}, {SNAPSHOT_ID} FROM '{file}' ORDER BY ALL").fetchall()
    assert ids == [(0, 2), (0, 4), (1, 2), (2, 2), (3, 2)]
    noted = catalog(flushed, "SELECT row_id_start, record_count, partial_max FROM ducklake_data_file")
    assert noted == [(0, 5, 4)]
    assert catalog(flushed, "SELECT next_row_id FROM ducklake_table_stats") == [(4,)]


def test_a_counter_behind_the_ids_in_a_flushed_file_is_told_and_raised(flushed: Lake) -> None:
    """The catalog alone proves only the lowest of them."""
    catalog(flushed, "UPDATE ducklake_table_stats SET next_row_id = 2")
    assert canvasback.check(flushed.attach, level="footers").findings == ()

    found = canvasback.check(flushed.attach, level="rows").findings

    assert [(f.code, f.table, f.message) for f in found] == [
        ("row-id-taken", "main.t", "3 is the id of a row, and the next is 2")
    ]
    canvasback.init(flushed.attach, flushed.repository)
    healed = canvasback.heal(flushed.attach, flushed.repository, level="rows", accept_loss=True)
    assert [(repair.code, repair.faults) for repair in healed.repairs] == [("row-id-taken", 1)]
    assert (healed.losses, healed.accepted_snapshot, healed.findings) == ((), None, ())
    assert catalog(flushed, "SELECT next_row_id FROM ducklake_table_stats") == [(4,)]
    flushed.run("INSERT INTO lake.t VALUES (7)", "INSERT INTO lake.t SELECT i FROM range(20, 40) r(i)")
    assert distinct_at_every_snapshot(flushed, "t")


def test_two_rows_of_one_id_and_one_snapshot_are_told(flushed: Lake) -> None:
    [file] = (file for file in flushed.files() if not file.stem.endswith("-delete"))
    fields = f"{{i: 1, {ROW_ID}: {ROW_ID_FIELD}, {SNAPSHOT_ID}: {SNAPSHOT_ID_FIELD}}}"
    copy = file.rename(file.with_name("copy"))
    rows = f"SELECT i, 3::BIGINT AS {ROW_ID}, {SNAPSHOT_ID} FROM read_parquet('{copy}')"
    duckdb.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, FIELD_IDS {fields})")
    copy.unlink()
    size = f"file_size_bytes = {file.stat().st_size}, footer_size = NULL"
    catalog(flushed, f"UPDATE ducklake_data_file SET {size}")
    assert [f.code for f in canvasback.check(flushed.attach, level="rows").findings] == ["row-ids"]


@pytest.mark.versions
@pytest.mark.parametrize("engine", ENGINES)
def test_ids_of_a_transaction_are_beyond_every_counter(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """The extension writes them for good; a counter that is raised past them would give them out to other rows."""
    attach = attach_string(engine, tmp_path, postgres)
    lake = Lake(tmp_path / "lake", elsewhere=attach, options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.t (i INTEGER)",
        "INSERT INTO lake.t VALUES (0), (1)",
        "BEGIN; INSERT INTO lake.t VALUES (2), (3); UPDATE lake.t SET i = i + 10; COMMIT",
    )
    with session(lake.attach, "READ_ONLY") as connection:
        ids = [row[0] for row in connection.execute("SELECT rowid FROM lake.t ORDER BY ALL").fetchall()]
    assert ids == [0, 1, LOCAL_ROW_IDS, LOCAL_ROW_IDS + 1]
    assert canvasback.check(lake.attach, level="rows").findings == ()
    counter = next_row_ids(lake)

    open_engine(parse_lake(lake.attach)).change(["DELETE FROM ducklake_table_stats"])
    canvasback.init(lake.attach, lake.repository)
    canvasback.heal(lake.attach, lake.repository)

    assert next_row_ids(lake) == counter


def next_row_ids(lake: Lake) -> list[tuple[object, ...]]:
    """The counter of each table."""
    with open_engine(parse_lake(lake.attach)).read() as image:
        return image.rows("SELECT next_row_id FROM {ducklake_table_stats} s ORDER BY table_id")
