"""lock: what points need that are not forgotten is locked for longer, before its locks end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.errors import RefusedError
from canvasback.model.clock import now, refuse_clock_behind
from canvasback.model.finding import Finding, Findings
from canvasback.model.lock import Lock, Retention
from canvasback.model.manifest import Manifest
from canvasback.model.plans.lock import LockPlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.lock import LockResult
from canvasback.repository import layout
from canvasback.repository.named_objects import NamedObjects
from canvasback.repository.own_table import OwnTable
from canvasback.repository.points import stored_points
from canvasback.repository.protection import Protection, names_of, protection_of
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.register import find_register
from canvasback.repository.repository import open_repository
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage import numbered
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder

_NAMES = {"name": "VARCHAR"}
_WHOLE = {"name": "VARCHAR", "enough": "BIGINT"}
_CURE = "Run verify --all: it says what cures it. Run lock again then."


@translates_errors
def lock(
    repository: str,
    *,
    days: int | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> LockResult:
    """Lock for longer what the points name that are not forgotten; those that are expire by themselves.

    Only what is needed is done: what is locked for more than half of the days, and for as long as the newest point
    promises, stays as it is. It goes on beside all else, and can be run again after it was killed.

    Args:
        repository: The repository, a URL.
        days: Lock all of it for at least so many days from now, whatever the repository's marker says. What is locked
            for longer stays so. None for the marker's days.
        dry_run: Make the plan only.
        jobs: How many objects are worked on at a time; None for what suits the storage.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Returns:
        What was done. With findings, points are not locked that could not be read, and all others are.

    Raises:
        UsageError: There is no such number of days (``lock-not-understood``).
        RefusedError: The repository's objects are not locked (``not-locked``), or the clock is behind the newest point
            (``clock-behind``).
        CorruptError: The register is damaged (``register-corrupt``), so that nobody knows which points are forgotten.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    store = open_repository(run.stores, repository).store
    protection = protection_of(store)
    if protection is None:
        raise RefusedError(
            "not-locked",
            f"the objects of {store.url} are not locked",
            hint="Locks are decided on when a repository is made: init --lock, in a bucket with object lock.",
        )
    wanted = Lock.of(protection.lock.mode, days) if days is not None else None
    findings = Findings()
    with temporary_folder() as folder, connect(folder, reach=reach_of(store)) as connection:
        look = _look(connection, protection, wanted, run, findings)
        if not dry_run:
            _carry_out(look, connection, protection, run)
    plan = look.plan
    return LockResult(
        repository=store.url,
        steps=plan.steps,
        dry_run=dry_run,
        objects=plan.objects,
        held_objects=plan.held,
        points=plan.points,
        kept_points=plan.kept,
        until=plan.promised if plan.kept else None,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it takes to carry it out.

    Attributes:
        plan: The plan.
        objects: A SELECT of the names of the objects that are to be locked.
        manifests: The same for manifests.
        fresh: How the objects are.
    """

    plan: LockPlan
    objects: str
    manifests: str
    fresh: Retention


def _look(
    connection: duckdb.DuckDBPyConnection, protection: Protection, wanted: Lock | None, run: Run, findings: Findings
) -> _Look:
    store, moment = protection.store, run.now()
    ids = _kept(store, moment)
    named = NamedObjects(connection, store)
    manifests = OwnTable(connection, "manifests", _NAMES)
    run.progress.begin("reading points", files=len(ids))
    sound = [layout.point_name(id_) for id_ in _add(store, ids, named, run, findings)]
    run.progress.end()
    insert_rows(connection, str(manifests), _NAMES, [(name,) for name in sound])
    promises = protection.look(connection, f"FROM {manifests}", run)
    (newest,) = one_row(connection, f"SELECT coalesce(arg_max(until, name), 0) FROM {promises}")
    fresh = (wanted or protection.lock).begin(moment)
    least = int((fresh.until if wanted is not None else protection.lock.half(moment)).timestamp())
    enough = least if wanted is not None else max(least, int(newest))
    fresh = Retention(fresh.mode, max(fresh.until, datetime.fromtimestamp(enough, UTC)))

    whole = OwnTable(connection, "all objects", f"SELECT name, {enough}::BIGINT AS enough FROM {named}")
    insert_rows(connection, str(whole), _WHOLE, [(name, least) for name in _besides(store)])
    locks = protection.look(connection, f"SELECT name FROM {whole}", run)
    lost = f"SELECT name FROM {whole} ANTI JOIN {locks} USING (name) ORDER BY name"
    for name in names_of(connection, lost):
        findings.add(Finding("object-missing", "error", name, "is missing, and cannot be locked", _CURE))
    short = f"SELECT name FROM {whole} JOIN {locks} USING (name) WHERE until IS NULL OR until < enough"
    objects, there, first = one_row(
        connection,
        f"SELECT (SELECT count(*) FROM ({short})), count(*), min(until) FILTER (until >= {enough}) FROM {locks}",
    )
    until = int(fresh.until.timestamp())
    promised = min(until, int(first)) if first is not None else until
    later = f"SELECT name FROM {promises} WHERE until IS NULL OR until < {promised}"
    (points,) = one_row(connection, f"SELECT count(*) FROM ({later})")
    plan = LockPlan(
        repository=store.url,
        until=fresh.until,
        objects=int(objects),
        held=int(there) - int(objects),
        points=int(points),
        kept=len(sound),
        promised=datetime.fromtimestamp(promised, UTC),
    )
    return _Look(plan=plan, objects=short, manifests=later, fresh=fresh)


def _kept(store: Store, moment: datetime) -> list[str]:
    register = find_register(store).register
    stored = stored_points(store)
    refuse_clock_behind(layout.point_time(stored[-1]) if stored else None, moment)
    hidden = register.forgotten()
    return [id_ for id_ in stored if id_ not in hidden]


def _add(store: Store, ids: Iterable[str], named: NamedObjects, run: Run, findings: Findings) -> Iterator[str]:
    """Add what points name, and answer which could be read."""

    def add(manifest: Manifest) -> str:
        named.add(manifest)
        run.progress.advance(files=1)
        return manifest.id

    points = ReadablePoints(
        store, lambda id_, damage: findings.add(Finding(damage.code, "error", id_, damage.message, damage.hint))
    )
    return points.each(ids, add)


def _besides(store: Store) -> Iterator[str]:
    """What no point names, and all need."""
    yield layout.MARKER
    for name in (layout.register_name, layout.keys_name):
        newest = numbered.find_newest(store, name)[0]
        yield from map(name, sorted(numbered.needed(newest)))


def _carry_out(look: _Look, connection: duckdb.DuckDBPyConnection, protection: Protection, run: Run) -> None:
    """First what is named, then what promises it."""
    run.progress.begin("locking objects", files=look.plan.objects + look.plan.points)
    protection.extend(names_of(connection, look.objects), look.fresh, run)
    promised = Retention(look.fresh.mode, look.plan.promised)
    protection.extend(names_of(connection, look.manifests), promised, run)
    run.progress.end()
