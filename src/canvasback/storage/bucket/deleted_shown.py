"""A store in a bucket in which deleted objects can be read while the bucket keeps what they held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter

from canvasback.storage.bucket.service import Bucket
from canvasback.storage.bucket.store import ObjectStore, OpenRemote
from canvasback.storage.store import Stat, Store
from canvasback.storage.versions import Version


class DeletedShown(ObjectStore):
    """See the module. Nothing is brought back unless that is asked for.

    Args:
        bucket: The bucket.
        prefix: Where the store is in it.
        contents: Reads what objects held, under ``<version id>/<name>``.
        wanted: Which deleted objects are shown, by the newest content of each.
    """

    def __init__(self, bucket: Bucket, prefix: str, contents: ObjectStore, wanted: Callable[[Version], bool]) -> None:
        super().__init__(bucket, prefix)
        assert self.versions is not None  # whoever has contents has these
        self._contents = contents
        newest = (next(of_name) for _, of_name in groupby(self.versions.list(""), attrgetter("name")))
        self._deleted = {version.name: version for version in newest if not version.current and wanted(version)}

    def deleted(self, names: Sequence[str]) -> list[Version]:
        """Those of some objects that are shown and were deleted."""
        return [self._deleted[name] for name in names if name in self._deleted]

    def stat(self, name: str) -> Stat | None:
        """See `Store.stat`."""
        found = self._deleted.get(name)
        return super().stat(name) if found is None else _stat(found)

    def get(self, name: str) -> bytes:
        """See `Store.get`."""
        where, name = self._place(name)
        return super().get(name) if where is self else where.get(name)

    def open(self, name: str, *, vouch: bool = True) -> OpenRemote:
        """See `Store.open`."""
        where, name = self._place(name)
        return super().open(name, vouch=vouch) if where is self else self._contents.open(name, vouch=vouch)

    def read(self, name: str, start: int, size: int) -> bytes:
        """See `Store.read`."""
        where, name = self._place(name)
        return super().read(name, start, size) if where is self else where.read(name, start, size)

    def local_paths(self, names: Sequence[str]) -> list[str]:
        """See `Store.local_paths`."""
        plain = [name for name in names if name not in self._deleted]
        found = dict(zip(plain, super().local_paths(plain), strict=True)) if plain else {}
        gone = [name for name in names if name in self._deleted]
        found.update(zip(gone, self._contents.local_paths([self._place(name)[1] for name in gone]), strict=True))
        return [found[name] for name in names]

    def list(self, prefix: str) -> Iterator[Stat]:
        """See `Store.list`."""
        deleted = (_stat(version) for name, version in self._deleted.items() if name.startswith(prefix))
        return merge(super().list(prefix), deleted, key=attrgetter("name"))

    def _place(self, name: str) -> tuple[Store, str]:
        found = self._deleted.get(name)
        return (self, name) if found is None else (self._contents, f"{found.id}/{name}")


def _stat(version: Version) -> Stat:
    return Stat(version.name, version.size, version.modified_ns, version.etag, version.checksum)
