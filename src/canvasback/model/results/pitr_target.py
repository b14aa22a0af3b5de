"""Where PostgreSQL has to stop to have a snapshot as its newest one, and whether an archive reaches it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.recovery_target import Instruction
from canvasback.model.vaulted_database import VaultedBackup


class ReachedArchive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive, as seen from a target.

    Attributes:
        name: What it is.
        base: The base backup to begin with; empty where there is none, or where the archive has only the log.
        base_ended: When that ended; null where there is none.
        first_segment: The archive's first segment; empty where it has none.
        last_segment: The last one of the target's timeline; empty where it has none.
        reached: Whether a recovery from it can stop at the target; null where nobody knows of base backups.
    """

    name: str
    base: str
    base_ended: datetime | None
    first_segment: str
    last_segment: str
    reached: bool | None


class HoldingVault(msgspec.Struct, frozen=True, kw_only=True):
    """A database of which Google's Backup and DR keeps backups, as seen from a target.

    Attributes:
        kind: ``Cloud SQL`` or ``AlloyDB``.
        database: Its full name.
        data_source: What its backups are filed under.
        backups: How many there are that can be restored.
        last_backup: When the last of them was captured; null where there is none.
        last_state: How the last backup ended, in Google's words; empty where nobody said.
        holding: How many have the snapshot.
        first: The first of these: the fewest later commits are to be taken back of it. Null where there is none.
        instructions: What to run to restore the database with the snapshot into a new one.
    """

    kind: str
    database: str
    data_source: str
    backups: int
    last_backup: datetime | None
    last_state: str
    holding: int
    first: VaultedBackup | None
    instructions: tuple[Instruction, ...]


class PitrTargetResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-target/1"):
    """What to tell PostgreSQL, and whoever restores it.

    Attributes:
        lake: The lake.
        snapshot_id: The snapshot that is to be the newest one.
        snapshot_time: What the catalog says of its time; it is before the commit, and no target.
        committed: When it committed; null where neither the server nor its log said so.
        system: The cluster's system identifier.
        timeline: The timeline to recover along.
        xid: The transaction that made it, without its epoch.
        lsn: Where its COMMIT record begins; empty where that is not known.
        after: A position that surely is behind it; empty where none is known.
        kind: By which of them to name the target: ``lsn``, or ``xid`` where that is all that is known.
        instructions: What to tell PostgreSQL and each tool, to stop at that commit exactly.
        service_time: When it surely was there, for services that restore to a time.
        services: What to tell each of them.
        then: What to run after that, as they bring back later commits too.
        archive: The archive that was asked about; null where none was named.
        vaults: The databases that were asked about, as Google's Backup and DR knows them.
        others: How many other commits made a snapshot of that number; the lake was taken back before this one.
        findings: What is in the way, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    snapshot_id: int
    snapshot_time: datetime
    committed: datetime | None
    system: str
    timeline: int
    xid: int
    lsn: str
    after: str
    kind: str
    instructions: tuple[Instruction, ...]
    service_time: datetime
    services: tuple[Instruction, ...]
    then: str
    archive: ReachedArchive | None
    vaults: tuple[HoldingVault, ...]
    others: int
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
