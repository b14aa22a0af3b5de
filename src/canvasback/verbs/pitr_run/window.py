"""The window of loss: how much of the log the repository does not have, for how long, and when that is told again."""

from __future__ import annotations

from datetime import datetime

from canvasback.model.results.pitr_run import LogArchived, LogBehind
from canvasback.model.wal import Lsn


class Window:
    """The window of loss.

    Args:
        now: When the run began: what was lost before is not known to it.
        every: Seconds after which it is told again while it does not close.
    """

    def __init__(self, now: datetime, every: float) -> None:
        self._every = every
        self._whole_at = now
        self._told_at = now
        self._told: Lsn | None = None
        self._written: Lsn | None = None
        self._mark: tuple[datetime, Lsn] | None = None

    def look(
        self, at: datetime, position: Lsn | None, written: Lsn | None, segments: int, snapshot_id: int | None
    ) -> LogArchived | LogBehind | None:
        """What there is to tell: that the repository has more, or that it still lacks some.

        Args:
            at: When this is.
            position: The position up to which the repository has the log; None where that is not known yet.
            written: The position up to which the server has it; None where it cannot be asked. Then it may write what
                we do not know of: the window grows by the time only.
            segments: How many segments were archived.
            snapshot_id: The newest snapshot that was noted.
        """
        self._written = written or self._written
        missing = None
        if position is not None and self._written is not None:
            missing = max(self._written.position - position.position, 0)
        self._close(at, position, written)
        seconds = round((at - self._whole_at).total_seconds(), 3)
        if position is not None and written is not None and missing is not None and position != self._told:
            self._told, self._told_at = position, at
            return LogArchived(
                at=at,
                position=str(position),
                written=str(written),
                segments=segments,
                behind_bytes=missing,
                behind_seconds=seconds,
                snapshot_id=snapshot_id,
            )
        if not seconds or (at - self._told_at).total_seconds() < self._every:
            return None
        self._told_at = at
        return LogBehind(
            at=at,
            position=str(position or ""),
            written=str(self._written or ""),
            answers=written is not None,
            behind_bytes=missing,
            behind_seconds=seconds,
            snapshot_id=snapshot_id,
        )

    def _close(self, at: datetime, position: Lsn | None, written: Lsn | None) -> None:
        """Note since when the repository has all that there was then.

        A server that is written to is ever a little ahead: so one look is remembered until the repository has what
        there was at it, and then the next. That is up to twice as long ago as it really is, and never less.
        """
        if written is None:
            return
        if self._mark is not None and position is not None and position >= self._mark[1]:
            self._whole_at, self._mark = self._mark[0], None
        if position is not None and position >= written:
            self._whole_at, self._mark = at, None
        self._mark = self._mark or (at, written)
