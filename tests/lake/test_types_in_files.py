"""Every type of DuckDB that DuckLake can store, through every file that we write and every row that we move there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import RefusedError
from tests import extension
from tests.lake.builder import Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

SCALARS = {
    "BOOLEAN": ("true", "false"),
    "TINYINT": ("-128", "127"),
    "SMALLINT": ("-32768", "32767"),
    "INTEGER": ("-2147483648", "2147483647"),
    "BIGINT": ("-9223372036854775808", "9223372036854775807"),
    "HUGEINT": ("-1267650600228229401496703205376", "1267650600228229401496703205376"),
    "UTINYINT": ("0", "255"),
    "USMALLINT": ("0", "65535"),
    "UINTEGER": ("0", "4294967295"),
    "UBIGINT": ("0", "18446744073709551615"),
    "UHUGEINT": ("0", "1267650600228229401496703205376"),
    "FLOAT": ("1.5", "'NaN'"),
    "DOUBLE": ("-1e300", "'Infinity'"),
    "DECIMAL(4,1)": ("-999.9", "999.9"),
    "DECIMAL(18,3)": ("-1.234", "123456789012345.678"),
    "DECIMAL(38,10)": ("-1.2345678901", "1234567890123456789012345678.0123456789"),
    "DATE": ("'0001-01-01'", "'2026-02-28'"),
    "TIME": ("'00:00:00'", "'23:59:59.999999'"),
    "TIME WITH TIME ZONE": ("'01:02:03+00'", "'23:59:59.999999+00'"),
    "TIMESTAMP": ("'1969-12-31 23:59:59.999999'", "'2026-01-02 03:04:05.678901'"),
    "TIMESTAMP_S": ("'1969-12-31 23:59:59'", "'2026-01-02 03:04:05'"),
    "TIMESTAMP_MS": ("'1969-12-31 23:59:59.999'", "'2026-01-02 03:04:05.678'"),
    "TIMESTAMP_NS": ("'1969-12-31 23:59:59.999999999'", "'2026-01-02 03:04:05.678901234'"),
    "TIMESTAMP WITH TIME ZONE": ("'1969-12-31 23:59:59.999999+00'", "'2026-01-02 03:04:05.678901+00'"),
    "INTERVAL": ("'1 month 2 days 03:04:05.006'", "'1 year'"),
    "VARCHAR": ("'a''b \"c\" {d}'", "'ä☂\n'"),
    "JSON": ("'{\"a\": [1, null]}'", "'[]'"),
    "BLOB": ("'\\x00\\xFFa'", "''"),
    "UUID": ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
}
NESTED = {
    "STRUCT(a INTEGER, b VARCHAR)": ("{'a': 1, 'b': 'x'}", "{'a': NULL, 'b': 'y'}"),
    "STRUCT(u UUID, d DECIMAL(5,2), t TIMESTAMP_NS)[]": (
        "[{'u': '00000000-0000-0000-0000-000000000000', 'd': 1.25, 't': '2026-01-02 03:04:05.678901234'}, NULL]",
        "[]",
    ),
    "MAP(VARCHAR, STRUCT(i INTEGER[]))": ("MAP {'k': {'i': [1, NULL]}}", "MAP {}"),
    "INTEGER[][]": ("[[1, 2], [], NULL]", "[]"),
}
RECENT = {
    "VARIANT": ("{'a': 1, 'b': ['x'], 'd': DATE '2026-01-01'}::VARIANT", "7::UTINYINT::VARIANT"),
    "GEOMETRY": ("'POINT (1 2)'", "'LINESTRING Z (0 0 1, 1 1 2)'"),
    "STRUCT(g GEOMETRY, l GEOMETRY[])": (
        "{'g': 'POINT (1 2)'::GEOMETRY, 'l': ['POINT (3 4)'::GEOMETRY, NULL]}",
        "{'g': NULL, 'l': []}",
    ),
    "MAP(INTEGER, GEOMETRY)": ("MAP {1: 'POINT (5 6)'::GEOMETRY}", "NULL"),
}
TYPES = SCALARS | NESTED | (RECENT if extension.DUCKLAKE == "1.0" else {})
COMPARED = [type_ for type_ in SCALARS if type_ != "JSON"]
"""Those that are compared with values in filters."""

UNSTORED = {"ARRAY", "BIGNUM", "BIT", "ENUM", "NULL", "TYPE", "UNION", "TIME_NS"} | (
    set() if extension.DUCKLAKE == "1.0" else {"VARIANT"}
)
"""What the extension does not take, saying `unsupported type`; TIME_NS it takes into the catalog, not into files."""


def named(type_: str) -> str:
    """Name the column of a type."""
    return f"c{list(TYPES).index(type_)}"


@dataclass
class Seen:
    """What a table shows."""

    types: list[tuple[str, str]]
    rows: list[tuple[str | None, ...]]


def see(connection: duckdb.DuckDBPyConnection, table: str) -> Seen:
    """Read a table, and see that filters find in it what they find in a copy."""
    described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    shown = [f"CAST({name} AS VARCHAR)" for name, _ in described]
    shown += [f"variant_typeof({name})" for name, type_ in described if type_ == "VARIANT"]
    rows = connection.execute(f"SELECT rowid, {', '.join(shown)} FROM {table} ORDER BY id").fetchall()
    connection.execute(f"CREATE OR REPLACE TEMP TABLE same AS FROM {table}")
    filters = [
        f"{named(type_)} {operator} CAST({value} AS {type_})"
        for type_ in COMPARED
        if named(type_) in dict(described)
        for operator, value in zip(("=", ">="), TYPES[type_], strict=True)
    ]
    filters += [f"{named('STRUCT(a INTEGER, b VARCHAR)')}.a = 1", f"{named('INTEGER[][]')}[1][2] = 2"]
    counts = ", ".join(f"count(*) FILTER (WHERE {where})" for where in filters)
    [wanted] = connection.execute(f"SELECT {counts} FROM same").fetchall()
    for where, count in zip(filters, wanted, strict=True):
        assert connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchall() == [(count,)], where
    return Seen(described, rows)


def columns(types: Iterable[str] = TYPES) -> str:
    """The columns of all types."""
    return ", ".join(f"{named(type_)} {type_}" for type_ in types)


def row(number: int, which: int, types: Iterable[str] = TYPES) -> str:
    """One row, with the first or the second value of each type."""
    return ", ".join([str(number), *(f"CAST({TYPES[type_][which]} AS {type_})" for type_ in types)])


@pytest.mark.versions
def test_no_type_is_missing() -> None:
    """A new one has to be added above."""
    known = {type_.partition("(")[0] for type_ in TYPES} | {"LIST"}
    found = duckdb.execute("SELECT DISTINCT logical_type FROM duckdb_types() WHERE database_name = 'system'").fetchall()
    assert {name for (name,) in found} <= known | UNSTORED


@pytest.mark.versions
def test_files_that_are_cut(tmp_path: Path) -> None:
    """A restore at a moment, a rewind and the restore of a table write a merged file anew."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(f"CREATE TABLE lake.t (id INTEGER, {columns()})", f"INSERT INTO lake.t SELECT {row(1, 0)}")
    with lake.session() as connection:
        connection.execute(f"INSERT INTO lake.t SELECT {row(2, 1)}")
        wanted = see(connection, "lake.t")
    lake.run(f"INSERT INTO lake.t SELECT {row(3, 0)}", "CALL ducklake_merge_adjacent_files('lake')")
    lake.backup()

    canvasback.restore(
        f"ducklake:{tmp_path}/at.ducklake", lake.repository, data_path=f"{tmp_path}/files", at_snapshot=3
    )
    with session(f"ducklake:{tmp_path}/at.ducklake") as connection:
        assert see(connection, "lake.t") == wanted
        connection.execute(f"INSERT INTO lake.t SELECT {row(9, 1)}")
        assert [found[1] for found in see(connection, "lake.t").rows] == ["1", "2", "9"]
    canvasback.restore_tables(lake.attach, lake.repository, "main.t", as_name="back", at_snapshot=3)
    with lake.session() as connection:
        assert see(connection, "lake.back") == wanted
    canvasback.rewind(lake.attach, to_snapshot=3, safety_point=False)
    with lake.session() as connection:
        assert see(connection, "lake.t") == wanted
    assert canvasback.check(lake.attach, level="rows").findings == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_were_inlined(engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """The restore of a table writes them to a file."""
    lake = Lake(
        tmp_path / "lake",
        options=("DATA_INLINING_ROW_LIMIT 10",),
        elsewhere=attach_string(engine, tmp_path, postgres),
    )
    # Geometries are never inlined, VARIANTs in DuckDB only, and JSON has tests of its own in PostgreSQL.
    absent = re.compile("GEOMETRY|VARIANT|^JSON$" if engine == "postgres" else "GEOMETRY|VARIANT")
    types = [type_ for type_ in TYPES if not absent.search(type_)]
    lake.run(f"CREATE TABLE lake.t (id INTEGER, {columns(types)})")
    with lake.session() as connection:
        connection.execute(f"INSERT INTO lake.t SELECT {row(1, 0, types)} UNION ALL SELECT {row(2, 1, types)}")
        wanted = see(connection, "lake.t")
    lake.run(f"INSERT INTO lake.t SELECT {row(3, 0, types)}")
    assert lake.files() == []
    lake.backup()

    canvasback.restore_tables(lake.attach, lake.repository, "main.t", as_name="back", at_snapshot=2)

    with lake.session() as connection:
        assert see(connection, "lake.back") == wanted
    assert len(lake.files()) == 1


@pytest.mark.versions
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("HUGEINT", "170141183460469231731687303715884105727"),
        ("UHUGEINT", "340282366920938463463374607431768211455"),
        ("INTERVAL", "INTERVAL '1 microsecond'"),
        ("INTERVAL", "INTERVAL '-1 day'"),
        ("TIMETZ", "'12:00:00+02'::TIMETZ"),
        *([("STRUCT(t TIME_NS)", "{'t': '12:00:00.000000001'}")] if extension.DUCKLAKE == "1.0" else []),
    ],
)
def test_what_parquet_does_not_hold_is_refused_by_name(type_: str, value: str, tmp_path: Path) -> None:
    """DuckLake's own flush changes such values."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 10",))
    lake.run(f"CREATE TABLE lake.t (id INTEGER, v {type_})", f"INSERT INTO lake.t VALUES (1, {value}), (2, NULL)")
    before = lake.read()
    lake.backup()
    with pytest.raises(RefusedError) as refused:
        canvasback.restore_tables(lake.attach, lake.repository, "main.t", as_name="back")
    assert refused.value.code == "value-not-kept"
    assert "main.t" in refused.value.message
    assert re.search(r"\bv\b", refused.value.message)
    assert lake.read() == before
    assert lake.files() == []


@pytest.mark.versions
def test_a_duckdb_without_geometries_cuts_none(tmp_path: Path) -> None:
    """It would take them for BLOBs, and write files that DuckLake cannot read as what they were."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    recent = extension.DUCKLAKE == "1.0"
    lake.run(
        f"CREATE TABLE lake.g (id INTEGER, p {'GEOMETRY' if recent else 'BLOB'})",
        "INSERT INTO lake.g VALUES (1, NULL)",
        "INSERT INTO lake.g VALUES (2, NULL)",
        "CALL ducklake_merge_adjacent_files('lake')",
        # The type needs an extension in 0.3, but the catalog says the same without.
        "UPDATE __ducklake_metadata_lake.ducklake_column SET column_type = 'geometry' WHERE column_name = 'p'",
    )
    lake.backup()
    to = f"ducklake:{tmp_path}/at.ducklake"
    if recent:
        canvasback.restore(to, lake.repository, data_path=f"{tmp_path}/files", at_snapshot=2)
        return
    with pytest.raises(RefusedError, match="geometries") as refused:
        canvasback.restore(to, lake.repository, data_path=f"{tmp_path}/files", at_snapshot=2)
    assert refused.value.code == "cannot-cut"
    assert not (tmp_path / "files").exists()


@pytest.mark.versions
def test_what_salvage_reads_of_files(tmp_path: Path) -> None:
    """The rows of every type; a file tells the type too, but for 128 bits and for whole seconds."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(f"CREATE TABLE lake.old (id INTEGER, {columns()})")
    before = lake.catalog.read_bytes()
    told = [type_ for type_ in TYPES if type_ not in {"HUGEINT", "UHUGEINT", "TIMESTAMP_S"}]
    lake.run(
        f"INSERT INTO lake.old SELECT {row(1, 0)} UNION ALL SELECT {row(2, 1)}",
        f"CREATE TABLE lake.new (id INTEGER, {columns(told)})",
        f"INSERT INTO lake.new SELECT {row(1, 0, told)} UNION ALL SELECT {row(2, 1, told)}",
    )
    truth = lake.read()
    lake.catalog.write_bytes(before)
    assert canvasback.salvage(lake.attach).findings == ()
    assert lake.read() == truth
    with lake.session() as connection:
        assert len(see(connection, "lake.old").rows) == 2
