"""rewind: taking the catalog of a million data files back by ten commits, against reading it once."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from bench import catalogs, elsewhere, ours, peers
from bench.cases.catalog import MEMORY_LIMIT
from bench.cases.catalog_sqlite import CATALOG
from bench.lakes import in_child, made_once
from bench.measure import Command, interleave
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

NAME = "rewind"
COMMITS = 10


def run(session: Session) -> list[Row]:
    """Each run takes back another copy of the catalog, without a safety point; the reading is of the original."""

    def make(folder: Path) -> None:
        elsewhere.convert(session, f"ducklake:sqlite:{folder / CATALOG}")

    catalog = elsewhere.in_duckdb(session)
    sqlite = made_once(session, f"{session.scaled(elsewhere.FILES)}-sqlite", make) / CATALOG
    folder = session.fresh(NAME)
    folder.mkdir()

    heads = {catalog: in_child(catalogs.head, catalog), sqlite: _head(sqlite)}

    def rewind(source: Path, prefix: str, number: int) -> Command:
        copy = folder / f"{number}-{source.name}"
        shutil.copyfile(source, copy)
        return ours.rewind(f"{prefix}{copy}", heads[source] - COMMITS)

    timed = interleave(
        session,
        {
            "rewind": lambda number: rewind(catalog, "ducklake:", number),
            "rewind in SQLite": lambda number: rewind(sqlite, "ducklake:sqlite:", number),
            "read": lambda _: peers.read_catalog(catalog),
        },
    )
    shutil.rmtree(folder)  # gigabytes but few inodes, so later cases do not feel it
    what = f"by {COMMITS} commits at {session.scaled(elsewhere.FILES):,} files"
    return [
        ratio_of_times(NAME, f"{what} / reading the catalog once", timed["rewind"], timed["read"], 2.0),
        ratio_of_times(
            NAME, f"{what}, in SQLite / reading it in DuckDB", timed["rewind in SQLite"], timed["read"], None
        ),
        peak_memory(NAME, "peak memory: rewind", timed["rewind"], MEMORY_LIMIT),
        peak_memory(NAME, "peak memory: rewind in SQLite", timed["rewind in SQLite"], MEMORY_LIMIT),
    ]


def _head(catalog: Path) -> int:
    with closing(sqlite3.connect(catalog)) as connection:
        [(newest,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshot")
        return int(newest)
