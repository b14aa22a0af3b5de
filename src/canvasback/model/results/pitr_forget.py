"""Which base backups were deleted, and what of the log."""

from __future__ import annotations

from datetime import datetime

import msgspec


class JudgedBase(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a base backup.

    Attributes:
        base: Its id.
        ended: When it was made.
        parent: The one that it rests on; empty for a full one.
        reasons: Why it stays; none where it goes.
    """

    base: str
    ended: datetime
    parent: str
    reasons: tuple[str, ...]


class PitrForgetResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-forget/1"):
    """Base backups were deleted with the log that only they need, or would be.

    Attributes:
        repository: The repository.
        system: The cluster's system identifier.
        bases: All base backups, the oldest first, each with why it stays.
        deleted_bases: How many go.
        deleted_files: How many files of the log go.
        locked: Objects that are locked against deletion, and stay until that ends.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
    """

    repository: str
    system: str
    bases: tuple[JudgedBase, ...]
    deleted_bases: int
    deleted_files: int
    locked: int
    steps: tuple[str, ...]
    dry_run: bool
