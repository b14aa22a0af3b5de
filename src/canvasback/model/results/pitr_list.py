"""What a repository has of the logs of PostgreSQL servers, and what can be recovered from it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class RecoveryWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What can be recovered from a base backup.

    Attributes:
        base: Its id.
        parent: The base backup that it rests on; empty for a full one.
        timeline: The timeline that it was made on.
        ended: When it ended: the earliest state that it brings back is that.
        bytes: Its bytes in the repository.
        begin: The position where it ended.
        end: The position up to which the log is there without a gap.
        last_timeline: The timeline on which that is.
        usable: Whether the log reaches as far as the base backup itself needs.
        first_snapshot: The first commit in the window that was noted; null where there is none.
        last_snapshot: The last one.
        last_time: When that had committed, as well as it is known.
    """

    base: str
    parent: str
    timeline: int
    ended: datetime
    bytes: int
    begin: str
    end: str
    last_timeline: int
    usable: bool
    first_snapshot: int | None
    last_snapshot: int | None
    last_time: datetime | None


class ArchivedSystem(msgspec.Struct, frozen=True, kw_only=True):
    """The archive of one cluster.

    Attributes:
        system: Its system identifier.
        postgres: Its major version; 0 where there is no base backup that says so.
        segments: Segments of its log.
        bytes: Their bytes in the repository, with those of histories and parts.
        timelines: The timelines that there are segments of.
        end: The position up to which there is something of the latest timeline; empty where nobody knows how large a
            segment is, without a base backup.
        written: When the newest of it was written, by the storage's clock: what the server wrote since is not there.
            Null where there is none, or the storage does not say.
        windows: The base backups, the oldest first.
        gaps: Segments that are missing between others, as ``first`` or ``first to last``.
    """

    system: str
    postgres: int
    segments: int
    bytes: int
    timelines: tuple[int, ...]
    end: str
    written: datetime | None
    windows: tuple[RecoveryWindow, ...]
    gaps: tuple[str, ...]


class PitrListResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-list/1"):
    """What can be recovered.

    Attributes:
        repository: The repository.
        systems: The clusters of which it has an archive.
        findings: What cannot be read, the first ones word for word.
        finding_counts: How many of each code.
    """

    repository: str
    systems: tuple[ArchivedSystem, ...]
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
