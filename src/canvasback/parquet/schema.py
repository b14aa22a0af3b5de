"""The shape of a lake's Parquet file: its columns' ids and what it says of geometries. What is written anew keeps it.

DuckLake finds every column, and every part of a nested one, by its field id. A VARIANT has one id as a whole: how it is
laid out below, shredded or not, is the writer's own matter. A geometry is known by its type in the file (DuckLake 1.0)
or by a note beside the columns (0.3, by its spatial extension); left to itself, DuckDB would turn the one into
the other, and so lose those that are nested.
Source: the extension's `GetFieldIdValue` and `DuckLakeInsert::GetCopyOptions`, 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from canvasback.model.relation import identifier, literal
from canvasback.parquet.footers import nodes_in, note_in

_REPEATED = {"LIST": ("element",), "MAP": ("key", "value")}
_GEO = "geo"


def field_ids(connection: duckdb.DuckDBPyConnection, path: str) -> dict[str, str]:
    """The field ids of a file, by column, as COPY takes them: a number, or a struct of numbers."""
    nodes = nodes_in(connection, path)
    position = 0

    def read() -> tuple[str, str]:
        nonlocal position
        node = nodes[position]
        position += 1
        names, children = _REPEATED.get(node.converted or "", ()), node.children or 0
        if names:  # what repeats is a group in between that has no name in SQL
            children = nodes[position].children or 0
            position += 1
        inner = [read() for _ in range(children)]
        if names:
            inner = [(shown, spec) for shown, (_, spec) in zip(names, inner, strict=True)]
        parts = [f"{identifier(child)}: {spec}" for child, spec in inner if spec]
        if not parts:  # a VARIANT's parts have none, however deep they are
            return node.name, "" if node.id is None else str(node.id)
        own = [] if node.id is None else [f"__duckdb_field_id: {node.id}"]
        return node.name, "{" + ", ".join(own + parts) + "}"

    root = nodes[position]
    position += 1
    found = dict(read() for _ in range(root.children or 0))
    return {name: spec for name, spec in found.items() if spec}


def geography(connection: duckdb.DuckDBPyConnection, path: str) -> str | None:
    """What a file notes beside its columns of those that are geometries; None where it has no such note."""
    return note_in(connection, path, _GEO)


def knows_geometries(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether DuckDB has the type itself, from 1.5 on. Else it would write anew what DuckLake cannot read as one."""
    return bool(connection.execute("SELECT 1 FROM duckdb_types() WHERE type_name = 'geometry'").fetchall())


def has_geometries(connection: duckdb.DuckDBPyConnection, path: str) -> bool:
    """Whether a file has columns of that type."""
    return any((node.logical or "").startswith("GeometryType") for node in nodes_in(connection, path))


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    select: str,
    path: str,
    fields: Mapping[str, str],
    geographic: str | None = None,
) -> None:
    """Write rows to a file as DuckLake does.

    Args:
        connection: Where they can be selected from.
        select: A SELECT of them.
        path: The local file.
        fields: Field ids, see `field_ids`.
        geographic: See `geography`.

    Raises:
        duckdb.Error: They cannot be read, or written.
    """
    ids = ", ".join(f"{identifier(name)}: {spec}" for name, spec in fields.items())
    given = f", FIELD_IDS {{{ids}}}" if fields else ""
    noted = "" if geographic is None else f", KV_METADATA {{{_GEO}: {literal(geographic)}}}"
    connection.execute(f"COPY ({select}) TO {literal(path)} (FORMAT parquet, GEOPARQUET_VERSION 'NONE'{given}{noted})")
