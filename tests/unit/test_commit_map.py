"""Where commits are in the log: recorded one by one, read back whole from few objects."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.repository import layout
from canvasback.repository.commit_map import last_commit, read_commits, record_commits
from canvasback.storage.local.store import LocalStore

NOW = datetime(2026, 11, 27, tzinfo=UTC)


def position(snapshot: int, *, xid: int | None = None, later: float = 0, **known: object) -> CommitPosition:
    """A commit of a lake."""
    given = {
        "system": "7300000000000000000",
        "timeline": 1,
        "snapshot_id": snapshot,
        "snapshot_time": (NOW + timedelta(seconds=snapshot + later)).isoformat(),
        "xid": xid or snapshot + 700,
        **known,
    }
    return msgspec.convert(given, CommitPosition)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path))


def test_all_are_read_back_and_few_objects_stay(store: LocalStore) -> None:
    commits = [position(number) for number in range(1, 501)]
    for number, commit in enumerate(commits, start=1):
        assert record_commits(store, [commit], NOW) == ()
        assert last_commit(store) == commit
        if number in {1, 2, 3, 63, 64, 65, 127, 128, 500}:
            assert read_commits(store) == (CommitMap(tuple(commits[:number])), ())
    left = [stat.name for stat in store.list(layout.COMMITS)]
    assert len(left) <= 64 + 17
    assert sum(stat.size for stat in store.list(layout.COMMITS)) < 500 * 200 * 4


def test_nothing_is_recorded_for_nothing(store: LocalStore) -> None:
    assert record_commits(store, [], NOW) == ()
    assert list(store.list("")) == []
    assert read_commits(store) == (CommitMap(), ())
    assert last_commit(store) is None


def test_of_many_at_once_none_is_lost(store: LocalStore) -> None:
    def record(first: int) -> None:
        for number in range(first, first + 20):
            record_commits(store, [position(number)], NOW)

    threads = [threading.Thread(target=record, args=(1 + 20 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(commit.snapshot_id for commit in read_commits(store)[0].commits) == list(range(1, 81))


def test_what_is_damaged_is_told_and_the_rest_is_read(store: LocalStore, tmp_path: Path) -> None:
    for number in range(1, 7):
        record_commits(store, [position(number)], NOW)
    damaged = tmp_path / layout.commits_name(6)
    damaged.write_bytes(damaged.read_bytes().replace(b'"snapshot_id":6', b'"snapshot_id":9'))
    commits, [finding] = read_commits(store)
    assert [commit.snapshot_id for commit in commits.commits] == [1, 2, 3, 4]
    assert (finding.code, finding.where) == ("commits-corrupt", layout.commits_name(6))
    assert last_commit(store) is None
    # The next one goes on, and leaves what is damaged behind when it is merged.
    assert record_commits(store, [position(7)], NOW) == ()
    [told] = record_commits(store, [position(8)], NOW)
    assert told.code == "commits-corrupt"
    assert [commit.snapshot_id for commit in read_commits(store)[0].commits] == [1, 2, 3, 4, 7, 8]


def test_who_saw_a_commit_first_knows_its_transaction() -> None:
    first, rewritten = position(5, xid=705), position(5, xid=999)
    exact = position(5, xid=705, lsn="0/1522F18", found_by="log")
    [merged] = CommitMap.merged([first, rewritten, exact]).commits
    assert (merged.xid, merged.lsn, merged.found_by) == (705, "0/1522F18", "server")


def test_a_lake_that_was_taken_back_has_two_of_a_snapshot() -> None:
    before, after = position(5), position(5, xid=720, later=60)
    assert CommitMap.merged([before, after]).of_snapshot(5) == (before, after)
