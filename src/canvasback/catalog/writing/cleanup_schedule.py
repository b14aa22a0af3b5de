"""Files that wait for DuckLake's cleanup: those that a catalog no longer names after a rewind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.catalog.writing.edits import Edit, Value
from canvasback.model.relation import literal

_SCHEDULED = "ducklake_files_scheduled_for_deletion"


def abandoned_files(image: Image, root: str, snapshot: int, cuts: Sequence[tuple[str, int]]) -> list[tuple[int, str]]:
    """Id and path of each file that only what comes after a snapshot names.

    Args:
        image: The catalog before the rewind, with the types that a catalog in DuckDB has.
        root: The data path, see `named_files`; paths below it are relative to it.
        snapshot: The snapshot.
        cuts: Kind and id of the files that others will take the place of.
    """
    gone = {kind: _gone(kind, snapshot, cuts) for kind in KINDS}
    left = _named(image, root, gone)
    kept = _named(image, root, {kind: f"NOT ({condition}) AND {_called(left)}" for kind, condition in gone.items()})
    rows = image.connection.execute(
        f"SELECT file_id, path FROM ({left}) l ANTI JOIN ({kept}) k USING (path) ORDER BY ALL"
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
    scheduled = image.tables[_SCHEDULED].select
    kept = _named(image, root, {kind: f"begin_snapshot <= {snapshot} AND {_called(scheduled)}" for kind in KINDS})
    again = image.connection.execute(
        f"SELECT path FROM ({scheduled}) s SEMI JOIN ({kept}) k USING (path) ORDER BY ALL"
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


def _named(image: Image, root: str, conditions: Mapping[str, str]) -> str:
    """Id and path of the files that meet the condition of their kind, on the catalog's rows of them."""
    parts = []
    for kind, condition in conditions.items():
        table, _ = KINDS[kind]
        if table in image.tables:
            relation = image.tables[table]
            select = f"SELECT * FROM ({relation.select}) f WHERE {condition}"
            some = image.transformed({table: msgspec.structs.replace(relation, select=select)})
            parts.append(f"SELECT file_id, path FROM ({named_files(some, root, kind)})")
    return " UNION ALL ".join(parts)


def _gone(kind: str, snapshot: int, cuts: Sequence[tuple[str, int]]) -> str:
    """The condition that a file is not named after the rewind."""
    cut = [str(file_id) for of, file_id in cuts if of == kind]
    return f"begin_snapshot > {snapshot}" + (f" OR {KINDS[kind][1]} IN ({', '.join(cut)})" if cut else "")


def _called(files: str) -> str:
    """The condition that a file has the name of one of others, in whatever folder: few paths need to be spelled out."""
    return f"parse_filename(path) IN (SELECT parse_filename(path) FROM ({files}))"
