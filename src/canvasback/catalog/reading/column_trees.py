"""The columns of a table as trees, and how a value of one shape becomes one of a later shape.

DuckLake knows a column, and each field of a nested one, by its id: a field may be renamed, dropped and added anew under
the same name, or get a wider type. DuckDB's casts between structs go by names and would take one field for another,
or lose it, so that values are taken apart and put together again field by field.
Source: the specification's page on schema evolution; the extension's `DuckLakeMultiFileReader` does so for files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.logical import scalar_type
from canvasback.catalog.reading.table_states import visible
from canvasback.model.relation import identifier, literal

_NESTED = frozenset({"struct", "list", "map"})
_WITHOUT_BOUNDS = {"variant": "VARIANT", "geometry": "GEOMETRY"}


class Tree(msgspec.Struct, frozen=True):
    """A column, or a field of a nested one.

    Attributes:
        id: Its ``column_id``.
        name: Its name.
        kind: DuckLake's name of its type.
        default: What rows have in it that were written before it was added; None for NULL.
        fields: What it consists of, if it is nested.
    """

    id: int
    name: str
    kind: str
    default: str | None
    fields: tuple[Tree, ...] = ()

    @property
    def type(self) -> str | None:
        """Its DuckDB type; None where a type is in it that nobody knows."""
        if self.kind not in _NESTED:
            return _WITHOUT_BOUNDS.get(self.kind) or scalar_type(self.kind)
        types = [field.type for field in self.fields]
        if not types or None in types:
            return None
        if self.kind == "list":
            return f"{types[0]}[]"
        if self.kind == "map":
            return f"MAP({types[0]}, {types[1]})"
        return (
            f"STRUCT({', '.join(f'{identifier(f.name)} {type_}' for f, type_ in zip(self.fields, types, strict=True))})"
        )

    def kinds(self) -> set[str]:
        """DuckLake's names of all types in it."""
        return {self.kind}.union(*(field.kinds() for field in self.fields))

    def kinds_by_id(self) -> Iterator[tuple[int, str]]:
        """DuckLake's names of the types of it and of all that is in it."""
        yield self.id, self.kind
        for field in self.fields:
            yield from field.kinds_by_id()

    @property
    def field_ids(self) -> str:
        """The ids of it and of all that is in it, as COPY takes them."""
        if not self.fields:
            return str(self.id)
        inner = [f"{identifier(field.name)}: {field.field_ids}" for field in self.fields]
        return "{" + ", ".join([f"__duckdb_field_id: {self.id}", *inner]) + "}"


def column_trees(image: Image, table_id: int, snapshot: int) -> list[Tree]:
    """The columns of a table as a snapshot sees them, in order.

    Args:
        image: The catalog in DuckDB's dialect.
        table_id: The table.
        snapshot: The snapshot.
    """
    rows = image.rows(
        "SELECT column_id, column_name, column_type, parent_column, initial_default FROM {ducklake_column} x "
        f"WHERE table_id = {table_id} AND {visible('x', snapshot)} ORDER BY column_order, column_id"
    )
    below: dict[int | None, list[tuple[Any, ...]]] = {}
    for row in rows:
        below.setdefault(row[3], []).append(row)

    def tree(row: tuple[Any, ...]) -> Tree:
        id_, name, kind, _, default = row
        return Tree(int(id_), str(name), str(kind).lower(), default, tuple(tree(child) for child in below.get(id_, [])))

    return [tree(row) for row in below.get(None, [])]


def taken_over(value: str, old: Tree | None, new: Tree, depth: int = 0) -> str:
    """An expression for a value of one shape in another.

    Args:
        value: An expression that yields it.
        old: Its shape; None where it is not there, so that the default stands for it.
        new: The other shape, whose type is known.
        depth: How deep in the value that is.
    """
    if old is None:
        return f"CAST({'NULL' if new.default is None else literal(new.default)} AS {new.type})"
    if old.kind != new.kind or new.kind not in _NESTED or _shape(old) == _shape(new):
        return f"CAST({value} AS {new.type})"
    within = {field.id: field for field in old.fields}
    if new.kind == "struct":
        parts = ", ".join(
            f"{identifier(field.name)} := "
            + taken_over(_part(value, within.get(field.id)), within.get(field.id), field, depth)
            for field in new.fields
        )
        made = f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({parts}) END"
    else:
        each = f"e{depth}"
        if new.kind == "list":
            element = taken_over(each, old.fields[0], new.fields[0], depth + 1)
            made = f"list_transform({value}, lambda {each}: {element})"
        else:
            key, held = (
                taken_over(f"struct_extract({each}, '{side}')", old.fields[at], new.fields[at], depth + 1)
                for at, side in enumerate(("key", "value"))
            )
            made = (
                f"CASE WHEN {value} IS NULL THEN NULL ELSE map_from_entries(list_transform(map_entries({value}), "
                f"lambda {each}: struct_pack(k := {key}, v := {held}))) END"
            )
    return f"CAST({made} AS {new.type})"


def _part(value: str, field: Tree | None) -> str:
    return "NULL" if field is None else f"struct_extract({value}, {literal(field.name)})"


def _shape(tree: Tree) -> tuple[object, ...]:
    """What two trees have in common whose values a cast takes from one to the other."""
    return (tree.id, tree.kind in _NESTED or "", tree.name, *(_shape(field) for field in tree.fields))
