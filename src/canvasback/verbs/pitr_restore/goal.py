"""Which commit is meant, where it is in the archived log, and whether a recovery from the repository reaches it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from canvasback.errors import RefusedError
from canvasback.history.mapped_commits import commit_at
from canvasback.model.base_backup import BaseBackup, chain
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.moment import Moment
from canvasback.model.plurals import many
from canvasback.model.wal import Lsn, Segment, TimelineHistory
from canvasback.postgres.located_commits import locate_commit, with_log
from canvasback.postgres.repository_archive import RepositoryArchive


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """Where a recovery begins and ends.

    Attributes:
        commit: The commit that is to be the last one; None for the end of the log.
        chain: The base backup to begin with, after those that it rests on.
        timeline: The timeline to recover along.
        segments: How many segments are read at least.
    """

    commit: CommitPosition | None
    chain: tuple[BaseBackup, ...]
    timeline: int
    segments: int

    @property
    def lsn(self) -> Lsn | None:
        """Where to stop, with what begins there; None for at the end."""
        return Lsn.parse(self.commit.lsn) if self.commit is not None else None


def find_goal(
    archive: RepositoryArchive,
    commits: CommitMap,
    moment: Moment | None,
    bindir: str | None,
    later: Callable[[], CommitMap],
) -> Goal:
    """See where to begin and where to stop.

    Args:
        archive: The archive.
        commits: What was noted of where commits are.
        moment: What is to come back; None for all that there is.
        bindir: Where PostgreSQL's programs are, if a user says so.
        later: Finds the commits that nobody noted, by recovering all that there is.

    Raises:
        RefusedError: A recovery from the archive does not reach it: nobody knows the commit (``commit-not-mapped``), it
            was rolled back (``commit-rolled-back``), it is outside of what is there (``target-before-base``,
            ``target-after-archive`` and the like), or part of the log is missing (``log-gap``).
    """
    if moment is None:
        return _end(archive)
    system = str(archive.log.system)
    ours = CommitMap(tuple(one for one in commits.commits if one.system == system))
    if not _tells(ours, moment):
        found = later()
        ours = CommitMap.merged([*ours.commits, *(one for one in found.commits if one.system == system)])
    commit = commit_at(ours, moment)
    known = archive.read()
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
            hint="A segment may be missing: see canvasback pitr verify. Name another snapshot.",
        )
    label = known.base_for(commit)
    assert label is not None  # or there was an obstacle
    base = next(one for one in archive.bases if one.id == label.label)
    history = archive.log.history(commit.timeline)
    end = Lsn(Lsn.parse(commit.lsn).position + 1)
    return Goal(
        commit=commit,
        chain=chain(archive.bases, base),
        timeline=commit.timeline,
        segments=_log_for(archive, base, history, end),
    )


def _tells(commits: CommitMap, moment: Moment) -> bool:
    """Whether what was noted says which commit a moment is; of a time, only if a later commit was noted."""
    if moment.time is None:
        return any(one.snapshot_id == moment.snapshot for one in commits.commits)
    time = moment.time
    return any(one.snapshot_time > time for one in commits.commits)


def _end(archive: RepositoryArchive) -> Goal:
    """All that there is: from the newest base backup along the latest timeline that it leads to."""
    base = archive.bases[-1]
    timelines = [base.timeline, *(one for one in archive.held.histories if one > base.timeline)]
    leading = (archive.log.history(one) for one in sorted(timelines, reverse=True))
    history = next(one for one in leading if one.timeline == base.timeline or _continues(one, base))
    return Goal(
        commit=None,
        chain=chain(archive.bases, base),
        timeline=history.timeline,
        segments=_log_for(archive, base, history, Lsn.parse(base.end)),
    )


def _continues(history: TimelineHistory, base: BaseBackup) -> bool:
    """Whether a timeline leads on from where a base backup ended."""
    end = history.end_of(base.timeline)
    return end is not None and Lsn.parse(base.end) <= end


def _log_for(archive: RepositoryArchive, base: BaseBackup, history: TimelineHistory, end: Lsn) -> int:
    """See that the log from a base backup to its goal is there.

    Returns:
        How many segments that is.

    Raises:
        RefusedError: It is not (``log-gap``).
    """
    there = {*archive.held.segments, *(part.segment for part in archive.held.parts)}
    files = list(history.files(Lsn.parse(base.start), end, archive.segment_size))
    missing: list[Segment] = [choices[0] for choices in files if not any(one.name in there for one in choices)]
    if missing:
        raise RefusedError(
            "log-gap",
            f"between base backup {base.id} and the target {many(len(missing), 'segment')} of the log "
            f"{'is' if len(missing) == 1 else 'are'} missing, the first of them {missing[0].name}",
            hint=f"What was committed before {missing[0].start} can be reached from this base backup, and what came "
            "after the next one. If the server still has the segment in pg_wal, archive it: canvasback-wal-push.",
        )
    return len(files)
