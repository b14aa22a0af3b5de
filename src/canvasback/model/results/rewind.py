"""What a rewind does to a lake, and what is lost by it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.commit import CommitSummary
from canvasback.model.finding import Finding


class RewoundTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that a rewind changes.

    Attributes:
        schema: The name of its schema, before the rewind; after it where it comes back.
        table: Its name, likewise.
        table_id: Its ``table_id``.
        change: ``goes`` where it did not exist then, ``returns`` where it was dropped since, else ``changes``.
        rows_now: Its rows before the rewind.
        rows_then: Its rows after it.
        exact: Whether both numbers are known; where they are not, they are such that can be.
        then_fewest: The fewest rows that it can have after it.
        then_most: The most rows that it can have after it; None where nobody knows.
        name_then: Schema and table as they were called then, where they were called otherwise.
    """

    schema: str
    table: str
    table_id: int
    change: str
    rows_now: int
    rows_then: int
    exact: bool
    then_fewest: int
    then_most: int | None
    name_then: str = ""


class RewindResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.rewind/1"):
    """A lake was taken back, or would be.

    Attributes:
        lake: The catalog.
        from_snapshot: Its newest snapshot before.
        snapshot_id: Its newest snapshot now.
        snapshot_time: When that was committed.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        safety_point: The point that holds what the lake was before; empty where none was made.
        commits: The commits that are taken back, oldest first.
        tables: The tables that change.
        scheduled_files: Files that only the abandoned commits needed, scheduled for DuckLake's cleanup.
        kept_files: Such files that were left alone.
        cut_files: Files that were written anew without rows of abandoned commits.
        seconds: How long it took.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    from_snapshot: int
    snapshot_id: int
    snapshot_time: datetime
    steps: tuple[str, ...]
    dry_run: bool
    safety_point: str
    commits: tuple[CommitSummary, ...]
    tables: tuple[RewoundTable, ...]
    scheduled_files: int
    kept_files: int
    cut_files: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
