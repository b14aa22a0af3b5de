"""The point that has what a catalog lost: the newest one whose history continues the catalog's.

A repository is gone through once. What comes of it are values, and the point's image.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import duckdb
import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.commits import commits_between
from canvasback.errors import CorruptError
from canvasback.history.continuation import Verdict, judge
from canvasback.history.moments import head_of
from canvasback.history.points import image_of
from canvasback.model.commit import CommitSummary
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.origin import Origin
from canvasback.model.results.fast_forward import Divergence
from canvasback.repository.chunks import read_chunks, relation_of
from canvasback.repository.points import known_points
from canvasback.repository.readable_points import Damage, ReadablePoints, UnreadablePointError
from canvasback.repository.repository import Repository
from canvasback.storage.keyring import let_read
from canvasback.transfer.identity import is_doubtful, refuse_other_lake

_BEFORE_ALL = -1
_SNAPSHOTS = "ducklake_snapshot"


class LaterPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point that continues a catalog, or that is to come back where there is none.

    Attributes:
        manifest: The point, whose chunks are whole.
        image: Its catalog as it was saved.
        commits: Its commits after the catalog's newest snapshot, as far as it still tells of them.
        proved: Whether points still have that snapshot.
        origins: Where the lake's catalog was, as the points tell.
    """

    manifest: Manifest
    image: Image
    commits: tuple[CommitSummary, ...]
    proved: bool
    origins: tuple[Origin | None, ...]


class _Seen(msgspec.Struct, frozen=True):
    """A point whose chunks are whole, and how it stands to the catalog."""

    manifest: Manifest
    image: Image
    verdict: Verdict
    commits: tuple[CommitSummary, ...]


class LaterPoints:
    """The points of a repository that have what a catalog lost.

    Args:
        opened: The repository.
        live: The catalog in DuckDB's dialect; None where there is none, and the newest point is wanted.
        findings: Told about points that cannot be read: an older one is taken.
        jobs: How many chunks are checked at a time.
        closing: Closes the points' images.
    """

    def __init__(
        self, opened: Repository, live: Image | None, findings: Findings, jobs: int, closing: ExitStack
    ) -> None:
        self._opened = opened
        self._live = live
        self._findings = findings
        self._jobs = jobs
        self._closing = closing

    def find(self) -> LaterPoint | Divergence | None:
        """Find the newest point whose history continues that of the catalog.

        Returns:
            The point. Or where the catalog parted from the newest point that has commits which it has not. Or None
            where no point has such commits: the catalog is not stale, or was taken back on purpose.

        Raises:
            RefusedError: The catalog is of another lake (``other-lake``).
            LakeError: The catalog has no snapshot.
        """
        live, lake_id, head = self._live, self._opened.marker.lake_id, _head(self._live)
        uuids = {0: lake_id} if live is None else live.schema_uuids()
        doubtful = is_doubtful(uuids, lake_id)
        if not doubtful:
            refuse_other_lake(uuids, lake_id, ())
        newest: Manifest | None = None
        parted: Divergence | None = None
        for timeline in self._timelines(at_least_one=doubtful):
            for seen in timeline:
                manifest = seen.manifest
                newest = newest or manifest
                if doubtful:
                    refuse_other_lake(uuids, lake_id, seen.image.schema_uuids().values())
                    doubtful = False
                if manifest.snapshot_id <= head:
                    break
                if seen.verdict.kind == "continues":
                    return LaterPoint(
                        manifest=manifest,
                        image=seen.image,
                        commits=seen.commits,
                        proved=seen.verdict.proved,
                        origins=(manifest.origin, newest.origin),
                    )
                if seen.verdict.kind == "diverged" and parted is None:
                    parted = Divergence(
                        point=manifest.id,
                        snapshot_id=seen.verdict.common,
                        live_snapshot=head,
                        point_snapshot=manifest.snapshot_id,
                        point_time=manifest.snapshot_time,
                    )
                break  # so do all of this timeline
        if doubtful:
            refuse_other_lake(uuids, lake_id, ())
        return parted

    def _timelines(self, *, at_least_one: bool) -> Iterator[Iterator[_Seen]]:
        """The points by timeline, newest first, and read as they are asked for.

        Args:
            at_least_one: Whether the newest point of a timeline is wanted also where none of it is later.
        """
        store, live, head = self._opened.store, self._live, _head(self._live)
        if live is not None:  # its connection compares its snapshots with those of points
            let_read(live.connection, store)
        ids = known_points(store)
        points = ReadablePoints(store, lambda id_, damage: self._findings.add(_damaged(id_, damage)))

        def seen(manifest: Manifest, first: str) -> _Seen:
            earlier: Manifest | None = None
            if live is not None and first not in {"", manifest.id}:
                with suppress(UnreadablePointError):  # then the times tell
                    earlier = points.manifest(first)
            image = self._closing.enter_context(image_of(store, manifest, check_with=self._jobs, others=None))
            snapshots = [image.tables[_SNAPSHOTS].select]
            if earlier is not None:
                with suppress(CorruptError, duckdb.Error):
                    [table] = (table for table in earlier.tables if table.name == _SNAPSHOTS)
                    chunks = read_chunks(image.connection, store, table)
                    snapshots.append(
                        relation_of(image.connection, store, table.name, table.columns, chunks, key=table.key).select
                    )
            return _compared(manifest, image, live, snapshots)

        def newest_first(of: list[str]) -> Iterator[_Seen]:
            later = of[bisect_right(of, head, key=head_of) :]
            # Snapshots only ever expire: the first point that can have the catalog's head is the likeliest to have it.
            first = of[bisect_left(of, head, key=head_of)] if later else ""
            wanted = of[-1:] if at_least_one and not later else later
            return points.each(reversed(wanted), lambda manifest: seen(manifest, first))

        return map(newest_first, reversed(points.timelines_of(ids).values()))


def _compared(manifest: Manifest, image: Image, live: Image | None, snapshots: list[str]) -> _Seen:
    """Compare a point with the catalog by its snapshots, and by those of an earlier one if they can be read."""
    verdict = Verdict("continues", None, proved=True)
    if live is not None:
        try:
            verdict = judge(live, snapshots)
        except duckdb.Error:
            verdict = judge(live, snapshots[:1])
    commits = commits_between(in_dialect(image, "duckdb"), _head(live), manifest.snapshot_id)
    return _Seen(manifest, image, verdict, commits)


def _head(live: Image | None) -> int:
    return _BEFORE_ALL if live is None else live.head()[0]


def _damaged(id_: str, damage: Damage) -> Finding:
    return Finding(
        "repository-damaged",
        "error",
        id_,
        f"the point cannot be read, and an older one is looked at: {str(damage).splitlines()[0]}",
        "Run verify --all to see which points are whole.",
    )
