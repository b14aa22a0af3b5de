"""What attach answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class AttachResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.attach/1"):
    """A point can be attached.

    Attributes:
        point: The point's id.
        snapshot_id: The newest snapshot that it shows.
        file: The DuckDB file of views.
        statement: The statement to paste into DuckDB.
        ducklake_version: The version of DuckLake's extension that reads it.
        findings: What of the point will not be readable.
        finding_counts: How many of each code.
    """

    point: str
    snapshot_id: int
    file: str
    statement: str
    ducklake_version: str
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
