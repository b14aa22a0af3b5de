"""What a recovery of a PostgreSQL catalog brought back."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class PitrRestoreResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-restore/1"):
    """A catalog was recovered to a commit, or would be.

    Attributes:
        lake: The lake, as it was called where it lived.
        system: The cluster's system identifier.
        snapshot_id: The newest snapshot that came back; null in a plan of which only the recovery will tell.
        committed: When it committed; null where neither the server nor its log said so.
        lsn: Where its COMMIT record begins; empty for the end of the log.
        timeline: The timeline that was recovered.
        base: The base backup that it began with.
        pgdata: The new cluster's folder; empty where the catalog was only written elsewhere.
        export: The lake that the catalog was written to; empty for none.
        data_path: Where its files are; empty in a plan.
        steps: The plan in words, in order.
        remarks: What only the deed could know.
        dry_run: Whether nothing was changed.
        returned_files: Files that were put back.
        returned_bytes: Their bytes.
        lost_files: Files that are missing or damaged still.
        recovery_seconds: How long it took until the catalog could be read.
        seconds: How long all of it took.
        findings: What is wrong, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    system: str
    snapshot_id: int | None
    committed: datetime | None
    lsn: str
    timeline: int
    base: str
    pgdata: str
    export: str
    data_path: str
    steps: tuple[str, ...]
    remarks: tuple[str, ...]
    dry_run: bool
    returned_files: int
    returned_bytes: int
    lost_files: int
    recovery_seconds: float
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
