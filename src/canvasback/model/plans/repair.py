"""What a repair is about to put back."""

from __future__ import annotations

import msgspec

from canvasback.model.plans.mirror import points_in_words
from canvasback.model.plurals import either, many


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing or damaged in a repository, and can be had from another place of it.

    Attributes:
        source: The other place.
        level: How deeply it was looked for damage.
        looked: How many objects were looked at.
        missing: Objects that are missing.
        damaged: Objects that are there and are not what was saved: they are moved aside.
        bytes: Bytes of both.
        lost: Objects that the other place does not have with their size, either.
        missing_points: The ids of points whose manifests are missing.
        damaged_points: The ids of points whose manifests are damaged: those are moved aside.
    """

    source: str
    level: str
    looked: int
    missing: int
    damaged: int
    bytes: int
    lost: int
    missing_points: tuple[str, ...]
    damaged_points: tuple[str, ...]

    @property
    def points(self) -> tuple[str, ...]:
        """The ids of the points that are published again, oldest first."""
        return tuple(sorted((*self.missing_points, *self.damaged_points)))

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = []
        if self.damaged:
            damaged = many(self.damaged, "object")
            steps.append(f"{damaged} that {_is(self.damaged)} damaged {_is(self.damaged)} moved aside")
        if self.missing + self.damaged:
            count = self.missing + self.damaged
            steps.append(
                f"{many(count, 'object')} ({self.bytes:,} bytes) {_is(count)} put in place from {self.source}, "
                "and compared on the way"
            )
        if self.damaged_points:
            count = len(self.damaged_points)
            whose = either(count, "manifest", "manifests")
            steps.append(f"the damaged {whose} of {points_in_words(self.damaged_points)} {_is(count)} moved aside")
        if self.points:
            steps.append(f"{points_in_words(self.points)} {_is(len(self.points))} published again")
        if self.lost:
            steps.append(f"{many(self.lost, 'object')} {either(self.lost, 'stays', 'stay')} broken")
        return tuple(steps) or (f"nothing is broken at level {self.level}",)


def _is(count: int) -> str:
    return either(count, "is", "are")
