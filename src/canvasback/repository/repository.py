"""Opening and creating a repository: the one object that says what the folder is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
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
from canvasback.model.holding import Holding
from canvasback.model.lock import Lock
from canvasback.model.seal import Seal
from canvasback.repository import layout
from canvasback.repository.documents import check_format
from canvasback.repository.leases import begin_leases
from canvasback.repository.protection import protect
from canvasback.repository.recipients import Recipient, Recipients, Sealed, begin_recipients, find_recipients
from canvasback.storage.borrowed import BorrowingStore
from canvasback.storage.bucket.service import lock_not_enabled
from canvasback.storage.locations import Stores
from canvasback.storage.owner import Owner, note_owner
from canvasback.storage.sealed import SealedStore
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
        seal: How its contents are kept from whoever reads its place; None where they are not.
        holding: Who holds the lake's files; not there in a repository that has copies.
    """

    format: int
    repository_id: str
    lake_id: str
    created: datetime
    hash: str = "blake3"
    chunk_rows: ChunkRows = layout.CHUNK_ROWS
    chunk_rows_of: dict[str, ChunkRows] = msgspec.field(default_factory=layout.CHUNK_ROWS_OF.copy)
    lock: Lock | None = None
    seal: Seal | None = None
    holding: Holding | msgspec.UnsetType = msgspec.UNSET

    @property
    def borrows(self) -> Holding | None:
        """Who holds the lake's files; None where it has copies."""
        return None if self.holding is msgspec.UNSET else self.holding

    @property
    def sealed(self) -> Sealed | None:
        """Whose it is, if it is sealed."""
        return None if self.seal is None else Sealed(self.repository_id, self.lake_id, self.seal.data)


class Repository(msgspec.Struct, frozen=True):
    """An opened repository.

    Attributes:
        store: Where its objects are, with their contents as they were before they were sealed.
        marker: What ``canvasback.json`` says.
        recipients: Who can open it; None where it is not sealed.
    """

    store: Store
    marker: Marker
    recipients: Recipients | None = None


def open_repository(stores: Stores, spelled: str) -> Repository:
    """Open a repository.

    Args:
        stores: Opens the place, and knows the secrets that a sealed one takes.
        spelled: Where it is.

    Raises:
        RepositoryError: The folder is none (``not-a-repository``).
        CorruptError: Its marker cannot be read (``marker-corrupt``) or is of a newer format (``format-too-new``); or
            its keys are gone or changed, see `find_recipients`.
        RefusedError: It is sealed, and nothing opens it (``key-missing``, ``key-wrong``); or there are secrets, and it
            is not sealed (``not-sealed``).
    """
    store = stores.open(spelled)
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
    if stores.secrets and marker.sealed is None:
        # Who removed the seal from the marker would have the next backup written for everybody to read.
        raise RefusedError(
            "not-sealed",
            f"there is a key for {store.url}, and its marker says that it is not sealed",
            hint="If it never was, say that there is no key: CANVASBACK_IDENTITY= in front of the command. If it was, "
            "somebody changed it: write nothing there.",
        )
    store.be_as_open_as(layout.MARKER)
    return _opened(store, marker, None, stores)


def refuse_sealed(repository: Repository) -> None:
    """See that what is archived besides points, and is not sealed, does not get into a sealed repository.

    Raises:
        RefusedError: It is sealed (``log-not-sealed``).
    """
    if repository.recipients is not None:
        raise RefusedError(
            "log-not-sealed",
            f"{repository.store.url} is sealed, and what is archived of PostgreSQL's log is not: it has rows in it",
            hint="Archive the log into a repository that is not sealed, at a place that nobody else reads; or encrypt "
            "it by the archive of pgBackRest or Barman.",
        )


def create_repository(
    store: Store,
    lake_id: str,
    now: datetime,
    lock: Lock | None = None,
    seal: Seal | None = None,
    recipients: Sequence[Recipient] = (),
    *,
    holding: Holding | None = None,
    stores: Stores | None = None,
) -> Repository:
    """Make a repository of a lake in an absent or empty folder; see `make_repository`.

    Args:
        store: Where it is.
        lake_id: The lake.
        now: The time.
        lock: How its objects are to be locked.
        seal: How its contents are to be sealed.
        recipients: Who can open it then.
        holding: Who holds the lake's files; None if it is to have copies.
        stores: Opens that place; by each cloud's own configuration if None.
    """
    format_ = layout.format_of(sealed=seal is not None, borrows=holding is not None)
    held = msgspec.UNSET if holding is None else holding
    marker = Marker(format_, str(uuid.uuid4()), lake_id, now, lock=lock, seal=seal, holding=held)

    def make_keys() -> Recipients | None:
        return None if marker.sealed is None else begin_recipients(store, marker.sealed, recipients, now)

    return make_repository(store, marker, now, make_keys, stores=stores)


def make_repository(
    store: Store,
    marker: Marker,
    now: datetime,
    make_keys: Callable[[], Recipients | None] = lambda: None,
    *,
    stores: Stores | None = None,
) -> Repository:
    """Make a repository in an absent or empty folder, of which a marker says what it is.

    Args:
        store: Where it is.
        marker: What it is.
        now: The time.
        make_keys: Puts the keys there, if it is sealed.
        stores: Opens who holds the lake's files, if not the repository; by each cloud's own configuration if None.

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
        made = _opened(store, marker, make_keys(), stores)
        begin_leases(made.store, now)
    except StorageError:
        for name in (layout.MARKER, layout.keys_name(1), layout.lease_name(1)):
            store.delete(name)
        raise
    protect(made.store, layout.MARKER, now)
    if made.recipients is not None:
        protect(made.store, layout.keys_name(made.recipients.number), now)
    return made


def with_recipients(repository: Repository, recipients: Recipients, stores: Stores) -> Repository:
    """A sealed repository with the keys that it has now."""
    return _opened(recipients.store, repository.marker, recipients, stores)


def _opened(store: Store, marker: Marker, recipients: Recipients | None, stores: Stores | None) -> Repository:
    """A repository as its marker says; whoever can open it is found, unless that is known."""
    stores = stores or Stores()
    if recipients is None and marker.sealed is not None:
        recipients = find_recipients(store, marker.sealed, stores.secrets)
    inside = store if recipients is None else SealedStore(store, recipients.keyring, layout.DOCUMENTS)
    if marker.borrows is not None:
        inside = BorrowingStore(inside, marker.borrows, stores)
    note_owner(inside, Owner(marker.repository_id, marker.lake_id, marker.lock, marker.borrows))
    if marker.lock is not None:
        inside.delete_for_good()
    return Repository(inside, marker, recipients)


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
