"""What forget and unforget answer."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class JudgedPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point, and what becomes of it.

    Attributes:
        point: Its id.
        created: When it was made, UTC.
        timeline: The line of history that it is on; 0 where it cannot be read.
        snapshot_id: The lake's newest snapshot in it.
        kept: Whether it stays.
        reasons: Why it stays, all that there are; or why it goes.
    """

    point: str
    created: datetime
    timeline: int
    snapshot_id: int
    kept: bool
    reasons: tuple[str, ...]


class SnapshotRange(msgspec.Struct, frozen=True, kw_only=True):
    """Snapshots that follow each other.

    Attributes:
        timeline: The line of history that they are on.
        first: The first one's id.
        last: The last one's.
    """

    timeline: int
    first: int
    last: int


class ForgetResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.forget/1"):
    """Points were forgotten, or would be: the plan, whether it was carried out or not.

    Attributes:
        repository: Where the points are.
        reason: The policy, or that they were named.
        points: The points that were decided on, oldest first: all that are not forgotten yet, or those that were named.
        unreachable: Snapshots that no other point holds: they cannot be travelled to any more.
        lost_tables: Tables of the lake of which no other point knows.
        freed_objects: How many objects only forgotten points name, those that were forgotten before included: what the
            next prune may delete. None where a point that stays cannot be read.
        freed_bytes: Bytes of them.
        findings: Points that cannot be read, which stay.
        finding_counts: How many of each code.
        dry_run: Whether it is only what would be done.
    """

    repository: str
    reason: str
    points: tuple[JudgedPoint, ...]
    unreachable: tuple[SnapshotRange, ...]
    lost_tables: tuple[str, ...]
    freed_objects: int | None
    freed_bytes: int | None
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    dry_run: bool

    @property
    def forgotten(self) -> tuple[str, ...]:
        """The ids of the points that go."""
        return tuple(point.point for point in self.points if not point.kept)


class UnforgetResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.unforget/1"):
    """Forgotten points are there again.

    Attributes:
        repository: Where they are.
        points: Their ids.
    """

    repository: str
    points: tuple[str, ...]
