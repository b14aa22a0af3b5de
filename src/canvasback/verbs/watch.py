"""watch: make a point after every commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime, timedelta

import msgspec

from canvasback.catalog.engines import SETTLED, open_to_change
from canvasback.errors import CanvasbackError, RefusedError, RepositoryError, UsageError
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.watch import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    StopSign,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)
from canvasback.storage.foreign_errors import translates_errors, translating
from canvasback.storage.locations import Stores, folder_url
from canvasback.storage.run import Run
from canvasback.transfer.new_point import back_up

_SHORTEST, _LONGEST = 1.0, 60.0
_NEVER = frozenset({"catalog-missing", "not-a-ducklake", "not-a-duckdb-file", "not-a-sqlite-file"})
"""What says at the first look that the lake's name is wrong, and later that somebody took the catalog away."""


@translates_errors
def watch(
    lake: str,
    repository: str,
    *,
    also: str | None = None,
    witness: str | None = None,
    every: float = 1.0,
    stop: StopSign | None = None,
    data_path: str | None = None,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> Iterator[WatchEvent]:
    """Make a point after every commit, until it is to stop.

    Commits that arrive while a backup runs are all in the next point. A point is made at the start, unless the newest
    one holds all that there is. What can pass is waited for, and told: an outage of the catalog, of the storage or of
    the repository, another run that holds the repository. It works only while somebody takes the events::

        for event in canvasback.watch("ducklake:sales.ducklake", "/backups/sales"):
            print(event)

    Args:
        lake: The lake, as in ATTACH.
        repository: The repository, a folder or a URL.
        also: A second place of the repository, which gets each point too; see `canvasback.backup`.
        witness: A second place that is asked about the repository, and told of each point; see `canvasback.backup`.
        every: How many seconds to wait between two looks, which cost next to nothing where nothing was committed.
        stop: Asks it to stop, which it does at once when it waits, else once the backup at hand is done.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        jobs: How many files are copied at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy.
        progress: Told how each backup goes on.
        clock: Tells the time.

    Returns:
        What happens, as it happens.

    Raises:
        UsageError: The request makes no sense.
        RefusedError: A backup was refused, because the repository is for another lake, say.
        LakeError: There is no catalog when it begins (``catalog-missing`` and the like).
    """
    name = parse_lake(lake)
    engine = open_to_change(name)
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)

    def make_point() -> BackupResult:
        return back_up(lake, repository, run.again(), data_path=data_path, only_new=True, also=also, witness=witness)

    begun = WatchStarted(
        at=run.now(),
        lake=str(name),
        repository=folder_url(repository),
        every_seconds=every,
        also=None if also is None else folder_url(also),
    )
    return follow(begun, engine.pulse, make_point, stop or threading.Event(), clock)


def follow(
    begun: WatchStarted,
    pulse: Callable[[], Hashable],
    back_up: Callable[[], BackupResult],
    stop: StopSign,
    clock: Callable[[], datetime],
) -> Iterator[WatchEvent]:
    """Back up whenever the pulse has changed; see `watch`.

    Args:
        begun: The first event, which says how often to look.
        pulse: See `canvasback.catalog.engines.Engine.pulse`.
        back_up: Makes a point if there is something new.
        stop: Asks it to stop.
        clock: Tells the time.
    """
    yield begun
    looks = _Looks(pulse, back_up, stop, clock)
    first, points = True, 0
    outage: _Outage | None = None
    while not stop.is_set():
        result = None
        try:
            with translating():
                result = looks.look()
            problem = looks.behind
        except (UsageError, RefusedError):
            raise  # these do not pass by themselves
        except CanvasbackError as error:
            if error.code in _NEVER and first and outage is None:
                raise  # there is no catalog that could come back
            problem = error
        if outage is not None and problem is None:
            yield OutageEnded(at=clock(), seconds=_seconds(outage.began, clock()), attempts=outage.attempts)
            outage = None
        if result is not None:
            yield from _told(result, clock(), first=first)
            points, first = points + result.made, False
        tried = result is not None or problem is not looks.behind
        if problem is not None and tried:
            outage = outage or _Outage(clock())
            yield from outage.failed(problem, clock())
        # Where only the second place cannot be reached, the first one is not kept waiting.
        stop.wait(begun.every_seconds if outage is None or problem is looks.behind else next(outage.delays))
    yield WatchStopped(at=clock(), points=points)


def _delays() -> Iterator[float]:
    """How long to wait after each failure: ever longer, up to a minute."""
    delay = _SHORTEST
    while True:
        yield delay
        delay = min(2 * delay, _LONGEST)


class _Looks(msgspec.Struct):
    """Looks whether there is something to back up, and backs it up.

    Attributes:
        behind: Why a second place does not have all points that there are, as far as was tried.
    """

    pulse: Callable[[], Hashable]
    back_up: Callable[[], BackupResult]
    stop: StopSign
    clock: Callable[[], datetime]
    seen: Hashable = None
    behind: CanvasbackError | None = None
    again: datetime | None = None
    delays: Iterator[float] | None = None

    def look(self) -> BackupResult | None:
        """The answer of the backup; None where there was no reason for one."""
        felt = self.pulse()
        due = self.again is not None and self.clock() >= self.again
        if felt == self.seen and not due:
            return None
        self.stop.wait(SETTLED)
        result = self.back_up()
        self.seen = felt  # not before: what failed is tried again
        self.behind = _behind(result)
        if result.absent or self.behind is not None:  # a file or a place may be back although nobody commits
            self.delays = self.delays or _delays()
            self.again = self.clock() + timedelta(seconds=next(self.delays))
        else:
            self.again = self.delays = None
        return result


class _Outage(msgspec.Struct):
    began: datetime
    code: str = ""
    attempts: int = 0
    delays: Iterator[float] = msgspec.field(default_factory=_delays)

    def failed(self, problem: CanvasbackError, at: datetime) -> Iterator[OutageStarted]:
        """Count an attempt, and tell of it where it failed for another reason than the one before."""
        self.attempts += 1
        if problem.code != self.code:
            yield OutageStarted(at=at, code=problem.code, message=problem.message, hint=problem.hint)
        self.code = problem.code


def _behind(result: BackupResult) -> CanvasbackError | None:
    """Why a second place does not have all points; None where it does, or there is none."""
    if result.also is None or not result.also.findings:
        return None
    found = result.also.findings[0]
    return RepositoryError(found.code, f"{found.where}: {found.message}", hint=found.cure)


def _told(result: BackupResult, at: datetime, *, first: bool) -> Iterator[PointMade | PointHeld]:
    """What there is to tell of a look: a point, or at the first one that there is none to make."""
    if result.made:
        yield _point(result, at)
    elif first:
        yield PointHeld(at=at, point=result.point, snapshot_id=result.snapshot_id, absent=result.absent)


def _point(result: BackupResult, at: datetime) -> PointMade:
    return PointMade(
        at=at,
        point=result.point,
        snapshot_id=result.snapshot_id,
        snapshot_time=result.snapshot_time,
        lag_seconds=_seconds(result.snapshot_time, at),
        commits=result.commits,
        new_files=result.new_files,
        new_bytes=result.new_bytes,
        seconds=result.seconds,
        absent=result.absent,
        finding_counts=result.finding_counts,
    )


def _seconds(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds(), 3)
