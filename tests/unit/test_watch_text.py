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
    (WatchStarted(AT, "ducklake:x", "/r/", 0.5), "watching ducklake:x every 0.5 s, for /r/"),
    (PointHeld(AT, "p", 7, 0), "up to date with point p of snapshot 7"),
    (PointHeld(AT, "p", 7, 2), "up to date with point p of snapshot 7; 2 files absent"),
    (
        PointMade(AT, "p", 1200, AT, 0.125, 1, 1, 2048, 0.1, 0, {}),
        "point p: 1 commit to snapshot 1200, 1 file (2.0 KiB) copied, 0.12 s after the commit",
    ),
    (
        PointMade(AT, "p", 9, AT, 3.0, 0, 5, 1, 0.1, 1, {"y": 2}),
        "point p: 0 commits to snapshot 9, 5 files (1 B) copied, 3.00 s after the commit; findings: 2 y; 1 file absent",
    ),
    (OutageStarted(AT, "no-space", "no space left", "Free some."), "waiting: no space left [no-space]. Free some."),
    (OutageStarted(AT, "object-exists", "x\nexists", ""), "waiting: x exists [object-exists]"),
    (OutageEnded(AT, 61.04, 7), "recovered after 61.0 s and 7 attempts"),
    (WatchStopped(AT, 1), "stopped, 1 point made"),
]


@pytest.mark.parametrize(("event", "said"), SAID)
def test_an_event_is_a_line(event: WatchEvent, said: str) -> None:
    assert event_line(event) == f"2026-11-25 12:30:01  {said}"
