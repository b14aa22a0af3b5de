"""What a watch tells, in words: one line, whatever is in it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from canvasback.cli.commands.watch import event_line
from canvasback.model.results.watch import (
    OutageEnded,
    OutageStarted,
    PointHeld,
    PointMade,
    WatchEvent,
    WatchStarted,
    WatchStopped,
)

AT = datetime(2026, 11, 25, 12, 30, 1, tzinfo=UTC)

SAID: list[tuple[WatchEvent, str]] = [
    (
        WatchStarted(at=AT, lake="ducklake:x", repository="/r/", every_seconds=0.5),
        "watching ducklake:x every 0.5 s, for /r/",
    ),
    (PointHeld(at=AT, point="p", snapshot_id=7, absent=0), "up to date with point p of snapshot 7"),
    (PointHeld(at=AT, point="p", snapshot_id=7, absent=2), "up to date with point p of snapshot 7; 2 files absent"),
    (
        PointMade(
            at=AT,
            point="p",
            snapshot_id=1200,
            snapshot_time=AT,
            lag_seconds=0.125,
            commits=1,
            new_files=1,
            new_bytes=2048,
            seconds=0.1,
            absent=0,
            finding_counts={},
        ),
        "point p: 1 commit to snapshot 1200, 1 file (2.0 KiB) copied, 0.12 s after the commit",
    ),
    (
        PointMade(
            at=AT,
            point="p",
            snapshot_id=9,
            snapshot_time=AT,
            lag_seconds=3.0,
            commits=0,
            new_files=5,
            new_bytes=1,
            seconds=0.1,
            absent=1,
            finding_counts={"y": 2},
        ),
        "point p: 0 commits to snapshot 9, 5 files (1 B) copied, 3.00 s after the commit; findings: 2 y; 1 file absent",
    ),
    (
        OutageStarted(at=AT, code="no-space", message="no space left", hint="Free some."),
        "waiting: no space left [no-space]. Free some.",
    ),
    (OutageStarted(at=AT, code="object-exists", message="x\nexists", hint=""), "waiting: x exists [object-exists]"),
    (OutageEnded(at=AT, seconds=61.04, attempts=7), "recovered after 61.0 s and 7 attempts"),
    (WatchStopped(at=AT, points=1), "stopped, 1 point made"),
]


@pytest.mark.parametrize(("event", "said"), SAID)
def test_an_event_is_a_line(event: WatchEvent, said: str) -> None:
    assert event_line(event) == f"2026-11-25 12:30:01  {said}"
