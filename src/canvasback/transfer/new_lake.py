"""A point becomes a lake again: first its files, then, as one step, its catalog."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine
from canvasback.catalog.image import Image
from canvasback.catalog.rules.unreadable import unreadable
from canvasback.catalog.writing.engine_limits import fitting
from canvasback.catalog.writing.repoint import repoint
from canvasback.datapath.data_root import refuse_nesting
from canvasback.datapath.newer_files import list_if_allowed, newer_files
from canvasback.history.lost_types import lost_types
from canvasback.history.points import image_of
from canvasback.model.commit import Commit
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.plans.restore import RestorePlan
from canvasback.model.results.restore import RestoreResult
from canvasback.repository.repository import Repository
from canvasback.storage.locations import is_remote
from canvasback.storage.run import Run
from canvasback.transfer.past_point import Past
from canvasback.transfer.place import Placer
from canvasback.transfer.placement import FilePlan, Placed


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
        """Make the plan, and carry it out unless it is only to be told. See `restore`."""
        with self._image() as image:
            look = self._look(image)
            placed = Placed(look.plan.files.count, look.plan.files.bytes)
            remarks: tuple[str, ...] = ()
            if not dry_run:
                placed, remarks = self._execute(look)
        plan = look.plan
        return RestoreResult(
            point=plan.point,
            snapshot_id=plan.commit.snapshot,
            lake=plan.lake,
            data_path=plan.data_path,
            steps=plan.steps,
            remarks=remarks,
            dry_run=dry_run,
            kept_files=plan.kept,
            restored_files=placed.count,
            restored_bytes=placed.bytes,
            seconds=self.run.seconds,
            findings=look.findings.kept,
            finding_counts=look.findings.counts,
        )

    def _image(self) -> AbstractContextManager[Image]:
        store, lake = self.opened.store, self.target.lake
        refuse_nesting(store.url, self.target.root)
        if lake.is_file:
            refuse_nesting(store.url, lake.target)
        check_with = 0 if self.checked else self.run.jobs_for(store)
        others = [os.path.dirname(of(lake.target)) for of in (os.path.abspath, os.path.realpath) if lake.is_file]
        return image_of(store, self.manifest, check_with=check_with, others=others)

    def _look(self, image: Image) -> _Look:
        """See where each file is and where it goes, and what there is to say of it."""
        store, manifest, commit, target = self.opened.store, self.manifest, self.commit, self.target
        findings = Findings()
        findings.extend(self.damage)
        past = Past(image, store, manifest, commit.snapshot)
        fitting(past.uncut(), target.lake.engine)
        placer = Placer(self.run, image.connection, store, findings)
        remote = is_remote(target.root)
        listing = None
        if remote or self.newer:
            listing = list_if_allowed(image.connection, self.run.stores.open(target.root), self.run.progress)
        files = placer.plan(
            manifest,
            target.root,
            self.level,
            moving=target.moving,
            wanted=past.wanted,
            listing=listing if remote else None,
        )
        if self.sharing is not None and (files.kept or not files.files.count):
            findings.add(self.sharing)  # where all files are put anew, nobody else's are there
        past.list_straddlers(target.root, moving=target.moving)
        findings.extend(past.forgotten())
        findings.extend(lost_types(image, manifest))
        findings.extend(unreadable(image, commit.snapshot))
        if self.newer and listing is not None:
            named = past.named()
            if target.moving:
                named = repoint(named, manifest.data_root, target.root, past.moved(files.places))
            findings.extend(newer_files(named, target.root, listing, commit))
        plan = RestorePlan(
            point=manifest.id,
            commit=commit,
            left_out=manifest.snapshot_id - commit.snapshot,
            lake=str(target.lake),
            data_path=target.root,
            blind=self.newer and listing is None,
            kept=files.kept,
            damaged=files.damaged,
            files=files.files,
            cut=len(past.straddlers),
            outside=0 if target.moving else files.elsewhere,
            aside=target.aside,
            spelled=target.spelled,
            findings=findings.kept,
            finding_counts=findings.counts,
        )
        return _Look(plan=plan, past=past, placer=placer, files=files, findings=findings)

    def _execute(self, look: _Look) -> tuple[Placed, tuple[str, ...]]:
        """First the files, then, as one step, the catalog. What it remarks is in words."""
        target = self.target
        placed = look.placer.execute(look.files, self.run.now())
        image = in_dialect(fitting(look.past.image(self.run), target.lake.engine), target.lake.engine)
        if target.moving:
            moved = look.past.moved(look.files.places)
            image = repoint(image, self.manifest.data_root, target.root, moved, target.spelled)
        self.guard()
        return placed, target.engine.write(image, self.run.now(), replace=target.replace)


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it takes to carry it out while the point's image is open."""

    plan: RestorePlan
    past: Past
    placer: Placer
    files: FilePlan
    findings: Findings
