"""Looking for many objects of a store: by a listing, where that takes fewer requests than asking for each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby, islice
from typing import TypeVar

from canvasback.errors import AccessDeniedError
from canvasback.storage.store import Stat, Store
from canvasback.storage.versions import Version

T = TypeVar("T")

_PAGE = 1000
"""What one request of a listing answers, in all services."""

_FEW = 4
"""So many objects are asked for one by one: a listing takes two requests, see `Looker`."""

_PRICE = 12
"""Asking for so many objects costs what a page of a listing does."""


class Looker:
    """Looks for objects of a store, and tells which content readers get now.

    A service's etag is no checksum where it encrypts with keys of its own. Only who asks for the single object is told
    so, thus one of those that were listed together is asked for, and stands for the others: they were written by one
    program, as a rule, and where that fails the service is asked before what is read counts as damaged; see
    `canvasback.storage.borrowed.BorrowingStore.vouches`.

    Args:
        store: The store.
        by_version: Whether it is asked for the ids of the contents.
    """

    def __init__(self, store: Store, *, by_version: bool) -> None:
        self._store = store
        self._versions = store.versions
        self._by_version = by_version

    def head(self, name: str) -> Version | None:
        """The content of an object, with what the service vouches for; None where there is none."""
        if self._versions is not None:
            return self._versions.head(name)
        found = self._store.stat(name)
        return None if found is None else _current(found)

    def among(self, names: Collection[str]) -> dict[str, Version | None]:
        """What a listing tells of objects of one folder; those that it does not tell of are to be asked for."""
        if len(names) < _FEW or self._store.folder is not None:
            return {}
        try:
            told = self._listed(names)
            sample = next((found for found in told.values() if found is not None and found.checksum), None)
            exact = self.head(sample.name) if sample is not None else None
        except AccessDeniedError:
            return {}  # to list objects, and to read one, may be different rights
        if sample is not None and (exact is None or exact.checksum != sample.checksum):
            return {}
        return told

    def _listed(self, names: Collection[str]) -> dict[str, Version | None]:
        """Those names of which as many pages of a listing tell as are worth it."""
        last, seen, listed = max(names), "", 0
        most = _PAGE * max(1, len(names) // _PRICE)
        found: dict[str, Version | None] = dict.fromkeys(names)
        for entry in islice(self._entries(_common(names)), most):
            seen, listed = entry.name, listed + 1
            if seen > last:
                break
            if seen in found and entry.current:
                found[seen] = entry
        if seen > last or listed < most:
            return found
        return {name: one for name, one in found.items() if name < seen or one is not None}

    def _entries(self, prefix: str) -> Iterator[Version]:
        if self._by_version and self._versions is not None:
            return self._versions.list(prefix)
        return map(_current, self._store.list(prefix))


def in_folders(items: Iterable[T], name: Callable[[T], str]) -> Iterator[list[T]]:
    """Items whose objects are in one folder, a page full of them at most; those of a folder come one after the other.

    Args:
        items: The items.
        name: The name of an item's object.
    """
    for _, of_folder in groupby(items, lambda item: name(item).rpartition("/")[0]):
        while some := list(islice(of_folder, _PAGE)):
            yield some


def _common(names: Collection[str]) -> str:
    """What all names begin with. New files of a folder have much of it in common: their names begin with the time."""
    first, last = min(names), max(names)
    same = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]


def _current(stat: Stat) -> Version:
    return Version(stat.name, "", stat.size, stat.modified_ns, stat.etag, stat.checksum, current=True)
