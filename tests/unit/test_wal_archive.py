"""How far an archive reaches: over timelines, before its base backups, behind its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from canvasback.model.commit_position import CommitPosition
from canvasback.model.wal import Lsn, Segment, Switch, TimelineHistory
from canvasback.model.wal_archive import ArchivedBase, WalArchive

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def commit(minute: int, lsn: str = "", *, timeline: int = 1, after: str = "", system: str = "7") -> CommitPosition:
    """A commit of a minute, whose snapshot is the minute."""
    return CommitPosition(
        system=system,
        timeline=timeline,
        snapshot_id=minute,
        snapshot_time=NOON + timedelta(minutes=minute),
        xid=700 + minute,
        lsn=lsn,
        after=after,
    )


def base(minute: int, stop: str, *, timeline: int = 1) -> ArchivedBase:
    """A base backup that ended in a minute."""
    return ArchivedBase(
        label=f"base-{minute}", timeline=timeline, stop=Lsn.parse(stop), ended=NOON + timedelta(minutes=minute)
    )


ARCHIVE = WalArchive(
    name="archive",
    system="7",
    bases=(base(10, "0/2000100"), base(20, "0/4000100"), base(25, "0/7000100")),
    first=Segment(1, 1),
    last={1: Segment(1, 7), 2: Segment(2, 8)},
    histories=(TimelineHistory(2, (Switch(1, Lsn.parse("0/5800000")),)),),
)
"""Timeline 2 left 1 in the middle of segment 5; the last base backup is of what went on on 1."""


def label(found: ArchivedBase | None) -> str:
    """The label of a base backup."""
    return found.label if found is not None else ""


def codes(archive: WalArchive, wanted: CommitPosition) -> list[str]:
    """What is in the way."""
    return [finding.code for finding in archive.obstacles(wanted, ())]


def test_the_newest_base_backup_that_ended_before_is_taken() -> None:
    assert label(ARCHIVE.base_for(commit(15, "0/2000100"))) == "base-10"
    assert label(ARCHIVE.base_for(commit(15, "0/4000000"))) == "base-10"
    assert label(ARCHIVE.base_for(commit(22, "0/4000100"))) == "base-20"
    assert codes(ARCHIVE, commit(5, "0/20000FF")) == ["target-before-base"]


def test_without_its_position_a_commit_must_have_begun_after_the_base_backup() -> None:
    assert label(ARCHIVE.base_for(commit(15, after="0/4500000"))) == "base-10"
    assert label(ARCHIVE.base_for(commit(22, after="0/4500000"))) == "base-20"
    assert label(ARCHIVE.base_for(commit(22, after="0/3000000"))) == "base-10"
    assert label(ARCHIVE.base_for(commit(22))) == "base-20"
    assert codes(ARCHIVE, commit(10, after="0/4500000")) == ["target-before-base"]
    assert codes(ARCHIVE, commit(22)) == ["target-after-archive"]  # nobody knows


def test_a_base_backup_of_another_branch_is_none() -> None:
    assert label(ARCHIVE.base_for(commit(30, "0/7000200", timeline=1))) == "base-25"
    assert label(ARCHIVE.base_for(commit(30, "0/7000200", timeline=2))) == "base-20"


def test_the_end_is_that_of_the_timeline() -> None:
    assert codes(ARCHIVE, commit(30, "0/7FFFFFF", timeline=1)) == []
    assert codes(ARCHIVE, commit(30, "0/8000000", timeline=1)) == ["target-after-archive"]
    assert codes(ARCHIVE, commit(30, "0/8000000", timeline=2)) == []
    assert codes(ARCHIVE, commit(30, "0/9000000", timeline=2)) == ["target-after-archive"]
    assert codes(ARCHIVE, commit(21, "0/5700000", timeline=2)) == []  # on the way there


def test_a_timeline_that_nobody_archived_is_told() -> None:
    assert codes(ARCHIVE, commit(30, "0/8000000", timeline=3)) == ["timeline-not-archived"]


def test_another_cluster_is_told_first() -> None:
    assert codes(ARCHIVE, commit(5, "0/1000000", system="8")) == ["archive-foreign"]
    nameless = msgspec.structs.replace(ARCHIVE, system="")
    assert codes(nameless, commit(22, "0/4000100", system="8")) == []


def test_what_can_be_reached_instead_is_said() -> None:
    known = [commit(number, f"0/{number:X}00000") for number in (16, 33, 64, 112, 130)]
    [finding] = ARCHIVE.obstacles(known[0], known)
    assert finding.cure == "What can be reached with it: snapshots 33 to 112."
    [finding] = msgspec.structs.replace(ARCHIVE, bases=()).obstacles(known[1], known)
    assert finding.cure == "No snapshot that the map knows can be reached with it."


def test_an_archive_without_base_backups_only_has_an_end() -> None:
    log = msgspec.structs.replace(ARCHIVE, bases=None)
    assert codes(log, commit(5, "0/1000100")) == []
    [finding] = log.obstacles(commit(30, "0/9000000"), [commit(5, "0/1000100")])
    assert finding.code == "target-after-archive"
    assert "reached" not in finding.cure


def test_an_empty_archive_reaches_nothing() -> None:
    assert codes(WalArchive(name="empty", bases=()), commit(5, "0/1")) == ["target-after-archive", "target-before-base"]
