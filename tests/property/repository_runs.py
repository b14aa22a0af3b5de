"""The runs of a repository's life, and what each may end with where another one was first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import strategies as st

import canvasback
from canvasback import CanvasbackError, OutageStarted, Policy, RepositoryError, Stores
from canvasback.model.register import Register
from canvasback.repository.leases import find_newest, latest_of
from canvasback.repository.points import stored_points
from canvasback.repository.register import find_register
from canvasback.repository.repository import open_repository
from canvasback.repository.withdrawn import is_withdrawn
from canvasback.storage.store import Store
from tests.interrupted import DEEDS, OPERATIONS, Clock, interrupted
from tests.lake.builder import Contents, read
from tests.store_times import StoreTimes

WAYS = {
    "commit": (1, 1),
    "backup": (70, 20),
    "backup --only-new": (60, 20),
    "backup --also": (230, 50),
    "watch": (70, 20),
    "forget": (80, 1),
    "forget by policy": (90, 1),
    "unforget": (40, 1),
    "tag": (60, 1),
    "hold": (40, 1),
    "release": (40, 1),
    "prune": (250, 20),
    "mirror": (160, 30),
    "repair": (150, 10),
    "verify": (90, 1),
    "restore": (90, 4),
}
"""What can be done, and about how many operations of stores it takes, of which so many change something."""

POLICIES = (
    Policy(keep_last=1),
    Policy(keep_last=3),
    Policy(keep_daily=2, keep_last=1),
    Policy(keep_within="2d"),
    Policy(keep_snapshot_span=True),
)

OTHERS_WERE_FIRST = {
    "repository-locked",
    "lease-lost",
    "run-held-up",  # a mirror or a repair was, so that a prune waits for as long as the grace
    "prune-unfinished",
    "prune-overdue",
    "register-busy",
    "newest-point",
    "held-point",
    "point-forgotten",
    "point-pruned",
    "unknown-point",
    "no-points",
}
"""Codes with which a run may end at any time; they are no damage."""

VANISHED = {"manifest-corrupt", "manifest-missing", "point-missing"}
"""What is found by who looks for a point that is being deleted."""


@dataclass(frozen=True)
class Run:
    """A run that somebody begins.

    Attributes:
        way: One of `WAYS`.
        second: Whether it is about the second place.
        which: The point that it is about, counted from the newest; and the policy.
        skew: Seconds that its clock is ahead.
        held: When it is held up, and what others do meanwhile.
    """

    way: str
    second: bool = False
    which: int = 0
    skew: int = 0
    held: Held | None = None


@dataclass(frozen=True)
class Held:
    """A run is held up before one of its operations.

    Attributes:
        at: Which one, in parts of a hundred of what it has about.
        deeds: Whether only what changes something counts.
        hours: For how long; longer than a lease.
        others: What others do meanwhile; None where it is killed.
    """

    at: int
    deeds: bool
    hours: float
    others: tuple[Run, ...] | None


@dataclass(frozen=True)
class Look:
    """What is seen of a place.

    Attributes:
        stored: The points that are there.
        withdrawn: The names of points that were never published, and were taken.
        visible: Those points that are not forgotten, oldest first.
        latest: The newest point by the leases.
        register: What is said of points.
    """

    stored: frozenset[str]
    withdrawn: frozenset[str]
    visible: tuple[str, ...]
    latest: str | None
    register: Register


@dataclass
class Places:
    """A lake, which can be put into several states, its repository, and a second place of that."""

    lake: str
    become: Callable[[int], None]
    truth: dict[int, Contents]
    urls: tuple[str, str]
    stores: Stores
    kind: type
    clock: Clock
    times: StoreTimes
    folder: Path
    named: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    """Points that somebody wanted to be forgotten, in each place, since `begin`."""
    released: set[str] = field(default_factory=set)
    by_policy: bool = False
    ended: list[tuple[str, str]] = field(default_factory=list)
    """The runs that ended with an error, and its code."""

    def begin(self) -> None:
        """Note anew who wants what."""
        self.named = (set(), set())
        self.released = set()
        self.by_policy = False

    def store(self, number: int) -> Store:
        """One of the places, with its contents as they were before they were sealed."""
        if self.stores.secrets:
            with suppress(RepositoryError):
                return open_repository(self.stores, self.urls[number]).store
        return self.stores.open(self.urls[number])

    def look(self, number: int) -> Look:
        """See what is there."""
        store = self.store(number)
        register, lease = find_register(store).register, find_newest(store)[1]
        names = stored_points(store)
        stored = [id_ for id_ in names if not is_withdrawn(store, id_)]
        hidden = register.forgotten()
        return Look(
            frozenset(stored),
            frozenset(names).difference(stored),
            tuple(id_ for id_ in stored if id_ not in hidden),
            latest_of(store, lease) if lease is not None else None,
            register,
        )

    def exists(self, number: int) -> bool:
        """Whether a place was made."""
        return self.store(number).stat("canvasback.json") is not None

    def carry_out(self, run: Run) -> None:
        """Let somebody do something, to its end or as far as it gets."""
        held = run.held
        try:
            with ExitStack() as stack:
                if held is not None:
                    count = max(1, WAYS[run.way][held.deeds] * held.at // 100)
                    among = DEEDS if held.deeds else OPERATIONS
                    what = self._die if held.others is None else lambda: self._wait(held)
                    stack.enter_context(interrupted(count, what, among, kind=self.kind, for_good=held.others is None))
                self._do(run)
        except CanvasbackError as error:
            self._ended_early(run, error)
        except KeyboardInterrupt:
            self.ended.append((run.way, "killed"))

    def _ended_early(self, run: Run, error: CanvasbackError) -> None:
        """See that others were first, and nothing is damaged."""
        self.ended.append((run.way, error.code))
        looks = run.way in {"prune", "verify", "restore", "mirror", "repair"}
        assert error.code in OTHERS_WERE_FIRST | (VANISHED if looks else set()), (run, error.code, error)

    def _die(self) -> None:
        raise KeyboardInterrupt

    def _wait(self, held: Held) -> None:
        self.times.move_on(hours=held.hours)
        for run in held.others or ():
            self.carry_out(run)

    def _do(self, run: Run) -> None:
        def clock() -> datetime:
            return self.clock() + timedelta(seconds=run.skew)

        number = int(run.second and self.exists(1))
        url = self.urls[number]
        given = {"stores": self.stores, "clock": clock}
        match run.way:
            case "backup" | "backup --only-new" | "backup --also":
                only_new = run.way == "backup --only-new"
                also = self.urls[1] if run.way == "backup --also" and self.exists(1) else None
                made = canvasback.backup(self.lake, self.urls[0], also=also, only_new=only_new, jobs=1, **given)
                assert set(made.finding_counts) <= {"repository-damaged"}, made.findings
                assert made.absent == 0
            case "watch":
                self._watch(given)
            case "commit":
                self.become(run.which)
            case "prune":
                canvasback.prune(url, jobs=1, **given)
            case "mirror":
                self._copied(canvasback.mirror(self.urls[0], self.urls[1], jobs=1, **given).finding_counts)
            case "repair":
                if self.exists(1):
                    result = canvasback.repair(url, self.urls[1 - number], level="checksum", jobs=1, **given)
                    self._copied(result.finding_counts)
            case _:
                self._say(run, number, url, given)

    def _watch(self, given: dict[str, Callable[[], datetime] | Stores]) -> None:
        for event in canvasback.watch(self.lake, self.urls[0], stop=_Looks(8), jobs=1, **given):
            assert not isinstance(event, OutageStarted) or event.code in OTHERS_WERE_FIRST, event

    def _copied(self, counts: dict[str, int]) -> None:
        """Points may go while somebody copies them; what is there of them is seen afterwards."""

    def _say(self, run: Run, number: int, url: str, given: dict[str, Callable[[], datetime] | Stores]) -> None:
        look = self.look(number)
        if run.way == "forget by policy":
            self.by_policy = True
            canvasback.forget(url, policy=POLICIES[run.which % len(POLICIES)], **given)
            return
        points = sorted(look.register.forgotten()) if run.way == "unforget" else look.visible
        if not points:
            return
        # The newest is forgotten by nobody, and asking for that tells little.
        point = points[-1 - (run.which + (run.way == "forget")) % len(points)]
        match run.way:
            case "forget":
                self.named[number].add(point)
                canvasback.forget(url, points=[point], **given)
            case "unforget":
                canvasback.unforget(url, points=[point], **given)
            case "tag":
                canvasback.tag(url, point, names=["named"], **given)
            case "hold":
                canvasback.hold(url, point, until=None if run.which % 2 else "9d", **given)
            case "release":
                self.released.add(point)
                canvasback.hold(url, point, release=True, **given)
            case "verify":
                found = canvasback.verify(url, point, level="checksum", stores=self.stores, jobs=1)
                self._kept(number, point, lambda: found.findings == ())
            case "restore":
                self.restore(number, point)

    def _kept(self, number: int, point: str, is_sound: Callable[[], bool]) -> None:
        """What is true of a point that nobody forgot meanwhile."""
        if point in self.look(number).visible:
            assert is_sound(), point

    def restore(self, number: int, point: str) -> None:
        """Bring a point back, and compare it with the truth."""
        folder = self.folder / f"back-{len(list(self.folder.iterdir()))}"
        attach = f"ducklake:{folder}/main.ducklake"
        folder.mkdir()
        try:
            found = canvasback.restore(
                attach, self.urls[number], point, data_path=f"{folder}/data", stores=self.stores, jobs=1
            )
        except CanvasbackError:
            self._kept(number, point, lambda: False)
            return
        assert found.findings == ()
        assert read(attach) == self.truth[snapshot_of(point)]


class _Looks:
    """Lets a watch go on for a few times that it waits, which takes no time."""

    def __init__(self, left: int) -> None:
        self._left = left

    def is_set(self) -> bool:
        return self._left <= 0

    def wait(self, _: float, /) -> bool:
        self._left -= 1
        return self.is_set()


def snapshot_of(point: str) -> int:
    """The snapshot of a point, by its id."""
    return int(point.rpartition("-s")[2])


def runs(*, held: st.SearchStrategy[Held | None] | None = None) -> st.SearchStrategy[Run]:
    """Runs that are not held up, or are as a strategy says."""
    return st.builds(
        Run,
        st.sampled_from([*WAYS, "commit", "backup", "backup", "forget", "prune", "prune", "mirror", "repair"]),
        st.booleans(),
        st.integers(0, 4),
        st.sampled_from([0, 0, -4, 4]),
        st.none() if held is None else held,
    )


def held_up(others: st.SearchStrategy[Run]) -> st.SearchStrategy[Held]:
    """Being held up while others do one or two things."""
    return st.builds(
        Held,
        st.integers(1, 100),
        st.booleans(),
        st.sampled_from([0.05, 0.05, 5, 72]),
        st.lists(others, min_size=1, max_size=2).map(tuple),
    )


def killed() -> st.SearchStrategy[Held]:
    """Being killed."""
    return st.builds(Held, st.integers(1, 100), st.booleans(), st.just(0.0), st.none())
