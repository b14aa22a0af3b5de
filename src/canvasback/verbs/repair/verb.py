"""repair: what a repository lost, put back from another place of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.connections import connect
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.level import RepairLevel
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.repair import RepairResult
from canvasback.repository.at_risk import refuse_at_risk
from canvasback.repository.leases import hold_lease
from canvasback.repository.places import open_place, refuse_one_place
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.repair.repairing import Repaired, Repairing


@translates_errors
def repair(
    repository: str,
    source: str,
    *,
    level: RepairLevel | str = RepairLevel.EXISTS,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> RepairResult:
    """Put back what a repository lost, from a mirror of it or from what it is a mirror of.

    What is missing is put in its place, what is damaged is moved aside first, and nothing is overwritten. Points that
    the other place has and the repository has not, or not whole, are published again.

    Args:
        repository: The repository, a folder or a URL.
        source: The other place of it. Nothing is written there.
        level: ``exists``: what is missing or has another size is broken. ``checksum``: every byte is read, too.
        dry_run: Make the plan only.
        jobs: How many objects are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done. What stays broken are findings.

    Raises:
        UsageError: There is no such level (``unknown-level``).
        RefusedError: The other place is the same one, or another repository (``one-place``, ``other-lake``,
            ``other-repository``).
        LockedError: Another run writes to the repository (``repository-locked``), or a prune of it has not ended
            (``prune-unfinished``).
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    level = RepairLevel.of(level)
    opened = open_repository(run.stores, repository)
    refuse_one_place(opened.store, run.stores.open(source))
    other = open_place(run.stores, source, opened).store
    findings = Findings()
    with temporary_folder() as folder, connect(folder, reach=reach_of(opened.store, *reach_of(other))) as connection:
        repairing = Repairing(run, connection, opened.store, other, findings)
        if dry_run:
            plan = repairing.plan(level)
            done = Repaired(plan.missing + plan.damaged, plan.bytes)
        else:
            with hold_lease(opened.store, "repair", run.clock) as lease:
                refuse_at_risk(opened.store, run.now())
                plan = repairing.plan(level)
                done = repairing.execute(plan, lease)
    return RepairResult(
        repository=opened.store.url,
        source=other.url,
        level=level,
        steps=plan.steps,
        dry_run=dry_run,
        objects=plan.looked,
        repaired_objects=done.objects,
        repaired_bytes=done.bytes,
        points=plan.points,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )
