"""Positions, names of segments, histories of timelines and labels of backups, as PostgreSQL writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvasback.errors import CorruptError, UsageError
from canvasback.model.wal import (
    BackupLabel,
    Lsn,
    Segment,
    Switch,
    TimelineHistory,
    history_name,
    history_timeline,
    is_backup_label,
    is_partial,
    is_segment,
    timeline_of,
)
from canvasback.postgres.archive import along

SIZES = st.integers(20, 30).map(lambda power: 1 << power)
POSITIONS = st.integers(0, (1 << 64) - 1)
TIMELINES = st.integers(1, (1 << 32) - 1)


@given(POSITIONS, POSITIONS)
def test_a_position_is_read_as_it_is_printed_and_ordered_as_it_counts(one: int, other: int) -> None:
    assert Lsn.parse(str(Lsn(one))) == Lsn(one)
    assert (Lsn(one) < Lsn(other)) == (one < other)


@pytest.mark.parametrize("text", ["", "0", "0/", "/0", "0/0/0", "0/123456789", "G/0", " 0/0", "0/0\n", "-1/0"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="wal-not-understood"):
        Lsn.parse(text)


@given(TIMELINES, POSITIONS, SIZES)
def test_a_segment_is_found_by_a_position_in_it_and_by_its_name(timeline: int, position: int, size: int) -> None:
    segment = Segment.holding(timeline, Lsn(position), size)
    assert Segment.parse(segment.name, size) == segment
    assert is_segment(segment.name)
    assert segment.start.position <= position < segment.start.position + size
    assert timeline_of(segment.name) == timeline
    assert is_partial(segment.name + ".partial")


@given(TIMELINES, st.integers(0, 1 << 30), SIZES)
def test_names_rise_with_the_log(timeline: int, number: int, size: int) -> None:
    segment = Segment(timeline, number, size)
    assert segment.name < segment.following.name
    assert segment.end == segment.following.start


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("000000010000000000000100", 16 << 20),  # a log has 256 segments of 16 MiB
        ("000000000000000000000001", 16 << 20),  # there is no timeline 0
        ("00000001000000000000000a", 16 << 20),
        ("00000001000000000000000A.partial", 16 << 20),
        ("00000001000000000000000A", 3 << 20),
        ("00000001000000000000000A\n", 16 << 20),
    ],
)
def test_what_is_no_segment_is_refused(name: str, size: int) -> None:
    with pytest.raises(UsageError, match="wal-not-understood"):
        Segment.parse(name, size)


@given(st.lists(st.tuples(TIMELINES, POSITIONS), min_size=1, max_size=5))
def test_a_history_is_read_as_it_is_written(switches: list[tuple[int, int]]) -> None:
    timelines = sorted({timeline for timeline, _ in switches})
    ends = sorted(position for _, position in switches)[: len(timelines)]
    written = tuple(Switch(timeline, Lsn(end)) for timeline, end in zip(timelines, ends, strict=True))
    own = min(timelines[-1] + 1, (1 << 32) - 1)
    if own == timelines[-1]:
        return
    text = "# from a server\n\n" + "\n".join(f"{one.timeline}\t{one.end}\tno recovery target" for one in written)
    history = TimelineHistory.parse(history_name(own), text.encode())
    assert history == TimelineHistory(own, written)
    assert [history.end_of(one.timeline) for one in written] == [one.end for one in written]
    for one in written:
        later = [other.timeline for other in written if one.end < other.end]
        assert history.timeline_at(one.end) == (later[0] if later else own)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "1\t0/3000000\n1\t0/4000000\n",  # the same timeline twice
        "2\t0/4000000\n1\t0/3000000\n",
        "1\t0/4000000\n2\t0/3000000\n",  # which ended before the one before it
        "3\t0/3000000\n",  # its own
        "one\t0/3000000\n",
        "1 0/3000000x\n",
    ],
)
def test_a_history_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(CorruptError, match="history-corrupt"):
        TimelineHistory.parse("00000003.history", text.encode())


def test_a_history_that_does_not_lead_there_says_so() -> None:
    history = TimelineHistory(5, (Switch(1, Lsn(100)), Switch(3, Lsn(200))))
    assert [history.timeline_at(Lsn(at)) for at in (0, 99, 100, 199, 200)] == [1, 1, 3, 3, 5]
    assert history.end_of(2) is None


def test_only_a_file_that_has_all_that_is_wanted_of_a_segment_will_do() -> None:
    size = 1 << 20
    history = TimelineHistory(2, (Switch(1, Lsn(size + 100)),))  # the second segment is on both
    assert [one.timeline for one in history.choices(1, size)] == [2, 1]
    wanted = {
        end: [[one.timeline for one in files] for files in history.files(Lsn(0), Lsn(end), size)]
        for end in (size, size + 100, size + 101, 2 * size, 3 * size)
    }
    assert wanted == {
        size: [[1]],
        size + 100: [[1], [2, 1]],
        size + 101: [[1], [2]],
        2 * size: [[1], [2]],
        3 * size: [[1], [2], [2]],
    }


def test_what_a_timeline_left_behind_is_not_given_along_a_later_one() -> None:
    size = 1 << 20
    history = TimelineHistory(2, (Switch(1, Lsn(size + 100)),))
    content = b"x" * size
    given = along(lambda name: content if name != Segment(2, 1, size).name else None, history, size)
    assert given(Segment(1, 0, size).name) == content
    assert given(Segment(1, 1, size).name) == b"x" * 100 + bytes(size - 100)
    assert given(Segment(1, 2, size).name) is None
    assert given(Segment(2, 1, size).name) is None
    assert given(Segment(2, 2, size).name) == content
    assert given(history_name(2)) == content


def test_names_of_what_is_no_segment() -> None:
    assert history_timeline("0000000A.history") == 10
    assert history_timeline("00000001.history") is None  # the first timeline has none
    assert is_backup_label("000000010000000000000002.00000028.backup")
    assert timeline_of("00000002.history") == 2
    for name in ("archive_status", "00000001.partial", "../000000010000000000000002", "backup_label"):
        with pytest.raises(UsageError, match="wal-not-understood"):
            timeline_of(name)


LABEL = b"""START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
CHECKPOINT LOCATION: 0/2000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2026-11-27 10:00:00 UTC
LABEL: canvasback 20261127T100000000Z
START TIMELINE: 1
"""


def test_a_label_says_where_a_backup_began() -> None:
    label = BackupLabel.parse(LABEL)
    assert (str(label.start), label.segment, label.timeline) == ("0/2000028", "000000010000000000000002", 1)
    assert label.label == "canvasback 20261127T100000000Z"
    assert label.incremental is None
    resting = BackupLabel.parse(LABEL + b"INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 1\n")
    assert resting.incremental == Lsn.parse("0/1000028")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"START WAL LOCATION", b"START"),
        (b"START TIMELINE: 1", b"START TIMELINE: 2"),
        (b"0/2000028", b"2000028"),
        (b"LABEL: c", b"INCREMENTAL FROM LSN: x\nLABEL: c"),
    ],
)
def test_a_label_that_cannot_be_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(CorruptError, match="backup-label-corrupt"):
        BackupLabel.parse(LABEL.replace(old, new))
