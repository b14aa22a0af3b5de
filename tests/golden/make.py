"""Makes the repository of this format that every later release has to read, and says what is in it.

Run it by hand, once for each format, before that format is released: `.venv/bin/python -m tests.golden.make`.
It starts from the fixture `duckdb-1.0` (those of formats 1 and 2 from `duckdb-0.3`) and makes three points:

1. the fixture as it is: nested types, odd names, partitions, delete files, inlined rows and deletes;
2. more commits, among them inlined values of VARIANT, a file outside of the data path, and a file that is lost before
   the backup;
3. a file whose content changed though DuckLake never changes one, so that its copy has another name.
"""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

import canvasback
from canvasback.repository.layout import FORMAT
from tests.golden.contents import files_of, heads, kinds
from tests.lake.builder import connect, session
from tests.oracle import load_fixture

HERE = Path(__file__).parent
ARCHIVE = HERE / f"repository-format-{FORMAT}.tar.gz"
EXPECTED = HERE / f"repository-format-{FORMAT}.json"

KINDS = ["1", "'1'", "1.50", "DATE '2024-02-29'", "NULL", "true", "'\\x00\\xFF'::BLOB", "{'a': 1, 'b': [1.5, NULL]}"]
"""Values of VARIANT that Parquet has."""

ODD_KINDS = [
    "INTERVAL '1 month -2 days 3.5 seconds'",
    "'12:00:00.123456789'::TIME_NS",
    "{'b': [1], 'a': NULL}",
    "'it''s'",
]
"""Values of VARIANT that it has not, or not so."""


def make() -> None:
    """Write the archive and what is expected of it beside this file."""
    with tempfile.TemporaryDirectory(prefix="canvasback-golden-") as folder:
        os.chdir(folder)
        lake = load_fixture("duckdb-1.0", Path(folder)).path
        repo = Path(folder) / "repository"
        canvasback.init(str(lake / "main.ducklake"), str(repo), clock=clock(0))
        points = [
            {**point(lake, repo, 1, {}), "snapshots": json.loads((lake / "expected.json").read_text())["snapshots"]}
        ]
        lost = commit_more(lake, Path(folder) / "outside" / "added by hand.parquet")
        points.append(point(lake, repo, 2, {"file-missing": 1}, lost))
        change_a_file(lake)
        points.append(point(lake, repo, 3, {"file-changed": 1, "file-missing": 1}, lost))
        told = {"points": points, "kinds": kinds(f"ducklake:{lake / 'main.ducklake'}")}
        EXPECTED.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        with tarfile.open(ARCHIVE, "w:gz", compresslevel=9) as archive:
            archive.add(repo, "repository", filter=anonymous)
    print(f"{ARCHIVE.name}: {ARCHIVE.stat().st_size:,} bytes")


def point(lake: Path, repo: Path, number: int, findings: dict[str, int], lost: str | None = None) -> dict[str, Any]:
    """Back the lake up, and note what the point holds: every file, and every table that can be read."""
    tables = heads(f"ducklake:{lake / 'main.ducklake'}", without={"main.lost"}, cwd=lake)
    named = names_in(lake / "main.ducklake")  # others wait for their deletion
    files = {path: hash_ for path, hash_ in files_of(lake).items() if Path(path).name in named}
    made = canvasback.backup(str(lake / "main.ducklake"), str(repo), clock=clock(number))
    assert made.finding_counts == findings, made
    return {"point": made.point, "findings": findings, "tables": tables, "files": files, "lost": lost}


def names_in(catalog: Path) -> set[str]:
    """The names of the files that the catalog names."""
    tables = ("ducklake_data_file", "ducklake_delete_file")
    with duckdb.connect(str(catalog), read_only=True) as connection:
        return {
            Path(path).name for table in tables for (path,) in connection.sql(f"SELECT path FROM {table}").fetchall()
        }


def commit_more(lake: Path, outside: Path) -> str:
    """Go on with the lake; the name of the file that is lost."""
    outside.parent.mkdir()
    here = Path.cwd()
    os.chdir(lake)  # a relative data path is relative to the process
    try:
        with connect() as connection:
            connection.execute(f"COPY (SELECT 7 AS a, 'outside' AS b) TO '{outside}'")
        with session("ducklake:main.ducklake", "DATA_INLINING_ROW_LIMIT 0") as connection:
            connection.execute("CREATE TABLE lake.main.golden (a INTEGER, b VARCHAR)")
            connection.execute("INSERT INTO lake.main.golden SELECT range, 'row ' || range FROM range(100)")
            connection.execute("DELETE FROM lake.main.golden WHERE a % 10 = 0")
            connection.execute(f"CALL ducklake_add_data_files('lake', 'golden', '{outside}')")
            connection.execute("CREATE TABLE lake.main.lost AS SELECT 1 AS a")
        with session("ducklake:main.ducklake", "DATA_INLINING_ROW_LIMIT 10") as connection:
            connection.execute("CREATE TABLE lake.main.kinds (i INTEGER, v VARIANT)")
            connection.execute("CREATE TABLE lake.main.odd_kinds (i INTEGER, v VARIANT, s STRUCT(v VARIANT, j JSON))")
            for number, value in enumerate(KINDS):
                connection.execute(f"INSERT INTO lake.main.kinds VALUES ({number}, {value}::VARIANT)")
            for number, value in enumerate(ODD_KINDS):
                row = f"{number}, {value}::VARIANT, {{'v': {value}::VARIANT, 'j': '{{\"b\":  1}}'}}"
                connection.execute(f"INSERT INTO lake.main.odd_kinds VALUES ({row})")
    finally:
        os.chdir(here)
    [lost] = (lake / "data" / "main" / "lost").glob("*.parquet")
    lost.unlink()
    return str(lost.relative_to(lake / "data"))


def change_a_file(lake: Path) -> None:
    """Write other bytes into a data file; it stays readable and keeps its size."""
    files = (lake / "data" / "main" / "golden").glob("*.parquet")
    path = min(path for path in files if not path.stem.endswith("-delete"))
    content = path.read_bytes()
    changed = content.replace(b"DuckDB version v", b"DuckDB Version V")
    assert changed != content
    path.write_bytes(changed)


def clock(number: int) -> Any:
    """A clock that stands still."""
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(hours=number)
    return lambda: moment


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who made the archive, and on what machine."""
    if member.name.startswith("repository/leases/"):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    make()
