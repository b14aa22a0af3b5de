"""What operations do where nobody says otherwise."""

from __future__ import annotations

import os
from datetime import UTC, datetime

RECHECK = 10_000
"""At how many held files a backup looks again: all of a small lake, a bounded number of a large one."""


def now() -> datetime:
    """The time, UTC; operations take a function like this as their clock."""
    return datetime.now(UTC)


def default_jobs() -> int:
    """How many files are worked on at a time: one more than there are cores, for one of them waits."""
    return min(8, (os.cpu_count() or 1) + 1)
