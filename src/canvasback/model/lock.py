"""Locks against deletion: how an object store keeps an object, and for how long, whoever asks to delete it."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Annotated, Self

import msgspec

from canvasback.errors import UsageError

MOST_DAYS = 36_500
"""What S3 takes: a hundred years."""


class LockMode(enum.StrEnum):
    """Who can lift a lock: those with a right of its own, or nobody at all until it ends."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class Retention(msgspec.Struct, frozen=True):
    """The lock of one object.

    Attributes:
        mode: Who can lift it.
        until: When it ends, UTC.
    """

    mode: LockMode
    until: datetime


class Lock(msgspec.Struct, frozen=True):
    """How all objects of a repository are locked.

    Attributes:
        mode: Who can lift the locks.
        days: How long a new one lasts.
    """

    mode: LockMode
    days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]

    @classmethod
    def of(cls, mode: str | None, days: int | None) -> Self | None:
        """What a user says of locks; None where it is nothing.

        Raises:
            UsageError: It makes no sense, or only half of it is there (``lock-not-understood``).
        """
        if mode is None and days is None:
            return None
        if mode is None or mode not in {*LockMode} or days is None or not 1 <= days <= MOST_DAYS:
            raise UsageError(
                "lock-not-understood",
                f"a lock of mode {mode!r} for {days!r} days cannot be",
                hint=f"Give both: --lock {' or '.join(LockMode)}, and --lock-days, 1 to {MOST_DAYS}.",
            )
        return cls(LockMode(mode), days)

    def begin(self, now: datetime) -> Retention:
        """A lock that begins now. It ends at a whole second: not all services keep more."""
        return Retention(self.mode, now.replace(microsecond=0) + timedelta(days=self.days))

    def half(self, now: datetime) -> datetime:
        """When half of the days of a lock are over that begins now: one that ends before is to be extended."""
        return self.begin(now).until - timedelta(days=self.days) / 2

    def extends(self, held: Retention | None, now: datetime) -> bool:
        """Whether an object's lock is to be extended: it has none, or one that ends too soon."""
        return held is None or held.until < self.half(now)
