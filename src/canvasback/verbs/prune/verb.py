"""prune: delete what no point names, while others go on working with the repository."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.errors import AccessDeniedError, CorruptError, LockedError, ObjectExistsError, UsageError
from canvasback.model.clock import now, refuse_clock_behind
from canvasback.model.plans.prune import PrunePlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.register import Register
from canvasback.model.register import Sweep as Marker
from canvasback.model.results.prune import PruneResult
from canvasback.model.retention import after, before
from canvasback.repository import layout
from canvasback.repository.old_leases import old_leases
from canvasback.repository.points import read_point, stored_points, vanished_point
from canvasback.repository.protection import Protection, protection_of
from canvasback.repository.reachability import Reachability
from canvasback.repository.register import change_register, find_register
from canvasback.repository.repository import open_repository
from canvasback.repository.withdrawn import is_withdrawn
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.owner import owner_of
from canvasback.storage.reach import reach_of
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder
from canvasback.verbs.prune.sweep import Sweep
from canvasback.verbs.prune.unnamed import State, UnnamedObjects

GRACE = "7d"
_SHORTEST = timedelta(hours=1)
_ATTEMPTS = 3


@translates_errors
def prune(
    repository: str,
    *,
    grace: str = GRACE,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> PruneResult:
    """Delete what no point names: points that were forgotten long enough ago, and what only they named.

    Backups, restores and all else go on meanwhile: it deletes a little at a time, between two runs that write. Killed
    at any instant it leaves a sound repository, and the next one goes on. What is locked stays until its lock ends.

    Args:
        repository: The repository, a folder or a URL.
        grace: How long a point has to be forgotten, and an object to be named by nobody, before it is deleted:
            ``7d``, ``1m``. It must be longer than any run takes, and any run may be held up.
        dry_run: Make the plan only.
        jobs: How many objects are deleted at a time; None for what suits the storage.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: The grace cannot be understood (``duration-not-understood``), or is shorter than an hour
            (``grace-too-short``).
        RefusedError: The clock is behind the newest point (``clock-behind``); nothing was deleted.
        CorruptError: A point that is not forgotten cannot be read (``manifest-corrupt``, ``chunk-corrupt``, …), the
            newest one is not there (``point-missing``), or the register is damaged (``register-corrupt``): nobody knows
            what it needs. Nothing was deleted.
        AccessDeniedError: We may not delete; nothing was deleted.
        LockedError: Others write to the repository all the time (``repository-locked``) or change what is said of its
            points (``register-busy``); a mirror was held up and may go on (``run-held-up``); the grace is over
            (``prune-overdue``). What was deleted by then was needed by nobody.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    since = before(run.now(), grace)
    if run.now() - since < _SHORTEST:
        raise UsageError(
            "grace-too-short",
            f"a grace of {grace} is shorter than an hour, and any run may be held up for longer",
            hint="Give a longer one: it has to be longer than the longest run that writes to the repository.",
        )
    store = open_repository(run.stores, repository).store
    for _ in range(_ATTEMPTS):
        with (
            suppress(_ChangedError),  # then all is looked at again
            temporary_folder() as folder,
            connect(folder, reach=reach_of(store)) as connection,
        ):
            look = _look(connection, store, run, since, grace)
            if dry_run:
                return _result(look.plan, run, look.plan.objects, look.plan.bytes, dry_run=True)
            sweep = _carry_out(look, store, run, grace)
            return _result(look.plan, run, sweep.objects, sweep.bytes, dry_run=False)
    raise LockedError(
        "register-busy",
        f"points of {store.url} are brought back, or pruned by others, all the time",
        hint="See who does that, and run it again; nothing was deleted.",
    )


class _ChangedError(Exception):
    """A point that was about to go is not forgotten any more, so that what it names is needed; or another is gone."""


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it takes to carry it out."""

    plan: PrunePlan
    reach: Reachability
    unnamed: UnnamedObjects
    stored: list[str]
    going: frozenset[str]
    gone: frozenset[str]
    withdrawn: list[str]
    leases: list[str]
    before_ns: int


def _look(connection: duckdb.DuckDBPyConnection, store: Store, run: Run, since: datetime, grace: str) -> _Look:
    """See what there is to do.

    Raises:
        _ChangedError: Another prune deleted points meanwhile, which looks as if they were damaged.
    """
    stored = stored_points(store)
    try:
        return _look_at(stored, connection, store, run, since, grace)
    except (CorruptError, duckdb.Error):
        if set(stored).issubset(stored_points(store)):
            raise
    raise _ChangedError


def _look_at(
    stored: list[str], connection: duckdb.DuckDBPyConnection, store: Store, run: Run, since: datetime, grace: str
) -> _Look:
    register = find_register(store).register
    refuse_clock_behind(layout.point_time(stored[-1]) if stored else None, run.now())
    _refuse_vanished(store)
    overdue = register.overdue(since)
    protection = protection_of(store)
    locked = _locked(protection, overdue.intersection(stored), run.now())
    going = overdue.intersection(stored) - locked
    reach = Reachability(connection, store)
    kept, withdrawn = [], []
    run.progress.begin("reading points", files=len(stored))
    for id_ in stored:
        run.progress.advance(files=1)
        if id_ in going:
            continue
        try:
            reach.add(read_point(store, id_))
        except CorruptError:
            if id_ in locked:
                continue  # nobody needs what it names
            if not is_withdrawn(store, id_):
                raise
            withdrawn.append(id_)
        else:
            kept.append(id_)
    run.progress.end()
    before_ns = int(since.astimezone(UTC).timestamp() * 1_000_000_000)
    unnamed = UnnamedObjects(connection, store, before_ns)
    unnamed.look(run.progress)
    unnamed.keep(reach.objects(kept))
    if protection is not None:
        unnamed.leave_locked(protection, run)
    old, young, held = map(unnamed.amount, (State.GOES, State.YOUNG, State.LOCKED))
    leases = old_leases(store, before_ns)
    owner = owner_of(store)
    plan = PrunePlan(
        repository=store.url,
        grace=grace,
        points=len(going),
        objects=old.count,
        bytes=old.bytes,
        fingerprint=old.fingerprint,
        waiting=young.count,
        waiting_bytes=young.bytes,
        locked_points=len(locked),
        locked=held.count,
        locked_bytes=held.bytes,
        leases=len(leases),
        holding=None if owner is None else owner.holding,
    )
    return _Look(
        plan=plan,
        reach=reach,
        unnamed=unnamed,
        stored=stored,
        going=going,
        gone=overdue.difference(stored),
        withdrawn=withdrawn,
        leases=leases,
        before_ns=before_ns,
    )


def _carry_out(look: _Look, store: Store, run: Run, grace: str) -> Sweep:
    """First let nobody bring the points back, then delete what leads to objects, then the objects."""
    moment, token = run.now(), secrets.token_hex(8)
    marker = Marker(token, after(moment, grace), look.before_ns)
    _refuse_without_right(store)

    def claim(register: Register) -> Register:
        if not look.going <= register.forgotten():
            raise _ChangedError
        return register.withdraw(look.withdrawn, moment).prune(look.going, marker, moment)

    change_register(store, run.clock, claim)
    since = before(moment, grace)
    sweep = Sweep(run, store, look.reach, look.unnamed, known=look.stored, since=since, until=marker.until)
    gone = sweep.delete_points(look.going)
    sweep.delete_objects(look.plan.objects, look.plan.bytes)
    sweep.delete_leases(look.leases)
    # Those of a prune that was killed are gone by now, and the register still has them.
    change_register(store, run.clock, lambda register: register.without(gone | look.gone).swept(token))
    return sweep


def _refuse_without_right(store: Store) -> None:
    """See that we may delete, before the points are claimed: then nobody can bring them back any more.

    Raises:
        AccessDeniedError: We may not.
    """
    with suppress(ObjectExistsError):  # another prune is doing the same, or was not allowed to
        store.put_new(layout.PROBE, b"a prune finds out whether it may delete")
    try:
        store.delete(layout.PROBE)
    except AccessDeniedError as error:
        raise AccessDeniedError(
            store.url,
            to="delete anything in",
            hint="Run prune as somebody who may: policy --role prune says what that takes. Nothing was changed.",
        ) from error


def _locked(protection: Protection | None, ids: Iterable[str], now: datetime) -> frozenset[str]:
    """The points whose manifests cannot be deleted yet."""
    if protection is None:
        return frozenset()
    found = {id_: protection.locks.find(layout.point_name(id_)) for id_ in ids}
    return frozenset(id_ for id_, held in found.items() if held is not None and held.until > now)


def _refuse_vanished(store: Store) -> None:
    """See that the newest point is there: where manifests were deleted by others, all that they name looks unneeded."""
    latest = vanished_point(store)
    if latest is not None:
        raise CorruptError(
            "point-missing",
            f"the newest point {latest} is not in {store.url}: somebody deleted it, and may have deleted others",
            hint="Bring the manifests back from a copy of the repository. What they name is still there, and a prune "
            "would delete it.",
        )


def _result(plan: PrunePlan, run: Run, objects: int, bytes_: int, *, dry_run: bool) -> PruneResult:
    return PruneResult(
        repository=plan.repository,
        steps=plan.steps,
        dry_run=dry_run,
        points=plan.points,
        objects=objects,
        bytes=bytes_,
        leases=plan.leases,
        waiting=plan.waiting,
        waiting_bytes=plan.waiting_bytes,
        locked_points=plan.locked_points,
        locked=plan.locked,
        locked_bytes=plan.locked_bytes,
        seconds=run.seconds,
    )
