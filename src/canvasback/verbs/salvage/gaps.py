"""Row ids of files that are gone: what tells that the next insert did not begin with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import duckdb

from canvasback.catalog.spec import ROW_ID
from canvasback.model.relation import file_literal, identifier
from canvasback.verbs.salvage.evidence import Evidence

Likeness = Literal["same", "possible", "different"]
"""What the columns say of rows that would have the same ids: an update leaves most columns as they were."""


def past_gaps(
    connection: duckdb.DuckDBPyConnection, file: Evidence, start: int, carriers: Sequence[tuple[Evidence, list[int]]],
    deleted: set[int],
) -> tuple[int, bool]:  # fmt: skip
    """The first row id that an inserted file can have, from a first guess on, and whether that is sure.

    Row ids count up from insert to insert. Of an insert whose file is gone, as an update had all its rows and a
    cleanup deleted it, only the update's file still has the ids: they are not those of the next insert.

    Args:
        connection: Reads the files.
        file: The file of the insert.
        start: The next row id as far as files tell.
        carriers: Files that have rows of others, with the row ids.
        deleted: The positions in the file that were ever deleted: an update that changed all columns deleted its rows.
    """
    sure = True
    for other, ids in carriers:
        if likeness(connection, file, start, other, ids) == "different":
            sure = False
            taken = set(ids)
            if {id_ - start for id_ in taken if start <= id_ < start + file.rows} <= deleted:
                continue
            while start in taken:
                start += 1
    return start, sure


def likeness(
    connection: duckdb.DuckDBPyConnection, file: Evidence, start: int, other: Evidence, ids: Sequence[int]
) -> Likeness:
    """Whether a file can hold later versions of an insert's rows, if those have the row ids from a first one on."""
    if not any(start <= id_ < start + file.rows for id_ in ids):
        return "possible"
    names = [field.name for field in file.fields if field.parent is None]
    common = [name for name in names if any(f.name == name and f.parent is None for f in other.fields)]
    if not common:
        return "possible"
    columns = ", ".join(
        f"bool_and(a.{name} IS NOT DISTINCT FROM b.{name}), min(a.{name}) IS DISTINCT FROM max(a.{name})"
        for name in map(identifier, common)
    )
    try:
        [verdict] = connection.execute(
            f"SELECT {columns} FROM {_source(file)} a JOIN {_source(other)} b "
            f"ON {start} + a.file_row_number = b.{ROW_ID}"
        ).fetchall()
    except duckdb.Error:
        return "possible"
    equal = [varied for kept, varied in zip(verdict[::2], verdict[1::2], strict=True) if kept]
    return "same" if any(equal) else "possible" if equal else "different"


def _source(file: Evidence) -> str:
    return f"read_parquet({file_literal(file.path)}, file_row_number = true, hive_partitioning = false)"
