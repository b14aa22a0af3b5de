"""s3-down: restoring a lake from an object store to disk, against rclone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import objects, ours, peers
from bench.cases.s3_up import BUCKET, MEMORY_LIMIT, REPOSITORY, Shape, first_backup, large, small
from bench.measure import interleave, run_process
from bench.report import MIB, Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "s3-down"


def run(session: Session) -> list[Row]:
    """Every process reads the same repository and writes to a fresh folder; ours flushes it to the disk too."""
    return [row for shape in (small(session), large(session)) for row in _measured(session, shape)]


def _measured(session: Session, shape: Shape) -> list[Row]:
    folder = session.fresh(NAME)
    folder.mkdir()
    held = peers.remote(f"{BUCKET}/repo/data")
    with objects.running(folder) as server:
        run_process(first_backup(server, shape.lake))
        timed = interleave(
            session,
            {
                "ours": lambda number: server.reached_by(ours.restore(REPOSITORY, folder / f"ours-{number}")),
                "rclone": lambda number: server.reached_by(peers.rclone_transfer(held, folder / f"rclone-{number}")),
                "rclone, sync": lambda number: server.reached_by(
                    peers.rclone_durable(held, folder / f"durable-{number}")
                ),
            },
        )
    if shape.lake.file_bytes >= MIB:
        shutil.rmtree(folder)  # gigabytes but few inodes, so later cases do not feel it
    what = f"restore of {shape.text} from S3"
    return [
        ratio_of_times(NAME, f"{what} / rclone copy", timed["ours"], timed["rclone"], 0.8),
        ratio_of_times(NAME, f"{what} / rclone copy, then sync -f", timed["ours"], timed["rclone, sync"], None),
        peak_memory(NAME, f"peak memory: {what}", timed["ours"], MEMORY_LIMIT),
    ]
