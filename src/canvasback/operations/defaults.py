"""What operations do where nobody says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

RECHECK = 10_000
"""At how many held files of a local disk a backup looks again: all of a small lake, some of a large one."""


def now() -> datetime:
    """The time, UTC; operations take a function like this as their clock."""
    return datetime.now(UTC)
