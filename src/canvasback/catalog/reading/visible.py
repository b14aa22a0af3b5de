"""When a versioned row of the catalog holds."""

from __future__ import annotations


def visible(alias: str, snapshot: int) -> str:
    """The condition that a versioned row is seen by a snapshot."""
    ends = f"{alias}.end_snapshot"
    return f"({alias}.begin_snapshot <= {snapshot} AND ({ends} IS NULL OR {ends} > {snapshot}))"
