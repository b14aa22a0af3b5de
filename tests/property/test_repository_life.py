"""Random lives of a repository and of its second place: whatever happens at once, no kept point loses a byte.

Backups, marks, forgetting and bringing back, prunes, mirrors, repairs, looks and restores come in any order, with
clocks that differ. Any of them is held up before any of its operations, until long after its lease, while others do
all of their work, and some of these are held up in turn; any is killed anywhere. After each step all points of both
places that are not forgotten verify, byte for byte.

`make soak` takes thousands of steps, at random, on a folder and on an object server; `make test` runs the same few
lives each time.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import canvasback
from canvasback import Stores
from canvasback.repository import layout
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.local.store import LocalStore
from tests.clouds import Cloud, cloud
from tests.interrupted import Clock
from tests.lake.builder import Contents, Lake
from tests.property.lives import SOAK, lives
from tests.property.repository_runs import Held, Look, Places, Run, held_up, killed, runs, snapshot_of
from tests.sealing import Person
from tests.store_times import StoreTimes

GRACE = timedelta(days=7)

STATES = (
    ("CREATE TABLE lake.gone AS SELECT range AS i FROM range(1000)", "CREATE TABLE lake.t AS SELECT 1 AS i"),
    ("INSERT INTO lake.t VALUES (2)",),
    (
        "DROP TABLE lake.gone",
        "INSERT INTO lake.t VALUES (3)",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    ),
    (
        "INSERT INTO lake.t VALUES (4)",
        "CALL ducklake_merge_adjacent_files('lake')",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    ),
    ("CREATE TABLE lake.u AS SELECT range AS i FROM range(10)", "DELETE FROM lake.t WHERE i = 2"),
)
"""What a lake is one after the other. It may be put back to an older one, whose files were deleted meanwhile."""

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class SavedLake:
    """A lake of which all states are kept, to be put in its place."""

    lake: Lake
    folder: Path
    truth: dict[int, Contents]

    def become(self, state: int) -> None:
        """Put a state in place."""
        shutil.rmtree(self.lake.folder, ignore_errors=True)
        shutil.copytree(self.folder / str(state), self.lake.folder)


@pytest.fixture(scope="module")
def saved_lake(tmp_path_factory: pytest.TempPathFactory) -> SavedLake:
    folder = tmp_path_factory.mktemp("states")
    lake = Lake(folder / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    truth = {}
    for number, statements in enumerate(STATES):
        lake.run(*statements)
        with lake.session() as connection:
            [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        truth[int(head)] = lake.read()
        shutil.copytree(lake.folder, folder / str(number))
    assert len(truth) == len(STATES)
    return SavedLake(lake, folder, truth)


class RepositoryLife(RuleBasedStateMachine):
    """A repository in a folder, and a second place of it."""

    saved: ClassVar[SavedLake]
    folder: ClassVar[Path]
    cloud: ClassVar[Cloud | None] = None
    owner: ClassVar[Person | None] = None
    """For whom it is sealed; None if it is not."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.folder / f"life-{next(_NUMBERS)}"
        folder.mkdir()
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        clock = Clock()
        root = self.cloud.bucket() if self.cloud is not None else f"{folder}/"
        places = Places(
            lake=self.saved.lake.attach,
            become=self.saved.become,
            truth=self.saved.truth,
            urls=(f"{root}first/", f"{root}second/"),
            stores=self.cloud.stores() if self.cloud is not None else self.owner.stores if self.owner else Stores(),
            kind=ObjectStore if self.cloud is not None else LocalStore,
            clock=clock,
            times=StoreTimes(clock, timedelta(minutes=len(str(folder)) % 3 - 1)),
            folder=folder,
        )
        for number in (0, 1):
            places.times.tell(places.store(number))
        self.stack.enter_context(places.times.told(places.kind))
        self.places = places
        self.pruned: set[str] = set()
        self.saved.become(0)
        recipients = {"ops": self.owner.key} if self.owner else {}
        sealing: dict[str, Any] = {"recipients": recipients, "seal_data": bool(recipients)}
        canvasback.init(places.lake, places.urls[0], stores=places.stores, **sealing)
        for state in range(3):
            self.saved.become(state)
            places.carry_out(Run("backup"))

    @rule(run=runs())
    def run_alone(self, run: Run) -> None:
        """Somebody does something, and nobody else does."""
        self._step(run)

    @rule(run=runs(held=held_up(runs())), overdue=st.booleans())
    def run_held_up(self, run: Run, *, overdue: bool) -> None:
        """Somebody is held up; perhaps when what was forgotten is due to go."""
        if overdue:
            self.places.times.move_on(days=8)
        self._step(run)

    @rule(run=runs(held=held_up(runs(held=held_up(runs())))), overdue=st.booleans())
    def run_held_up_by_who_is_held_up(self, run: Run, *, overdue: bool) -> None:
        """Three processes at once."""
        if overdue:
            self.places.times.move_on(days=8)
        self._step(run)

    @rule(run=runs(held=killed()))
    def run_killed(self, run: Run) -> None:
        """Somebody is killed."""
        self._step(run)

    @rule(run=runs(held=held_up(runs(held=killed()))))
    def run_held_up_while_another_is_killed(self, run: Run) -> None:
        """Somebody is held up, and who comes meanwhile is killed."""
        self._step(run)

    @rule(hours=st.sampled_from([0.05, 25, 8 * 24]))
    def time_passes(self, hours: float) -> None:
        """Nothing happens for a while."""
        self.places.times.move_on(hours=hours)

    @precondition(lambda self: self.places.exists(1))
    @rule(which=st.integers(0, 50), second=st.booleans(), missing=st.booleans(), held=st.none() | killed())
    def damage_and_repair(self, which: int, *, second: bool, missing: bool, held: Held | None) -> None:
        """What the other place has too is lost, and put back; at the second try if the first one is killed."""
        places, number = self.places, int(second)
        if places.look(number).register.sweeps:
            return  # what is there cannot be relied on
        here, there = ({stat.name: stat.size for stat in places.store(n).list("")} for n in (number, 1 - number))
        kept = {layout.point_name(id_) for id_ in places.look(number).visible}
        both = [
            name
            for name, size in here.items()
            if there.get(name) == size and (name in kept or name.startswith((layout.DATA, layout.CATALOG)))
        ]
        if not both:
            return
        name = both[which % len(both)]
        store = places.store(number)
        content = store.get(name)
        store.delete(name)
        if not missing:
            store.put_new(name, content[:-1])
        if held is not None:
            places.begin()
            places.carry_out(Run("repair", second, held=held))
            places.times.move_on(hours=0.05)
        self._step(Run("repair", second))

    def teardown(self) -> None:
        """Bring every point back, from both places."""
        try:
            for number in (0, 1):
                if self.places.exists(number):
                    for point in self.places.look(number).visible[None if SOAK else -2 :]:
                        self.places.restore(number, point)
        finally:
            self.stack.close()

    def _step(self, run: Run) -> None:
        places = self.places
        before = {number: places.look(number) for number in (0, 1) if places.exists(number)}
        places.begin()
        places.carry_out(run)
        places.times.move_on(minutes=3)  # whoever was killed is believed dead
        for number in (0, 1):
            if places.exists(number):
                after = places.look(number)
                if number in before:
                    self._compare(before[number], after, number)
                self._verify(after, number)

    def _compare(self, before: Look, after: Look, number: int) -> None:
        """See that only those points went that were to, and not before their time."""
        now = self.places.clock()
        lost = {*before.visible} - {*after.visible}
        held = {id_ for id_ in before.visible if before.register.marks(id_).is_held(now)} - self.places.released
        assert not lost & held, ("a held point was forgotten", lost)
        assert self.places.by_policy or lost <= self.places.named[number], ("a point was forgotten by itself", lost)
        if before.visible:
            assert max(after.visible, default="") >= before.visible[-1], "the newest point was forgotten"
        gone = before.stored - after.stored
        assert gone <= before.register.overdue(now - GRACE + timedelta(minutes=1)), ("a point went too early", gone)
        if number == 1:
            self.pruned |= gone
            assert self.pruned.isdisjoint(after.visible), "a point came back that was pruned in the second place"

    def _verify(self, look: Look, number: int) -> None:
        """See that all that is kept is whole, and that the newest point is there."""
        url = self.places.urls[number]
        if look.latest:
            assert look.latest in look.stored, "the newest point by the leases is not there"
        if not look.visible:
            assert number == 1
            return
        found = canvasback.verify(url, all_points=True, level="checksum", stores=self.places.stores, jobs=1)
        # A name that was taken is no damage; whoever took it may have been killed before it said so.
        assert {finding.where for finding in found.findings} <= look.withdrawn, found.findings
        assert set(found.points) >= {*look.visible}
        assert {snapshot_of(id_) for id_ in look.visible} <= self.places.truth.keys()


class RepositoryLifeInBucket(RepositoryLife):
    """The same in an object store."""


class SealedRepositoryLife(RepositoryLife):
    """The same, sealed, with the copies of files."""

    owner = Person()


@pytest.fixture(autouse=True)
def _places(saved_lake: SavedLake, tmp_path: Path) -> None:
    RepositoryLife.saved = saved_lake
    RepositoryLife.folder = tmp_path


@pytest.fixture
def _bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    RepositoryLifeInBucket.cloud = cloud("s3", request, monkeypatch)
    yield
    RepositoryLifeInBucket.cloud = None


TestRepositoryLife = RepositoryLife.TestCase
TestRepositoryLife.settings = lives(8, 10_000)
TestSealedRepositoryLife = SealedRepositoryLife.TestCase
TestSealedRepositoryLife.settings = lives(2, 3_000)
TestRepositoryLifeInBucket = pytest.mark.usefixtures("_bucket")(RepositoryLifeInBucket.TestCase)
TestRepositoryLifeInBucket.settings = lives(2, 3_000)
