"""mirror: a second place for a repository, which holds all of its points or some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.catalog.connections import connect
from canvasback.datapath.data_root import refuse_nesting
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.mirror import MirrorResult
from canvasback.repository.at_risk import refuse_at_risk
from canvasback.repository.leases import hold_lease
from canvasback.repository.places import look_for_place, make_place, refuse_one_place, take_keys
from canvasback.repository.points import find_point, list_points, stored_points
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.register import change_register
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.mirror.mirroring import Copied, Mirroring


@translates_errors
def mirror(
    repository: str,
    to: str,
    *,
    points: Sequence[str] = (),
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> MirrorResult:
    """Let a second place hold a repository's points too, copying only what it lacks.

    The place is a repository like the first one, with the same id and the same points byte for byte: all commands work
    with it, and it can be mirrored itself.

    Args:
        repository: The repository, a folder or a URL. Nothing is written there.
        to: The second place, a folder or a URL. It is made if there is nothing yet.
        points: The ids of the points to mirror, unique beginnings of ids, or ``latest``; all if there are none.
        dry_run: Make the plan only.
        jobs: How many objects are copied at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done. With findings, points are not there that could not be read or copied; all others are.

    Raises:
        RefusedError: The second place is the first one, or a repository of its own (``one-place``, ``other-lake``,
            ``other-repository``), or there is something else (``folder-not-empty``).
        LockedError: Another run writes to it (``repository-locked``), or a prune of it has not ended
            (``prune-unfinished``).
        CanvasbackError: Not all could be copied; the next run goes on from there.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    opened = open_repository(run.stores, repository)
    origin, target = opened.store, run.stores.open(to)
    refuse_one_place(origin, target)
    place = look_for_place(run.stores, to, opened)
    makes = place is None
    wanted = sorted({find_point(origin, point) for point in points}) if points else list_points(origin)
    _refuse_data_path(origin, target, wanted)
    findings = Findings()
    if not dry_run:
        place = make_place(run.stores, to, opened, run.now()) if place is None else take_keys(place, opened, run)
    if place is not None:
        target = place.store
    with temporary_folder() as folder, connect(folder, reach=reach_of(origin, *reach_of(target))) as connection:
        mirroring = Mirroring(run, connection, origin, target, findings, makes=makes)
        if dry_run:
            plan, copied = mirroring.plan(wanted), None
        else:
            with hold_lease(target, "mirror", run.clock) as lease:
                refuse_at_risk(target, run.now())
                there = stored_points(origin)
                here, named = stored_points(target), wanted if points else []
                change_register(target, run.clock, lambda register: register.mirror_of(there, here, named))
                plan = mirroring.plan(wanted)
                copied = mirroring.execute(plan, lease)
    done = copied or Copied(plan.points)
    return MirrorResult(
        repository=origin.url,
        target=target.url,
        steps=plan.steps,
        dry_run=dry_run,
        made=makes and not dry_run,
        points=done.points,
        held_points=plan.held,
        copied_objects=done.objects,
        copied_bytes=done.bytes,
        kept_objects=done.kept,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _refuse_data_path(origin: Store, target: Store, wanted: list[str]) -> None:
    """See that the second place does not lie where the lake's files are, as far as the newest point knows."""
    newest = next(ReadablePoints(origin).manifests(reversed(wanted)), None)
    if newest is not None:
        refuse_nesting(target.url, newest.data_root)
