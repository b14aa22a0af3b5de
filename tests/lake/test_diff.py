"""What diff says, against what the real extension shows at both moments, row by row."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback.model.results.diff import DiffResult, TableDifference
from tests import extension
from tests.lake.builder import Lake, session
from tests.lake.saved import LAKES
from tests.oracle import load_fixture

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from tests.postgres import Server

Rows = dict[int, dict[tuple[int, str], int]]
"""By table id: how often each row is there, with its row id."""


def rows_now(connection: duckdb.DuckDBPyConnection, *, content: bool) -> Rows:
    """Read every row of every table at the head, at the time: what flushes and compaction forget later is in it."""
    tables = connection.execute(
        "SELECT t.table_id, s.schema_name, t.table_name FROM __ducklake_metadata_lake.ducklake_table t "
        "JOIN __ducklake_metadata_lake.ducklake_schema s USING (schema_id) "
        "WHERE t.end_snapshot IS NULL AND s.end_snapshot IS NULL"
    ).fetchall()
    found: Rows = {}
    for id_, schema, table in tables:
        shown = "t::VARCHAR" if content else "NULL"
        rows = connection.execute(
            f'SELECT t.rowid, {shown}, count(*) FROM lake."{schema}"."{table}" t GROUP BY ALL'
        ).fetchall()
        found[id_] = {(row_id, row): count for row_id, row, count in rows}
    return found


@dataclass
class Story:
    """A lake's history as its writer saw it, commit by commit."""

    lake: Lake
    truth: dict[int, Rows] = field(default_factory=dict)
    with_content: bool = True
    """Whether rows of other content are other rows; ALTER changes what all rows look like."""

    def tell(self, *statements: str, then: Callable[[int], None] | None = None) -> None:
        """Execute statements, and remember what the lake shows after each one."""
        for group in [(statement,) for statement in statements] if then else [statements]:
            with self.lake.session() as connection:
                head = [self._tell(connection, statement) for statement in group][-1]
            if then:  # nobody has it attached meanwhile
                then(head)

    def _tell(self, connection: duckdb.DuckDBPyConnection, statement: str) -> int:
        connection.execute(statement)
        [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        self.truth[head] = rows_now(connection, content=self.with_content)
        return int(head)

    def snapshots(self) -> list[int]:
        """Those that the lake still has."""
        with session(self.lake.attach, "READ_ONLY") as connection:
            rows = connection.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()
        return [id_ for (id_,) in rows if id_ in self.truth]

    def check(self, a: int, b: int, result: DiffResult) -> int:
        """Compare a result with the truth, and answer how many tables it could not tell."""
        told = {table.table_id: table for table in result.tables}
        before, after = self.truth[a], self.truth[b]
        for id_ in before.keys() | after.keys():
            old, new = before.get(id_, {}), after.get(id_, {})
            numbers = (total(old), total(new), total(minus(new, old)), total(minus(old, new)))
            table = told.get(id_)
            if table is None:
                assert old == new, (a, b, id_)
            elif table.exact:
                assert numbers_of(table) == numbers, (a, b, table)
            assert ("created" in (table.kinds if table else ())) == (id_ not in before)
            assert ("dropped" in (table.kinds if table else ())) == (id_ not in after)
        assert result.totals.unchanged == len((before.keys() | after.keys()) - told.keys())
        assert result.totals.exact == all(table.exact for table in result.tables)
        return sum(not table.exact for table in result.tables)

    def check_all(self, *, most: int = 12) -> int:
        """Compare many pairs of snapshots of the live lake, and answer how many tables could not be told."""
        pairs = list(combinations(self.snapshots(), 2))
        chosen = random.Random(1).sample(pairs, min(most, len(pairs)))  # noqa: S311
        return sum(self.check(a, b, canvasback.diff(str(a), str(b), lake=self.lake.attach)) for a, b in chosen)


def total(rows: dict[tuple[int, str], int]) -> int:
    """How many rows those are."""
    return sum(rows.values())


def minus(some: dict[tuple[int, str], int], others: dict[tuple[int, str], int]) -> dict[tuple[int, str], int]:
    """The rows that are not among the others."""
    return {row: count - others.get(row, 0) for row, count in some.items() if count > others.get(row, 0)}


def numbers_of(table: TableDifference) -> tuple[int, int, int, int]:
    """Rows before, after, added and removed."""
    return table.rows_before, table.rows_after, table.rows_added, table.rows_removed


CHANGES = [
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'one ' || i FROM range(100) r(i)",
    "INSERT INTO lake.t SELECT i, 'two ' || i FROM range(100, 150) r(i)",
    "DELETE FROM lake.t WHERE i % 10 = 3",
    "UPDATE lake.t SET s = 'changed' WHERE i % 10 = 4",
    "CREATE TABLE lake.u (d DATE, n BIGINT)",
    "ALTER TABLE lake.u SET PARTITIONED BY (d)",
    "INSERT INTO lake.u SELECT DATE '2026-01-01' + (i % 3)::INTEGER, i FROM range(30) r(i)",
    "INSERT INTO lake.u SELECT DATE '2026-01-01' + (i % 3)::INTEGER, i FROM range(30, 60) r(i)",
    "DELETE FROM lake.t WHERE i < 100",
    "DELETE FROM lake.u WHERE d = DATE '2026-01-02'",
    "UPDATE lake.u SET n = n + 1000 WHERE n < 10",
    "ALTER TABLE lake.t RENAME TO v",
    "INSERT INTO lake.v SELECT i, 'three' FROM range(40) r(i)",
    "DROP TABLE lake.u",
    "DELETE FROM lake.v",
    "INSERT INTO lake.v VALUES (1, 'alone')",
]


def test_inserts_deletes_and_updates_are_exact(new_lake: Lake) -> None:
    story = Story(new_lake)
    story.tell(*CHANGES)

    assert story.check_all() == 0


MAINTAINED = {
    "merge": [
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        *(f"INSERT INTO lake.t SELECT i, 'no {n}' FROM range({n * 10}, {n * 10 + 10}) r(i)" for n in range(6)),
        "CALL ducklake_merge_adjacent_files('lake')",
        "INSERT INTO lake.t SELECT i, 'later' FROM range(20) r(i)",
        "DELETE FROM lake.t WHERE i % 7 = 1",
        "INSERT INTO lake.t SELECT i, 'later' FROM range(30) r(i)",
        "CALL ducklake_merge_adjacent_files('lake')",
        "UPDATE lake.t SET s = 'changed' WHERE i = 5",
        "CALL ducklake_merge_adjacent_files('lake')",
    ],
    "rewrite": [
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t SELECT i, 'one' FROM range(100) r(i)",
        "INSERT INTO lake.t SELECT i, 'two' FROM range(100, 150) r(i)",
        "DELETE FROM lake.t WHERE i < 99",
        "INSERT INTO lake.t SELECT i, 'three' FROM range(150, 160) r(i)",
        "CALL ducklake_rewrite_data_files('lake')",
        "INSERT INTO lake.t SELECT i, 'four' FROM range(160, 180) r(i)",
        "DELETE FROM lake.t WHERE i BETWEEN 160 AND 178 OR i BETWEEN 101 AND 149",
        "CALL ducklake_rewrite_data_files('lake')",
        "CALL ducklake_merge_adjacent_files('lake')",
        "INSERT INTO lake.t SELECT i, 'five' FROM range(180, 190) r(i)",
        "DELETE FROM lake.t WHERE i = 100",
    ],
    "rewrite together": [
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t SELECT i, 'one' FROM range(100) r(i)",
        "INSERT INTO lake.t SELECT i, 'two' FROM range(100, 200) r(i)",
        "DELETE FROM lake.t WHERE i BETWEEN 105 AND 199",
        "INSERT INTO lake.t SELECT i, 'three' FROM range(200, 210) r(i)",
        "DELETE FROM lake.t WHERE i BETWEEN 3 AND 99",  # later, from the older file
        "INSERT INTO lake.t SELECT i, 'four' FROM range(210, 220) r(i)",
        "CALL ducklake_rewrite_data_files('lake')",
        "INSERT INTO lake.t SELECT i, 'five' FROM range(220, 225) r(i)",
    ],
    "flush": [
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO lake.t VALUES (3, 'c')",
        "INSERT INTO lake.t SELECT i, 'many' FROM range(10, 60) r(i)",
        "UPDATE lake.t SET s = 'changed' WHERE i = 2",
        "DELETE FROM lake.t WHERE i = 1",
        "INSERT INTO lake.t VALUES (4, 'd')",
        "CALL ducklake_flush_inlined_data('lake')",
        "INSERT INTO lake.t VALUES (5, 'e'), (6, 'f')",
        "INSERT INTO lake.t VALUES (7, 'g')",
        "CALL ducklake_flush_inlined_data('lake')",
        "DELETE FROM lake.t WHERE i IN (5, 15)",
    ],
    "shape": [
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t SELECT i, 'one' FROM range(20) r(i)",
        "ALTER TABLE lake.t ADD COLUMN n INTEGER DEFAULT 7",
        "INSERT INTO lake.t SELECT i, 'two', i FROM range(20, 40) r(i)",
        "ALTER TABLE lake.t RENAME COLUMN s TO z",
        "CREATE SCHEMA lake.other",
        "CREATE TABLE lake.other.t AS SELECT i FROM range(9) r(i)",
        "CREATE OR REPLACE TABLE lake.other.t AS SELECT i FROM range(12) r(i)",
        "ALTER TABLE lake.t RENAME TO renamed",
        "ALTER TABLE lake.renamed DROP COLUMN n",
    ],
}
UNTOLD = {
    "0.3": {"merge": 3, "rewrite": 4, "rewrite together": 6, "flush": 12, "shape": 0},
    "1.0": {"merge": 10, "rewrite": 10, "rewrite together": 1, "flush": 11, "shape": 0},
}
"""Of 12 pairs of snapshots of the live lake: rows were deleted from merged files, or old and new ones rewritten
together; and a flush puts rows of several snapshots into one file, of which 0.3 forgets what the lake showed before."""


@pytest.mark.versions
@pytest.mark.parametrize("name", MAINTAINED)
def test_maintenance_is_no_change(name: str, new_lake: Lake) -> None:
    """What the catalog keeps to itself is said to be near; all else is exact."""
    new_lake.options = (f"DATA_INLINING_ROW_LIMIT {5 if name == 'flush' else 0}",)
    story = Story(new_lake, with_content=name != "shape")
    story.tell(*MAINTAINED[name])

    assert story.check_all() == UNTOLD[extension.DUCKLAKE][name]


@pytest.mark.versions
@pytest.mark.parametrize("name", ["rewrite together", "flush"])
def test_points_know_what_the_lake_forgot(name: str, new_lake: Lake) -> None:
    """A point is what the lake was: its own numbers are taken for its side, the newer catalog's for the way."""
    new_lake.options = (f"DATA_INLINING_ROW_LIMIT {5 if name == 'flush' else 0}",)
    story = Story(new_lake)
    points: dict[int, str] = {}

    def back_up(head: int) -> None:
        if head % 2 == 0:
            points[head] = new_lake.backup().point

    story.tell(*MAINTAINED[name], then=back_up)
    untold = sum(
        story.check(a, b, canvasback.diff(points[a], points[b], repository=new_lake.repository))
        for a, b in random.Random(2).sample(list(combinations(points, 2)), 6)  # noqa: S311
    )
    now = max(story.truth)
    untold += sum(
        story.check(a, now, canvasback.diff(points[a], "now", repository=new_lake.repository, lake=new_lake.attach))
        for a in list(points)[::2]
    )

    assert untold == UNTOLD_OF_POINTS[extension.DUCKLAKE][name]


UNTOLD_OF_POINTS = {
    "0.3": {"rewrite together": 2, "flush": 0},
    "1.0": {"rewrite together": 2, "flush": 3},
}
"""Files of before and after the older point were rewritten into one, or flushed into one with deletes of their rows."""


def test_an_expired_past_is_told_by_its_point(new_lake: Lake) -> None:
    """The newer catalog does not hold the older snapshot any more, nor the files that only it saw."""
    story = Story(new_lake)
    points: dict[int, str] = {}

    def back_up(head: int) -> None:
        points[head] = new_lake.backup().point

    story.tell(*CHANGES[:4])
    story.tell(*CHANGES[4:12], then=back_up)
    story.tell(
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "INSERT INTO lake.t SELECT i, 'late' FROM range(7) r(i)",
        then=back_up,
    )
    untold = 0
    for a, b in [(a, b) for a in list(points)[::3] for b in list(points)[-2:]]:
        result = canvasback.diff(points[a], points[b], repository=new_lake.repository)
        assert result.ancestor
        untold += story.check(a, b, result)
    oldest, newest = min(points), max(points)
    result = canvasback.diff(points[oldest], "now", repository=new_lake.repository, lake=new_lake.attach)
    assert result.ancestor
    untold += story.check(oldest, newest, result)

    assert untold == 0


@pytest.mark.parametrize("name", LAKES)
def test_lakes_of_all_versions(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A table that is not listed has the same rows, and what is exact is what the writers counted.

    The images of a lake are compared: of catalogs in other engines than DuckDB, which take longer to read, fewer.
    """
    pairs, steps = (4, 5) if name.startswith("duckdb") else (2, 2)
    fixture = load_fixture(name, tmp_path)
    attach = fixture.attach
    if name.startswith("postgres"):
        server: Server = request.getfixturevalue("postgres")
        string = server.create()
        server.psql(string.split()[0].removeprefix("dbname="), fixture.catalog.read_text())
        attach = f"ducklake:postgres:{string}"
    snapshots = fixture.expected["snapshots"]
    for a, b in random.Random(3).sample(list(combinations(snapshots, 2)), pairs):  # noqa: S311
        result = canvasback.diff(a, b, lake=attach)
        before, after = snapshots[a], snapshots[b]
        new = {f"{table.schema}.{table.table}": table for table in result.tables if "dropped" not in table.kinds}
        for table in after.keys() - new.keys():
            assert before[table] == after[table]
        for name_, table in new.items():
            old_name = f"{table.old_schema}.{table.old_table}" if "renamed" in table.kinds else name_
            rows = 0 if "created" in table.kinds else before[old_name]["rows"], after[name_]["rows"]
            assert not table.exact or (table.rows_before, table.rows_after) == rows
            assert table.rows_after - table.rows_before == table.rows_added - table.rows_removed
            assert min(table.rows_added, table.rows_removed) >= 0
    for a, b in random.Random(4).sample(list(pairwise(snapshots)), steps):  # noqa: S311
        result = canvasback.diff(a, b, lake=attach)
        if len(result.commits) > 1:
            continue  # some were expired
        for table in result.tables:
            kinds = {kind for kind, id_ in noted(result.commits[0].changes) if id_ == table.table_id}
            if table.exact and "created" not in table.kinds and "dropped" not in table.kinds:
                assert bool(table.rows_added) == bool(kinds & {"inserted_into_table", "inlined_insert"})
                assert bool(table.rows_removed) == bool(kinds & {"deleted_from_table", "inlined_delete"})


def noted(changes: str) -> list[tuple[str, int]]:
    """What DuckLake notes of a commit: kinds, with the ids of tables."""
    return [(kind, int(id_)) for kind, id_ in re.findall(r"(\w+):(\d+)", changes)]
