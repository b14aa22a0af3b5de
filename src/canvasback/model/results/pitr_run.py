"""What a run that archives a server's log tells while it works."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Schema = Literal["canvasback.pitr-run/1"]
_SCHEMA: Schema = "canvasback.pitr-run/1"


class PitrStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="started"):
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
    schema: Schema = _SCHEMA


class LogArchived(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="archived"):
    """More of the log is in the repository for good.

    Attributes:
        at: When.
        position: The position up to which the repository has it.
        written: The position up to which the server had it then.
        segments: How many segments have been archived since the run began.
        behind_bytes: How much of the log would be lost with the server and the spool, just now.
        behind_seconds: The repository has all that there was so long ago, or later; 0 for all that there is.
        snapshot_id: The newest snapshot that was noted; null where there is none.
    """

    at: datetime
    position: str
    written: str
    segments: int
    behind_bytes: int
    behind_seconds: float
    snapshot_id: int | None
    schema: Schema = _SCHEMA


class LogBehind(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="behind"):
    """The repository still lacks some of the log: told every so often, as long as it does.

    Attributes:
        at: When.
        position: The position up to which the repository has it; empty where that is not known yet.
        written: The position up to which the server had it when it was asked last; empty where it never was.
        answers: Whether the server was asked just now. Else it may have written more since, or be gone.
        behind_bytes: How much of the log would be lost with the server and the spool, as far as is known; null where
            that is not known yet.
        behind_seconds: The repository is known to have all that there was so long ago.
        snapshot_id: The newest snapshot that was noted; null where there is none.
    """

    at: datetime
    position: str
    written: str
    answers: bool
    behind_bytes: int | None
    behind_seconds: float
    snapshot_id: int | None
    schema: Schema = _SCHEMA


class BaseMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="base"):
    """A base backup was made and checked, and the log is archived that it needs.

    Attributes:
        at: When.
        base: Its id.
        end: Where the log has to be read to at least.
        parent: The one that it rests on; empty for a full one.
        bytes: Bytes in the repository.
        unpacked: Bytes of the files in it.
        seconds: How long it took.
    """

    at: datetime
    base: str
    end: str
    parent: str
    bytes: int
    unpacked: int
    seconds: float
    schema: Schema = _SCHEMA


class ArchivingHeldUp(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="outage"):
    """Something does not work; it is tried again, and what is not archived yet is kept by the server or in the spool.

    Attributes:
        at: When.
        what: ``receiver``, ``log``, ``commits`` or ``base``.
        code: The error's code.
        message: What it is.
        hint: What to do.
    """

    at: datetime
    what: str
    code: str
    message: str
    hint: str
    schema: Schema = _SCHEMA


class ArchivingGoesOn(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="recovered"):
    """What was held up works again.

    Attributes:
        at: When.
        what: See `ArchivingHeldUp`.
        seconds: How long it did not.
    """

    at: datetime
    what: str
    seconds: float
    schema: Schema = _SCHEMA


class PitrStopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="stopped"):
    """The run was stopped. The server keeps its log for the slot until the next one.

    Attributes:
        at: When.
        segments: How many segments were archived.
        bases: How many base backups were made.
    """

    at: datetime
    segments: int
    bases: int
    schema: Schema = _SCHEMA


PitrEvent = PitrStarted | LogArchived | LogBehind | BaseMade | ArchivingHeldUp | ArchivingGoesOn | PitrStopped
