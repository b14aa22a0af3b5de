"""What run answers."""

from __future__ import annotations

import msgspec

from canvasback.model.results.backup import BackupResult


class RunResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.run/1"):
    """A batch job was run, and a recovery point was made after it.

    Attributes:
        exit_code: The job's exit code; 128 and the signal's number if a signal ended it.
        seconds: How long it ran.
        backup: The point that was made after it.
    """

    exit_code: int
    seconds: float
    backup: BackupResult
