"""DuckDB with the real ducklake extension.

duckdb is imported on use, never at the top of a module: the process that measures must stay small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with ducklake and what it needs for all engines loaded."""
    from tests import extension  # noqa: PLC0415

    connection = extension.connect("httpfs", "postgres_scanner", "sqlite_scanner")
    connection.execute("SET enable_progress_bar = false")
    return connection


def quoted(text: object) -> str:
    """A SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
