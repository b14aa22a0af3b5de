"""What is to be added to a catalog, see `canvasback.catalog.writing.table_commit`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from canvasback.catalog.reading.lake_tables import LakeTable
from canvasback.catalog.writing.edits import Value

_FOLDER = re.compile(r"[A-Za-z0-9_-]+")


class NewFile(msgspec.Struct, frozen=True):
    """A file of a table that is added.

    Attributes:
        kind: ``data`` or ``delete``.
        file_id: Its id in the catalog from which it comes.
        path: Where it is now, below the new table's folder.
        changes: What else the catalog says otherwise of it, by column, because it was written anew.
        stats: The statistics of its columns, as rows of ``ducklake_file_column_stats``, if they are others too.
    """

    kind: str
    file_id: int
    path: str
    changes: Mapping[str, Value] = {}
    stats: tuple[Mapping[str, Value], ...] = ()


class NewTable(msgspec.Struct, frozen=True):
    """A table to add.

    Attributes:
        source: The table where it comes from.
        schema: The schema that it goes to.
        name: Its new name.
        uuid: Its new ``table_uuid``.
        folder: Its folder below the schema's; empty where the catalog has none.
        files: Its files.
        rows_file: The file of its inlined rows as a row of ``ducklake_data_file``; None where it has none.
        rows_stats: Statistics of that file, as rows of ``ducklake_file_column_stats``.
    """

    source: LakeTable
    schema: str
    name: str
    uuid: str
    folder: str
    files: tuple[NewFile, ...] = ()
    rows_file: Mapping[str, Value] | None = None
    rows_stats: tuple[Mapping[str, Value], ...] = ()


class Schema(msgspec.Struct, frozen=True):
    """A schema that the target lacks, with its new ``schema_uuid`` and folder."""

    name: str
    uuid: str
    folder: str


def folder_of(name: str, uuid: str) -> str:
    """The folder that DuckLake gives to a table or a schema of that name."""
    return f"{name if _FOLDER.fullmatch(name) else uuid}/"
