"""One writer that commits at a steady pace, until stdin ends: python steady_writer.py ATTACH DATA_PATH RATE MAINTAIN.

RATE is commits a second; 0 for one commit for each line on stdin, answered by the snapshot's id. MAINTAIN is yes or
no: to merge, expire and clean up every other second. It says `ready` when it has committed, and at the end one JSON
object: what the lake was after each commit by its snapshot, when that was, and how long it wrote.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time

import duckdb

from tests import extension

MAINTENANCE = [
    "ducklake_merge_adjacent_files('lake')",
    "ducklake_expire_snapshots('lake', older_than => now() - INTERVAL 2 SECOND)",
    "ducklake_cleanup_old_files('lake', cleanup_all => true)",
]


def digest(rows: list[int]) -> str:
    """What stands for the rows of a table, in whatever order they come."""
    return f"{len(rows)} {hashlib.md5(repr(sorted(rows)).encode()).hexdigest()}"


class Writer:
    """The writer, and what it knows to be true."""

    def __init__(self, attach: str, data: str) -> None:
        self.connection = extension.for_lake(attach)
        self.connection.execute("SET wal_autocheckpoint = '64KB'")
        self.connection.execute("SET ducklake_max_retry_count = 200")
        self.connection.execute(f"ATTACH '{attach}' AS lake (DATA_PATH '{data}', DATA_INLINING_ROW_LIMIT 5)")
        self.rows: list[int] = []
        self.truth: dict[int, str] = {}
        self.times: dict[int, float] = {}
        self.turn = 0
        self.execute("CREATE TABLE lake.t (i INTEGER)")
        self.note()

    def execute(self, statement: str) -> None:
        """Commit a statement, however often it takes."""
        for _ in range(1000):
            try:
                self.connection.execute(statement)
            except duckdb.Error as error:
                if "locked" not in str(error).lower():
                    raise
            else:
                return
        raise TimeoutError(statement)

    def note(self) -> int:
        """Remember what the lake is at its head."""
        [(snapshot,)] = self.connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        self.times.setdefault(snapshot, time.time())
        self.truth[snapshot] = digest(self.rows)
        return int(snapshot)

    def commit(self) -> int:
        """Insert rows or few, which are inlined, or delete some; answer the snapshot."""
        self.turn += 1
        if self.turn % 6 == 5:
            self.execute(f"DELETE FROM lake.t WHERE i % 9 = {self.turn % 9}")
            self.rows = [i for i in self.rows if i % 9 != self.turn % 9]
        else:
            start, count = self.turn * 50, 3 if self.turn % 2 else 30
            self.execute(f"INSERT INTO lake.t SELECT i FROM range({start}, {start + count}) r(i)")
            self.rows += range(start, start + count)
        return self.note()

    def maintain(self) -> None:
        """Do what changes history."""
        for call in MAINTENANCE:
            self.execute(f"CALL {call}")
        self.note()


def main(attach: str, data: str, rate: float, *, maintains: bool) -> None:
    """Write until somebody says that it is enough."""
    writer = Writer(attach, data)
    writer.commit()
    say("ready")
    began = time.monotonic()
    if not rate:
        for _ in sys.stdin:
            say(str(writer.commit()))
    else:
        ended = threading.Event()
        threading.Thread(target=wait_for_the_end, args=(ended,)).start()
        due = maintained = began
        while not ended.is_set():
            writer.commit()
            if maintains and time.monotonic() > maintained + 2:
                writer.maintain()
                maintained = time.monotonic()
            due = max(due + 1 / rate, time.monotonic() - 1)  # what a slow second lacks, the next one makes up for
            ended.wait(max(0.0, due - time.monotonic()))
    seconds = time.monotonic() - began
    say(json.dumps({"truth": writer.truth, "times": writer.times, "commits": writer.turn, "seconds": seconds}))


def wait_for_the_end(ended: threading.Event) -> None:
    """Wait until stdin ends."""
    sys.stdin.read()
    ended.set()


def say(line: str) -> None:
    """Write a line to whoever started us."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), maintains=sys.argv[4] == "yes")
