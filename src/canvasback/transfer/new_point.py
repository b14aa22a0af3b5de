"""A lake becomes a point: planned, copied, planned again where files went away meanwhile, and published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import duckdb
import msgspec

from canvasback import __about__
from canvasback.catalog.engines import open_engine
from canvasback.catalog.reading.files import named_bytes, named_files
from canvasback.datapath.opened_lake import OpenedLake
from canvasback.datapath.sharing import origin_of
from canvasback.errors import CorruptError, LockedError
from canvasback.model.finding import Finding
from canvasback.model.holding import kind_of, place_of
from canvasback.model.lake import parse_lake
from canvasback.model.manifest import Manifest
from canvasback.model.plans.backup import BackupPlan
from canvasback.model.register import Register, check_note, check_tags
from canvasback.model.results.backup import BackupResult
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.documents import format_of
from canvasback.repository.leases import HeldLease, hold_lease
from canvasback.repository.points import known_to_leases, publish_point
from canvasback.repository.register import change_register, find_register
from canvasback.repository.repository import open_repository
from canvasback.repository.rows import rows_json, rows_select
from canvasback.repository.witness import Witness
from canvasback.storage.locations import folder_url
from canvasback.storage.run import Run
from canvasback.transfer.arrivals import Arrivals
from canvasback.transfer.both_places import PlaceBeside
from canvasback.transfer.catalog_chunks import save_catalog
from canvasback.transfer.locked_point import lock_named, lock_point
from canvasback.transfer.mapped_commits import map_commits
from canvasback.transfer.planned_point import NothingNew, PlannedPoint, Request, plan_point

_ATTEMPTS = 20

T = TypeVar("T")


def back_up(
    lake: str,
    repository: str,
    run: Run,
    *,
    data_path: str | None,
    only_new: bool,
    recheck: int | None = None,
    full: bool = False,
    dry_run: bool = False,
    also: str | None = None,
    witness: str | None = None,
    tags: tuple[str, ...] = (),
    note: str = "",
) -> BackupResult:
    """Make a point of a lake by its name; see `canvasback.backup`."""
    name = parse_lake(lake)
    return carry_out(
        Request(
            lake=name,
            engine=open_engine(name, run.stores),
            repository=open_repository(run.stores, repository),
            run=run,
            data_path=data_path,
            recheck=recheck,
            full=full,
            only_new=only_new,
        ),
        dry_run=dry_run,
        also=also,
        witness=witness,
        tags=tags,
        note=note,
    )


def carry_out(
    request: Request,
    *,
    dry_run: bool,
    also: str | None = None,
    witness: str | None = None,
    tags: tuple[str, ...] = (),
    note: str = "",
) -> BackupResult:
    """Do what is asked for, or say what would be done.

    Args:
        request: What is asked for.
        dry_run: Write nothing.
        also: A second place of the repository, which gets the point too.
        witness: A second place that is asked about the repository, and told of the point.
        tags: Names to give to the point.
        note: What to note of it; nothing if it is empty.
    """
    if request.data_path is not None:
        folder_url(request.data_path)  # what makes no sense is found out even where no point is made
    check_tags(tags)
    check_note(note)
    repository, run = request.repository, request.run
    store = repository.store
    if tags or note:
        find_register(store)  # before the work: what is damaged takes no marks
    beside = PlaceBeside(run, repository, also) if also is not None else None
    if beside is not None:
        beside.refuse_another()
    observer = Witness(run.stores.open(witness), repository) if witness is not None else None
    doubts = observer.doubts() if observer is not None else ()
    backup = Backup(request, trust=not request.full)
    if dry_run:
        foretold = _with(doubts, backup.plan_and(known_to_leases(store), backup.foretell))
        return msgspec.structs.replace(foretold, also=beside.foresee() if beside is not None else None)
    with hold_lease(store, "backup", run.clock) as lease:
        made = backup.plan_and(lease.latest, lambda planned: backup.make(planned, lease))

    def mark(register: Register) -> Register:
        tagged = register.tag(made.point, tags)
        return tagged.note(made.point, note) if note else tagged

    marking = mark if tags or note else None
    if marking is not None:
        change_register(store, run.clock, marking)
    there = beside.bring(made.point, marking) if beside is not None else None
    if observer is not None and not doubts:  # a newer point would hide that the repository is not what it was
        doubts = observer.tell(made.point)
    return msgspec.structs.replace(_with(doubts, made), tags=tuple(sorted(set(tags))), note=note, also=there)


def _with(findings: tuple[Finding, ...], result: BackupResult) -> BackupResult:
    """A result with findings in front that are not of the point."""
    if not findings:
        return result
    counts = {**Counter(finding.code for finding in findings), **result.finding_counts}
    return msgspec.structs.replace(result, findings=(*findings, *result.findings), finding_counts=counts)


class Backup(msgspec.Struct):
    """One backup in the making.

    Attributes:
        request: What is asked for.
        trust: Whether to rely on what the repository holds.
        damage: Why not, if that turned out.
        new_files: Files that were copied, or that somebody else holds since then, in all attempts.
        new_bytes: Bytes that were copied.
    """

    request: Request
    trust: bool
    damage: tuple[Finding, ...] = ()
    new_files: int = 0
    new_bytes: int = 0

    def plan_and(self, latest: str | None, do: Callable[[PlannedPoint | NothingNew], T | OpenedLake]) -> T:
        """Plan, and go on; anew where what was read turns out not to last.

        Args:
            latest: The newest point as the leases know it.
            do: Goes on. It answers the lake as it is now where that is no longer the one of the plan.
        """
        live = self.request.open()
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    done = do(plan_point(self.request, live, latest, self.damage, trust=self.trust))
                except (duckdb.Error, CorruptError) as error:
                    if attempt == _ATTEMPTS or not self._can_go_on(error):
                        raise
                    live.close()
                    live = self.request.open()
                    continue
                if not isinstance(done, OpenedLake):
                    return done
                live.close()
                live = done
        finally:
            live.close()
        raise LockedError(
            "catalog-busy",
            f"files of the lake went away before they could be copied, {_ATTEMPTS} times: "
            "it is merged, expired and cleaned up faster than it is read",
            hint="Run it again when less maintenance runs, or let cleanup spare files of the last minutes.",
        )

    def make(self, planned: PlannedPoint | NothingNew, lease: HeldLease) -> BackupResult | OpenedLake:
        """First the files, then the catalog, then, as one step, the point.

        Returns:
            What was done; or the lake as it is now, where files of the plan are gone that it no longer names.
        """
        if isinstance(planned, NothingNew):
            return self._result(planned.plan, planned.newest)
        arrivals = Arrivals(
            planned.lists, planned.files, self.request.repository, at_risk_ns=planned.previous.at_risk_ns
        )
        arrivals.copy(self.request.run)
        self.new_files += arrivals.new_files
        self.new_bytes += arrivals.new_bytes
        if arrivals.missing:
            # A file can vanish because it was expired and cleaned up meanwhile: then the catalog of
            # now no longer names it, and what the catalog of now names is what we want.
            again = self.request.open()
            if _named(again, arrivals.missing) != arrivals.missing:
                return again
            again.close()
        if planned.held is not None and not self.new_files:
            return self._result(planned.plan, planned.held)
        return self._publish(planned, arrivals, lease)

    def foretell(self, planned: PlannedPoint | NothingNew) -> BackupResult:
        """What `make` would answer, if every file could be had."""
        plan = planned.plan
        if isinstance(planned, NothingNew):
            bytes_, absent = planned.newest.totals.bytes, planned.newest.totals.absent
        else:
            bytes_, absent = named_bytes(planned.live.image), 0
        return BackupResult(
            point="",
            snapshot_id=plan.head.snapshot,
            files=plan.new_files + plan.held_files,
            bytes=bytes_,
            new_files=plan.new_files,
            new_bytes=plan.new_bytes,
            reused_files=plan.held_files,
            catalog_bytes=0,
            seconds=self.request.run.seconds,
            findings=plan.findings,
            finding_counts=plan.finding_counts,
            snapshot_time=plan.head.time,
            commits=plan.commits,
            absent=absent,
            made=False,
            steps=plan.steps,
            dry_run=True,
            storage=kind_of(plan.holding),
            storage_url=place_of(plan.holding),
        )

    def _can_go_on(self, error: duckdb.Error | CorruptError) -> bool:
        """Whether another attempt can do better than one that failed to read."""
        if self.trust and (isinstance(error, CorruptError) or self.request.repository.store.url in str(error)):
            self.trust = False
            self.damage = (
                Finding(
                    "repository-damaged",
                    "error",
                    self.request.repository.store.url,
                    f"the point before cannot be relied on: {str(error).splitlines()[0]}",
                    "This backup compared and mended what it could; run verify --all to see which points are whole.",
                ),
            )
            return True
        # What was read of a catalog in use can turn out to be torn when it is looked at.
        return isinstance(error, duckdb.IOException)

    def _publish(self, planned: PlannedPoint, arrivals: Arrivals, lease: HeldLease) -> BackupResult:
        image, plan, previous = planned.live.stored, planned.plan, planned.previous
        repository, run = self.request.repository, self.request.run
        writer = ChunkWriter(
            image.connection,
            repository.store,
            run.jobs_for(repository.store),
            at_risk_ns=planned.previous.at_risk_ns,
        )
        run.progress.begin("writing the catalog")
        tables = save_catalog(planned.divisions, writer)
        files, totals = arrivals.store(writer, previous.totals)
        run.progress.end()
        arrivals.report(planned.findings)
        planned.findings.extend(map_commits(image, repository.store, run.now(), full=self.request.full))
        manifest = Manifest(
            self="",
            format=format_of(repository.store),
            id="",
            repository_id=repository.marker.repository_id,
            lake_id=repository.marker.lake_id,
            timeline=planned.timeline,
            created=run.now(),
            snapshot_id=plan.head.snapshot,
            snapshot_time=plan.head.time,
            snapshots=planned.snapshots,
            catalog=image.record,
            data_path=image.data_path,
            data_root=planned.files.root,
            relative_to=planned.files.base,
            encrypted=image.encrypted,
            tables=tables,
            files=files,
            totals=totals,
            new_files=self.new_files,
            new_bytes=self.new_bytes,
            recheck_from=planned.lists.recheck_from,
            findings=planned.findings.kept,
            finding_counts=planned.findings.counts,
            writer=__about__.__version__,
            parent=plan.before,
            arrival=repository.store.arrival,
            origin=origin_of(self.request.lake, image),
            holding=repository.marker.borrows,
        )
        repository.store.sync()
        promised = lock_named(repository.store, manifest, previous.whole, run)
        published = publish_point(repository.store, manifest, previous.latest_id, lease.announce)
        lock_point(repository.store, published.id, promised)
        lease.published()
        return self._result(plan, published, written=writer.written_bytes, made=True)

    def _result(self, plan: BackupPlan, point: Manifest, *, written: int = 0, made: bool = False) -> BackupResult:
        new_files, new_bytes = (self.new_files, self.new_bytes) if made else (0, 0)
        return BackupResult(
            point=point.id,
            snapshot_id=point.snapshot_id,
            files=point.totals.count,
            bytes=point.totals.bytes,
            new_files=new_files,
            new_bytes=new_bytes,
            reused_files=point.totals.count - point.totals.absent - new_files,
            catalog_bytes=written,
            seconds=self.request.run.seconds,
            findings=point.findings,
            finding_counts=point.finding_counts,
            snapshot_time=point.snapshot_time,
            commits=plan.commits if made else 0,
            absent=point.totals.absent,
            made=made,
            steps=plan.steps,
            dry_run=False,
            storage=kind_of(plan.holding),
            storage_url=place_of(plan.holding),
        )


def _named(live: OpenedLake, missing: frozenset[tuple[str, bool]]) -> frozenset[tuple[str, bool]]:
    """Those of the files that a lake still names."""
    image, root = live.image, live.root()
    wanted = {"path": "VARCHAR"}
    named = image.connection.execute(
        f"SELECT path, elsewhere FROM ({named_files(image, root)}) WHERE path IN ({rows_select(wanted)})",
        [rows_json(wanted, [(path,) for path, _ in missing])],
    ).fetchall()
    return missing.intersection(named)
