"""What list and show answer."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class PointSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery point in one line.

    Attributes:
        point: Its id.
        created: When the backup ran, UTC.
        timeline: The line of history that it is on.
        snapshot_id: The lake's newest snapshot in it.
        snapshot_time: When that was committed.
        snapshots: How many snapshots can be travelled to.
        files: Files that it names.
        bytes: Bytes of them.
        new_files: Files that its backup copied.
        new_bytes: Bytes of them.
        findings: How many findings its backup had.
        tags: Names that were given to it.
        note: What somebody noted of it.
        held: Whether it must not be forgotten.
        held_until: Until when; None for ever.
        forgotten: Since when it is forgotten; None if it is not.
        problem: Why the manifest cannot be read, or empty.
    """

    point: str
    created: datetime | None = None
    timeline: int = 0
    snapshot_id: int = 0
    snapshot_time: datetime | None = None
    snapshots: int = 0
    files: int = 0
    bytes: int = 0
    new_files: int = 0
    new_bytes: int = 0
    findings: int = 0
    tags: tuple[str, ...] = ()
    note: str = ""
    held: bool = False
    held_until: datetime | None = None
    forgotten: datetime | None = None
    problem: str = ""


class ListResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.list/1"):
    """The points of a repository, oldest first.

    Attributes:
        repository: Where they are.
        points: The points; without those that are forgotten, unless they were asked for.
        findings: What is wrong with the register; empty where it is sound.
        storage: How the repository has the lake's files: as ``copy``, by ``versions`` in the lake's own bucket, or at a
            ``replica``.
        storage_url: The data path whose versions it names, or the replica; null where it has copies.
    """

    repository: str
    points: tuple[PointSummary, ...]
    findings: tuple[Finding, ...]
    storage: str = "copy"
    storage_url: str | None = None


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the lake at a point's newest snapshot.

    Attributes:
        schema: The name of its schema.
        table: Its name.
        rows: Rows that DuckLake's own statistics count; None where there are none.
        files: Live data files.
        bytes: Bytes of them.
    """

    schema: str
    table: str
    rows: int | None
    files: int
    bytes: int


class ShowResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.show/1"):
    """A point in full.

    Attributes:
        point: The point in one line.
        ducklake_version: The version of the catalog.
        engine: The kind of database that held it.
        data_path: The data path as the catalog spells it.
        data_root: Where it was found.
        encrypted: Whether the lake is encrypted.
        absent: Files that the repository does not hold.
        tables: The lake's tables at the newest snapshot.
        findings: What the backup found.
        finding_counts: How many of each code.
        storage: How the point has the lake's files: as ``copy``, by ``versions``, or at a ``replica``.
        storage_url: The data path whose versions it names, or the replica; null where the repository has copies.
    """

    point: PointSummary
    ducklake_version: str
    engine: str
    data_path: str
    data_root: str
    encrypted: bool
    absent: int
    tables: tuple[TableSummary, ...]
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    storage: str = "copy"
    storage_url: str | None = None
