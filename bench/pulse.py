"""The looks of a watch for commits that do not come, as a process to measure.

    python -m bench.pulse LAKE TICKS        LAKE as one puts it into ATTACH

It is canvasback's own loop with its own question to the catalog; it does not sleep, and the point that it takes for
the newest one is made up.
"""

from __future__ import annotations

import sys

from canvasback.catalog.engines import open_engine
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.watch import WatchStarted
from canvasback.verbs.watch import follow


class Ticks:
    """Stops a watch after so many looks, and lets it wait for nothing."""

    def __init__(self, count: int) -> None:
        self._left = count

    def is_set(self) -> bool:
        """Whether there were enough; asked before each look."""
        self._left -= 1
        return self._left < 0

    def wait(self, timeout: float, /) -> bool:
        """Do not."""
        return timeout < 0


def main(lake: str, ticks: str) -> None:
    """Look so many times."""
    held = BackupResult(
        point="",
        snapshot_id=0,
        files=0,
        bytes=0,
        new_files=0,
        new_bytes=0,
        reused_files=0,
        catalog_bytes=0,
        seconds=0.0,
        findings=(),
        finding_counts={},
        snapshot_time=now(),
        commits=0,
        absent=0,
        made=False,
        steps=(),
        dry_run=False,
    )
    begun = WatchStarted(at=now(), lake=lake, repository="", every_seconds=1.0)
    for _ in follow(begun, open_engine(parse_lake(lake)).pulse, lambda: held, Ticks(int(ticks)), now):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
