"""Locks against deletion of what a repository holds, where its marker says that there are any.

The lock of a manifest is the promise: until it ends, all that the point names is locked, at least. So that is locked
first. Leases are never locked, for they have to go.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from canvasback.model.lock import Lock, Retention
from canvasback.repository.owner import owner_of
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Locks, Store


class Protection(msgspec.Struct, frozen=True):
    """How the objects of a repository are locked.

    Attributes:
        lock: What the marker says.
        store: The repository.
        locks: Its store's.
    """

    lock: Lock
    store: Store
    locks: Locks

    def extend(self, names: Iterable[str], retention: Retention, run: Run) -> None:
        """Lock objects at least so long."""

        def extend(name: str, _: Stop) -> None:
            self.locks.extend(name, retention)
            run.progress.advance(files=1)

        with run.in_parallel(names, each(extend), self.store) as extended:
            for _ in extended:
                pass


def protection_of(store: Store) -> Protection | None:
    """How the objects of an opened repository are locked; None where they are not, or its place has no locks."""
    owner = owner_of(store)
    if owner is None or owner.lock is None or store.locks is None:
        return None
    return Protection(owner.lock, store, store.locks)


def protect(store: Store, name: str, now: datetime) -> None:
    """Lock an object for as long as the repository's marker says, if it does."""
    protection = protection_of(store)
    if protection is not None:
        protection.locks.extend(name, protection.lock.begin(now))
