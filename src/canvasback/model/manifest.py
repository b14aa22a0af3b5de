"""The manifest: the small immutable JSON object that is a recovery point. Its bytes: docs/format.md."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.holding import Holding
from canvasback.model.origin import Origin
from canvasback.model.relation import Column

_MOST = (1 << 63) - 1

Whole = Annotated[int, msgspec.Meta(ge=-_MOST - 1, le=_MOST)]
"""A number as SQL's BIGINT holds it; others are not read, for they would fail in the middle of a restore."""

Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Hash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run of rows of one table, stored as one Parquet object.

    Attributes:
        hash: BLAKE3 of the object's bytes, 64 hex digits; its name.
        rows: Number of rows.
        bytes: Size of the object.
        lower: The rows' keys are at or above this; None where the table is not divided by a key.
        upper: The rows' keys are below this.
        fingerprint: Sum of the rows' 64-bit DuckDB hashes, in hex, to see that nothing changed without
            writing the chunk again. It names nothing and proves nothing: ``hash`` does.
    """

    hash: Hash
    rows: Count
    bytes: Count
    lower: Whole | None = None
    upper: Whole | None = None
    fingerprint: str = ""


class Index(msgspec.Struct, frozen=True):
    """A Parquet object that lists a table's chunks, where there are many.

    Attributes:
        hash: BLAKE3 of the object's bytes; its name.
        bytes: Size of the object.
        chunks: How many chunks it lists.
    """

    hash: Hash
    bytes: Count
    chunks: Count


class StoredTable(msgspec.Struct, frozen=True, omit_defaults=True):
    """One table of a recovery point.

    Attributes:
        name: The table's name in the catalog, or ``data``/``delete`` for the lists of files.
        columns: Its columns with the types that a restored table has.
        rows: Number of rows in all chunks.
        primary_key: Columns of the primary key.
        hasher: The DuckDB release whose hash function made the fingerprints.
        chunks: Its chunks, by rising key, where they are few.
        index: The object that lists the chunks, where they are many.
        forms: How chunks keep the columns that hold VARIANT; see docs/format.md.
        key: The epoch of the key by which the chunks are encrypted; 0 where they are not.
    """

    name: str
    columns: tuple[Column, ...]
    rows: Count
    primary_key: tuple[str, ...] = ()
    hasher: str = ""
    chunks: tuple[Chunk, ...] = ()
    index: Index | None = None
    forms: dict[str, str] = {}
    key: Count = 0


class CatalogRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of the catalog besides its rows.

    Attributes:
        engine: ``duckdb``, ``sqlite`` or ``postgres``.
        schema: The database schema that holds the catalog's tables.
        version: DuckLake's version of the catalog, such as ``0.3``.
        storage_version: DuckDB's storage version number of the catalog's file; 64 opens in all since 1.0.
        library: The release that wrote the file last, or that served the catalog.
        journal_mode: SQLite's, ``wal`` or ``delete``.
    """

    engine: str
    schema: str
    version: str
    storage_version: Count | None = None
    library: str = ""
    journal_mode: str = ""


class FileTotals(msgspec.Struct, frozen=True):
    """The lake's files in numbers.

    Attributes:
        count: Data and delete files that the catalog names.
        bytes: Their bytes that the repository holds.
        absent: How many of them the repository does not hold; each had a finding.
        remapped: How many are held under another name than ``data/<path>``.
    """

    count: Count = 0
    bytes: Count = 0
    absent: Count = 0
    remapped: Count = 0


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recovery point.

    Attributes:
        self: BLAKE3 of the manifest's own bytes with these 64 digits replaced by zeros.
        format: Version of the repository format.
        id: The point's id; sorts by time and ends in the snapshot.
        repository_id: The repository that it belongs to.
        lake_id: ``schema_uuid`` of the lake's schema 0.
        timeline: Counts up when a catalog contradicts the point before.
        created: When the backup ran, UTC.
        snapshot_id: The lake's newest snapshot.
        snapshot_time: When that snapshot was committed.
        snapshots: How many snapshots can be travelled to.
        catalog: What is known of the catalog.
        data_path: The lake's data path as the catalog spells it.
        data_root: Where the data path was found: an absolute folder or a URL, ending in a slash.
        relative_to: The folder that relative paths of files outside of the data path are relative to.
        encrypted: Whether the lake's files are encrypted; the keys are in the catalog.
        tables: The catalog's tables.
        files: The lists of data files and of delete files.
        totals: The files in numbers.
        new_files: Files that this backup copied.
        new_bytes: Bytes of them.
        recheck_from: Where the next backup goes on looking at files that it holds already.
        findings: What was found, the first ones word for word.
        finding_counts: How many findings of each code there were.
        writer: The version of Canvasback that wrote it.
        parent: The point before, or empty.
        arrival: How it is known that what arrived in the repository is what was sent; see docs/format.md.
        origin: Where the catalog was; None where that is not known, as in points of older releases.
        holding: Who holds the files; None where the repository has copies.
    """

    self: Hash
    format: int
    id: str
    repository_id: str
    lake_id: str
    timeline: Count
    created: Time
    snapshot_id: Count
    snapshot_time: Time
    snapshots: Count
    catalog: CatalogRecord
    data_path: str
    data_root: str
    relative_to: str
    encrypted: bool
    tables: tuple[StoredTable, ...]
    files: tuple[StoredTable, ...]
    totals: FileTotals
    new_files: Count = 0
    new_bytes: Count = 0
    recheck_from: Count = 0
    findings: tuple[Finding, ...] = ()
    finding_counts: dict[str, Count] = {}
    writer: str = ""
    parent: str = ""
    arrival: str = ""
    origin: Origin | None = None
    holding: Holding | None = None
