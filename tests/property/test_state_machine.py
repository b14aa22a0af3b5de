"""Random lives of a lake, with recovery points in between: every point gives back what the lake showed then.

`make soak` runs thousands of them, at random; `make test` runs the same few each time.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import canvasback
from tests.lake.builder import Contents, Lake, attach_as_lake, connect, contents, detach
from tests.lake.values import Catalog, catalog_of, literal, quoted, tree_of

INLINED = 5
"""So many rows at most are inlined, in tables that inline."""

NAMES = ["t", "u", "odd name", "Ü☂"]
SCHEMAS = ["main", "s"]


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
    rows then differ from its columns. So a table either has inlined rows, or changes.
    """

    schema: str
    name: str
    inlines: bool
    columns: int = 2

    @property
    def sql(self) -> str:
        """Its qualified name."""
        return f"lake.{self.schema}.{quoted(self.name)}"


@dataclass(frozen=True)
class Point:
    """What the lake was when a point was made."""

    id: str
    truth: Contents
    catalog: Catalog
    tables: tuple[Table, ...]


class LakeLife(RuleBasedStateMachine):
    """A lake, the real extension that writes to it, and the points that were made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="canvasback-life-"))
        self.lake = Lake(self.folder / "lake")
        self.connection = connect()
        self.tables: list[Table] = []
        self.points: list[Point] = []
        self.rows = 0
        self.made = 0
        self._execute(0, "CREATE SCHEMA lake.s")

    @rule(name=st.sampled_from(NAMES), schema=st.sampled_from(SCHEMAS), inlines=st.booleans())
    def create(self, name: str, schema: str, *, inlines: bool) -> None:
        """Make a table, of which some are partitioned."""
        if any((table.schema, table.name) == (schema, name) for table in self.tables):
            return
        table = Table(schema, name, inlines)
        self.tables.append(table)
        partitioned = self.made % 3 == 2
        self.made += 1
        self._change(table, f"CREATE TABLE {table.sql} (i INTEGER, s VARCHAR)")
        if partitioned and not inlines:
            self._change(table, f"ALTER TABLE {table.sql} SET PARTITIONED BY (s)")

    @precondition(lambda self: self.tables)
    @rule(data=st.data(), count=st.integers(1, 30))
    def insert(self, data: st.DataObject, count: int) -> None:
        """Insert few rows or many."""
        table = self._draw_table(data)
        start, self.rows = self.rows, self.rows + count
        more = ", i" * (table.columns - 2)
        self._change(
            table,
            # No NULL: 0.3 crashes on one in a partition's column.
            f"INSERT INTO {table.sql} SELECT i, 'value ' || i % 3{more} FROM range({start}, {start + count}) r(i)",
        )

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

    @precondition(lambda self: any(not table.inlines for table in self.tables))
    @rule(data=st.data())
    def add_column(self, data: st.DataObject) -> None:
        """Add a column."""
        table = self._draw_table(data, inlines=False)
        self._change(table, f"ALTER TABLE {table.sql} ADD COLUMN c{table.columns} BIGINT DEFAULT {table.columns}")
        table.columns += 1

    @precondition(lambda self: any(not table.inlines for table in self.tables))
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, name: str) -> None:
        """Rename a table."""
        table = self._draw_table(data, inlines=False)
        if any((other.schema, other.name) == (table.schema, name) for other in self.tables):
            return
        self._change(table, f"ALTER TABLE {table.sql} RENAME TO {quoted(name)}")
        table.name = name

    @precondition(lambda self: self.tables)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        """Drop a table; another one may get its name."""
        table = self._draw_table(data)
        self._change(table, f"DROP TABLE {table.sql}")
        self.tables.remove(table)

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

    @precondition(lambda self: self.points)
    @rule(data=st.data(), orphans=st.booleans())
    def go_back(self, data: st.DataObject, *, orphans: bool) -> None:
        """Take the lake back to a point, to go on from there on a new timeline."""
        point = data.draw(st.sampled_from(self.points))
        self._detach()
        canvasback.restore(self.lake.repository, self.lake.attach, point.id, replace=True)
        assert self._read(self.lake.attach) == point.truth
        self.tables = [Table(t.schema, t.name, t.inlines, t.columns) for t in point.tables]
        if not orphans:
            self._execute(0, "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")

    def teardown(self) -> None:
        """Lose the lake, and bring every point back: in place, elsewhere and attached by turns."""
        try:
            self._back_up(attached=False)
            assert canvasback.verify(self.lake.repository, all_points=True, level="rows").findings == ()
            self.lake.delete()
            for number, point in enumerate(self.points):
                self._bring_back(number, point)
        finally:
            self.connection.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _back_up(self, *, attached: bool) -> None:
        truth = self._read(self.lake.attach)
        catalog = catalog_of(self.lake.catalog)
        if attached:
            self._attach(0)
        result = self.lake.backup()
        tables = tuple(Table(t.schema, t.name, t.inlines, t.columns) for t in self.tables)
        self.points.append(Point(result.point, truth, catalog, tables))

    def _bring_back(self, number: int, point: Point) -> None:
        folder = self.folder / str(number)
        match number % 3:
            case 0:
                result = canvasback.restore(self.lake.repository, self.lake.attach, point.id, replace=True)
                assert result.findings == ()
                assert catalog_of(self.lake.catalog) == point.catalog
                assert self._read(self.lake.attach) == point.truth
            case 1:
                to = f"ducklake:{folder}/main.ducklake"
                result = canvasback.restore(self.lake.repository, to, point.id, data_path=f"{folder}/files")
                assert result.findings == ()
                assert len(tree_of(folder / "files")) == result.restored_files
                assert self._read(to) == point.truth
            case _:
                attached = canvasback.attach(self.lake.repository, point.id, out=f"{folder}/attached.ducklake")
                assert attached.findings == ()
                assert self._read(f"ducklake:{attached.file}") == point.truth

    def _draw_table(self, data: st.DataObject, *, inlines: bool | None = None) -> Table:
        return data.draw(
            st.sampled_from([table for table in self.tables if inlines is None or table.inlines is inlines])
        )

    def _change(self, table: Table, statement: str) -> None:
        self._execute(INLINED if table.inlines else 0, statement)

    def _execute(self, inlined: int, statement: str) -> None:
        self._attach(inlined)
        self.connection.execute(statement)

    def _attach(self, inlined: int) -> None:
        self._detach()
        attach_as_lake(
            self.connection,
            self.lake.attach,
            f"DATA_PATH {literal(self.lake.data_path)}",
            f"DATA_INLINING_ROW_LIMIT {inlined}",
        )

    def _detach(self) -> None:
        detach(self.connection)

    def _read(self, attach: str) -> Contents:
        self._detach()
        attach_as_lake(self.connection, attach, "READ_ONLY")
        try:
            return contents(self.connection)
        finally:
            self._detach()


TestLakeLife = LakeLife.TestCase
TestLakeLife.settings = settings(
    settings() if settings.get_current_profile_name() == "soak" else settings(max_examples=15, derandomize=True),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
