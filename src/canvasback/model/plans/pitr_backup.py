"""What it takes to have a base backup made by the tool that keeps an archive."""

from __future__ import annotations

import msgspec

from canvasback.model.plurals import many


class PitrBackupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A tool is about to make a base backup.

    Attributes:
        archive: The archive, as messages call it.
        commits: How many commits are noted that nobody has noted yet.
        full: Whether it is asked for one that rests on no other.
    """

    archive: str
    commits: int
    full: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        noted = [f"note which transactions made {many(self.commits, 'snapshot')}"] if self.commits else []
        kind = "full base backup" if self.full else "base backup"
        return (*noted, f"have {self.archive} make a {kind}, and wait until the log is archived that it needs")
