"""Three processes work with a repository and its mirror at once, and are killed: no kept point loses a byte.

The lake is written to meanwhile by the real extension. Backups, to one place and to both, watches, forgetting and
bringing back, prunes, mirrors, looks and restores come in any order, and really at the same time. A run that is to be
killed ends by SIGKILL before one of the operations that change something in its stores, each of them in turn; another
one is held up there, while others go on. Time is moved on for all processes at once, past their leases; and past the
grace of a prune, but not while one of them is at work.

When they have ended, each point that nobody wanted to be forgotten is there, and each that is there has all its bytes
and restores to what the lake was. `make soak` does this for minutes, on a folder and on an object server.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import canvasback
from canvasback import Stores
from canvasback.repository.withdrawn import is_withdrawn
from tests.clouds import cloud
from tests.lake.builder import Contents, Lake, contents, read
from tests.property.lives import SOAK
from tests.property.repository_runs import snapshot_of
from tests.property.shared_time import SharedTime

PROCESSES = 3
LIVES, SECONDS, RUNS = (12, 30, 10_000) if SOAK else (1, 60, 4)
"""How many lives of a repository there are on a folder, how long each is at most, and how many runs of each process.
On an object server there are fewer."""

COMMITS = (
    "INSERT INTO lake.t SELECT range, 'more' FROM range(40)",
    "INSERT INTO lake.t VALUES (1, 'inlined')",
    "DELETE FROM lake.t WHERE i % 7 = 1",
    "CREATE OR REPLACE TABLE lake.u AS SELECT range AS i FROM range(100)",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CALL ducklake_expire_snapshots('lake', older_than => now() - INTERVAL '1 second')",
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
)


@dataclass
class Life:
    """A lake, a repository and its mirror, and what happens to them.

    Attributes:
        lake: The lake.
        urls: The two places.
        stores: Opens them.
        endpoint: The object server that they are in; empty for folders.
        folder: Where the processes meet.
        seed: Says what is chosen.
        truth: What the lake was, by snapshot.
        done: What became of each run.
    """

    lake: Lake
    urls: tuple[str, str]
    stores: Stores
    endpoint: str
    folder: Path
    seed: int
    truth: dict[int, Contents] = field(default_factory=dict)
    done: list[dict[str, Any]] = field(default_factory=list)

    def begin(self) -> None:
        """Make both places, with a point."""
        self.commit("CREATE TABLE lake.t AS SELECT range AS i, 'first' AS s FROM range(100)")
        canvasback.init(self.lake.attach, self.urls[0], stores=self.stores)
        canvasback.backup(self.lake.attach, self.urls[0], stores=self.stores)
        canvasback.mirror(*self.urls, stores=self.stores)

    def commit(self, statement: str) -> None:
        """Commit to the lake, and note what it is then."""
        with self.lake.session() as connection:
            connection.execute(statement)
            [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
            if head in self.truth:
                return
            self.truth[head] = contents(connection)
        (self.folder / "noting").write_text(json.dumps(self.truth[head]))
        (self.folder / "noting").rename(self.folder / f"truth-{head}")

    def live(self) -> None:
        """Let them all work, while the lake is written to and time is moved on."""
        chosen, clock = random.Random(self.seed), SharedTime(self.folder / "time")  # noqa: S311
        command = [sys.executable, "-m", "tests.property.actor", self._request()]
        with subprocess.Popen(command, start_new_session=True) as actors:
            try:
                while actors.poll() is None:
                    self.commit(chosen.choice(COMMITS))
                    time.sleep(chosen.uniform(0, 0.4))
                    if chosen.random() < 0.3:
                        self._move_on(clock, timedelta(hours=chosen.choice([0.05, 25, 5 * 24])))
            finally:
                if actors.poll() is None:
                    os.killpg(actors.pid, signal.SIGKILL)
        assert actors.returncode == 0
        for path in self.folder.glob("done-*"):
            self.done += map(json.loads, path.read_text().splitlines())

    def _move_on(self, clock: SharedTime, by: timedelta) -> None:
        """Let time go by, if nobody is held up by that for as long as the grace of a prune, which nobody may be."""
        begun = [clock.clock()]
        for path in self.folder.glob("running-*"):
            with suppress(FileNotFoundError, ValueError):  # it has ended just now, or just begins
                begun.append(datetime.fromisoformat(path.read_text()))
        if clock.clock() + by < min(begun) + timedelta(days=6):
            clock.move_on(by)

    def _request(self) -> str:
        request = {
            "lake": self.lake.attach,
            "urls": self.urls,
            "endpoint": self.endpoint,
            "folder": str(self.folder),
            "seconds": SECONDS,
            "runs": RUNS // 2 if self.endpoint else RUNS,
            "seeds": [self.seed * PROCESSES + number for number in range(PROCESSES)],
        }
        return json.dumps(request)

    def examine(self) -> None:
        """See that nothing went wrong, that what is kept is there, and that what is there is whole."""
        assert [one for one in self.done if "problem" in one] == []
        wanted = [set[str](), set[str]()]
        noted = self.folder / "forgotten"
        for url, point in map(json.loads, noted.read_text().splitlines() if noted.exists() else ()):
            wanted[self.urls.index(url)].add(point)
        made = ({one["point"] for one in self.done if "point" in one}, self._all("mirrored"))
        for url, kept, forgotten in zip(self.urls, made, wanted, strict=True):
            visible = {found.point for found in canvasback.list_points(url, stores=self.stores).points}
            assert kept - forgotten <= visible, "a point that nobody wanted to be forgotten is gone"
            store = self.stores.open(url)
            found = canvasback.verify(url, all_points=True, level="checksum", stores=self.stores)
            assert [one for one in found.findings if not is_withdrawn(store, one.where)] == []
            for point in sorted(visible)[None if SOAK else -3 :]:
                assert self._restored(url, point) == self.truth[snapshot_of(point)], point

    def _all(self, what: str) -> set[str]:
        return {point for one in self.done for point in one.get(what, ())}

    def _restored(self, url: str, point: str) -> Contents:
        back = self.folder / f"end-{len(list(self.folder.glob('end-*')))}"
        back.mkdir()
        attach = f"ducklake:{back}/main.ducklake"
        found = canvasback.restore(attach, url, point, data_path=f"{back}/data", stores=self.stores)
        assert found.findings == ()
        return read(attach)

    def prune(self) -> None:
        """Let a week go by, and delete what is not needed."""
        clock = SharedTime(self.folder / "time")
        clock.move_on(timedelta(days=8))
        for url in self.urls:
            with clock.told(type(self.stores.open(url)), self.urls):
                canvasback.prune(url, stores=self.stores, clock=clock.clock)


def let_live(life: Life, capsys: pytest.CaptureFixture[str]) -> None:
    """One life, from its begin to its end."""
    life.begin()
    life.live()
    if SOAK:
        life.examine()
    life.prune()
    life.examine()
    ended = Counter("killed" if "killed" in one else one.get("code", "done") for one in life.done)
    assert ended["killed"]
    assert ended["done"]
    if SOAK:
        ways = Counter(one["way"] for one in life.done)
        with capsys.disabled():
            print(f"\n{len(life.done)} runs, {len(life.truth)} states: {dict(ended)} {dict(ways)}")


@pytest.mark.parametrize("number", range(LIVES))
def test_in_folders(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 5",))
    (tmp_path / "meeting").mkdir()
    urls = (f"{tmp_path}/first/", f"{tmp_path}/second/")
    let_live(Life(lake, urls, Stores(), "", tmp_path / "meeting", number), capsys)


@pytest.mark.parametrize("number", range(max(1, LIVES // 3)))
def test_in_buckets(
    number: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = cloud("s3", request, monkeypatch)
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 5",))
    (tmp_path / "meeting").mkdir()
    root, endpoint = where.bucket(), where.options.endpoint or ""
    urls = (f"{root}first/", f"{root}second/")
    let_live(Life(lake, urls, where.stores(), endpoint, tmp_path / "meeting", number), capsys)
