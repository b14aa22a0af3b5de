"""Which point is taken for a moment: of several timelines, with points that are damaged, and with gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import canvasback
from canvasback import RefusedError, UsageError
from canvasback.history.moments import Held, find_held
from canvasback.history.point_history import open_history
from canvasback.model.moment import Moment
from canvasback.repository.points import find_point
from canvasback.storage.local.store import LocalStore
from tests.kept import Kept
from tests.lake.builder import Lake


def held(lake: Lake, moment: int | datetime, point: str | None = None) -> Held:
    """Look for a moment."""
    wanted = Moment(moment) if isinstance(moment, int) else Moment(time=moment)
    store = LocalStore(lake.repository + "/")
    with open_history(store) as history:
        return find_held(history, wanted, None if point is None else find_point(store, point))


@pytest.fixture
def told(kept: Kept) -> Lake:
    """Points at the snapshots 2, 4 and 6, the last after the expiry of 3 and 4."""
    return kept.again(tell)


def tell(folder: Path) -> Lake:
    lake = Lake(folder / "lake")
    lake.run("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1)")
    lake.backup()
    lake.run("INSERT INTO lake.t VALUES (2)", "INSERT INTO lake.t VALUES (3)")
    lake.backup()
    lake.run(
        "INSERT INTO lake.t VALUES (4)",
        "INSERT INTO lake.t VALUES (5)",
        "CALL ducklake_expire_snapshots('lake', versions => [3, 4])",
    )
    lake.backup()
    return lake


def test_the_oldest_point_that_holds_a_snapshot_is_taken(told: Lake) -> None:
    found = {snapshot: held(told, snapshot) for snapshot in range(7)}

    assert [told.points.index(found[n].manifest.id) for n in range(7)] == [0, 0, 0, 1, 1, 2, 2]
    assert all(found[n].commit.snapshot == n for n in range(7))


def test_a_point_that_is_named_is_the_only_one_asked(told: Lake) -> None:
    assert held(told, 1, "latest").manifest.id == told.points[2]
    with pytest.raises(RefusedError) as caught:
        held(told, 3, "latest")
    assert (caught.value.code, "before it snapshot 2" in caught.value.hint) == ("moment-not-held", True)
    assert "after it snapshot 5" in caught.value.hint
    with pytest.raises(UsageError):
        held(told, 1, "2000")


def test_what_no_point_holds_is_refused_with_what_is_nearest(told: Lake) -> None:
    for moment, hint in ((7, "before it snapshot 6"), (datetime(2000, 1, 1, tzinfo=UTC), "after it snapshot 0")):
        with pytest.raises(RefusedError) as caught:
            held(told, moment)
        assert caught.value.code == "moment-not-held"
        assert hint in caught.value.hint


def test_a_time_is_never_the_newest_state_in_silence(told: Lake) -> None:
    """What was committed after the last backup nobody knows."""
    made = canvasback.list_points(told.repository).points[-1].created
    assert made is not None
    assert held(told, made).commit.snapshot == 6
    with pytest.raises(RefusedError) as caught:
        held(told, made + timedelta(seconds=1))
    assert "before it snapshot 6" in caught.value.hint


def test_a_time_means_what_the_lake_showed_then(told: Lake) -> None:
    """Also between points, and where a later one has forgotten it."""
    times = {n: held(told, n).commit.time for n in range(7)}
    for snapshot, time in times.items():
        assert held(told, time).commit.snapshot == snapshot
        assert held(told, time + timedelta(microseconds=1)).commit.snapshot == snapshot
        assert held(told, time).manifest.id == held(told, snapshot).manifest.id


def test_a_time_of_a_snapshot_that_no_point_saw_is_refused(new_lake: Lake) -> None:
    """It was committed and expired between two backups."""
    new_lake.run("CREATE TABLE lake.t (i INTEGER)")
    new_lake.backup()
    new_lake.run("INSERT INTO lake.t VALUES (1)", "INSERT INTO lake.t VALUES (2)", "INSERT INTO lake.t VALUES (3)")
    new_lake.run("CALL ducklake_expire_snapshots('lake', versions => [2, 3])")
    new_lake.backup()
    one, four = held(new_lake, 1).commit.time, held(new_lake, 4).commit.time
    assert held(new_lake, one).commit.snapshot == 1
    with pytest.raises(RefusedError) as caught:
        held(new_lake, four - timedelta(microseconds=1))
    assert "before it snapshot 1" in caught.value.hint
    assert "after it snapshot 4" in caught.value.hint


def test_a_damaged_point_is_passed_over(told: Lake) -> None:
    """As long as another one holds the moment too."""
    Path(told.repository, "points", f"{told.points[0]}.json").write_text("{}")
    assert held(told, 2).manifest.id == told.points[1]
    Path(told.repository, "points", f"{told.points[1]}.json").write_text("{}")
    assert held(told, 2).manifest.id == told.points[2]
    with pytest.raises(RefusedError):
        held(told, 3)
    Path(told.repository, "points", f"{told.points[2]}.json").write_text("{}")
    with pytest.raises(RefusedError) as caught:
        held(told, 2)
    assert "no point" in caught.value.message


def test_timelines_are_told_apart(told: Lake) -> None:
    """After a rewind the lake has other snapshots of the same numbers."""
    undone = held(told, 5).commit
    canvasback.rewind(told.attach, to_snapshot=2, repository=told.repository)
    told.run(*(f"INSERT INTO lake.t VALUES ({n})" for n in range(10, 14)))
    told.backup()

    assert held(told, 2).manifest.id == told.points[0]
    assert held(told, undone.time).commit == undone
    for snapshot in (3, 5):
        with pytest.raises(RefusedError) as caught:
            held(told, snapshot)
        assert caught.value.code == "ambiguous-snapshot"
        assert told.points[-1] in caught.value.message
    again = held(told, 5, "latest")
    assert again.commit.time > undone.time
    assert held(told, again.commit.time).manifest.timeline == 2
