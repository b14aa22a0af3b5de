"""A point in a repository whose objects are locked: what it names is locked before it is published."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from contextlib import suppress

from canvasback.catalog.connections import connect
from canvasback.errors import CorruptError
from canvasback.model.lock import Retention
from canvasback.model.manifest import Manifest
from canvasback.repository import layout
from canvasback.repository.leases import HeldLease
from canvasback.repository.named_objects import NamedObjects
from canvasback.repository.points import copy_point, read_point
from canvasback.repository.protection import protection_of
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder


def lock_named(store: Store, manifest: Manifest, before: Manifest | None, run: Run) -> Retention | None:
    """Lock what a point names that is about to be published.

    What the point before names is locked at least as long as that point. While that is for more than half of the days
    of a new lock, it is left as it is, and the new point is locked no longer than the one before: so a backup takes as
    long as there are changes, and all of the lake is locked anew once in half of the days.

    Args:
        store: The repository.
        manifest: The new point.
        before: The point that it shares most with; None to rely on nothing.
        run: Tells the time, and how many objects to work on at a time.

    Returns:
        How the point itself is to be locked once it is there; None in a repository without locks.
    """
    protection = protection_of(store)
    if protection is None:
        return None
    now = run.now()
    fresh = protection.lock.begin(now)
    held = protection.locks.find(layout.point_name(before.id)) if before is not None else None
    with temporary_folder() as folder, connect(folder, reach=reach_of(store)) as connection:
        named = NamedObjects(connection, store)
        promised = fresh
        if before is not None and held is not None and not protection.lock.extends(held, now):
            named.know(store, before)
            promised = Retention(fresh.mode, min(fresh.until, held.until))
        named.add(manifest)
        run.progress.begin("locking objects")
        protection.extend((one.name for one in named.each()), fresh, run)
        run.progress.end()
    return promised


def lock_point(store: Store, id_: str, retention: Retention | None) -> None:
    """Lock a manifest, as `lock_named` says."""
    if retention is not None and store.locks is not None:
        store.locks.extend(layout.point_name(id_), retention)


def publishing(run: Run, held: Iterable[str], lease: HeldLease) -> Callable[[Store, Store, str], None]:
    """What publishes points of another place as `canvasback.repository.points.copy_point` does, and locks them.

    Args:
        run: See `lock_named`.
        held: The ids of the points that are there already.
        lease: The lease of that place.
    """
    there = sorted(held)

    def lock(store: Store, manifest: Manifest) -> Retention | None:
        for id_ in there[: bisect_left(there, manifest.id)][-1:]:
            with suppress(CorruptError):  # nothing is relied on then
                return lock_named(store, manifest, read_point(store, id_), run)
        return lock_named(store, manifest, None, run)

    def publish(store: Store, origin: Store, id_: str) -> None:
        promised = None
        if protection_of(store) is not None:
            promised = lock(store, read_point(origin, id_))
            lease.check()
        copy_point(store, origin, id_)
        lock_point(store, id_, promised)
        insort(there, id_)

    return publish
