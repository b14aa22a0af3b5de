"""Telling what fails at the source of a copy from what fails at its target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from canvasback.errors import RefusedError, StorageError
from canvasback.storage.store import OpenObject, Source, Store


class UnreadError(Exception):
    """The source could not be read.

    Attributes:
        reason: The error of its store, or of its disk.
    """

    def __init__(self, reason: StorageError | RefusedError | OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Reading:
    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, size: int, /) -> bytes:
        with reading():
            return self._source.read(size)


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Errors of storage within are `UnreadError`."""
    try:
        yield
    except (StorageError, RefusedError, OSError) as error:
        raise UnreadError(error) from error


@contextlib.contextmanager
def open_source(store: Store, name: str, *, vouch: bool = True) -> Iterator[tuple[OpenObject, Source]]:
    """An object with the stream to read it by, see `Store.open`; all that fails at it is an `UnreadError`."""
    with reading():
        opened = store.open(name, vouch=vouch)
    with opened as file:
        yield file, _Reading(file)
