"""What a lake tells of its changes: `ducklake_table_changes` reads files by the snapshots that the catalog notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from tests.lake.values import literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Changes = dict[str, list[str]]
"""By table and range of snapshots: the changes, with snapshot, row id and kind, sorted; or what the extension says."""

__all__ = ["Changes", "changes", "unlike"]


def changes(connection: duckdb.DuckDBPyConnection, spans: Iterable[tuple[int, int]]) -> Changes:
    """Ask the lake that is attached as `lake` for the changes of each table that its head has.

    Args:
        connection: Has it attached.
        spans: From which snapshot to which to ask, both included.
    """
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
    ).fetchall()
    asked = list(spans)
    found: Changes = {}
    for schema, table in tables:
        for first, last in asked:
            of = f"ducklake_table_changes('lake', {literal(schema)}, {literal(table)}, {first}, {last})"
            try:
                rows = connection.execute(f"SELECT c::VARCHAR FROM {of} c").fetchall()
            except duckdb.Error as error:  # before the table, or of a time that the extension cannot read
                rows = [(f"{type(error).__name__}: {str(error).splitlines()[0]}",)]
            found[f"{schema}.{table} from {first} to {last}"] = sorted(row for (row,) in rows)
    return found


def unlike(told: Changes, wanted: Changes) -> Changes:
    """What is told otherwise than wanted, of the tables that were asked for on both sides."""
    return {span: rows for span, rows in told.items() if span in wanted and rows != wanted[span]}
