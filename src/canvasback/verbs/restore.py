"""restore: a point becomes a lake again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.datapath.data_root import names_root
from canvasback.datapath.sharing import find_sharing, same_place
from canvasback.errors import RefusedError
from canvasback.history.points import open_moment
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.restore import RestoreResult
from canvasback.repository.register import read_register
from canvasback.repository.witness import Witness
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores, folder_url, relative_folder
from canvasback.storage.run import Run
from canvasback.transfer.new_lake import Restoring, Target


@translates_errors
def restore(
    lake: str,
    repository: str,
    point: str | None = None,
    *,
    at_snapshot: int | None = None,
    at_time: str | datetime | None = None,
    data_path: str | None = None,
    relative: bool = False,
    level: RestoreLevel | str = RestoreLevel.EXISTS,
    replace: bool = False,
    shares_files: bool = False,
    witness: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> RestoreResult:
    """Bring a point back as a lake: first its files, then, as one step, its catalog.

    Args:
        lake: The lake to write, as in ATTACH; its catalog must be absent or empty.
        repository: The repository: a folder, or a URL in an object store.
        point: An id, a unique beginning of one, or ``latest``, which is what None means where no moment is given;
            else the oldest point that holds the moment.
        at_snapshot: Bring back what the lake was at this snapshot, with all the history before it.
        at_time: The same, for the newest snapshot at or before a time: ISO 8601 with a zone, or ``2 hours ago``.
        data_path: A folder or URL: put all files here and point the catalog here. Without it they stay at the
            original data path, and only those that are missing or damaged there are put back.
        relative: Let the catalog name the folder of ``data_path`` relatively, as it is given, for a lake that travels
            with its files. DuckLake takes it as relative to the folder in which a program runs.
        level: What counts as damaged: ``exists``, a wrong size; ``checksum``, other bytes.
        replace: Move a catalog that is there aside first.
        shares_files: Let the restored catalog share its files with one of the same lake that is alive elsewhere. Each
            of the two takes what the other writes for orphaned files, which DuckLake's cleanup deletes.
        witness: A second folder or URL that knows which point was the newest, see `canvasback.backup`: with it an old
            state of the repository does not pass for it (``rolled-back``).
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done, or would be. Files that could not be restored are findings; the catalog is written all
        the same. Files at the data path that are newer than what comes back are one too (``newer-files``).

    Raises:
        UsageError: There is no such level (``unknown-level``).
        RefusedError: There is something where the lake should go, no point holds the moment
            (``moment-not-held``), the catalog is alive elsewhere with the same data path (``shares-files``), it names
            another data path than that at which its files were saved (``data-path-differs``), or it cannot hold
            inlined rows of the point (``not-inlinable``); nothing was changed.
        CorruptError: The point's catalog is damaged; nothing was changed.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    level = RestoreLevel.of(level)
    name = parse_lake(lake)
    engine = open_engine(name)
    aside = engine.prepare(replace=replace)
    opened, manifest, commit = open_moment(run.stores, repository, point, moment_of(at_snapshot, at_time, run.now()))
    doubts = () if witness is None else Witness(run.stores.open(witness), opened).asked()
    root = folder_url(data_path) if data_path is not None else manifest.data_root
    spelled = relative_folder(data_path or "/") if relative else ""
    target = Target(
        lake=name, engine=engine, root=root, moving=data_path is not None, aside=aside, replace=replace, spelled=spelled
    )
    if data_path is None:
        _refuse_elsewhere(manifest)
    sharing = None
    if not shares_files and same_place(root, manifest.data_root):
        sharing = find_sharing(opened.store, manifest, name, engine)
    return Restoring(
        target=target,
        opened=opened,
        manifest=manifest,
        commit=commit,
        level=level,
        run=run,
        sharing=sharing,
        damage=(*read_register(opened.store)[1], *doubts),
    ).restore(dry_run=dry_run)


def _refuse_elsewhere(manifest: Manifest) -> None:
    """See that the catalog will look for its files where they are put.

    Raises:
        RefusedError: It names another data path than that at which a user said that the files are
            (``data-path-differs``).
    """
    spelled, root = manifest.data_path, manifest.data_root
    if not spelled or names_root(spelled, root):
        return
    raise RefusedError(
        "data-path-differs",
        f"the catalog of point {manifest.id} says that its files are at {spelled}, and they were found at {root} when "
        "it was saved: a restored catalog would not find them",
        hint=f"Add --data-path {root}, or any other place: the catalog is pointed there.",
    )
