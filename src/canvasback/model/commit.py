"""A commit to the lake: the snapshot that it made, and what is told of it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.moment import spelled


class Commit(msgspec.Struct, frozen=True):
    """One snapshot and the time of its commit."""

    snapshot: int
    time: datetime

    def __str__(self) -> str:
        return f"snapshot {self.snapshot} of {spelled(self.time)}"


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
