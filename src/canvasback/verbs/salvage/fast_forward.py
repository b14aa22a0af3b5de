"""A catalog that is older than the repository's points is brought forward to the newest one that continues it.

All commits come back as they were, with their numbers, times and authors, with inlined rows, drops and views: nothing
is worked out from files. What was committed after the point is not in it, and is for others to win back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

import duckdb
import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine, open_to_change
from canvasback.catalog.engines.expected import Expected, changed
from canvasback.catalog.image import Image
from canvasback.catalog.reading.commits import commits_between
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.datapath.opened_lake import OpenedLake
from canvasback.datapath.sharing import find_sharing, same_place
from canvasback.errors import AccessDeniedError, CorruptError
from canvasback.history.continuation import Verdict, judge
from canvasback.history.moments import head_of
from canvasback.history.points import image_of
from canvasback.model.commit import Commit, CommitSummary
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName
from canvasback.model.level import RestoreLevel
from canvasback.model.manifest import Manifest
from canvasback.model.results.fast_forward import Divergence, FastForwardResult
from canvasback.repository.chunks import read_chunks, relation_of
from canvasback.repository.points import find_point, list_points
from canvasback.repository.readable_points import Damage, ReadablePoints, UnreadablePointError
from canvasback.repository.repository import Repository
from canvasback.storage.locations import folder_url
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.transfer.identity import check_lake
from canvasback.transfer.new_lake import Restoring, Target
from canvasback.transfer.previous_point import read_previous

_SNAPSHOTS = "ducklake_snapshot"


class FastForward(msgspec.Struct, frozen=True, kw_only=True):
    """A point that continues a live catalog, or one to bring back where there is none.

    Attributes:
        lake: The catalog.
        repository: The repository.
        manifest: The point, whose chunks are whole.
        head: The catalog's newest snapshot; None where there is no catalog.
        root: The data path: that of the live catalog, or what the user says, or the point's own.
        commits: The commits that come back, as far as the point still tells of them.
        expected: What the catalog must still answer; None where there is no catalog.
        remarks: What to say of it, in words.
    """

    lake: LakeName
    repository: Repository
    manifest: Manifest
    head: int | None
    root: str
    commits: tuple[CommitSummary, ...]
    expected: Expected | None
    remarks: tuple[str, ...] = ()

    def image(self) -> Image:
        """The catalog of the point, as it was saved: its engine's, with its own data path."""
        return image_of(self.repository.store, self.manifest, others=None)


def plan_fast_forward(
    live: OpenedLake | None,
    lake: LakeName,
    repository: Repository,
    findings: Findings,
    *,
    data_path: str | None = None,
    jobs: int = 1,
) -> FastForward | Divergence | None:
    """Find the newest point whose history continues that of a live catalog. Changes nothing.

    Args:
        live: The lake; None where there is no catalog, and the newest point is wanted.
        lake: The catalog's name.
        repository: The repository.
        findings: Told about points that cannot be read: an older one is taken.
        data_path: Where the files of a lake without a catalog are, if the point is not right about it.
        jobs: How many chunks are checked at a time.

    Returns:
        The point. Or where the catalog parted from the newest point that has commits which it has not. Or None where
        no point has such commits: the catalog is not stale, or was taken back on purpose.

    Raises:
        RefusedError: The catalog is of another lake (``other-lake``), or nobody can tell where its files are.
        LakeError: The catalog has no snapshot.
    """
    points = _Points(repository.store, findings, jobs)
    if live is None:
        newest = points.newest()
        if newest is None:
            return None
        manifest, commits = newest
        root = folder_url(data_path) if data_path is not None else manifest.data_root
        return FastForward(
            lake=lake,
            repository=repository,
            manifest=manifest,
            head=None,
            root=root,
            commits=commits,
            expected=None,
        )
    image = live.image
    check_lake(
        image,
        repository.store,
        repository.marker.lake_id,
        read_previous(image.connection, repository, None, Findings()),
    )
    head = image.head()[0]
    parted: Divergence | None = None
    for ids in points.timelines():
        for manifest in points.newer(ids, head):
            verdict = points.judge(image, manifest, ids, head)
            if verdict is None:
                continue
            if verdict.kind != "continues":
                if verdict.kind == "diverged" and parted is None:
                    parted = Divergence(
                        point=manifest.id,
                        snapshot_id=verdict.common,
                        live_snapshot=head,
                        point_snapshot=manifest.snapshot_id,
                        point_time=manifest.snapshot_time,
                    )
                break  # so do all of this timeline
            came = points.commits(manifest, head)
            if came is None:
                continue
            root = live.root(manifest.data_root)
            remarks = _remarks(image, manifest, root, proved=verdict.proved)
            return FastForward(
                lake=lake,
                repository=repository,
                manifest=manifest,
                head=head,
                root=root,
                commits=came,
                expected=expected_of(image),
                remarks=remarks,
            )
    return parted


def fast_forward(
    plan: FastForward, run: Run, *, level: RestoreLevel = RestoreLevel.EXISTS, dry_run: bool = False
) -> FastForwardResult:
    """Put the catalog of the point into the place of the live one, which is moved aside, and files that are missing.

    Args:
        plan: What `plan_fast_forward` found.
        run: Opens the places, and is told how the work goes on.
        level: What counts as a damaged file: ``exists``, a wrong size; ``checksum``, other bytes.
        dry_run: Change nothing.

    Raises:
        LockedError: Somebody has the catalog open (``catalog-in-use``), or changed it meanwhile
            (``catalog-changed``); it was not touched.
        RefusedError: There is a catalog where there was none, or the lost one is alive elsewhere (``shares-files``).
    """
    manifest = plan.manifest
    engine = open_to_change(plan.lake)
    replace = plan.expected is not None
    aside = engine.prepare(replace=replace)
    target = Target(
        lake=plan.lake,
        engine=engine,
        root=plan.root,
        moving=plan.root != manifest.data_root,
        aside=aside,
        replace=replace,
    )
    commit = Commit(manifest.snapshot_id, manifest.snapshot_time)
    sharing = None
    if not replace and same_place(plan.root, manifest.data_root):
        sharing = find_sharing(plan.repository.store, manifest, plan.lake, engine)
    restoring = Restoring(
        target=target,
        opened=plan.repository,
        manifest=manifest,
        commit=commit,
        level=level,
        run=run,
        checked=True,
        newer=False,
        guard=lambda: _see_unchanged(engine, plan),
        sharing=sharing,
    )
    done = restoring.restore(dry_run=dry_run)
    return FastForwardResult(
        point=manifest.id,
        from_snapshot=plan.head,
        snapshot_id=manifest.snapshot_id,
        snapshot_time=manifest.snapshot_time,
        data_path=plan.root,
        commits=plan.commits,
        steps=(*plan.remarks, *done.steps, *done.remarks),
        dry_run=dry_run,
        kept_files=done.kept_files,
        placed_files=done.restored_files,
        placed_bytes=done.restored_bytes,
        findings=done.findings,
        finding_counts=done.finding_counts,
    )


def _see_unchanged(engine: Engine, plan: FastForward) -> None:
    if plan.expected is not None:
        with engine.read() as image:
            if expected_of(image) != plan.expected:
                raise changed(str(plan.lake))


def _remarks(live: Image, manifest: Manifest, root: str, *, proved: bool) -> tuple[str, ...]:
    remarks = []
    if not proved:
        remarks.append(
            f"the points have no snapshot {live.head()[0]} any more, which was expired; that they go on from it shows "
            "in the times of their snapshots"
        )
    if root != manifest.data_root:
        remarks.append(f"the files stay at {root}, though the lake's were at {manifest.data_root} when it was saved")
    if live.record.version != manifest.catalog.version:
        remarks.append(
            f"the catalog becomes one of DuckLake {manifest.catalog.version} again, which it was when it was saved; "
            f"it is one of {live.record.version} now"
        )
    return tuple(remarks)


class _Points:
    """The points of a repository that may continue a catalog."""

    def __init__(self, store: Store, findings: Findings, jobs: int) -> None:
        self._store = store
        self._findings = findings
        self._jobs = jobs
        self._readable = ReadablePoints(store, self._leave_out, self._list())

    def newest(self) -> tuple[Manifest, tuple[CommitSummary, ...]] | None:
        """The newest point whose chunks are all whole, with its commits."""
        newest_first = reversed(self._readable.ids)
        return next(self._readable.each(newest_first, lambda found: (found, self._checked(found, -1))), None)

    def timelines(self) -> list[list[str]]:
        """The ids of each timeline, oldest point first; the newest timeline first."""
        return list(reversed(self._readable.by_timeline().values()))

    def newer(self, ids: list[str], head: int) -> Iterator[Manifest]:
        """Those of a timeline that have later snapshots, newest first."""
        return self._readable.manifests(takewhile(lambda id_: head_of(id_) > head, reversed(ids)))

    def judge(self, live: Image, manifest: Manifest, ids: list[str], head: int) -> Verdict | None:
        """See `judge`; None where the point cannot be read."""
        # Snapshots only ever expire: the first point after the catalog's head is the likeliest to have it.
        first = ids[bisect_left(ids, head, key=head_of)]
        if first != manifest.id:
            with suppress(UnreadablePointError, CorruptError, duckdb.Error):  # then the times tell
                earlier = self._readable.manifest(first)
                return judge(live, [self._snapshots(live.connection, point) for point in (manifest, earlier)])
        with suppress(UnreadablePointError), self._readable.reading(manifest.id):
            return judge(live, [self._snapshots(live.connection, manifest)])
        return None

    def commits(self, manifest: Manifest, after: int) -> tuple[CommitSummary, ...] | None:
        """The commits of a point after a snapshot; None where not all of its chunks are whole."""
        with suppress(UnreadablePointError), self._readable.reading(manifest.id):
            return self._checked(manifest, after)
        return None

    def _checked(self, manifest: Manifest, after: int) -> tuple[CommitSummary, ...]:
        with image_of(self._store, manifest, check_with=self._jobs) as image:
            return commits_between(in_dialect(image, "duckdb"), after, manifest.snapshot_id)

    def _list(self) -> list[str]:
        try:
            return list_points(self._store)
        except AccessDeniedError:
            return [find_point(self._store, "latest")]  # the leases know it

    def _snapshots(self, connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> str:
        table = next(table for table in manifest.tables if table.name == _SNAPSHOTS)
        chunks = read_chunks(connection, self._store, table)
        return relation_of(self._store, table.name, table.columns, chunks).select

    def _leave_out(self, id_: str, damage: Damage) -> None:
        self._findings.add(
            Finding(
                "repository-damaged",
                "error",
                id_,
                f"the point cannot be read, and an older one is looked at: {str(damage).splitlines()[0]}",
                "Run verify --all to see which points are whole.",
            )
        )
