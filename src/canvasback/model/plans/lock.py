"""What lock is about to do."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.moment import spelled
from canvasback.model.plurals import either, many_are


class LockPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What kept points name is about to be locked for longer.

    Attributes:
        repository: The repository.
        until: When locks end that begin now.
        objects: Objects that are locked until then: their locks end before half of the days is over, or before the
            newest point promises, or they have none.
        held: Objects that are locked long enough.
        points: Points of which the manifests are locked for longer.
        kept: Points that are not forgotten.
        promised: What all points promise then: the first end of a lock of anything that they name.
    """

    repository: str
    until: datetime
    objects: int
    held: int
    points: int
    kept: int
    promised: datetime

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = []
        if self.objects:
            steps.append(f"{many_are(self.objects, 'object')} locked until {spelled(self.until)}")
        if self.held:
            steps.append(
                f"{many_are(self.held, 'object')} locked long enough, and "
                f"{either(self.held, 'stays as it is', 'stay as they are')}"
            )
        if self.points:
            steps.append(
                f"then {many_are(self.points, 'point')} locked, of {self.kept:,}: nothing that a point names can be "
                f"deleted before {spelled(self.promised)}"
            )
        return tuple(steps)
