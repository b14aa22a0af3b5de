"""How far the log leads from a base backup, and what is missing of it, over a timeline that was left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from canvasback.model.base_backup import BaseBackup
from canvasback.model.wal import Lsn, Segment
from canvasback.postgres.reach import gaps, leads_to, reaches
from canvasback.postgres.repository_archive import RepositoryArchive
from canvasback.repository.archived_log import ArchivedLog, Part
from canvasback.storage.local.store import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM, SIZE = 7_713_002_837, 1 << 20
FORK = Lsn(3 * SIZE + 512)
"""Where timeline 1 was left for timeline 2: in its segment 3."""


def segment(timeline: int, number: int) -> Segment:
    return Segment(timeline, number, SIZE)


def content(one: Segment) -> bytes:
    """A segment with the header that PostgreSQL gives to its first page."""
    header = bytearray(40)
    header[2:4] = (0x0002).to_bytes(2, "little")
    header[8:16] = one.start.position.to_bytes(8, "little")
    header[24:32] = SYSTEM.to_bytes(8, "little")
    header[32:36] = SIZE.to_bytes(4, "little")
    return bytes(header) + b"x" * (SIZE - 40)


def archive(folder: Path, *segments: Segment, part: Part | None = None) -> RepositoryArchive:
    """An archive with a base backup of timeline 1, the history of timeline 2, and these segments."""
    store = LocalStore(folder)
    log = ArchivedLog(store, SYSTEM)
    for one in segments:
        log.put(one.name, content(one))
    if part is not None:
        log.put_part(part, content(Segment.parse(part.segment, SIZE)))
    log.put("00000002.history", f"1\t{FORK}\tno recovery target specified\n".encode())
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    base = BaseBackup(
        self="0" * 64,
        format=1,
        repository_id="",
        id="20260101T000000.000000Z",
        system=str(SYSTEM),
        postgres=180_000,
        segment_size=SIZE,
        timeline=1,
        start=str(segment(1, 1).start),
        end=str(Lsn(SIZE + 100)),
        began=moment,
        ended=moment,
        parent="",
        bytes=1,
        blake3="0" * 64,
        unpacked=1,
    )
    return RepositoryArchive(store, SYSTEM, (base,))


def test_the_log_leads_over_a_fork_where_the_new_timeline_has_its_first_segment(tmp_path: Path) -> None:
    whole = archive(tmp_path, *(segment(1, number) for number in (1, 2, 3, 4)), segment(2, 3), segment(2, 4))
    [reach] = reaches(whole)
    assert (reach.history.timeline, reach.end, gaps(whole)) == (2, segment(2, 4).end, [])
    assert leads_to(whole, segment(2, 5))
    assert not leads_to(whole, segment(2, 6))


def test_it_ends_at_the_fork_where_that_is_missing(tmp_path: Path) -> None:
    lacking = archive(tmp_path, *(segment(1, number) for number in (1, 2, 3, 4)), segment(2, 5))
    [reach] = reaches(lacking)
    assert (reach.history.timeline, reach.end) == (2, FORK)
    assert gaps(lacking) == [(segment(2, 3), segment(2, 4))]
    assert leads_to(lacking, segment(2, 3))
    assert not leads_to(lacking, segment(2, 4))


def test_a_part_leads_as_far_as_it_goes(tmp_path: Path) -> None:
    part = Part(segment(2, 3).name, 4096)
    growing = archive(tmp_path, segment(1, 1), segment(1, 2), part=part)
    [reach] = reaches(growing)
    assert (reach.end, gaps(growing)) == (Lsn(3 * SIZE + 4096), [])


def test_what_was_forgotten_is_no_gap(tmp_path: Path) -> None:
    """What an old timeline wrote after it was left has higher numbers, and stays longer."""
    assert gaps(archive(tmp_path, segment(1, 5), segment(2, 5), segment(2, 6))) == []
