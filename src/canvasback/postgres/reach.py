"""How far a recovery from each base backup gets: up to the first segment that is missing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from canvasback.model.base_backup import BaseBackup
from canvasback.model.wal import Lsn, Segment, TimelineHistory
from canvasback.postgres.repository_archive import RepositoryArchive


class Reach(msgspec.Struct, frozen=True):
    """How far the log leads from a base backup.

    Attributes:
        base: The base backup.
        history: The latest timeline that it leads to.
        end: The position up to which the log is there.
    """

    base: BaseBackup
    history: TimelineHistory
    end: Lsn

    @property
    def whole(self) -> bool:
        """Whether any state can be recovered from it."""
        return self.end >= Lsn.parse(self.base.end)


def reaches(archive: RepositoryArchive) -> list[Reach]:
    """The reach of each base backup, the oldest first."""
    histories = _histories(archive)
    there = _what_is_there(archive)
    found: list[Reach] = []
    for base in reversed(archive.bases):
        start = Lsn.parse(base.start)
        history = max((one for one in histories if _leads_on(one, base)), key=lambda one: one.timeline)
        end = _contiguous(history, start, archive.segment_size, there, found)
        found.append(Reach(base, history, end))
    return found[::-1]


def leads_to(archive: RepositoryArchive, segment: Segment) -> bool:
    """Whether the log that is there leads from the newest base backup to where a segment begins."""
    base = archive.bases[-1]
    history = next((one for one in _histories(archive) if one.timeline == segment.timeline), None)
    if history is None or not _leads_on(history, base):
        return False
    end = _contiguous(history, Lsn.parse(base.start), archive.segment_size, _what_is_there(archive), ())
    return end >= segment.start


def gaps(archive: RepositoryArchive) -> list[tuple[Segment, Segment]]:
    """What is missing between segments that are there: the first and the last of each gap.

    That is between two of one timeline, or between where a timeline that is there was left and the first of the next.
    """
    size = archive.segment_size
    there = {Segment.parse(name, size): count for name, count in _what_is_there(archive).items()}
    timelines = {segment.timeline for segment in there}
    for history in _histories(archive):
        switch = history.switches[-1] if history.switches else None
        if switch is None or history.timeline not in timelines:
            continue
        if Segment.holding(switch.timeline, Lsn(switch.end.position - 1), size) in there:
            # As if there were the one before that in which it began.
            there.setdefault(Segment(history.timeline, switch.end.position // size - 1, size), size)
    missing = []
    for before, after in pairwise(sorted(there)):
        first = before.following if there[before] == size else before
        if before.timeline == after.timeline and first < after:
            missing.append((first, Segment(after.timeline, after.number - 1, size)))
    return missing


def _contiguous(history: TimelineHistory, start: Lsn, size: int, there: dict[str, int], later: Iterable[Reach]) -> Lsn:
    """The position up to which the log is there from another on. Where a later base backup begins, that one knows."""
    known = {Lsn.parse(one.base.start).position // size: one.end for one in later if one.history == history}
    number = start.position // size
    while True:
        begin = Lsn(number * size)
        ends = [
            min(Lsn(begin.position + there[one.name]), history.end_of(one.timeline) or one.end)
            for one in history.choices(number, size)
            if one.name in there
        ]
        end = max(ends, default=begin)
        number += 1
        if end < Lsn(number * size):
            return end
        if number in known:
            return known[number]


def _what_is_there(archive: RepositoryArchive) -> dict[str, int]:
    """How many bytes of each segment are there, by its name."""
    parts = {part.segment: part.offset for part in archive.held.parts}  # the last one of a segment has the most
    return parts | dict.fromkeys(archive.held.segments, archive.segment_size)


def _histories(archive: RepositoryArchive) -> list[TimelineHistory]:
    plain = {base.timeline for base in archive.bases} - set(archive.held.histories)
    return [archive.log.history(one) for one in archive.held.histories] + [TimelineHistory(one) for one in plain]


def _leads_on(history: TimelineHistory, base: BaseBackup) -> bool:
    """Whether a timeline leads on from where a base backup ended."""
    end = history.end_of(base.timeline)
    return history.timeline == base.timeline or (end is not None and Lsn.parse(base.end) <= end)
