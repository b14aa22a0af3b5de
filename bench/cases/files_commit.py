"""files-commit: the backup after a small commit to a lake of many files, against rclone and restic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ours, peers
from bench.cases.files_small import small_lake
from bench.measure import interleave
from bench.report import Row, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "files-commit"
NEW_FILES = 100


def run(session: Session) -> list[Row]:
    """One first copy each (not reported), then per run: a commit, ours, rclone, restic.

    All of them go on with the same destination: every round is one more increment.
    """
    source = small_lake(session)
    new_files = session.scaled(NEW_FILES)
    repository, mirror, restic = (session.fresh(f"{NAME}-{name}") for name in ("ours", "rclone", "restic"))
    first = interleave(
        session,
        {
            "ours": lambda _: ours.first_backup(source, repository),
            "rclone": lambda _: peers.rclone_copy(source.data, mirror),
            "restic": lambda _: peers.first_restic_backup(source.data, restic),
        },
        runs=1,
    )
    contenders = {
        "ours": lambda _: ours.backup(source, repository),
        "rclone": lambda _: peers.rclone_copy(source.data, mirror),
        "restic": lambda _: peers.restic_backup(source.data, restic),
    }
    sound = {name: prepare for name, prepare in contenders.items() if first[name].usable}
    timed = first | interleave(session, sound, before=lambda _: source.commit(new_files))
    what = f"backup after a commit of {new_files} files"
    return [
        ratio_of_times(NAME, f"{what} / rclone copy", timed["ours"], timed["rclone"], 0.5),
        ratio_of_times(NAME, f"{what} / restic backup", timed["ours"], timed["restic"], 0.25),
    ]
