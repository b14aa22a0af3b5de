"""Is this the repository's lake, and does it go on where the last point ended?"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from canvasback.catalog.image import Image
from canvasback.errors import LakeError, RefusedError
from canvasback.repository.chunks import relation_of
from canvasback.repository.division import Division
from canvasback.storage.store import Store
from canvasback.transfer.previous_point import Previous

_SCHEMAS = "ducklake_schema"
_SNAPSHOTS = "ducklake_snapshot"


def lake_id(image: Image) -> str:
    """The lake's id: ``schema_uuid`` of schema 0, or of the oldest schema where that one was expired.

    Raises:
        LakeError: The catalog has no schema (``no-lake-id``).
    """
    uuids = image.schema_uuids()
    if not uuids:
        raise LakeError(
            "no-lake-id",
            "the catalog has no schema, so the lake cannot be told from others",
            hint="The catalog is damaged, or all its schemas were dropped and expired; create one first.",
        )
    return uuids[min(uuids)]


def check_lake(image: Image, store: Store, expected: str, previous: Previous) -> None:
    """See that the catalog is of the repository's lake.

    Where schema 0 was dropped and expired, any schema that the last point has too proves it.

    Raises:
        RefusedError: It is of another lake (``other-lake``).
    """
    uuids = image.schema_uuids()
    known: set[str] = set()
    before = previous.tables.get(_SCHEMAS)
    if is_doubtful(uuids, expected) and before is not None:
        shape = before.table.columns
        schemas = relation_of(image.connection, store, _SCHEMAS, shape, before.chunks, key=before.table.key)
        rows = image.connection.execute(f"SELECT schema_uuid::VARCHAR FROM ({schemas.select})").fetchall()
        known = {row[0] for row in rows}
    refuse_other_lake(uuids, expected, known)


def is_doubtful(uuids: Mapping[int, str], expected: str) -> bool:
    """Whether only what the last point knows can prove that a catalog with these schemas is of a lake."""
    return 0 not in uuids and expected not in uuids.values()


def refuse_other_lake(uuids: Mapping[int, str], expected: str, known: Collection[str]) -> None:
    """See that a catalog is of a lake.

    Args:
        uuids: Its ``schema_uuid`` by schema.
        expected: The lake's id.
        known: The same of the schemas that the last point has, see `is_doubtful`.

    Raises:
        RefusedError: It is of another lake (``other-lake``).
    """
    if expected in uuids.values() or (0 not in uuids and set(uuids.values()).intersection(known)):
        return
    raise RefusedError(
        "other-lake",
        f"the repository is for the lake {expected}, and this catalog is of the lake {uuids.get(0, '(unknown)')}",
        hint="Use one repository for each lake: canvasback init NEW_REPO --lake LAKE.",
    )


def next_timeline(image: Image, store: Store, previous: Previous, divisions: Mapping[str, Division]) -> int:
    """The timeline of a new point: the last one's, unless the catalog's snapshots contradict it.

    They do where the newest snapshot of the last point is newer than the catalog's, or where a snapshot of
    both was committed at different times: the lake was rewound, or restored, and written again.
    """
    before = previous.manifest
    if before is None:
        return 1
    head = image.head()[0]
    if head < before.snapshot_id:
        return before.timeline + 1
    current = set(divisions[_SNAPSHOTS].same.values())
    found = previous.tables.get(_SNAPSHOTS)
    changed = [chunk for chunk in found.chunks if chunk not in current] if found else []
    if found is None or not changed:
        return before.timeline
    old = relation_of(image.connection, store, _SNAPSHOTS, found.table.columns, changed, key=found.table.key)
    contradicting = image.connection.execute(
        f"SELECT count(*) FROM ({old.select}) o JOIN ({image.tables[_SNAPSHOTS].select}) n USING (snapshot_id) "
        # Engines keep times in their own ways, and not all of them nanoseconds.
        "WHERE CAST(o.snapshot_time AS TIMESTAMPTZ) IS DISTINCT FROM CAST(n.snapshot_time AS TIMESTAMPTZ)"
    ).fetchone()
    return before.timeline + (1 if contradicting and contradicting[0] else 0)
