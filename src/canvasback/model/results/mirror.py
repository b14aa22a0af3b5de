"""What mirror answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class MirrorResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.mirror/1"):
    """A repository was mirrored, or would be.

    Attributes:
        repository: The repository.
        target: The place that holds its points too.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        made: Whether the place was made.
        points: The ids of the points that it got, oldest first; in a dry run those that it would get.
        held_points: How many of the points it had already.
        copied_objects: Objects that were copied.
        copied_bytes: Bytes of them.
        kept_objects: Objects that no point there named, and that were there and whole.
        seconds: How long it took.
        findings: What could not be mirrored, the first ones word for word.
        finding_counts: How many of each code.
    """

    repository: str
    target: str
    steps: tuple[str, ...]
    dry_run: bool
    made: bool
    points: tuple[str, ...]
    held_points: int
    copied_objects: int
    copied_bytes: int
    kept_objects: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
