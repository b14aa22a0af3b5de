"""Inlined rows as a file: what a table has in the catalog goes to a new table like any other file."""

from __future__ import annotations

import msgspec

from canvasback.catalog.adoption import ColumnStats
from canvasback.catalog.edits import Value
from canvasback.catalog.image import Image
from canvasback.catalog.inlined import inlined_tables, own_column
from canvasback.catalog.logical import LakeTypes, lake_columns
from canvasback.catalog.spec import ROW_ID, ROW_ID_FIELD
from canvasback.catalog.state import visible
from canvasback.model.relation import identifier, literal
from canvasback.operations.file_statistics import column_stats, fields_in


class InlinedFile(msgspec.Struct, frozen=True):
    """A file of rows that were inlined.

    Attributes:
        rows: How many there are.
        first: The lowest row id.
        stats: Rows of ``ducklake_file_column_stats`` for it.
    """

    rows: int
    first: int
    stats: tuple[dict[str, Value], ...]


def write_inlined_rows(image: Image, table_id: int, snapshot: int, path: str) -> InlinedFile | None:
    """Write the inlined rows that a snapshot sees to a Parquet file, with their row ids.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        table_id: The table.
        snapshot: The snapshot.
        path: The file to write.

    Returns:
        What was written; None where the snapshot sees no inlined row.
    """
    columns = image.rows(
        "SELECT column_id, column_name, column_type, parent_column, initial_default FROM {ducklake_column} x "
        f"WHERE table_id = {table_id} AND {visible('x', snapshot)} ORDER BY column_order"
    )
    types, begins = _types(image)
    [(version,)] = image.rows(f"SELECT schema_version FROM {{ducklake_snapshot}} s WHERE snapshot_id = {snapshot}")
    top = [
        (id_, name, types.of(table_id, version, name), default) for id_, name, _, up, default in columns if up is None
    ]
    selects = []
    for name, of, at_version in inlined_tables(image):
        if of != table_id:
            continue
        own, begin, end = (own_column(image, name, one) for one in ("row_id", "begin_snapshot", "end_snapshot"))
        held = dict(
            image.rows(
                "SELECT column_id, column_name FROM {ducklake_column} x WHERE parent_column IS NULL "
                f"AND table_id = {table_id} AND {visible('x', begins.get(at_version, snapshot))}"
            )
        )
        shown = ", ".join(
            f"CAST({identifier(held[id_]) if id_ in held else _default(default)} AS {type_}) AS {identifier(column)}"
            for id_, column, type_, default in top
        )
        selects.append(
            f"SELECT {shown}, {own} AS {ROW_ID} FROM {{{name}}} i "
            f"WHERE {begin} <= {snapshot} AND ({end} IS NULL OR {end} > {snapshot})"
        )
    if not selects:
        return None
    rows = " UNION ALL ".join(selects)
    [(count, first)] = image.rows(f"SELECT count(*), min({ROW_ID}) FROM ({rows})")
    if not count:
        return None
    children: dict[int | None, list[tuple[int, str]]] = {}
    for id_, name, _, parent, _ in columns:
        children.setdefault(parent, []).append((id_, name))
    ids = ", ".join([_fields(id_, name, children) for id_, name in children[None]] + [f"{ROW_ID}: {ROW_ID_FIELD}"])
    image.rows(f"COPY ({rows}) TO {literal(path)} (FORMAT parquet, FIELD_IDS {{{ids}}})")
    types_by_id = {int(id_): str(kind) for id_, _, kind, _, _ in columns}
    stats = [
        _stats(told) for told in column_stats(image.connection, path, fields_in(image.connection, path), types_by_id)
    ]
    return InlinedFile(int(count), int(first), tuple(stats))


def _types(image: Image) -> tuple[LakeTypes, dict[int, int]]:
    columns = image.rows(
        "SELECT column_id, table_id, column_name, column_type, parent_column, begin_snapshot, end_snapshot "
        "FROM {ducklake_column} c"
    )
    begins = dict(image.rows("SELECT schema_version, min(snapshot_id) FROM {ducklake_snapshot} s GROUP BY 1"))
    if "ducklake_schema_versions" in image.tables:
        begins |= dict(
            image.rows("SELECT schema_version, min(begin_snapshot) FROM {ducklake_schema_versions} v GROUP BY 1")
        )
    return LakeTypes(lake_columns(columns), begins), begins


def _default(value: str | None) -> str:
    return "NULL" if value is None else literal(value)


def _fields(id_: int, name: str, children: dict[int | None, list[tuple[int, str]]]) -> str:
    inner = children.get(id_)
    if not inner:
        return f"{identifier(name)}: {id_}"
    return (
        f"{identifier(name)}: {{{', '.join([f'__duckdb_field_id: {id_}', *(_fields(*c, children) for c in inner)])}}}"
    )


def _stats(told: ColumnStats) -> dict[str, Value]:
    return {
        "column_id": told.column_id,
        "column_size_bytes": told.bytes,
        "value_count": told.values,
        "null_count": told.nulls,
        "min_value": told.low,
        "max_value": told.high,
        "contains_nan": told.nan,
    }
