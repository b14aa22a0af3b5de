"""Catalogs in SQLite and PostgreSQL: in use, damaged, and out of reach."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi
import duckdb
import pytest

import canvasback
from canvasback.catalog.engines.arrow import Loader, append
from canvasback.catalog.engines.postgres.engine import PostgresEngine
from canvasback.model.lake import parse_lake
from canvasback.model.relation import Column, Relation
from tests.cli.running import Place, fails
from tests.contract.privileges import give_up_passing
from tests.lake.builder import connect, read, session
from tests.lake.values import literal
from tests.postgres import Server

SECRET = "geheim"  # noqa: S105 - it is looked for in all that we print

LOCKS = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname LIKE 'ducklake%'"

HOLD = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('{}'); print(flush=True); sys.stdin.read()"

STATEMENTS = [
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'row ' || i FROM range(20) r(i)",
    "DELETE FROM lake.t WHERE i % 5 = 3",
    "INSERT INTO lake.t VALUES (1000, 'inlined'), (1001, NULL)",
]


def write(attach: str, data: Path, *statements: str) -> None:
    with session(attach, f"DATA_PATH {literal(str(data))}", "DATA_INLINING_ROW_LIMIT 5") as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def sqlite_lake(tmp_path: Path) -> str:
    attach = f"ducklake:sqlite:{tmp_path}/main.db"
    write(attach, tmp_path / "data", *STATEMENTS)
    return attach


@pytest.fixture
def postgres_lake(tmp_path: Path, postgres: Server) -> str:
    attach = f"ducklake:postgres:{postgres.create()}"
    write(attach, tmp_path / "data", *STATEMENTS)
    return attach


def database_of(attach: str) -> str:
    return attach.partition("dbname=")[2].split()[0]


def back_up(attach: str, repository: Path) -> canvasback.BackupResult:
    if not repository.exists():
        canvasback.init(attach, str(repository))
    return canvasback.backup(attach, str(repository))


# In use


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_sqlite_catalog_that_somebody_reads_and_writes(sqlite_lake: str, tmp_path: Path, mode: str) -> None:
    path = sqlite_lake.removeprefix("ducklake:sqlite:")
    truth = read(sqlite_lake)
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("BEGIN IMMEDIATE")  # a writer that has not committed yet
        other.execute("UPDATE ducklake_snapshot SET snapshot_time = 'nonsense'")
        assert back_up(sqlite_lake, tmp_path / "repository").findings == ()
        other.rollback()
    canvasback.restore(f"ducklake:sqlite:{tmp_path}/back.db", str(tmp_path / "repository"), shares_files=True)
    assert read(f"ducklake:sqlite:{tmp_path}/back.db") == truth
    with closing(sqlite3.connect(tmp_path / "back.db")) as back:
        assert back.execute("PRAGMA journal_mode").fetchone() == (mode,)


def test_a_sqlite_writer_that_died_in_its_commit(sqlite_lake: str, tmp_path: Path) -> None:
    """The journal that it left undoes what it wrote; to apply it to the original would be to write there."""
    path = Path(sqlite_lake.removeprefix("ducklake:sqlite:"))
    truth = read(sqlite_lake)
    script = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA cache_size = 1');"
        "c.execute('BEGIN'); c.execute('DELETE FROM ducklake_column'); c.execute('DELETE FROM ducklake_snapshot');"
        "c.execute('DELETE FROM ducklake_data_file');"
        "c.executemany('INSERT INTO ducklake_metadata VALUES (?, ?, 1, 1)', [('k', 'x' * 900)] * 99);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)
    journal = Path(f"{path}-journal")
    assert journal.stat().st_size > 0
    before = (path.read_bytes(), journal.read_bytes())

    assert back_up(sqlite_lake, tmp_path / "repository").findings == ()

    assert (path.read_bytes(), journal.read_bytes()) == before
    canvasback.restore(f"ducklake:sqlite:{tmp_path}/back.db", str(tmp_path / "repository"), shares_files=True)
    assert read(f"ducklake:sqlite:{tmp_path}/back.db") == truth


def test_reading_a_postgres_catalog_hinders_no_flush(postgres_lake: str, tmp_path: Path, postgres: Server) -> None:
    """Tables of inlined rows are dropped by a flush, which has to wait for whoever reads them."""
    database = database_of(postgres_lake)
    locks: list[str] = []

    class Watching(PostgresEngine):
        def _load(self, *arguments: Any) -> None:
            super()._load(*arguments)
            locks.append(
                postgres.psql(
                    database,
                    LOCKS,
                )
            )

    with Watching(parse_lake(postgres_lake)).read() as image:
        assert "ducklake_snapshot" in image.tables
    assert [count.strip() for count in locks] == ["0", "0"]


# A catalog that is in the way


def test_a_sqlite_catalog_that_is_there(sqlite_lake: str, tmp_path: Path) -> None:
    back_up(sqlite_lake, tmp_path / "repository")
    truth = read(sqlite_lake)
    write(sqlite_lake, tmp_path / "data", "DROP TABLE lake.t")
    path = Path(sqlite_lake.removeprefix("ducklake:sqlite:"))
    newer = path.read_bytes()
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.restore(sqlite_lake, str(tmp_path / "repository"))
    assert refused.value.code == "target-not-empty"

    script = HOLD.format("SELECT 1 FROM ducklake_snapshot")
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(canvasback.LockedError) as locked:
            canvasback.restore(sqlite_lake, str(tmp_path / "repository"), replace=True)
        assert locked.value.code == "catalog-in-use"
        holder.kill()
    assert path.read_bytes() == newer

    canvasback.restore(sqlite_lake, str(tmp_path / "repository"), replace=True)
    assert read(sqlite_lake) == truth
    assert [old.read_bytes() for old in path.parent.glob("main.db.replaced-*")] == [newer]


def test_a_postgres_catalog_that_is_there(postgres_lake: str, tmp_path: Path, postgres: Server) -> None:
    database = database_of(postgres_lake)
    postgres.psql(database, "CREATE TABLE mine (i int); INSERT INTO mine VALUES (1)")
    back_up(postgres_lake, tmp_path / "repository")
    truth = read(postgres_lake)
    write(postgres_lake, tmp_path / "data", "DROP TABLE lake.t")
    newer = postgres.dump(database)
    with pytest.raises(canvasback.RefusedError) as refused:
        canvasback.restore(postgres_lake, str(tmp_path / "repository"))
    assert refused.value.code == "target-not-empty"
    assert postgres.dump(database) == newer

    result = canvasback.restore(postgres_lake, str(tmp_path / "repository"), replace=True)
    assert "public_replaced_" in result.remarks[-1]
    assert read(postgres_lake) == truth
    assert postgres.psql(database, "SELECT i FROM mine").strip() == "1"
    assert canvasback.backup(postgres_lake, str(tmp_path / "repository")).findings == ()  # the old one is no other
    aside = result.remarks[-1].split()[-1]
    assert int(postgres.psql(database, f'SELECT max(snapshot_id) FROM "{aside}".ducklake_snapshot')) == 5


def test_a_postgres_schema_of_its_own(postgres_lake: str, tmp_path: Path, postgres: Server) -> None:
    """METADATA_SCHEMA, written as in ATTACH: for reading, for restoring, and when several are there."""
    back_up(postgres_lake, tmp_path / "repository")
    truth = read(postgres_lake)
    named = f"{postgres_lake} (METADATA_SCHEMA 'odd \"schema')"
    canvasback.restore(named, str(tmp_path / "repository"), data_path=str(tmp_path / "files"))
    assert read(postgres_lake, "METADATA_SCHEMA 'odd \"schema'") == truth
    with pytest.raises(canvasback.LakeError) as several:
        canvasback.backup(postgres_lake, str(tmp_path / "repository"))
    assert several.value.code == "several-catalogs"
    assert canvasback.backup(named, str(tmp_path / "repository")).findings == ()
    assert canvasback.backup(f"{postgres_lake} (METADATA_SCHEMA 'public')", str(tmp_path / "repository")).findings == ()


def test_a_postgres_restore_that_fails_leaves_nothing(postgres_lake: str, tmp_path: Path, postgres: Server) -> None:
    back_up(postgres_lake, tmp_path / "repository")
    string = postgres.create()
    database = string.split()[0].removeprefix("dbname=")
    postgres.psql(database, "CREATE TYPE ducklake_view AS (i int)")  # its name is taken when its turn comes
    before = postgres.dump(database)
    with pytest.raises(canvasback.LakeError):
        canvasback.restore(f"ducklake:postgres:{string}", str(tmp_path / "repository"), shares_files=True)
    assert postgres.dump(database) == before


# Bad input: one clear message, the right exit code, no secret


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder to run commands in, with a repository of a lake that is gone."""
    (tmp_path / "lake").mkdir()
    write(f"ducklake:{tmp_path}/lake/main.ducklake", tmp_path / "lake" / "data", *STATEMENTS)
    back_up(f"ducklake:{tmp_path}/lake/main.ducklake", tmp_path / "repo")
    return Place(tmp_path)


@contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_postgres_out_of_reach(place: Place, postgres: Server, tmp_path: Path) -> None:
    host = postgres.string("postgres").partition("host=")[2].split()[0]
    with closed_port() as port:
        for exit_code, code, target in (
            (1, "catalog-unreachable", f"host=127.0.0.1 port={port} dbname=x password={SECRET}"),
            (1, "catalog-unreachable", f"postgresql://u:{SECRET}@127.0.0.1:{port}/x"),
            (1, "catalog-unreachable", f"host=no.such.host.invalid dbname=x password={SECRET}"),
            (1, "catalog-missing", f"host={host} user=postgres dbname=nowhere password={SECRET}"),
            (1, "catalog-unreachable", f"service=nowhere password={SECRET}"),
            (2, "lake-name", f"dbname=x pass word={SECRET}"),
            (2, "lake-name", f"dbname=x password=a {SECRET} b"),
            (1, "not-a-ducklake", f"host={host} user=postgres dbname=postgres password={SECRET}"),
        ):
            lake = f"ducklake:postgres:{target}"
            for arguments in (("backup", lake, "-r", "repo"), ("init", "new", "--lake", lake)):
                assert SECRET not in fails(place, exit_code, code, *arguments)
    fails(
        place,
        1,
        "catalog-missing",
        "restore",
        "-r",
        "repo",
        "--to",
        f"ducklake:postgres:host={host} user=postgres dbname=nowhere",
    )


def test_postgres_does_not_let_us_in(place: Place, postgres_lake: str, postgres: Server) -> None:
    database = database_of(postgres_lake)
    host = postgres_lake.partition("host=")[2].split()[0]
    postgres.psql(database, f"CREATE ROLE nobody_{database} LOGIN PASSWORD '{SECRET}'")
    hba = Path(host) / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"local all nobody_{database} scram-sha-256\n{before}")
    postgres.psql(database, "SELECT pg_reload_conf()")
    try:
        lake = f"ducklake:postgres:dbname={database} host={host} user=nobody_{database}"
        deadline = time.monotonic() + 30
        while (ran := place.run("backup", f"{lake} password=wrong-{SECRET}", "-r", "repo", "--json")).document[
            "code"
        ] != "login-failed":
            assert time.monotonic() < deadline, ran  # the server takes its time to read its configuration
        assert SECRET not in fails(place, 1, "login-failed", "backup", f"{lake} password=wrong-{SECRET}", "-r", "repo")
        assert SECRET not in fails(place, 1, "login-failed", "backup", lake, "-r", "repo")
        # It is let in, but may not read.
        assert SECRET not in fails(place, 1, "access-denied", "backup", lake, "-r", "repo", PGPASSWORD=SECRET)
        # What the documentation says that a role for backups needs.
        postgres.psql(
            database,
            f"GRANT USAGE ON SCHEMA public TO nobody_{database};"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody_{database}",
        )
        ran = place.run("init", "mine", "--lake", lake, PGPASSWORD=SECRET)
        assert ran.code == 0, ran
        ran = place.run("backup", f"{lake} password={SECRET}", "-r", "mine", "--json")
        assert ran.code == 0, ran
        assert SECRET not in ran.out + ran.err
        assert not [
            path
            for path in (place.folder / "mine").rglob("*")
            if path.is_file() and SECRET.encode() in path.read_bytes()
        ]
        assert SECRET not in fails(
            place,
            1,
            "access-denied",
            "restore",
            "-r",
            "mine",
            "--to",
            f"{lake} (METADATA_SCHEMA 'new')",
            "--shares-files",
            PGPASSWORD=SECRET,
        )
    finally:
        hba.write_text(before)
        postgres.psql(database, "SELECT pg_reload_conf()")


def test_the_server_goes_away_in_the_middle(
    postgres_lake: str, tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(postgres_lake, tmp_path / "repository")
    database = database_of(postgres_lake)
    real = Loader.load

    def load(self: Loader, *arguments: Any) -> None:
        if arguments[2] == "ducklake_snapshot":
            postgres.psql(
                "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
            )
        real(self, *arguments)

    monkeypatch.setattr(Loader, "load", load)
    with pytest.raises(canvasback.LakeError) as lost:
        canvasback.backup(postgres_lake, str(tmp_path / "repository"))
    assert lost.value.code == "connection-lost"
    monkeypatch.undo()
    assert len(canvasback.list_points(str(tmp_path / "repository")).points) == 1
    assert canvasback.backup(postgres_lake, str(tmp_path / "repository")).findings == ()


def test_an_old_postgres(postgres_lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canvasback.catalog.engines.postgres.session.OLDEST", 99)
    with pytest.raises(canvasback.LakeError) as old:
        canvasback.init(postgres_lake, str(tmp_path / "repository"))
    assert old.value.code == "postgres-too-old"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("catalog-missing", lambda path: path.unlink()),
        ("not-a-sqlite-file", lambda path: path.write_text("nothing")),
        ("not-a-sqlite-file", lambda path: path.write_bytes(b"")),
        ("catalog-unreadable", cut),
        ("catalog-unreadable", garble),
    ],
)
def test_a_sqlite_file_that_is_none(place: Place, sqlite_lake: str, code: str, damage: Callable[[Path], None]) -> None:
    path = Path(sqlite_lake.removeprefix("ducklake:sqlite:"))
    damage(path)
    fails(place, 1, code, "backup", sqlite_lake, "-r", "repo")
    fails(place, 1, code, "init", "new", "--lake", sqlite_lake)


def test_a_sqlite_database_without_a_lake(place: Place) -> None:
    with closing(sqlite3.connect(place.folder / "other.db")) as database:
        database.execute("CREATE TABLE ducklake_metadata_of_mine (i INTEGER)")
        database.commit()
    fails(place, 1, "not-a-ducklake", "backup", "ducklake:sqlite:other.db", "-r", "repo")
    shutil.copy(place.folder / "lake" / "main.ducklake", place.folder / "duck.db")
    fails(place, 1, "not-a-sqlite-file", "backup", "ducklake:sqlite:duck.db", "-r", "repo")


def test_a_sqlite_file_that_may_not_be_read(place: Place, sqlite_lake: str) -> None:
    path = Path(sqlite_lake.removeprefix("ducklake:sqlite:"))
    path.chmod(0)
    ran = place.run("backup", sqlite_lake, "-r", "repo", "--json", preexec=give_up_passing)
    path.chmod(0o644)
    assert (ran.code, ran.document["code"]) == (1, "access-denied")


def test_a_sqlite_file_that_stays_locked(sqlite_lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    back_up(sqlite_lake, tmp_path / "repository")
    monkeypatch.setattr("canvasback.catalog.engines.sqlite.file._PATIENCE", 0.2)
    path = sqlite_lake.removeprefix("ducklake:sqlite:")
    script = HOLD.format("BEGIN EXCLUSIVE")
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(canvasback.LockedError) as locked:
            canvasback.backup(sqlite_lake, str(tmp_path / "repository"))
        holder.send_signal(signal.SIGKILL)
    assert locked.value.code == "catalog-busy"


def test_values_that_their_column_does_not_announce(sqlite_lake: str, tmp_path: Path) -> None:
    """SQLite keeps any value in any column; they come back as they were."""
    path = sqlite_lake.removeprefix("ducklake:sqlite:")
    odd = [(7, "seven", None), ("not a number", b"\x00\xff".hex(), 1.5), (2**62, "", 3)]
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE ducklake_of_the_future (a BIGINT, b VARCHAR, c TIMESTAMPTZ)")
        database.executemany("INSERT INTO ducklake_of_the_future VALUES (?, ?, ?)", odd)
        database.execute(
            "UPDATE ducklake_snapshot SET snapshot_time = '2026-11-22T13:14:38.250647123Z' WHERE snapshot_id = 1"
        )
        database.commit()
    back_up(sqlite_lake, tmp_path / "repository")
    canvasback.restore(f"ducklake:sqlite:{tmp_path}/back.db", str(tmp_path / "repository"), shares_files=True)
    with closing(sqlite3.connect(tmp_path / "back.db")) as back:
        found = back.execute("SELECT a, b FROM ducklake_of_the_future").fetchall()
        assert sorted(map(str, found)) == sorted(str(row[:2]) for row in odd)
        time_ = back.execute("SELECT snapshot_time FROM ducklake_snapshot WHERE snapshot_id = 1").fetchone()
        assert time_ == ("2026-11-22T13:14:38.250647123Z",)


def test_nothing_is_left_in_the_temporary_folder(
    sqlite_lake: str, postgres_lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    for number, attach in enumerate((sqlite_lake, postgres_lake)):
        back_up(attach, tmp_path / f"repository {number}")
    with closing(connect()) as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_text_with_nul_in_postgres(tmp_path: Path, postgres: Server) -> None:
    """DuckLake 1.0 keeps inlined text there as bytes."""
    attach, there = f"ducklake:{tmp_path}/main.ducklake", f"ducklake:postgres:{postgres.create()}"
    write(
        attach, tmp_path / "data", "CREATE TABLE lake.t (s VARCHAR)", "INSERT INTO lake.t VALUES ('a' || chr(0) || 'b')"
    )
    back_up(attach, tmp_path / "repository")
    canvasback.restore(there, str(tmp_path / "repository"), shares_files=True)
    assert read(there) == read(attach)


@pytest.mark.previous
def test_text_that_postgres_cannot_hold(tmp_path: Path, postgres: Server) -> None:
    attach = f"ducklake:{tmp_path}/main.ducklake"
    write(
        attach, tmp_path / "data", "CREATE TABLE lake.t (s VARCHAR)", "INSERT INTO lake.t VALUES ('a' || chr(0) || 'b')"
    )
    back_up(attach, tmp_path / "repository")
    string = postgres.create()
    database = string.split()[0].removeprefix("dbname=")
    before = postgres.dump(database)
    with pytest.raises(canvasback.RefusedError, match=r"main\.t .*its column s ") as refused:
        canvasback.restore(f"ducklake:postgres:{string}", str(tmp_path / "repository"), shares_files=True)
    assert refused.value.code == "not-inlinable"
    assert postgres.dump(database) == before


@pytest.mark.parametrize("keys", ["i", "NULL", "i % 3", "-i"])
def test_large_tables_are_written_in_parts(keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row once, whatever the keys that divide them."""
    monkeypatch.setattr("canvasback.catalog.engines.arrow._WINDOW", 700)
    path = tmp_path / "main.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE ducklake_of_the_future (k BIGINT, i BIGINT)")
    with closing(duckdb.connect()) as connection, adbc_driver_sqlite.dbapi.connect(str(path)) as target:
        columns = (Column("k", "BIGINT"), Column("i", "BIGINT"))
        relation = Relation("ducklake_of_the_future", columns, f"SELECT {keys} AS k, i FROM range(10000) r(i)")
        with target.cursor() as cursor:
            append(connection, relation, cursor, relation.name, ["k", "i"])
        target.commit()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT i FROM ducklake_of_the_future ORDER BY i").fetchall() == [
            (i,) for i in range(10000)
        ]
