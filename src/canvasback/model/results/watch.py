"""What a watch tells while it goes on. `watch --json` prints one of these a line; docs/json holds their schema."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

import msgspec

Schema = Literal["canvasback.watch/1"]
_SCHEMA: Schema = "canvasback.watch/1"


class WatchStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="started"):
    """A watch begins.

    Attributes:
        at: When, UTC.
        lake: The lake that it watches.
        repository: Where it makes points.
        every_seconds: How long it waits between two looks.
        also: The second place of the repository, which gets the points too; null where there is none.
    """

    at: datetime
    lake: str
    repository: str
    every_seconds: float
    also: str | None = None
    schema: Schema = _SCHEMA


class PointHeld(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="current"):
    """The first look found that the newest point holds all that there is.

    Attributes:
        at: When, UTC.
        point: The newest point's id.
        snapshot_id: The lake's newest snapshot.
        absent: Files that the point names and the repository does not hold.
    """

    at: datetime
    point: str
    snapshot_id: int
    absent: int
    schema: Schema = _SCHEMA


class PointMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="point"):
    """A point was made.

    Attributes:
        at: When it was there, UTC.
        point: Its id.
        snapshot_id: The lake's newest snapshot in it.
        snapshot_time: When that was committed.
        lag_seconds: How long after that the point was there.
        commits: How many snapshots the lake has gone on since the point before; 0 where it was taken back.
        new_files: Files that were copied.
        new_bytes: Bytes of them.
        seconds: How long the backup took.
        absent: Files that the point names and the repository does not hold.
        finding_counts: How many findings of each code it has.
    """

    at: datetime
    point: str
    snapshot_id: int
    snapshot_time: datetime
    lag_seconds: float
    commits: int
    new_files: int
    new_bytes: int
    seconds: float
    absent: int
    finding_counts: dict[str, int]
    schema: Schema = _SCHEMA


class OutageStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="outage"):
    """The catalog, the storage or a place of the repository cannot be worked with; or the reason for that changed.

    Attributes:
        at: When that was noticed, UTC.
        code: The error's code; docs/errors.md lists them.
        message: What is wrong, and where.
        hint: What could be done, or empty.
    """

    at: datetime
    code: str
    message: str
    hint: str
    schema: Schema = _SCHEMA


class OutageEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="recovered"):
    """All can be worked with again, and what was committed meanwhile is in a point.

    Attributes:
        at: When that was so, UTC.
        seconds: How long the outage was, from when it was noticed.
        attempts: How often it was tried in vain.
    """

    at: datetime
    seconds: float
    attempts: int
    schema: Schema = _SCHEMA


class WatchStopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="stopped"):
    """The watch was asked to stop, and has.

    Attributes:
        at: When, UTC.
        points: How many points it made.
    """

    at: datetime
    points: int
    schema: Schema = _SCHEMA


WatchEvent = WatchStarted | PointHeld | PointMade | OutageStarted | OutageEnded | WatchStopped


class StopSign(Protocol):
    """Asks a watch to stop; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether it is to stop."""

    def wait(self, timeout: float, /) -> bool:
        """Wait for so many seconds, or until it is to stop; answers whether it is."""
