"""Opening and creating a repository: the one object that says what the folder is."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

import msgspec

from canvasback.errors import (
    AccessDeniedError,
    CorruptError,
    ObjectExistsError,
    ObjectMissingError,
    RefusedError,
    RepositoryError,
    StorageError,
)
from canvasback.repository import layout
from canvasback.repository.documents import check_format
from canvasback.repository.leases import begin_leases
from canvasback.storage.owner import note_owner
from canvasback.storage.store import Store

ChunkRows = Annotated[int, msgspec.Meta(ge=1, le=(1 << 31) - 1)]


class Marker(msgspec.Struct, frozen=True):
    """``canvasback.json``: what the folder is, and for which lake.

    Attributes:
        format: Version of the repository format.
        repository_id: A random id.
        lake_id: ``schema_uuid`` of the lake's schema 0.
        created: When it was made, UTC.
        hash: The hash function of names and file lists.
        chunk_rows: The most rows of a chunk.
        chunk_rows_of: The same for tables that differ.
    """

    format: int
    repository_id: str
    lake_id: str
    created: datetime
    hash: str = "blake3"
    chunk_rows: ChunkRows = layout.CHUNK_ROWS
    chunk_rows_of: dict[str, ChunkRows] = msgspec.field(default_factory=layout.CHUNK_ROWS_OF.copy)


class Repository(msgspec.Struct, frozen=True):
    """An opened repository.

    Attributes:
        store: Where its objects are.
        marker: What ``canvasback.json`` says.
    """

    store: Store
    marker: Marker


def open_repository(store: Store) -> Repository:
    """Open a repository.

    Raises:
        RepositoryError: The folder is none (``not-a-repository``).
        CorruptError: Its marker cannot be read (``marker-corrupt``) or is of a newer format (``format-too-new``).
    """
    where = store.url + layout.MARKER
    try:
        content = store.get(layout.MARKER)
    except ObjectMissingError as error:
        raise RepositoryError(
            "not-a-repository",
            f"there is no repository at {store.url}",
            hint="Check the path, or create one: canvasback init REPO --lake LAKE.",
        ) from error
    try:
        check_format(content, where)
        marker = msgspec.json.decode(content, type=Marker)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptError(
            "marker-corrupt",
            f"{where} cannot be read: {error}",
            hint="The points are still there: docs/format.md says how to write the object again.",
        ) from error
    note_owner(store, marker.repository_id, marker.lake_id)
    store.be_as_open_as(layout.MARKER)
    return Repository(store, marker)


def create_repository(store: Store, lake_id: str, now: datetime) -> Repository:
    """Make a repository of a lake in an absent or empty folder; see `make_repository`."""
    return make_repository(store, Marker(layout.FORMAT, str(uuid.uuid4()), lake_id, now), now)


def make_repository(store: Store, marker: Marker, now: datetime) -> Repository:
    """Make a repository in an absent or empty folder, of which a marker says what it is.

    Raises:
        RefusedError: There is one already (``repository-exists``), or something else (``folder-not-empty``).
        StorageError: Its store overwrites objects (``no-conditional-writes``).
    """
    try:
        occupied = store.stat(layout.MARKER) is None and next(store.list(""), None) is not None
    except ObjectMissingError:
        occupied = True  # it is a file
    except AccessDeniedError:
        occupied = False  # who may not look cannot know; nothing is overwritten anyway
    if occupied:
        raise RefusedError(
            "folder-not-empty",
            f"{store.url} is a file, or holds other files, and is no repository",
            hint="Name a new folder for the repository.",
        )
    store.be_private()
    try:
        store.put_new(layout.MARKER, msgspec.json.encode(marker))
    except ObjectExistsError as error:
        raise RefusedError(
            "repository-exists",
            f"there is a repository at {store.url} already",
            hint="Use it as it is, or name another folder.",
        ) from error
    try:
        begin_leases(store, now)
    except StorageError:
        for name in (layout.MARKER, layout.lease_name(1)):
            store.delete(name)
        raise
    note_owner(store, marker.repository_id, marker.lake_id)
    return Repository(store, marker)
