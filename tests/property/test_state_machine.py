"""Random lives of a lake in each engine, with recovery points and rewinds in between.

Every point gives back what the lake showed then, and what it showed at each snapshot that the point holds; a rewind
takes the lake itself back to one. The truth of each snapshot is captured when it is committed. DuckLake 0.3 forgets
some of it itself (a flush forgets deleted rows): where the extension shows something else of a snapshot than at its
commit, this is what has to come back, and it has to be said.

Two writers take turns, and their transactions overlap. Whatever comes back is not only read: it is asked for counts,
for `min` and `max`, for what filters find, and for what it says of itself, which DuckLake answers from the catalog.

What DuckLake 1.0 itself does wrongly is left out: a wider type for a column (the next INSERT makes its statistics too
narrow), other partitions for a table that has a bucket (rows of before are not found), bytes in BLOBs that are no text
(their statistics are in two notations).

`make soak` takes thousands of steps, at random; `make test` runs the same few lives each time.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar

import duckdb
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import canvasback
from canvasback import RefusedError
from tests.extension import DUCKLAKE
from tests.lake.bookkeeping import judged
from tests.lake.builder import Contents, Lake, attach_as_lake, connect, contents, detach
from tests.lake.changes import Changes, changes, unlike
from tests.lake.saved import Engine
from tests.lake.values import Catalog, catalog_of, literal, quoted, tree_of
from tests.postgres import Server
from tests.property.lives import SOAK, lives

INLINED = 5
"""So many rows at most are inlined by 0.3, in tables that inline; 1.0 inlines up to 10 in all, as nobody forbids it."""

ROWS_ARE_TOLD = DUCKLAKE == "1.0"
"""Whether inlined tables may change."""

LOOKED_AT = 3
"""Of so many earlier snapshots it is seen whether they are what they were."""


NAMES = ["t", "u", "odd name", "Ü☂"]
SCHEMAS = ["main", "s"]
FORGOTTEN = {"rows-forgotten"}
"""What is said of a snapshot of which DuckLake itself forgot some."""

MAINTENANCE = [
    "ducklake_flush_inlined_data('lake')",
    "ducklake_rewrite_data_files('lake', delete_threshold => 0.2)",
    "ducklake_merge_adjacent_files('lake')",
    "ducklake_expire_snapshots('lake', older_than => now())",
    "ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "ducklake_delete_orphaned_files('lake', cleanup_all => true)",
]


@dataclass
class Table:
    """A table of the lake.

    DuckLake 0.3 loses its way where an inlined table is altered or renamed: the registrations of its inlined
    rows then differ from its columns. So there a table either has inlined rows, or changes.
    """

    schema: str
    name: str
    inlines: bool
    columns: int = 2

    @property
    def changes(self) -> bool:
        """Whether its definition may change."""
        return ROWS_ARE_TOLD or not self.inlines

    @property
    def sql(self) -> str:
        """Its qualified name."""
        return f"lake.{self.schema}.{quoted(self.name)}"


Tables = tuple[Table, ...]


@dataclass(frozen=True)
class Moment:
    """What the lake was when a snapshot was committed."""

    truth: Contents
    tables: Tables


@dataclass(frozen=True)
class Point:
    """What the lake was when a point was made, and the snapshots that it had."""

    id: str
    truth: Contents
    catalog: Catalog
    tables: Tables
    history: dict[int, Moment]
    times: dict[int, datetime]
    shown: dict[int, Contents | None] = field(default_factory=dict)
    """What the extension shows of a snapshot in the whole point, where somebody asked."""
    changed: dict[int, Changes] = field(default_factory=dict)
    """And what it says was changed until then."""

    @property
    def head(self) -> int:
        """The newest snapshot."""
        return max(self.times)


class LakeLife(RuleBasedStateMachine):
    """A lake, the real extension that writes to it, and the points that were made of it."""

    engine: ClassVar[Engine] = "duckdb"
    server: ClassVar[Server]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="canvasback-life-"))
        self.lake = Lake(self.folder / "lake", elsewhere=self._place(self.folder))
        self.connection = connect()
        self.tables: list[Table] = []
        self.points: list[Point] = []
        self.history: dict[int, Moment] = {}
        self.rows = 0
        self.made = 0
        self.looked = 0
        self._execute(0, "CREATE SCHEMA lake.s")
        self.history[0] = Moment({}, ())

    @rule(name=st.sampled_from(NAMES), schema=st.sampled_from(SCHEMAS), inlines=st.booleans())
    def create(self, name: str, schema: str, *, inlines: bool) -> None:
        """Make a table, of which some are partitioned."""
        if any((table.schema, table.name) == (schema, name) for table in self.tables):
            return
        table = Table(schema, name, inlines)
        self._execute(0, f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")  # the lake may be of a time before it
        self.tables.append(table)
        partitioned = self.made % 3 == 2
        self.made += 1
        self._change(table, f"CREATE TABLE {table.sql} (i INTEGER, s VARCHAR)")
        if partitioned and table.changes:
            self._change(table, f"ALTER TABLE {table.sql} SET PARTITIONED BY (s)")

    @precondition(lambda self: self.tables)
    @rule(data=st.data(), count=st.integers(1, 30))
    def insert(self, data: st.DataObject, count: int) -> None:
        """Insert few rows or many."""
        self._insert(self._draw_table(data), count)

    @precondition(lambda self: self.tables)
    @rule(data=st.data(), times=st.integers(2, 4))
    def insert_often(self, data: st.DataObject, times: int) -> None:
        """Insert few rows several times, for something to merge."""
        table = self._draw_table(data)
        for _ in range(times):
            self._insert(table, 2)

    @precondition(lambda self: self.tables)
    @rule(data=st.data(), of=st.integers(1, 6), at=st.integers(0, 5))
    def delete(self, data: st.DataObject, of: int, at: int) -> None:
        """Delete a part of the rows, perhaps all or none."""
        table = self._draw_table(data)
        self._change(table, f"DELETE FROM {table.sql} WHERE i % {of} = {at}")

    @precondition(lambda self: self.tables)
    @rule(data=st.data(), of=st.integers(1, 6), at=st.integers(0, 5))
    def update(self, data: st.DataObject, of: int, at: int) -> None:
        """Update a part of the rows."""
        table = self._draw_table(data)
        self._change(table, f"UPDATE {table.sql} SET s = s || '!' WHERE i % {of} = {at}")

    @precondition(lambda self: any(table.changes for table in self.tables))
    @rule(data=st.data())
    def add_column(self, data: st.DataObject) -> None:
        """Add a column."""
        table = self._draw_table(data, changing=True)
        number = table.columns
        table.columns += 1
        self._change(table, f"ALTER TABLE {table.sql} ADD COLUMN c{number} BIGINT DEFAULT {number}")

    @precondition(lambda self: any(table.changes for table in self.tables))
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, name: str) -> None:
        """Rename a table."""
        table = self._draw_table(data, changing=True)
        if any((other.schema, other.name) == (table.schema, name) for other in self.tables):
            return
        statement = f"ALTER TABLE {table.sql} RENAME TO {quoted(name)}"
        table.name = name
        self._change(table, statement)

    @precondition(lambda self: self.tables)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Drop a table; another one may get its name."""
        table = self._draw_table(data)
        self.tables.remove(table)
        self._change(table, f"DROP TABLE {table.sql}")

    @precondition(lambda self: ROWS_ARE_TOLD and self.tables)
    @rule(data=st.data(), commits=st.integers(1, 3))
    def interleave(self, data: st.DataObject, commits: int) -> None:
        """Let one writer commit while the transaction of another is open, which conflicts or comes through."""
        self._share()
        self._attach(0)
        with self.connection.cursor() as other:
            other.execute("BEGIN")
            for statement in self._draw_changes(data, 2):
                other.execute(statement)
            for statement in self._draw_changes(data, commits):
                self.connection.execute(statement)
                self._note()
            try:
                other.execute("COMMIT")
            except duckdb.TransactionException as error:
                # Both is right, to commit and to be in conflict; SQLite refuses whoever began before another's commit.
                lost = ("conflict", "database is locked") if self.engine == "sqlite" else ("conflict",)
                assert any(word in str(error) for word in lost), error  # noqa: PT017 - it may as well not be raised
        self._note()

    def _draw_changes(self, data: st.DataObject, most: int) -> list[str]:
        """Statements that change rows of one table, or of several."""
        drawn = []
        for _ in range(data.draw(st.integers(1, most))):
            table = self._draw_table(data)
            of, at = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 5))
            match data.draw(st.sampled_from(["insert", "delete", "update"])):
                case "insert":
                    count = data.draw(st.integers(1, 30))
                    drawn.append(_insertion(table, self.rows, count))
                    self.rows += count
                case "delete":
                    drawn.append(f"DELETE FROM {table.sql} WHERE i % {of} = {at}")
                case _:
                    drawn.append(f"UPDATE {table.sql} SET s = s || '~' WHERE i % {of} = {at}")
        return drawn

    def _share(self) -> None:
        """Let two clients use a catalog in SQLite at a time: with its other journal they lock each other out."""
        self._detach()
        if self.engine == "sqlite":
            with closing(sqlite3.connect(self.lake.attach.removeprefix("ducklake:sqlite:"))) as database:
                database.execute("PRAGMA journal_mode = wal")

    @rule(what=st.sampled_from(MAINTENANCE))
    def maintain(self, what: str) -> None:
        """Do one thing that changes history."""
        self._execute(0, f"CALL {what}")

    @rule()
    def maintain_all(self) -> None:
        """Do all of them, as CHECKPOINT does."""
        for what in MAINTENANCE:
            self._execute(0, f"CALL {what}")

    @rule()
    def back_up(self) -> None:
        """Make a point."""
        self._back_up(attached=False)

    @rule()
    def back_up_while_attached(self) -> None:
        """Make a point while this process has the lake attached."""
        self._back_up(attached=True)

    @rule(data=st.data(), safe=st.booleans())
    def rewind(self, data: st.DataObject, *, safe: bool) -> None:
        """Take the lake back to a snapshot in place, perhaps with a point of what is undone."""
        times = self._times()
        to = data.draw(st.sampled_from(sorted(times)))
        kept = [snapshot for snapshot in sorted(times) if snapshot <= to]
        shown = {at: self._shown(self.lake.attach, at) for at in {to, *_some(kept)}}
        safe = safe and bool(self.points) and to < max(times)
        undone = self._describe("") if safe else None

        repository = self.lake.repository if safe else None
        result = canvasback.rewind(self.lake.attach, to_snapshot=to, repository=repository, safety_point=safe)

        if undone is not None and result.safety_point not in {point.id for point in self.points}:
            self.points.append(replace(undone, id=result.safety_point))
        moment = self.history[to]
        truth = self._judge(self.lake.attach)
        _compare(truth, moment.truth, shown[to] if to < max(times) else truth, result.finding_counts)
        for at, seen in shown.items():
            assert seen is None or self._shown(self.lake.attach, at) in (seen, self.history[at].truth, truth), at
        self.history = {at: self.history[at] for at in kept} | {to: Moment(truth, moment.tables)}
        self.tables = _copied(moment.tables)

    @precondition(lambda self: self.points)
    @rule(data=st.data(), orphans=st.booleans(), whole=st.booleans())
    def go_back(self, data: st.DataObject, *, orphans: bool, whole: bool) -> None:
        """Take the lake back to a point, or to a snapshot that it holds, to go on from there on a new timeline."""
        point = data.draw(st.sampled_from(self.points))
        to = point.head if whole else data.draw(st.sampled_from(sorted(point.times)))
        self._detach()
        at = None if whole else to
        result = canvasback.restore(self.lake.attach, self.lake.repository, point.id, at_snapshot=at, replace=True)
        newer = {"newer-files"}  # of commits that come after the snapshot, and of those of other timelines
        counts = {code: count for code, count in result.finding_counts.items() if code not in newer}
        truth = self._came_back(self.lake.attach, point, to, counts)
        tables = point.tables if whole else point.history[to].tables
        self.history = {at: moment for at, moment in point.history.items() if at <= to} | {to: Moment(truth, tables)}
        self.tables = _copied(tables)
        if not orphans:
            self._execute(0, "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")

    @precondition(lambda self: self.points)
    @rule(data=st.data(), by_time=st.booleans())
    def look(self, data: st.DataObject, *, by_time: bool) -> None:
        """Attach a snapshot of a point."""
        point = data.draw(st.sampled_from(self.points))
        to = data.draw(st.sampled_from(sorted(point.times)))
        by_time = by_time and (to == point.head or to + 1 in point.times)  # else nobody knows what expired after it
        self.looked += 1
        attached = canvasback.attach(
            self.lake.repository,
            point.id,
            at_snapshot=None if by_time else to,
            at_time=point.times[to] if by_time else None,
            out=f"{self.folder}/look-{self.looked}.ducklake",
        )
        assert attached.snapshot_id == to
        self._came_back(f"ducklake:{attached.file}", point, to, attached.finding_counts)

    @precondition(lambda self: self.points)
    @rule(data=st.data())
    def restore_elsewhere(self, data: st.DataObject) -> None:
        """Bring a snapshot of a point back as another lake, and go on there."""
        point = data.draw(st.sampled_from(self.points))
        self._restore_elsewhere(point, data.draw(st.sampled_from(sorted(point.times))))

    @precondition(lambda self: any(moment.tables for point in self.points for moment in point.history.values()))
    @rule(data=st.data())
    def bring_back_a_table(self, data: st.DataObject) -> None:
        """Put a table of some moment beside what the lake is, as a new commit, to be written to like any other."""
        moments = [(point, at) for point in self.points for at in sorted(point.times) if point.history[at].tables]
        point, to = data.draw(st.sampled_from(moments))
        table = data.draw(st.sampled_from(point.history[to].tables))
        before = self._read(self.lake.attach)
        self.made += 1
        name = f"back {self.made}"

        result = canvasback.restore_tables(
            self.lake.attach, self.lake.repository, f"{table.schema}.{quoted(table.name)}", point.id,
            as_name=f"main.{quoted(name)}", at_snapshot=to,
        )  # fmt: skip

        assert set(result.finding_counts) <= FORGOTTEN
        after = self._judge(self.lake.attach)
        key = f"{table.schema}.{table.name}"
        assert after.keys() == before.keys() | {f"main.{name}"}
        came = {**after, key: after[f"main.{name}"]}
        _compare({key: came[key]}, {key: point.history[to].truth[key]}, self._of_table(point, to, key),
                 result.finding_counts)  # fmt: skip
        assert {other: rows for other, rows in after.items() if other != f"main.{name}"} == before
        self.tables.append(Table("main", name, inlines=False, columns=table.columns))
        self.history[result.new_snapshot_id] = Moment(after, tuple(_copied(self.tables)))

    def teardown(self) -> None:
        """Lose the lake, and bring every point back: in place, elsewhere and attached by turns."""
        try:
            self._back_up(attached=False)
            assert canvasback.verify(self.lake.repository, all_points=True, level="rows").findings == ()
            self.lake.delete()
            for number, point in enumerate(self.points if SOAK else self.points[-3:]):
                self._bring_back(number, point)
            snapshots = sorted({snapshot for point in self.points for snapshot in point.times})
            self._find(snapshots[self.rows % len(snapshots)])
        finally:
            self.connection.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, folder: Path) -> str:
        match self.engine:
            case "duckdb":
                return ""
            case "sqlite":
                return f"ducklake:sqlite:{folder}/main.db"
            case "postgres":
                return f"ducklake:postgres:{self.server.create()}"

    def _back_up(self, *, attached: bool) -> None:
        point = self._describe("")
        if attached:
            self._attach(0)
        result = self.lake.backup()
        self.points.append(replace(point, id=result.point))

    def _describe(self, id_: str) -> Point:
        """The lake as it is."""
        times = self._times()
        catalog = catalog_of(self.lake.catalog) if self.engine == "duckdb" else {}
        history = {at: self.history[at] for at in times}
        return Point(id_, self._read(self.lake.attach), catalog, tuple(_copied(self.tables)), history, times)

    def _bring_back(self, number: int, point: Point) -> None:
        folder = self.folder / str(number)
        match number % 3:
            case 0:
                result = canvasback.restore(self.lake.attach, self.lake.repository, point.id, replace=True)
                assert result.findings == ()
                assert self.engine != "duckdb" or catalog_of(self.lake.catalog) == point.catalog
                assert self._judge(self.lake.attach) == point.truth
            case 1:
                to = f"ducklake:{folder}/main.ducklake"
                result = canvasback.restore(to, self.lake.repository, point.id, data_path=f"{folder}/files")
                assert result.findings == ()
                assert len(tree_of(folder / "files")) == result.restored_files
                assert self._judge(to) == point.truth
            case _:
                attached = canvasback.attach(self.lake.repository, point.id, out=f"{folder}/attached.ducklake")
                assert attached.findings == ()
                assert self._judge(f"ducklake:{attached.file}") == point.truth

    def _restore_elsewhere(self, point: Point, to: int) -> None:
        self.looked += 1
        folder = self.folder / f"elsewhere-{self.looked}"
        folder.mkdir()
        attach = self._place(folder) or f"ducklake:{folder}/main.ducklake"
        result = canvasback.restore(attach, self.lake.repository, point.id, at_snapshot=to, data_path=f"{folder}/files")
        assert result.snapshot_id == to
        truth = self._came_back(attach, point, to, result.finding_counts)
        earlier = {at: self._shown(attach, at) for at in _some([at for at in sorted(point.times) if at < to])}
        for at, seen in earlier.items():
            assert seen is None or seen in (self._whole(point, at), point.history[at].truth), at

        tables = [*_copied(point.history[to].tables), Table("main", "fresh", inlines=False)]
        self._go_on(attach, f"{folder}/files/", tables, point.head)

        after = self._judge(attach)
        assert all(set(rows) <= set(after[name]) for name, rows in truth.items())
        assert {name: len(after[name]) - len(rows) for name, rows in truth.items()} == dict.fromkeys(truth, 12)
        for at, seen in {**earlier, to: truth}.items():
            assert seen is None or self._shown(attach, at) == seen, at

    def _go_on(self, attach: str, files: str, tables: list[Table], until: int) -> None:
        """Put twelve rows into each table, use up the ids of snapshots that were left out, and merge."""
        for inlined in (0, INLINED):
            self._detach()
            attach_as_lake(self.connection, attach, f"DATA_PATH {literal(files)}", *_inlining(inlined))
            if not inlined:
                self.connection.execute(f"CREATE TABLE {tables[-1].sql} (i INTEGER, s VARCHAR)")
            for table in tables:
                if table.inlines is bool(inlined):
                    for start in range(0, 12, 4):
                        self.connection.execute(_insertion(table, 10_000 + start, 4))
        while self._head() <= until:
            self.connection.execute(_insertion(tables[-1], self._head(), 1))
        self._detach()
        attach_as_lake(self.connection, attach, f"DATA_PATH {literal(files)}")
        self.connection.execute("CALL ducklake_merge_adjacent_files('lake')")
        self._detach()

    def _find(self, snapshot: int) -> None:
        """Bring a snapshot back without naming a point: if the lake had several of that number, this is refused."""
        holding = [point for point in self.points if snapshot in point.times]
        out = f"{self.folder}/found.ducklake"
        if len({point.times[snapshot] for point in holding}) > 1:
            with pytest.raises(RefusedError) as caught:
                canvasback.attach(self.lake.repository, at_snapshot=snapshot, out=out)
            assert caught.value.code == "ambiguous-snapshot"
            return
        attached = canvasback.attach(self.lake.repository, at_snapshot=snapshot, out=out)
        [found] = [point for point in holding if point.id == attached.point]
        self._came_back(f"ducklake:{attached.file}", found, snapshot, attached.finding_counts)

    def _came_back(self, attach: str, point: Point, snapshot: int, counts: dict[str, int]) -> Contents:
        """Judge a lake that is as a point's lake was at a snapshot; answer what it shows."""
        found = self._judge(attach)
        whole = self._whole(point, snapshot)
        if snapshot == point.head:
            assert (found, counts) == (point.truth, {})
        else:
            _compare(found, point.history[snapshot].truth, whole, counts)
        if not counts:
            assert unlike(self._changes(attach, point, snapshot), point.changed[snapshot]) == {}
        return found

    def _changes(self, attach: str, point: Point, snapshot: int) -> Changes:
        """What the extension says was changed until a snapshot, and by it."""
        self._detach()
        attach_as_lake(self.connection, attach, "READ_ONLY")
        try:
            return changes(self.connection, {(min(point.times), snapshot), (snapshot, snapshot)})
        finally:
            self._detach()

    def _whole(self, point: Point, snapshot: int) -> Contents | None:
        """What the extension shows of a snapshot in the whole point; None where it fails."""
        if snapshot not in point.shown:
            self.looked += 1
            whole = canvasback.attach(self.lake.repository, point.id, out=f"{self.folder}/whole-{self.looked}.ducklake")
            point.shown[snapshot] = self._shown(f"ducklake:{whole.file}", snapshot)
            point.changed[snapshot] = self._changes(f"ducklake:{whole.file}", point, snapshot)
        return point.shown[snapshot]

    def _of_table(self, point: Point, snapshot: int, key: str) -> Contents | None:
        """The same of one table."""
        shown = point.truth if snapshot == point.head else self._whole(point, snapshot)
        return None if shown is None else {key: shown[key]}

    def _shown(self, attach: str, snapshot: int) -> Contents | None:
        """What the extension shows of a snapshot; None where it fails, as its statistics are of the head."""
        try:
            return self._read(attach, f"SNAPSHOT_VERSION {snapshot}")
        except duckdb.ConversionException:
            return None

    def _draw_table(self, data: st.DataObject, *, changing: bool = False) -> Table:
        return data.draw(st.sampled_from([table for table in self.tables if table.changes or not changing]))

    def _insert(self, table: Table, count: int) -> None:
        start, self.rows = self.rows, self.rows + count
        self._change(table, _insertion(table, start, count))

    def _change(self, table: Table, statement: str) -> None:
        self._execute(INLINED if table.inlines else 0, statement)

    def _execute(self, inlined: int, statement: str) -> None:
        self._attach(inlined)
        self.connection.execute(statement)
        self._note()

    def _note(self) -> None:
        """Remember what the head shows, as nobody may be able to tell later."""
        head, seen = self._head(), contents(self.connection)
        known = self.history.get(head)
        if known is None or known.truth != seen:
            self.history[head] = Moment(seen, tuple(_copied(self.tables)))

    def _head(self) -> int:
        [(head,)] = self.connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchall()
        return int(head)

    def _times(self) -> dict[int, datetime]:
        """The lake's snapshots, and when they were committed."""
        self._attach(0)
        found = self.connection.execute("SELECT snapshot_id, snapshot_time FROM ducklake_snapshots('lake')").fetchall()
        self._detach()
        return {int(snapshot): time for snapshot, time in found}

    def _attach(self, inlined: int) -> None:
        self._detach()
        attach_as_lake(
            self.connection, self.lake.attach, f"DATA_PATH {literal(self.lake.data_path)}", *_inlining(inlined)
        )

    def _detach(self) -> None:
        detach(self.connection)

    def _read(self, attach: str, *options: str) -> Contents:
        self._detach()
        attach_as_lake(self.connection, attach, "READ_ONLY", *options)
        try:
            return contents(self.connection)
        finally:
            self._detach()

    def _judge(self, attach: str) -> Contents:
        """Read what came back; it has to answer questions as its rows do."""
        self._detach()
        attach_as_lake(self.connection, attach, "READ_ONLY")
        try:
            assert judged(self.connection) == []
            return contents(self.connection)
        finally:
            self._detach()


def _inlining(rows: int) -> list[str]:
    """The option that lets 0.3 inline; 1.0 does so by default."""
    return [] if ROWS_ARE_TOLD else [f"DATA_INLINING_ROW_LIMIT {rows}"]


def _compare(found: Contents, truth: Contents, shown: Contents | None, counts: dict[str, int]) -> None:
    """See that what came back is the truth; or what the extension shows, and somebody said that it is less.

    A merge of files loses the row ids of rows that were updated: of these, what the extension shows is right as well.
    """
    assert set(counts) <= FORGOTTEN
    if found != truth and shown is not None:
        assert found == shown
        assert counts or _rows(found) == _rows(truth)
    elif found != truth:
        assert counts


def _rows(found: Contents) -> Contents:
    return {name: rows[:1] + sorted(row.partition(": ")[2] for row in rows[1:]) for name, rows in found.items()}


def _copied(tables: tuple[Table, ...] | list[Table]) -> list[Table]:
    return [replace(table) for table in tables]


def _some(snapshots: list[int]) -> list[int]:
    return snapshots if SOAK else snapshots[:: max(1, -(-len(snapshots) // LOOKED_AT))]


def _insertion(table: Table, start: int, count: int) -> str:
    more = ", i" * (table.columns - 2)
    # No NULL: 0.3 crashes on one in a partition's column.
    return f"INSERT INTO {table.sql} SELECT i, 'value ' || i % 3{more} FROM range({start}, {start + count}) r(i)"


class LakeLifeInSqlite(LakeLife):
    """The same in SQLite."""

    engine = "sqlite"


class LakeLifeInPostgres(LakeLife):
    """The same in PostgreSQL."""

    engine = "postgres"


@pytest.fixture(autouse=True)
def _server(postgres: Server) -> Iterator[None]:
    LakeLife.server = postgres
    yield
    del LakeLife.server


TestLakeLife = LakeLife.TestCase
TestLakeLife.settings = lives(5, 5_000)
TestLakeLifeInSqlite = LakeLifeInSqlite.TestCase
TestLakeLifeInSqlite.settings = lives(2, 2_000)
TestLakeLifeInPostgres = LakeLifeInPostgres.TestCase
TestLakeLifeInPostgres.settings = lives(2, 2_000)
