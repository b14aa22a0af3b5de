"""What repoint answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class RepointResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.repoint/1"):
    """A lake was pointed at another data path, or would be.

    Attributes:
        lake: The catalog.
        old_data_path: Where its files were.
        data_path: Where they are now.
        steps: What was done, in words.
        dry_run: Whether nothing was changed.
        files: Files that the catalog names.
        seconds: How long it took.
        findings: Files that are not at the new place, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    old_data_path: str
    data_path: str
    steps: tuple[str, ...]
    dry_run: bool
    files: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
