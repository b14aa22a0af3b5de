"""Asks the real DuckLake extension of this Python's DuckDB what it sees in a lake.

Run as `python -m tests.oracle.reader`: one JSON request a line on stdin, one JSON answer a line on stdout, until stdin
ends. It needs the standard library, duckdb and the extension, because it runs in environments that hold nothing else.

    {"cwd": "/path", "attach": "ducklake:/path/main.ducklake", "data_path": null, "override": false,
     "actions": [{"do": "read", "read_only": true}, {"do": "conflict", "kind": "delete"}, {"do": "write"}]}

The answer is {"duckdb": version, "answers": [one per action]} or, when the extension raised, {"error": text}. No
request finds anything of the one before: each opens its own DuckDBs and closes them, and one that met an error of
DuckDB, which may keep a file open, is the last that its process answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb

from tests import extension
from tests.lake.answers import wrong_answers

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Head = dict[str, dict[str, Any]]

PASSED: set[str] = set()
"""The states of tables that this process has judged, and that answered rightly."""


class Lake:
    """How to attach one lake, as `lake`.

    Attributes:
        failed: Whether an error ended a session with it.
        seen: What the action before saw of its head at the end, which nobody else changes.
        passed: What needs not be judged again; None where its files are not where its catalog says, as what was
            passed is known by them.
    """

    def __init__(self, request: Json) -> None:
        self.failed = False
        self.seen: Head = {}
        self.passed = PASSED if request["data_path"] is None else None
        self._uri: str = request["attach"]
        self._options: list[str] = []
        if request["data_path"] is not None:
            self._options.append(f"DATA_PATH {literal(request['data_path'])}")
        if request["override"]:
            self._options.append("OVERRIDE_DATA_PATH true")

    @contextmanager
    def attached(self, *options: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the lake in a fresh DuckDB for as long as a `with` block lasts."""
        connection = extension.for_lake(self._uri)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")  # stdout carries the answer only
            self.attach(connection, *options)
            yield connection
            # After a commit that lost a race, 1.4.4 keeps the catalog's file open past close() and no later
            # attach of this process succeeds; only DETACH lets go of it.
            connection.execute("DETACH lake")
        except BaseException:
            self.failed = True
            raise
        finally:
            connection.close()

    def attach(self, connection: duckdb.DuckDBPyConnection, *options: str) -> None:
        """Attach the lake to a DuckDB that has it detached."""
        clause = ", ".join([*self._options, *options])
        connection.execute(f"ATTACH {literal(self._uri)} AS lake" + (f" ({clause})" if clause else ""))


def literal(text: str) -> str:
    """Quote a string for SQL."""
    return "'" + text.replace("'", "''") + "'"


def name(*parts: str) -> str:
    """Quote a qualified name for SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """List the tables of the attached lake as the extension's own catalog shows them."""
    return connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
    ).fetchall()


def fingerprint(connection: duckdb.DuckDBPyConnection, schema: str, table: str, at: str = "") -> Json:
    """Count and hash a table's rows, in the way that expected.json was made.

    Raises:
        RuntimeError: The extension cannot read the table.
    """
    query = f"SELECT t::VARCHAR FROM (SELECT * FROM {name('lake', schema, table)}{at}) t"
    try:
        rows = sorted(str(row) for (row,) in connection.execute(query).fetchall())
    except duckdb.Error as error:
        message = f"{schema}.{table}{at}: {error}"
        raise RuntimeError(message) from error
    return {"rows": len(rows), "md5": digest(rows)}


def exact(connection: duckdb.DuckDBPyConnection, schema: str, table: str, at: str = "") -> tuple[Json, str]:
    """Fingerprint a table, and hash its rows with their row ids and what the text of a VARIANT does not tell.

    Raises:
        RuntimeError: The extension cannot read the table.
    """
    table_ = name("lake", schema, table)
    try:
        variants = [row[0] for row in connection.execute(f"DESCRIBE {table_}{at}").fetchall() if row[1] == "VARIANT"]
        typed = "".join(f" || ' ' || coalesce(variant_typeof(t.{name(column)}), '')" for column in variants)
        rows = connection.execute(f"SELECT t::VARCHAR, t.rowid || ''{typed} FROM {table_}{at} t").fetchall()
    except duckdb.Error as error:
        message = f"{schema}.{table}{at}: {error}"
        raise RuntimeError(message) from error
    texts = sorted(str(text) for text, _ in rows)
    whole = sorted(f"{more}: {text}" for text, more in rows)
    return {"rows": len(rows), "md5": digest(texts)}, digest(whole)


def digest(lines: list[str]) -> str:
    """Hash lines."""
    return hashlib.md5("\n".join(lines).encode()).hexdigest()


def head(connection: duckdb.DuckDBPyConnection, at: str = "") -> Head:
    """Fingerprint every table of the newest snapshot, as it is or as it was.

    Raises:
        RuntimeError: The extension cannot read a table.
    """
    return {f"{schema}.{table}": fingerprint(connection, schema, table, at) for schema, table in tables(connection)}


def judge(connection: duckdb.DuckDBPyConnection, passed: set[str] | None) -> None:
    """See that the extension answers questions as the rows do, if that was not seen before.

    Raises:
        RuntimeError: It does not.
    """
    wrong = wrong_answers(connection, thorough=False, passed=passed)
    if wrong:
        message = "wrong answers: " + "; ".join(wrong)
        raise RuntimeError(message)


def newest(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the id of the newest snapshot."""
    return int(connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()[0][0])


def read(lake: Lake, action: Json) -> Json:
    """Fingerprint every table at every snapshot asked for and at the head, in the shape of expected.json.

    Raises:
        RuntimeError: The extension cannot read a table, or the head's answers contradict its rows, which is not
            asked if `judged` is false.
    """
    options = ["READ_ONLY"] if action["read_only"] else []
    with lake.attached(*options) as connection:
        version = connection.execute(
            "SELECT value FROM __ducklake_metadata_lake.ducklake_metadata WHERE key = 'version'"
        ).fetchall()[0][0]
        query = "SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1"
        ids = [int(row[0]) for row in connection.execute(query).fetchall()]
        newest_id = ids[-1]
        if action.get("at") is not None:
            ids = [snapshot for snapshot in ids if snapshot in {newest_id, *action["at"]}]
        # The list of a snapshot's tables is asked of the extension too, not of ducklake_table. A DuckDB
        # catalog cannot be attached twice at a time, hence the lists first and the contents afterwards.
        visible: dict[int, list[tuple[str, str]]] = {}
        for snapshot in ids:
            connection.execute("DETACH lake")
            lake.attach(connection, *options, f"SNAPSHOT_VERSION {snapshot}")
            visible[snapshot] = tables(connection)
        connection.execute("DETACH lake")
        lake.attach(connection, *options)
        snapshots = {
            str(snapshot): {
                f"{schema}.{table}": fingerprint(connection, schema, table, f" AT (VERSION => {snapshot})")
                for schema, table in visible[snapshot]
            }
            for snapshot in ids
        }
        whole = {f"{schema}.{table}": exact(connection, schema, table)[1] for schema, table in visible[newest_id]}
        if action.get("judged", True):
            judge(connection, lake.passed)
    lake.seen = snapshots[str(newest_id)]
    return {"duckdb": duckdb.__version__, "ducklake": version, "snapshots": snapshots, "exact": whole}


def target_of(state: Head, connection: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
    """Choose the table with most rows, whose writes have most to collide with; None if all are empty."""
    filled = [parts for parts in tables(connection) if state[".".join(parts)]["rows"]]
    return max(filled, key=lambda parts: int(state[".".join(parts)]["rows"]), default=None)


def creation(schema: str, table: str) -> list[str]:
    """Return the statements that make a table of three rows."""
    created = name("lake", schema, table)
    return [
        f"CREATE TABLE {created} (i INTEGER, s VARCHAR)",
        f"INSERT INTO {created} SELECT i, 'row ' || i FROM range(3) r(i)",
    ]


def deletion(target: str) -> str:
    """Return the statement that deletes one row, whatever the columns of the table are."""
    return f"DELETE FROM {target} WHERE rowid = (SELECT min(rowid) FROM {target})"


def changed_rows(before: Head, after: Head, key: str) -> int:
    """Count the rows that table `key` gained.

    Raises:
        RuntimeError: Another table came, went or reads differently than before.
    """
    for other in sorted((before.keys() | after.keys()) - {key}):
        if before.get(other) != after.get(other):
            message = f"a commit to {key} changed {other}: {before.get(other)} became {after.get(other)}"
            raise RuntimeError(message)
    return int(after.get(key, {"rows": 0})["rows"]) - int(before.get(key, {"rows": 0})["rows"])


def write(lake: Lake, action: Json) -> Json:
    """Commit a creation, an insert, a delete and an alter, and look at each with a fresh client.

    Once it is done, at the table that it changed; and once all are, at all tables as they were after each.
    """
    with lake.attached() as connection:
        before, snapshot = lake.seen or head(connection), newest(connection)
        # A name of this snapshot's own, so that a lake can be written to again and again.
        created = f"canvasback_{snapshot}"
        schema, table = target_of(before, connection) or ("main", created)
    target = name("lake", schema, table)
    steps = [
        ("create", created, 3, creation(schema, created)),
        ("insert", table, 1, [f"INSERT INTO {target} SELECT * FROM {target} LIMIT 1"]),
        ("delete", table, -1, [deletion(target)]),
        ("alter", table, 0, [f"ALTER TABLE {target} ADD COLUMN {created} INTEGER"]),
    ]
    rows = {key: int(seen["rows"]) for key, seen in before.items()}
    done: list[Json] = []
    for number, (step, changes, gain, statements) in enumerate(steps, 1):
        report: Json = {"step": step, "table": f"{schema}.{changes}", "ok": False, "error": None}
        done.append(report)
        try:
            with lake.attached() as connection:
                connection.execute("BEGIN")
                for statement in statements:
                    connection.execute(statement)
                connection.execute("COMMIT")
            with lake.attached() as connection:
                report["snapshot"] = newest(connection)
                counted = int(fingerprint(connection, schema, changes)["rows"])
        except (duckdb.Error, RuntimeError) as error:
            report["error"] = str(error)
            break
        gained = counted - rows.get(report["table"], 0)
        rows[report["table"]] = counted
        report["ok"] = gained == gain and report["snapshot"] == snapshot + number
        if not report["ok"]:
            break
    else:
        look_back(lake, before, done, judged=action.get("judged", True))
    return {"ok": len(done) == len(steps) and all(one["ok"] for one in done), "steps": done}


def look_back(lake: Lake, before: Head, done: list[Json], *, judged: bool) -> None:
    """See that each of some commits changed no other table, with one fresh client."""
    report = done[0]
    try:
        with lake.attached() as connection:
            for report in done:
                at = "" if report is done[-1] else f" AT (VERSION => {report['snapshot']})"
                report["head"] = head(connection, at)
                changed_rows(before, report["head"], report["table"])
                before = report["head"]
            if judged:
                judge(connection, lake.passed)  # once, of all that was written: it takes longer than the rest
    except (duckdb.Error, RuntimeError) as error:
        report |= {"ok": False, "error": str(error)}
    lake.seen = before


def conflict(lake: Lake, action: Json) -> Json:
    """Commit two overlapping transactions that cannot both be right, and count the ones that came through."""
    with lake.attached() as connection:
        before = lake.seen or head(connection)
        found = target_of(before, connection)
        if found is None:
            # Two deletes of nothing would both succeed and say nothing about the catalog.
            found = ("main", f"canvasback_{newest(connection)}")
            for statement in creation(*found):
                connection.execute(statement)
            before = head(connection)
        base = newest(connection)
        target = name("lake", *found)
        # Both look at the same snapshot and both change the same row or the same table definition.
        statements = {
            "delete": [deletion(target)] * 2,
            "alter": [f"ALTER TABLE {target} ADD COLUMN canvasback_{n} INTEGER" for n in ("one", "two")],
        }[action["kind"]]
        # Two cursors of one process, because a DuckDB catalog admits a single process.
        sessions = [connection.cursor() for _ in statements]
        for session, statement in zip(sessions, statements, strict=True):
            session.execute("BEGIN")
            session.execute(statement)
        errors: list[str] = []
        for session in sessions:
            try:
                session.execute("COMMIT")
            except duckdb.Error as error:
                errors.append(str(error))
    report: Json = {"ok": False, "error": None, "succeeded": len(statements) - len(errors), "lost": errors}
    try:
        with lake.attached() as connection:
            report["head"], report["snapshot"] = head(connection), newest(connection)
        gained = changed_rows(before, report["head"], ".".join(found))
        lake.seen = report["head"]
    except (duckdb.Error, RuntimeError) as error:
        # Where both came through, the catalog has two snapshots of one id and no longer attaches.
        report["error"] = str(error)
        return report
    expected = (1, {"delete": -1, "alter": 0}[action["kind"]], base + 1)
    report["ok"] = (report["succeeded"], gained, report["snapshot"]) == expected
    return report


def answer(request: Json) -> Json:
    """Carry out the actions of a request in their order."""
    return carry_out(Lake(request), request["actions"])


def carry_out(lake: Lake, actions: list[Json]) -> Json:
    """Carry out actions in their order."""
    known = {"read": read, "write": write, "conflict": conflict}
    try:
        answers = [known[action["do"]](lake, action) for action in actions]
    except (duckdb.Error, RuntimeError) as error:
        return {"error": str(error)}
    return {"duckdb": duckdb.__version__, "answers": answers}


def serve() -> None:
    """Answer requests until there are no more, or until one met an error."""
    # Only answers go to what was stdout; the extension, which is no part of this program, finds stderr there.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    home = os.open(".", os.O_RDONLY)
    for line in sys.stdin:
        request = json.loads(line)
        lake = Lake(request)
        os.chdir(request["cwd"])  # a relative data path is relative to the process
        print(json.dumps(carry_out(lake, request["actions"]) | {"last": lake.failed}), file=answers, flush=True)
        os.fchdir(home)
        if lake.failed:
            break


if __name__ == "__main__":
    serve()
