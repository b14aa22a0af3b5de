"""What a mirror is about to copy."""

from __future__ import annotations

import msgspec

from canvasback.model.holding import Holding
from canvasback.model.plurals import either, many


class MirrorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Points that another place of the repository gets.

    Attributes:
        target: The other place.
        makes: Whether there is nothing yet.
        held: How many of the points are there already.
        points: The ids of those that are not, and can be read, oldest first.
        objects: How many objects they name that no point at the other place is known to name.
        bytes: Bytes of them.
        holding: Who holds the lake's files; None where the repository has copies.
    """

    target: str
    makes: bool
    held: int
    points: tuple[str, ...]
    objects: int
    bytes: int
    holding: Holding | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = [f"{self.target} becomes a place of this repository"] if self.makes else []
        if self.held:
            steps.append(f"{many(self.held, 'point')} {either(self.held, 'is', 'are')} there already and {self._stay}")
        if self.objects:
            steps.append(
                f"{many(self.objects, 'object')} ({self.bytes:,} bytes) that no point there names "
                f"{either(self.objects, 'is', 'are')} copied and compared, unless {self._arrived}"
            )
        if self.points and self.holding is not None:
            steps.append(f"the lake's files are not copied: both places name {self.holding}")
        if self.points:
            steps.append(f"then {points_in_words(self.points)} {either(len(self.points), 'is', 'are')} published there")
        return tuple(steps) or (f"{self.target} lacks nothing",)

    @property
    def _stay(self) -> str:
        return either(self.held, "stays", "stay")

    @property
    def _arrived(self) -> str:
        return either(self.objects, "it has arrived before", "they have arrived before")


def points_in_words(points: tuple[str, ...]) -> str:
    """Points, oldest first: the only one by its id, or how many and which are the ends."""
    if len(points) == 1:
        return f"point {points[0]}"
    return f"{many(len(points), 'point')}, from {points[0]} to {points[-1]},"
