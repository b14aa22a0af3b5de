"""What a run that archives a server's log tells while it works."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.results.watch import OutageEnded, OutageStarted


class PitrStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-started/1"):
    """The log of a server is being archived.

    Attributes:
        at: When.
        lake: The lake.
        repository: The repository.
        system: The cluster's system identifier.
        slot: The replication slot.
        spool: The folder into which the log streams.
        synchronous: Whether commits wait until the log is in the spool.
    """

    at: datetime
    lake: str
    repository: str
    system: str
    slot: str
    spool: str
    synchronous: bool


class LogArchived(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-archived/1"):
    """More of the log is in the repository for good.

    Attributes:
        at: When.
        position: The position up to which the repository has it.
        written: The position up to which the server had it then.
        segments: How many segments have been archived since the run began.
        behind_bytes: How much of the log would be lost with the server and the spool, just now.
        behind_seconds: For how long the repository has not had all of it; 0 where it has.
        snapshot_id: The newest snapshot that was noted; null where there is none.
    """

    at: datetime
    position: str
    written: str
    segments: int
    behind_bytes: int
    behind_seconds: float
    snapshot_id: int | None


class BaseMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-base/1"):
    """A base backup was made and checked.

    Attributes:
        at: When.
        base: Its id.
        parent: The one that it rests on; empty for a full one.
        bytes: Bytes in the repository.
        unpacked: Bytes of the files in it.
        seconds: How long it took.
    """

    at: datetime
    base: str
    parent: str
    bytes: int
    unpacked: int
    seconds: float


class PitrStopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-stopped/1"):
    """The run was stopped. The server keeps its log for the slot until the next one.

    Attributes:
        at: When.
        segments: How many segments were archived.
        bases: How many base backups were made.
    """

    at: datetime
    segments: int
    bases: int


PitrEvent = PitrStarted | LogArchived | BaseMade | OutageStarted | OutageEnded | PitrStopped
