"""mirror: a second place for a repository of many files, and one new point of it, against rclone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ours, peers
from bench.cases.files_small import FILES, small_lake
from bench.measure import interleave, run_process
from bench.report import Row, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "mirror"
NEW_FILES = 100


def run(session: Session) -> list[Row]:
    """Every run copies the whole repository to a fresh place; then each run adds a point, to the same two places."""
    source = small_lake(session)
    new_files = session.scaled(NEW_FILES)
    repository = session.fresh(f"{NAME}-repository")
    run_process(ours.first_backup(source, repository))
    first = interleave(
        session,
        {
            "ours": lambda _: ours.mirror(repository, session.fresh(f"{NAME}-ours")),
            "rclone": lambda _: peers.rclone_copy(repository, session.fresh(f"{NAME}-rclone")),
        },
    )
    ours_to, rclone_to = (session.run_folder / f"{NAME}-{name}" for name in ("ours", "rclone"))

    def commit(_: int) -> None:
        source.commit(new_files)
        run_process(ours.backup(source, repository))

    contenders = {
        "ours": lambda _: ours.mirror(repository, ours_to),
        "rclone": lambda _: peers.rclone_copy(repository, rclone_to),
    }
    sound = {name: prepare for name, prepare in contenders.items() if first[name].usable}
    timed = first | interleave(session, sound, before=commit)
    whole = f"mirror of a repository of {session.scaled(FILES):,} files of 16 KiB / rclone copy"
    return [
        ratio_of_times(NAME, whole, first["ours"], first["rclone"], 1.0),
        ratio_of_times(
            NAME, f"mirror of a point of {new_files} new files / rclone copy", timed["ours"], timed["rclone"], 0.2
        ),
    ]
