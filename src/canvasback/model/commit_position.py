"""Where the commits of a lake are in the log of the PostgreSQL server that holds its catalog."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from canvasback.model.manifest import Count, Time

LsnText = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9A-F]{1,8}/[0-9A-F]{1,8})?\Z")]
"""A position as PostgreSQL prints it; empty where it is not known."""

System = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,20}\Z")]
"""A cluster's system identifier. It is text, for JSON's readers lose the last digits of such numbers."""

Xid = Annotated[int, msgspec.Meta(ge=3, lt=1 << 32)]
"""A transaction's number as ``xmin`` and ``recovery_target_xid`` have it, without its epoch."""

FoundBy = Literal["server", "log"]


class CommitPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One commit of a lake.

    Attributes:
        system: The cluster's system identifier.
        timeline: A timeline of PostgreSQL's that has the commit.
        snapshot_id: The snapshot that it made.
        snapshot_time: What the catalog says of its time: when its transaction began, which is before it committed.
        xid: The transaction, which is ``xmin`` of the row of ``ducklake_snapshot``.
        after: A position on that timeline which surely is behind its COMMIT record; empty where nobody knows.
        lsn: Where that record begins; empty where nobody looked into the log.
        committed: When it committed, where the server or its log says so.
        found_by: Who knew: the ``server`` as it was asked, or the ``log``.
    """

    system: System
    timeline: Count
    snapshot_id: Count
    snapshot_time: Time
    xid: Xid
    after: LsnText = ""
    lsn: LsnText = ""
    committed: Time | None = None
    found_by: FoundBy = "server"

    @property
    def identity(self) -> tuple[str, int, datetime]:
        """What tells it from all other commits; a lake that was taken back has another one of the same snapshot."""
        return self.system, self.snapshot_id, self.snapshot_time

    @property
    def time(self) -> datetime:
        """When it committed, as well as it is known."""
        return self.committed or self.snapshot_time


class CommitMap(msgspec.Struct, frozen=True):
    """What is known of where commits are.

    Attributes:
        commits: Each commit once, in the order in which they were found.
    """

    commits: tuple[CommitPosition, ...] = ()

    @classmethod
    def merged(cls, found: Iterable[CommitPosition]) -> CommitMap:
        """The map of what was found, the earliest first.

        Who saw a commit first knows its transaction best: a later rewrite of the row gives it another ``xmin``. What
        the first did not know, others add.
        """
        known: dict[tuple[str, int, datetime], CommitPosition] = {}
        for commit in found:
            before = known.setdefault(commit.identity, commit)
            if before.xid != commit.xid or before is commit:
                continue
            lsn, committed = before.lsn or commit.lsn, before.committed or commit.committed
            known[commit.identity] = msgspec.structs.replace(before, lsn=lsn, committed=committed)
        return cls(tuple(known.values()))

    def of_snapshot(self, snapshot_id: int) -> tuple[CommitPosition, ...]:
        """The commits that made that snapshot, the one found last at the end; several where a lake was taken back."""
        return tuple(commit for commit in self.commits if commit.snapshot_id == snapshot_id)
