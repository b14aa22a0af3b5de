"""files-small: the first backup of many small files, against rclone and restic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ours, peers
from bench.lakes import Lake, lake
from bench.measure import interleave
from bench.report import Row, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "files-small"
FILES = 50_000
FILE_BYTES = 16 * 2**10


def small_lake(session: Session) -> Lake:
    """The lake of many small files."""
    return lake(session, session.scaled(FILES), FILE_BYTES)


def run(session: Session) -> list[Row]:
    """Every run copies the whole lake to a fresh place."""
    source = small_lake(session)
    timed = interleave(
        session,
        {
            "ours": lambda _: ours.first_backup(source, session.fresh(f"{NAME}-ours")),
            "rclone": lambda _: peers.rclone_copy(source.data, session.fresh(f"{NAME}-rclone")),
            "restic": lambda _: peers.first_restic_backup(source.data, session.fresh(f"{NAME}-restic")),
        },
    )
    what = f"first backup of {session.scaled(FILES):,} files of 16 KiB"
    return [
        ratio_of_times(NAME, f"{what} / rclone copy", timed["ours"], timed["rclone"], 0.6),
        ratio_of_times(NAME, f"{what} / restic backup", timed["ours"], timed["restic"], 0.3),
    ]
