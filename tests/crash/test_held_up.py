"""A prune and a backup that are held up anywhere, until after their leases, while the other does all of its work.

Both rely on leases, which expire. Whoever is held up between a look and a deed finds another world, and must not cost a
byte in it. `make test` holds them up at every deed and at some of the looks; `--every-step`, before each operation.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import canvasback
from canvasback import CorruptError, LockedError
from canvasback.repository.register import find_register
from canvasback.storage.local.store import LocalStore
from tests.interrupted import Clock, interrupted
from tests.lake.builder import Contents, Lake, read


class Story:
    """A forgotten point, and a lake that is put back to what that point holds: all that it needs is being deleted."""

    def __init__(self, lake: Lake, kept: Path) -> None:
        self.lake = lake
        self.kept = kept
        self.clock = Clock()
        lake.options = ("DATA_INLINING_ROW_LIMIT 0",)
        lake.run("CREATE TABLE lake.gone AS SELECT range AS i FROM range(1000)")
        lake.backup()
        shutil.copytree(lake.folder, kept)
        lake.run(
            "DROP TABLE lake.gone",
            "CREATE TABLE lake.t AS SELECT 1 AS i",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
        )
        lake.backup()
        canvasback.forget(lake.repository, points=[lake.points[0]])
        self.made: list[str] = []
        self.before = Path(f"{lake.repository}.before")
        shutil.copytree(lake.repository, self.before)
        shutil.rmtree(lake.folder)
        shutil.copytree(kept, lake.folder)
        self.truth = lake.read()

    def begin(self) -> None:
        """Let all be as it was, eight days later."""
        shutil.rmtree(self.lake.repository)
        shutil.copytree(self.before, self.lake.repository)
        self.clock = Clock(days=8)
        self.made = []

    def prune(self) -> None:
        canvasback.prune(self.lake.repository, clock=self.clock, jobs=1)

    def backup(self) -> None:
        result = canvasback.backup(self.lake.attach, self.lake.repository, clock=self.clock, jobs=1)
        assert result.absent == 0
        self.made.append(result.point)

    def held_up(self, what: Callable[[], None]) -> Callable[[], None]:
        """Something that others do while one is held up for longer than its lease lasts."""

        def do() -> None:
            self.clock.wait(minutes=3)
            what()

        return do

    def restored(self, folder: Path) -> Contents:
        """Read what comes back of the point that was made last, without the lake's own files."""
        shutil.rmtree(folder, ignore_errors=True)
        attach = f"ducklake:{folder}/main.ducklake"
        canvasback.restore(attach, self.lake.repository, self.made[-1], data_path=f"{folder}/data")
        return read(attach)

    def check(self, where: str) -> None:
        """See that every point that was made, and the one that was kept, is whole."""
        for point in (self.lake.points[1], *self.made):
            found = canvasback.verify(self.lake.repository, point, level="checksum")
            assert found.findings == (), (where, point, found.findings)


def die() -> None:
    raise KeyboardInterrupt


def moments(story: Story, run: Callable[[], None], every: int) -> Iterator[int]:
    """The operations before which a run is held up, counted from 1."""
    story.begin()
    with interrupted(0, die) as log:
        run()
    assert len(log) > 50
    deeds = {"put_new", "delete", "copy_new", "place_new"}
    yield from (at for at, name in enumerate(log, 1) if every == 1 or name in deeds or at % (4 * every) == 0)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(Lake(tmp_path / "lake"), tmp_path / "kept")


@pytest.mark.parametrize("stopped", ["prune", "backup"])
def test_a_run_that_is_held_up_anywhere_and_goes_on_costs_no_byte(
    story: Story, stopped: str, every: int, tmp_path: Path
) -> None:
    """One is stopped before each of its operations, until after its lease; meanwhile the other does all of its work."""
    outer, inner = (story.prune, story.backup) if stopped == "prune" else (story.backup, story.prune)
    ended = []
    for at in moments(story, outer, every):
        story.begin()
        with interrupted(at, story.held_up(inner)):
            try:
                outer()
            except (LockedError, CorruptError) as error:
                ended.append(error.code)
        story.clock.wait(minutes=3)
        if not story.made:
            story.backup()
        story.check(f"{stopped} held up before operation {at}")
        if at % 16 == 0:
            assert story.restored(tmp_path / "back") == story.truth
        story.clock.wait(minutes=3)
        story.prune()
        story.check(f"{stopped} held up before operation {at}, and pruned once more")
    assert set(ended) <= {"lease-lost", "repository-locked"}, ended


def test_a_prune_that_is_killed_anywhere_is_ended_by_the_next(story: Story, every: int) -> None:
    for at in moments(story, story.prune, every):
        story.begin()
        with interrupted(at, die), contextlib.suppress(KeyboardInterrupt):
            story.prune()
        story.clock.wait(minutes=3)
        story.backup()
        story.check(f"killed before operation {at}")
        story.clock.wait(days=8)
        story.prune()
        story.check(f"killed before operation {at}, and pruned again")
        register = find_register(LocalStore(story.lake.repository + "/")).register
        assert (register.points, register.sweeps) == ({}, ())
        assert not Path(story.lake.repository, "points", f"{story.lake.points[0]}.json").exists()
