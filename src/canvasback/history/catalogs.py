"""Finding the catalog that tells of a moment: that of a point, or the live lake's own."""

from __future__ import annotations

import contextlib
import re
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import late_deletes
from canvasback.datapath.file_sources import FileSources, LakeFiles, PointFiles
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.errors import CanvasbackError, RefusedError, UsageError
from canvasback.history.moments import Held, find_commit, find_held
from canvasback.history.point_history import open_history
from canvasback.history.points import image_of
from canvasback.history.times import parse_time
from canvasback.model.lake import parse_lake
from canvasback.model.manifest import Manifest
from canvasback.model.moment import Moment
from canvasback.model.results.diff import Side
from canvasback.parquet.deletes_at import deletes_then
from canvasback.repository.points import find_point, read_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.storage.run import Run

NOW = "now"
"""How people name the live lake's newest snapshot."""

_POINT = re.compile(r"latest|\d{8}T(\d{0,9}|\d{9}Z(-(s\d*)?)?)")
_NEEDLESS = re.compile(r"ducklake_(file_(column_stat|variant_stat|partition_value)|table_column_stats|files_scheduled)")
"""Tables that say nothing of shape and rows, and are most of a catalog: their chunks are not even checked."""


class Viewed(msgspec.Struct, frozen=True):
    """A snapshot, and a catalog that holds it.

    Attributes:
        side: What the answer says of it.
        image: The catalog in DuckDB's dialect.
        timeline: The timeline of the point; None of the live lake, which has no number of its own.
    """

    side: Side
    image: Image
    timeline: int | None

    @property
    def snapshot(self) -> int:
        """The snapshot's id."""
        return self.side.snapshot_id


def names_point(text: str) -> bool:
    """Whether a moment is named by a point, so that it takes a repository to find it."""
    return _POINT.fullmatch(text.strip()) is not None


class Catalogs:
    """The catalogs that a command looks into, each read once. Use as a context manager.

    Args:
        run: Reaches the two.
        lake: The live lake, if any.
        repository: The repository, if any.
    """

    def __init__(self, run: Run, lake: str | None, repository: str | None) -> None:
        self._stores = run.stores
        self._lake = lake
        self._repository = repository
        self._now = run.now()
        self._opened: Repository | None = None
        self._live: OpenedLake | None = None
        self._images: dict[str, Image] = {}
        self._manifests: dict[str, Manifest] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Give the catalogs themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all images."""
        self._open.close()

    def find(self, text: str) -> Viewed:
        """The catalog for what a user says: a point, a snapshot, a time, or ``now``.

        Raises:
            UsageError: It is none of these (``moment-not-understood``, ``time-not-understood``); or it takes a
                repository (``no-repository``) or a lake (``no-lake``), and none is named; or there is no such point.
            RefusedError: Nothing holds that moment (``moment-not-held``), or several do (``ambiguous-snapshot``).
        """
        wanted = text.strip()
        if wanted == NOW:
            return self.live()
        if names_point(wanted):
            return self.point(wanted)
        return self.moment(Moment(int(wanted)) if wanted.isdecimal() else Moment(time=self._time(wanted)))

    def live(self, moment: Moment | None = None) -> Viewed:
        """The live lake at a moment, or as it is now.

        Raises:
            UsageError: No lake is named (``no-lake``).
            RefusedError: The lake does not hold the moment (``moment-not-held``).
        """
        if self._lake is None:
            raise UsageError("no-lake", "no lake is named, and only a lake has a now", hint="Name one with --lake.")
        name = parse_lake(self._lake)
        if self._live is None:
            self._live = self._open.enter_context(
                open_lake(open_engine(name, self._stores), name, may_be_incomplete=True)
            )
        image = self._live.image
        if moment is None:
            snapshot, time, _ = image.head()
        else:
            commit = find_commit(image, moment, self._now)
            snapshot, time = commit.snapshot, commit.time
        return Viewed(Side(source=str(name), snapshot_id=snapshot, snapshot_time=time), image, None)

    def point(self, wanted: str, moment: Moment | None = None) -> Viewed:
        """A point at a moment of its history, or at its newest snapshot.

        Raises:
            UsageError: There is no such point, or no repository is named (``no-repository``).
            RefusedError: The point does not hold the moment (``moment-not-held``).
        """
        store = self._opened_repository().store
        id_ = find_point(store, wanted)
        if moment is None:
            manifest = read_point(store, id_)
            return self._viewed(manifest, manifest.snapshot_id, manifest.snapshot_time)
        with open_history(store) as history:
            held = find_held(history, moment, id_)
        return self._viewed(held.manifest, held.commit.snapshot, held.commit.time)

    def moment(self, moment: Moment) -> Viewed:
        """A snapshot or a time: in the live lake, if one is named and holds it, else in the repository's points.

        Raises:
            UsageError: Neither a lake nor a repository is named (``no-repository``).
            RefusedError: Nothing holds it (``moment-not-held``), or several do (``ambiguous-snapshot``).
        """
        if self._lake is not None:
            try:
                return self.live(moment)
            except RefusedError as error:
                if self._repository is None or error.code != "moment-not-held":
                    raise
        held = self.held(moment)
        return self._viewed(held.manifest, held.commit.snapshot, held.commit.time)

    def tell_deletes(self, viewed: Viewed, snapshot: int) -> None:
        """Let an image know how many rows its delete files delete at a snapshot, as far as these can be read.

        The catalog does not know it of files that hold deletes of before and after the snapshot.
        """
        image = viewed.image
        late = late_deletes(image, snapshot) if snapshot not in image.deletes else []
        if late:
            with contextlib.suppress(CanvasbackError):  # then it is a range
                image.deletes[snapshot] = deletes_then(image, snapshot, late, self._sources(viewed)).rows

    def _sources(self, viewed: Viewed) -> FileSources:
        manifest = self._manifests.get(viewed.side.source)
        if manifest is not None:
            return PointFiles(viewed.image, self._opened_repository().store, manifest)
        assert self._live is not None  # what is of no point is of the live lake
        return LakeFiles(viewed.image, self._live.root(), self._stores)

    def timeline(self, viewed: Viewed) -> int | None:
        """The timeline of a side: that of the newest point, if the live lake goes on from there; None if unknown."""
        if viewed.timeline is not None or self._repository is None:
            return viewed.timeline
        store = self._opened_repository().store
        newest = read_point(store, find_point(store, "latest"))
        known = viewed.image.rows(
            "SELECT CAST(snapshot_time AS TIMESTAMPTZ) FROM {ducklake_snapshot} s "
            f"WHERE snapshot_id = {newest.snapshot_id} AND snapshot_id <= {viewed.snapshot}"
        )
        return newest.timeline if known == [(newest.snapshot_time,)] else None

    def held(self, moment: Moment) -> Held:
        """The point that holds a moment, without reading its catalog.

        Raises:
            UsageError: No repository is named (``no-repository``), or it has no points.
            RefusedError: No point holds it (``moment-not-held``), or it is ambiguous (``ambiguous-snapshot``).
        """
        with open_history(self._opened_repository().store) as history:
            return find_held(history, moment)

    def _time(self, text: str) -> datetime:
        try:
            return parse_time(text, self._now)
        except UsageError as error:
            if text[:1].isdecimal():
                raise
            raise UsageError(
                "moment-not-understood",
                f"{text!r} is no point, no snapshot and no time",
                hint="Give a point as list shows it, latest, the number of a snapshot, a time like "
                "2026-11-24T12:30:00Z or '2 hours ago', or now with --lake.",
            ) from error

    def _opened_repository(self) -> Repository:
        if self._repository is None:
            raise UsageError(
                "no-repository",
                "no repository is named",
                hint="Give --repo, or set CANVASBACK_REPO, or name one in canvasback.toml.",
            )
        if self._opened is None:
            self._opened = open_repository(self._stores, self._repository)
        return self._opened

    def _viewed(self, manifest: Manifest, snapshot: int, time: datetime) -> Viewed:
        self._manifests[manifest.id] = manifest
        if manifest.id not in self._images:
            tables = tuple(table for table in manifest.tables if not _NEEDLESS.match(table.name))
            store = self._opened_repository().store
            needed = msgspec.structs.replace(manifest, tables=tables, files=())
            image = self._open.enter_context(image_of(store, needed, check_with=store.jobs))
            self._images[manifest.id] = in_dialect(image, "duckdb")
        return Viewed(
            Side(source=manifest.id, snapshot_id=snapshot, snapshot_time=time),
            self._images[manifest.id],
            manifest.timeline,
        )
