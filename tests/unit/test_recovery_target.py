"""A commit as a target, in the words of each tool."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from canvasback.errors import RefusedError
from canvasback.history.mapped_commits import commit_after, commit_at
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.managed_services import services_to
from canvasback.model.moment import Moment
from canvasback.model.recovery_target import RecoveryTarget

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def commit(snapshot: int, seconds: float, **known: object) -> CommitPosition:
    """A commit that began so many seconds after noon."""
    time = (NOON + timedelta(seconds=seconds)).isoformat()
    given = {"system": "7", "timeline": 3, "snapshot_id": snapshot, "snapshot_time": time, "xid": 700 + snapshot}
    return msgspec.convert(given | known, CommitPosition)


def test_a_position_is_the_target_where_it_is_known() -> None:
    known = RecoveryTarget.of(commit(5, 0, lsn="0/16B3748"), None)
    assert known.settings() == {
        "recovery_target_lsn": "0/16B3748",
        "recovery_target_inclusive": "on",
        "recovery_target_timeline": "3",
        "recovery_target_action": "pause",
    }
    assert RecoveryTarget.of(commit(5, 0, after="0/16B3748"), None).settings()["recovery_target_xid"] == "705"


def test_pgbackrest_needs_a_set_for_a_transaction_only() -> None:
    def said(target: RecoveryTarget, stanza: str = "", base: str = "") -> str:
        return next(one.lines[0] for one in target.instructions(stanza=stanza, base=base) if one.to == "pgBackRest")

    position, transaction = (RecoveryTarget.of(commit(5, 0, **known), None) for known in ({"lsn": "0/1"}, {}))
    assert "--set" not in said(position)
    assert "--set=SET" in said(transaction)
    assert said(transaction, "a b", "20261127F") == (
        "pgbackrest '--stanza=a b' --type=xid --target=705 --target-timeline=3 --target-action=pause --set=20261127F "
        "restore"
    )


def test_services_restore_to_a_time_at_which_the_commit_was_there() -> None:
    began = commit(5, 0.25)
    assert RecoveryTarget.of(began, None).service_time == NOON + timedelta(seconds=61)
    assert RecoveryTarget.of(began, commit(6, 7.5)).service_time == NOON + timedelta(seconds=8)
    ended = (NOON + timedelta(seconds=2.999)).isoformat()
    told = RecoveryTarget.of(commit(5, 0.25, committed=ended), commit(6, 7.5))
    assert told.service_time == NOON + timedelta(seconds=3)
    assert all("2026-11-27T12:00:03Z" in one.lines[0] for one in services_to(told.service_time))
    assert len(services_to(NOON)) == 7


def test_the_commit_of_a_moment() -> None:
    before, undone, again = commit(4, 0), commit(5, 10), commit(5, 90, lsn="0/5")
    commits = CommitMap((before, undone, again))
    assert commit_at(commits, Moment(5)) is again
    assert commit_at(commits, Moment(time=NOON + timedelta(seconds=30))) is undone
    assert commit_at(commits, Moment(time=NOON + timedelta(hours=1))) is again
    assert commit_after(commits, before) is undone
    assert commit_after(commits, again) is None
    for moment in (Moment(9), Moment(time=NOON - timedelta(seconds=1))):
        with pytest.raises(RefusedError, match="nobody noted") as refused:
            commit_at(commits, moment)
        assert "Snapshots from 4 to 5 are noted." in refused.value.hint
