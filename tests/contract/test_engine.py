"""The contract of an engine: what is written is read again, whole or not at all, and reading changes nothing.

A new engine joins by a line in `ENGINES` and one in `place`.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canvasback.catalog.connections import connect
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import SETTLED, open_engine
from canvasback.catalog.image import Image
from canvasback.errors import CanvasbackError, LakeError, RefusedError
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier
from tests.postgres import Server

ENGINES = ["duckdb", "sqlite", "postgres", "postgres_16"]
NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 12, 0, 1, tzinfo=UTC)

TABLES = {
    "ducklake_metadata": "SELECT 'version' AS key, '0.3' AS value, NULL::VARCHAR AS scope, NULL::BIGINT AS scope_id",
    "ducklake_snapshot": "SELECT i AS snapshot_id, TIMESTAMPTZ '2026-11-22 13:14:38.250647+00' + i * INTERVAL 1 MINUTE "
    "AS snapshot_time, i AS schema_version, i AS next_catalog_id, i AS next_file_id FROM range(100) r(i)",
    "ducklake_schema": "SELECT 0::BIGINT AS schema_id, uuid '88f5e2be-291a-4ff2-a7a2-f11b9e739a89' AS schema_uuid, "
    "0::BIGINT AS begin_snapshot, NULL::BIGINT AS end_snapshot, 'odd \"name'' ☂' AS schema_name, 'main/' AS path, "
    "true AS path_is_relative",
    "ducklake_view": "SELECT 1::BIGINT AS view_id, NULL::UUID AS view_uuid WHERE false",
    "ducklake_of_the_future": "SELECT 1::BIGINT AS id, 'what nobody knows' AS \"odd column\", 2.5::DOUBLE AS number",
    "ducklake_column": "SELECT column_id::BIGINT AS column_id, begin_snapshot::BIGINT AS begin_snapshot, "
    "end_snapshot::BIGINT AS end_snapshot, table_id::BIGINT AS table_id, column_name, column_type, "
    "parent_column::BIGINT AS parent_column FROM (VALUES {columns}) c(column_id, begin_snapshot, end_snapshot, "
    "table_id, column_name, column_type, parent_column)",
    "ducklake_inlined_data_3_1": "SELECT 7::BIGINT AS row_id, 1::BIGINT AS begin_snapshot, "
    "NULL::BIGINT AS end_snapshot, {values} UNION ALL SELECT 8, 1, 2, {nulls}",
}
VALUES = {
    "int8": ("TINYINT", "-128"),
    "int64": ("BIGINT", "9223372036854775807"),
    "int128": ("HUGEINT", "170141183460469231731687303715884105727"),
    "uint8": ("UTINYINT", "255"),
    "uint64": ("UBIGINT", "18446744073709551615"),
    "float32": ("FLOAT", "'nan'"),
    "float64": ("DOUBLE", "'0.1'"),
    "decimal(12,2)": ("DECIMAL(12,2)", "-1234567890.12"),
    "boolean": ("BOOLEAN", "true"),
    "varchar": ("VARCHAR", "'Ünï ☂ ''quoted'' \n line'"),
    "blob": ("BLOB", "'\\x00\\xFF\\x27'"),
    "date": ("DATE", "'1970-01-01'"),
    "time": ("TIME", "'23:59:59.999999'"),
    "timestamp": ("TIMESTAMP", "'2026-11-22 13:14:38.250647'"),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", "'2026-11-22 13:14:38.250647+00'"),
    "timestamp_ns": ("TIMESTAMP_NS", "'2026-11-22 13:14:38.250647123'"),
    "interval": ("INTERVAL", "'1 month 2 days 03:04:05'"),
    "uuid": ("UUID", "'88f5e2be-291a-4ff2-a7a2-f11b9e739a89'"),
}


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    """A catalog as DuckDB would hold it, with inlined rows of all types."""
    lake = [f"({n}, 0, NULL::BIGINT, 3, 'c{n}', '{kind}', NULL::BIGINT)" for n, kind in enumerate(VALUES, 1)]
    lake += ["(90, 0, NULL, 3, 'l', 'list', NULL)", "(91, 0, NULL, 3, 'element', 'varchar', 90)"]
    lake += ["(92, 0, NULL, 3, 's', 'struct', NULL)", "(93, 0, NULL, 3, 'a b', 'int32', 92)"]
    values = [f"CAST({value} AS {type_}) AS c{n}" for n, (type_, value) in enumerate(VALUES.values(), 1)]
    values += ["['x', 'y, z', NULL] AS l", "{'a b': 5::INTEGER} AS s"]
    filled = {
        "columns": ", ".join(lake),
        "values": ", ".join(values),
        "nulls": ", ".join(["NULL"] * len(values)),
    }
    with contextlib.closing(connect(str(tmp_path))) as connection:
        tables = {}
        for name, select in TABLES.items():
            connection.execute(f"CREATE TABLE {name} AS {select.format(**filled) if '{' in select else select}")
            described = connection.execute(f"DESCRIBE {name}").fetchall()
            columns = tuple(Column(column, type_) for column, type_, *_ in described)
            key = (described[0][0],) if name in {"ducklake_snapshot", "ducklake_schema"} else ()
            tables[name] = Relation(name, columns, f"SELECT * FROM {name}", key)
        yield Image(connection, tables, CatalogRecord("duckdb", "main", "0.3"))


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    """One of the engines."""
    found: str = request.param
    return found


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Server | None:
    """The engine's server, if it is one that has one."""
    return request.getfixturevalue(kind) if kind.startswith("postgres") else None


@pytest.fixture
def lake(kind: str, tmp_path: Path, server: Server | None) -> LakeName:
    """A place where no catalog is yet."""
    if server is not None:
        return parse_lake(f"ducklake:postgres:{server.create()}")
    return parse_lake(f"ducklake:{kind}:{tmp_path}/new/odd ' name?.db")


def rows(image: Image) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a catalog as DuckDB would hold them, with their types."""
    canonical = in_dialect(image, "duckdb")
    found = {}
    for name, relation in canonical.tables.items():
        shown = ", ".join(f"{identifier(column.name)}::VARCHAR" for column in relation.columns)
        types = [tuple((column.name, column.type) for column in relation.columns)]
        values = canonical.connection.execute(f"SELECT {shown} FROM ({relation.select})").fetchall()
        found[name] = types + sorted(values, key=str)
    return found


def write(image: Image, lake: LakeName, moment: datetime = NOW, *, replace: bool = False) -> tuple[str, ...]:
    return open_engine(lake).write(in_dialect(image, lake.engine), moment, replace=replace)


@pytest.fixture
def state(lake: LakeName, server: Server | None) -> Callable[[], object]:
    """What must not change."""

    def look() -> object:
        if server is not None:
            return server.dump(lake.target.split()[0].removeprefix("dbname="))
        folder = Path(lake.target).parent
        return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*"))}

    return look


def test_what_is_written_is_read_again(image: Image, lake: LakeName) -> None:
    assert write(image, lake) == ()
    with open_engine(lake).read() as found:
        assert found.record.engine == lake.engine
        assert found.record.version == "0.3"
        assert rows(found) == rows(image)
        keys = {name: relation.primary_key for name, relation in found.tables.items() if relation.primary_key}
        assert keys == {"ducklake_snapshot": ("snapshot_id",), "ducklake_schema": ("schema_id",)}


def test_reading_changes_nothing(image: Image, lake: LakeName, state: Callable[[], object]) -> None:
    write(image, lake)
    before = state()
    open_engine(lake).read().close()
    assert state() == before


def test_a_second_time_is_the_same(image: Image, lake: LakeName, server: Server | None) -> None:
    """Within one engine nothing is converted: what was read is written again to the bit."""
    write(image, lake)
    again = LakeName(lake.engine, server.create() if server is not None else f"{lake.target}.again")
    with open_engine(lake).read() as found:
        first = stored(found)
        write(found, again)
    with open_engine(again).read() as found:
        assert stored(found) == first


def stored(image: Image) -> dict[str, object]:
    """Columns and values as the engine holds them."""
    return {
        name: (relation.columns, str(image.connection.execute(relation.select).fetchall()))
        for name, relation in image.tables.items()
    }


def test_a_catalog_that_is_there_is_refused_or_moved_aside(
    image: Image, lake: LakeName, state: Callable[[], object]
) -> None:
    engine = open_engine(lake)
    assert engine.prepare(replace=False) == ()
    write(image, lake)
    before = state()
    for refused in (lambda: engine.prepare(replace=False), lambda: write(image, lake)):
        with pytest.raises(RefusedError) as error:
            refused()
        assert error.value.code == "target-not-empty"
    assert state() == before
    assert engine.prepare(replace=True)
    assert state() == before
    assert "moved" in " ".join(write(image, lake, LATER, replace=True))
    with engine.read() as found:
        assert rows(found) == rows(image)


def test_rows_that_break_a_key_are_kept_rather_than_the_key(image: Image, lake: LakeName) -> None:
    snapshots = image.tables["ducklake_snapshot"]
    twice = f"{snapshots.select} UNION ALL {snapshots.select} WHERE snapshot_id = 5"
    broken = image.transformed(
        {"ducklake_snapshot": Relation(snapshots.name, snapshots.columns, twice, snapshots.primary_key)}
    )
    [remark] = write(broken, lake)
    assert "ducklake_snapshot" in remark
    assert "primary key" in remark
    with open_engine(lake).read() as found:
        assert rows(found) == rows(broken)
        assert found.tables["ducklake_snapshot"].primary_key == ()


def test_a_write_that_fails_leaves_nothing(image: Image, lake: LakeName, state: Callable[[], object]) -> None:
    before = state()
    relation = image.tables["ducklake_view"]
    bad = Relation(relation.name, relation.columns, "SELECT 1::BIGINT AS view_id, error('no')::UUID AS view_uuid")
    with pytest.raises(Exception, match="no"):
        write(image.transformed({"ducklake_view": bad}), lake)
    assert state() == before
    write(image, lake)


def test_statements_change_it_all_together(image: Image, lake: LakeName) -> None:
    write(image, lake)
    open_engine(lake).change(
        [
            "UPDATE ducklake_metadata SET \"value\" = 'it''s changed' WHERE \"key\" = 'version'",
            "DELETE FROM ducklake_snapshot WHERE snapshot_id >= 10",
            "UPDATE ducklake_schema SET path = 'new/' || substr(path, 3) WHERE coalesce(path_is_relative, true)",
        ]
    )
    with open_engine(lake).read() as found:
        assert found.metadata("version") == "it's changed"
        assert found.rows("SELECT count(*) FROM {ducklake_snapshot} s") == [(10,)]
        assert found.rows("SELECT path FROM {ducklake_schema} s") == [("new/in/",)]
        untouched = {name: held for name, held in rows(found).items() if "inlined" in name}
        assert untouched == {name: held for name, held in rows(image).items() if "inlined" in name}


def test_statements_of_which_one_fails_change_nothing(image: Image, lake: LakeName) -> None:
    write(image, lake)
    with pytest.raises(CanvasbackError):
        open_engine(lake).change(["DELETE FROM ducklake_snapshot", "DELETE FROM there_is_no_such_table"])
    with open_engine(lake).read() as found:
        assert rows(found) == rows(image)


# Whether somebody commits

COMMIT = """INSERT INTO ducklake_snapshot
    SELECT snapshot_id + 1, snapshot_time, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot
    WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot)"""
TAKE_BACK = "DELETE FROM ducklake_snapshot WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot)"


def test_the_pulse_changes_with_every_commit(image: Image, lake: LakeName) -> None:
    write(image, lake)
    engine = open_engine(lake)
    pulses = [engine.pulse()]
    # The last but one is a commit of the number that was taken back: the same head, and another history.
    for statements in ([COMMIT], [COMMIT, COMMIT], [TAKE_BACK], [TAKE_BACK, COMMIT], [COMMIT]):
        time.sleep(SETTLED)
        engine.change(statements)
        pulses.append(engine.pulse())
    assert len(set(pulses)) == len(pulses)


def test_the_pulse_stays_while_nobody_commits(image: Image, lake: LakeName) -> None:
    write(image, lake)
    engine = open_engine(lake)
    before = engine.pulse()
    for _ in range(3):
        engine.read().close()
        assert engine.pulse() == before
    assert open_engine(lake).pulse() == before


def test_the_pulse_of_a_write_ahead_log(image: Image, tmp_path: Path) -> None:
    lake = parse_lake(f"ducklake:sqlite:{tmp_path}/wal.db")
    write(image, lake)
    engine = open_engine(lake)
    with contextlib.closing(sqlite3.connect(lake.target)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute(TAKE_BACK)
        database.commit()
        pulses = [engine.pulse()]
        for _ in range(3):
            time.sleep(SETTLED)
            database.execute(COMMIT)
            database.commit()
            pulses.append(engine.pulse())
            engine.read().close()
            assert engine.pulse() == pulses[-1]
        database.execute("PRAGMA wal_checkpoint(restart)")  # the log is written from its start again, no longer
        pulses.append(engine.pulse())
        time.sleep(SETTLED)
        database.execute(COMMIT)
        database.commit()
        pulses.append(engine.pulse())
    assert len(set(pulses)) == len(pulses)
    closed = engine.pulse()
    engine.read().close()
    assert engine.pulse() == closed


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_the_pulse_outlives_its_session(image: Image, lake: LakeName, server: Server) -> None:
    write(image, lake)
    engine = open_engine(lake)
    before = engine.pulse()
    ended = server.psql(
        "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'canvasback watch'"
    )
    assert "t" in ended
    assert engine.pulse() == before
    assert open_engine(lake).clients() == ()  # it is nobody who has to attach again when the lake changes


def test_a_catalog_that_is_not_there(lake: LakeName) -> None:
    code = "not-a-ducklake" if lake.engine == "postgres" else "catalog-missing"
    with pytest.raises(LakeError) as missing:
        open_engine(lake).read()
    assert missing.value.code == code
    assert missing.value.hint
    with pytest.raises(LakeError) as silent:
        open_engine(lake).pulse()
    assert silent.value.code == code
