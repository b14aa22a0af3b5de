"""A store before a repository's that holds no copies: the files of the lake are read where somebody else holds them.

All above it works with names and contents as in any repository. What is borrowed is only read: nothing is ever written
to it or deleted of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import msgspec

from canvasback.errors import RefusedError
from canvasback.model.holding import Holding, StorageKind
from canvasback.storage.bucket.etags import checksum_of_etag
from canvasback.storage.keyring import keyring_of, note_keyring
from canvasback.storage.locations import Stores, is_remote, no_versions
from canvasback.storage.store import Copied, Locks, OpenObject, Source, Stat, Store
from canvasback.storage.versions import Version, Versions


class BorrowingStore:
    """See the module.

    A name ``versions/<version id>/<path>`` is one content of an object below the data path, ``replica/<path>`` an
    object of the replica; all others are the repository's own. The lender is opened when somebody asks for what it has:
    who lists points needs no right there.

    Args:
        store: The repository's own objects.
        holding: Who holds the files.
        stores: Opens the lender.
    """

    def __init__(self, store: Store, holding: Holding, stores: Stores) -> None:
        self._store = store
        self._stores = stores
        self._lock = threading.Lock()
        self._lender: Store | None = None
        self._lister: Store | None = None
        self.holding = holding
        self.prefix = holding.prefix
        self.url = store.url
        self.jobs = store.jobs
        self.batch = store.batch
        self.arrival = store.arrival
        keyring = keyring_of(store)
        if keyring is not None:
            note_keyring(self, keyring)

    @property
    def locks(self) -> Locks | None:
        """See `Store.locks`: those of the repository's own objects."""
        return self._store.locks

    @property
    def versions(self) -> Versions | None:
        """See `Store.versions`: those of the repository's own objects."""
        return self._store.versions

    @property
    def soft_deleted(self) -> Versions | None:
        """See `Store.soft_deleted`."""
        return self._store.soft_deleted

    @property
    def folder(self) -> str | None:
        """See `Store.folder`: that of the repository's own objects."""
        return self._store.folder

    @property
    def lent_folder(self) -> str | None:
        """The folder of this machine that has what is borrowed; None where a bucket does."""
        return None if is_remote(self.holding.url) else self.holding.url

    def holder(self, name: str) -> tuple[Store, str] | None:
        """See `Store.holder`."""
        store, inside = self._at(name)
        return store.holder(inside)

    def be_private(self) -> None:
        """See `Store.be_private`."""
        self._store.be_private()

    def be_as_open_as(self, name: str) -> None:
        """See `Store.be_as_open_as`."""
        self._store.be_as_open_as(name)

    def delete_for_good(self) -> None:
        """See `Store.delete_for_good`."""
        self._store.delete_for_good()

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`."""
        store, inside = self._at(name)
        found = store.stat(inside)
        return None if found is None else msgspec.structs.replace(found, name=name)

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        store, inside = self._at(name)
        return store.get(inside)

    def open(self, name: str, *, vouch: bool = True) -> OpenObject:
        """See `Store.open`."""
        store, inside = self._at(name)
        return store.open(inside, vouch=vouch)

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`."""
        store, inside = self._at(name)
        return store.read(inside, start, size)

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`."""
        borrowed = [name for name in names if name.startswith(self.prefix)]
        if not borrowed:
            return self._store.local_paths(names)
        own = [name for name in names if not name.startswith(self.prefix)]
        lent = self._lent().local_paths([name.removeprefix(self.prefix) for name in borrowed])
        paths = dict(zip(borrowed, lent, strict=True)) | dict(zip(own, self._store.local_paths(own), strict=True))
        return [paths[name] for name in names]

    def put_new(self, name: str, content: bytes) -> None:
        """See `Store.put_new`."""
        self._own(name).put_new(name, content)

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:
        """See `Store.copy_new`."""
        return self._own(name).copy_new(name, source, size, modified_ns=modified_ns)

    def copy_from(self, name: str, origin: Store, origin_name: str, size: int, *, etag: str = "") -> Copied | None:
        """See `Store.copy_from`."""
        return self._own(name).copy_from(name, origin, origin_name, size, etag=etag)

    def place_new(
        self, name: str, source: Source, size: int, checksum: str, *, modified_ns: int = 0, aside: str = ""
    ) -> None:
        """See `Store.place_new`."""
        self._own(name).place_new(name, source, size, checksum, modified_ns=modified_ns, aside=aside)

    def move_aside(self, name: str, suffix: str) -> None:
        """See `Store.move_aside`."""
        self._own(name).move_aside(name, suffix)

    def sync(self) -> None:
        """See `Store.sync`."""
        self._store.sync()

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`. What is borrowed is listed by who asks for its prefix, and by nobody else.

        Of versions all are listed that the service keeps, by the rising names of their objects.

        Raises:
            UsageError: They are at a service that keeps none any more (``no-versions``).
        """
        if not prefix.startswith(self.prefix):
            yield from self._store.list(prefix)
        elif self.holding.kind is StorageKind.REPLICA:
            for found in self._lent().list(prefix.removeprefix(self.prefix)):
                yield msgspec.structs.replace(found, name=self.prefix + found.name)
        else:
            for version in self.kept_versions():
                stat = Stat(
                    self.pinned_name(version), version.size, version.modified_ns, version.etag, version.checksum
                )
                if stat.name.startswith(prefix):
                    yield stat

    def kept_versions(self, paths: Sequence[str] | None = None) -> Iterator[Version]:
        """The versions that the service keeps of the objects below the data path: of all, or of those with some paths.

        Raises:
            UsageError: It keeps none any more (``no-versions``).
        """
        with self._lock:
            if self._lister is None:
                self._lister = self._stores.open(self.holding.url)
            versions = self._lister.versions
        if versions is None:
            raise no_versions(self.holding.url)
        return versions.list("") if paths is None else versions.find(paths)

    def pinned_name(self, version: Version) -> str:
        """Under which name a version is read."""
        return f"{self.prefix}{version.id}/{version.name}"

    def again(self, name: str, size: int, checksum: str) -> str | None:
        """Another version of the same object with the same content, where the one of a name is gone.

        What was copied back to its place has a new version; and the old one may be removed after a while.

        Args:
            name: The name that a point has.
            size: The content's bytes.
            checksum: Its checksum.

        Returns:
            The name of the other one; None where there is none.
        """
        if self.holding.kind is not StorageKind.VERSIONS or not name.startswith(self.prefix):
            return None
        path = name.removeprefix(self.prefix).partition("/")[2]
        found = (self.pinned_name(v) for v in self.kept_versions([path]) if (v.size, v.checksum) == (size, checksum))
        return next(found, None)

    def vouches(self, name: str, size: int, checksum: str, etag: str) -> bool:
        """Whether the service still holds what a point names, of which the checksum that was noted proves nothing.

        So it is where the checksum was taken from an etag that is none: the service encrypts the object with a key of
        its own, which a listing does not tell.

        Args:
            name: The name that a point has.
            size: The content's bytes.
            checksum: The checksum that was noted, and that the bytes do not have.
            etag: The etag that was noted.
        """
        if not name.startswith(self.prefix) or not etag or checksum != checksum_of_etag(etag, size):
            return False
        lender, inside = self._at(name)
        by_name = self.holding.kind is StorageKind.REPLICA and lender.versions is not None
        found = lender.versions.head(inside) if by_name and lender.versions else lender.stat(inside)
        return found is not None and (found.size, found.etag, found.checksum) == (size, etag, "")

    def delete(self, name: str) -> None:
        """See `Store.delete`."""
        self._own(name).delete(name)

    def _at(self, name: str) -> tuple[Store, str]:
        """The store that has an object, and its name there."""
        if not name.startswith(self.prefix):
            return self._store, name
        return self._lent(), name.removeprefix(self.prefix)

    def _lent(self) -> Store:
        with self._lock:
            if self._lender is None:
                versions = self.holding.kind is StorageKind.VERSIONS
                self._lender = (self._stores.open_contents if versions else self._stores.open)(self.holding.url)
            return self._lender

    def _own(self, name: str) -> Store:
        """The repository's own objects, to which something is to be done.

        Raises:
            RefusedError: It is none of them (``read-only``).
        """
        if name.startswith(self.prefix):
            raise RefusedError(
                "read-only",
                f"{name} is no object of {self.url}, but of {self.holding}, and is only read",
                hint="Nothing is ever written there, or deleted: it is the cloud's, or whoever's that copies to it.",
            )
        return self._store


def borrowing_of(store: Store) -> BorrowingStore | None:
    """The store of a repository that holds no copies; None where it is of another one."""
    return store if isinstance(store, BorrowingStore) else None


def is_at_hand(store: Store, name: str) -> bool:
    """Whether an object's bytes are those of a file of this machine."""
    held = store.holder(name)
    return (store if held is None else held[0]).folder is not None
