"""A commit of which the transaction is known is looked for in an archived log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec

from canvasback.model.commit_position import CommitPosition
from canvasback.model.wal import Segment
from canvasback.model.wal_archive import WalArchive, position_of
from canvasback.postgres.archive import Archive, along
from canvasback.postgres.commits_in_wal import LoggedTransaction, transaction_of, transactions_in
from canvasback.postgres.programs import Programs
from canvasback.postgres.segment_header import SegmentHeader
from canvasback.storage.temporary import temporary_folder

_UNSURE = timedelta(minutes=10)
"""So much may a server's clock have gone back."""


class Located(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        ended: How the transaction ended; None where the log that is there does not say.
        missing: The segments that could have said and are not there, the latest first.
    """

    ended: LoggedTransaction | None
    missing: tuple[str, ...]


def locate_commit(archive: Archive, known: WalArchive, commit: CommitPosition, bindir: str | None = None) -> Located:
    """Look for the end of a commit's transaction.

    It is looked for from the last segment back that can have it, until the log is older than its transaction.

    Args:
        archive: The archive.
        known: What it has.
        commit: The commit.
        bindir: Where PostgreSQL's programs are, if a user says so.

    Raises:
        UsageError: PostgreSQL's programs of the log's version are not here (``programs-missing``).
        CorruptError: A segment is damaged (``segment-corrupt``).
    """
    programs: Programs | None = None
    missing: list[str] = []
    if known.first is None:
        return Located(None, ())
    fetch = along(archive.fetch, known.history(commit.timeline), known.first.size)
    with temporary_folder() as folder:
        for choices in _segments(known, commit):
            segment = next((one for one in choices if _unpack(fetch, one, folder)), None)
            if segment is None:
                missing.append(choices[0].name)
                continue
            if programs is None:
                programs = Programs.find(_header(folder, segment).major, bindir)
            # A record may end in the next segment, which was looked into before and is still there. pg_waldump waits
            # for seconds for one that is not.
            following = os.path.join(folder, segment.following.name)
            end = segment.following.end if os.path.exists(following) else segment.end
            ended = list(transactions_in(programs, folder, segment.timeline, segment.start, end))
            found = transaction_of(ended, commit.xid)
            if found is not None or (ended and ended[-1].time < commit.snapshot_time - _UNSURE):
                return Located(found, tuple(missing))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(following)
    return Located(None, tuple(missing))


def with_log(commit: CommitPosition, ended: LoggedTransaction) -> CommitPosition:
    """The commit with what the log says of it: if it was within another transaction, that one counts."""
    return msgspec.structs.replace(commit, xid=ended.xid, lsn=str(ended.lsn), committed=ended.time, found_by="log")


def _segments(known: WalArchive, commit: CommitPosition) -> Iterator[tuple[Segment, ...]]:
    """The segments that can have a commit, the latest first; see `TimelineHistory.choices`."""
    if known.first is None or not known.last:
        return
    newest = max(known.last.values(), key=lambda segment: segment.number)
    behind = position_of(commit)
    number = newest.number if behind is None else min(newest.number, behind.position // newest.size)
    history = known.history(commit.timeline)
    for one in range(number, known.first.number - 1, -1):
        yield history.choices(one, newest.size)


def _unpack(fetch: Callable[[str], bytes | None], segment: Segment, folder: str) -> bool:
    path = os.path.join(folder, segment.name)
    if os.path.exists(path):
        return True
    content = fetch(segment.name)
    if content is None:
        return False
    with open(path, "wb") as file:
        file.write(content)
    return True


def _header(folder: str, segment: Segment) -> SegmentHeader:
    with open(os.path.join(folder, segment.name), "rb") as file:
        return SegmentHeader.parse(file.read(100), segment.name)
