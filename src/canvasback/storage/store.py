"""The contract that every store keeps. One suite, tests/contract, holds each of them to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from canvasback.model.lock import Retention
from canvasback.storage.versions import Versions


class Stat(msgspec.Struct, frozen=True):
    """What a store knows of an object without reading it.

    Attributes:
        name: The object's name.
        size: Its size in bytes.
        modified_ns: When it was last written, nanoseconds since 1970; 0 where the store does not say.
        etag: Changes when the content changes; empty where the store has no such thing.
        checksum: By what the store itself vouches for the content, see `canvasback.storage.checksums`; or empty.
    """

    name: str
    size: int
    modified_ns: int = 0
    etag: str = ""
    checksum: str = ""


class Copied(msgspec.Struct, frozen=True):
    """What went through while an object was written.

    Attributes:
        size: Bytes that were read and written.
        blake3: Their BLAKE3, 64 hex digits; empty where they did not pass through us.
        etag: The new object's, see `Stat`.
        checksum: By what the store vouches for the new object where there is no BLAKE3, see `Stat`.
        modified_ns: The original's time of modification, where the store copied it.
    """

    size: int
    blake3: str = ""
    etag: str = ""
    checksum: str = ""
    modified_ns: int = 0


class Source(Protocol):
    """Where the bytes of an object come from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many; none at the end.

        Raises:
            OSError: Reading failed.
        """


class OpenObject(Source, Protocol):
    """An object that is being read. Use as a context manager, which closes it.

    Attributes:
        stat: What the store knows of it, of the same instant as its content.
    """

    stat: Stat

    def __enter__(self) -> Self:
        """Give the object itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""


class Locks(Protocol):
    """Locks against deletion, which an object store keeps by itself, whatever becomes of us and of our credentials.

    Errors are those of a `Store`.
    """

    def enabled(self) -> bool:
        """Whether objects can be locked here; whoever made the bucket decides that."""

    def find(self, name: str) -> Retention | None:
        """The lock of an object; None where it has none.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def extend(self, name: str, retention: Retention) -> None:
        """Lock an object at least until then. A lock that lasts longer stays.

        Raises:
            ObjectMissingError: There is no such object.
            RefusedError: Objects cannot be locked here (``lock-not-enabled``).
        """

    def delete(self, name: str) -> None:
        """Remove an object for good, where `Store.delete` may only hide it; no error where there is none.

        Raises:
            ObjectLockedError: It is locked.
        """


class Store(Protocol):
    """Objects under slash-separated names. There is no verb that overwrites.

    Attributes:
        url: Where the store is, ending in a slash; DuckDB reads ``url + name``.
        jobs: How many objects are best worked on at a time.
        batch: How many small ones of them one thread takes at once.
        arrival: How it is known that what arrives is what was sent; docs/format.md, "arrival".

    Names are relative, use ``/``, and have no empty, ``.`` or ``..`` part; a store refuses others with
    `RefusedError` (``unsafe-name``) before it touches anything. All failures are `StorageError`.
    Every method may be called from several threads.
    """

    url: str
    jobs: int
    batch: int
    arrival: str

    @property
    def locks(self) -> Locks | None:
        """Locks against deletion; None where there are none."""

    @property
    def versions(self) -> Versions | None:
        """Older contents that the service keeps; None where it keeps none."""

    @property
    def soft_deleted(self) -> Versions | None:
        """Contents that were deleted a short while ago, and are kept for a time; None where they are not."""

    @property
    def folder(self) -> str | None:
        """The folder of this machine that the store is, whose files are the objects; None for all others.

        A look at one costs next to nothing, and what is read twice is the same.
        """

    def holder(self, name: str) -> tuple[Store, str] | None:
        """The store that holds just these bytes, and their name there; None where they are changed on their way.

        It is the store itself, but for one that stands before another.
        """

    def be_private(self) -> None:
        """Let nobody else on this machine read what is created from now on; who may read a bucket its service says."""

    def be_as_open_as(self, name: str) -> None:
        """Let what is created from now on be as open to others on this machine as an object that is there."""

    def delete_for_good(self) -> None:
        """Let `delete` remove objects from now on, and heed their locks, where a bucket would keep older versions."""

    def stat(self, name: str) -> Stat | None:
        """Size and time of an object; None where there is none, or none that we are let see.

        Creating tells what is the case, as it overwrites nothing.
        """

    def get(self, name: str) -> bytes:
        """The whole content of a small object.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def open(self, name: str, *, vouch: bool = True) -> OpenObject:
        """An object's content as a stream, for content of any size.

        Args:
            name: The object.
            vouch: Whether to compare what arrives with what the store itself vouches for; who compares it with
                a checksum of his own need not.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def read(self, name: str, start: int, size: int) -> bytes:
        """Some bytes of an object, fewer where it ends before.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """Files of this machine that hold the objects' content, for readers that need files.

        A local store answers with its own files, whether they are there or not; others fetch what they have not
        fetched yet, and keep it as long as they live: ask only for objects whose content never changes.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def put_new(self, name: str, content: bytes) -> None:
        """Create a small object: afterwards it is whole, at any instant before it is not there at all.

        It is durable when this returns.

        Raises:
            ObjectExistsError: The name is taken; of several callers at once exactly one wins.
        """

    def copy_new(self, name: str, source: Source, size: int, *, modified_ns: int = 0) -> Copied:
        """Create an object from a stream, hashing while copying. For many and for large objects.

        A process that dies half-way may leave an object that is not whole, so what nobody vouches for has
        to be compared before it is trusted. The object is durable after the next `sync`.

        Args:
            name: The object's name.
            source: Where the bytes come from.
            size: How many are expected; a hint, what counts is what the source yields.
            modified_ns: The time of modification to give to the object, where the store can; 0 for now.

        Raises:
            ObjectExistsError: The name is taken; the source may have been read.
            OSError: Reading the source failed; errors of the store itself are `StorageError`.
        """

    def copy_from(self, name: str, origin: Store, origin_name: str, size: int, *, etag: str = "") -> Copied | None:
        """Create an object as a copy of another store's, without its bytes passing through us.

        Args:
            name: The new object's name.
            origin: The store that holds the original.
            origin_name: Its name there.
            size: The size that the original must have.
            etag: The etag that the original must have; any if empty.

        Returns:
            The copy; None where the two stores cannot do that, or the original has another size or etag.

        Raises:
            ObjectExistsError: The name is taken.
            ObjectMissingError: There is no original.
        """

    def place_new(
        self, name: str, source: Source, size: int, checksum: str, *, modified_ns: int = 0, aside: str = ""
    ) -> None:
        """Create an object from a stream if its content is the expected one: whole, or not there at all.

        Args:
            name: The object's name.
            source: Where the bytes come from.
            size: How many are expected.
            checksum: Their expected checksum, see `canvasback.storage.checksums`.
            modified_ns: The time of modification to give to the object, where the store can; 0 for now.
            aside: If not empty, an object of that name is first renamed to the name with this at its end.

        Raises:
            ObjectExistsError: The name is taken.
            CorruptError: The stream yields other bytes than expected (``object-corrupt``); nothing was changed.
            OSError: Reading the source failed.
        """

    def move_aside(self, name: str, suffix: str) -> None:
        """Rename an object to its name with a suffix, without overwriting anything.

        Raises:
            ObjectExistsError: The new name is taken.
            ObjectMissingError: There is no such object.
        """

    def sync(self) -> None:
        """Return when everything that was written through this store survives a power failure."""

    def list(self, prefix: str) -> Iterator[Stat]:
        """All objects whose names begin with the prefix, by rising name."""

    def delete(self, name: str) -> None:
        """Remove an object; no error where there is none.

        Raises:
            ObjectLockedError: It is locked, and `delete_for_good` was asked for.
        """
