"""backup: make a recovery point of a lake as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from canvasback.model.clock import now
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.backup import BackupResult
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.new_point import back_up


@translates_errors
def backup(
    lake: str,
    repository: str,
    *,
    data_path: str | None = None,
    recheck: int | None = None,
    full: bool = False,
    only_new: bool = False,
    also: str | None = None,
    tags: Sequence[str] = (),
    note: str = "",
    witness: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> BackupResult:
    """Make a recovery point of a lake, copying only what the repository lacks.

    From inside of an application that has the lake attached, `canvasback.backup_attached` does the same.

    Args:
        lake: The lake, as in ATTACH: ``ducklake:main.ducklake``, ``ducklake:postgres:dbname=catalog``, or a path.
        repository: The repository, a folder or a URL.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        recheck: At how many of the files that the repository holds already it is looked again, by size and
            time, whether the lake still has them unchanged; the next backup goes on with the next ones. None for
            10,000 of a local data path, and none in an object store, where every look is a request.
        full: Rely on nothing that the repository holds: read every file of the lake and compare it, and put anew
            what is missing or damaged there. This mends older points too.
        only_new: Make no point where the newest one has this head already, the same snapshot of the same time, and
            lacks no file that can be had now.
        also: A second place of the repository, see `canvasback.mirror`, which gets the same point, and those that were
            made since the newest one there. That it fails is a finding of ``also`` in the result.
        tags: Names to give to the point, or to the newest one where none is made; see `canvasback.tag`.
        note: What to note of it; see `canvasback.note`.
        witness: A second folder or URL, where others cannot write: it is asked whether the repository is what it was,
            and told of the new point. What it says against it is a finding (``rolled-back``, ``keys-differ``), as is
            that it cannot be reached.
        dry_run: Only say what the lake has that is not protected yet. Nothing is written, and no lease is taken.
        jobs: How many files are copied at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done, or would be. With findings the point is made all the same, of all that could be read.

    Raises:
        CanvasbackError: No point was made; every older one is as it was.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    return back_up(
        lake,
        repository,
        run,
        data_path=data_path,
        recheck=recheck,
        full=full,
        only_new=only_new,
        also=also,
        witness=witness,
        tags=tuple(tags),
        note=note,
        dry_run=dry_run,
    )
