"""Opening a point: its manifest, and its image read from chunks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.history.moments import find_held
from canvasback.history.point_history import open_history
from canvasback.model.commit import Commit
from canvasback.model.manifest import Manifest
from canvasback.model.moment import Moment
from canvasback.repository.chunks import check_objects, read_chunks, relation_of
from canvasback.repository.points import find_point, read_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.reach import reach_of
from canvasback.storage.store import Store
from canvasback.storage.temporary import make_folder
from canvasback.storage.urls import register


def open_point(stores: Stores, repository: str, wanted: str) -> tuple[Repository, Manifest]:
    """The manifest of a point that a user names.

    Raises:
        UsageError: There is no such point, or several.
        RepositoryError: There is no repository, or the manifest cannot be read.
    """
    opened = open_repository(stores, repository)
    return opened, read_point(opened.store, find_point(opened.store, wanted))


def open_moment(
    stores: Stores, repository: str, wanted: str | None, moment: Moment | None
) -> tuple[Repository, Manifest, Commit]:
    """The point to read, and the snapshot to read of it.

    Args:
        stores: Opens the repository.
        repository: Where it is.
        wanted: The point that a user names; None for the one that holds the moment, or the newest.
        moment: A moment of its history; None for its newest snapshot.

    Raises:
        UsageError: There is no such point, or several.
        RefusedError: No point holds the moment; see `find_held`.
        RepositoryError: There is no repository, or the manifest cannot be read.
    """
    opened = open_repository(stores, repository)
    if moment is not None:
        named = None if wanted is None else find_point(opened.store, wanted)
        with open_history(opened.store) as history:
            held = find_held(history, moment, named)
        return opened, held.manifest, held.commit
    manifest = read_point(opened.store, find_point(opened.store, wanted or "latest"))
    return opened, manifest, Commit(manifest.snapshot_id, manifest.snapshot_time)


def image_of(
    store: Store, manifest: Manifest, *, check_with: int = 0, by_url: bool = False, others: Sequence[str] | None = ()
) -> Image:
    """The image of a point. Nothing is read but index objects until a relation is.

    Args:
        store: The repository.
        manifest: The point.
        check_with: With how many threads to check all chunks first, the file lists' too; 0 trusts them.
        by_url: Let the relations name the chunks by their URLs.
        others: Folders that the image's connection reaches besides the point's own; None where files of the live
            lake are read through it, which may be anywhere.

    Raises:
        CorruptError: An object is missing or holds other bytes than its name promises.
    """
    folder = make_folder()
    try:
        by_url = by_url and is_remote(store.url)
        # DuckDB 1.5 does not reach a file system of Python's where it may not reach all files.
        connection = connect(folder, reach=None if by_url or others is None else reach_of(store, *others))
        if by_url:
            register(connection, store)
        chunks = {table.name: read_chunks(connection, store, table) for table in manifest.tables}
        if check_with:
            lists = (read_chunks(connection, store, table) for table in manifest.files)
            objects = {(c.hash, c.bytes) for of_table in (*chunks.values(), *lists) for c in of_table}
            check_objects(store, sorted(objects), check_with)
        tables = {
            table.name: relation_of(
                connection,
                store,
                table.name,
                table.columns,
                chunks[table.name],
                table.primary_key,
                by_url=by_url,
                forms=table.forms,
                key=table.key,
            )
            for table in manifest.tables
        }
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Image(connection, tables, manifest.catalog, lambda: shutil.rmtree(folder, ignore_errors=True))
