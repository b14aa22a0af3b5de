"""Looking for many objects of a store: by a listing, where that takes fewer requests than asking for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TypeVar

from canvasback.errors import RefusedError, StorageError
from canvasback.storage.store import Store
from canvasback.storage.versions import Version

T = TypeVar("T")

_FEW = 4
"""So many objects are asked for one by one: a listing takes two requests, see `Looker`."""

_MOST = 10_000
"""So many are looked for by one listing."""

_SMALL = 2_000
"""A lake of so many files is listed as a whole, wherever those are that are looked for: it takes a page for each
thousand. In a larger one those are looked for together that are in one folder: they were written at about one time, and
have names that say so."""


class Looker:
    """Looks for objects of a store, and tells which content readers get now.

    A service's etag is no checksum where it encrypts with keys of its own. Only who asks for the single object is told
    so, thus one of those that were listed together is asked for, and stands for the others: they were written by one
    program, as a rule, and where that fails the service is asked before what is read counts as damaged; see
    `canvasback.storage.borrowed.BorrowingStore.vouches`.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._versions = store.versions

    def head(self, name: str) -> Version | None:
        """The content of an object, with what the service vouches for; None where there is none."""
        if self._versions is not None:
            return self._versions.head(name)
        found = self._store.stat(name)
        if found is None:
            return None
        return Version(name, "", found.size, found.modified_ns, found.etag, found.checksum, current=True)

    def among(self, names: Sequence[str]) -> dict[str, Version | None]:
        """What a listing tells of objects; those that it does not tell of are to be asked for."""
        if self._versions is None or len(names) < _FEW:
            return {}
        told: dict[str, Version | None] = dict.fromkeys(names)
        try:
            told.update((found.name, found) for found in self._versions.find(names) if found.current)
            sample = next((found for found in told.values() if found is not None and found.checksum), None)
            exact = None if sample is None else self.head(sample.name)
        except (StorageError, RefusedError):
            # Not every service lists versions, to list them may be another right than to read one, and what is wrong
            # with one name is its own problem.
            return {}
        if sample is not None and (exact is None or exact.checksum != sample.checksum):
            return {}
        return told


def together(items: Iterable[T], name: Callable[[T], str], *, files: int) -> Iterator[list[T]]:
    """Items whose objects are best looked for together.

    Args:
        items: The items; those of one folder come one after the other.
        name: The name of an item's object.
        files: How many files the lake has.
    """
    whole = files <= _SMALL
    for _, group in groupby(items, lambda item: "" if whole else name(item).rpartition("/")[0]):
        while some := list(islice(group, _MOST)):
            yield some
