"""Whether a repository's archives of PostgreSQL servers are sound."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class PitrVerifyResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-verify/1"):
    """The archives were looked at.

    Attributes:
        repository: The repository.
        level: How deeply: ``exists`` or ``checksum``.
        systems: How many clusters' archives there are.
        bases: How many base backups were looked at.
        segments: How many segments of logs.
        seconds: How long it took.
        findings: What is wrong, the first ones word for word.
        finding_counts: How many of each code.
    """

    repository: str
    level: str
    systems: int
    bases: int
    segments: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
