"""An archive of PostgreSQL's log with its base backups, and how far a recovery from it reaches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from canvasback.model.commit_position import CommitPosition
from canvasback.model.finding import Finding
from canvasback.model.wal import Lsn, Segment, TimelineHistory

_A_SECOND = timedelta(seconds=1)
"""Tools cut the time at which a backup ended to a whole second."""


class ArchivedBase(msgspec.Struct, frozen=True, kw_only=True):
    """A base backup.

    Attributes:
        label: What its tool calls it.
        timeline: The timeline on which it was taken.
        stop: Where it ended: no recovery stops before.
        ended: When it ended.
        bytes: Its bytes where it is kept; 0 where nobody says.
    """

    label: str
    timeline: int
    stop: Lsn
    ended: datetime
    bytes: int = 0


class WalArchive(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive has.

    Attributes:
        name: What to call it in messages.
        system: The cluster whose log it has; empty where the archive does not say.
        major: PostgreSQL's major version, by the last segment; 0 where there is none, or a version not known here.
        bases: Its base backups that are whole, the earliest first; None where it has nothing but the log.
        first: Its first segment on any timeline; None where it has none.
        last: Its last one on each timeline, by timeline.
        histories: The histories of its timelines after the first.
    """

    name: str
    system: str = ""
    major: int = 0
    bases: tuple[ArchivedBase, ...] | None = None
    first: Segment | None = None
    last: dict[int, Segment] = {}
    histories: tuple[TimelineHistory, ...] = ()

    def history(self, timeline: int) -> TimelineHistory:
        """How a timeline came to be, as far as the archive knows."""
        return next((one for one in self.histories if one.timeline == timeline), TimelineHistory(timeline))

    def base_for(self, commit: CommitPosition) -> ArchivedBase | None:
        """The newest base backup that ended before a commit; None where there is none.

        Where the commit's own position is not known, the backup must have ended before its transaction began.
        """
        known = position_of(commit)
        history = self.history(commit.timeline)
        fit = (
            base
            for base in self.bases or ()
            if (known is None or base.stop <= known)
            if commit.lsn or base.ended + _A_SECOND <= commit.snapshot_time
            if history.timeline_at(base.stop) == base.timeline
        )
        return max(fit, key=lambda base: base.stop, default=None)

    def has_log_to(self, commit: CommitPosition) -> bool:
        """Whether the segment is there that has the commit, as far as the names of the last ones tell."""
        known = position_of(commit)
        if known is None:
            return False
        timeline = self.history(commit.timeline).timeline_at(known)
        last = self.last.get(timeline)
        return last is not None and known < last.end

    def reaches(self, commit: CommitPosition) -> bool:
        """Whether a recovery from the archive can stop at a commit."""
        return self._is_of(commit) and self.has_log_to(commit) and self.base_for(commit) is not None

    def obstacles(self, commit: CommitPosition, known: Iterable[CommitPosition]) -> tuple[Finding, ...]:
        """Why no recovery from the archive stops at a commit; nothing where one does.

        Args:
            commit: The commit.
            known: All commits that are known, to say which can be reached instead.
        """
        where, wanted = self.name, f"snapshot {commit.snapshot_id}"
        if not self._is_of(commit):
            message = f"this archive is of the cluster {self.system}, and {wanted} was committed in {commit.system}"
            return (Finding("archive-foreign", "error", where, message, "Name the archive of that cluster."),)
        cure = self._instead(known)
        if self.last and commit.timeline > 1 and not self._knows(commit.timeline):
            message = f"{wanted} is on timeline {commit.timeline}, of which the archive has no history"
            return (Finding("timeline-not-archived", "error", where, message, cure),)
        found = []
        if not self.has_log_to(commit):
            ends = ", ".join(segment.name for segment in self.last.values()) or "nowhere: it is empty"
            message = f"the archive ends before {wanted} is sure to be in it: {ends}"
            waits = "A server archives a segment when it is full, or when SELECT pg_switch_wal() ends it. "
            found.append(Finding("target-after-archive", "warning", where, message, waits + cure))
        if self.bases is not None and self.base_for(commit) is None:
            message = f"no base backup ended before {wanted}"
            found.append(Finding("target-before-base", "error", where, message, cure))
        return tuple(found)

    def _is_of(self, commit: CommitPosition) -> bool:
        return not self.system or self.system == commit.system

    def _knows(self, timeline: int) -> bool:
        return any(one.timeline == timeline for one in self.histories)

    def _instead(self, known: Iterable[CommitPosition]) -> str:
        reached = [commit.snapshot_id for commit in known if self.reaches(commit)]
        if self.bases is None:
            return ""
        if not reached:
            return "No snapshot that the map knows can be reached with it."
        return f"What can be reached with it: snapshots {min(reached)} to {max(reached)}."


def position_of(commit: CommitPosition) -> Lsn | None:
    """Where a commit is, or else a position behind it; None where neither is known."""
    text = commit.lsn or commit.after
    return Lsn.parse(text) if text else None
