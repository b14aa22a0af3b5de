"""What of a table's shape, and of schemas, views and macros, is not as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, cast

from canvasback.catalog.reading.table_shapes import ColumnShape, ObjectShape, TableShape
from canvasback.model.results.diff import Change, ObjectDifference

_Kind = Literal["schema", "view", "macro"]


def alterations(before: TableShape, after: TableShape) -> tuple[Change, ...]:
    """The changes of a table's shape: columns in their order, then the rest."""
    found = list(_columns(before.columns, after.columns))
    for part in ("partitioning", "sorting", "comment"):
        old, new = getattr(before, part), getattr(after, part)
        if old != new:
            found.append(Change(part=part, change="changed", name="", before=old, after=new))
    return tuple(found)


def object_differences(before: Iterable[ObjectShape], after: Iterable[ObjectShape]) -> tuple[ObjectDifference, ...]:
    """The schemas, views and macros that came, went, or changed. One that was replaced has changed."""
    older = {(shape.kind, shape.identity): shape for shape in before}
    newer = {(shape.kind, shape.identity): shape for shape in after}
    gone = {(o.kind, o.schema, o.name): o for key, o in older.items() if key not in newer}
    found: list[ObjectDifference] = []
    for key, shape in newer.items():
        kind, replaced = cast("_Kind", shape.kind), (shape.kind, shape.schema, shape.name)
        old = older.get(key)
        if old is None and shape.kind != "schema" and replaced in gone:
            old = gone.pop(replaced)
        if old is None:
            found.append(ObjectDifference(kind=kind, schema=shape.schema, name=shape.name, change="created"))
            continue
        if (old.schema, old.name) != (shape.schema, shape.name):
            old_name = f"{old.schema}.{old.name}" if old.schema else old.name
            found.append(
                ObjectDifference(kind=kind, schema=shape.schema, name=shape.name, change="renamed", old_name=old_name)
            )
        if old.content != shape.content:
            found.append(ObjectDifference(kind=kind, schema=shape.schema, name=shape.name, change="changed"))
    found += [
        ObjectDifference(kind=cast("_Kind", o.kind), schema=o.schema, name=o.name, change="dropped")
        for o in gone.values()
    ]
    return tuple(sorted(found, key=lambda o: (["schema", "view", "macro"].index(o.kind), o.schema, o.name, o.change)))


def _columns(before: dict[int, ColumnShape], after: dict[int, ColumnShape]) -> Iterator[Change]:
    for id_, new in after.items():
        old = before.get(id_)
        if old is None:
            if new.parent not in after or new.parent in before:  # its parent says it all
                yield Change(part="column", change="added", name=new.name, before=None, after=new.type)
            continue
        yield from _column(old, new)
    for id_, old in before.items():
        if id_ not in after and (old.parent not in before or old.parent in after):
            yield Change(part="column", change="dropped", name=old.name, before=old.type, after=None)


def _column(old: ColumnShape, new: ColumnShape) -> Iterator[Change]:
    if old.own_name != new.own_name:
        yield Change(part="column", change="renamed", name=new.name, before=old.name, after=new.name)
    if old.type != new.type:
        yield Change(part="column", change="type", name=new.name, before=old.type, after=new.type)
    if old.default != new.default:
        yield Change(part="column", change="default", name=new.name, before=old.default, after=new.default)
    if old.nullable != new.nullable:
        words = {True: "NULL", False: "NOT NULL"}
        yield Change(
            part="column", change="nullable", name=new.name, before=words[old.nullable], after=words[new.nullable]
        )
    if old.comment != new.comment:
        yield Change(part="column", change="comment", name=new.name, before=old.comment, after=new.comment)
