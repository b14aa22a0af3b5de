"""The log of a PostgreSQL cluster in a repository: its segments, the histories of its timelines, and parts of segments.

Nothing is overwritten. The same content under a name again is fine, and other content is refused and told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from canvasback.errors import CorruptError, ObjectExistsError, ObjectMissingError, RefusedError
from canvasback.model.wal import (
    Lsn,
    Segment,
    TimelineHistory,
    history_timeline,
    is_partial,
    is_segment,
    timeline_of,
)
from canvasback.repository.wal_object import (
    PITR,
    decode,
    encode,
    head_of,
    part_file,
    read_head,
    wal_file,
    wal_folder,
    wal_name,
    wrong_segment,
)
from canvasback.storage.store import Store

_SYSTEM = re.compile(re.escape(PITR) + r"([0-9]{1,20})/(?:wal|base)/.+")
_PART = re.compile(r"([0-9A-F]{24})\.([0-9A-F]{8})\.partial")


class Part(msgspec.Struct, frozen=True, order=True):
    """A segment of which the first bytes are there.

    Attributes:
        segment: The segment's name.
        offset: How many bytes of it hold the log.
    """

    segment: str
    offset: int

    @property
    def file(self) -> str:
        """What it is called."""
        return part_file(self.segment, self.offset)


class HeldLog(msgspec.Struct, frozen=True):
    """What a repository has of a log, by the names of its objects.

    Attributes:
        segments: Names of whole segments, sorted.
        parts: Segments of which the first bytes are there, sorted.
        histories: Timelines whose history is there, sorted.
        bytes: What all of it takes in the repository.
        written: When the newest of it was written, by the store's clock; None where there is none, or it does not say.
    """

    segments: tuple[str, ...]
    parts: tuple[Part, ...]
    histories: tuple[int, ...]
    bytes: int
    written: datetime | None

    def end(self, size: int) -> Lsn | None:
        """The last position of the latest timeline up to which something is there; None where there is nothing.

        Args:
            size: The bytes of a segment.
        """
        whole = {Segment.parse(name, size): size for name in self.segments}
        parts = {Segment.parse(part.segment, size): part.offset for part in self.parts}  # the last one has the most
        last, offset = max((parts | whole).items(), default=(None, 0))
        return Lsn(last.start.position + offset) if last is not None else None


class ArchivedLog:
    """The log of one cluster.

    Attributes:
        store: The repository.
        system: The cluster's system identifier.
    """

    def __init__(self, store: Store, system: int) -> None:
        self.store = store
        self.system = system

    def put(self, file: str, content: bytes) -> bool:
        """Archive a file; it is durable when this returns.

        Args:
            file: Its name, as PostgreSQL archives it.
            content: Its bytes.

        Returns:
            Whether it is new.

        Raises:
            UsageError: PostgreSQL archives no file of that name (``wal-not-understood``).
            RefusedError: It is not what its name says (``wal-not-whole``), or there is another content under that name
                (``wal-differs``): another server of the same cluster writes the same timeline, say.
        """
        timeline_of(file)
        if is_segment(file) or is_partial(file):
            self._refuse_wrong(content, file, file)
        return self._put(file, content)

    def put_part(self, part: Part, content: bytes) -> bool:
        """Archive a segment as far as it is there; see `put`. Its bytes after the log's end are zeros."""
        self._refuse_wrong(content, part.segment, part.file)
        return self._put(part.file, content)

    def _refuse_wrong(self, content: bytes, segment: str, file: str) -> None:
        wrong = wrong_segment(content, segment, self.system)
        if wrong:
            raise RefusedError(
                "wal-not-whole",
                f"{file} is not archived: {wrong}",
                hint="See what gave it to us: PostgreSQL itself archives whole segments of its own log only.",
            )

    def _put(self, file: str, content: bytes) -> bool:
        name = wal_name(self.system, file)
        head = head_of(self.system, file, content)
        try:
            self.store.put_new(name, encode(head, content))
        except ObjectExistsError as error:
            try:
                same = read_head(self.store.get(name)).says_the_same(head)
            except ValueError:
                same = False
            if not same:
                raise RefusedError(
                    "wal-differs",
                    f"the repository has a {file} of the system {self.system} with other content",
                    hint="Two servers write one timeline, or one was restored and did not begin a new timeline. Find "
                    "out which of the two is the right one before you go on: docs/point-in-time-recovery.md.",
                ) from error
            return False
        return True

    def get(self, file: str) -> bytes | None:
        """The content of a file, proved by its checksum; None where there is none of that name.

        Raises:
            CorruptError: It is damaged, or of another system (``wal-corrupt``).
        """
        name = wal_name(self.system, file)
        try:
            held = self.store.get(name)
        except ObjectMissingError:
            return None
        try:
            return decode(held, self.system, file)
        except ValueError as error:
            raise CorruptError(
                "wal-corrupt",
                f"{self.store.url}{name} is damaged: {error}",
                hint="Take it from another place of the repository, or make a new base backup: what comes after it "
                "cannot be reached from one before it.",
            ) from error

    def history(self, timeline: int) -> TimelineHistory:
        """How a timeline came to be.

        Raises:
            CorruptError: Its history is not there, or cannot be believed (``history-corrupt``).
        """
        if timeline == 1:
            return TimelineHistory(1)
        name = f"{timeline:08X}.history"
        content = self.get(name)
        if content is None:
            raise CorruptError(
                "history-corrupt",
                f"the repository lacks the history of timeline {timeline}, {name}",
                hint="Archive it from the server's pg_wal: canvasback-wal-push.",
            )
        return TimelineHistory.parse(name, content)

    def held(self) -> HeldLog:
        """What is there. It reads names only."""
        segments: list[str] = []
        parts: list[Part] = []
        histories: list[int] = []
        size = written = 0
        for stat in self.store.list(wal_folder(self.system)):
            file = wal_file(stat.name)
            if wal_name(self.system, file) != stat.name:
                continue  # somebody put it there
            size += stat.size
            written = max(written, stat.modified_ns)
            part = _PART.fullmatch(file)
            if is_segment(file):
                segments.append(file)
            elif part is not None:
                parts.append(Part(part[1], int(part[2], 16)))
            elif timeline := history_timeline(file):
                histories.append(timeline)
        return HeldLog(
            tuple(sorted(segments)),
            tuple(sorted(parts)),
            tuple(sorted(histories)),
            size,
            datetime.fromtimestamp(written / 1e9, UTC) if written else None,
        )

    def delete(self, file: str) -> None:
        """Delete a file of the log; no error where there is none."""
        self.store.delete(wal_name(self.system, file))


def systems(store: Store) -> list[int]:
    """The system identifiers of the clusters of which a repository has a log or base backups, sorted."""
    found = (_SYSTEM.fullmatch(stat.name) for stat in store.list(PITR))
    return sorted({int(one[1]) for one in found if one is not None})
