"""What a heal put back, what it mended, and what stays lost."""

from __future__ import annotations

from typing import Literal

import msgspec

from canvasback.model.finding import Finding


class HealedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was put back, or would be.

    Attributes:
        place: Its absolute path or URL.
        table: Its table, as ``schema.table``.
        code: What was wrong with it.
        source: Where the copy came from: a point of the repository, or the replica's file.
    """

    place: str
    table: str
    code: str
    source: str


class CatalogRepair(msgspec.Struct, frozen=True, kw_only=True):
    """Damage of the catalog that was mended, or would be.

    Attributes:
        code: What was wrong.
        faults: In how many places.
        words: What is done to each, and why that is safe.
    """

    code: str
    faults: int
    words: str


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A file that nothing can bring back.

    Attributes:
        place: Its absolute path or URL.
        table: Its table, as ``schema.table``.
        kind: ``data``: its rows are lost. ``delete``: the rows that it deletes show again where it is left out.
        rows: How many rows that is.
        begin_snapshot: The first snapshot that sees it.
        end_snapshot: The first one that does not any more; None where the newest one sees it.
        reason: Why it cannot be healed.
    """

    place: str
    table: str
    kind: Literal["data", "delete"]
    rows: int
    begin_snapshot: int
    end_snapshot: int | None
    reason: str


class HealResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.heal/1"):
    """Damage was healed as far as it can be, or would be.

    Attributes:
        lake: The catalog.
        data_path: Where its files are.
        level: How deeply it was looked for damage.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
        safety_point: The point of the lake as it was before its catalog was changed; empty where none was made.
        healed: Files that were put back, byte for byte; the first thousand.
        healed_files: How many there are.
        healed_bytes: Bytes of them.
        repairs: What was mended in the catalog, one after the other.
        losses: Files that cannot be healed; the first thousand.
        lost_files: How many there are.
        accepted_snapshot: The commit that leaves them out; None where there is none.
        manifest_files: How many of the lost files are in the manifest that was asked for; None where none was.
        seconds: How long it took.
        findings: What is still wrong, the first ones word for word.
        finding_counts: How many of each code.
    """

    lake: str
    data_path: str
    level: str
    steps: tuple[str, ...]
    dry_run: bool
    safety_point: str
    healed: tuple[HealedFile, ...]
    healed_files: int
    healed_bytes: int
    repairs: tuple[CatalogRepair, ...]
    losses: tuple[Loss, ...]
    lost_files: int
    accepted_snapshot: int | None
    seconds: float
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    manifest_files: int | None = None
