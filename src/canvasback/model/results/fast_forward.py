"""What it takes to bring a lake whose catalog is stale forward, and what that brings back."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.commit import CommitSummary
from canvasback.model.finding import Finding


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """A live catalog and a point that parted: each has commits that the other has not.

    Attributes:
        point: The newest such point.
        snapshot_id: The newest snapshot that both have; None where they have none in common.
        live_snapshot: The catalog's newest snapshot.
        point_snapshot: The point's newest snapshot.
        point_time: When that was committed.
    """

    point: str
    snapshot_id: int | None
    live_snapshot: int
    point_snapshot: int
    point_time: datetime


class FastForwardResult(msgspec.Struct, frozen=True, kw_only=True):
    """A lake was brought forward to a point, or would be.

    Attributes:
        point: The point.
        from_snapshot: The catalog's newest snapshot before; None where there was no catalog.
        snapshot_id: Its newest snapshot now.
        snapshot_time: When that was committed.
        data_path: Where its files are.
        commits: The commits that come back and that the point still tells of, oldest first.
        steps: What was done, in words, in order.
        dry_run: Whether nothing was changed.
        kept_files: Files that were there already and whole.
        placed_files: Files that were put back.
        placed_bytes: Bytes of them.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    from_snapshot: int | None
    snapshot_id: int
    snapshot_time: datetime
    data_path: str
    commits: tuple[CommitSummary, ...]
    steps: tuple[str, ...]
    dry_run: bool
    kept_files: int
    placed_files: int
    placed_bytes: int
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
