"""DuckDB with the real ducklake extension.

duckdb is imported on use, never at the top of a module: the process that measures must stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with ducklake loaded, from the duckdb_ext package or else installed."""
    import duckdb  # noqa: PLC0415

    connection = duckdb.connect()
    try:
        import duckdb_ext  # noqa: PLC0415
    except ImportError:
        connection.execute("INSTALL ducklake")
    else:
        connection = duckdb_ext.init(connection)
    connection.execute("LOAD ducklake")
    connection.execute("SET enable_progress_bar = false")
    return connection


def quoted(text: object) -> str:
    """A SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
