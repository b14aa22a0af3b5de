"""What a prune is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.holding import Holding
from canvasback.model.plurals import either, many, many_are


class PrunePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What no point names is about to be deleted.

    Attributes:
        repository: The repository.
        grace: How long a point is forgotten, and an object is named by nobody, before it is deleted.
        points: Forgotten points that are deleted.
        objects: Objects that are deleted.
        bytes: Bytes of them.
        fingerprint: Differs where they are others.
        waiting: Objects that no point names either, but that are too young.
        waiting_bytes: Bytes of them.
        leases: Old leases that are deleted.
        locked_points: Forgotten points that would be deleted, but are locked.
        locked: Objects that no point names and that are old enough, but are locked.
        locked_bytes: Bytes of them.
        holding: Who holds the lake's files; None where the repository has copies.
    """

    repository: str
    grace: str
    points: int
    objects: int
    bytes: int
    fingerprint: str
    waiting: int
    waiting_bytes: int
    leases: int
    locked_points: int = 0
    locked: int = 0
    locked_bytes: int = 0
    holding: Holding | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = []
        if self.points:
            steps.append(
                f"{many(self.points, 'point')} that {either(self.points, 'was', 'were')} forgotten more than "
                f"{self.grace} ago {either(self.points, 'is', 'are')} deleted, and cannot be brought back"
            )
        if self.objects:
            steps.append(f"{many(self.objects, 'object')} ({self.bytes} bytes) that no other point names: deleted")
        if self.leases:
            steps.append(f"{many(self.leases, 'old lease')}: deleted")
        if self.locked_points:
            steps.append(
                f"{many_are(self.locked_points, 'forgotten point')} locked: "
                f"{either(self.locked_points, 'it stays', 'they stay')} until the lock ends, with all that "
                f"{either(self.locked_points, 'it names', 'they name')}"
            )
        if self.locked:
            steps.append(
                f"{many(self.locked, 'object')} ({self.locked_bytes} bytes) {either(self.locked, 'is', 'are')} named "
                f"by no point, and locked: {either(self.locked, 'it stays', 'they stay')} until the lock ends"
            )
        if self.waiting:
            steps.append(
                f"{many(self.waiting, 'object')} ({self.waiting_bytes} bytes) that no point names and that "
                f"{either(self.waiting, 'is', 'are')} younger than {self.grace}: left, as a run may be going to need it"
            )
        steps = steps or ["nothing is to be deleted"]
        return tuple(steps if self.holding is None else [*steps, self.holding.stays])
