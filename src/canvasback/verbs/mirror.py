"""mirror: a second place for a repository, which holds all of its points or some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.model.clock import now
from canvasback.model.lock import Lock, LockMode
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.mirror import MirrorResult
from canvasback.repository.points import find_point, list_points
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.second_place import SecondPlace


@translates_errors
def mirror(
    repository: str,
    to: str,
    *,
    points: Sequence[str] = (),
    lock: LockMode | str | None = None,
    lock_days: int | None = None,
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
        lock: How the objects of the second place are locked if it is made now, whether those of the first one are or
            not; see `canvasback.init`. None for no locks.
        lock_days: For how many days.
        dry_run: Make the plan only.
        jobs: How many objects are copied at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done. With findings, points are not there that could not be read or copied; all others are.

    Raises:
        UsageError: There is no such lock (``lock-not-understood``).
        RefusedError: The second place is the first one, or a repository of its own (``one-place``, ``other-lake``,
            ``other-repository``), or one whose keys are others (``other-keys``), or there is something else
            (``folder-not-empty``); or its objects cannot be locked (``lock-unsupported``, ``lock-not-enabled``), or are
            locked in another way already (``lock-differs``).
        LockedError: Another run writes to it (``repository-locked``), or a prune of it has not ended
            (``prune-unfinished``).
        CanvasbackError: Not all could be copied; the next run goes on from there.
    """
    locked = Lock.of(lock, lock_days)
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    first = open_repository(run.stores, repository)
    place = SecondPlace(run, first, to, lock=locked)
    wanted = sorted({find_point(first.store, point) for point in points}) if points else list_points(first.store)
    if dry_run:
        return place.foresee(wanted)
    return place.bring(wanted, named=wanted if points else ())
