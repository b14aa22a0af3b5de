"""The contract of whatever keeps an archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from canvasback.model.wal import Segment, TimelineHistory, is_segment
from canvasback.model.wal_archive import WalArchive


class Archive(Protocol):
    """An archive of a cluster's log, kept by somebody else. It is only read."""

    def read(self) -> WalArchive:
        """What it has, as far as it says without its log being read.

        Raises:
            UsageError: There is no such archive, or its tool is not here (``archive-missing``,
                ``archive-tool-missing``).
            LakeError: Its tool failed (``archive-tool-failed``).
        """

    def fetch(self, name: str) -> bytes | None:
        """A segment, or the history of a timeline, as PostgreSQL wrote it; None where it has none of that name.

        Raises:
            CorruptError: It cannot be unpacked (``segment-corrupt``).
            LakeError: Its tool failed (``archive-tool-failed``).
        """


def along(
    fetch: Callable[[str], bytes | None], history: TimelineHistory, segment_size: int
) -> Callable[[str], bytes | None]:
    """What an archive gives, without the log that was written on an earlier timeline after it had been left.

    Where the first segment of a timeline is not there, PostgreSQL takes that of the timeline before, and does not stop
    where that was left: commits would come back that the timeline never had. Source: XLogFileReadAnyTLI of PostgreSQL's
    src/backend/access/transam/xlogrecovery.c.

    Args:
        fetch: Gives a file of the log, see `Archive.fetch`.
        history: The timeline along which the log is read.
        segment_size: The bytes of a segment.
    """

    def shared(name: str) -> bytes | None:
        content = fetch(name)
        if content is None or not is_segment(name):
            return content
        segment = Segment.parse(name, segment_size)
        end = history.end_of(segment.timeline)
        if end is None or end >= segment.end:
            return content
        kept = end.position - segment.start.position
        return content[:kept] + bytes(len(content) - kept) if kept > 0 else None

    return shared
