"""Where DuckDB reads the files of an attached point: in the repository, or where somebody else holds them."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS
from canvasback.catalog.writing.repoint import repoint
from canvasback.errors import RefusedError
from canvasback.model.holding import PREFIXES, StorageKind
from canvasback.model.manifest import Manifest
from canvasback.model.plurals import either, many
from canvasback.model.relation import literal
from canvasback.repository import layout
from canvasback.repository.filelist import CHECKSUM, HELD, files_relation, refuse_unsafe_names
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import Appending, one_row
from canvasback.storage.borrowed import BorrowingStore, borrowing_of
from canvasback.storage.store import Store

_CURRENT = {"name": "VARCHAR", "id": "VARCHAR", "size": "BIGINT", "checksum": "VARCHAR"}
_VERSIONS = PREFIXES[StorageKind.VERSIONS]


def where_held(image: Image, store: Store, manifest: Manifest) -> Image:
    """The image with all paths leading to where the files are held.

    Args:
        image: What is to be shown of the point.
        store: The repository.
        manifest: The point.

    Raises:
        RefusedError: A file is held under a name that leads out of its place (``unsafe-name``), or as a version that
            is not what the lake's bucket shows now (``versions-needed``).
    """
    borrowing = borrowing_of(store)
    root = store.url + layout.DATA
    if borrowing is not None:
        root = borrowing.holding.url
        if borrowing.holding.kind is StorageKind.VERSIONS:
            _refuse_older(image, borrowing, manifest)
    moved = None
    if manifest.totals.remapped:
        files = files_relation(image.connection, store, manifest).select
        held = (
            f"SELECT kind, file_id, object AS name, {CHECKSUM} AS checksum FROM ({files}) "
            f"WHERE object IS NOT NULL AND {layout.is_own('object')}"
        )
        refuse_unsafe_names(image.connection, held)
        moved = f"SELECT kind, file_id, {literal(store.url)} || name AS location FROM ({held})"
    return repoint(image, manifest.data_root, root, moved)


def _refuse_older(image: Image, store: BorrowingStore, manifest: Manifest) -> None:
    """See that what is shown needs no version but those that a reader of the bucket gets."""
    connection = image.connection
    current = OwnTable(connection, "current", _CURRENT)
    with Appending(connection, current, _CURRENT) as rows:
        for version in store.kept_versions():
            if version.current:
                rows.add((version.name, version.id, version.size, version.checksum))
    shown = " UNION ALL ".join(
        f"SELECT {literal(kind)} AS kind, {key} AS file_id FROM ({image.tables[table].select})"
        for kind, (table, key) in KINDS.items()
        if table in image.tables
    )
    pinned = (
        f"SELECT split_part(object, '/', 2) AS id, substr(object, {len(_VERSIONS) + 2} + "
        f"length(split_part(object, '/', 2))) AS name, size, {CHECKSUM} AS checksum "
        f"FROM ({files_relation(connection, store, manifest).select}) SEMI JOIN ({shown}) USING (kind, file_id) "
        f"WHERE {HELD} AND starts_with(object, {literal(_VERSIONS)})"
    )
    older, count = one_row(
        connection,
        f"SELECT count(*) FILTER (NOT EXISTS (FROM {current} c WHERE c.name = p.name AND (c.id = p.id "
        f"OR (c.size = p.size AND c.checksum = p.checksum)))), count(*) FROM ({pinned}) p",
    )
    if older:
        raise RefusedError(
            "versions-needed",
            f"{older:,} of {many(count, 'file')} of point {manifest.id} {either(older, 'is', 'are')} not what a reader "
            f"of {store.holding.url} gets now: DuckDB reads no older versions",
            hint="Restore the point to a new place: restore --data-path. Or put back what was lost: heal LAKE --from "
            "versions.",
        )
