"""pitr forget: delete base backups that a policy does not keep, and the log before the oldest that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from canvasback.errors import ObjectLockedError
from canvasback.model.base_backup import needed_by
from canvasback.model.clock import now, refuse_clock_behind
from canvasback.model.plans.pitr_forget import PitrForgetPlan
from canvasback.model.results.pitr_forget import JudgedBase, PitrForgetResult
from canvasback.model.retention import Candidate, Policy, evaluate
from canvasback.model.wal import Segment
from canvasback.postgres.repository_archive import RepositoryArchive, open_archive
from canvasback.repository.bases import MANIFEST, SUMS, TAR, base_name, unfinished
from canvasback.repository.leases import hold_lease
from canvasback.repository.repository import open_repository
from canvasback.repository.wal_object import wal_name
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.storage.store import Store

_GIVEN_UP = timedelta(days=1)
"""After so long a base backup without a manifest is not being made any more."""


@translates_errors
def pitr_forget(
    repository: str,
    *,
    policy: Policy,
    system: int | None = None,
    dry_run: bool = False,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> PitrForgetResult:
    """Delete base backups that a policy does not keep, and what of the log only they need.

    What a base backup that stays rests on stays too, and so does all of the log from the oldest one on: every moment
    since then can be recovered as before. The newest base backup always stays.

    Args:
        repository: The repository, a folder or a URL.
        policy: Which to keep, by when they ended.
        system: The cluster's system identifier, where the repository has the log of several.
        dry_run: Make the plan only.
        stores: How to reach object stores.
        clock: Tells the time.

    Raises:
        UsageError: The policy keeps none (``keeps-nothing``).
        RefusedError: There is no archive (``no-archive``, ``no-base``), or the clock is wrong (``clock-behind``).
        LockedError: Another run writes to the repository.
    """
    run = Run.begin(stores=stores, clock=clock)
    store = open_repository(run.stores, repository).store
    if dry_run:
        return _forget(store, policy, system, run, dry_run=True)
    with hold_lease(store, "pitr forget", run.clock):
        store.delete_for_good()
        return _forget(store, policy, system, run, dry_run=False)


def _forget(store: Store, policy: Policy, system: int | None, run: Run, *, dry_run: bool) -> PitrForgetResult:
    archive, _ = open_archive(store, system)
    refuse_clock_behind(archive.bases[-1].ended, run.now())
    verdicts = evaluate(policy, [Candidate(point=one.id, time=one.ended) for one in archive.bases], run.now())
    reasons = {one.point: one.reasons for one in verdicts}
    kept = {one.point for one in verdicts if one.reasons}
    needed = needed_by(archive.bases, kept)
    plan = _plan(archive, needed, kept, run.now())
    locked = 0 if dry_run else _delete(store, plan)
    return PitrForgetResult(
        repository=store.url,
        system=plan.system,
        bases=tuple(
            JudgedBase(
                base=one.id,
                ended=one.ended,
                parent=one.parent,
                reasons=reasons[one.id] or (("rested on",) if one.id in needed else ()),
            )
            for one in archive.bases
        ),
        deleted_bases=len(plan.bases),
        deleted_files=len(plan.files),
        locked=locked,
        steps=plan.steps,
        dry_run=dry_run,
    )


def _plan(archive: RepositoryArchive, needed: frozenset[str], kept: set[str], moment: datetime) -> PitrForgetPlan:
    going = [one for one in archive.bases if one.id not in needed]
    first = min((one.first_segment for one in archive.bases if one.id in needed), key=lambda one: one.number)
    size = archive.segment_size
    # The history of every timeline stays: it is small, and says how what stays came to be.
    files = [name for name in archive.held.segments if Segment.parse(name, size).number < first.number]
    files += [part.file for part in archive.held.parts if Segment.parse(part.segment, size).number < first.number]
    system = archive.log.system
    return PitrForgetPlan(
        system=str(system),
        bases=tuple(one.id for one in going),
        bytes=sum(one.bytes for one in going),
        files=tuple(sorted(files)),
        first_segment=first.name,
        rested_on=tuple(sorted(needed - kept)),
        leftovers=tuple(name for name, began in unfinished(archive.log.store, system) if began < moment - _GIVEN_UP),
    )


def _delete(store: Store, plan: PitrForgetPlan) -> int:
    """First what makes it a base backup, so that nobody begins with one of which a part is gone.

    What rests on another goes before that, and the log last: while one stays because it is locked, so does its log.

    Returns:
        How many objects are locked, and stay.
    """
    system = int(plan.system)
    locked = _delete_all(store, [base_name(system, base, MANIFEST) for base in reversed(plan.bases)])
    if locked:
        return locked
    objects = [base_name(system, base, file) for base in plan.bases for file in (TAR, SUMS)]
    return _delete_all(store, [*objects, *plan.leftovers, *(wal_name(system, file) for file in plan.files)])


def _delete_all(store: Store, names: Iterable[str]) -> int:
    locked = 0
    for name in names:
        try:
            store.delete(name)
        except ObjectLockedError:
            locked += 1
    return locked
