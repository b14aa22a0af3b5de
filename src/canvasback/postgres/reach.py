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
        timeline: The latest timeline that it leads to.
        end: The position up to which the log is there.
    """

    base: BaseBackup
    timeline: int
    end: Lsn

    @property
    def whole(self) -> bool:
        """Whether any state can be recovered from it."""
        return self.end >= Lsn.parse(self.base.end)


def reaches(archive: RepositoryArchive) -> list[Reach]:
    """The reach of each base backup, the oldest first."""
    histories = _histories(archive)
    there = set(archive.held.segments)
    parts = {part.segment: part.offset for part in archive.held.parts}  # the last one of a segment has the most
    found: list[Reach] = []
    for base in reversed(archive.bases):
        start = Lsn.parse(base.start)
        history = max((one for one in histories if _leads_on(one, base)), key=lambda one: one.timeline)
        end = _contiguous(history, start, archive.segment_size, there, parts, found)
        found.append(Reach(base, history.timeline, end))
    return found[::-1]


def gaps(archive: RepositoryArchive) -> list[tuple[Segment, Segment]]:
    """What is missing between segments of one timeline that are there: the first and the last of each gap."""
    segments = sorted(Segment.parse(name, archive.segment_size) for name in archive.held.segments)
    return [
        (before.following, Segment(after.timeline, after.number - 1, after.size))
        for before, after in pairwise(segments)
        if before.timeline == after.timeline and after.number > before.number + 1
    ]


def _contiguous(
    history: TimelineHistory,
    start: Lsn,
    size: int,
    there: set[str],
    parts: dict[str, int],
    later: Iterable[Reach],
) -> Lsn:
    """The position up to which the log is there from another on. Where a later base backup begins, that one knows."""
    known = {Lsn.parse(one.base.start).position // size: one.end for one in later if one.timeline == history.timeline}
    number = start.position // size
    while True:
        choices = history.choices(number, size)
        if not any(one.name in there for one in choices):
            offset = max((parts.get(one.name, 0) for one in choices if one.timeline == history.timeline), default=0)
            return Lsn(number * size + offset)
        number += 1
        if number in known:
            return known[number]


def _histories(archive: RepositoryArchive) -> list[TimelineHistory]:
    plain = {base.timeline for base in archive.bases} - set(archive.held.histories)
    return [archive.log.history(one) for one in archive.held.histories] + [TimelineHistory(one) for one in plain]


def _leads_on(history: TimelineHistory, base: BaseBackup) -> bool:
    """Whether a timeline leads on from where a base backup ended."""
    end = history.end_of(base.timeline)
    return history.timeline == base.timeline or (end is not None and Lsn.parse(base.end) <= end)
