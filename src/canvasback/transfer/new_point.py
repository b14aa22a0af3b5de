"""A lake becomes a point: read, copied, read again where files went away meanwhile, and published."""

from __future__ import annotations

import os

import duckdb
import msgspec

from canvasback import __about__
from canvasback.catalog.engines import Reader, open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.catalog.rules.unreadable import unreadable
from canvasback.catalog.spec import KNOWN_VERSIONS
from canvasback.datapath.data_root import refuse_foreign, refuse_nesting
from canvasback.datapath.opened_lake import OpenedLake, open_lake
from canvasback.datapath.sharing import origin_of
from canvasback.errors import CorruptError, LockedError
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.manifest import FileTotals, Manifest
from canvasback.model.results.backup import BackupResult
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.layout import FORMAT
from canvasback.repository.leases import HeldLease, hold_lease
from canvasback.repository.points import publish_point
from canvasback.repository.repository import Repository, open_repository
from canvasback.repository.rows import rows_json, rows_select
from canvasback.storage.locations import folder_url
from canvasback.storage.run import Run
from canvasback.transfer.catalog_chunks import SavedCatalog, save_catalog
from canvasback.transfer.file_lists import FileLists
from canvasback.transfer.identity import check_lake, next_timeline
from canvasback.transfer.previous_point import Previous, read_previous

_ATTEMPTS = 20


def back_up(
    lake: str,
    repository: str,
    run: Run,
    *,
    data_path: str | None,
    only_new: bool,
    recheck: int | None = None,
    full: bool = False,
) -> BackupResult:
    """Make a point of a lake by its name; see `canvasback.backup`."""
    name = parse_lake(lake)
    engine = open_engine(name, run.stores)
    opened = open_repository(run.stores.open(repository))
    return Backup(
        lake=name,
        engine=engine,
        repository=opened,
        run=run,
        data_path=data_path,
        recheck=recheck,
        trust=not full,
        only_new=only_new,
    ).back_up()


class Backup(msgspec.Struct, kw_only=True):
    """One backup in the making.

    Attributes:
        lake: The lake's name.
        engine: Reads its catalog.
        repository: Where the point goes.
        run: Opens the lake's storage.
        data_path: What the user says of the data path, if anything.
        recheck: At how many held files to look again.
        trust: Whether to rely on what the repository holds.
        only_new: Whether to make no point where the newest one has it all.
    """

    lake: LakeName
    engine: Reader
    repository: Repository
    run: Run
    data_path: str | None
    recheck: int | None
    trust: bool
    only_new: bool
    earlier_files: int = 0
    earlier_bytes: int = 0
    damage: tuple[Finding, ...] = ()
    written: int = 0
    commits: int = 0

    def back_up(self) -> BackupResult:
        """Make the point, with a lease of the repository. See `backup`."""
        if self.data_path is not None:
            folder_url(self.data_path)  # what makes no sense is found out even where no point is made
        with hold_lease(self.repository.store, "backup", self.run.clock) as lease:
            manifest, made = self.make_point(lease)
        return BackupResult(
            point=manifest.id,
            snapshot_id=manifest.snapshot_id,
            files=manifest.totals.count,
            bytes=manifest.totals.bytes,
            new_files=manifest.new_files if made else 0,
            new_bytes=manifest.new_bytes if made else 0,
            reused_files=manifest.totals.count - manifest.totals.absent - (manifest.new_files if made else 0),
            catalog_bytes=self.written,
            seconds=self.run.seconds,
            findings=manifest.findings,
            finding_counts=manifest.finding_counts,
            snapshot_time=manifest.snapshot_time,
            commits=self.commits if made else 0,
            absent=manifest.totals.absent,
            made=made,
        )

    def make_point(self, lease: HeldLease) -> tuple[Manifest, bool]:
        """Read, copy, and read again while files vanish between the two.

        Returns:
            The point, and whether it was made; else it is the newest one, which has it all.
        """
        live = self._open()
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                findings = Findings()
                findings.extend(self.damage)
                image = live.stored
                previous = read_previous(image.connection, self.repository, lease.latest, findings, trust=self.trust)
                held = self._held(image, previous, findings)
                if held is not None and not held.totals.absent:
                    return held, False
                try:
                    saved = self._save(image, previous)
                    lists = self._copy(live, previous, saved)
                except (duckdb.Error, CorruptError) as error:
                    if attempt == _ATTEMPTS or not self._can_go_on(error):
                        raise
                    live.close()
                    live = self._open()
                    continue
                if not lists.missing:
                    break
                # A file can vanish because it was expired and cleaned up meanwhile: then the catalog of
                # now no longer names it, and what the catalog of now names is what we want.
                again = self._open()
                still = self._named(again, lists.missing)
                if still == lists.missing:
                    again.close()
                    break
                live.close()
                live = again
                if attempt == _ATTEMPTS:
                    raise LockedError(
                        "catalog-busy",
                        f"files of the lake went away before they could be copied, {_ATTEMPTS} times: "
                        "it is merged, expired and cleaned up faster than it is read",
                        hint="Run it again when less maintenance runs, or let cleanup spare files of the last minutes.",
                    )
                self.earlier_files += lists.new_files
                self.earlier_bytes += lists.new_bytes
            if held is not None and not self.earlier_files + lists.new_files:
                return held, False
            lists.report(findings)
            return self._publish(live.stored, previous, saved, lists, findings, lease), True
        finally:
            live.close()

    def _open(self) -> OpenedLake:
        """Read the catalog: it is saved as it is, whatever it lacks."""
        return open_lake(self.engine, self.lake, data_path=self.data_path, may_be_incomplete=True)

    def _held(self, image: Image, previous: Previous, findings: Findings) -> Manifest | None:
        """The newest point, if nobody asks for another one with the same head. Damage asks for one."""
        newest = previous.manifest
        if not (self.only_new and self.trust and newest) or newest.id != previous.latest_id or findings.kept:
            return None
        return newest if image.head()[:2] == (newest.snapshot_id, newest.snapshot_time) else None

    def _can_go_on(self, error: duckdb.Error | CorruptError) -> bool:
        """Whether another attempt can do better than one that failed to read."""
        if self.trust and (isinstance(error, CorruptError) or self.repository.store.url in str(error)):
            self.trust = False
            self.damage = (
                Finding(
                    "repository-damaged",
                    "error",
                    self.repository.store.url,
                    f"the point before cannot be relied on: {str(error).splitlines()[0]}",
                    "This backup compared and mended what it could; run verify --all to see which points are whole.",
                ),
            )
            return True
        # What was read of a catalog in use can turn out to be torn when it is looked at.
        return isinstance(error, duckdb.IOException)

    def _save(self, image: Image, previous: Previous) -> SavedCatalog:
        check_lake(image, self.repository.store, self.repository.marker.lake_id, previous)
        self.run.progress.begin("reading the catalog")
        saved = save_catalog(image, self.repository, previous, self.run.jobs_for(self.repository.store))
        self.run.progress.end()
        return saved

    def _copy(self, live: OpenedLake, previous: Previous, saved: SavedCatalog) -> FileLists:
        image = live.image
        root = live.root(last=previous.manifest.data_root if previous.manifest else None)
        refuse_nesting(self.repository.store.url, root)
        if self.data_path is not None:
            refuse_foreign(image, root, self.run.stores)
        lists = FileLists(image, self.repository, previous, saved, root, self._base(root, image))
        lists.copy(self.run, self.recheck)
        return lists

    def _base(self, root: str, image: Image) -> str:
        """What relative paths of files elsewhere are relative to: the folder that the data path is relative to."""
        spelled = image.data_path.rstrip("/")
        stem = root.rstrip("/").removesuffix(spelled)
        return stem if spelled and stem != root.rstrip("/") and stem else os.getcwd() + "/"

    def _named(self, live: OpenedLake, missing: frozenset[tuple[str, bool]]) -> frozenset[tuple[str, bool]]:
        image, root = live.image, live.root()
        wanted = {"path": "VARCHAR"}
        named = image.connection.execute(
            f"SELECT path, elsewhere FROM ({named_files(image, root)}) WHERE path IN ({rows_select(wanted)})",
            [rows_json(wanted, [(path,) for path, _ in missing])],
        ).fetchall()
        return missing.intersection(named)

    def _publish(
        self,
        image: Image,
        previous: Previous,
        saved: SavedCatalog,
        lists: FileLists,
        findings: Findings,
        lease: HeldLease,
    ) -> Manifest:
        _remark_version(image, findings)
        findings.extend(unreadable(image))
        writer = ChunkWriter(image.connection, self.repository.store, self.run.jobs_for(self.repository.store))
        files, totals = lists.store(writer)
        snapshot_id, snapshot_time, snapshots = image.head()
        before = previous.manifest
        manifest = Manifest(
            self="",
            format=FORMAT,
            id="",
            repository_id=self.repository.marker.repository_id,
            lake_id=self.repository.marker.lake_id,
            timeline=next_timeline(image, self.repository.store, previous, saved),
            created=self.run.now(),
            snapshot_id=snapshot_id,
            snapshot_time=snapshot_time,
            snapshots=snapshots,
            catalog=image.record,
            data_path=image.data_path,
            data_root=lists.root,
            relative_to=lists.base,
            encrypted=image.encrypted,
            tables=saved.tables,
            files=files,
            totals=FileTotals(*totals),
            new_files=self.earlier_files + lists.new_files,
            new_bytes=self.earlier_bytes + lists.new_bytes,
            recheck_from=lists.recheck_from,
            findings=findings.kept,
            finding_counts=findings.counts,
            writer=__about__.__version__,
            parent=before.id if before else "",
            arrival=self.repository.store.arrival,
            origin=origin_of(self.lake, image),
        )
        self.repository.store.sync()
        published = publish_point(self.repository.store, manifest, previous.latest_id, lease.announce)
        lease.published()
        self.written = saved.written_bytes + writer.written_bytes
        self.commits = max(0, snapshot_id - (before.snapshot_id if before else 0))
        return published


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
