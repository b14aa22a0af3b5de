"""Deletes of a transaction during which others commit: DuckLake 1.0 notes with them an older snapshot than its own.

What a snapshot showed is asked when it is committed: later on DuckLake itself does not tell it rightly any more.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import canvasback
from tests import extension
from tests.lake.builder import Lake, session
from tests.lake.saved import ENGINES, Engine, attach_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import Server

Rows = list[tuple[int, ...]]

TOLD = {"deletes-too-early", "delete-positions"}
"""What check could say of deletes."""

_FOLDS = extension.DUCKLAKE == "1.0"
"""Whether the extension of this environment folds deletes into one file."""


class Writers:
    """Two clients of one lake, and what each commit of theirs made of the table `t`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.first = connection
        self.second = connection.cursor()
        self.truth: dict[int, Rows] = {}

    def run(self, *statements: str) -> None:
        """Let the first client commit each statement."""
        for statement in statements:
            self.first.execute(statement)
            self._note()

    def begin(self, statement: str) -> None:
        """Let the second client begin a transaction."""
        self.second.execute("BEGIN")
        self.second.execute(statement)

    def commit(self) -> None:
        """Let it commit that."""
        self.second.execute("COMMIT")
        self._note()

    @property
    def head(self) -> int:
        """The newest snapshot."""
        [(head,)] = self.first.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        return int(head)

    def _note(self) -> None:
        self.truth[self.head] = rows(self.first)


def rows(connection: duckdb.DuckDBPyConnection, at: int | None = None) -> Rows:
    """The rows of `t`, at a snapshot."""
    moment = "" if at is None else f" AT (VERSION => {at})"
    return connection.execute(f"SELECT * FROM lake.t{moment} ORDER BY ALL").fetchall()


@contextmanager
def writers(lake: Lake) -> Iterator[Writers]:
    """Open a lake for two clients, with the tables `t` of a thousand rows, and `u`."""
    with lake.session() as connection:
        both = Writers(connection)
        both.first.execute("CREATE TABLE lake.t AS SELECT range::INTEGER AS i FROM range(1000)")
        both.run("CREATE TABLE lake.u (i INTEGER)")
        yield both
        both.second.close()


def interleave(lake: Lake, statement: str = "DELETE FROM lake.t WHERE i >= 100 AND i < 200") -> dict[int, Rows]:
    """Let a transaction delete from a file that has deletes, while others commit; answer what each snapshot showed."""
    with writers(lake) as both:
        both.run("DELETE FROM lake.t WHERE i < 100")  # snapshot 3
        both.begin(statement)
        both.run("INSERT INTO lake.u VALUES (1)", "INSERT INTO lake.u VALUES (2)")  # 4, 5
        both.commit()  # 6
        return both.truth


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Lake:
    """A lake without inlining, in the engine of the parameter."""
    folder = tmp_path / "lake"
    folder.mkdir()
    engine: Engine = getattr(request, "param", "duckdb")
    return Lake(folder, options=("DATA_INLINING_ROW_LIMIT 0",), elsewhere=attach_string(engine, folder, postgres))


@pytest.fixture
def saved(made: Lake) -> tuple[Lake, dict[int, Rows]]:
    """Such a lake after `interleave`, and its only point."""
    truth = interleave(made)
    made.backup()
    return made, truth


# What the extension does, on which all else builds.


@pytest.mark.versions
@pytest.mark.parametrize("made", ["duckdb", "postgres"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM lake.t WHERE i >= 100 AND i < 200", "UPDATE lake.t SET i = -i WHERE i >= 100 AND i < 200"],
)
def test_ducklake_itself_shows_such_deletes_too_early(made: Lake, statement: str) -> None:
    """Only 1.0; of an UPDATE the old rows are gone too early, and the new ones come when they came."""
    truth = interleave(made, statement)
    with session(made.attach, "READ_ONLY") as connection:
        shown = {at: rows(connection, at) for at in truth}
    wrong = [at for at in truth if shown[at] != truth[at]]
    assert wrong == ([4, 5] if _FOLDS else [])
    assert all(len(truth[at]) == 900 and len(shown[at]) == 800 for at in wrong)


@pytest.mark.versions
@pytest.mark.parametrize("made", ["sqlite"], indirect=True)
def test_in_sqlite_nobody_commits_meanwhile(made: Lake) -> None:
    with writers(made) as both:
        both.run("DELETE FROM lake.t WHERE i < 100")
        both.begin("DELETE FROM lake.t WHERE i >= 100 AND i < 200")
        with pytest.raises(duckdb.Error, match="locked"):
            both.run("INSERT INTO lake.u VALUES (1)")
        both.second.execute("ROLLBACK")


@pytest.mark.versions
@pytest.mark.parametrize("made", ["duckdb", "postgres"], indirect=True)
def test_what_is_inlined_or_flushed_has_true_numbers(made: Lake) -> None:
    """Inlined deletes get theirs with the commit, and a flush takes over what the catalog says."""
    made.options = ("DATA_INLINING_ROW_LIMIT 20",)
    with writers(made) as both:
        for low in (0, 10, 20):
            both.run("INSERT INTO lake.t VALUES (5000)")
            both.begin(f"DELETE FROM lake.t WHERE i >= {low} AND i < {low + 10} OR i = 5000")
            both.run("INSERT INTO lake.u VALUES (1)")
            both.commit()
        before = {at: rows(both.first, at) for at in both.truth}
        both.first.execute("CALL ducklake_flush_inlined_data('lake')")
        after = {at: rows(both.first, at) for at in both.truth} if _FOLDS else before  # 0.3 forgets what was deleted
        assert before == after == both.truth


# What check says of it.


@pytest.mark.parametrize("made", ["duckdb", "postgres"], indirect=True)
def test_check_says_that_ducklake_is_at_fault(made: Lake) -> None:
    interleave(made)
    result = canvasback.check(made.attach, level="rows")
    assert [(f.code, f.severity, f.message) for f in result.findings] == [
        ("deletes-too-early", "warning", "says that snapshot 4 deleted rows that snapshot 6 deleted")
    ]


@pytest.mark.versions
def test_check_finds_nothing_where_nobody_interfered(made: Lake) -> None:
    """Folded deletes of files and of inlined rows, flushed and folded again, in one transaction and in several."""
    made.options = ("DATA_INLINING_ROW_LIMIT 10",)
    with writers(made) as both:
        both.run(
            "DELETE FROM lake.t WHERE i < 100",
            "DELETE FROM lake.t WHERE i = 100",
            "DELETE FROM lake.t WHERE i >= 200 AND i < 300",
            "UPDATE lake.t SET i = -i WHERE i >= 300 AND i < 305",
            "CALL ducklake_flush_inlined_data('lake')",
        )
        assert not TOLD & canvasback.check(made.attach, level="rows").finding_counts.keys()
        both.run("DELETE FROM lake.t WHERE i >= 400 AND i < 500", "DELETE FROM lake.t WHERE i >= 500 AND i < 600")
        both.begin("INSERT INTO lake.t SELECT range + 2000 FROM range(100)")
        both.second.execute("DELETE FROM lake.t WHERE i > 1950 AND i < 2050")
        both.commit()
        both.run("DELETE FROM lake.t WHERE i > 2060 AND i < 2080", "DELETE FROM lake.t WHERE i > 2080")
    assert not TOLD & canvasback.check(made.attach, level="rows").finding_counts.keys()


# What becomes of it.


@pytest.mark.parametrize("made", ["duckdb", "postgres"], indirect=True)
def test_going_back_takes_the_true_number(
    saved: tuple[Lake, dict[int, Rows]], tmp_path: Path, postgres: Server
) -> None:
    """By restore and by rewind, in every engine; and what comes next does not wake the number up."""
    lake, truth = saved
    for at, engine in zip((5, 4, 3), ENGINES, strict=True):
        folder = tmp_path / engine
        folder.mkdir()
        to = attach_string(engine, folder, postgres)
        restored = canvasback.restore(to, lake.repository, at_snapshot=at, data_path=f"{folder}/files")
        assert restored.findings == ()
        assert shown(to, at) == {n: truth[n] for n in truth if n <= at}
        copy = Lake(tmp_path / f"{engine}-copy", elsewhere=attach_string(engine, tmp_path / f"{engine}-copy", postgres))
        copy.data_path = f"{copy.data}/"
        canvasback.restore(copy.attach, lake.repository, data_path=str(copy.data))
        assert shown(copy.attach, 6) != truth
        rewound = canvasback.rewind(copy.attach, to_snapshot=at, safety_point=False)
        assert rewound.findings == ()
        copy.run(*(f"INSERT INTO lake.u VALUES ({n})" for n in range(3)))
        after = {n: truth[min(n, at)] for n in range(2, at + 4)}
        assert shown(copy.attach, at + 3) == after
        assert canvasback.check(copy.attach, level="rows").findings == ()


def test_a_moment_can_be_looked_at_as_it_was(saved: tuple[Lake, dict[int, Rows]], tmp_path: Path) -> None:
    """Nothing is written anew: the view of inlined deletes reads the delete file, and corrects it."""
    lake, truth = saved
    for at in (5, 4):
        out = tmp_path / f"look-{at}.ducklake"
        attached = canvasback.attach(lake.repository, at_snapshot=at, out=str(out))
        assert attached.findings == ()
        assert shown(f"ducklake:{out}", at) == {n: truth[n] for n in truth if n <= at}


def test_what_an_encrypted_moment_cannot_show_is_said(made: Lake, tmp_path: Path) -> None:
    """No file is written anew for it, and the view would have to name its key."""
    made.options = ("DATA_INLINING_ROW_LIMIT 0", "ENCRYPTED")
    truth = interleave(made)
    made.backup()
    attached = canvasback.attach(made.repository, at_snapshot=5, out=str(tmp_path / "look.ducklake"))
    assert [(f.code, f.message) for f in attached.findings] == [
        ("deletes-too-early", "says that snapshot 4 deleted rows that snapshot 6 deleted")
    ]
    [table] = [table for table in canvasback.tables(lake=made.attach, at_snapshot=5).tables if table.table == "t"]
    assert (table.rows, table.exact) == (len(truth[5]), True)
    with pytest.raises(canvasback.RefusedError) as caught:
        canvasback.rewind(made.attach, to_snapshot=5, safety_point=False)
    assert caught.value.code == "cannot-cut"


def shown(attach: str, until: int) -> dict[int, Rows]:
    """What a lake shows at each snapshot from the second one on."""
    with session(attach, "READ_ONLY") as connection:
        return {at: rows(connection, at) for at in range(2, until + 1)}


def test_a_table_comes_back_as_it_was(saved: tuple[Lake, dict[int, Rows]]) -> None:
    lake, truth = saved
    for at in (4, 5):
        result = canvasback.restore_tables(lake.attach, lake.repository, "t", as_name=f"t{at}", at_snapshot=at)
        assert result.findings == ()
        with lake.session() as connection:
            assert connection.execute(f"SELECT * FROM lake.t{at} ORDER BY ALL").fetchall() == truth[at]


def test_older_numbers_of_a_file_are_put_right_too(made: Lake, tmp_path: Path) -> None:
    """The file that told which commit it was is folded into another one: then the commits tell."""
    with writers(made) as both:
        both.run("DELETE FROM lake.t WHERE i < 100")  # 3
        both.begin("DELETE FROM lake.t WHERE i >= 100 AND i < 200")
        both.run("INSERT INTO lake.u VALUES (1)")  # 4
        both.commit()  # 5
        both.begin("DELETE FROM lake.t WHERE i >= 200 AND i < 300")
        both.run("INSERT INTO lake.u VALUES (1)", "INSERT INTO lake.u VALUES (1)")  # 6, 7
        both.commit()  # 8
        both.run("DELETE FROM lake.t WHERE i >= 300 AND i < 400")  # 9
    truth = both.truth
    made.backup()
    for at in (8, 7, 5, 4):
        to = f"ducklake:{tmp_path}/restored-{at}/main.ducklake"
        restored = canvasback.restore(to, made.repository, at_snapshot=at, data_path=str(tmp_path / f"files-{at}"))
        assert restored.findings == ()
        assert shown(to, at) == {n: truth[n] for n in truth if n <= at}


def test_a_point_made_at_the_snapshot_is_preferred(made: Lake, tmp_path: Path) -> None:
    """It has the files as they were, and nothing of it is written anew."""
    with writers(made) as both:
        both.run("DELETE FROM lake.t WHERE i < 100")
        both.begin("DELETE FROM lake.t WHERE i >= 100 AND i < 200")
        both.run("INSERT INTO lake.u VALUES (1)")
        point = made.backup().point
        both.run("INSERT INTO lake.u VALUES (1)")
        both.commit()
        made.backup()
    to = f"ducklake:{tmp_path}/restored/main.ducklake"
    restored = canvasback.restore(to, made.repository, at_snapshot=4, data_path=str(tmp_path / "files"))
    assert (restored.point, restored.findings) == (point, ())
    assert not any("anew" in step for step in restored.steps)
    assert shown(to, 4) == {n: both.truth[n] for n in (2, 3, 4)}
