"""The log of a PostgreSQL cluster in a repository: what is kept, what is refused, and what is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasback.errors import CorruptError, RefusedError, UsageError
from canvasback.model.wal import Segment
from canvasback.repository.archived_log import ArchivedLog, Part, systems
from canvasback.repository.wal_object import decode, encode, head_of, read_head, wal_name
from canvasback.storage.local.store import LocalStore

SYSTEM, SIZE = 7_713_002_837, 1 << 20


def segment(number: int, *, fill: bytes = b"x", timeline: int = 1, system: int = SYSTEM) -> tuple[str, bytes]:
    """A segment with the header that PostgreSQL gives to its first page."""
    made = Segment(timeline, number, SIZE)
    header = bytearray(40)
    header[2:4] = (0x0002).to_bytes(2, "little")
    header[8:16] = made.start.position.to_bytes(8, "little")
    header[24:32] = system.to_bytes(8, "little")
    header[32:36] = SIZE.to_bytes(4, "little")
    return made.name, bytes(header) + fill * (SIZE - 40)


@pytest.fixture
def log(tmp_path: Path) -> ArchivedLog:
    return ArchivedLog(LocalStore(tmp_path), SYSTEM)


def test_a_segment_comes_back_and_the_same_again_is_fine(log: ArchivedLog) -> None:
    name, content = segment(3)
    assert log.put(name, content)
    assert not log.put(name, content)
    assert log.get(name) == content
    assert log.get(segment(4)[0]) is None
    with pytest.raises(RefusedError, match="wal-differs"):
        log.put(name, segment(3, fill=b"y")[1])
    assert log.get(name) == content
    log.delete(name)
    log.delete(name)
    assert log.get(name) is None


def test_what_is_not_what_its_name_says_is_refused(log: ArchivedLog) -> None:
    name, content = segment(3)
    for wrong in (
        content[:-1],
        b"",
        bytes(SIZE),
        segment(4)[1],
        segment(3, system=1)[1],
    ):
        with pytest.raises(RefusedError, match="wal-not-whole"):
            log.put(name, wrong)
    with pytest.raises(UsageError, match="wal-not-understood"):
        log.put("notes.txt", b"")
    assert log.held().segments == ()


def test_damage_is_told_and_never_given_out(log: ArchivedLog) -> None:
    name, content = segment(3)
    other, more = segment(4, fill=b"z")
    log.put(name, content)
    log.put(other, more)
    held = log.store.get(wal_name(SYSTEM, name))
    assert decode(held, SYSTEM, name) == content
    assert read_head(held).says_the_same(head_of(SYSTEM, name, content))
    for damaged in (
        held[:-5],
        held[:100],
        b"",
        held[:-40] + bytes(40),
        log.store.get(wal_name(SYSTEM, other)),
        encode(head_of(SYSTEM, name, content), content[:-1]),
        encode(head_of(SYSTEM, name, content), b"w" + content[1:]),
    ):
        log.store.delete(wal_name(SYSTEM, name))
        log.store.put_new(wal_name(SYSTEM, name), damaged)
        with pytest.raises(CorruptError, match="wal-corrupt"):
            log.get(name)
        with pytest.raises(RefusedError, match="wal-differs"):
            log.put(name, content[:40] + b"v" * (SIZE - 40))


def test_what_is_there_is_told_by_names(log: ArchivedLog) -> None:
    for number in (1, 2, 4):
        log.put(*segment(number))
    name, content = segment(5)
    log.put_part(Part(name, 8192), content)
    with pytest.raises(RefusedError, match="wal-not-whole"):
        log.put_part(Part(name, 8192), b"torn")
    log.put("00000002.history", b"1\t0/300000\tno recovery target specified\n")
    log.put(*segment(3, timeline=2))
    log.store.put_new(f"pitr/{SYSTEM}/wal/00000009/notes.txt", b"by hand")
    held = log.held()
    assert held.segments == (*(segment(n)[0] for n in (1, 2, 4)), segment(3, timeline=2)[0])
    assert held.parts == (Part(name, 8192),)
    assert held.histories == (2,)
    assert held.bytes > 0
    assert systems(log.store) == [SYSTEM]
    assert log.history(1).timeline == 1
    assert log.history(2).timeline == 2
    with pytest.raises(CorruptError, match="history-corrupt"):
        log.history(3)
