"""The clock of whoever does not bring one."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The time, UTC; verbs take a function like this as their clock."""
    return datetime.now(UTC)
