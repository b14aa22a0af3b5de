"""What repair answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class RepairResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.repair/1"):
    """What a repository lost was put back from another place of it, or would be.

    Attributes:
        repository: The repository.
        source: The other place.
        level: How deeply it was looked for damage.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        objects: Objects that were looked at.
        repaired_objects: Objects that were put in place.
        repaired_bytes: Bytes of them.
        points: The ids of the points that were published again, oldest first; in a dry run those that would be.
        seconds: How long it took.
        findings: What stays broken, the first ones word for word.
        finding_counts: How many of each code.
    """

    repository: str
    source: str
    level: str
    steps: tuple[str, ...]
    dry_run: bool
    objects: int
    repaired_objects: int
    repaired_bytes: int
    points: tuple[str, ...]
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
