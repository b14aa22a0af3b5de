"""pitr run: stream a server's log, archive it in the repository, make base backups, and note where commits are."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from canvasback.errors import CanvasbackError, RefusedError, UsageError
from canvasback.model.clock import now
from canvasback.model.commit_position import CommitPosition
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.results.pitr_run import (
    ArchivingGoesOn,
    ArchivingHeldUp,
    BaseMade,
    LogArchived,
    LogBehind,
    PitrEvent,
    PitrStarted,
    PitrStopped,
)
from canvasback.model.results.watch import StopSign
from canvasback.model.wal import Lsn
from canvasback.postgres.programs import Programs
from canvasback.postgres.receiver import APPLICATION, Receiver, Spool, create_slot
from canvasback.postgres.server import ServerFacts, ask_server, check_slot_name, find_slot, refuse_tablespaces, where_is
from canvasback.postgres.shown_commits import commits_after, refuse_other_lake
from canvasback.repository.archived_log import ArchivedLog
from canvasback.repository.commit_map import last_commit, record_commits
from canvasback.repository.repository import Repository, open_repository, refuse_sealed
from canvasback.storage.foreign_errors import translates_errors, translating
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.verbs.pitr_run.bases import Bases
from canvasback.verbs.pitr_run.moving import Moving
from canvasback.verbs.pitr_run.window import Window

_FATAL = frozenset({"wal-differs", "slot-lost"})
"""What does not pass by itself: to go on would be to archive something else than what is asked for."""

_SHORTEST, _LONGEST = 1.0, 60.0


@translates_errors
def pitr_run(
    lake: str,
    repository: str,
    *,
    spool: str,
    slot: str = "canvasback",
    synchronous: bool = False,
    every: float = 1.0,
    part_every: float = 60.0,
    base_every: float = 86_400.0,
    tell_every: float = 60.0,
    incremental: int = 6,
    bindir: str | None = None,
    stop: StopSign | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> Iterator[PitrEvent]:
    """Archive the log of the server that holds a catalog, until it is to stop.

    PostgreSQL's own ``pg_receivewal`` streams the log into a folder, the spool. What is finished goes from there into
    the repository, and leaves the spool only when it is there for good. What can pass is waited for, and told: the
    server keeps its log for the slot meanwhile. It works only while somebody takes the events.

    Args:
        lake: The lake, as in ATTACH; its catalog is in PostgreSQL.
        repository: The repository, a folder or a URL.
        spool: A folder on a disk that outlasts this process: the server forgets what is there.
        slot: The name of the replication slot, which is made where there is none.
        synchronous: Flush at once and tell the server: where its ``synchronous_standby_names`` has ``canvasback``, a
            commit waits for that, and none that was acknowledged is lost with the server alone.
        every: Seconds between two looks.
        part_every: Seconds after which the segment that is being filled is archived as far as it is there.
        base_every: Seconds after which another base backup is made; the first one at the beginning.
        tell_every: Seconds after which it is told again how much of the log the repository lacks, while it does.
        incremental: How many incremental base backups rest on a full one at most, with PostgreSQL 17 and
            ``summarize_wal``.
        bindir: Where PostgreSQL's programs are, if not in the usual places.
        stop: Asks it to stop.
        stores: How to reach object stores.
        clock: Tells the time.

    Raises:
        UsageError: The request makes no sense, or PostgreSQL's programs are not here.
        LockedError: Another run has the spool (``spool-in-use``).
        RefusedError: The repository is of another lake (``other-lake``), or has another log of the same name
            (``wal-differs``); or the server has tablespaces (``has-tablespaces``), or has given up keeping what the
            slot needs (``slot-lost``).
        LakeError: The server cannot be asked when it begins.
    """
    if min(every, part_every, base_every, tell_every) <= 0 or incremental < 0:
        raise UsageError("not-positive", "a time to wait has to be more than 0", hint="Give seconds, such as 60.")
    run = Run.begin(stores=stores, clock=clock)
    name = parse_lake(lake)
    check_slot_name(slot)
    opened = open_repository(run.stores, repository)
    refuse_sealed(opened)
    facts = ask_server(name)
    refuse_other_lake(name, opened.marker.lake_id)
    refuse_tablespaces(name)
    archiving = _Archiving(
        run=run,
        lake=name,
        facts=facts,
        programs=Programs.find(facts.major, bindir),
        repository=opened,
        spool=Spool(spool),
        slot=slot,
        synchronous=synchronous,
        every=every,
        part_every=part_every,
        stop=stop or threading.Event(),
        window=Window(run.now(), tell_every),
    )
    return archiving.events(timedelta(seconds=base_every), incremental)


class _HeldUp(msgspec.Struct):
    """Something that does not work."""

    since: datetime
    code: str
    again: float
    delay: float = _SHORTEST


class _Archiving(msgspec.Struct, kw_only=True):
    """One run."""

    run: Run
    lake: LakeName
    facts: ServerFacts
    programs: Programs
    repository: Repository
    spool: Spool
    slot: str
    synchronous: bool
    every: float
    part_every: float
    stop: StopSign
    window: Window
    held_up: dict[str, _HeldUp] = msgspec.field(default_factory=dict)
    last: CommitPosition | None = None
    part_at: float = 0.0
    streams: bool = False

    def events(self, base_every: timedelta, incremental: int) -> Iterator[PitrEvent]:
        """Work, and tell."""
        store = self.repository.store
        with self.spool.hold():
            self._see_slot()
            create_slot(self.programs, self.lake.target, self.slot)  # before the first base backup, whose log it keeps
            self.last = last_commit(store)
            moving = Moving(self.spool, ArchivedLog(store, self.facts.system), self.facts.segment_size)
            receiver = Receiver(self.programs, self.lake.target, self.slot, self.spool, synchronous=self.synchronous)
            bases = Bases(self.run, self.lake, self.facts, self.programs, self.repository, base_every, incremental)
            made = 0
            yield PitrStarted(
                at=self.run.now(),
                lake=str(self.lake),
                repository=store.url,
                system=str(self.facts.system),
                slot=self.slot,
                spool=self.spool.folder,
                synchronous=self.synchronous,
            )
            with receiver, bases:
                while not self.stop.is_set():
                    yield from self._try("receiver", lambda: self._receive(receiver))
                    yield from self._try("log", lambda: self._archive(moving))
                    yield from self._try("commits", self._note_commits)
                    yield from self._told(moving)
                    for event in self._try("base", lambda: self._base(bases, moving)):
                        made += isinstance(event, BaseMade)
                        yield event
                    self.stop.wait(self.every)
            self.held_up.pop("log", None)  # it is tried once more, whenever it was to be tried again
            yield from self._try("log", lambda: self._archive(moving, last=True))
            yield PitrStopped(at=self.run.now(), segments=moving.segments, bases=made)

    def _try(self, what: str, work: Callable[[], PitrEvent | None]) -> Iterator[PitrEvent]:
        """Do something; what fails is told once, and tried again ever less often, up to once in a minute."""
        held = self.held_up.get(what)
        if held is not None and time.monotonic() < held.again:
            return
        try:
            with translating():
                answer = work()
        except CanvasbackError as problem:
            if problem.code in _FATAL:
                raise
            if held is None or held.code != problem.code:
                since = held.since if held is not None else self.run.now()
                self.held_up[what] = _HeldUp(since, problem.code, time.monotonic() + _SHORTEST)
                yield ArchivingHeldUp(
                    at=self.run.now(), what=what, code=problem.code, message=problem.message, hint=problem.hint
                )
                return
            held.delay = min(2 * held.delay, _LONGEST)
            held.again = time.monotonic() + held.delay
            return
        if held is not None:
            del self.held_up[what]
            seconds = (self.run.now() - held.since).total_seconds()
            yield ArchivingGoesOn(at=self.run.now(), what=what, seconds=round(seconds, 3))
        if answer is not None:
            yield answer

    def _see_slot(self) -> None:
        """See that the server still keeps what the slot needs.

        Raises:
            RefusedError: It does not (``slot-lost``).
        """
        found = find_slot(self.lake, self.slot)
        if found is not None and found.lost:
            raise RefusedError(
                "slot-lost",
                f"the server has given up keeping its log for the slot {self.slot}: there is a gap in the archive",
                hint=f"Drop it, SELECT pg_drop_replication_slot('{self.slot}'), empty the spool, and run it again: a "
                "new base backup begins a new window. Raise max_slot_wal_keep_size, so that it lasts longer next time.",
            )

    def _receive(self, receiver: Receiver) -> None:
        ended = receiver.keep()
        if ended is not None:
            self._see_slot()
            raise ended

    def _base(self, bases: Bases, moving: Moving) -> BaseMade | None:
        """See to base backups, from when on the log is kept for us: else the first segment of one might be missing.

        A slot keeps nothing before somebody has streamed with it.
        """
        if not self.streams:
            slot = find_slot(self.lake, self.slot)
            self.streams = slot is not None and slot.kept_from is not None
        return bases.turn(moving.position, moving.began) if self.streams else None

    def _archive(self, moving: Moving, *, last: bool = False) -> None:
        moving.move(self.run.now())
        if last or time.monotonic() - self.part_at >= self.part_every:
            moving.move_part(self.run.now(), self._received())
            self.part_at = time.monotonic()

    def _note_commits(self) -> None:
        commits = commits_after(self.lake, self.last)
        if commits:
            record_commits(self.repository.store, commits, self.run.now())
            self.last = commits[-1]

    def _received(self) -> Lsn | None:
        with contextlib.suppress(CanvasbackError):
            return where_is(self.lake, APPLICATION).received
        return None

    def _told(self, moving: Moving) -> Iterator[LogArchived | LogBehind]:
        """Tell how far the archive is, when that has changed; and that it has not, every so often."""
        written = None
        with contextlib.suppress(CanvasbackError):  # of which the archiving itself tells
            written = where_is(self.lake).written
        snapshot = self.last.snapshot_id if self.last is not None else None
        told = self.window.look(self.run.now(), moving.position, written, moving.segments, snapshot)
        if told is not None:
            yield told
