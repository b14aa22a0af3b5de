"""What a restore of single tables did."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class RestoredTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that came back.

    Attributes:
        table: Schema and table where it comes from.
        restored_as: Schema and table in the lake.
        rows: Its rows.
        exact: Whether that number is known; where it is not, it is one that can be.
        files: Its data files.
        bytes: Bytes of them.
        fewest: The fewest rows that it can have.
        most: The most rows that it can have; None where nobody knows.
    """

    table: str
    restored_as: str
    rows: int
    exact: bool
    files: int
    bytes: int
    fewest: int
    most: int | None


class TableRestoreResult(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.restore-table/1"
):
    """Tables of a point came back into a live lake, or would.

    Attributes:
        point: The point's id.
        snapshot_id: The snapshot as of which they come back.
        lake: The catalog that got them.
        new_snapshot_id: The lake's snapshot that has them; 0 in a dry run.
        tables: The tables.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        seconds: How long it took.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    snapshot_id: int
    lake: str
    new_snapshot_id: int
    tables: tuple[RestoredTable, ...]
    steps: tuple[str, ...]
    dry_run: bool
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
