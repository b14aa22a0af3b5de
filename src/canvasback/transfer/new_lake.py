"""A point becomes a lake again: first its files, then, as one step, its catalog."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine
from canvasback.catalog.rules.unreadable import unreadable
from canvasback.catalog.writing.engine_limits import fitting
from canvasback.catalog.writing.repoint import repoint
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.newer_files import can_list, newer_files
from canvasback.history.lost_types import lost_types
from canvasback.history.points import image_of
from canvasback.model.commit import Commit
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.plurals import either, many, many_are
from canvasback.model.results.restore import RestoreResult
from canvasback.parquet.cut import cutting_steps
from canvasback.repository.repository import Repository
from canvasback.storage.locations import is_remote
from canvasback.storage.run import Run
from canvasback.transfer.past_point import Past
from canvasback.transfer.place import Placer
from canvasback.transfer.placement import FilePlan


class Target(msgspec.Struct, frozen=True, kw_only=True):
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


class Restoring(msgspec.Struct, kw_only=True):
    """The return of a point.

    Attributes:
        target: Where to.
        opened: The repository.
        manifest: The point.
        commit: The snapshot of it that becomes the newest one.
        level: What counts as damaged.
        run: Opens the places.
        checked: Whether it is known that the point's chunks are whole.
        newer: Whether to look for files that are newer than the point.
        guard: Called before the catalog is written; what it raises ends it all.
        sharing: What to say of another catalog over the same files, if there are some.
        damage: What is wrong with the repository besides the point.
    """

    target: Target
    opened: Repository
    manifest: Manifest
    commit: Commit
    level: RestoreLevel
    run: Run
    checked: bool = False
    newer: bool = True
    guard: Callable[[], None] = lambda: None
    sharing: Finding | None = None
    damage: tuple[Finding, ...] = ()

    def restore(self, *, dry_run: bool) -> RestoreResult:
        """First the files, then, as one step, the catalog. See `restore`."""
        store, manifest, commit, target = self.opened.store, self.manifest, self.commit, self.target
        refuse_nesting(store.url, target.root)
        if target.lake.is_file:
            refuse_nesting(store.url, target.lake.target)
        findings = Findings()
        findings.extend(self.damage)
        check_with = 0 if self.checked else self.run.jobs_for(store)
        file = target.lake.target
        others = [os.path.dirname(of(file)) for of in (os.path.abspath, os.path.realpath) if target.lake.is_file]
        with image_of(store, manifest, check_with=check_with, others=others) as image:
            past = Past(image, store, manifest, commit.snapshot)
            fitting(past.uncut(), target.lake.engine)
            placer = Placer(self.run, image.connection, store, findings)
            remote = is_remote(target.root)
            listed = (remote or self.newer) and can_list(image, self.run.stores.open(target.root), self.run.progress)
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
                    named = repoint(named, manifest.data_root, target.root, past.moved(files.places))
                findings.extend(newer_files(named, target.root, commit))
            steps = self._steps(files, past, blind=self.newer and not listed)
            if not dry_run:
                placer.execute(files, self.run.now())
                rewound = fitting(past.image(self.run), target.lake.engine)
                rewound = in_dialect(rewound, target.lake.engine)
                if target.moving:
                    rewound = repoint(
                        rewound, manifest.data_root, target.root, past.moved(files.places), target.spelled
                    )
                self.guard()
                steps = (*steps, *target.engine.write(rewound, self.run.now(), replace=target.replace))
        return RestoreResult(
            point=manifest.id,
            snapshot_id=commit.snapshot,
            lake=str(target.lake),
            data_path=target.root,
            steps=steps,
            dry_run=dry_run,
            kept_files=files.kept,
            restored_files=files.wanted if dry_run else files.placed,
            restored_bytes=files.wanted_bytes if dry_run else files.placed_bytes,
            seconds=self.run.seconds,
            findings=findings.kept,
            finding_counts=findings.counts,
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
