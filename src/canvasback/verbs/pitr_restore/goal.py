"""Which commit is meant, where it is in an archived log, and whether a recovery from the archive reaches it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from canvasback.errors import RefusedError
from canvasback.history.mapped_commits import commit_at
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.finding import Finding
from canvasback.model.moment import Moment
from canvasback.model.wal import Lsn
from canvasback.model.wal_archive import WalArchive
from canvasback.postgres.archive import Archive
from canvasback.postgres.located_commits import locate_commit, with_log
from canvasback.postgres.programs import Programs


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recovery begins and ends, and who gives it what it needs.

    Attributes:
        commit: The commit that is to be the last one; None for the end of the log.
        system: The cluster's system identifier.
        tool: Who lays the base backup; empty where we do.
        bases: The base backup to begin with, after those that it rests on, by their names.
        base_bytes: Their bytes where they are kept.
        major: PostgreSQL's major version.
        segment_size: The bytes of a segment.
        timeline: The timeline to recover along.
        segments: How many segments are read at least.
        build: Makes a cluster's folder of the base backup, with programs, and a folder for what it needs on the way.
        fetch: Gives a file of the log.
        findings: What is wrong with the log.
    """

    commit: CommitPosition | None
    system: str
    tool: str
    bases: tuple[str, ...]
    base_bytes: int
    major: int
    segment_size: int
    timeline: int
    segments: int
    build: Callable[[Programs, str, str], None]
    fetch: Callable[[str], bytes | None]
    findings: tuple[Finding, ...] = ()

    @property
    def lsn(self) -> Lsn | None:
        """Where to stop, with what begins there; None for at the end."""
        return Lsn.parse(self.commit.lsn) if self.commit is not None else None


def find_commit(
    archive: Archive,
    known: WalArchive,
    commits: CommitMap,
    moment: Moment,
    bindir: str | None,
    later: Callable[[], CommitMap],
) -> CommitPosition:
    """Find the commit that is to be the last one, and its position, and see that a recovery reaches it.

    Args:
        archive: The archive.
        known: What it has.
        commits: What was noted of where commits are.
        moment: What is to come back.
        bindir: Where PostgreSQL's programs are, if a user says so.
        later: Finds the commits that nobody noted, by recovering all that there is.

    Raises:
        RefusedError: It does not: nobody knows the commit (``commit-not-mapped``), it was rolled back
            (``commit-rolled-back``), or it is outside of what is there (``target-before-base``,
            ``target-after-archive`` and the like).
    """
    ours = CommitMap(tuple(one for one in commits.commits if one.system == known.system))
    if not _tells(ours, moment):
        found = later()
        ours = CommitMap.merged([*ours.commits, *(one for one in found.commits if one.system == known.system)])
    commit = commit_at(ours, moment)
    located = locate_commit(archive, known, commit, bindir)
    if located.ended is not None and located.ended.outcome == "aborted":
        raise RefusedError(
            "commit-rolled-back",
            f"transaction {commit.xid}, which was said to have made snapshot {commit.snapshot_id}, was rolled back",
            hint="Name another snapshot.",
        )
    if located.ended is not None:
        commit = with_log(commit, located.ended)
    for finding in known.obstacles(commit, ours.commits):
        raise RefusedError(finding.code, finding.message, hint=finding.cure)
    if not commit.lsn:
        raise RefusedError(
            "commit-not-archived",
            f"the log that is there has no end of transaction {commit.xid} of snapshot {commit.snapshot_id}",
            hint="A segment may be missing: see what the archive has. Name another snapshot.",
        )
    return commit


def _tells(commits: CommitMap, moment: Moment) -> bool:
    """Whether what was noted says which commit a moment is; of a time, only if a later commit was noted."""
    if moment.time is None:
        return any(one.snapshot_id == moment.snapshot for one in commits.commits)
    time = moment.time
    return any(one.snapshot_time > time for one in commits.commits)
