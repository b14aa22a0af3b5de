"""What is received of the log goes from the spool into the repository, and leaves it when it is there for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from canvasback.model.wal import Lsn, Segment, is_segment
from canvasback.postgres.receiver import Spool
from canvasback.repository.archived_log import ArchivedLog, Part
from canvasback.repository.protection import protect
from canvasback.repository.wal_object import wal_name

_ALIGNED = 8
"""Records begin at multiples of so many bytes: MAXALIGN of PostgreSQL's src/include/c.h on all that we know of."""


_AT_A_TIME, _LARGE = 4, 64 << 20
"""So many segments are packed at a time, as each is in memory; only one of those that are larger than that."""


class Moving:
    """Moves files.

    Attributes:
        segments: How many segments it has moved.
        position: The position up to which the repository has the log; None where that is not known yet.
        began: The first segment that there was in the spool; None where there was none yet.

    Args:
        spool: Where they are.
        log: Where they go.
        size: The bytes of a segment.
    """

    def __init__(self, spool: Spool, log: ArchivedLog, size: int) -> None:
        self.segments = 0
        self.position: Lsn | None = None
        self.began: Segment | None = None
        self._spool = spool
        self._log = log
        self._size = size
        self._parts = {part.segment: part for part in log.held().parts}

    def move(self, now: datetime) -> None:
        """Archive the files that are whole.

        The newest segment stays in the spool although it is archived: from it pg_receivewal knows where to go on.

        Raises:
            RefusedError: The repository has one of them with other content (``wal-differs``).
            StorageError: The repository cannot be written to; what is not archived stays.
        """
        self.began = self.began or self._spool.first(self._size)
        names = self._spool.finished()
        newest = max((name for name in names if is_segment(name)), default="")
        if newest and self.position is not None and self.position >= Segment.parse(newest, self._size).end:
            names.remove(newest)  # it was archived at an earlier turn
        for name in [name for name in names if not is_segment(name)]:  # before the segments of a new timeline
            self._archive(name, now)
            self._spool.remove(name)
        segments = [name for name in names if is_segment(name)]
        with ThreadPoolExecutor(1 if self._size > _LARGE else _AT_A_TIME) as pool:
            for name, new in zip(segments, pool.map(lambda name: self._archive(name, now), segments), strict=True):
                self._moved(name, new=new)
                if name != newest:
                    self._spool.remove(name)

    def move_part(self, now: datetime, received: Lsn | None) -> None:
        """Archive the segment that is being received, as far as it is there.

        Args:
            now: The time.
            received: How far the server knew before that it was received; None where it does not know. A record may
                end in zeros, which cannot be told from what is not there yet.
        """
        growing = self._spool.growing(self._size)
        if growing is None:
            return
        segment, content = growing
        offset = -(-len(content.rstrip(b"\0")) // _ALIGNED) * _ALIGNED
        before = self._parts.get(segment.name)
        if offset and (before is None or before.offset < offset):
            part = Part(segment.name, offset)
            self._log.put_part(part, content)
            protect(self._log.store, wal_name(self._log.system, part.file), now)
            if before is not None:
                self._log.delete(before.file)
            self._parts[segment.name] = part
        if offset:
            end = Lsn(segment.start.position + offset)
            self._reached(max(end, received) if received is not None and received < segment.end else end)

    def _archive(self, name: str, now: datetime) -> bool:
        """Archive a file, and answer whether it is new."""
        new = self._log.put(name, self._spool.read(name))
        if new:
            protect(self._log.store, wal_name(self._log.system, name), now)
        return new

    def _moved(self, name: str, *, new: bool) -> None:
        self.segments += new
        self._reached(Segment.parse(name, self._size).end)
        part = self._parts.pop(name, None)
        if part is not None:
            self._log.delete(part.file)

    def _reached(self, position: Lsn) -> None:
        if self.position is None or position > self.position:
            self.position = position
