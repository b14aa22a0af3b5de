"""What there is to do for a point of a lake: read, compared with the point before, and put into a plan."""

from __future__ import annotations

import os

import msgspec

from canvasback.catalog.engines import Reader
from canvasback.catalog.image import Image
from canvasback.catalog.rules.unreadable import unreadable
from canvasback.catalog.spec import KNOWN_VERSIONS
from canvasback.datapath.data_root import refuse_foreign, refuse_nesting
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.model.commit import Commit
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName
from canvasback.model.manifest import Manifest
from canvasback.model.plans.backup import BackupPlan
from canvasback.repository.division import Division
from canvasback.repository.repository import Repository
from canvasback.storage.run import Run
from canvasback.transfer.catalog_chunks import divide_catalog
from canvasback.transfer.file_lists import FileLists
from canvasback.transfer.holdings import refuse_other_root
from canvasback.transfer.identity import check_lake, next_timeline
from canvasback.transfer.lake_files import LakeFiles
from canvasback.transfer.previous_point import Previous, read_previous


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is asked for.

    Attributes:
        lake: The lake's name.
        engine: Reads its catalog.
        repository: Where the point goes.
        run: Opens the lake's storage.
        data_path: What the user says of the data path, if anything.
        recheck: At how many held files to look again; None for what suits the storage.
        full: Whether to rely on nothing that the repository holds.
        only_new: Whether to make no point where the newest one has it all.
    """

    lake: LakeName
    engine: Reader
    repository: Repository
    run: Run
    data_path: str | None = None
    recheck: int | None = None
    full: bool = False
    only_new: bool = False

    def open(self) -> OpenedLake:
        """Read the catalog: it is saved as it is, whatever it lacks."""
        return open_lake(self.engine, self.lake, data_path=self.data_path, may_be_incomplete=True)


class NothingNew(msgspec.Struct, frozen=True):
    """There is no point to make.

    Attributes:
        plan: Which says so.
        newest: The newest point, which has it all.
    """

    plan: BackupPlan
    newest: Manifest


class PlannedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point that is about to be made.

    Attributes:
        plan: The plan.
        live: The lake as it was read.
        previous: The point before.
        held: That point, if it has the same head and only what it lacks asks for another one.
        divisions: The catalog's tables, divided.
        files: The lake's files.
        lists: What becomes of their lists.
        timeline: The line of history that the point is on.
        snapshots: How many snapshots the catalog has.
        findings: What is known so far.
    """

    plan: BackupPlan
    live: OpenedLake
    previous: Previous
    held: Manifest | None
    divisions: dict[str, Division]
    files: LakeFiles
    lists: FileLists
    timeline: int
    snapshots: int
    findings: Findings


def plan_point(
    request: Request, live: OpenedLake, latest: str | None, damage: tuple[Finding, ...], *, trust: bool
) -> PlannedPoint | NothingNew:
    """See what there is to do. Nothing is changed.

    Args:
        request: What is asked for.
        live: The lake.
        latest: The newest point as the leases know it; see `canvasback.repository.points.newest_points`.
        damage: What is known to be wrong with the repository.
        trust: Whether to rely on what the repository holds.

    Raises:
        RefusedError: The lake is another one, or cannot be saved like that; see also `refuse_other_root`.
    """
    image, repository = live.stored, request.repository
    findings = Findings()
    findings.extend(damage)
    previous = read_previous(image.connection, repository, latest, findings, now=request.run.now(), trust=trust)
    if repository.marker.borrows is not None:  # before a point that has all is taken for enough
        refuse_other_root(repository, live.root(last=previous.manifest.data_root if previous.manifest else None))
    held = _held(request, image, previous, findings, trust=trust)
    if held is not None and not held.totals.absent:
        return NothingNew(_nothing(request, held), held)
    check_lake(image, repository.store, repository.marker.lake_id, previous)
    request.run.progress.begin("reading the catalog")
    divisions = divide_catalog(image, repository, previous)
    timeline = next_timeline(image, repository.store, previous, divisions)
    files = _files(request, live, previous)
    lists = FileLists(live.image, files, repository, previous, divisions, request.recheck)
    _remark_version(image, findings)
    findings.extend(unreadable(image))
    request.run.progress.end()
    before = previous.manifest
    snapshot_id, snapshot_time, snapshots = image.head()
    fresh = [len(division.fresh) for division in divisions.values()]
    plan = BackupPlan(
        lake=str(request.lake),
        repository=repository.store.url,
        before=before.id if before is not None else "",
        held=held is not None,
        continues=before is None or timeline == before.timeline,
        head=Commit(snapshot_id, snapshot_time),
        commits=max(0, snapshot_id - (before.snapshot_id if before is not None else 0)),
        data_path=files.root,
        tables=sum(1 for count in fresh if count),
        chunks=sum(fresh),
        full=not trust,
        new_files=lists.lacking[0],
        new_bytes=lists.lacking[1],
        held_files=lists.count - lists.lacking[0],
        suspects=len(lists.suspects),
        findings=findings.kept if held is None else held.findings,
        finding_counts=findings.counts if held is None else held.finding_counts,
        holding=repository.marker.borrows,
    )
    if held is not None and plan.nothing:
        return NothingNew(_nothing(request, held), held)
    return PlannedPoint(
        plan=plan,
        live=live,
        previous=previous,
        held=held,
        divisions=divisions,
        files=files,
        lists=lists,
        timeline=timeline,
        snapshots=snapshots,
        findings=findings,
    )


def _held(request: Request, image: Image, previous: Previous, findings: Findings, *, trust: bool) -> Manifest | None:
    """The newest point, if nobody asks for another one with the same head. Damage asks for one."""
    newest = previous.manifest
    if not (request.only_new and trust and newest) or newest.id != previous.latest_id or findings.kept:
        return None
    return newest if image.head()[:2] == (newest.snapshot_id, newest.snapshot_time) else None


def _nothing(request: Request, newest: Manifest) -> BackupPlan:
    return BackupPlan(
        lake=str(request.lake),
        repository=request.repository.store.url,
        before=newest.id,
        held=True,
        continues=True,
        head=Commit(newest.snapshot_id, newest.snapshot_time),
        commits=0,
        data_path=newest.data_root,
        tables=0,
        chunks=0,
        full=False,
        new_files=0,
        new_bytes=0,
        held_files=newest.totals.count - newest.totals.absent,
        suspects=0,
        findings=newest.findings,
        finding_counts=newest.finding_counts,
        holding=request.repository.marker.borrows,
    )


def _files(request: Request, live: OpenedLake, previous: Previous) -> LakeFiles:
    root = live.root(last=previous.manifest.data_root if previous.manifest else None)
    refuse_nesting(request.repository.store.url, root)
    if request.data_path is not None:
        refuse_foreign(live.image, root, request.run.stores)
    return LakeFiles(request.run.stores, root, _base(root, live.image))


def _base(root: str, image: Image) -> str:
    """What relative paths of files elsewhere are relative to: the folder that the data path is relative to."""
    spelled = image.data_path.rstrip("/")
    stem = root.rstrip("/").removesuffix(spelled)
    return stem if spelled and stem != root.rstrip("/") and stem else os.getcwd() + "/"


def _remark_version(image: Image, findings: Findings) -> None:
    if image.record.version not in KNOWN_VERSIONS:
        findings.add(
            Finding(
                "unknown-version",
                "warning",
                "ducklake_metadata",
                f"this release does not know DuckLake version {image.record.version or '(none)'} of the catalog",
                "Everything is saved and restores unchanged; install a newer release to have its meaning checked.",
            )
        )
