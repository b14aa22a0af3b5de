"""The locks of a store that is a part of a bucket."""

from __future__ import annotations

from collections.abc import Callable

from canvasback.model.lock import Retention
from canvasback.storage.store import Locks


class PrefixedLocks:
    """The locks of a bucket by the names of a store; see `canvasback.storage.store.Locks`.

    Args:
        locks: The bucket's.
        key: The key of a name.
    """

    def __init__(self, locks: Locks, key: Callable[[str], str]) -> None:
        self._locks = locks
        self._key = key
        self.enabled = locks.enabled

    def find(self, name: str) -> Retention | None:
        """See `Locks.find`."""
        return self._locks.find(self._key(name))

    def extend(self, name: str, retention: Retention) -> None:
        """See `Locks.extend`."""
        self._locks.extend(self._key(name), retention)

    def delete(self, name: str) -> None:
        """See `Locks.delete`."""
        self._locks.delete(self._key(name))
