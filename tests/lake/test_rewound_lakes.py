"""Lakes that go on after a rewind: what was undone stays undone, whatever is done next; one test for each trap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback import LockedError, RefusedError, UsageError
from canvasback.catalog.engines import open_engine
from canvasback.model.lake import parse_lake
from canvasback.repository.leases import hold_lease
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import Contents, Lake, contents, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.values import literal
from tests.postgres import Server


def newest(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest snapshot of the attached lake."""
    [(head,)] = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
    return int(head)


@dataclass
class Life:
    """A lake whose truth is captured at each commit."""

    attach: str
    data: Path
    inlined: int = 0
    truths: dict[int, Contents] = field(default_factory=dict)

    def do(self, *statements: str) -> None:
        """Commit each statement, and remember what the lake shows then."""
        options = (f"DATA_PATH {literal(f'{self.data}/')}", f"DATA_INLINING_ROW_LIMIT {self.inlined}")
        with session(self.attach, *options) as connection:
            for statement in statements:
                connection.execute(statement)
                self.truths[newest(connection)] = contents(connection)

    def read(self) -> Contents:
        """What a fresh client sees."""
        return read(self.attach)

    @property
    def head(self) -> int:
        """The newest snapshot."""
        with session(self.attach, "READ_ONLY") as connection:
            return newest(connection)

    def at(self, snapshot: int) -> Contents:
        """What the extension shows of a snapshot."""
        return read(self.attach, f"SNAPSHOT_VERSION {snapshot}")

    def rewind(self, snapshot: int, *, findings: tuple[str, ...] = ()) -> canvasback.RewindResult:
        """Go back, and see that the lake is what it was, with all the history before."""
        result = canvasback.rewind(self.attach, to_snapshot=snapshot, safety_point=False)
        assert tuple(result.finding_counts) == findings
        self.truths = {at: seen for at, seen in self.truths.items() if at <= snapshot}
        assert self.read() == self.truths[snapshot]
        return result

    def check(self) -> None:
        """Every snapshot that is left shows what it did."""
        with session(self.attach, "READ_ONLY") as connection:
            ids = connection.execute("SELECT snapshot_id FROM ducklake_snapshots('lake')").fetchall()
        for (snapshot,) in ids:
            if snapshot in self.truths:
                assert self.at(snapshot) == self.truths[snapshot], snapshot

    def same(self, *statements: str) -> None:
        """Do what must not change what the lake shows.

        But for row ids: DuckLake 1.0's own merge loses those of updated rows.
        """
        before = self.read()
        self.do(*statements)
        assert rows_of(self.read()) == rows_of(before)


def rows_of(seen: Contents) -> Contents:
    """What a lake shows, without row ids."""
    return {
        table: [columns, *sorted(row.partition(": ")[2] for row in rows)] for table, (columns, *rows) in seen.items()
    }


GOES_ON = ("INSERT INTO lake.t SELECT i, 'new ' || i FROM range(500, 530) r(i)", "DELETE FROM lake.t WHERE i % 7 = 1",
           "ALTER TABLE lake.t ADD COLUMN more INTEGER", "INSERT INTO lake.t VALUES (900, 'wide', 1)",
           "CREATE TABLE lake.fresh (x BIGINT)", "INSERT INTO lake.fresh SELECT * FROM range(40)",
           "UPDATE lake.t SET s = 'changed' WHERE i % 5 = 2")  # fmt: skip
KEEPS = ("CALL ducklake_merge_adjacent_files('lake')",
         "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0)",
         "CALL ducklake_expire_snapshots('lake', older_than => now())",
         "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
         "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")  # fmt: skip


@pytest.fixture(params=ENGINES)
def life(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Life:
    """An empty lake in each engine."""
    engine: Engine = request.param
    return Life(attach_string(engine, tmp_path, postgres), tmp_path / "data")


@pytest.fixture
def in_duckdb(tmp_path: Path) -> Life:
    """An empty lake in DuckDB."""
    return Life(f"ducklake:{tmp_path}/main.ducklake", tmp_path / "data")


def test_the_lake_goes_on(life: Life) -> None:
    """With inserts, deletes, an ALTER, merges, rewrites, expiry and cleanup, and ids beyond the undone ones."""
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)")
    life.do(*(f"INSERT INTO lake.t SELECT i, 'v' || i FROM range({k}, {k + 10}) r(i)" for k in (0, 10, 20, 30, 40)))
    life.do("DELETE FROM lake.t WHERE i % 4 = 0", "CREATE TABLE lake.bad AS SELECT 1 AS a", "DROP TABLE lake.t")
    life.same("CALL ducklake_merge_adjacent_files('lake')")

    life.rewind(4)
    life.check()
    life.do(*GOES_ON)
    assert life.head > 9  # the numbers of the undone commits are taken
    life.check()
    life.same(*KEEPS)
    life.check()


def test_rows_of_a_merged_file_do_not_rise(life: Life) -> None:
    """What merged files of before and after lists the rows of each snapshot, which get other meanings."""
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)")
    life.do(*(f"INSERT INTO lake.t SELECT i, 'old ' || i FROM range({k}, {k + 5}) r(i)" for k in range(0, 40, 5)))
    life.same("CALL ducklake_merge_adjacent_files('lake')")

    result = life.rewind(5)

    assert result.cut_files == 1
    life.check()
    life.do(*GOES_ON)
    life.check()
    life.same(*KEEPS)
    assert life.head > 10
    life.check()


def test_rows_of_a_flush_do_not_rise(life: Life) -> None:
    life.inlined = 10
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)")
    life.do(*(f"INSERT INTO lake.t SELECT i, 'in ' || i FROM range({k}, {k + 3}) r(i)" for k in range(0, 24, 3)))
    life.same("CALL ducklake_flush_inlined_data('lake')")

    assert life.rewind(5).cut_files == 1

    life.check()
    life.inlined = 0
    life.do(*GOES_ON)
    life.same(*KEEPS)
    life.check()


@pytest.mark.previous
def test_what_a_flush_forgot_is_said(in_duckdb: Life) -> None:
    """DuckLake 0.3 flushes the rows that are there, and forgets those that had been."""
    in_duckdb.inlined = 10
    in_duckdb.do(
        "CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1), (2), (3)", "DELETE FROM lake.t WHERE i = 1"
    )
    in_duckdb.same("CALL ducklake_flush_inlined_data('lake')")

    result = canvasback.rewind(in_duckdb.attach, to_snapshot=2, safety_point=False)

    assert list(result.finding_counts) == ["rows-forgotten"]
    assert result.findings[0].where == "main.t"
    assert [row.partition(": ")[2] for row in in_duckdb.read()["main.t"][1:]] == ["{'i': 2}", "{'i': 3}"]


@pytest.mark.previous
def test_what_a_flush_forgot_is_said_of_a_point_too(in_duckdb: Life, tmp_path: Path) -> None:
    """A point of before the flush has all, and is the one that is taken where none is named."""
    repository = str(tmp_path / "repository")
    in_duckdb.inlined = 10
    in_duckdb.do(
        "CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1), (2), (3)", "DELETE FROM lake.t WHERE i = 1"
    )
    canvasback.init(in_duckdb.attach, repository)
    canvasback.backup(in_duckdb.attach, repository)
    in_duckdb.same("CALL ducklake_flush_inlined_data('lake')")
    canvasback.backup(in_duckdb.attach, repository)

    for point, rows, codes in ((None, 3, []), ("latest", 2, ["rows-forgotten"])):
        folder = tmp_path / str(rows)
        restored = canvasback.restore(
            f"ducklake:{folder}/x.ducklake", repository, point, at_snapshot=2, data_path=f"{folder}/files"
        )
        attached = canvasback.attach(repository, point, at_snapshot=2, out=f"{folder}/look.ducklake")
        assert [list(result.finding_counts) for result in (restored, attached)] == [codes, codes]
        for lake in (f"{folder}/x.ducklake", attached.file):
            assert len(read(f"ducklake:{lake}")["main.t"]) == 1 + rows
    after = canvasback.attach(repository, "latest", at_snapshot=3, out=f"{tmp_path}/at-3.ducklake")
    assert after.finding_counts == {}


def test_only_the_comment_of_then_comes_back(in_duckdb: Life) -> None:
    """0.3 ends all older comments again with each new one."""
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)")
    in_duckdb.do(*(f"COMMENT ON TABLE lake.t IS 'comment {n}'" for n in range(2, 7)))
    in_duckdb.do(*(f"COMMENT ON COLUMN lake.t.i IS 'of column {n}'" for n in range(7, 11)))

    in_duckdb.rewind(8)

    with session(in_duckdb.attach, "READ_ONLY") as connection:
        table = connection.execute("SELECT comment FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        column = connection.execute("SELECT comment FROM duckdb_columns() WHERE database_name = 'lake'").fetchall()
    assert (table, column) == ([("comment 6",)], [("of column 8",)])
    assert living(in_duckdb, "ducklake_tag") == [("comment 6",)]
    assert living(in_duckdb, "ducklake_column_tag") == [("of column 8",)]
    in_duckdb.rewind(4)
    assert living(in_duckdb, "ducklake_tag") == [("comment 4",)]


def living(life: Life, table: str) -> list[tuple[str]]:
    """The values of the tags that have no end."""
    with duckdb.connect(life.attach.removeprefix("ducklake:"), read_only=True) as catalog:
        return catalog.execute(f"SELECT value FROM {table} WHERE end_snapshot IS NULL").fetchall()


def test_tables_of_inlined_rows_go_with_what_they_are_for(life: Life) -> None:
    """Their names are made of ids and schema versions, which come again with other columns."""
    life.inlined = 10
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t VALUES (1, 'a')")
    life.do("CREATE TABLE lake.u (x VARCHAR)", "INSERT INTO lake.u VALUES ('undone')")
    life.do("INSERT INTO lake.t VALUES (2, 'b')", "DELETE FROM lake.t WHERE i = 1")

    life.rewind(2)
    life.check()
    life.do("CREATE TABLE lake.w (d DATE, n INTEGER)", "INSERT INTO lake.w VALUES ('2026-01-01', 7)")
    life.do("INSERT INTO lake.t VALUES (3, 'c')", "DELETE FROM lake.t WHERE i = 1", "UPDATE lake.w SET n = 8")
    life.check()
    life.same("CALL ducklake_flush_inlined_data('lake')")


def test_statistics_fit_the_types_of_then(life: Life) -> None:
    """A bound that does not fit a column's type would make every scan of the table fail."""
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t VALUES (1, 'a'), (2, 'b')")
    life.do("ALTER TABLE lake.t ALTER i SET DATA TYPE BIGINT", "INSERT INTO lake.t VALUES (5000000000, 'c')")

    life.rewind(2)

    life.do("INSERT INTO lake.t VALUES (-7, 'd')")
    with session(life.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT i FROM lake.t WHERE i < 2 ORDER BY i").fetchall() == [(-7,), (1,)]
    life.check()


def test_a_table_that_was_empty_is_empty_and_goes_on(life: Life) -> None:
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t VALUES (100, 'zzz')")

    life.rewind(1)

    life.do("INSERT INTO lake.t SELECT i, 'a' FROM range(20) r(i)")
    with session(life.attach, "READ_ONLY") as connection:
        # Row ids are not given out a second time.
        assert connection.execute("SELECT min(rowid), count(*) FROM lake.t WHERE i >= 0").fetchall() == [(1, 20)]
    life.check()


def test_partitions_views_macros_and_odd_names_of_then(life: Life) -> None:
    life.do('CREATE SCHEMA lake."odd ☂"', 'CREATE TABLE lake."odd ☂"."t""s" (i INTEGER, "weird col" VARCHAR)')
    life.do('ALTER TABLE lake."odd ☂"."t""s" SET PARTITIONED BY ("weird col")')
    life.do("""INSERT INTO lake."odd ☂"."t""s" SELECT i, 'p ' || i % 3 FROM range(30) r(i)""")
    life.do("CREATE VIEW lake.v AS SELECT 1 AS one", "DROP VIEW lake.v", 'DROP TABLE lake."odd ☂"."t""s"')
    life.do('DROP SCHEMA lake."odd ☂"')

    life.rewind(5)

    with session(life.attach, f"DATA_PATH {literal(f'{life.data}/')}", "DATA_INLINING_ROW_LIMIT 0") as connection:
        assert connection.execute("SELECT one FROM lake.v").fetchall() == [(1,)]
        connection.execute("""INSERT INTO lake."odd ☂"."t""s" VALUES (99, 'p 7')""")
        assert len(list(life.data.rglob("weird*col*=p*7"))) == 1
    life.do(GOES_ON[4])
    life.check()


# Around it


def test_the_files_of_undone_commits_wait_for_cleanup(life: Life) -> None:
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    kept = files(life)
    life.do("INSERT INTO lake.t SELECT * FROM range(30)", "DELETE FROM lake.t WHERE i = 3")
    undone = files(life) - kept

    result = life.rewind(2)

    assert (result.scheduled_files, result.kept_files) == (len(undone), 0)
    assert files(life) == kept | undone
    life.same("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert files(life) == kept


def test_files_can_be_kept(in_duckdb: Life) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    before = files(in_duckdb)

    result = canvasback.rewind(in_duckdb.attach, to_snapshot=1, safety_point=False, keep_files=True)

    assert (result.scheduled_files, result.kept_files) == (0, len(before))
    in_duckdb.same("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert files(in_duckdb) == before


def files(life: Life) -> set[str]:
    """The lake's files."""
    return {str(path.relative_to(life.data)) for path in life.data.rglob("*.parquet")}


def test_the_safety_point_holds_what_was_undone(life: Life, tmp_path: Path) -> None:
    """And the lake goes on on a new timeline, whose points are not mistaken for those of the old one."""
    repository = str(tmp_path / "repository")
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)", "DROP TABLE lake.t")
    undone = life.read()
    canvasback.init(life.attach, repository)

    result = canvasback.rewind(life.attach, to_snapshot=2, repository=repository)

    life.do("INSERT INTO lake.t VALUES (77)", "INSERT INTO lake.t VALUES (78)")
    canvasback.backup(life.attach, repository)
    points = canvasback.list_points(repository).points
    assert [(point.timeline, point.snapshot_id) for point in points] == [(1, 3), (2, 4)]
    canvasback.restore(f"ducklake:{tmp_path}/old.ducklake", repository, result.safety_point, shares_files=True)
    assert read(f"ducklake:{tmp_path}/old.ducklake") == undone
    with pytest.raises(RefusedError) as caught:
        canvasback.restore(f"ducklake:{tmp_path}/which.ducklake", repository, at_snapshot=3)
    assert caught.value.code == "ambiguous-snapshot"
    canvasback.restore(f"ducklake:{tmp_path}/new.ducklake", repository, "latest", at_snapshot=3, shares_files=True)
    assert read(f"ducklake:{tmp_path}/new.ducklake") == life.at(3)


def test_a_watch_that_makes_a_point_just_then_is_waited_for(in_duckdb: Life, tmp_path: Path) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1)")
    repository = str(tmp_path / "repository")
    canvasback.init(in_duckdb.attach, repository)
    held = threading.Event()

    def watch() -> None:
        with hold_lease(LocalStore(repository + "/"), "backup", lambda: datetime.now(UTC)):
            held.set()
            time.sleep(0.5)

    other = threading.Thread(target=watch)
    other.start()
    held.wait()
    result = canvasback.rewind(in_duckdb.attach, to_snapshot=1, repository=repository)
    other.join()

    assert result.safety_point
    assert in_duckdb.read() == in_duckdb.truths[1]


def test_a_time_is_a_way_back(in_duckdb: Life) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1)")
    time.sleep(0.01)
    between = datetime.now(UTC)
    in_duckdb.do("DELETE FROM lake.t")

    result = canvasback.rewind(in_duckdb.attach, to_time=between, safety_point=False)

    assert result.snapshot_id == 2
    assert in_duckdb.read() == in_duckdb.truths[2]


def test_what_cannot_be_is_refused(in_duckdb: Life, tmp_path: Path) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", *(f"INSERT INTO lake.t VALUES ({n})" for n in range(3)))
    in_duckdb.same("CALL ducklake_expire_snapshots('lake', versions => [2])")
    truth = in_duckdb.read()
    refusals: list[tuple[dict[str, object], type[Exception], str, str]] = [
        ({"to_snapshot": 2}, RefusedError, "moment-not-held", "before it snapshot 1"),
        ({"to_snapshot": 9}, RefusedError, "moment-not-held", "before it snapshot 4"),
        ({"to_time": "2000-01-01T00:00:00Z"}, RefusedError, "moment-not-held", "after it snapshot 0"),
        ({"to_time": "2999-01-01T00:00:00Z"}, RefusedError, "moment-not-held", "before it snapshot 4"),
        ({"to_time": "yesterday"}, UsageError, "time-not-understood", "2 hours ago"),
        ({}, UsageError, "no-moment", "--to-snapshot"),
        ({"to_snapshot": 1, "safety_point": True}, UsageError, "no-safety-point", "--no-safety-point"),
    ]
    for arguments, kind, code, hint in refusals:
        with pytest.raises(kind) as caught:
            canvasback.rewind(in_duckdb.attach, **{"safety_point": False, **arguments})  # type: ignore[arg-type]
        assert caught.value.code == code  # type: ignore[attr-defined]
        assert hint in caught.value.hint  # type: ignore[attr-defined]
    assert in_duckdb.read() == truth
    assert canvasback.rewind(in_duckdb.attach, to_snapshot=4, safety_point=False).commits == ()


def test_a_dry_run_changes_nothing(life: Life) -> None:
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(9)", "DROP TABLE lake.t")
    life.do("CREATE TABLE lake.u AS SELECT 1 AS a")
    before = life.head

    result = canvasback.rewind(life.attach, to_snapshot=2, dry_run=True)

    assert [(t.table, t.change, t.rows_now, t.rows_then) for t in result.tables] == [
        ("t", "returns", 0, 9),
        ("u", "goes", 1, 0),
    ]
    assert result.commits[0].changes == "dropped_table:1"
    assert life.head == before
    assert life.read() == life.truths[before]


def test_clients_are_locked_out_or_named(life: Life) -> None:
    """Of SQLite's nobody can tell: who does nothing just then does not have the file open."""
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1)")
    kind = life.attach.split(":")[1]
    with session(life.attach, "READ_ONLY") as connection:
        assert contents(connection) == life.truths[2]
        if kind in {"postgres", "sqlite"}:
            result = canvasback.rewind(life.attach, to_snapshot=1, safety_point=False)
            assert list(result.finding_counts) == (["client-attached"] if kind == "postgres" else [])
            assert all("server process" in finding.where for finding in result.findings)
        else:
            with pytest.raises(LockedError) as caught:
                canvasback.rewind(life.attach, to_snapshot=1, safety_point=False)
            assert caught.value.code == "catalog-in-use"
    assert life.read() == life.truths[1 if kind in {"postgres", "sqlite"} else 2]


def test_a_commit_in_between_stops_it(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan was made of another lake."""
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t VALUES (1)")
    kind = type(open_engine(parse_lake(life.attach)))
    change: Callable[..., None] = kind.change

    def late(engine: object, *arguments: object) -> None:
        life.do("INSERT INTO lake.t VALUES (2)")
        change(engine, *arguments)

    monkeypatch.setattr(kind, "change", late)
    with pytest.raises(LockedError) as caught:
        canvasback.rewind(life.attach, to_snapshot=1, safety_point=False)
    assert caught.value.code == "catalog-changed"
    assert life.read() == life.truths[3]


def test_an_encrypted_merged_file_is_refused_and_can_be_looked_at(new_lake: Lake, tmp_path: Path) -> None:
    options = (f"DATA_PATH {literal(new_lake.data_path)}", "ENCRYPTED", "DATA_INLINING_ROW_LIMIT 0")
    with session(new_lake.attach, *options) as connection:
        connection.execute("LOAD httpfs")
        connection.execute("CREATE TABLE lake.t (i INTEGER)")
        for n in range(4):
            connection.execute(f"INSERT INTO lake.t SELECT * FROM range({n * 10}, {n * 10 + 10})")
        truth = contents(connection)
        connection.execute("CALL ducklake_merge_adjacent_files('lake')")
    new_lake.backup()
    for refused in (
        lambda: canvasback.rewind(new_lake.attach, to_snapshot=3, safety_point=False),
        lambda: canvasback.restore(
            f"ducklake:{tmp_path}/x.ducklake", new_lake.repository, at_snapshot=3, shares_files=True
        ),
    ):
        with pytest.raises(RefusedError) as caught:
            refused()
        assert caught.value.code == "cannot-cut"
    assert new_lake.read() == truth
    attached = canvasback.attach(new_lake.repository, at_snapshot=3, out=str(tmp_path / "look.ducklake"))
    assert len(read(f"ducklake:{attached.file}")["main.t"]) == 1 + 20


@pytest.fixture(autouse=True)
def _spilled_nothing(tmp_path: Path) -> Iterator[None]:
    """No temporary file is left behind."""
    yield
    assert not list(tmp_path.rglob("*.tmp"))
