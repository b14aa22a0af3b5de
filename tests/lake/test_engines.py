"""Every lake of tests/fixtures, brought back into every kind of catalog, as the real extension sees it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

import canvasback
from tests import extension
from tests.lake.saved import ENGINES, IN_DUCKDB_ONLY, LAKES, Engine, Saved, answers_rightly, attach_string, together
from tests.lake.values import literal, quoted
from tests.oracle import FIXTURES, OTHER_ENGINES, OWN, Conflict, Json, read_lake, use_lake
from tests.postgres import Server

KINDS: list[Conflict] = ["delete", "alter"]
READ_ELSEWHERE = {name for name, version in FIXTURES if version in {"1.4.4", "1.5.5"}}
"""Those that the same extension reads, judges and writes to in test_fixtures.py, in DuckDB: only others see more."""
PLACES = [
    together(name, engine) for name in LAKES for engine in ENGINES if engine != "duckdb" or name not in READ_ELSEWHERE
]

SAMPLES = 10_000 if settings.get_current_profile_name() == "soak" else 2
"""Of so many snapshots it is seen what the extension shows."""


def check(saved: Saved, seen: Json) -> None:
    """See that some snapshots show what they did, and that row ids are what they were where they are known."""
    fixture = saved.fixture
    at = fixture.some(SAMPLES)
    assert seen["snapshots"] == {str(snapshot): fixture.shown[str(snapshot)] for snapshot in {*at, fixture.head}}
    known = fixture.expected.get("exact", {}).get(str(fixture.head))
    assert known is None or seen["exact"] == known


@pytest.mark.parametrize(("saved", "engine"), PLACES, indirect=["saved"])
def test_every_table_reads_as_the_writer_saw_it(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """And the lake goes on: of two commits that conflict exactly one comes through.

    What it answers is asked of each lake in DuckDB, and of small ones in the others, where each question takes several
    times as long: the statistics, from which the answers are, are there as the writer left them.
    """
    to = attach_string(engine, tmp_path, postgres)
    if engine != "duckdb" and saved.fixture.path.name in IN_DUCKDB_ONLY:
        with pytest.raises(canvasback.RefusedError) as caught:
            canvasback.restore(to, saved.repository, data_path=str(tmp_path / "files"))
        assert caught.value.code == "not-inlinable"
        return
    result = canvasback.restore(to, saved.repository, data_path=str(tmp_path / "files"))
    assert result.findings == ()
    assert not any("primary key" in step for step in result.steps)
    assert statistics(to) == statistics(saved.attach)

    if engine == "sqlite":
        # With a rollback journal, two clients of one process lock each other out, on an original lake too.
        with closing(sqlite3.connect(to.removeprefix("ducklake:sqlite:"))) as database:
            database.execute("PRAGMA journal_mode = wal")
    rightly = answers_rightly(saved.fixture)  # once written to: then that is asked, which is asking all of it
    kind = KINDS[(LAKES.index(saved.fixture.path.name) + ENGINES.index(engine)) % 2]  # each in each engine
    # 1.4.4's own migration of 0.1 leaves NULL elsewhere where it writes defaults in DuckDB, and fails on it later.
    goes_on = engine == "duckdb" or saved.fixture.ducklake_version != "0.1"
    seen = use_lake(
        to,
        saved.reader,
        cwd=saved.fixture.path,
        at=saved.fixture.some(SAMPLES),
        kinds=[kind] if goes_on else [],
        writes=goes_on,
        read_only=not saved.migrates,
        judged=not rightly and saved.reader == OWN,
        judged_then=rightly and (engine == "duckdb" or "maintained" in saved.fixture.path.name),
    )
    check(saved, seen)


def statistics(attach: str) -> dict[str, list[list[str | None]]]:
    """By table: what a catalog notes of numbers, NULLs and bounds, as DuckDB reads it."""
    _, *engine, place = attach.split(":", 2)
    with extension.for_lake(attach) as connection:
        type_ = f"TYPE {engine[0]}, " if engine else ""
        connection.execute(f"ATTACH {literal(place)} AS catalog ({type_}READ_ONLY)")
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'catalog' "
            "AND table_name LIKE 'ducklake%stat%' ORDER BY ALL"
        ).fetchall():
            columns.setdefault(table, []).append(column)
        found = {}
        for table, names in columns.items():
            shown = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
            rows = connection.execute(f"SELECT {shown} FROM catalog.{quoted(table)} ORDER BY ALL").fetchall()
            found[table] = [names, *([BOOLEANS.get(value, value) for value in row] for row in rows)]
    assert len(found) > 2
    return found


BOOLEANS = {"true": "1", "false": "0"}
"""Not every engine has some."""


@pytest.mark.parametrize("saved", [together(name) for name in OTHER_ENGINES], indirect=True)
def test_a_point_can_be_read_where_it_lies(saved: Saved, tmp_path: Path) -> None:
    attached = canvasback.attach(saved.repository, out=str(tmp_path / "look.ducklake"))
    if not saved.migrates:  # what is only to be read cannot be
        judged = saved.reader == OWN
        check(
            saved,
            read_lake(
                f"ducklake:{attached.file}",
                saved.reader,
                cwd=saved.fixture.path,
                at=saved.fixture.some(SAMPLES),
                judged=judged,
            ),
        )
    shown = canvasback.show(saved.repository)
    assert shown.engine == saved.engine
    assert shown.tables
    for level in ("exists", "checksum", "rows"):
        assert canvasback.verify(saved.repository, level=level).finding_counts == {}


@pytest.mark.parametrize(
    "saved", [together(name) for name in ["sqlite-0.2", "sqlite-0.3", "sqlite-1.0"]], indirect=True
)
def test_sqlite_comes_back_value_for_value(saved: Saved, tmp_path: Path) -> None:
    canvasback.restore(f"ducklake:sqlite:{tmp_path}/back.db", saved.repository, shares_files=True)
    assert values(tmp_path / "back.db") == values(saved.fixture.catalog)


def values(path: Path) -> dict[str, list[object]]:
    """Every table's definition and every value with its storage class."""
    with closing(sqlite3.connect(path)) as database:
        found: dict[str, list[object]] = {}
        for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{name}")')]
            shown = ", ".join(f'typeof("{column}"), quote("{column}")' for column in columns)
            declared = database.execute(f'PRAGMA table_info("{name}")').fetchall()
            found[name] = [
                sql.count("PRIMARY KEY"),
                *declared,
                *sorted(database.execute(f'SELECT {shown} FROM "{name}"')),
            ]
        return found


@pytest.mark.parametrize("saved", [together(name) for name in ["postgres-0.3", "postgres-1.0"]], indirect=True)
def test_postgres_comes_back_value_for_value(saved: Saved, postgres: Server) -> None:
    string = postgres.create()
    canvasback.restore(f"ducklake:postgres:{string}", saved.repository, shares_files=True)
    database = saved.attach.partition("dbname=")[2].split()[0]
    assert postgres.dump(string.split()[0].removeprefix("dbname=")) == postgres.dump(database)
