"""The footers of Parquet files, as DuckDB tells them: the one place that asks for them.

Each question goes to any number of files at a time: one query for many is much faster than one for each. Where one of
them has no footer that can be read, the whole query fails. What an encrypted file says, see `encryption`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import duckdb

from canvasback.model.relation import file_literal, literal


class Node(NamedTuple):
    """A column, or a group of columns, of a file."""

    name: str
    type: str | None
    children: int | None
    converted: str | None
    logical: str | None
    id: int | None
    scale: int | None
    precision: int | None


class Totals(NamedTuple):
    """What a footer says of a file as a whole: how many rows it has, and which program wrote it, in its own words."""

    rows: int
    writer: str


def schemas(paths: Iterable[str]) -> str:
    """A relation of the nodes of files: ``file_name``, and the columns of DuckDB's ``parquet_schema``.

    Args:
        paths: Local files, or such that have a file's end in its place.
    """
    return f"parquet_schema({_listed(paths)})"


def column_chunks(paths: Iterable[str]) -> str:
    """A relation of the columns of each row group: ``file_name``, and the columns of DuckDB's ``parquet_metadata``."""
    return f"parquet_metadata({_listed(paths)})"


def nodes_in(connection: duckdb.DuckDBPyConnection, path: str) -> list[Node]:
    """The schema of a file, the root first, each group before what is in it."""
    return [
        Node(*row)
        for row in connection.execute(
            "SELECT name, type, num_children, converted_type, logical_type, field_id, scale, precision "
            f"FROM {schemas([path])}"
        ).fetchall()
    ]


def field_ids_in(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> dict[str, list[int]]:
    """The field ids of files, those of nested fields and of DuckLake's own columns too; none has no entry."""
    found = connection.execute(
        f"SELECT file_name, list(field_id) FROM {schemas(paths)} WHERE field_id IS NOT NULL GROUP BY ALL"
    ).fetchall()
    return dict(found)


def totals_in(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> dict[str, Totals]:
    """What the footers of files say of each as a whole."""
    found = connection.execute(
        f"SELECT file_name, num_rows, created_by FROM parquet_file_metadata({_listed(paths)})"
    ).fetchall()
    return {path: Totals(int(rows), str(writer or "")) for path, rows, writer in found}


def note_in(connection: duckdb.DuckDBPyConnection, path: str, key: str) -> str | None:
    """What a file notes under a key beside its columns; None where it does not."""
    found = connection.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata({_listed([path])}) WHERE key = {literal(key)}::BLOB"
    ).fetchall()
    return str(found[0][0]) if found else None


def _listed(paths: Iterable[str]) -> str:
    return "[" + ", ".join(map(file_literal, paths)) + "]"
