"""A process that has a lake open and commits to it: python busy_writer.py CATALOG MODE.

It says `ready` once it has committed, and ends when something arrives on stdin. After that it prints, for
every snapshot, the rows of `lake.t` as this process made them, one JSON object per line.

MODE: `idle` commits no more; `commits` goes on; `commits and maintenance` merges, expires and cleans up too.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

import duckdb

from tests import extension


def main(catalog: str, mode: str) -> None:
    """Write to a new lake."""
    connection = extension.connect()
    if mode != "idle":
        # Checkpoints every few commits: the moments at which a hot copy can go wrong.
        connection.execute("SET wal_autocheckpoint = '64KB'")
    quoted = catalog.replace("'", "''")
    data = str(Path(catalog).parent / "data").replace("'", "''")
    connection.execute(f"ATTACH 'ducklake:{quoted}' AS lake (DATA_PATH '{data}/', DATA_INLINING_ROW_LIMIT 5)")
    connection.execute("CREATE TABLE lake.t (i INTEGER, n INTEGER)")
    rows: dict[int, int] = {}
    history: dict[int, list[list[int]]] = {}
    for commit in range(1_000_000):
        if commit == 4:
            say("ready")
        if commit >= 4 and select.select([sys.stdin], [], [], None if mode == "idle" else 0)[0]:
            break
        write(connection, commit, rows)
        (snapshot,) = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()[0]
        history[snapshot] = [[i, n] for i, n in sorted(rows.items())]
        if mode == "commits and maintenance" and commit % 7 == 6:
            connection.execute("CALL ducklake_merge_adjacent_files('lake')")
            connection.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
            (snapshot,) = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()[0]
            history[snapshot] = [[i, n] for i, n in sorted(rows.items())]
    for snapshot, content in history.items():
        say(json.dumps({"snapshot": snapshot, "rows": content}))
    connection.execute("DETACH lake")


def say(line: str) -> None:
    """Write a line to whoever started us."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write(connection: duckdb.DuckDBPyConnection, commit: int, rows: dict[int, int]) -> None:
    """Commit something: mostly inserts, large ones to files and small ones inlined, and some deletes."""
    start = commit * 100
    if commit % 4 == 2:
        gone = [i for i in rows if i % 9 == commit % 9 and i < start - 100]
        connection.execute(f"DELETE FROM lake.t WHERE i % 9 = {commit % 9} AND i < {start - 100}")
        for i in gone:
            del rows[i]
        return
    count = 3 if commit % 4 == 3 else 40
    connection.execute(f"INSERT INTO lake.t SELECT i, {commit} FROM range({start}, {start + count}) r(i)")
    rows.update(dict.fromkeys(range(start, start + count), commit))


if __name__ == "__main__":
    main(*sys.argv[1:])
