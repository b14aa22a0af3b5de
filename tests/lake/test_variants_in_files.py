"""VARIANTs in files that are written anew: shredded or not, with their types, and filtered as before."""

from __future__ import annotations

from pathlib import Path

import duckdb

import canvasback
from tests.lake.builder import Lake, session

FILTERS = (
    "v IS NULL",
    "v IS NOT NULL",
    "v.a::INTEGER = 3",
    "v.a::INTEGER > 3",
    "v.b::VARCHAR = 'x7'",
    "v.a::INTEGER = 1000",
    "v.n.c::INTEGER <= 4",
    "variant_typeof(v) = 'VARCHAR'",
)


def see(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[object, ...]]:
    """Read a table, and see that filters find what they find in a copy."""
    rows = connection.execute(
        f"SELECT rowid, id, v::VARCHAR, variant_typeof(v), variant_typeof(v.a) FROM {table} ORDER BY id"
    ).fetchall()
    connection.execute(f"CREATE OR REPLACE TEMP TABLE same AS FROM {table}")
    for where in FILTERS:
        counts = [
            connection.execute(f"SELECT count(*) FROM {one} WHERE TRY({where})").fetchall() for one in (table, "same")
        ]
        assert counts[0] == counts[1], where
    return rows


def test_shredded_files_that_are_cut(tmp_path: Path) -> None:
    """Values, their types, and what is found by the statistics of their parts."""
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        "CREATE TABLE lake.v (id INTEGER, v VARIANT)",
        "INSERT INTO lake.v SELECT range, {'a': range::INTEGER, 'b': 'x' || range, 'n': {'c': range % 5}}::VARIANT "
        "FROM range(10)",
        "INSERT INTO lake.v VALUES (20, NULL), (21, 'text'::VARIANT), (22, [1, NULL]::VARIANT)",
    )
    with lake.session() as connection:
        wanted = see(connection, "lake.v")
    lake.run(
        "INSERT INTO lake.v VALUES (30, {'a': 1000, 'b': 'zzz'}::VARIANT), (31, {'a': 'other'}::VARIANT)",
        "CALL ducklake_merge_adjacent_files('lake')",
    )
    merged = lake.files()[-1]
    [(shredded,)] = duckdb.execute(
        f"SELECT count(*) FROM parquet_schema('{merged}') WHERE name = 'typed_value'"
    ).fetchall()
    assert shredded > 0
    lake.backup()
    to = f"ducklake:{tmp_path}/at.ducklake"
    canvasback.restore(to, lake.repository, data_path=f"{tmp_path}/files", at_snapshot=3)
    with session(to) as connection:
        assert see(connection, "lake.v") == wanted
        connection.execute("INSERT INTO lake.v VALUES (40, {'a': 2000}::VARIANT)")
        assert see(connection, "lake.v")[:-1] == wanted
    canvasback.restore_tables(lake.attach, lake.repository, "main.v", as_name="back", at_snapshot=3)
    canvasback.rewind(lake.attach, to_snapshot=3, safety_point=False)
    with lake.session() as connection:
        assert see(connection, "lake.v") == wanted
    assert canvasback.check(lake.attach, level="rows").findings == ()
