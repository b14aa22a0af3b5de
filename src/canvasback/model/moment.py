"""A moment of a lake's history, as people name it: a snapshot, or a time."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


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


def spelled(time: datetime) -> str:
    """A time as messages show it."""
    return f"{in_utc(time)} UTC"


def in_utc(time: datetime) -> str:
    """A time as tables show it, whose header says that it is UTC.

    It is shown to the last digit that is there: two snapshots may be of one second, and who gives back a time that was
    cut would get the snapshot before.
    """
    moment = time.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}" if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction.removesuffix('000')}"
