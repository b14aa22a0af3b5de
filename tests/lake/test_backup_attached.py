"""A lake is backed up from inside of the application that has it attached, through the application's connection."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.catalog.engines.attached import AttachedLake
from canvasback.model.lake import parse_lake
from tests.lake.builder import connect, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import literal
from tests.postgres import Server

pytestmark = pytest.mark.versions

STATEMENTS = [
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'row ' || i FROM range(20) r(i)",
    "DELETE FROM lake.t WHERE i % 5 = 3",
    "INSERT INTO lake.t VALUES (1000, 'inlined'), (1001, NULL)",
]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_application_backs_up_its_own_lake(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    attach = attach_string(engine, tmp_path, postgres)
    repository = str(tmp_path / "repository")
    with session(attach, f"DATA_PATH {literal(str(tmp_path / 'data'))}", "DATA_INLINING_ROW_LIMIT 5") as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
        canvasback.init(attach, repository)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO lake.t VALUES (5000, 'not committed')")
        first = canvasback.backup_attached(connection, "lake", repository)
        connection.execute("COMMIT")
        second = canvasback.backup_attached(connection, "LAKE", repository)
        connection.execute("INSERT INTO lake.t VALUES (5001, 'the lake goes on')")
        assert connection.execute("SELECT count(*) FROM lake.t").fetchall() == [(20,)]
        with pytest.raises(canvasback.UsageError) as refused:
            canvasback.backup_attached(connection, "another", repository)
        assert refused.value.code == "not-attached"
    assert first.findings == second.findings == ()
    for point, rows in ((first.point, 18), (second.point, 19)):
        to = f"ducklake:{tmp_path}/{point}/main.ducklake"
        canvasback.restore(to, repository, point, data_path=str(tmp_path / point / "files"))
        assert len(read(to)["main.t"]) == 1 + rows


@pytest.mark.parametrize("engine", ENGINES)
def test_the_name_and_the_tables_are_those_that_a_reader_from_outside_finds(
    engine: Engine, tmp_path: Path, postgres: Server
) -> None:
    attach = attach_string(engine, tmp_path, postgres)
    with session(attach, f"DATA_PATH {literal(str(tmp_path / 'data'))}", "DATA_INLINING_ROW_LIMIT 5") as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
        attached = AttachedLake(connection, "lake")
        with attached.engine().read() as inside, open_engine(attached.name).read() as outside:
            assert str(attached.name) == str(parse_lake(attach))
            assert inside.record == outside.record
            assert inside.record.engine == engine
            assert list(inside.tables) == list(outside.tables)
            for name, table in inside.tables.items():
                assert (table.columns, table.primary_key) == (
                    outside.tables[name].columns,
                    outside.tables[name].primary_key,
                )
                rows = [sorted(map(str, image.rows(f"FROM {{{name}}} x"))) for image in (inside, outside)]
                assert rows[0] == rows[1], name


def test_a_catalog_between_tables_of_the_application(tmp_path: Path) -> None:
    """The catalog is one schema of a database that has views, keys and types of its own."""
    file = f"{tmp_path}/own.duckdb"
    with duckdb.connect(file) as own:
        own.execute("CREATE TABLE mine (i INTEGER PRIMARY KEY, j INTEGER)")
        own.execute("CREATE VIEW seen AS SELECT * FROM mine")
        own.execute("CREATE TYPE kind AS ENUM ('a')")
        own.execute("CREATE TABLE other (k kind)")
        own.execute("INSERT INTO mine SELECT i, i FROM range(1000) r(i)")
    repository, options = str(tmp_path / "repository"), f"DATA_PATH '{tmp_path}/data', METADATA_SCHEMA"
    connection = connect()
    try:
        connection.execute(f"ATTACH 'ducklake:{file}' AS first ({options} 'one', METADATA_CATALOG 'seen_by_all')")
        connection.execute("CREATE TABLE first.t AS SELECT 1 AS i")
        canvasback.init(f"ducklake:{file} (METADATA_SCHEMA 'one')", repository)
        result = canvasback.backup_attached(connection, "first", repository)
        named = canvasback.backup_attached(connection, "first", repository, metadata_schema="one", only_new=True)
        with pytest.raises(canvasback.LakeError) as refused:
            canvasback.backup_attached(connection, "first", repository, metadata_schema="two")
    finally:
        connection.execute("DETACH DATABASE IF EXISTS first")
        connection.close()
    assert (result.findings, named.made, refused.value.code) == ((), False, "not-a-ducklake")


def test_a_catalog_in_memory(tmp_path: Path) -> None:
    connection = connect()
    try:
        connection.execute(f"ATTACH 'ducklake::memory:' AS memory_lake (DATA_PATH '{tmp_path}/data')")
        connection.execute("CREATE TABLE memory_lake.t AS SELECT i FROM range(100) r(i)")
        with AttachedLake(connection, "memory_lake").read() as image:
            assert image.head()[0] == 1
            assert image.record.storage_version is None
    finally:
        connection.execute("DETACH DATABASE IF EXISTS memory_lake")
        connection.close()


def test_the_locks_of_the_application_stay(tmp_path: Path) -> None:
    """POSIX drops all locks of a process on a file of which it closes a descriptor."""
    attach = f"ducklake:{tmp_path}/main.ducklake"
    with session(attach, f"DATA_PATH {literal(str(tmp_path / 'data'))}") as connection:
        connection.execute(STATEMENTS[0])
        inode = os.stat(tmp_path / "main.ducklake").st_ino
        before = _locks(inode)
        with AttachedLake(connection, "lake").read() as image:
            assert image.record.storage_version
        assert _locks(inode) == before != []


def test_an_argument_too_many_is_not_ignored(tmp_path: Path) -> None:
    lake: list[str] = [f"ducklake:{tmp_path}/main.ducklake", "/nonsense", str(tmp_path / "repository")]
    with pytest.raises(TypeError):
        canvasback.backup(*lake)


def _locks(inode: int) -> list[str]:
    """Read which locks this process holds on a file, as Linux lists them."""
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return [f"{line[3]} {line[5]}" for line in lines if line[4] == str(os.getpid()) and line[5].endswith(f":{inode}")]
