"""What backup answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.results.mirror import MirrorResult


class BackupResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.backup/1"):
    """A recovery point was made, or would be, or the newest one was found to hold all that there is.

    A dry run tells what the run would do if every file could be had: its numbers are those of the plan.

    Attributes:
        point: Its id; empty in a dry run.
        snapshot_id: The lake's newest snapshot in it.
        files: Files that the point names.
        bytes: Bytes of them.
        new_files: Files that were copied; or whose versions were pinned, or that have arrived at the replica.
        new_bytes: Bytes that were copied.
        reused_files: Files that the repository held already.
        catalog_bytes: Bytes of catalog and file list that were written.
        seconds: How long it took.
        findings: What was found, the first ones word for word.
        finding_counts: How many of each code.
        snapshot_time: When the newest snapshot was committed.
        commits: How many snapshots the lake has gone on since the point before; 0 where it was taken back.
        absent: Files that the point names and the repository does not hold.
        made: Whether it was made now; False where there was nothing new, and the newest point is the answer.
        tags: Names that were given to it.
        note: What was noted of it.
        steps: The plan in words, in order.
        dry_run: Whether nothing was written.
        also: What the second place of the repository got, or would get, besides the new point in a dry run; null where
            none was named. That it could not be reached is a finding in it.
        storage: How the repository has the lake's files: as ``copy``, by ``versions`` in the lake's own bucket, or at a
            ``replica``.
        storage_url: The data path whose versions it names, or the replica; null where it has copies.
    """

    point: str
    snapshot_id: int
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    reused_files: int
    catalog_bytes: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    snapshot_time: datetime
    commits: int
    absent: int
    made: bool
    steps: tuple[str, ...]
    dry_run: bool
    tags: tuple[str, ...] = ()
    note: str = ""
    also: MirrorResult | None = None
    storage: str = "copy"
    storage_url: str | None = None
