"""restore: a point becomes a lake again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine, open_engine
from canvasback.catalog.holding import fitting
from canvasback.catalog.repoint import repoint
from canvasback.errors import RefusedError
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results import RestoreResult
from canvasback.model.words import either, many, many_are
from canvasback.operations.cutting import cutting_steps
from canvasback.operations.data_root import names_root, refuse_nesting
from canvasback.operations.defaults import now
from canvasback.operations.lost_types import lost_types
from canvasback.operations.moments import Commit
from canvasback.operations.newer_files import can_list, newer_files
from canvasback.operations.past import Past
from canvasback.operations.placement import FilePlan
from canvasback.operations.placing import Placer
from canvasback.operations.points import image_of, open_moment
from canvasback.operations.sharing import find_sharing, same_place
from canvasback.operations.times import moment_of
from canvasback.operations.unreadable import unreadable
from canvasback.repository.repository import Repository
from canvasback.storage.locations import Stores, folder_url, is_remote, relative_folder


def restore(
    repository: str,
    to: str,
    point: str | None = None,
    *,
    at_snapshot: int | None = None,
    at_time: str | datetime | None = None,
    data_path: str | None = None,
    relative: bool = False,
    level: RestoreLevel | str = RestoreLevel.EXISTS,
    replace: bool = False,
    shares_files: bool = False,
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
        relative: Let the catalog name the folder of ``data_path`` relatively, as it is given, for a lake that travels
            with its files. DuckLake takes it as relative to the folder in which a program runs.
        level: What counts as damaged: ``exists``, a wrong size; ``checksum``, other bytes.
        replace: Move a catalog that is there aside first.
        shares_files: Let the restored catalog share its files with one of the same lake that is alive elsewhere. Each
            of the two takes what the other writes for orphaned files, which DuckLake's cleanup deletes.
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
    began = time.monotonic()
    level = RestoreLevel.of(level)
    lake = parse_lake(to)
    engine = open_engine(lake)
    aside = engine.prepare(replace=replace)
    stores = stores or Stores()
    opened, manifest, commit = open_moment(stores, repository, point, moment_of(at_snapshot, at_time, clock()))
    root = folder_url(data_path) if data_path is not None else manifest.data_root
    spelled = relative_folder(data_path or "/") if relative else ""
    target = Target(lake, engine, root, data_path is not None, aside, replace, spelled)
    if data_path is None:
        _refuse_elsewhere(manifest)
    sharing = None
    if not shares_files and same_place(root, manifest.data_root):
        sharing = find_sharing(opened.store, manifest, lake, engine)
    run = Restoring(target, opened, manifest, commit, level, jobs, stores, progress, clock, sharing=sharing)
    return run.restore(began, dry_run=dry_run)


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


class Target(msgspec.Struct, frozen=True):
    """Where a point is to come back.

    Attributes:
        lake: The catalog to write.
        engine: What writes it.
        root: The data path, absolute, ending in a slash.
        moving: Whether all files go there, and the catalog is pointed there.
        aside: What is moved aside, in words.
        replace: Whether a catalog may be moved aside.
        spelled: How the catalog is to spell the data path, if not absolutely.
    """

    lake: LakeName
    engine: Engine
    root: str
    moving: bool
    aside: tuple[str, ...]
    replace: bool
    spelled: str = ""


class Restoring(msgspec.Struct):
    """The return of a point.

    Attributes:
        target: Where to.
        opened: The repository.
        manifest: The point.
        commit: The snapshot of it that becomes the newest one.
        level: What counts as damaged.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: Opens the places.
        progress: Told how the work goes on.
        clock: Tells the time.
        checked: Whether it is known that the point's chunks are whole.
        newer: Whether to look for files that are newer than the point.
        guard: Called before the catalog is written; what it raises ends it all.
        sharing: What to say of another catalog over the same files, if there are some.
    """

    target: Target
    opened: Repository
    manifest: Manifest
    commit: Commit
    level: RestoreLevel
    jobs: int | None
    stores: Stores
    progress: Progress
    clock: Callable[[], datetime]
    checked: bool = False
    newer: bool = True
    guard: Callable[[], None] = lambda: None
    sharing: Finding | None = None

    def restore(self, began: float, *, dry_run: bool) -> RestoreResult:
        """First the files, then, as one step, the catalog. See `restore`."""
        store, manifest, commit, target = self.opened.store, self.manifest, self.commit, self.target
        refuse_nesting(store.url, target.root)
        if target.lake.is_file:
            refuse_nesting(store.url, target.lake.target)
        findings = Findings()
        check_with = 0 if self.checked else self.jobs or store.jobs
        file = target.lake.target
        others = [os.path.dirname(of(file)) for of in (os.path.abspath, os.path.realpath) if target.lake.is_file]
        with image_of(store, manifest, check_with=check_with, others=others) as image:
            past = Past(image, store, manifest, commit.snapshot)
            fitting(past.uncut(), target.lake.engine)
            placer = Placer(image.connection, self.stores, store, self.jobs, self.progress, findings)
            remote = is_remote(target.root)
            listed = (remote or self.newer) and can_list(image, self.stores.open(target.root), self.progress)
            files = placer.plan(
                manifest, target.root, self.level, moving=target.moving, wanted=past.wanted, listed=listed and remote
            )
            if self.sharing is not None and (files.kept or not files.wanted):
                findings.add(self.sharing)  # where all files are put anew, nobody else's are there
            past.list_straddlers(target.root, moving=target.moving)
            findings.extend(past.forgotten())
            findings.extend(lost_types(image, manifest))
            findings.extend(unreadable(image, commit.snapshot))
            if self.newer and listed:
                named = past.named()
                if target.moving:
                    named = repoint(named, manifest.data_root, target.root, past.moved)
                findings.extend(newer_files(named, target.root, commit))
            steps = self._steps(files, past, blind=self.newer and not listed)
            if not dry_run:
                placer.execute(files, self.clock())
                rewound = fitting(past.image(self.stores, self.progress), target.lake.engine)
                rewound = in_dialect(rewound, target.lake.engine)
                if target.moving:
                    rewound = repoint(rewound, manifest.data_root, target.root, past.moved, target.spelled)
                self.guard()
                steps = (*steps, *target.engine.write(rewound, self.clock(), replace=target.replace))
        return RestoreResult(
            manifest.id,
            commit.snapshot,
            str(target.lake),
            target.root,
            steps,
            dry_run,
            files.kept,
            files.wanted if dry_run else files.placed,
            files.wanted_bytes if dry_run else files.placed_bytes,
            round(time.monotonic() - began, 3),
            findings.kept,
            findings.counts,
        )

    def _steps(self, files: FilePlan, past: Past, *, blind: bool) -> tuple[str, ...]:
        manifest, snapshot, root = self.manifest, self.commit.snapshot, self.target.root
        steps = [f"point {manifest.id}: {self.commit}"]
        if snapshot < manifest.snapshot_id:
            later = manifest.snapshot_id - snapshot
            after = either(later, "snapshot", f"{later:,} snapshots")
            steps.append(f"the {after} after it that the point holds {either(later, 'is', 'are')} left out")
        steps.append(f"{many_are(files.kept, 'file')} at {root} already and {either(files.kept, 'stays', 'stay')}")
        if blind:
            steps.append(f"{root} cannot be listed: whether it holds files that are newer than the point is not known")
        if files.damaged:
            moved = either(files.damaged, "is moved aside, to a name that ends", "are moved aside, to names that end")
            steps.append(f"{many(files.damaged, 'damaged file')} there {moved} in .damaged-<time>")
        bytes_ = f"{files.wanted_bytes} {either(files.wanted_bytes, 'byte', 'bytes')}"
        steps.append(f"{many(files.wanted, 'file')} ({bytes_}) {either(files.wanted, 'is', 'are')} put there")
        steps += cutting_steps(past.straddlers)
        if files.elsewhere and not files.moving:
            steps.append(f"outside of the data path {many_are(files.elsewhere, 'file')} put where the catalog says")
        steps += self.target.aside
        if self.target.spelled:
            steps.append(f"the catalog names them as {self.target.spelled}, relative to where it is attached")
        steps.append(f"the catalog is written to {self.target.lake}")
        return tuple(steps)
