"""What lock answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class LockResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.lock/1"):
    """What kept points name is locked for longer, or would be.

    Attributes:
        repository: Where it is.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        objects: Objects whose locks were extended, or that had none.
        held_objects: Objects that were locked long enough.
        points: Points that promise more than before.
        kept_points: Points that are not forgotten and can be read.
        until: What all of them promise; null where there is none.
        seconds: How long it took.
        findings: Points that cannot be read and objects that are missing: they are not locked.
        finding_counts: How many of each code.
    """

    repository: str
    steps: tuple[str, ...]
    dry_run: bool
    objects: int
    held_objects: int
    points: int
    kept_points: int
    until: datetime | None
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
