"""The shape of an image's tables at one snapshot: columns, partitioning, sorting, comments; and what is no table.

All functions want an image in DuckDB's dialect, see `canvasback.catalog.dialects.in_dialect`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.logical import duckdb_name
from canvasback.catalog.reading.table_states import visible
from canvasback.model.relation import literal

_NESTED = {"struct", "list", "map"}


class ColumnShape(msgspec.Struct, frozen=True):
    """A column of a table, or a field of a nested one.

    Attributes:
        column_id: Its id, which a rename does not change.
        parent: The id of the column that it is a field of; None of a column of the table.
        name: Its name; that of a field begins with those of the columns it is nested in.
        own_name: Its name alone.
        type: Its type as DuckDB spells it; of a nested one only ``STRUCT``, ``LIST`` or ``MAP``.
        default: The default of new rows, as SQL or as a value; None where there is none.
        nullable: Whether it may be NULL.
        comment: Its comment.
    """

    column_id: int
    parent: int | None
    name: str
    own_name: str
    type: str
    default: str | None
    nullable: bool
    comment: str | None


class TableShape(msgspec.Struct, frozen=True):
    """A table's shape.

    Attributes:
        columns: By id, in their order.
        partitioning: The expressions, with commas between; None where there are none.
        sorting: The same of what it is sorted by.
        comment: Its comment.
    """

    columns: dict[int, ColumnShape] = {}
    partitioning: str | None = None
    sorting: str | None = None
    comment: str | None = None


class ObjectShape(msgspec.Struct, frozen=True):
    """A schema, a view or a macro.

    Attributes:
        kind: ``schema``, ``view`` or ``macro``.
        identity: Tells it from all others of its kind, whatever its name.
        schema: The name of its schema; empty of a schema.
        name: Its name.
        content: What it is, to compare.
    """

    kind: str
    identity: str
    schema: str
    name: str
    content: str


def table_shapes(image: Image, snapshot: int) -> dict[int, TableShape]:
    """The shapes of all tables that have columns at a snapshot, by ``table_id``."""
    columns = _columns(image, snapshot)
    partitioning = _partitioning(image, snapshot, columns)
    sorting = _sorting(image, snapshot)
    comments = {key[0]: value for key, value in _comments(image, snapshot, "ducklake_tag", "object_id").items()}
    return {
        table: TableShape(of, partitioning.get(table), sorting.get(table), comments.get(table))
        for table, of in columns.items()
    }


def object_shapes(image: Image, snapshot: int) -> list[ObjectShape]:
    """The schemas, views and macros that a snapshot sees."""
    at = visible("x", snapshot)
    schemas = image.rows(
        f"SELECT schema_id, CAST(schema_uuid AS VARCHAR), schema_name FROM {{ducklake_schema}} x WHERE {at} ORDER BY 1"
    )
    names = {schema_id: str(name) for schema_id, _, name in schemas}
    found = [ObjectShape("schema", f"{id_} {uuid}", "", str(name), "") for id_, uuid, name in schemas]
    comments = _comments(image, snapshot, "ducklake_tag", "object_id")
    found += [
        ObjectShape("view", f"{id_} {uuid}", names.get(schema, ""), str(name), f"{content} {comments.get((id_,))}")
        for id_, uuid, schema, name, content in image.rows(
            "SELECT view_id, CAST(view_uuid AS VARCHAR), schema_id, view_name, "
            f"concat_ws(' ', dialect, column_aliases, sql) FROM {{ducklake_view}} x WHERE {at} ORDER BY 1"
        )
    ]
    if "ducklake_macro" in image.tables:
        found += [
            ObjectShape("macro", f"{id_} {begin}", names.get(schema, ""), str(name), str(content))
            for id_, begin, schema, name, content in image.rows(
                "SELECT macro_id, begin_snapshot, schema_id, macro_name, (SELECT string_agg(concat_ws(' ', dialect, "
                "type, sql), ' ' ORDER BY impl_id) FROM {ducklake_macro_impl} i WHERE i.macro_id = x.macro_id) "
                f"FROM {{ducklake_macro}} x WHERE {at} ORDER BY 1"
            )
        ]
    return found


def _columns(image: Image, snapshot: int) -> dict[int, dict[int, ColumnShape]]:
    comments = _comments(image, snapshot, "ducklake_column_tag", "table_id", "column_id")
    rows = image.rows(
        "SELECT table_id, column_id, parent_column, column_name, column_type, default_value, nulls_allowed "
        f"FROM {{ducklake_column}} x WHERE {visible('x', snapshot)} ORDER BY table_id, column_order, column_id"
    )
    raw = {(row[0], row[1]): row for row in rows}
    found: dict[int, dict[int, ColumnShape]] = {}
    for table, id_, parent, name, type_, default, nullable in rows:
        found.setdefault(table, {})[id_] = ColumnShape(
            id_,
            parent,
            _full_name(raw, table, id_),
            str(name),
            str(type_).upper() if str(type_).lower() in _NESTED else duckdb_name(str(type_)),
            None if default in {None, "NULL"} else str(default),
            bool(nullable),
            comments.get((table, id_)),
        )
    return found


def _full_name(raw: dict[tuple[int, int], tuple[Any, ...]], table: int, id_: int) -> str:
    names: list[str] = []
    column: int | None = id_
    while column is not None and (table, column) in raw and len(names) <= len(raw):
        row = raw[table, column]
        names.insert(0, str(row[3]))
        column = row[2]
    return ".".join(names)


def _partitioning(image: Image, snapshot: int, columns: dict[int, dict[int, ColumnShape]]) -> dict[int, str | None]:
    rows = image.rows(
        "SELECT x.table_id, list([CAST(c.column_id AS VARCHAR), c.transform] ORDER BY c.partition_key_index) "
        "FROM {ducklake_partition_info} x JOIN {ducklake_partition_column} c "
        f"ON c.partition_id = x.partition_id AND c.table_id = x.table_id WHERE {visible('x', snapshot)} GROUP BY ALL"
    )
    found: dict[int, str | None] = {}
    for table, keys in rows:
        of = columns.get(table, {})
        if image.record.version == "0.1":  # it counts the table's columns instead of naming them by their ids
            order = [column for column in of.values() if column.parent is None]
            named = {str(number): column.name for number, column in enumerate(order)}
        else:
            named = {str(id_): column.name for id_, column in of.items()}
        shown = [(named.get(id_, f"column {id_}"), transform) for id_, transform in keys]
        found[table] = ", ".join(n if t in {None, "identity"} else f"{t}({n})" for n, t in shown)
    return found


def _sorting(image: Image, snapshot: int) -> dict[int, str]:
    if not image.has("ducklake_sort_info", "sort_id"):
        return {}
    return dict(
        image.rows(
            "SELECT x.table_id, string_agg(concat_ws(' ', e.expression, e.sort_direction, e.null_order), ', ' "
            "ORDER BY e.sort_key_index) FROM {ducklake_sort_info} x JOIN {ducklake_sort_expression} e "
            f"ON e.sort_id = x.sort_id AND e.table_id = x.table_id WHERE {visible('x', snapshot)} GROUP BY 1"
        )
    )


def _comments(image: Image, snapshot: int, table: str, *keys: str) -> dict[tuple[int, ...], str]:
    """The comments of a table of tags. A later one of 0.3 overwrites the ends of all before it: the last one holds."""
    shown = ", ".join(keys)
    rows = image.rows(
        f'SELECT {shown}, arg_max("value", begin_snapshot) FROM {{{table}}} x '
        f'WHERE "key" = {literal("comment")} AND {visible("x", snapshot)} GROUP BY {shown}'
    )
    return {tuple(row[:-1]): str(row[-1]) for row in rows if row[-1] not in {None, ""}}
