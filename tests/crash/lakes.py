"""A small lake that the real DuckLake extension writes, as it was after each of three stages.

Run as a script, it writes one stage: `python lakes.py FOLDER STAGE OUTSIDE`. The script ends without closing
its database if STAGE says so, which is how a catalog comes to have a `.wal` beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import extension

if TYPE_CHECKING:
    import pytest

STAGES: dict[str, list[str]] = {
    "1": [
        "CREATE SCHEMA lake.s",
        "CREATE TABLE lake.s.t (i INTEGER, s VARCHAR)",
        "CREATE TABLE lake.s.parts (day DATE, n BIGINT)",
        "ALTER TABLE lake.s.parts SET PARTITIONED BY (day)",
        "INSERT INTO lake.s.t SELECT i, 'one ' || i FROM range(20) r(i)",
        "INSERT INTO lake.s.t SELECT i, 'two ' || i FROM range(20, 40) r(i)",
        "INSERT INTO lake.s.parts SELECT DATE '2026-01-01' + (i % 2)::INTEGER, i FROM range(10) r(i)",
    ],
    "2": [
        "INSERT INTO lake.s.t SELECT i, 'three ' || i FROM range(40, 60) r(i)",
        "DELETE FROM lake.s.t WHERE i % 10 = 3",
    ],
    "3": [
        "INSERT INTO lake.s.t VALUES (1000, 'inlined'), (1001, NULL)",
        "DELETE FROM lake.s.t WHERE i = 44",
        "UPDATE lake.s.t SET s = 'changed' WHERE i = 5",
        "INSERT INTO lake.s.parts SELECT DATE '2026-02-01', i FROM range(30) r(i)",
        "CALL ducklake_add_data_files('lake', 't', '{outside}', schema => 's')",
    ],
    "unclosed": ["INSERT INTO lake.s.t SELECT i, 'unclosed ' || i FROM range(60, 80) r(i)"],
}


@dataclass(frozen=True)
class Stages:
    """The lake after each stage. Its data path is relative, so a copy of a folder is a lake of its own."""

    folders: dict[str, Path]
    truth: dict[str, dict[str, Any]]
    """What the real extension reads there, as `tests.oracle.read_lake` answers it."""
    outside: Path
    """A file that stage 3 names by its absolute path."""


_BUILT: list[Stages] = []


def stages_once(factory: pytest.TempPathFactory) -> Stages:
    """The stages, written by the first test of a session that wants them."""
    if not _BUILT:
        _BUILT.append(write_stages(factory.mktemp("stages")))
    return _BUILT[0]


def write_stages(folder: Path) -> Stages:
    """Write the lake, stage by stage, and keep a copy of each."""
    from tests.oracle import read_lake  # noqa: PLC0415 - the script below must not need it

    outside = folder / "outside" / "it's 1=1.parquet"
    outside.parent.mkdir(parents=True)
    lake = folder / "lake"
    lake.mkdir()
    folders, truth = {}, {}
    for stage in STAGES:
        script = [sys.executable, __file__, str(lake), stage, str(outside)]
        subprocess.run(script, check=True, capture_output=True, text=True)
        folders[stage] = folder / f"stage-{stage}"
        shutil.copytree(lake, folders[stage])
        if stage != "unclosed":
            truth[stage] = read_lake(f"ducklake:{lake / 'main.ducklake'}", cwd=lake)["snapshots"]
    assert (folders["unclosed"] / "main.ducklake.wal").exists()
    return Stages(folders, truth, outside)


def _write(folder: str, stage: str, outside: str) -> None:
    os.chdir(folder)
    connection = extension.connect()
    connection.execute("SET TimeZone = 'UTC'")
    if not Path(outside).exists():
        quoted = outside.replace("'", "''")
        connection.execute(f"COPY (SELECT 2000 + i::INTEGER AS i, 'outside' AS s FROM range(9) r(i)) TO '{quoted}'")
    for statement in STAGES[stage]:
        limit = 4 if "inlined" in statement else 0  # 1.0 would inline small deletes and updates too
        connection.execute(
            f"ATTACH 'ducklake:main.ducklake' AS lake (DATA_PATH 'data/', DATA_INLINING_ROW_LIMIT {limit})"
        )
        connection.execute(statement.format(outside=outside.replace("'", "''")))
        if stage == "unclosed":
            sys.stdout.flush()
            os._exit(0)
        connection.execute("DETACH lake")


if __name__ == "__main__":
    _write(*sys.argv[1:])
