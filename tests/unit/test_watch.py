"""The loop of a watch, with a catalog, a repository and a clock that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest

import canvasback
from canvasback.model.results.watch import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)
from canvasback.verbs.watch import follow

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
EVERY = 2.0

Happening = Callable[["World"], object]


class World:
    """A lake with its repository, where things happen at their second; it stops after the last of them."""

    def __init__(self, happenings: dict[float, Happening], until: float) -> None:
        self.now = NOON
        self.until = until
        self.happenings = dict(sorted(happenings.items()))
        self.head = 0
        self.other = 0
        """Changes that are no commits."""
        self.backed_up: int | None = None
        self.absent = 0
        self.trouble: Exception | None = None
        self.behind: canvasback.Finding | None = None
        """Why a second place does not get the points."""
        self.silent: Exception | None = None
        self.during: Happening = lambda _: None
        self.looks: list[float] = []
        self.backups: list[float] = []
        self.stopped = False

    def clock(self) -> datetime:
        return self.now

    @property
    def second(self) -> float:
        return (self.now - NOON).total_seconds()

    def pulse(self) -> Hashable:
        self.looks.append(self.second)
        if self.silent:
            raise self.silent
        return (self.head, self.other)

    def back_up(self) -> canvasback.BackupResult:
        self.backups.append(self.second)
        if self.trouble:
            raise self.trouble
        before, head = self.backed_up, self.head
        during, self.during = self.during, lambda _: None
        during(self)
        self.wait(0.5)
        made = before != head
        self.backed_up = head
        counts = {"file-missing": self.absent} if self.absent else {}
        return canvasback.BackupResult(
            point=f"p{head}",
            snapshot_id=head,
            files=9,
            bytes=900,
            new_files=1,
            new_bytes=100,
            reused_files=8,
            catalog_bytes=50,
            seconds=0.5,
            findings=(),
            finding_counts=counts,
            snapshot_time=NOON,
            commits=head - (before or 0),
            absent=self.absent,
            made=made,
            steps=(),
            dry_run=False,
            also=self._also(f"p{head}"),
        )

    def _also(self, point: str) -> canvasback.MirrorResult:
        return canvasback.MirrorResult(
            repository="/r/",
            target="/s/",
            steps=(),
            dry_run=False,
            made=False,
            points=() if self.behind else (point,),
            held_points=0,
            copied_objects=1,
            copied_bytes=1,
            kept_objects=0,
            seconds=0.1,
            findings=(self.behind,) if self.behind else (),
            finding_counts={self.behind.code: 1} if self.behind else {},
        )

    # As a `threading.Event`.

    def is_set(self) -> bool:
        return self.stopped

    def wait(self, timeout: float, /) -> bool:
        ends = self.now + timedelta(seconds=timeout)
        while self.happenings and not self.stopped:
            second, happens = next(iter(self.happenings.items()))
            if NOON + timedelta(seconds=second) > ends:
                break
            del self.happenings[second]
            self.now = max(self.now, NOON + timedelta(seconds=second))
            happens(self)
        self.now = self.now if self.stopped else ends
        self.stopped = self.stopped or self.second >= self.until
        return self.stopped

    def follow(self) -> list[WatchEvent]:
        return list(self.events())

    def events(self) -> Iterator[WatchEvent]:
        begun = WatchStarted(at=self.now, lake="ducklake:x", repository="/r/", every_seconds=EVERY)
        return follow(begun, self.pulse, self.back_up, self, self.clock)


def commit(world: World) -> None:
    world.head += 1


def of_kind(events: list[WatchEvent], kind: type) -> list[WatchEvent]:
    return [event for event in events if isinstance(event, kind)]


def test_a_first_point_is_made_and_then_only_the_pulse_is_felt() -> None:
    world = World({}, until=20)
    started, made, stopped = world.follow()
    assert isinstance(started, WatchStarted)
    assert isinstance(made, PointMade)
    assert stopped == WatchStopped(at=world.now, points=1)
    assert len(world.backups) == 1
    assert len(world.looks) == 10


def test_nothing_is_made_where_the_newest_point_has_it_all() -> None:
    world = World({}, until=20)
    world.backed_up = 0
    _, held, stopped = world.follow()
    assert isinstance(held, PointHeld)
    assert held.point == "p0"
    assert stopped == WatchStopped(at=world.now, points=0)


def test_each_commit_is_in_a_point_that_tells_its_lag() -> None:
    world = World({5: commit, 11: commit}, until=20)
    made = [event for event in world.follow() if isinstance(event, PointMade)]
    assert [(event.point, event.commits) for event in made] == [("p0", 0), ("p1", 1), ("p2", 1)]
    assert [event.lag_seconds for event in made] == [(event.at - NOON).total_seconds() for event in made]
    assert made[-1].lag_seconds > 11


def test_commits_of_one_moment_are_one_point() -> None:
    world = World({5 + n / 100: commit for n in range(50)}, until=20)
    made = [event for event in world.follow() if isinstance(event, PointMade)]
    assert [event.commits for event in made] == [0, 50]


def test_commits_that_arrive_while_a_backup_runs_are_in_the_next_point() -> None:
    world = World({5: commit}, until=20)

    def three(world: World) -> None:
        for _ in range(3):
            commit(world)

    def later(world: World) -> None:
        world.during = three
        commit(world)

    world.happenings = {5: later}
    made = [event for event in world.follow() if isinstance(event, PointMade)]
    assert [(event.snapshot_id, event.commits) for event in made] == [(0, 0), (1, 1), (4, 3)]


def test_what_is_no_commit_makes_no_point() -> None:
    def checkpoint(world: World) -> None:
        world.other += 1

    world = World({5: checkpoint, 9: checkpoint}, until=20)
    assert len(of_kind(world.follow(), PointMade)) == 1
    assert len(world.backups) == 3


def breaks(error: Exception | None) -> Happening:
    def happen(world: World) -> None:
        world.trouble = error

    return happen


def falls_silent(error: Exception | None) -> Happening:
    def happen(world: World) -> None:
        world.silent = error

    return happen


PASSING = [
    canvasback.StorageError("no"),
    canvasback.NoSpaceError("x"),
    canvasback.LakeError("catalog-unreachable", "no"),
    canvasback.LockedError("repository-locked", "no"),
    canvasback.RepositoryError("not-a-repository", "no"),
    canvasback.CorruptError("marker-corrupt", "no"),
    OSError(5, "Input/output error"),
    duckdb.IOException("no"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_can_pass_is_waited_for(error: Exception) -> None:
    world = World({4: breaks(error), 5: commit, 100: breaks(None)}, until=200)
    events = world.follow()
    kinds = [type(event) for event in events]
    assert kinds == [WatchStarted, PointMade, OutageStarted, OutageEnded, PointMade, WatchStopped]
    outage, ended, made = events[2:5]
    assert isinstance(outage, OutageStarted)
    assert isinstance(ended, OutageEnded)
    assert isinstance(made, PointMade)
    assert outage.message
    assert ended.seconds == pytest.approx((ended.at - outage.at).total_seconds())
    assert ended.attempts == len(world.backups) - 2
    assert made.commits == 1


def test_it_waits_ever_longer_up_to_a_minute_and_begins_anew_after_each_outage() -> None:
    error = canvasback.StorageError("no")
    world = World({5: breaks(error), 6: commit, 400: breaks(None), 500: breaks(error), 501: commit}, until=520)
    world.follow()
    first = [second for second in world.backups if 6 < second < 400]
    second = [second for second in world.backups if second > 500]
    assert [round(b - a) for a, b in pairwise(first)] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert [round(b - a) for a, b in pairwise(second)] == [1, 2, 4, 8]


def test_a_catalog_that_goes_away_and_comes_back_unchanged_needs_no_point() -> None:
    gone = canvasback.LakeError("catalog-missing", "no")
    world = World({5: falls_silent(gone), 30: falls_silent(None)}, until=60)
    kinds = [type(event) for event in world.follow()]
    assert kinds == [WatchStarted, PointMade, OutageStarted, OutageEnded, WatchStopped]
    assert len(world.backups) == 1


def lags(finding: canvasback.Finding | None) -> Happening:
    def happens(world: World) -> None:
        world.behind = finding

    return happens


def test_a_second_place_that_cannot_be_reached_is_told_once_and_does_not_hold_up_the_first() -> None:
    away = canvasback.Finding("place-behind", "error", "/s/", "lacks points", "Mount it.")
    world = World({4: lags(away), 5: commit, 90: commit, 100: lags(None)}, until=200)
    events = world.follow()
    kinds = [type(event) for event in events]
    assert kinds == [WatchStarted, PointMade, PointMade, OutageStarted, PointMade, OutageEnded, WatchStopped]
    outage, third = events[3], events[4]
    assert isinstance(outage, OutageStarted)
    assert (outage.code, outage.message, outage.hint) == ("place-behind", "/s/: lacks points", "Mount it.")
    assert (third.at - NOON).total_seconds() < 90 + 2 * EVERY
    tried = [second for second in world.backups if 7 < second < 90]
    assert [round(b - a) for a, b in pairwise(tried)] == sorted(round(b - a) for a, b in pairwise(tried))
    assert 3 <= len(tried) <= 8  # nobody committed: only the second place is tried again
    assert not [second for second in world.backups if second > 170]


def test_another_reason_for_an_outage_is_told() -> None:
    away = canvasback.LakeError("catalog-unreachable", "away")
    closed = canvasback.LakeError("login-failed", "closed")
    world = World({5: falls_silent(away), 30: falls_silent(closed), 70: falls_silent(None)}, until=200)
    events = world.follow()
    told = [event for event in events if isinstance(event, OutageStarted)]
    assert [event.code for event in told] == ["catalog-unreachable", "login-failed"]
    assert len(of_kind(events, OutageEnded)) == 1


@pytest.mark.parametrize(
    "error", [canvasback.UsageError("lake-name", "no"), canvasback.RefusedError("other-lake", "no")]
)
def test_what_does_not_pass_by_itself_ends_it(error: canvasback.CanvasbackError) -> None:
    world = World({5: breaks(error), 6: commit}, until=1000)
    events = []
    with pytest.raises(type(error)) as raised:
        events.extend(world.events())
    assert raised.value is error
    assert world.second < 10


def test_a_fault_of_the_program_is_not_hidden() -> None:
    world = World({5: breaks(ZeroDivisionError()), 6: commit}, until=1000)
    with pytest.raises(ZeroDivisionError):
        world.follow()


def test_it_stops_at_once_where_it_waits() -> None:
    def stop(world: World) -> None:
        world.stopped = True

    world = World({5.5: stop}, until=1000)
    assert world.follow()[-1] == WatchStopped(at=NOON + timedelta(seconds=5.5), points=1)

    world = World({5: breaks(canvasback.StorageError("no")), 6: commit, 77.7: stop}, until=1000)
    assert world.follow()[-1] == WatchStopped(at=NOON + timedelta(seconds=77.7), points=1)


def test_it_finishes_the_backup_at_hand_before_it_stops() -> None:
    def stop(world: World) -> None:
        world.stopped = True

    world = World({}, until=1000)
    world.during = stop
    assert [type(event) for event in world.follow()] == [WatchStarted, PointMade, WatchStopped]


def test_files_that_are_absent_are_looked_for_again_although_nobody_commits() -> None:
    def lose(world: World) -> None:
        world.absent = 1
        commit(world)

    def find(world: World) -> None:
        world.absent = 0

    world = World({5: lose, 200: find}, until=600)
    world.follow()
    again = [second for second in world.backups if second > 7]
    assert all(later - earlier < 64 for earlier, later in pairwise(again))
    assert 8 <= len(again) <= 12
    assert max(again) < 270
