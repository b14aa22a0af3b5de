"""s3-up: the first backup of a lake on disk to an object store, against rclone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import objects, ours, peers
from bench.lakes import Lake, lake
from bench.measure import Command, interleave
from bench.report import MIB, Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from bench.objects import Server
    from bench.session import Session

NAME = "s3-up"
BUCKET = "bucket"
REPOSITORY = f"s3://{BUCKET}/repo"
MEMORY_LIMIT = 512 * MIB


@dataclass(frozen=True)
class Shape:
    """Many small files or a few large ones."""

    lake: Lake
    files: int

    @property
    def text(self) -> str:
        """The shape as the table has it."""
        size = self.lake.file_bytes
        return f"{self.files:,} files of {f'{size >> 20} MiB' if size >= MIB else f'{size >> 10} KiB'}"


def small(session: Session) -> Shape:
    """Many files of 16 KiB: what counts is what each request costs."""
    files = session.scaled(5_000)
    return Shape(lake(session, files, 16 * 2**10), files)


def large(session: Session) -> Shape:
    """A few files of 64 MiB, 2.5 GiB in all: what counts is what each byte costs."""
    files = 40
    return Shape(lake(session, files, session.scaled(64 * MIB)), files)


def first_backup(server: Server, source: Lake) -> Command:
    """Make a bucket with an empty repository (untimed) and return the process that makes its first point."""
    server.create_bucket(BUCKET)
    server.run(ours.initialize(source, REPOSITORY))
    return server.reached_by(ours.backup(source, REPOSITORY))


def run(session: Session) -> list[Row]:
    """Every process has a server of its own, which is empty but for the bucket and, for ours, the repository."""
    return [row for shape in (small(session), large(session)) for row in _measured(session, shape)]


def _measured(session: Session, shape: Shape) -> list[Row]:
    source = shape.lake
    with objects.renewable(session.fresh(NAME)) as renew:

        def mirror(_: int) -> Command:
            server = renew()
            server.create_bucket(BUCKET)
            return server.reached_by(peers.rclone_transfer(source.data, peers.remote(f"{BUCKET}/mirror")))

        timed = interleave(session, {"ours": lambda _: first_backup(renew(), source), "rclone": mirror})
    what = f"first backup of {shape.text}"
    return [
        ratio_of_times(NAME, f"{what} to S3 / rclone copy", timed["ours"], timed["rclone"], 0.8),
        peak_memory(NAME, f"peak memory: {what}", timed["ours"], MEMORY_LIMIT),
    ]
