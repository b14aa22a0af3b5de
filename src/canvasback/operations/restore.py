"""restore: a point becomes a lake again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.repoint import repoint
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.manifest import Manifest
from canvasback.model.moment import moment_of
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results import RestoreResult
from canvasback.operations.data_root import refuse_nesting
from canvasback.operations.defaults import now
from canvasback.operations.moments import Commit
from canvasback.operations.past import Past
from canvasback.operations.placing import FilePlan, Placer
from canvasback.operations.points import image_of, open_moment
from canvasback.operations.rewind import flushed_findings
from canvasback.storage.locations import Stores, folder_url

Level = Literal["exists", "checksum"]


def restore(
    repository: str,
    to: str,
    point: str | None = None,
    *,
    at_snapshot: int | None = None,
    at_time: str | datetime | None = None,
    data_path: str | None = None,
    level: Level = "exists",
    replace: bool = False,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> RestoreResult:
    """Bring a point back as a lake: first its files, then, as one step, its catalog.

    Args:
        repository: The repository: a folder, or a URL in an object store.
        to: The catalog to write, as in ATTACH; it must be absent or empty.
        point: An id, a unique beginning of one, or ``latest``, which is what None means where no moment is given;
            else the oldest point that holds the moment.
        at_snapshot: Bring back what the lake was at this snapshot, with all the history before it.
        at_time: The same, for the newest snapshot at or before a time: ISO 8601 with a zone, or ``2 hours ago``.
        data_path: A folder or URL: put all files here and point the catalog here. Without it they stay at the
            original data path, and only those that are missing or damaged there are put back.
        level: What counts as damaged: ``exists``, a wrong size; ``checksum``, other bytes.
        replace: Move a catalog that is there aside first.
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done, or would be. Files that could not be restored are findings; the catalog is written all
        the same.

    Raises:
        RefusedError: There is something where the lake should go, or no point holds the moment
            (``moment-not-held``); nothing was changed.
        CorruptError: The point's catalog is damaged; nothing was changed.
    """
    began = time.monotonic()
    lake = parse_lake(to)
    engine = open_engine(lake)
    aside = engine.prepare(replace=replace)
    stores = stores or Stores()
    opened, manifest, commit = open_moment(stores, repository, point, moment_of(at_snapshot, at_time, clock()))
    root = folder_url(data_path) if data_path is not None else manifest.data_root
    refuse_nesting(opened.store.url, root)
    if lake.is_file:
        refuse_nesting(opened.store.url, lake.target)
    findings = Findings()
    moving = data_path is not None
    with image_of(opened.store, manifest, check_with=jobs or opened.store.jobs) as image:
        past = Past(image, opened.store, manifest, commit.snapshot)
        if commit.snapshot < manifest.snapshot_id:
            findings.extend(flushed_findings(in_dialect(image, "duckdb"), commit.snapshot))
        placer = Placer(image.connection, stores, opened.store, jobs, progress, findings)
        files = placer.plan(manifest, root, level, moving=moving, wanted=past.wanted)
        past.list_straddlers(root, moving=moving)
        steps = _steps(lake, root, files, aside, manifest, commit, past)
        if not dry_run:
            placer.execute(files, clock())
            rewound = in_dialect(past.image(stores, progress), lake.engine)
            if moving:
                rewound = repoint(rewound, manifest.data_root, root, past.moved)
            steps = (*steps, *engine.write(rewound, clock(), replace=replace))
    return RestoreResult(
        manifest.id,
        commit.snapshot,
        str(lake),
        root,
        steps,
        dry_run,
        files.kept,
        files.wanted if dry_run else files.placed,
        files.wanted_bytes if dry_run else files.placed_bytes,
        round(time.monotonic() - began, 3),
        findings.kept,
        findings.counts,
    )


def _steps(
    lake: LakeName,
    root: str,
    files: FilePlan,
    aside: tuple[str, ...],
    manifest: Manifest,
    commit: Commit,
    past: Past,
) -> tuple[str, ...]:
    steps = [f"point {manifest.id}: {commit}"]
    if commit.snapshot < manifest.snapshot_id:
        steps.append(
            f"the {manifest.snapshot_id - commit.snapshot} snapshots after it that the point holds are left out"
        )
    steps.append(f"{files.kept} files are at {root} already and stay")
    if files.damaged:
        steps.append(f"{files.damaged} damaged files there are moved aside, to names that end in .damaged-<time>")
    steps.append(f"{files.wanted} files ({files.wanted_bytes} bytes) are put there")
    if past.straddlers:
        steps.append(
            f"{len(past.straddlers)} files that hold rows of later snapshots too are written anew without them"
        )
    if files.elsewhere and not files.moving:
        steps.append(
            f"{files.elsewhere} of the lake's files lie outside of the data path, and go where the catalog says"
        )
    steps += aside
    steps.append(f"the catalog is written to {lake}")
    return tuple(steps)
