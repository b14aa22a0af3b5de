"""What a check of a live lake found: the findings, and where in each table the damage lies."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some data files of a table that were written one after the other.

    Attributes:
        files: How many there are.
        lost: How many of them, or of their files of deletes, are gone or cannot be read.
        wrong: How many of the others are whole, but not what the catalog says.
        begin_snapshot: The first snapshot that wrote one of them.
    """

    files: int
    lost: int
    wrong: int
    begin_snapshot: int


class TableHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a table fares.

    Attributes:
        schema: The name of its schema.
        table: Its name, the last one if it was dropped.
        table_id: Its ``table_id``.
        dropped: Whether the newest snapshot does not have it any more.
        files: Its data files, those that only older snapshots see included.
        bytes: Bytes of them.
        rows: Rows that the newest snapshot sees, as far as the catalog can tell.
        rows_lost: Those of the rows whose data files are gone or cannot be read.
        lost: Files that are gone or cannot be read, files of deletes included.
        findings: Findings about it.
        stretches: Its data files in the order in which they were written; empty where all of them are sound.
    """

    schema: str
    table: str
    table_id: int
    dropped: bool
    files: int
    bytes: int
    rows: int
    rows_lost: int
    lost: int
    findings: int
    stretches: tuple[Stretch, ...]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.check/1"):
    """A live lake was looked at. Nothing was changed.

    Attributes:
        lake: The catalog.
        engine: The kind of database that holds it.
        ducklake_version: The version of DuckLake's format.
        snapshot_id: Its newest snapshot.
        snapshot_time: When that was committed.
        data_path: Where its files are.
        level: How deeply it was looked at.
        time: When that was.
        tables: Its tables, the damaged ones first.
        files: Files that were looked at.
        bytes: Bytes that the catalog promises of them.
        accepted: Lost files whose loss was accepted before, and is no finding any more.
        unknown_checksums: At level ``checksum``, files of which the repository has no checksum.
        seconds: How long it took.
        findings: What was found, the first ones word for word.
        finding_counts: How many of each code; empty where all is sound.
    """

    lake: str
    engine: str
    ducklake_version: str
    snapshot_id: int
    snapshot_time: datetime
    data_path: str
    level: str
    time: datetime
    tables: tuple[TableHealth, ...]
    files: int
    bytes: int
    accepted: int
    unknown_checksums: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
