"""Files that wait for DuckLake's cleanup: those that a catalog no longer names after a rewind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from canvasback.catalog.edits import Edit, Value
from canvasback.catalog.files import KINDS, files_select
from canvasback.catalog.image import Image
from canvasback.model.relation import literal

_SCHEDULED = "ducklake_files_scheduled_for_deletion"


def abandoned_files(image: Image, root: str, snapshot: int, cuts: Sequence[tuple[str, int]]) -> list[tuple[int, str]]:
    """Id and path of each file that only what comes after a snapshot names.

    Args:
        image: The catalog before the rewind, with the types that a catalog in DuckDB has.
        root: The data path, see `files_select`; paths below it are relative to it.
        snapshot: The snapshot.
        cuts: Kind and id of the files that others will take the place of.
    """
    cut = ", ".join(f"({literal(kind)}, {file_id})" for kind, file_id in cuts) or "('', -1)"
    rows = image.connection.execute(
        f"WITH named AS ({_named(image, root)}), left_over AS (SELECT * FROM named WHERE begin_snapshot > {snapshot} "
        f"OR (kind, file_id) IN (SELECT * FROM (VALUES {cut}) v(kind, file_id))) "
        "SELECT file_id, path FROM left_over WHERE path NOT IN "
        "(SELECT path FROM named n ANTI JOIN left_over o USING (kind, file_id)) ORDER BY ALL"
    ).fetchall()
    return [(int(file_id), path) for file_id, path in rows]


def schedule_edit(
    image: Image, root: str, snapshot: int, abandoned: Sequence[tuple[int, str]], moment: datetime
) -> Edit | None:
    """Schedule files for cleanup, and take from the schedule what the catalog names again.

    Args:
        image: The catalog before the rewind.
        root: The data path.
        snapshot: The snapshot.
        abandoned: Id and path of the files to schedule.
        moment: From when on they wait.
    """
    if _SCHEDULED not in image.tables:
        return None
    again = image.connection.execute(
        f"SELECT path FROM ({image.tables[_SCHEDULED].select}) WHERE path IN "
        f"(SELECT path FROM ({_named(image, root)}) WHERE begin_snapshot <= {snapshot}) ORDER BY ALL"
    ).fetchall()
    keep = f"path NOT IN ({', '.join(literal(path) for (path,) in again)})" if again else "true"
    start = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
    rows: tuple[dict[str, Value], ...] = tuple(
        {
            "data_file_id": file_id,
            "path": path,
            "path_is_relative": not path.startswith("/") and "://" not in path,
            "schedule_start": start,
        }
        for file_id, path in abandoned
    )
    return Edit(_SCHEDULED, keep=keep, rows=rows)


def _named(image: Image, root: str) -> str:
    """The path of every file, with the snapshot from which on it is named."""
    return " UNION ALL ".join(
        f"SELECT {literal(kind)} AS kind, f.file_id, f.path, t.begin_snapshot "
        f"FROM ({files_select(image, kind, root)}) f JOIN ({image.tables[table].select}) t ON t.{key} = f.file_id"
        for kind, (table, key) in KINDS.items()
        if table in image.tables
    )
