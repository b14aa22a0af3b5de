"""What a restore of single tables is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.commit import Commit
from canvasback.model.finding import Finding
from canvasback.model.plans.files import PlannedFiles, cutting_steps
from canvasback.model.plurals import many
from canvasback.model.results.table_restore import RestoredTable


class TableRestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of a point are about to come back into a live lake.

    Attributes:
        point: The point's id.
        commit: The snapshot as of which they come back.
        lake: The catalog that gets them.
        data_path: Where its files are.
        schemas: Schemas that are made for them.
        tables: The tables.
        files: Their files, which are copied to fresh names.
        cut: Files of which only a part is needed.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    commit: Commit
    lake: str
    data_path: str
    schemas: tuple[str, ...]
    tables: tuple[RestoredTable, ...]
    files: PlannedFiles
    cut: int
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        copied = f"{many(self.files.count, 'file')} ({self.files.bytes} bytes)"
        return (
            f"point {self.point}: {self.commit}",
            *(f"the schema {schema} is made, which the lake lacks" for schema in self.schemas),
            f"copied to fresh names below {self.data_path}: {copied}",
            *cutting_steps(self.cut),
            "one new commit adds it; nothing else in the lake changes",
        )
