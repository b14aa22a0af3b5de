"""Losses that somebody accepted: one commit that leaves out what cannot be read, and says so for good.

The rows of the files end in that commit, so that the newest snapshot can be read again. Older snapshots still name
them, and fail as they must: a past from which rows silently vanish would be a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.commit import AUTHOR, NewCommits
from canvasback.catalog.writing.edits import Edit
from canvasback.model.plurals import many
from canvasback.model.relation import literal

_MESSAGE = "loss accepted"


class Unreadable(msgspec.Struct, frozen=True):
    """A file that cannot be read.

    Attributes:
        kind: ``data`` or ``delete``.
        file_id: Its id.
        table_id: Its table.
    """

    kind: str
    file_id: int
    table_id: int


def accepted_select(image: Image) -> str:
    """A SELECT of ``kind`` and ``file_id`` of the files whose loss was accepted. Wants DuckDB's dialect.

    Versions before 0.3 do not record who committed what: nothing is known there.
    """
    if not image.has("ducklake_snapshot_changes", "author"):
        return "SELECT '' AS kind, 0 AS file_id WHERE false"
    commits = (
        f"SELECT snapshot_id FROM ({image.tables['ducklake_snapshot_changes'].select}) "
        f"WHERE author = {literal(AUTHOR)} AND starts_with(commit_message, {literal(_MESSAGE)})"
    )
    return " UNION ALL ".join(
        f"SELECT {literal(kind)} AS kind, {key} AS file_id FROM ({image.tables[table].select}) "
        f"WHERE end_snapshot IN ({commits})"
        for kind, (table, key) in KINDS.items()
        if table in image.tables
    )


def loss_commit_edits(image: Image, files: Sequence[Unreadable], moment: datetime) -> list[Edit]:
    """What makes one new commit that leaves files out of the lake.

    The deletes of a data file that is left out are left out with it. Where only the file of deletes cannot be read,
    the data file stays, and the rows that were deleted show again.

    Args:
        image: The catalog in DuckDB's dialect.
        files: The files, of which the newest snapshot sees at least one; the others stay as they are.
        moment: The time of the commit.
    """
    commit = NewCommits(image)
    commit.begin(moment)
    ids = {kind: _list(file.file_id for file in files if file.kind == kind) for kind in KINDS}
    commit.end(
        "ducklake_data_file", f"{visible('ducklake_data_file', commit.head)} AND data_file_id IN ({ids['data']})"
    )
    if "ducklake_delete_file" in image.tables:
        gone = f"delete_file_id IN ({ids['delete']}) OR data_file_id IN ({ids['data']})"
        commit.end("ducklake_delete_file", f"{visible('ducklake_delete_file', commit.head)} AND ({gone})")
    for table in sorted({file.table_id for file in files}):
        commit.note(f"deleted_from_table:{table}")
    commit.commit(f"{_MESSAGE}: {many(len(files), 'file')} left out that cannot be read")
    return commit.edits()


def _list(ids: Iterable[int]) -> str:
    return ", ".join(str(id_) for id_ in ids) or "NULL"
