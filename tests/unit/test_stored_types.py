"""Covers canvasback.repository.types: every DuckDB type goes through Parquet and comes back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from canvasback.model.relation import Column, Relation
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.chunks import relation_of
from canvasback.repository.division import divide
from canvasback.repository.types import stored_type
from canvasback.storage.local.store import LocalStore

VALUES: dict[str, list[str]] = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "SMALLINT": ["-32768", "32767"],
    "INTEGER": ["-2147483648", "2147483647"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807"],
    "HUGEINT": ["-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "1"],
    "UTINYINT": ["0", "255"],
    "USMALLINT": ["0", "65535"],
    "UINTEGER": ["0", "4294967295"],
    "UBIGINT": ["0", "18446744073709551615"],
    "UHUGEINT": ["0", "340282366920938463463374607431768211455"],
    "FLOAT": ["'nan'", "'inf'", "'-inf'", "'-0.0'", "1.1", "3.4028235e38", "1e-45"],
    "DOUBLE": ["'nan'", "'inf'", "'-inf'", "'-0.0'", "0.1", "1.7976931348623157e308", "5e-324"],
    "DECIMAL(4,1)": ["-999.9", "0.1"],
    "DECIMAL(18,3)": ["-999999999999999.999", "0"],
    "DECIMAL(38,10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
    "VARCHAR": ["''", "'it''s'", "'日本 🦆'", "'a' || chr(0) || 'b'", "repeat('x', 5000)", "' NULL '", "'NULL'"],
    "BLOB": ["''::BLOB", "'\\x00\\xFF\\x27'::BLOB", "'plain'::BLOB"],
    "UUID": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "DATE": ["'0001-01-01'", "'9999-12-31'", "'5877642-06-25 (BC)'", "'infinity'", "'-infinity'", "'0044-03-15 (BC)'"],
    "TIME": ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"],
    "TIMETZ": ["'12:00:00+00'", "'23:59:59.999999-15:59:59'", "'01:02:03.000004+05:30'"],
    "TIMESTAMP": ["'2026-11-22 13:14:15.678901'", "'infinity'", "'-infinity'", "'0001-01-01 00:00:00'"],
    "TIMESTAMP_S": ["'2026-11-22 13:14:15'", "'1969-12-31 23:59:59'", "'infinity'"],
    "TIMESTAMP_MS": ["'2026-11-22 13:14:15.678'", "'1969-12-31 23:59:59.001'", "'-infinity'"],
    "TIMESTAMP_NS": ["'2026-11-22 13:14:15.678901234'", "'1677-09-22 00:00:00.000000001'", "'infinity'"],
    "TIMESTAMP WITH TIME ZONE": ["'2026-11-22 13:14:15.678901+05:30'", "'infinity'", "'0001-01-01 00:00:00+00'"],
    "INTERVAL": [
        "INTERVAL '1' MONTH",
        "INTERVAL '30' DAY",
        "INTERVAL '-1 year 2 days -3 microseconds'",
        "INTERVAL '720' HOUR",
    ],
    "BIT": ["'0'", "'1'", "'0000000101'", "'11111111111111111'"],
    "BIGNUM": ["'123456789012345678901234567890123456789012345678901234567890'", "'-1'", "'0'"],
    "ENUM('a', 'it''s', 'ä b')": ["'a'", "'it''s'", "'ä b'"],
    "JSON": ["'{\"a\": [1, null, \"x\"],  \"b\":1.0}'", "'null'", "'\"text\"'", "'[]'"],
}  # fmt: skip

NESTINGS: dict[str, tuple[Callable[[str], str], Callable[[str, str], list[str]]]] = {
    "plain": (lambda t: t, lambda t, v: [v]),
    "list": (lambda t: f"{t}[]", lambda t, v: [f"[{v}, NULL]", f"[]::{t}[]", f"[NULL]::{t}[]"]),
    "list of lists": (lambda t: f"{t}[][]", lambda t, v: [f"[[{v}], [], NULL]::{t}[][]"]),
    "array": (lambda t: f"{t}[2]", lambda t, v: [f"[{v}, NULL]"]),
    "struct": (
        lambda t: f'STRUCT(a {t}, "odd "" name" {t}[])',
        lambda t, v: [f"row({v}, [{v}, NULL])", "row(NULL, NULL)", "row(NULL, [])"],
    ),
    "map": (
        lambda t: f"MAP(VARCHAR, {t})",
        lambda t, v: [f"MAP {{'k': {v}, '': NULL}}", "MAP {}"],
    ),
    "deep": (
        lambda t: f"STRUCT(m MAP(INTEGER, STRUCT(x {t}[2][]))[])",
        lambda t, v: [f"row([MAP {{7: row([[{v}, NULL], NULL])}}, MAP {{}}, NULL])", "row([])"],
    ),
}


def through_parquet(folder: Path, type_: str, values: list[str]) -> None:
    """Write values of a type as a chunk, read them, and compare types and texts, bit for bit."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kathmandu'")  # nothing may depend on it
        connection.execute(f"CREATE TABLE t (n BIGINT, v {type_})")
        for number, value in enumerate([*values, "NULL"]):
            connection.execute(f"INSERT INTO t SELECT {number}, CAST({value} AS {type_})")
        found = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 't' ORDER BY column_index"
        ).fetchall()
        columns = tuple(Column(*row) for row in found)
        store = LocalStore(folder)
        relation = Relation("t", columns, "SELECT * FROM t")
        chunks = ChunkWriter(connection, store, 1).write_fresh(divide(connection, relation, "n", 8192), ("n",))
        back = relation_of(connection, store, "t", columns, chunks)
        before = connection.execute("SELECT n, typeof(v), v::VARCHAR FROM t ORDER BY n").fetchall()
        after = connection.execute(f"SELECT n, typeof(v), v::VARCHAR FROM ({back.select}) ORDER BY n").fetchall()
        assert after == before
        connection.execute(f"CREATE TABLE again AS {back.select}")
        same = connection.execute(
            "SELECT count(*) FROM t JOIN again a USING (n) WHERE t.v IS NOT DISTINCT FROM a.v"
        ).fetchall()
        assert same == [(len(values) + 1,)]


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("type_", VALUES)
def test_round_trip(tmp_path: Path, type_: str, nesting: str) -> None:
    nested, valued = NESTINGS[nesting]
    values = [text for value in VALUES[type_] for text in valued(type_, f"CAST({value} AS {type_})")]
    through_parquet(tmp_path, nested(type_), values)


def test_maps_with_odd_keys(tmp_path: Path) -> None:
    for key, value in (("HUGEINT", "1"), ("TIMETZ", "'12:00:00+05:30'"), ("INTERVAL", "INTERVAL '1' MONTH")):
        through_parquet(tmp_path / key, f"MAP({key}, INTEGER)", [f"MAP {{CAST({value} AS {key}): 7}}"])


@pytest.mark.parametrize(
    ("type_", "stored"),
    [
        ("BIGINT", "BIGINT"),
        ("DECIMAL(12,2)", "DECIMAL(12,2)"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"),
        ("STRUCT(city VARCHAR, zip INTEGER)", "STRUCT(city VARCHAR, zip INTEGER)"),
        ("HUGEINT", "VARCHAR"),
        ("HUGEINT[]", "VARCHAR[]"),
        ("INTEGER[3]", "INTEGER[]"),
        ("JSON", "VARCHAR"),
        ("STRUCT(a TIMETZ, b INTEGER)", 'STRUCT("a" VARCHAR, "b" INTEGER)'),
        ("MAP(INTEGER, INTERVAL)", "MAP(INTEGER, VARCHAR)"),
    ],
)
def test_only_what_parquet_would_change_is_stored_as_text(type_: str, stored: str) -> None:
    assert stored_type(type_) == stored
