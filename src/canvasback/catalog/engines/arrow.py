"""Tables between another database and DuckDB, as streams of Arrow: column by column, with bounded memory.

The drivers speak ADBC. They need no other library of Arrow: DuckDB takes and gives the C stream itself.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
from adbc_driver_manager import dbapi

from canvasback.catalog.connections import connect
from canvasback.catalog.spec import chunk_key
from canvasback.model.relation import Relation, identifier, literal

_STREAM = "arrow_stream"
_WINDOW = 250_000
_DATABASE = "image"


class Loader:
    """Fills a database of DuckDB in a temporary folder with tables of another database.

    Args:
        folder: The folder.

    Attributes:
        connection: The connection in which the tables can be selected from.
        loaded: The tables that were loaded.
    """

    def __init__(self, folder: str) -> None:
        self.connection = connect(folder)
        path = os.path.join(folder, "image.duckdb")
        self.connection.execute(f"ATTACH {literal(path)} AS {_DATABASE} (STORAGE_VERSION 'v1.2.0')")
        self.connection.execute("SET force_compression = 'uncompressed'")  # it is read once
        self.loaded: set[str] = set()

    def load(self, cursor: dbapi.Cursor, sql: str, table: str, columns: Mapping[str, str], where: str = "true") -> None:
        """Create a table from the answer to a query.

        Args:
            cursor: A cursor of the other database.
            sql: The query in its own language; its columns come in the order of ``columns``.
            table: The table to create.
            columns: Names and DuckDB types.
            where: A condition on the answer's columns, in DuckDB's SQL.

        Raises:
            adbc_driver_manager.Error: The other database refused.
            duckdb.Error: The stream broke off.
        """
        cursor.execute(sql)
        shown = ", ".join(
            f"CAST({identifier(name)} AS {type_}) AS {identifier(name)}" for name, type_ in columns.items()
        )
        target = f"{_DATABASE}.{identifier(table)}"
        self.connection.register(_STREAM, cursor.fetch_arrow())
        try:
            self.connection.execute(f"CREATE OR REPLACE TABLE {target} AS SELECT {shown} FROM {_STREAM} WHERE {where}")
        finally:
            self.connection.unregister(_STREAM)
        self.loaded.add(table)

    def select(self, table: str) -> str:
        """A SELECT of a table that was loaded."""
        return f"SELECT * FROM {_DATABASE}.{identifier(table)}"


def query(cursor: dbapi.Cursor, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a small answer."""
    cursor.execute(sql)
    with _decoder().cursor() as connection:
        connection.register(_STREAM, cursor.fetch_arrow())
        return connection.execute(f"FROM {_STREAM}").fetchall()


@cache
def _decoder() -> duckdb.DuckDBPyConnection:
    """A DuckDB to take small answers apart with: to start one takes longer than most queries."""
    return connect(None, threads=1, reach=())


def command(cursor: dbapi.Cursor, sql: str) -> None:
    """Run a statement without an answer in the transaction that is going on; ``executescript`` would commit it."""
    cursor.adbc_statement.set_sql_query(sql)
    cursor.adbc_statement.execute_update()


def append(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    cursor: dbapi.Cursor,
    table: str,
    shown: Sequence[str],
    *,
    schema: str | None = None,
    temporary: bool = False,
) -> None:
    """Append a relation's rows to a table of the other database.

    Args:
        connection: Where the relation can be selected from.
        relation: The rows.
        cursor: A cursor of the other database.
        table: The table, which exists.
        shown: An expression of DuckDB's SQL for each of its columns.
        schema: The table's schema, where the database has some.
        temporary: Whether it is a temporary table.
    """
    # A driver holds a whole batch of DuckDB's, a million rows, in its own form: so not all at once.
    for window in _windows(connection, relation):
        reader = connection.cursor()
        try:
            rows = reader.sql(f"SELECT {', '.join(shown)} FROM ({relation.select}) WHERE {window}")
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name=schema, temporary=temporary)
        finally:
            reader.close()


def _windows(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[str]:
    """Conditions that divide a relation into parts of about so many rows as are worth a call."""
    key = chunk_key(relation.name, {column.name: column.type for column in relation.columns})
    [(count,)] = connection.execute(f"SELECT count(*) FROM ({relation.select})").fetchall()
    if key is None or count <= _WINDOW:
        return ["true"]
    name, parts = identifier(key), count // _WINDOW + 1
    quantiles = [number / parts for number in range(1, parts)]
    [(found,)] = connection.execute(f"SELECT approx_quantile({name}, {quantiles}) FROM ({relation.select})").fetchall()
    bounds = sorted(set(found or [0]))
    inner = [f"{name} >= {low} AND {name} < {high}" for low, high in itertools.pairwise(bounds)]
    return [f"{name} < {bounds[0]}", *inner, f"({name} >= {bounds[-1]} OR {name} IS NULL)"]
