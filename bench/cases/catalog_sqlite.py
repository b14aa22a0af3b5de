"""catalog-sqlite: a catalog of a million data files in SQLite, against VACUUM INTO and zstd."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from bench import elsewhere, ours, peers
from bench.cases.catalog import MEMORY_LIMIT
from bench.lakes import made_once
from bench.measure import Command, Contender, interleave
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

NAME = "catalog-sqlite"
CATALOG = "lake.sqlite"


def catalog(session: Session) -> Path:
    """The catalog, converted once."""

    def make(folder: Path) -> None:
        elsewhere.convert(session, f"ducklake:sqlite:{folder / CATALOG}")

    return made_once(session, f"{session.scaled(elsewhere.FILES)}-sqlite", make) / CATALOG


def run(session: Session) -> list[Row]:
    """Per run: a compressed copy, then the first and the next point of a fresh repository."""
    path = catalog(session)
    attach_string = f"ducklake:sqlite:{path}"
    folder = session.fresh(NAME)
    folder.mkdir()

    def next_point(number: int) -> Command:
        commit(path)
        return ours.catalog_only("next", attach_string, folder / f"repository-{number}")

    contenders: dict[str, Contender] = {
        "vacuum": lambda number: peers.vacuum_and_compress(path, folder / f"copy-{number}.sqlite"),
        "first": lambda number: ours.catalog_only("first", attach_string, folder / f"repository-{number}"),
        "next": next_point,
    }
    timed = interleave(session, contenders)
    shutil.rmtree(folder)  # gigabytes but few inodes, so later cases do not feel it
    peer, files = "VACUUM INTO, then zstd -1", f"{session.scaled(elsewhere.FILES):,} files"
    return [
        ratio_of_times(NAME, f"first point of {files} / {peer}", timed["first"], timed["vacuum"], 2.0),
        ratio_of_times(NAME, f"next point, after a commit of 1 file / {peer}", timed["next"], timed["vacuum"], 0.5),
        *(peak_memory(NAME, f"peak memory: {name}", timed[name], MEMORY_LIMIT) for name in ("first", "next")),
    ]


def commit(path: Path) -> None:
    """One more snapshot with one more file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"BEGIN; {elsewhere.COMMIT} COMMIT;")
