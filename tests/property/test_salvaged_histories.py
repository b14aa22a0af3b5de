"""Random histories of a lake, of which the catalog falls back to an earlier commit or is lost.

Whatever the history was: content plus named losses is the truth. A table that no loss names shows what it did, with the
row ids it had; the second salvage finds nothing more; the lake can be written to, and DuckLake's own maintenance works
on it and changes nothing.

What no file can tell is not drawn: a statement that would delete all rows of a file, which DuckLake notes in the
catalog only, is left out, and an ALTER is followed by an insert that shows it.

`make soak` tries thousands of histories and every commit of each; `make test` the same few each time.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import canvasback
from canvasback import SalvageResult
from canvasback.checks import STRAY_KINDS
from tests.lake.builder import Contents, contents, read, session
from tests.lake.values import literal

SOAK = settings.get_current_profile_name() == "soak"

UNTOLD = {"contradiction", "missing-file"}
"""Losses of a table that allow for any difference."""

EXPECTED = {kind.code for kind in STRAY_KINDS} | {"file-missing"}
"""What check may find: files that were left, and cleaned ones that only snapshots of the older catalog name."""

PARTITIONINGS = ("", "", "s", "month(d)")
MERGE = "CALL ducklake_merge_adjacent_files('lake')"
REWRITE = "CALL ducklake_rewrite_data_files('lake', '{}', delete_threshold => 0)"
EXPIRE = "CALL ducklake_expire_snapshots('lake', older_than => now())"
CLEAN = "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)"
CLEAN_STRAYS = "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)"
MAINTENANCE = (MERGE, REWRITE, "CALL ducklake_flush_inlined_data('lake')", EXPIRE, CLEAN, CLEAN_STRAYS)


@dataclass(frozen=True)
class Insert:
    """So many new rows."""

    table: int
    rows: int


@dataclass(frozen=True)
class Delete:
    """Every so manieth row below a part of all."""

    table: int
    modulus: int
    rest: int
    eighths: int


@dataclass(frozen=True)
class Update:
    """Every so manieth row gets another number, or moves to another partition."""

    table: int
    modulus: int
    rest: int
    column: str


@dataclass(frozen=True)
class Alter:
    """A change of a column, and an insert that shows it."""

    table: int
    kind: str
    rows: int


@dataclass(frozen=True)
class Together:
    """Changes in one transaction; 0.3 crashes on some that update what another changed."""

    changes: tuple[Insert | Delete, ...]
    kept: bool


@dataclass(frozen=True)
class Maintain:
    """Maintenance, that of one commit."""

    statements: tuple[str, ...]


Change = Insert | Delete | Update | Alter | Together | Maintain

tables = st.integers(0, 1)
inserts = st.builds(Insert, tables, st.sampled_from([1, 3, 10, 30]))
deletes = st.builds(Delete, tables, st.sampled_from([3, 5, 7]), st.integers(0, 2), st.integers(1, 8))
updates = st.builds(Update, tables, st.sampled_from([1, 2, 5]), st.integers(0, 1), st.sampled_from(["n", "n", "s"]))
alters = st.builds(Alter, tables, st.sampled_from(["add", "rename", "promote", "drop"]), st.sampled_from([1, 4]))
together = st.builds(
    Together,
    st.lists(st.one_of(inserts, deletes), min_size=2, max_size=3).map(tuple),
    st.sampled_from([True, True, False]),
)
maintained = st.sampled_from([Maintain((MERGE,)), Maintain((REWRITE,)), Maintain((EXPIRE, CLEAN))])
changes = st.one_of(inserts, inserts, deletes, deletes, updates, updates, alters, together, maintained)
histories = st.tuples(
    st.sampled_from(PARTITIONINGS), st.sampled_from(PARTITIONINGS), st.lists(changes, min_size=4, max_size=14)
)


@dataclass
class Table:
    """A table as it is just then."""

    name: str
    partitioned: bool
    more: list[str] = field(default_factory=list)
    wide: bool = False
    next: int = 0
    made: int = 0

    def insert(self, rows: int) -> str:
        first = self.next
        self.next += rows
        more = "".join(f", (i % 9)::{'BIGINT' if n == 'n' and self.wide else 'INTEGER'}" for n in self.more)
        return (
            f"INSERT INTO lake.{self.name} SELECT i, 'k' || i % 3, DATE '2025-12-01' + (i % 60)::INTEGER, i{more} "
            f"FROM range({first}, {self.next}) r(i)"
        )

    def alter(self, kind: str) -> str | None:
        """What changes a column; nothing, if there is none to change."""
        alter = f"ALTER TABLE lake.{self.name}"
        self.made += 1
        match kind:
            case "add":
                self.more.append(f"c{self.made}")
                return f"{alter} ADD COLUMN c{self.made} INTEGER"
            case "rename" if self.more:
                old, self.more[-1] = self.more[-1], f"r{self.made}"
                return f"{alter} RENAME COLUMN {old} TO r{self.made}"
            case "drop" if self.more:
                return f"{alter} DROP COLUMN {self.more.pop(0)}"
            case "promote" if not self.wide:
                self.wide = True
                return f"{alter} ALTER n SET DATA TYPE BIGINT"
        return None


class History:
    """Writes a lake commit by commit, and keeps the catalog of each."""

    def __init__(self, folder: Path, partitionings: tuple[str, str]) -> None:
        self.folder = folder
        self.catalogs: list[Path] = []
        self.truth: Contents = {}
        self.done: list[str] = []
        self._partitionings = partitionings

    def write(self, changes_: list[Change]) -> None:
        """Commit all."""
        # Small commits lie in the catalog else, and go with it; see tests/lake/test_salvage_1_0.py.
        options = (f"DATA_PATH {literal(f'{self.folder}/data/')}", "DATA_INLINING_ROW_LIMIT 0")
        with session(f"ducklake:{self.folder}/main.ducklake", *options) as self._connection:
            self._tables = [Table(name, bool(p)) for name, p in zip("tu", self._partitionings, strict=True)]
            for table, by in zip(self._tables, self._partitionings, strict=True):
                self._do(f"CREATE TABLE lake.{table.name} (i INTEGER, s VARCHAR, d DATE, n INTEGER)", kept=False)
                if by:
                    self._do(f"ALTER TABLE lake.{table.name} SET PARTITIONED BY ({by})", kept=False)
                self._do(table.insert(5))
            for change in changes_:
                self._change(change)
            self.truth = contents(self._connection)

    def stale(self, number: int) -> str:
        """The lake with the catalog of then."""
        path = self.folder / f"stale-{number}.ducklake"
        shutil.copy(self.catalogs[number], path)
        return f"ducklake:{path}"

    def _change(self, change: Change) -> None:
        match change:
            case Together(several, kept):
                before = [table.next for table in self._tables]
                self._connection.execute("BEGIN")
                for one in several:
                    self._do(*self._sql(one), kept=False)
                self._connection.execute("COMMIT" if kept else "ROLLBACK")
                self.done.append("COMMIT" if kept else "ROLLBACK")
                if not kept:
                    for table, number in zip(self._tables, before, strict=True):
                        table.next = number
                self._keep()
            case Maintain(statements):
                self._do(*maintenance(statements, [table.name for table in self._tables if not table.partitioned]))
            case Alter(number, kind, rows):
                table = self._tables[number]
                altered = table.alter(kind)
                if altered is not None:
                    self._do(altered)
                    self._do(table.insert(rows))
            case _:
                self._do(*self._sql(change))

    def _sql(self, change: Insert | Delete | Update) -> Iterator[str]:
        table = self._tables[change.table]
        match change:
            case Insert(_, rows):
                yield table.insert(rows)
            case Delete(_, modulus, rest, eighths):
                where = f"i % {modulus} = {rest} AND i <= {table.next * eighths // 8}"
                if self._spares(table, where):
                    yield f"DELETE FROM lake.{table.name} WHERE {where}"
            case Update(_, modulus, rest, "s"):
                yield f"UPDATE lake.{table.name} SET s = 'k' || (i + n) % 3 WHERE i % {modulus} = {rest % modulus}"
            case Update(_, modulus, rest, _):
                yield f"UPDATE lake.{table.name} SET n = n + 7 WHERE i % {modulus} = {rest % modulus}"

    def _spares(self, table: Table, where: str) -> bool:
        """Whether a delete leaves a row in each file that it touches."""
        return not self._connection.execute(
            f"SELECT 1 FROM lake.{table.name} GROUP BY filename HAVING bool_and({where})"
        ).fetchall()

    def _do(self, *statements: str, kept: bool = True) -> None:
        for statement in statements:
            self.done.append(statement)
            self._connection.execute(statement)
        if kept and statements:
            self._keep()

    def _keep(self) -> None:
        self._connection.execute("CHECKPOINT __ducklake_metadata_lake")
        self.catalogs.append(self.folder / f"{len(self.catalogs)}.ducklake")
        shutil.copy(self.folder / "main.ducklake", self.catalogs[-1])


@given(histories)
@settings(
    settings() if SOAK else settings(max_examples=3, derandomize=True, phases=[Phase.generate]),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_content_and_named_losses_are_the_truth(drawn: tuple[str, str, list[Change]]) -> None:
    with tempfile.TemporaryDirectory(prefix="salvaged-") as folder:
        history = History(Path(folder), drawn[:2])
        history.write(drawn[2])
        for number in looked_at(len(history.catalogs)):
            attach = history.stale(number)
            shown = f"after catalog {number}: {history.done}"
            see_whole(attach, canvasback.salvage(attach), history, shown)
        lost = f"ducklake:{folder}/new.ducklake"
        result = canvasback.salvage(lost, new_catalog=True, data_path=f"{folder}/data")
        see_whole(lost, result, history, f"without a catalog: {history.done}")
        see_usable(lost, drawn[:2], str(history.done))


def looked_at(catalogs: int) -> list[int]:
    """The commits to which the catalog falls back: all, or a few of them."""
    return list(range(catalogs)) if SOAK else sorted({0, catalogs // 3, 2 * catalogs // 3, catalogs - 2} - {-1})


def see_whole(attach: str, result: SalvageResult, history: History, shown: str) -> None:
    """The lake shows the truth, but for what the result names."""
    losses = {(loss.table, loss.kind) for loss in result.losses}
    untold = {table for table, kind in losses if kind in UNTOLD}
    if {table for table, kind in losses if kind == "missing-file"}:
        return  # such a table cannot be read
    assert told(read(attach), untold, losses) == told(history.truth, untold, losses), shown
    again = canvasback.salvage(attach, dry_run=True)
    assert again.commits == (), shown
    assert wrong(attach) <= wrong(f"ducklake:{history.folder}/main.ducklake"), shown


def wrong(attach: str) -> set[tuple[str, str]]:
    """What check finds, and where; DuckLake 0.3 itself leaves rows behind."""
    return {(f.code, f.where) for f in canvasback.check(attach, level="rows").findings if f.code not in EXPECTED}


def told(found: Contents, untold: set[str], losses: set[tuple[str, str]]) -> Contents:
    """Contents without what is said to be lost."""
    return {
        table: rows[:1] + sorted(row.partition(": ")[2] for row in rows[1:]) if (table, "row-ids") in losses else rows
        for table, rows in found.items()
        if table not in untold
    }


def see_usable(attach: str, partitionings: tuple[str, str], shown: str) -> None:
    """DuckLake writes to it and maintains it, and nothing changes by that."""
    before = read(attach)
    with session(attach) as connection:
        for table in before:
            # 0.3 crashes on rows without a partition.
            new = "(-1, 'new', DATE '2026-11-25'), (-2, 'new', DATE '2026-11-25')"
            connection.execute(f"INSERT INTO lake.{table} (i, s, d) VALUES {new}")
            connection.execute(f"UPDATE lake.{table} SET i = -3 WHERE i = -2")
            connection.execute(f"DELETE FROM lake.{table} WHERE i < 0")
        plain = [name for name, by in zip("tu", partitionings, strict=True) if not by and f"main.{name}" in before]
        for statement in maintenance(MAINTENANCE, plain):
            connection.execute(statement)
            assert rows_of(contents(connection)) == rows_of(before), f"{statement} after {shown}"


def maintenance(statements: tuple[str, ...], plain: list[str]) -> Iterator[str]:
    """Statements of maintenance; a rewrite only of tables without partitions, as 0.3 crashes on others."""
    for statement in statements:
        yield from map(statement.format, plain) if statement == REWRITE else [statement]


def rows_of(found: Contents) -> Contents:
    """Contents without row ids, which a merge of 0.3 changes where a file has rows of an update."""
    return {table: rows[:1] + sorted(row.partition(": ")[2] for row in rows[1:]) for table, rows in found.items()}
