"""Where a lake was looked at, and when, as text."""

from __future__ import annotations

from canvasback.model.moment import spelled
from canvasback.model.results.diff import Side


def side_line(side: Side) -> str:
    """A snapshot, its time, and the point or the live lake that tells of it."""
    source = side.source if side.source.startswith("ducklake:") else f"point {side.source}"
    return f"snapshot {side.snapshot_id} of {spelled(side.snapshot_time)}, in {source}"
