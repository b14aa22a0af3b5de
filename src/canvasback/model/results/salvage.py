"""What salvage found in storage that the catalog does not know, and what it made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from canvasback.model.finding import Finding
from canvasback.model.results.fast_forward import Divergence, FastForwardResult

Sureness = Literal["proven", "likely", "guess"]


class SalvagedCommit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit that was found in storage, and that is a snapshot of the catalog again.

    Attributes:
        snapshot_id: The number that it has now, which may be another than it had.
        time: When its files were written.
        tables: The tables that it changed, as ``schema.table``.
        what: What it did: ``insert``, ``update``, ``delete``, ``rewrite``, ``create table``, ``alter``.
        files: How many files it takes from storage.
        rows: The rows that these data files hold.
        sureness: ``proven`` where the files show that it was committed, ``likely`` where they look as a commit's do,
            ``guess`` where they allow for something else.
        why: What it was told by.
    """

    snapshot_id: int
    time: datetime
    tables: tuple[str, ...]
    what: tuple[str, ...]
    files: int
    rows: int
    sureness: Sureness
    why: str


class LeftFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was not adopted.

    Attributes:
        name: Its path below the data path.
        reason: Why.
    """

    name: str
    reason: str


class SalvageLoss(msgspec.Struct, frozen=True, kw_only=True):
    """What may be lost, as far as it can be told.

    Attributes:
        table: The table as ``schema.table``; empty where it may be any.
        kind: Stable kebab-case name, such as ``inlined-rows``.
        message: What is lost and why it cannot be recovered.
    """

    table: str
    kind: str
    message: str


class SalvagedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that changed.

    Attributes:
        table: Its schema and name.
        table_id: Its id in the catalog.
        created: Whether the catalog did not know it.
        files: Data files that were adopted.
        rows: Their rows.
    """

    table: str
    table_id: int
    created: bool
    files: int
    rows: int


class SalvageResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.salvage/1"):
    """What a salvage did, or would do.

    Attributes:
        lake: The lake, without credentials.
        from_snapshot: The newest snapshot that the catalog knew.
        snapshot_id: The newest one now.
        data_path: Where the files are.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        commits: The commits that were found, oldest first.
        left: The files that were not adopted.
        losses: What cannot be recovered.
        tables: The tables that changed.
        seconds: How long it took.
        findings: What a person should know, the first ones word for word.
        finding_counts: How many of each code.
        forwarded: What a point of the repository brought back before that, exactly as it was.
        parted: Where the catalog parted from the newest point, if it did: nothing was taken from points then.
    """

    lake: str
    from_snapshot: int
    snapshot_id: int
    data_path: str
    steps: tuple[str, ...]
    dry_run: bool
    commits: tuple[SalvagedCommit, ...]
    left: tuple[LeftFile, ...]
    losses: tuple[SalvageLoss, ...]
    tables: tuple[SalvagedTable, ...]
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    forwarded: FastForwardResult | None = None
    parted: Divergence | None = None
