"""What the operations answer. `--json` prints these; docs/json holds their schemas."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.finding import Finding


class InitResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.init/1"):
    """A repository was created.

    Attributes:
        repository: Where it is.
        repository_id: Its random id.
        lake_id: The lake that it is for.
    """

    repository: str
    repository_id: str
    lake_id: str


class BackupResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.backup/1"):
    """A recovery point was made, or the newest one was found to hold all that there is.

    Attributes:
        point: Its id.
        snapshot_id: The lake's newest snapshot in it.
        files: Files that the point names.
        bytes: Bytes of them.
        new_files: Files that were copied.
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


class RunResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.run/1"):
    """A batch job was run, and a recovery point was made after it.

    Attributes:
        exit_code: The job's exit code; 128 and the signal's number if a signal ended it.
        seconds: How long it ran.
        backup: The point that was made after it.
    """

    exit_code: int
    seconds: float
    backup: BackupResult


class PointSummary(msgspec.Struct, frozen=True):
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
    problem: str = ""


class ListResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.list/1"):
    """The points of a repository, oldest first."""

    repository: str
    points: tuple[PointSummary, ...]


class TableSummary(msgspec.Struct, frozen=True):
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


class ShowResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.show/1"):
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


class VerifyResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.verify/1"):
    """Points were verified.

    Attributes:
        points: The ids of the points.
        level: How deeply.
        objects: Objects that were looked at.
        bytes: Bytes that were read.
        seconds: How long it took.
        findings: What was found, the first ones word for word.
        finding_counts: How many of each code; empty where all is sound.
    """

    points: tuple[str, ...]
    level: str
    objects: int
    bytes: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]


class RestoreResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.restore/1"):
    """A lake was restored, or would be.

    Attributes:
        point: The point's id.
        snapshot_id: The snapshot that is the lake's newest now.
        lake: The catalog that was written.
        data_path: Where its files are.
        steps: The plan in words, in order.
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
    dry_run: bool
    kept_files: int
    restored_files: int
    restored_bytes: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]


class RepointResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.repoint/1"):
    """A lake was pointed at another data path, or would be.

    Attributes:
        lake: The catalog.
        old_data_path: Where its files were.
        data_path: Where they are now.
        steps: What was done, in words.
        dry_run: Whether nothing was changed.
        files: Files that the catalog names.
        seconds: How long it took.
        findings: Files that are not at the new place, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    old_data_path: str
    data_path: str
    steps: tuple[str, ...]
    dry_run: bool
    files: int
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]


class AttachResult(msgspec.Struct, frozen=True, tag_field="schema", tag="canvasback.attach/1"):
    """A point can be attached.

    Attributes:
        point: The point's id.
        snapshot_id: The newest snapshot that it shows.
        file: The DuckDB file of views.
        statement: The statement to paste into DuckDB.
        ducklake_version: The version of DuckLake's extension that reads it.
        findings: What of the point will not be readable.
        finding_counts: How many of each code.
    """

    point: str
    snapshot_id: int
    file: str
    statement: str
    ducklake_version: str
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
