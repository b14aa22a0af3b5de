"""Three writers commit, and maintenance runs, while backups run back to back: on each kind of catalog.

`make soak` keeps it up for a minute each; `make test` for some seconds.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings

import canvasback
from tests.lake.builder import session
from tests.postgres import Server

EACH_OTHER: dict[str, set[str]] = {
    "duckdb": {"conflict", "transaction"},
    "sqlite-wal": {"locked"},
    "sqlite-delete": set(),
    "postgres": {"conflict", "serialize"},
}
"""What writers may be refused for one another's sake, perhaps not in each run."""

SCRIPT = Path(__file__).with_name("busy_writers.py")


def seconds() -> float:
    return 60.0 if settings.get_current_profile_name() == "soak" else 2.0


def work(attach: str, data: Path, writers: int, meanwhile: Callable[[], object]) -> dict[str, Any]:
    """Let the writers write for as long as something else goes on; answer what they say of it."""
    command = [sys.executable, str(SCRIPT), attach, f"{data}/", str(writers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            meanwhile()
            answer, _ = process.communicate("", timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(answer)
    return found


def rows_of(attach: str) -> dict[str, list[int]]:
    with session(attach, "READ_ONLY") as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        return {
            name: [i for (i,) in connection.execute(f"SELECT i FROM lake.{name} ORDER BY i").fetchall()]
            for (name,) in names
        }


@pytest.mark.parametrize("kind", ["duckdb", "sqlite-wal", "sqlite-delete", "postgres"])
def test_backups_while_writers_write(
    kind: Literal["duckdb", "sqlite-wal", "sqlite-delete", "postgres"], tmp_path: Path, postgres: Server
) -> None:
    def place(number: int) -> str:
        if kind == "duckdb":
            return f"ducklake:{tmp_path}/{number}.ducklake"
        if kind == "postgres":
            return f"ducklake:postgres:{postgres.create()}"
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as database:
            database.execute(f"PRAGMA journal_mode = {kind.partition('-')[2]}")
        return f"ducklake:sqlite:{tmp_path}/{number}.db"

    # With a rollback journal, writers of one process lock each other out for good, with or without us.
    writers = 1 if kind == "sqlite-delete" else 3
    alone = work(place(0), tmp_path / "alone", writers, lambda: time.sleep(seconds() / 2))
    attach, repository = place(1), str(tmp_path / "repository")
    results: list[canvasback.BackupResult] = []

    def back_up() -> None:
        canvasback.init(attach, repository)
        ended = time.monotonic() + seconds()
        while time.monotonic() < ended or len(results) < 3:
            results.append(canvasback.backup(attach, repository))

    truth = work(attach, tmp_path / "data", writers, back_up)

    # No writer saw anything that it would not have seen without us.
    assert set(truth["refusals"]) <= set(alone["refusals"]) | EACH_OTHER[kind]
    assert [result.findings for result in results if result.findings] == []
    assert canvasback.verify(repository, all_points=True, level="rows").finding_counts == {}
    seen = dict.fromkeys(truth["tables"], 0)
    step = max(1, len(results) // 6)
    for number, result in enumerate(results[::step]):
        to = f"ducklake:{tmp_path}/back {number}/main.ducklake"
        canvasback.restore(to, repository, result.point, data_path=str(tmp_path / f"back {number}" / "files"))
        for table, rows in rows_of(to).items():
            # What a point holds is what the table was after one of its commits, and later points hold later ones.
            history = [[], *truth["tables"][table]]
            assert rows in history, (number, table)
            at = max(n for n, state in enumerate(history) if state == rows)
            assert at >= seen[table]
            seen[table] = at
    assert any(seen.values())
