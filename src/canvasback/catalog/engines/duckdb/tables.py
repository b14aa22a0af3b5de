"""The tables of a catalog that a connection of DuckDB has attached."""

from __future__ import annotations

import duckdb

from canvasback.catalog.engines.schemas import MARKS, choose_schema
from canvasback.catalog.image import select_all
from canvasback.model.relation import Column, Relation, identifier, literal

_FEW = 100
"""Of so many tables each is asked for its columns: to list all there are, DuckDB first makes its own hundred views."""


def find_schema(connection: duckdb.DuckDBPyConnection, database: str, wanted: str, what: str) -> str:
    """The schema of a database that holds the catalog; see `choose_schema`."""
    found = connection.execute(
        f"SELECT schema_name FROM duckdb_tables() WHERE database_name = {literal(database)} "
        f"AND table_name IN ({', '.join(map(literal, MARKS))}) "
        f"GROUP BY ALL HAVING count(*) = {len(MARKS)} ORDER BY ALL"
    ).fetchall()
    return choose_schema([row[0] for row in found], wanted, what)


def read_tables(connection: duckdb.DuckDBPyConnection, database: str, schema: str) -> dict[str, Relation]:
    """The catalog's tables, as they are."""
    where = f"database_name = {literal(database)} AND schema_name = {literal(schema)}"
    listed = connection.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE {where} AND starts_with(table_name, 'ducklake_') ORDER BY 1"
    ).fetchall()
    columns: dict[str, list[Column]] = {table: [] for (table,) in listed}
    for table, name, type_, nullable in connection.execute(
        f"SELECT table_name, column_name, data_type, is_nullable FROM ({_columns(database, schema, [*columns])}) "
        "ORDER BY table_name, column_index"
    ).fetchall():
        columns[table].append(Column(name, type_, bool(nullable)))
    keys = dict(
        connection.execute(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            f"WHERE constraint_type = 'PRIMARY KEY' AND {where}"
        ).fetchall()
    )
    return {
        table: Relation(table, tuple(found), select_all(database, schema, table), tuple(keys.get(table, ())))
        for table, found in columns.items()
    }


def _columns(database: str, schema: str, tables: list[str]) -> str:
    """A SELECT of the columns of tables, as `duckdb_columns` has them."""
    if len(tables) > _FEW or any('"' in name for name in (schema, *tables)):  # which 1.4 does not find, quoted or not
        return (
            f"FROM duckdb_columns() WHERE database_name = {literal(database)} AND schema_name = {literal(schema)} "
            f"AND table_name IN ({', '.join(map(literal, tables))})"
        )
    return " UNION ALL ".join(
        f"SELECT {literal(table)} AS table_name, name AS column_name, type AS data_type, "
        'NOT "notnull" AS is_nullable, cid AS column_index '
        f"FROM pragma_table_info({literal('.'.join(map(identifier, (database, schema, table))))})"
        for table in tables
    )
