"""What is told of a commit to the lake."""

from __future__ import annotations

from datetime import datetime

import msgspec


class CommitSummary(msgspec.Struct, frozen=True):
    """One commit to the lake.

    Attributes:
        snapshot_id: The snapshot that it made.
        time: When.
        author: Who, if the writer said so.
        message: Why, if the writer said so.
        changes: What DuckLake notes of it, such as ``inserted_into_table:2``.
    """

    snapshot_id: int
    time: datetime
    author: str
    message: str
    changes: str
