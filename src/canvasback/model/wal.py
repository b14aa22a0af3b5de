"""PostgreSQL's write-ahead log in values: positions, the names of its files, timelines and where a backup began.

Sources: PostgreSQL's src/include/access/xlog_internal.h (names), src/backend/access/transam/timeline.c (histories) and
src/backend/access/transam/xlogbackup.c (labels).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

import msgspec

from canvasback.errors import CorruptError, UsageError

_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_PARTIAL = ".partial"
_HISTORY = re.compile(r"([0-9A-F]{8})\.history")
_LABEL = re.compile(r"([0-9A-F]{24})\.([0-9A-F]{8})\.backup")
_SWITCH = re.compile(r"\s*([0-9]+)\s+([0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8})(?:\s.*)?")
_LOG = 1 << 32
"""The bytes of a log, of which the second part of a segment's name counts the number."""

SEGMENT_SIZE = 16 << 20
"""The bytes of a segment unless the cluster was made with others."""

SMALLEST_SEGMENT, LARGEST_SEGMENT = 1 << 20, 1 << 30


class Lsn(msgspec.Struct, frozen=True, order=True):
    """A position in the log.

    Attributes:
        position: The bytes before it.
    """

    position: int

    def __post_init__(self) -> None:
        if not 0 <= self.position < 1 << 64:
            raise _not_understood(str(self.position), "a position in the log")

    def __str__(self) -> str:
        return f"{self.position >> 32:X}/{self.position & (_LOG - 1):X}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it as PostgreSQL prints it, such as ``0/16B3748``.

        Raises:
            UsageError: It is none (``wal-not-understood``).
        """
        found = _LSN.fullmatch(text)
        if found is None:
            raise _not_understood(text, "a position in the log", hint="Write it as PostgreSQL does, such as 0/16B3748.")
        return cls(int(found[1], 16) << 32 | int(found[2], 16))


class Segment(msgspec.Struct, frozen=True, order=True):
    """A file of the log.

    Attributes:
        timeline: Its timeline's number.
        number: Which segment it is, counted from the beginning of the log.
        size: Its bytes, the same in the whole cluster: a power of two, 1 MiB to 1 GiB.
    """

    timeline: int
    number: int
    size: int = SEGMENT_SIZE

    def __post_init__(self) -> None:
        check_segment_size(self.size)
        if not 0 < self.timeline < 1 << 32 or not 0 <= self.number < (1 << 64) // self.size:
            raise _not_understood(f"segment {self.number} of timeline {self.timeline}", "a segment of the log")

    @property
    def name(self) -> str:
        """The file's name: 24 hex digits."""
        log, part = divmod(self.number, _LOG // self.size)
        return f"{self.timeline:08X}{log:08X}{part:08X}"

    @property
    def start(self) -> Lsn:
        """Its first position."""
        return Lsn(self.number * self.size)

    @property
    def end(self) -> Lsn:
        """The first position after it."""
        return Lsn((self.number + 1) * self.size)

    @property
    def following(self) -> Self:
        """The next one of the same timeline."""
        return type(self)(self.timeline, self.number + 1, self.size)

    @classmethod
    def holding(cls, timeline: int, lsn: Lsn, size: int = SEGMENT_SIZE) -> Self:
        """The one that holds a position."""
        return cls(timeline, lsn.position // check_segment_size(size), size)

    @classmethod
    def parse(cls, name: str, size: int = SEGMENT_SIZE) -> Self:
        """Read a file's name.

        Raises:
            UsageError: It is no segment's, or not one of that size (``wal-not-understood``).
        """
        found = _SEGMENT.fullmatch(name)
        parts = _LOG // check_segment_size(size)
        if found is None or int(found[3], 16) >= parts or not int(found[1], 16):
            raise _not_understood(name, f"the name of a segment of {size} bytes")
        return cls(int(found[1], 16), int(found[2], 16) * parts + int(found[3], 16), size)


class Switch(msgspec.Struct, frozen=True):
    """Where a timeline ended on the way to a later one.

    Attributes:
        timeline: The timeline that ended.
        end: The first position that it does not share with the later ones.
    """

    timeline: int
    end: Lsn


class TimelineHistory(msgspec.Struct, frozen=True):
    """How a timeline came to be. The first one of a cluster has no file of its history, and no switches.

    Attributes:
        timeline: Its number.
        switches: The timelines before it, the oldest first.
    """

    timeline: int
    switches: tuple[Switch, ...] = ()

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """Read a history file.

        Raises:
            UsageError: The name is none of a history file (``wal-not-understood``).
            CorruptError: What it says cannot be: it does not rise, or is not understood (``history-corrupt``).
        """
        timeline = history_timeline(name)
        if timeline is None:
            raise _not_understood(name, "the name of a timeline's history")
        switches: list[Switch] = []
        for line in content.decode(errors="replace").splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _SWITCH.fullmatch(line)
            if found is None:
                raise _broken(name, f"it has the line {line!r}")
            switches.append(Switch(int(found[1]), Lsn.parse(found[2])))
        before = Switch(0, Lsn(0))
        for switch in switches:
            if not before.timeline < switch.timeline < timeline or switch.end < before.end:
                raise _broken(name, f"timeline {switch.timeline} cannot have ended at {switch.end}")
            before = switch
        if not switches:
            raise _broken(name, "it names no timeline")
        return cls(timeline, tuple(switches))

    def timeline_at(self, lsn: Lsn) -> int:
        """The timeline that has a position's bytes on the way to this one."""
        return next((switch.timeline for switch in self.switches if lsn < switch.end), self.timeline)

    def end_of(self, timeline: int) -> Lsn | None:
        """Where a timeline before this one ended; None for this one, and for those that do not lead here."""
        return next((switch.end for switch in self.switches if switch.timeline == timeline), None)

    def files(self, start: Lsn, end: Lsn, size: int = SEGMENT_SIZE) -> Iterator[tuple[Segment, ...]]:
        """The segments that have the log from one position up to another, in order.

        Each is given with all files that will do, see `choices`.
        """
        for number in range(start.position // size, -(-end.position // size)):
            last = Lsn(min((number + 1) * size, end.position) - 1)
            needed = self.timeline_at(last)
            yield tuple(one for one in self.choices(number, size) if one.timeline >= needed)

    def choices(self, number: int, size: int = SEGMENT_SIZE) -> tuple[Segment, ...]:
        """The files that can have a segment on the way to this timeline, or a part of it; the latest timeline first.

        The one in which a timeline began has all that was before too. On the timeline before there may be one of the
        same number: up to the end of that timeline it has the same log, and behind that what this one does not share.
        """
        one = Segment(self.timeline, number, size)
        timelines = {self.timeline_at(one.start), self.timeline_at(Lsn(one.end.position - 1))}
        return tuple(Segment(timeline, number, size) for timeline in sorted(timelines, reverse=True))


class BackupLabel(msgspec.Struct, frozen=True):
    """What a base backup's ``backup_label`` says.

    Attributes:
        start: Where its recovery has to begin to read the log.
        segment: The name of that segment.
        timeline: Its timeline.
        label: What whoever made it called it.
        incremental: Where the backup began that it rests on; None for a full one.
    """

    start: Lsn
    segment: str
    timeline: int
    label: str = ""
    incremental: Lsn | None = None

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read the file.

        Raises:
            CorruptError: It is none, or says two things of the timeline (``backup-label-corrupt``).
        """
        said = dict(line.split(": ", 1) for line in content.decode(errors="replace").splitlines() if ": " in line)
        began = re.fullmatch(r"(\S+) \(file ([0-9A-F]{24})\)", said.get("START WAL LOCATION", ""))
        timeline = said.get("START TIMELINE", "")
        if began is None or _LSN.fullmatch(began[1]) is None or not re.fullmatch(r"[0-9]{1,10}", timeline):
            raise _broken_label("it does not say where the backup began")
        if int(began[2][:8], 16) != int(timeline):
            raise _broken_label(f"it names timeline {timeline}, and {began[2]} of another")
        rests = said.get("INCREMENTAL FROM LSN")
        if rests is not None and _LSN.fullmatch(rests) is None:
            raise _broken_label(f"it rests on {rests!r}, which is no position")
        return cls(
            start=Lsn.parse(began[1]),
            segment=began[2],
            timeline=int(timeline),
            label=said.get("LABEL", ""),
            incremental=None if rests is None else Lsn.parse(rests),
        )


def check_segment_size(size: int) -> int:
    """The size, if segments can be of it.

    Raises:
        UsageError: They cannot (``wal-not-understood``).
    """
    if not SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT or size & (size - 1):
        raise _not_understood(str(size), "the size of a segment")
    return size


def is_segment(name: str) -> bool:
    """Whether that is the name of a whole segment."""
    return _SEGMENT.fullmatch(name) is not None


def is_partial(name: str) -> bool:
    """Whether that is the name of a segment that is not filled to its end."""
    return name.endswith(_PARTIAL) and is_segment(name.removesuffix(_PARTIAL))


def is_backup_label(name: str) -> bool:
    """Whether that is the name under which PostgreSQL archives what a backup was."""
    return _LABEL.fullmatch(name) is not None


def history_name(timeline: int) -> str:
    """The name of the file of a timeline's history."""
    return f"{timeline:08X}.history"


def history_timeline(name: str) -> int | None:
    """The timeline of which a file is the history, by its name; None where it is no such file."""
    found = _HISTORY.fullmatch(name)
    return int(found[1], 16) if found is not None and int(found[1], 16) > 1 else None


def timeline_of(name: str) -> int:
    """The timeline of any file that PostgreSQL archives, by its name.

    Raises:
        UsageError: It archives no such file (``wal-not-understood``).
    """
    if is_segment(name) or is_partial(name) or is_backup_label(name) or history_timeline(name):
        return int(name[:8], 16)
    raise _not_understood(name, "the name of a file that PostgreSQL archives")


def _broken(name: str, why: str) -> CorruptError:
    return CorruptError(
        "history-corrupt",
        f"the history of a timeline, {name}, cannot be believed: {why}",
        hint="See whether the server has the file whole in its pg_wal, and archive it again.",
    )


def _broken_label(why: str) -> CorruptError:
    return CorruptError(
        "backup-label-corrupt",
        f"the label of a base backup cannot be believed: {why}",
        hint="Use another base backup: canvasback pitr list.",
    )


def _not_understood(text: str, what: str, *, hint: str = "") -> UsageError:
    return UsageError("wal-not-understood", f"{text!r} is not {what}", hint=hint or "Give it as PostgreSQL prints it.")
