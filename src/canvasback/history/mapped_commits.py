"""Which commit a moment is, in the log of the server that holds the catalog."""

from __future__ import annotations

from canvasback.errors import RefusedError
from canvasback.model.commit_position import CommitMap, CommitPosition
from canvasback.model.moment import Moment


def commit_at(commits: CommitMap, moment: Moment) -> CommitPosition:
    """The commit that a moment names; the last one of its number, where a lake was taken back and went on.

    Args:
        commits: What is known.
        moment: A snapshot, or a time: then it is the last commit until then, as well as times are known.

    Raises:
        RefusedError: None is known (``commit-not-mapped``).
    """
    if moment.time is None:
        found = [commit for commit in commits.commits if commit.snapshot_id == moment.snapshot]
    else:
        time = moment.time
        found = sorted((commit for commit in commits.commits if commit.time <= time), key=lambda commit: commit.time)
    if found:
        return found[-1]
    unknown = (
        f"nobody noted which transaction made {moment}"
        if moment.time is None
        else f"nobody noted a commit at or before {moment}"
    )
    raise RefusedError("commit-not-mapped", unknown, hint=_possible(commits))


def commit_after(commits: CommitMap, commit: CommitPosition) -> CommitPosition | None:
    """The next commit of the same history; None where none is known."""
    later = (
        one
        for one in commits.commits
        if one.system == commit.system and one.snapshot_id == commit.snapshot_id + 1
        if one.snapshot_time > commit.snapshot_time
    )
    return min(later, key=lambda one: one.snapshot_time, default=None)


def _possible(commits: CommitMap) -> str:
    how = "A backup or a watch of the lake notes all that its catalog shows."
    if not commits.commits:
        return f"No commit is noted in this repository, as catalogs outside of PostgreSQL have none. {how}"
    known = [commit.snapshot_id for commit in commits.commits]
    return f"Snapshots from {min(known)} to {max(known)} are noted. {how}"
