"""The versions in a store that is a part of a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from canvasback.storage.versions import BroughtBack, Version, Versions


class PrefixedVersions:
    """The versions of a bucket by the names of a store; see `canvasback.storage.versions.Versions`.

    Args:
        versions: The bucket's.
        prefix: What all keys of the store begin with.
        key: The key of a name.
    """

    def __init__(self, versions: Versions, prefix: str, key: Callable[[str], str]) -> None:
        self._versions = versions
        self._prefix = prefix
        self._key = key
        self.batch = versions.batch
        self.kept = versions.kept

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`."""
        return map(self._named, self._versions.list(self._prefix + prefix))

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`."""
        return map(self._named, self._versions.find([self._key(name) for name in names]))

    def head(self, name: str) -> Version | None:
        """See `Versions.head`."""
        found = self._versions.head(self._key(name))
        return None if found is None else self._named(found)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`."""
        keyed = [msgspec.structs.replace(version, name=self._key(version.name)) for version in versions]
        for done in self._versions.bring_back(keyed):
            yield BroughtBack(self._named(done.version), done.error)

    def _named(self, version: Version) -> Version:
        return msgspec.structs.replace(version, name=version.name.removeprefix(self._prefix))
