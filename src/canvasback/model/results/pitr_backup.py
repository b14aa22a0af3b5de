"""Which base backup a tool made."""

from __future__ import annotations

import msgspec


class PitrBackupResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-backup/1"):
    """The tool that keeps an archive made a base backup, or would.

    Attributes:
        lake: The lake.
        repository: The repository in which commits are noted.
        archive: The archive, as messages call it.
        system: The cluster's system identifier.
        base: What the tool calls the base backup; empty where nothing was made.
        stop: Where it ended: every commit from there on can be recovered from it. Empty where nothing was made.
        bytes: Its bytes where it is kept; 0 where the tool does not say.
        noted: How many commits were noted that nobody had noted yet.
        snapshot_id: The newest snapshot that the catalog showed before; None where it shows none.
        seconds: How long it took.
        steps: The plan in words, in order.
        dry_run: Whether nothing was changed.
    """

    lake: str
    repository: str
    archive: str
    system: str
    base: str
    stop: str
    bytes: int
    noted: int
    snapshot_id: int | None
    seconds: float
    steps: tuple[str, ...]
    dry_run: bool
