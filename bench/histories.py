"""A lake with a long history: files come and the oldest go, and each time a point is made, by us and by restic.

And the end of half of it, as a process to measure: ``python -m bench.histories REPOSITORY KEEP`` forgets all but the
newest KEEP points, and deletes what only those named, as if eight days had passed in between.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from bench import catalogs, ours, peers
from bench.lakes import FILES_PER_SNAPSHOT, extend
from bench.measure import run_process

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lakes import Lake

LATER = timedelta(days=8)
"""More than the grace of a prune."""


def make(lake: Lake, repository: Path, restic: Path, *, points: int, files: int, new_files: int) -> None:
    """Make a lake of so many files, and points of it.

    Args:
        lake: The lake; its folder is there.
        repository: Our repository.
        restic: The one of restic.
        points: How many points each of them gets.
        files: How many files the lake has at any time.
        new_files: How many come between two points; the oldest of as many go.
    """
    import canvasback  # noqa: PLC0415 - the process that measures must not

    lake.data.mkdir()
    catalogs.make_catalog(lake.catalog, lake.data)
    extend(lake, files, FILES_PER_SNAPSHOT)
    run_process(ours.initialize(lake, repository))
    peers.restic_init(restic)
    for number in range(points):
        if number:
            extend(lake, new_files, new_files)
            for path in catalogs.drop_oldest(lake.catalog, new_files):
                (lake.data / catalogs.FOLDER / path).unlink()
        canvasback.backup(lake.attach_string, str(repository))
        run_process(peers.restic_backup(lake.data, restic))


def halve(repository: str, keep: int) -> None:
    """Forget all but the newest points, and prune."""
    import canvasback  # noqa: PLC0415
    from canvasback.model.clock import now  # noqa: PLC0415

    forgotten = canvasback.forget(repository, policy=canvasback.Policy(keep_last=keep))
    pruned = canvasback.prune(repository, clock=lambda: now() + LATER)
    if pruned.points != len(forgotten.forgotten) or not pruned.objects:
        sys.exit(f"{pruned.points} points and {pruned.objects} objects were deleted")


if __name__ == "__main__":
    halve(sys.argv[1], int(sys.argv[2]))
