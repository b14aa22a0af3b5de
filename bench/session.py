"""One run of the benchmarks: its sizes, its folders and how often each thing is timed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

QUICK_DIVISOR = 50


@dataclass(frozen=True)
class Session:
    """Settings and folders that every case shares.

    Nothing under `run_folder` is deleted before `close`: ext4 creates files up to ten times slower for
    half a minute after many were deleted in the same file system, so each timed process gets a
    fresh folder instead.
    """

    scratch: Path
    runs: int
    quick: bool
    keep: bool
    _names: set[str] = field(default_factory=set, compare=False, repr=False)

    @property
    def lakes_folder(self) -> Path:
        """Where generated lakes are; with ``--keep`` a later run with the same scratch uses them again."""
        return self.scratch / "canvasback-bench-lakes"

    @property
    def run_folder(self) -> Path:
        """Where this run's copies and repositories are."""
        return self.scratch / "canvasback-bench-run"

    @property
    def pause(self) -> float:
        """Seconds to wait between `sync` and the start of a timed process."""
        return 0.1 if self.quick else 2.0

    def scaled(self, full: int) -> int:
        """A size of the real benchmark, or a fiftieth of it (at least one) in a quick run."""
        return max(1, full // QUICK_DIVISOR) if self.quick else full

    def fresh(self, name: str) -> Path:
        """A path below the run's folder that was never handed out and does not exist."""
        number, candidate = 1, name
        while candidate in self._names or (self.run_folder / candidate).exists():
            number += 1
            candidate = f"{name}-{number}"
        self._names.add(candidate)
        self.run_folder.mkdir(parents=True, exist_ok=True)
        return self.run_folder / candidate

    def close(self) -> None:
        """Delete everything this run made, unless it is to be kept."""
        if not self.keep:
            shutil.rmtree(self.run_folder, ignore_errors=True)
            shutil.rmtree(self.lakes_folder, ignore_errors=True)
