"""files-large: the first backup of a few large files, against cp."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import ours, peers
from bench.lakes import lake
from bench.measure import interleave
from bench.report import Row, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "files-large"
FILES = 8
FILE_BYTES = 256 * 2**20


def run(session: Session) -> list[Row]:
    """Every run copies the lake to a fresh place; ours computes checksums and flushes to the disk too."""
    file_bytes = session.scaled(FILE_BYTES)
    source = lake(session, FILES, file_bytes)
    folder = session.fresh(NAME)
    folder.mkdir()
    timed = interleave(
        session,
        {
            "ours": lambda number: ours.first_backup(source, folder / f"ours-{number}"),
            "cp": lambda number: peers.cp(source.data, folder / f"cp-{number}"),
            "cp, sync": lambda number: peers.cp_durable(source.data, folder / f"durable-{number}"),
        },
    )
    shutil.rmtree(folder)  # gigabytes but few inodes, so later cases do not feel it
    what = f"first backup of {FILES} files of {file_bytes / 2**20:.0f} MiB"
    return [
        ratio_of_times(NAME, f"{what} / cp -r", timed["ours"], timed["cp"], 1.3),
        ratio_of_times(NAME, f"{what} / cp -r, then sync -f", timed["ours"], timed["cp, sync"], None),
    ]
