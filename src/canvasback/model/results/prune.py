"""What prune answers."""

from __future__ import annotations

import msgspec


class PruneResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.prune/1"):
    """What no point names was deleted, or would be.

    Attributes:
        repository: The repository.
        steps: The plan in words, in order.
        dry_run: Whether nothing was deleted.
        points: Forgotten points that are gone.
        objects: Objects that are gone.
        bytes: Bytes of them.
        leases: Old leases that are gone.
        waiting: Objects that no point names, and that are too young to be deleted.
        waiting_bytes: Bytes of them.
        locked_points: Forgotten points that are locked, and stay until the lock ends.
        locked: Objects that no point names, and that are locked.
        locked_bytes: Bytes of them.
        seconds: How long it took.
    """

    repository: str
    steps: tuple[str, ...]
    dry_run: bool
    points: int
    objects: int
    bytes: int
    leases: int
    waiting: int
    waiting_bytes: int
    locked_points: int
    locked: int
    locked_bytes: int
    seconds: float
