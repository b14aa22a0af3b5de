"""What verify answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class ProtectedPoint(msgspec.Struct, frozen=True):
    """How long a point is protected against deletion, with all that it needs.

    Attributes:
        point: Its id.
        until: Until when, UTC; null where it is not.
    """

    point: str
    until: datetime | None


class VerifyResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.verify/1"):
    """Points were verified.

    Attributes:
        points: The ids of the points.
        level: How deeply.
        objects: Objects that were looked at.
        bytes: Bytes that were read.
        seconds: How long it took.
        findings: What was found, the first ones word for word.
        finding_counts: How many of each code; empty where all is sound.
        protected: The points that can be read, if the repository's objects are locked; else none.
    """

    points: tuple[str, ...]
    level: str
    objects: int
    bytes: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    protected: tuple[ProtectedPoint, ...]
