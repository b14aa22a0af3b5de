"""What a rewind is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.commit import Commit, CommitSummary
from canvasback.model.finding import Finding
from canvasback.model.plans.files import cutting_steps
from canvasback.model.plurals import many
from canvasback.model.results.rewind import RewoundTable


class RewindPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A live lake is about to go back.

    Attributes:
        lake: The catalog.
        head: Its newest snapshot.
        target: The one that becomes it.
        repository: Where a point is made before that; empty for nowhere.
        commits: The commits that are undone.
        tables: The tables that change by it.
        cut: Files of which only a part is needed.
        abandoned: Files of the undone commits.
        keep_files: Whether those are left alone, rather than scheduled for DuckLake's cleanup.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    head: Commit
    target: Commit
    repository: str
    commits: tuple[CommitSummary, ...] = ()
    tables: tuple[RewoundTable, ...] = ()
    cut: int = 0
    abandoned: int = 0
    keep_files: bool = False
    findings: tuple[Finding, ...] = ()
    finding_counts: dict[str, int] = {}

    @property
    def nothing(self) -> bool:
        """Whether the lake is there already."""
        return self.target.snapshot == self.head.snapshot

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        if self.nothing:
            return (f"the lake is at {self.head} already: nothing is to be done",)
        files = f"{many(self.abandoned, 'file')} of undone commits"
        return (
            f"the lake goes back from {self.head} to {self.target}, in one transaction",
            f"before that, a point of the lake as it is is made in {self.repository}"
            if self.repository
            else "no point is made before it: what only the undone commits hold is lost with DuckLake's next cleanup",
            *cutting_steps(self.cut),
            f"left alone, for DuckLake's removal of orphaned files to delete: {files}"
            if self.keep_files
            else f"scheduled for DuckLake's cleanup: {files}",
            "whoever has the lake attached has to attach it again",
        )
