"""A base backup of a PostgreSQL cluster, as the repository remembers it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from canvasback.errors import CorruptError
from canvasback.model.commit_position import System
from canvasback.model.manifest import Count, Hash, Time
from canvasback.model.wal import Lsn, Segment

BaseId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}T[0-9]{9}Z\Z")]
BaseLsn = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-F]{1,8}/[0-9A-F]{1,8}\Z")]


class BaseBackup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The manifest of a base backup, which is written last.

    Attributes:
        self: BLAKE3 of its own bytes with these 64 digits replaced by zeros.
        format: Version of the repository format.
        repository_id: The repository that it belongs to.
        id: Its id: when it began.
        system: The cluster's system identifier.
        postgres: The server's version number, such as 180004.
        segment_size: The bytes of a segment of the cluster's log.
        timeline: The timeline that it was made on.
        start: Where its recovery begins to read the log.
        end: Where the log has to be read to at least: before that it is not consistent.
        began: When it began.
        ended: When it ended.
        parent: The base backup that an incremental one rests on; empty for a full one.
        bytes: The bytes of its object.
        blake3: Their BLAKE3.
        unpacked: The bytes of the files in it.
    """

    self: Hash
    format: int
    repository_id: str
    id: BaseId
    system: System
    postgres: Count
    segment_size: Count
    timeline: Count
    start: BaseLsn
    end: BaseLsn
    began: Time
    ended: Time
    parent: str = ""
    bytes: Count
    blake3: Hash
    unpacked: Count

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.postgres // 10_000

    @property
    def first_segment(self) -> Segment:
        """The first segment that its recovery reads."""
        return Segment.holding(self.timeline, Lsn.parse(self.start), self.segment_size)


def chain(bases: Iterable[BaseBackup], base: BaseBackup) -> tuple[BaseBackup, ...]:
    """What a base backup rests on, the full one first, and itself.

    Raises:
        CorruptError: One of them is not there (``base-missing``).
    """
    known = {one.id: one for one in bases}
    found = [base]
    while found[0].parent:
        parent = known.get(found[0].parent)
        if parent is None or parent in found:
            raise CorruptError(
                "base-missing",
                f"the base backup {found[0].id} rests on {found[0].parent}, which is not there",
                hint="Choose an earlier or later one: canvasback pitr list shows them.",
            )
        found.insert(0, parent)
    return tuple(found)


def needed_by(bases: Sequence[BaseBackup], kept: Iterable[str]) -> frozenset[str]:
    """The ids of the base backups that are kept, and of those that they rest on."""
    known = {one.id: one for one in bases}
    found: set[str] = set()
    for id_ in kept:
        at = id_
        while at in known and at not in found:
            found.add(at)
            at = known[at].parent
    return frozenset(found)
