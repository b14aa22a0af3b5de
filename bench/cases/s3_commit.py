"""s3-commit: the backup to an object store after a small commit, against rclone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import objects, ours, peers
from bench.cases.s3_up import BUCKET, MEMORY_LIMIT, REPOSITORY, first_backup, small
from bench.measure import interleave
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from bench.session import Session

NAME = "s3-commit"
NEW_FILES = 50


def run(session: Session) -> list[Row]:
    """One first copy each (not reported), then per run: a commit, ours, rclone, both to where they copied before."""
    shape = small(session)
    source, new_files = shape.lake, session.scaled(NEW_FILES)
    with objects.running(session.fresh(NAME)) as server:
        mirror = server.reached_by(peers.rclone_transfer(source.data, peers.remote(f"{BUCKET}/mirror")))
        backup = server.reached_by(ours.backup(source, REPOSITORY))
        first = interleave(
            session, {"ours": lambda _: first_backup(server, source), "rclone": lambda _: mirror}, runs=1
        )
        contenders = {"ours": lambda _: backup, "rclone": lambda _: mirror}
        sound = {name: prepare for name, prepare in contenders.items() if first[name].usable}
        timed = first | interleave(session, sound, before=lambda _: source.commit(new_files))
    what = f"backup after a commit of {new_files} files to {shape.files:,}"
    return [
        ratio_of_times(NAME, f"{what} to S3 / rclone copy", timed["ours"], timed["rclone"], 0.2),
        peak_memory(NAME, f"peak memory: {what}", timed["ours"], MEMORY_LIMIT),
    ]
