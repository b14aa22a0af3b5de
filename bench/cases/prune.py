"""prune: half of the points of a long history go, with what only they name, against restic."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import histories, ours, peers
from bench.lakes import Lake, in_child, made_once
from bench.measure import interleave, note
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measure import Command
    from bench.session import Session

NAME = "prune"
POINTS = 200
FILES = 5_000
"""The lake has so many at any time."""
NEW_FILES = 500
"""So many come between two points, and the oldest of as many go."""
FILE_BYTES = 16 * 2**10
MEMORY = 512 * 2**20


def run(session: Session) -> list[Row]:
    """Every run keeps the newer half of the points, in a fresh copy of what was made once."""
    points = session.scaled(POINTS)
    files, new_files = session.scaled(FILES), session.scaled(NEW_FILES)
    keep = points // 2

    def make(folder: Path) -> None:
        note(f"making {points:,} points of a lake of {files:,} files, of which {new_files:,} are new each time")
        lake = Lake(folder, FILE_BYTES, linked=False)
        repositories = folder / "ours", folder / "restic"
        in_child(histories.make, lake, *repositories, points=points, files=files, new_files=new_files)

    made = made_once(session, f"{points}-points-of-{files}-files", make)

    def copied(name: str) -> Path:
        target = session.fresh(f"{NAME}-{name}")
        shutil.copytree(made / name, target)
        return target

    def restic(_: int) -> Command:
        target = copied("restic")
        shutil.copytree(peers.restic_cache(made / "restic"), peers.restic_cache(target))
        return peers.restic_forget(target, keep)

    timed = interleave(session, {"ours": lambda _: ours.halve(copied("ours"), keep), "restic": restic})
    what = f"forget and prune {points - keep:,} of {points:,} points, of {files + (points - 1) * new_files:,} files"
    return [
        ratio_of_times(NAME, f"{what} / restic forget --prune", timed["ours"], timed["restic"], 0.5),
        peak_memory(NAME, f"{what}: peak memory", timed["ours"], MEMORY),
    ]
