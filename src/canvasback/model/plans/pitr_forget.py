"""What becomes of base backups and of the log that only they need."""

from __future__ import annotations

import msgspec

from canvasback.model.plurals import either, many


class PitrForgetPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Base backups are about to be deleted, and the log before the oldest that stays.

    Attributes:
        system: The cluster's system identifier.
        bases: The ids of those that go, the oldest first.
        bytes: Their bytes.
        files: Files of the log that nothing needs then, the oldest first.
        first_segment: The first segment that stays needed.
        rested_on: The ids of those that stay only because one that is kept rests on them.
        leftovers: Objects of base backups that came to nothing, more than a day ago.
    """

    system: str
    bases: tuple[str, ...]
    bytes: int
    files: tuple[str, ...]
    first_segment: str
    rested_on: tuple[str, ...]
    leftovers: tuple[str, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = []
        if self.rested_on:
            stay = either(len(self.rested_on), "stays", "stay")
            steps.append(
                f"{many(len(self.rested_on), 'base backup')} {stay} that the policy does not keep: others rest on it"
            )
        if self.bases:
            steps.append(f"{many(len(self.bases), 'base backup')} ({self.bytes:,} bytes) deleted for good")
        if self.files:
            steps.append(f"{many(len(self.files), 'file')} of the log before {self.first_segment} deleted for good")
        if self.leftovers:
            steps.append(f"{many(len(self.leftovers), 'object')} of base backups that were never finished deleted")
        return tuple(steps) or ("nothing is to be deleted",)
