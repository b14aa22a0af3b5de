"""The tables of a catalog that a connection of DuckDB has attached."""

from __future__ import annotations

import duckdb

from canvasback.catalog.engines.schemas import MARKS, choose_schema
from canvasback.catalog.image import select_all
from canvasback.model.relation import Column, Relation


def find_schema(connection: duckdb.DuckDBPyConnection, database: str, wanted: str, what: str) -> str:
    """The schema of a database that holds the catalog; see `choose_schema`."""
    found = connection.execute(
        "SELECT schema_name FROM duckdb_tables() WHERE database_name = ? AND list_contains(?, table_name) "
        "GROUP BY ALL HAVING count(*) = ? ORDER BY ALL",
        [database, list(MARKS), len(MARKS)],
    ).fetchall()
    return choose_schema([row[0] for row in found], wanted, what)


def read_tables(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> dict[str, Relation]:
    """The catalog's tables, as they are."""
    where = "database_name = $1 AND schema_name = $2"
    columns: dict[str, list[Column]] = {}
    for table, name, type_, nullable in connection.execute(
        f"SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE {where} "
        f"AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE {where}) "
        "AND starts_with(table_name, 'ducklake_') ORDER BY table_name, column_index",
        [database, schema],
    ).fetchall():
        columns.setdefault(table, []).append(Column(name, type_, bool(nullable)))
    keys = dict(
        connection.execute(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            f"WHERE constraint_type = 'PRIMARY KEY' AND {where}",
            [database, schema],
        ).fetchall()
    )
    return {
        table: Relation(table, tuple(found), select_all(database, schema, table), tuple(keys.get(table, ())))
        for table, found in columns.items()
    }
