"""What later files tell of a table's columns: added, renamed, promoted, dropped, or another table altogether."""

from __future__ import annotations

import msgspec

from canvasback.catalog.writing.file_commit import NewColumn
from canvasback.parquet.fields import Field, stored_as, widens
from canvasback.verbs.salvage.evidence import Evidence
from canvasback.verbs.salvage.known_tables import LakeTable

_TEMPORAL = ("date", "timestamp", "timestamptz", "timestamp_s", "timestamp_ms", "timestamp_ns")
_TRANSFORMS = ("year", "month", "day", "hour")


class Evolution(msgspec.Struct):
    """How columns change, in ids and new columns.

    Attributes:
        ended: Columns that end, or that go on as something else.
        added: Columns that begin.
        words: What was done, in words.
        another: Whether the file is of another table than the one that is known.
    """

    ended: list[int] = []
    added: list[NewColumn] = []
    words: list[str] = []
    another: bool = False


def evolve(table: LakeTable, file: Evidence, *, whole: bool) -> Evolution:
    """Compare a file's columns with those that its table has just then.

    Args:
        table: The table.
        file: The file.
        whole: Whether it has all columns that the table had when it was written; rewritten files may have older ones.
    """
    found = Evolution()
    fields = {field.id: field for field in file.fields}
    if whole and _another(table, fields):
        found.another = True
        return found
    for id_, field in fields.items():
        old = table.columns.get(id_)
        if old is None:
            if id_ > table.last_column:
                found.added.append(_column(field, field.type))
                found.words.append(f"column {field.name} added")
            continue
        name, type_, parent = old
        if not whole:
            continue
        wider = field.type != stored_as(type_) and widens(type_, field.type)
        if field.name != name or wider:
            found.ended.append(id_)
            kept = field.type if wider else type_
            found.added.append(NewColumn(id_, field.name, kept, parent, id_))
            found.words.append(
                f"column {name} renamed to {field.name}" if field.name != name else f"column {name} is {kept} now"
            )
    for id_ in [id_ for id_ in table.columns if id_ not in fields] if whole else ():
        found.ended.append(id_)
        found.words.append(f"column {table.columns[id_][0]} dropped")
    return found


def related(table: LakeTable, file: Evidence) -> bool:
    """Whether rows of a file can be of a table, whose columns may have become wider since, or become so with it."""
    shared = [(table.columns[field.id][1], field.type) for field in file.fields if field.id in table.columns]
    return all(_same_type(known, shown) or widens(shown, stored_as(known)) for known, shown in shared)


def columns_of(file: Evidence) -> list[NewColumn]:
    """The columns of a new table, by its first file."""
    return [_column(field, field.type) for field in file.fields]


def partitioning_of(file: Evidence) -> list[tuple[int, str]] | None:
    """By what columns and transforms a file's folders are made, where that can be told."""
    top = {field.name: field for field in file.fields if field.parent is None}
    found: list[tuple[int, str]] = []
    for key, _ in file.partition:
        transform = key.rpartition("_")[2]
        temporal = [field for field in top.values() if field.type in _TEMPORAL]
        if key in top:
            found.append((top[key].id, "identity"))
        elif key.rpartition("_")[0] in top and transform in _TRANSFORMS:
            found.append((top[key.rpartition("_")[0]].id, transform))
        elif key in _TRANSFORMS and len(temporal) == 1:
            found.append((temporal[0].id, key))
        else:
            return None
    return found


def fits(table: LakeTable, file: Evidence) -> bool:
    """Whether a file was written by the partitioning that its table has."""
    if table.partitioning is None:
        return not file.partition
    columns = table.partitioning[1]
    keys = [key for key, _ in file.partition]
    if len(keys) != len(columns):
        return False
    for key, (column, transform) in zip(keys, columns, strict=True):
        name = table.columns.get(column, ("", "", None))[0]
        if transform == "identity" and key != name and key in {c[0] for c in table.columns.values()}:
            return False
        if transform in _TRANSFORMS and not key.endswith(transform):
            return False
    return True


def _another(table: LakeTable, fields: dict[int, Field]) -> bool:
    """A table that was dropped and made again has the folder, and ids that count from one again."""
    shared = [(table.columns[id_], field) for id_, field in fields.items() if id_ in table.columns]
    if any(not _same_type(old[1], field.type) for old, field in shared):
        return True
    return bool(table.columns) and (
        not shared or (all(old[0] != field.name for old, field in shared) and len(shared) > 1)
    )


def _same_type(known: str, shown: str) -> bool:
    old_geometry = known.lower() == "geometry" and shown == "blob"  # before files had a type for it
    return stored_as(known) == shown or widens(known, shown) or old_geometry


def _column(field: Field, type_: str) -> NewColumn:
    return NewColumn(field.id, field.name, type_, field.parent, field.id)
