"""commit-scale: what the same small commit costs on a lake a hundred times as large."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bench import ours, peers
from bench.lakes import Lake, lake
from bench.measure import Samples, interleave
from bench.report import Row, at_most, information, mebibytes, ratio, ratio_of_times, seconds, unusable

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

NAME = "commit-scale"
LARGE, SMALL = 1_000_000, 10_000
FILE_BYTES = 400
NEW_FILES = 100


@dataclass(frozen=True)
class BackedUp:
    """A lake with a repository that holds its first point, made by the command line."""

    lake: Lake
    repository: Path
    first: Samples


def linked_lake(session: Session, files: int) -> Lake:
    """A lake whose tiny files are hard links to a few hundred."""
    return lake(session, session.scaled(files), FILE_BYTES, linked=True)


@cache
def backed_up(session: Session, files: int) -> BackedUp:
    """The lake of that many files and its repository, made once for every case that needs it."""
    source = linked_lake(session, files)
    repository = session.fresh(f"{NAME}-{session.scaled(files)}")
    name = f"first backup of {session.scaled(files):,} files"
    timed = interleave(session, {name: lambda _: ours.first_backup(source, repository)}, runs=1)
    return BackedUp(source, repository, timed[name])


def run(session: Session) -> list[Row]:
    """Each round commits to both lakes, then backs up both and reads the large catalog once."""
    large, small = backed_up(session, LARGE), backed_up(session, SMALL)
    new_files = session.scaled(NEW_FILES)

    def commit(_: int) -> None:
        large.lake.commit(new_files)
        small.lake.commit(new_files)

    contenders = {
        "large": lambda _: ours.backup(large.lake, large.repository),
        "small": lambda _: ours.backup(small.lake, small.repository),
        "read": lambda _: peers.read_catalog(large.lake.catalog),
    }
    first = {"large": large.first, "small": small.first}
    sound = {name: prepare for name, prepare in contenders.items() if name == "read" or first[name].usable}
    timed = first | interleave(session, sound, before=commit)
    read = timed["read"]
    sizes = f"{session.scaled(LARGE):,} files / at {session.scaled(SMALL):,}"
    what = f"backup after a commit of {new_files} files: at {sizes}"
    return [
        _less_reading(f"{what}, less reading the large catalog once", timed["large"], timed["small"], read),
        ratio_of_times(NAME, what, timed["large"], timed["small"], None),
        information(NAME, f"reading the catalog of {session.scaled(LARGE):,} files once", read),
        information(NAME, large.first.name, large.first),
    ]


def _less_reading(what: str, large: Samples, small: Samples, read: Samples) -> Row:
    if broken := unusable(NAME, what, (large, small, read), at_most(2.0)):
        return broken
    remaining = max(0.0, large.seconds - read.seconds)
    return ratio(
        NAME,
        what,
        (remaining, small.seconds),
        (f"{remaining:.3g} s", seconds(small)),
        target=2.0,
        peaks=f"{mebibytes(large.peak_bytes)} / {mebibytes(small.peak_bytes)}",
    )
