"""What restore answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class RestoreResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.restore/1"):
    """A lake was restored, or would be.

    Attributes:
        point: The point's id.
        snapshot_id: The snapshot that is the lake's newest now.
        lake: The catalog that was written.
        data_path: Where its files are.
        steps: The plan in words, in order.
        remarks: What is to be said of how it was done: where an old catalog is now, and what a catalog of this kind
            holds otherwise.
        dry_run: Whether nothing was written.
        kept_files: Files that were there already and whole.
        restored_files: Files that were put there.
        restored_bytes: Bytes of them.
        seconds: How long it took.
        findings: What was found, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    snapshot_id: int
    lake: str
    data_path: str
    steps: tuple[str, ...]
    remarks: tuple[str, ...]
    dry_run: bool
    kept_files: int
    restored_files: int
    restored_bytes: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
