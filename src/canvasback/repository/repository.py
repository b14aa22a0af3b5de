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
from canvasback.model.lock import Lock
from canvasback.repository import layout
from canvasback.repository.documents import check_format
from canvasback.repository.leases import begin_leases
from canvasback.repository.protection import protect
from canvasback.storage.bucket.service import lock_not_enabled
from canvasback.storage.owner import Owner, note_owner
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
        lock: How its objects are locked against deletion; None where they are not.
    """

    format: int
    repository_id: str
    lake_id: str
    created: datetime
    hash: str = "blake3"
    chunk_rows: ChunkRows = layout.CHUNK_ROWS
    chunk_rows_of: dict[str, ChunkRows] = msgspec.field(default_factory=layout.CHUNK_ROWS_OF.copy)
    lock: Lock | None = None


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
    _note(store, marker)
    store.be_as_open_as(layout.MARKER)
    return Repository(store, marker)


def create_repository(store: Store, lake_id: str, now: datetime, lock: Lock | None = None) -> Repository:
    """Make a repository of a lake in an absent or empty folder; see `make_repository`."""
    return make_repository(store, Marker(layout.FORMAT, str(uuid.uuid4()), lake_id, now, lock=lock), now)


def make_repository(store: Store, marker: Marker, now: datetime) -> Repository:
    """Make a repository in an absent or empty folder, of which a marker says what it is.

    Raises:
        RefusedError: There is one already (``repository-exists``), or something else (``folder-not-empty``); or its
            objects are to be locked and cannot be (``lock-unsupported``, ``lock-not-enabled``).
        StorageError: Its store overwrites objects (``no-conditional-writes``).
    """
    if marker.lock is not None:
        _refuse_without_locks(store)
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
    _note(store, marker)
    protect(store, layout.MARKER, now)
    return Repository(store, marker)


def _note(store: Store, marker: Marker) -> None:
    note_owner(store, Owner(marker.repository_id, marker.lake_id, marker.lock))
    if marker.lock is not None:
        store.delete_for_good()


def _refuse_without_locks(store: Store) -> None:
    """See that objects can be locked.

    Raises:
        RefusedError: They cannot in such a store (``lock-unsupported``), or not in this bucket (``lock-not-enabled``).
    """
    if store.locks is None:
        raise RefusedError(
            "lock-unsupported",
            f"objects cannot be locked in {store.url}",
            hint="Only in S3 and what speaks it can they be, in a bucket that was made for that; leave out --lock.",
        )
    if not store.locks.enabled():
        raise lock_not_enabled(store.url)
