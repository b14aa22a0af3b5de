"""A second place of a repository, which gets points of the first one."""

from __future__ import annotations

from collections.abc import Iterable

from canvasback.catalog.connections import connect
from canvasback.datapath.data_root import refuse_nesting
from canvasback.errors import RefusedError
from canvasback.model.finding import Findings
from canvasback.model.lock import Lock
from canvasback.model.plans.mirror import MirrorPlan
from canvasback.model.plurals import many
from canvasback.model.results.mirror import MirrorResult
from canvasback.repository.at_risk import refuse_at_risk
from canvasback.repository.leases import hold_lease
from canvasback.repository.places import look_for_place, make_place, refuse_one_place, take_keys
from canvasback.repository.points import list_points, stored_points
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.register import change_register
from canvasback.repository.repository import Repository
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder
from canvasback.transfer.mirroring import Copied, Mirroring


class SecondPlace:
    """Another place of a repository, which may not have been made yet.

    Args:
        run: What it works with.
        first: The repository.
        to: The other place, a folder or a URL.
        lock: How its objects are to be locked; None if nobody says so.

    Attributes:
        first: As above.
        target: The other place; as it is stored, until something was brought there.

    Raises:
        RefusedError: It is the same place (``one-place``).
    """

    def __init__(self, run: Run, first: Repository, to: str, *, lock: Lock | None = None) -> None:
        self._run = run
        self.first = first
        self._to = to
        self._lock = lock
        self.target = run.stores.open(to)
        refuse_one_place(first.store, self.target)

    @property
    def makes(self) -> bool:
        """Whether there is no repository yet.

        Raises:
            RefusedError: There is another one (``other-lake``, ``other-repository``, ``other-keys``), or its objects
                are locked in another way (``lock-differs``).
        """
        return self._find() is None

    def behind(self) -> list[str]:
        """The ids of the points that were made since the newest one that is there, oldest first."""
        newest = max(stored_points(self.target), default="")
        return [id_ for id_ in list_points(self.first.store) if id_ > newest]

    def foresee(self, wanted: list[str]) -> MirrorResult:
        """Say what would be copied for points, and change nothing."""
        return self._work(wanted, [], dry_run=True)

    def bring(self, wanted: list[str], *, named: Iterable[str] = ()) -> MirrorResult:
        """Let it hold points, too. It is made if there is nothing yet.

        Args:
            wanted: The ids of the points, oldest first.
            named: Those of them that somebody named: they come even if they were pruned there.

        Raises:
            RefusedError: It lies where the lake's files are (``repository-in-data-path``), or cannot be made.
            LockedError: Another run writes to it (``repository-locked``), or a prune of it has not ended
                (``prune-unfinished``).
        """
        return self._work(wanted, list(named), dry_run=False)

    def _work(self, wanted: list[str], named: list[str], *, dry_run: bool) -> MirrorResult:
        self._refuse_data_path(wanted)
        run, origin, place = self._run.again(), self.first.store, self._find()
        makes = place is None
        if not dry_run and place is None:
            place = make_place(run.stores, self._to, self.first, run.now(), self._lock)
        elif not dry_run and place is not None:
            place = take_keys(place, self.first, run)
        if place is not None:
            self.target = place.store
        target, findings = self.target, Findings()
        with temporary_folder() as folder, connect(folder, reach=reach_of(origin, *reach_of(target))) as connection:
            mirroring = Mirroring(run, connection, origin, target, findings, makes=makes)
            if dry_run:
                plan = mirroring.plan(wanted)
                copied = Copied(plan.points)
            else:
                with hold_lease(target, "mirror", run.clock) as lease:
                    refuse_at_risk(target, run.now())
                    there, here = stored_points(origin), stored_points(target)
                    change_register(target, run.clock, lambda register: register.mirror_of(there, here, named))
                    plan = mirroring.plan(wanted)
                    copied = mirroring.execute(plan, lease)
        return self._result(plan, copied, findings, run.seconds, dry_run=dry_run)

    def _find(self) -> Repository | None:
        found = look_for_place(self._run.stores, self._to, self.first)
        if found is not None and self._lock not in {None, found.marker.lock}:
            raise _another_lock(found)
        return found

    def _refuse_data_path(self, wanted: list[str]) -> None:
        """See that it does not lie where the lake's files are, as far as the newest of the points knows."""
        newest = next(ReadablePoints(self.first.store).manifests(reversed(wanted)), None)
        if newest is not None:
            refuse_nesting(self.target.url, newest.data_root)
        holding = self.first.marker.borrows
        if holding is not None:
            refuse_nesting(self.target.url, holding.url)

    def _result(
        self, plan: MirrorPlan, copied: Copied, findings: Findings, seconds: float, *, dry_run: bool
    ) -> MirrorResult:
        return MirrorResult(
            repository=self.first.store.url,
            target=self.target.url,
            steps=plan.steps,
            dry_run=dry_run,
            made=plan.makes and not dry_run,
            points=copied.points,
            held_points=plan.held,
            copied_objects=copied.objects,
            copied_bytes=copied.bytes,
            kept_objects=copied.kept,
            seconds=seconds,
            findings=findings.kept,
            finding_counts=findings.counts,
        )


def _another_lock(found: Repository) -> RefusedError:
    lock = found.marker.lock
    how = f"locked in mode {lock.mode} for {many(lock.days, 'day')}" if lock is not None else "not locked"
    return RefusedError(
        "lock-differs",
        f"the objects of {found.store.url} are {how}, which was decided when it was made",
        hint="Leave out --lock and --lock-days; for more days, run lock --days there.",
    )
