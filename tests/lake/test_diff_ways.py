"""What diff says of two lines of history, of other engines, and of everything that is not rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback.model.results.diff import Change, ObjectDifference
from tests.lake.builder import Lake, session
from tests.lake.test_diff import CHANGES, MAINTAINED, Story, minus, rows_now, total

if TYPE_CHECKING:
    from tests.postgres import Server

pytestmark = pytest.mark.versions


@dataclass
class OtherLake(Lake):
    """A lake whose catalog is in another engine."""

    catalog_string: str = ""

    @property
    def attach(self) -> str:
        """What a user puts into ATTACH."""
        return f"ducklake:{self.catalog_string}"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_other_engines(engine: str, new_lake: Lake, request: pytest.FixtureRequest) -> None:
    string = f"sqlite:{new_lake.folder}/main.db"
    if engine == "postgres":
        server: Server = request.getfixturevalue("postgres")
        string = f"postgres:{server.create()}"
    lake = OtherLake(new_lake.folder, options=("DATA_INLINING_ROW_LIMIT 5",), catalog_string=string)
    story = Story(lake)
    story.tell(*CHANGES[:9], *MAINTAINED["merge"][7:10])

    assert story.check_all(most=8) == 0
    lake.backup()
    a, *_, b = story.snapshots()
    story.check(a, b, canvasback.diff(str(a), "latest", repository=lake.repository))


MORE = {
    "plain": [
        "INSERT INTO lake.t SELECT i, '{0}' FROM range(20) r(i)",
        "DROP TABLE lake.w",
        "CREATE TABLE lake.{0} AS SELECT i FROM range(3) r(i)",
        "INSERT INTO lake.t VALUES (7, '{0}')",
        "DELETE FROM lake.t WHERE s = 'inlined'",
    ],
    "deleting": [
        "DELETE FROM lake.u WHERE n < 5",
        "DELETE FROM lake.t WHERE i = 25",
        "DELETE FROM lake.t WHERE i = 2",  # of a file of which rows were deleted before
    ],
    "compacted": [
        "INSERT INTO lake.t SELECT i, '{0}' FROM range(20) r(i)",
        "DELETE FROM lake.t WHERE i % 7 = 3",
        "CALL ducklake_flush_inlined_data('lake')",
        "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
        "CALL ducklake_merge_adjacent_files('lake')",
    ],
}


@pytest.mark.parametrize(("first", "second"), [("plain", "plain"), ("plain", "deleting"), ("compacted", "plain")])
def test_two_lines_of_history(first: str, second: str, lake: Lake) -> None:
    """The lake went back to a point and was written again: the same snapshots, and other rows."""
    story = Story(lake)
    lake.run("CREATE TABLE lake.w AS SELECT i FROM range(4) r(i)")
    base = lake.backup().point
    points = []
    for number, (line, name) in enumerate([(first, "one"), (second, "other")]):
        if number:
            canvasback.restore(lake.attach, lake.repository, base, replace=True)
        lake.run(*(statement.format(name) for statement in MORE[line]))
        with lake.session() as connection:
            story.truth[number] = rows_now(connection, content=True)
        points.append(lake.backup().point)
    # A table that was made on one line has nothing to do with the one of the same id on the other.
    made = {id_ for id_ in story.truth[0].keys() & story.truth[1].keys() if first == second and id_ > 3}
    for id_ in made:
        story.truth[0][-id_] = story.truth[0].pop(id_)
    for a, b in ((0, 1), (1, 0)):
        result = canvasback.diff(points[a], points[b], repository=lake.repository)
        assert not result.ancestor
        told = {table.table_id: table for table in result.tables if "created" not in table.kinds}
        for id_, before in story.truth[a].items():
            after = story.truth[b].get(id_)
            if after is None or id_ not in told or not told[id_].exact:
                continue
            numbers = total(minus(after, before)), total(minus(before, after))
            assert (told[id_].rows_added, told[id_].rows_removed) == numbers
        assert result.totals.exact == (first == second)
        assert result.commits[-1].snapshot_id == result.after.snapshot_id
    with_now = canvasback.diff(points[0], "now", repository=lake.repository, lake=lake.attach)
    assert not with_now.ancestor
    assert canvasback.diff(base, "now", repository=lake.repository, lake=lake.attach).ancestor


def test_what_is_not_rows(new_lake: Lake) -> None:
    new_lake.run(
        "CREATE TABLE lake.t (i INTEGER, gone VARCHAR, kept VARCHAR, n STRUCT(a INTEGER, b STRUCT(c INTEGER)), d DATE)",
        "INSERT INTO lake.t (i, d) VALUES (1, DATE '2026-01-01')",
        "CREATE VIEW lake.same AS SELECT 1 AS one",
        "CREATE VIEW lake.other AS SELECT 1 AS one",
        "CREATE VIEW lake.gone AS SELECT 1 AS one",
        "CREATE SCHEMA lake.empty",
        "COMMENT ON TABLE lake.t IS 'first'",
    )
    with session(new_lake.attach) as connection:
        for statement in (
            "ALTER TABLE lake.t DROP COLUMN gone",
            "ALTER TABLE lake.t RENAME COLUMN kept TO renamed",
            "ALTER TABLE lake.t ALTER COLUMN i SET DATA TYPE BIGINT",
            "ALTER TABLE lake.t ALTER COLUMN renamed SET DEFAULT 'none'",
            "ALTER TABLE lake.t ALTER COLUMN d SET NOT NULL",
            "ALTER TABLE lake.t ADD COLUMN m STRUCT(x INTEGER, y VARCHAR)",
            "ALTER TABLE lake.t ADD COLUMN n.b.e INTEGER",
            "ALTER TABLE lake.t SET PARTITIONED BY (year(d), i)",
            "COMMENT ON TABLE lake.t IS 'second'",
            "COMMENT ON COLUMN lake.t.i IS 'number'",
            "CREATE OR REPLACE VIEW lake.other AS SELECT 2 AS two",
            "DROP VIEW lake.gone",
            "DROP SCHEMA lake.empty",
            "CREATE SCHEMA lake.full",
        ):
            connection.execute(statement)

    result = canvasback.diff("7", "now", lake=new_lake.attach)

    [table] = result.tables
    assert table.kinds == ("altered",)
    assert sorted(table.changes, key=str) == sorted(
        [
            Change(part="column", change="type", name="i", before="INTEGER", after="BIGINT"),
            Change(part="column", change="comment", name="i", before=None, after="number"),
            Change(part="column", change="dropped", name="gone", before="VARCHAR", after=None),
            Change(part="column", change="renamed", name="renamed", before="kept", after="renamed"),
            Change(part="column", change="default", name="renamed", before=None, after="none"),
            Change(part="column", change="nullable", name="d", before="NULL", after="NOT NULL"),
            Change(part="column", change="added", name="m", before=None, after="STRUCT"),
            Change(part="column", change="added", name="n.b.e", before=None, after="INTEGER"),
            Change(part="partitioning", change="changed", name="", before=None, after="year(d), i"),
            Change(part="comment", change="changed", name="", before="first", after="second"),
        ],
        key=str,
    )
    assert result.objects == (
        ObjectDifference(kind="schema", schema="", name="empty", change="dropped"),
        ObjectDifference(kind="schema", schema="", name="full", change="created"),
        ObjectDifference(kind="view", schema="main", name="gone", change="dropped"),
        ObjectDifference(kind="view", schema="main", name="other", change="changed"),
    )
