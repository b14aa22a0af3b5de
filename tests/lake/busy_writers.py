"""Writers and maintenance on one lake, until stdin ends: python busy_writers.py ATTACH DATA_PATH WRITERS.

Each writer commits to a table of its own, and tries again what the catalog refuses; the first one also maintains,
while no other commits: DuckLake 0.3 loses a delete of files that are being merged. It says `ready` when all have
committed, and at the end one JSON object: for each table its rows after each commit, and the kinds of refusals.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter

import duckdb

from tests import extension

MAINTENANCE = [
    "ducklake_merge_adjacent_files('lake')",
    "ducklake_expire_snapshots('lake', older_than => now() - INTERVAL 1 SECOND)",
    "ducklake_cleanup_old_files('lake', cleanup_all => true)",
]


class Gate:
    """Lets all writers in at once, or the one that maintains alone."""

    def __init__(self, writers: int) -> None:
        self.door = threading.Lock()
        self.inside = threading.Semaphore(writers)


class Writer:
    """One writer and its table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, number: int, gate: Gate) -> None:
        self.gate = gate
        self.connection = connection.cursor()
        self.table = f"t{number}"
        self.rows: list[int] = []
        self.history: list[list[int]] = []
        self.refusals: Counter[str] = Counter()
        self.commit(f"CREATE TABLE lake.{self.table} (i INTEGER)")

    def commit(self, statement: str) -> None:
        """Commit a statement, however often it takes."""
        while True:
            with self.gate.door:  # whoever maintains stands in it until all have left
                self.gate.inside.acquire()
            try:
                self.connection.execute(statement)
            except duckdb.Error as error:
                self.refusals[kind(error)] += 1
                if self.refusals.total() > 5000:
                    raise
            else:
                return
            finally:
                self.gate.inside.release()

    def maintain(self, writers: int) -> None:
        """Do what changes history, while nobody commits."""
        with self.gate.door:
            for _ in range(writers):
                self.gate.inside.acquire()
            for call in MAINTENANCE:
                try:
                    self.connection.execute(f"CALL {call}")
                except duckdb.Error as error:
                    self.refusals[kind(error)] += 1
            self.gate.inside.release(writers)

    def work(self, turn: int) -> None:
        """Insert many rows or few, which are inlined, or delete some."""
        if turn % 5 == 4:
            self.commit(f"DELETE FROM lake.{self.table} WHERE i % 7 = {turn % 7}")
            self.rows = [i for i in self.rows if i % 7 != turn % 7]
        else:
            start, count = turn * 100, 3 if turn % 2 else 30
            self.commit(f"INSERT INTO lake.{self.table} SELECT i FROM range({start}, {start + count}) r(i)")
            self.rows = [*self.rows, *range(start, start + count)]
        self.history.append(self.rows)


def kind(error: duckdb.Error) -> str:
    """What a refusal is about, whatever it names."""
    text = str(error).lower()
    for mark in ("locked", "conflict", "serialize", "constraint", "transaction", "no files found", "cannot open file"):
        if mark in text:
            return mark
    return text[:200]


def main(attach: str, data: str, count: str) -> None:
    """Write until somebody says that it is enough."""
    connection = extension.for_lake(attach)
    connection.execute("SET ducklake_max_retry_count = 200")
    connection.execute("SET wal_autocheckpoint = '64KB'")
    connection.execute(f"ATTACH '{attach}' AS lake (DATA_PATH '{data}', DATA_INLINING_ROW_LIMIT 5)")
    gate = Gate(int(count))
    writers = [Writer(connection, number, gate) for number in range(int(count))]
    ended = threading.Event()
    threads = [threading.Thread(target=run, args=(writer, len(writers), ended)) for writer in writers]
    for thread in threads:
        thread.start()
    while not all(len(writer.history) > 2 for writer in writers):
        ended.wait(0.05)
    say("ready")
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    refusals = sum((writer.refusals for writer in writers), Counter())
    say(json.dumps({"tables": {writer.table: writer.history for writer in writers}, "refusals": refusals}))


def run(writer: Writer, writers: int, ended: threading.Event) -> None:
    """Work until it is enough."""
    turn = 0
    maintained = time.monotonic()
    while not ended.is_set():
        writer.work(turn)
        turn += 1
        if writer.table == "t0" and time.monotonic() > maintained + 0.5:
            writer.maintain(writers)
            maintained = time.monotonic()


def say(line: str) -> None:
    """Write a line to whoever started us."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
