"""Deleting while others work with the repository: a little at a time, each time with the lease.

Whoever holds the lease is alone in making points. So a look at those that came since the last look tells for sure what
points name, but for two: a run that was held up so long that it was believed dead may still publish the point that it
announced, which is why its name is taken first; and a prune that was held up may still delete what it had chosen, which
is why no run relies on such objects, see `canvasback.model.register.Sweep`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from canvasback.errors import LockedError, ObjectLockedError
from canvasback.model.moment import spelled
from canvasback.repository import layout
from canvasback.repository.leases import HeldLease, hold_lease
from canvasback.repository.patience import patient
from canvasback.repository.points import read_point, stored_points
from canvasback.repository.reachability import Reachability
from canvasback.repository.register import change_register
from canvasback.repository.withdrawn import withdraw_point
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.verbs.prune.unnamed import UnnamedObjects

BATCH, _MOST = 2_000, 32_000
"""How many objects are deleted before others have their turn: first, and where that is done at once."""

_TURN = 1.0
"""Seconds of a turn: after one that took less the next has more objects, and fewer after one that took more."""

_JOBS = 16
"""How many objects are deleted at a time: each waits, and takes next to no CPU."""

_PATIENCE = 120
"""Seconds to wait for whoever writes to the repository."""


class Sweep:
    """Deletes from a repository.

    Args:
        run: Tells the time, and how many objects to work on at a time.
        store: The repository.
        reach: Knows what the points name.
        unnamed: What none of them does.
        known: The points that are known.
        since: A run that was held up before that does not go on.
        until: When it has to end, see `canvasback.model.register.Sweep`.

    Attributes:
        objects: How many objects were deleted.
        bytes: Bytes of them.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        reach: Reachability,
        unnamed: UnnamedObjects,
        *,
        known: Collection[str],
        since: datetime,
        until: datetime,
    ) -> None:
        self._run = run
        self._store = store
        self._reach = reach
        self._unnamed = unnamed
        self._known = set(known)
        self._since = since
        self._until = until
        self._latest: str | None = None
        self.objects = 0
        self.bytes = 0

    def delete_points(self, ids: Collection[str]) -> frozenset[str]:
        """Delete the manifests of points that nobody can bring back any more, and answer which are gone."""
        names = {layout.point_name(id_): id_ for id_ in ids}
        with self._lease() as lease:
            return frozenset(names[name] for name in self._delete(lease, names))

    def delete_objects(self, count: int, bytes_: int) -> None:
        """Delete all that no point names.

        Args:
            count: How many objects are expected.
            bytes_: Bytes of them.
        """
        self._run.progress.begin("deleting", files=count, bytes_=bytes_)
        more, most = True, BATCH
        while more:
            with self._lease() as lease:
                began = time.monotonic()
                batch = self._unnamed.take(most)
                gone = self._delete(lease, [name for name, _ in batch])
            most = min(2 * most, _MOST) if time.monotonic() - began < _TURN else max(most // 2, BATCH)
            sizes = dict(batch)
            self.objects += len(gone)
            self.bytes += sum(sizes[name] for name in gone)
            self._run.progress.advance(files=len(batch), bytes_=sum(sizes.values()))
            more = bool(batch)
        self._run.progress.end()

    def delete_leases(self, names: Collection[str]) -> None:
        """Delete leases that nobody needs."""
        with self._lease() as lease:
            self._delete(lease, names)

    @contextmanager
    def _lease(self) -> Iterator[HeldLease]:
        """Hold the repository, knowing all points that there are and can be."""
        with ExitStack() as stack:
            for attempt in patient(_PATIENCE):
                with attempt:
                    lease = stack.enter_context(hold_lease(self._store, "prune", self._run.clock))
            if lease.overtaken is not None and lease.overtaken > self._since:
                raise LockedError(
                    "run-held-up",
                    f"a mirror or a repair of {self._store.url} was held up at {spelled(lease.overtaken)}, and may "
                    "still publish points whose objects would be deleted",
                    hint="End that run if it still exists, and wait for as long as the grace.",
                )
            self._settle(lease)
            yield lease

    def _settle(self, lease: HeldLease) -> None:
        """Let no point come that is not there, and keep what those name that came."""
        withdrawn = [id_ for id_ in lease.unpublished if withdraw_point(self._store, id_)]
        if withdrawn:
            now = self._run.now()
            change_register(self._store, self._run.clock, lambda register: register.withdraw(withdrawn, now))
            self._known.update(withdrawn)
        if lease.latest is None or lease.latest != self._latest or lease.unpublished:
            fresh = [id_ for id_ in stored_points(self._store) if id_ not in self._known]
            for id_ in fresh:
                self._reach.add(read_point(self._store, id_))
            if fresh:
                self._unnamed.keep(self._reach.objects(fresh))
            self._known.update(fresh)
        self._latest = lease.latest
        lease.unpublished = ()

    def _delete(self, lease: HeldLease, names: Collection[str]) -> list[str]:
        """Delete objects, and answer which are gone: a lock may last longer than by our clock."""

        def delete(name: str, _: Stop) -> str | None:
            lease.check()
            if self._run.now() >= self._until:
                raise LockedError(
                    "prune-overdue",
                    "the prune took longer than its grace, and others rely again on what it deletes",
                    hint="Run it again, with a longer grace: what is gone was needed by nobody.",
                )
            try:
                self._store.delete(name)
            except ObjectLockedError:
                return None
            return name

        with self._run.in_parallel(names, each(delete), self._store, jobs=_JOBS) as deleted:
            return [name for name in deleted if name is not None]
