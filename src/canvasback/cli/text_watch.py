"""What a watch tells, as text: one line each, with the time in UTC before it."""

from __future__ import annotations

from canvasback.cli.text import size
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.watch import OutageEnded, OutageStarted, PointHeld, PointMade, WatchEvent, WatchStarted


def event_line(event: WatchEvent) -> str:
    """One event as a line."""
    return f"{in_utc(event.at)}  " + " ".join(_said(event).split("\n"))


def _said(event: WatchEvent) -> str:
    if isinstance(event, WatchStarted):
        return f"watching {event.lake} every {event.every_seconds:g} s, for {event.repository}"
    if isinstance(event, PointHeld):
        return f"up to date with point {event.point} of snapshot {event.snapshot_id}" + _absent(event.absent)
    if isinstance(event, PointMade):
        return _point(event)
    if isinstance(event, OutageStarted):
        return f"waiting: {event.message} [{event.code}]" + (f". {event.hint}" if event.hint else "")
    if isinstance(event, OutageEnded):
        return f"recovered after {event.seconds:.1f} s and {many(event.attempts, 'attempt')}"
    return f"stopped, {many(event.points, 'point')} made"


def _point(event: PointMade) -> str:
    found = ", ".join(f"{count:,} {code}" for code, count in event.finding_counts.items())
    return (
        f"point {event.point}: {many(event.commits, 'commit')} to snapshot {event.snapshot_id}, "
        f"{many(event.new_files, 'file')} ({size(event.new_bytes)}) copied, {event.lag_seconds:.2f} s after the commit"
        + (f"; findings: {found}" if found else "")
        + _absent(event.absent)
    )


def _absent(files: int) -> str:
    return f"; {many(files, 'file')} absent" if files else ""
