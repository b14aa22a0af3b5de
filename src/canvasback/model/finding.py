"""A finding: one fact that a check or a backup turned up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

Severity = Literal["info", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact that somebody should know.

    Attributes:
        code: Stable kebab-case name of the kind of finding, such as ``file-missing``.
        severity: ``error`` where something is lost or wrong, ``warning`` where it may be, else ``info``.
        where: The file, table or object that it is about.
        message: What was found; lower case, no full stop.
        cure: What to do about it; a full sentence.
        table: The lake's table that it is about, as ``schema.table``; empty where it is about no single one.
    """

    code: str
    severity: Severity
    where: str
    message: str
    cure: str = ""
    table: str = ""


class FindingKind(msgspec.Struct, frozen=True):
    """What findings of one code have in common, for those who never met it.

    Attributes:
        code: Stable kebab-case name.
        severity: See `Finding`.
        explanation: What it is and what it does to a lake; full sentences.
        example: How it comes about, or what one sees of it; a full sentence.
        cure: What to do about it; a full sentence.
    """

    code: str
    severity: Severity
    explanation: str
    example: str
    cure: str

    def at(self, where: str, message: str, table: str = "") -> Finding:
        """A finding of this kind."""
        return Finding(self.code, self.severity, where, message, self.cure, table)


class Findings:
    """Collects findings and keeps their number bounded: a lost disk must not make a huge manifest."""

    def __init__(self, keep: int = 1000) -> None:
        self._keep = keep
        self._kept: list[Finding] = []
        self._counts: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it word for word while there are not too many."""
        self._counts[finding.code] += 1
        if len(self._kept) < self._keep:
            self._kept.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add each of the findings."""
        for finding in findings:
            self.add(finding)

    def merge(self, others: Findings) -> None:
        """Add what others collected, those that they did not keep included."""
        self._counts += others._counts
        self._kept += others._kept[: max(0, self._keep - len(self._kept))]

    def recall(self, kept: Iterable[Finding], counts: Mapping[str, int]) -> None:
        """Add what a plan or a result says that was found."""
        self._counts += Counter(counts)
        self._kept += list(kept)[: max(0, self._keep - len(self._kept))]

    @property
    def kept(self) -> tuple[Finding, ...]:
        """The first findings, word for word."""
        return tuple(self._kept)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each code, those not kept included."""
        return dict(sorted(self._counts.items()))
