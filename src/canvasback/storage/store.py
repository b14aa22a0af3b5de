"""The contract that every store keeps. One suite, tests/contract, holds each of them to it."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

import msgspec


class Stat(msgspec.Struct, frozen=True):
    """What a store knows of an object without reading it.

    Attributes:
        name: The object's name.
        size: Its size in bytes.
        modified_ns: When it was last written, nanoseconds since 1970; 0 where the store does not say.
    """

    name: str
    size: int
    modified_ns: int = 0


class Copied(msgspec.Struct, frozen=True):
    """What went through while an object was written.

    Attributes:
        size: Bytes that were read and written.
        blake3: Their BLAKE3, 64 hex digits.
    """

    size: int
    blake3: str


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


class Store(Protocol):
    """Objects under slash-separated names. There is no verb that overwrites.

    Names are relative, use ``/``, and have no empty, ``.`` or ``..`` part; a store refuses others with
    `RefusedError` (``unsafe-name``) before it touches anything. All failures are `StorageError`.
    Every method may be called from several threads.
    """

    url: str
    """Where the store is, ending in a slash; DuckDB reads ``url + name``."""

    def stat(self, name: str) -> Stat | None:
        """Size and time of an object, or None where there is none."""

    def get(self, name: str) -> bytes:
        """The whole content of a small object.

        Raises:
            ObjectMissingError: There is no such object.
        """

    def open(self, name: str) -> OpenObject:
        """An object's content as a stream, for content of any size.

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
            ObjectExistsError: The name is taken.
            OSError: Reading the source failed; errors of the store itself are `StorageError`.
        """

    def sync(self) -> None:
        """Return when everything that was written through this store survives a power failure."""

    def list(self, prefix: str) -> Iterator[Stat]:
        """All objects whose names begin with the prefix, by rising name."""

    def delete(self, name: str) -> None:
        """Remove an object; no error where there is none."""
