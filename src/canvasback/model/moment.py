"""A moment of a lake's history, as people name it: a snapshot, or a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from canvasback.errors import UsageError

_AGO = re.compile(r"(\d+)\s*(second|sec|s|minute|min|m|hour|h|day|d|week|w)s?\s+ago", re.IGNORECASE)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(msgspec.Struct, frozen=True):
    """Either a snapshot or a time.

    Attributes:
        snapshot: A ``snapshot_id``.
        time: What the lake showed then: its newest snapshot at or before that time.
    """

    snapshot: int | None = None
    time: datetime | None = None

    def __str__(self) -> str:
        return f"snapshot {self.snapshot}" if self.time is None else spelled(self.time)


def moment_of(snapshot: int | None, time: str | datetime | None, now: datetime) -> Moment | None:
    """What two options of a command mean together; None if neither is given.

    Args:
        snapshot: A ``snapshot_id``.
        time: A time, or what `parse_time` reads.
        now: The time.

    Raises:
        UsageError: Both are given (``two-moments``), or the time cannot be understood (``time-not-understood``).
    """
    if snapshot is not None and time is not None:
        raise UsageError(
            "two-moments", "a snapshot and a time are given", hint="Give one of them: either says which state is meant."
        )
    if time is not None:
        return Moment(time=parse_time(time if isinstance(time, str) else time.isoformat(), now))
    return None if snapshot is None else Moment(snapshot)


def parse_time(text: str, now: datetime) -> datetime:
    """Read a time: ISO 8601 with a zone, or ``2 hours ago``.

    Args:
        text: What the user says.
        now: The time, which ``ago`` is relative to.

    Raises:
        UsageError: It is neither (``time-not-understood``).
    """
    stripped = text.strip()
    ago = _AGO.fullmatch(stripped)
    found: datetime | None = None
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2][0].lower()]: int(ago[1])})
        found = datetime.fromisoformat(stripped)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below
    raise UsageError(
        "time-not-understood",
        f"{text!r} is no time" if found is None else f"{text!r} does not say in which time zone",
        hint="Write it like 2026-11-24T13:30:00+01:00, 2026-11-24T12:30:00Z or '2 hours ago'.",
    )


def spelled(time: datetime) -> str:
    """A time as messages show it."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
