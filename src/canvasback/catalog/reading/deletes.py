"""Which commit deleted the rows that a delete file names: what the files of DuckLake 1.0 say of it can be untrue.

A second DELETE or UPDATE of a data file folds its deletes and the earlier ones into one delete file, and notes with
each row the snapshot that deleted it. Of the new ones the extension notes the snapshot after the one at which its
transaction began. Where others committed meanwhile, the transaction commits as a later one, and the number is too low:
the snapshots between show rows as deleted that were there. A flush writes such a file too, and its numbers are true,
since they come out of the catalog.

Numbers are never too high, and those of one data file are in the order of its commits: nobody else can delete from it
while such a transaction runs. So the commit that wrote a number is that number, or a later one that deleted from the
table, before the file's next number. That of the newest number is known: it is the one that gave the file its id.
Source: the extension's `FlushDeleteWithSnapshots`, `FlushInlinedFileDeletions` and `CheckForConflicts`, 1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import inlined_deletes, own_column
from canvasback.catalog.reading.visible import visible

_TABLE = "ducklake_delete_file"
_DELETING = frozenset({"deleted_from_table", "inlined_delete", "merge_adjacent", "rewrite_delete", "compacted_table"})
"""What ``changes_made`` says of commits that write delete files, or rows of which a flush makes some."""


class FoldedFile(msgspec.Struct, frozen=True):
    """A delete file whose deletes may be of several commits.

    Attributes:
        file_id: Its ``delete_file_id``.
        table_id: Its table.
        data_file_id: The data file that it deletes from.
        begins: The oldest number in it.
        newest: The newest number in it; None where the catalog does not say.
        made: The commit that gave it its id, or the first one after that which the catalog still has.
        data_begins: The commit from which on the data file is there.
    """

    file_id: int
    table_id: int
    data_file_id: int
    begins: int
    newest: int | None
    made: int
    data_begins: int


class Span(msgspec.Struct, frozen=True):
    """The commits of which one deleted some rows: the first and the last of them. Where both are one, it is known."""

    first: int
    last: int

    @property
    def known(self) -> bool:
        """Whether it is clear which commit that was."""
        return self.first == self.last


def folded_files(image: Image, where: str, after: int = -1) -> list[FoldedFile]:
    """The delete files that may have deletes of several commits.

    Args:
        image: The catalog in DuckDB's dialect.
        where: A condition on them as ``f``.
        after: Only those of which a commit after this snapshot may have made something.
    """
    if not image.has(_TABLE, "partial_max"):
        return []
    rows = image.rows(
        f"""
        WITH files AS (
            SELECT f.delete_file_id, f.table_id, f.data_file_id, f.begin_snapshot, f.partial_max
            FROM {{{_TABLE}}} f WHERE {where}
        ), given AS (
            SELECT next_file_id, min(snapshot_id) AS snapshot_id FROM {{ducklake_snapshot}} s GROUP BY 1
        )
        SELECT f.*, coalesce(g.snapshot_id, f.begin_snapshot), coalesce(d.begin_snapshot, f.begin_snapshot)
        FROM files f ASOF LEFT JOIN given g ON f.delete_file_id < g.next_file_id
        LEFT JOIN {{ducklake_data_file}} d ON d.data_file_id = f.data_file_id
        WHERE (f.partial_max IS NOT NULL OR g.snapshot_id > f.begin_snapshot)
            AND greatest(f.partial_max, coalesce(g.snapshot_id, f.begin_snapshot)) > {after} ORDER BY 1
        """
    )
    return [FoldedFile(*row) for row in rows]


def late_deletes(image: Image, snapshot: int) -> list[int]:
    """The ids of the delete files that a snapshot sees and that may have deletes of later commits.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: The snapshot.
    """
    files = folded_files(image, visible("f", snapshot), snapshot)
    if not files:
        return []
    commits = DeletingCommits(image)
    return [file.file_id for file in files if commits.may_be_later(file, snapshot)]


def forgotten_deletes(image: Image, snapshot: int) -> dict[int, int]:
    """The tables of which a snapshot saw deleted rows that the catalog may show again, and how many at most.

    Each deletion vector takes the place of all earlier deletes of its data file, whenever those were.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: The snapshot.
    """
    if not image.has(_TABLE, "partial_max"):
        return {}
    rows = image.rows(
        f"""
        SELECT f.table_id, f.delete_count, d.begin_snapshot FROM {{{_TABLE}}} f
        JOIN {{ducklake_data_file}} d ON d.data_file_id = f.data_file_id AND {visible("d", snapshot)}
        WHERE f.begin_snapshot > {snapshot} AND lower(f.format) = 'puffin'
            AND f.data_file_id NOT IN (SELECT data_file_id FROM {{{_TABLE}}} o WHERE {visible("o", snapshot)})
        """
    )
    commits = DeletingCommits(image) if rows else None
    found: dict[int, int] = {}
    for table_id, deletes, begins in rows:
        if commits is not None and commits.left_unnamed(table_id, begins, snapshot):
            found[table_id] = found.get(table_id, 0) + deletes
    return found


class DeletingCommits:
    """The commits of a catalog that deleted rows.

    Args:
        image: The catalog in DuckDB's dialect.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._every: dict[int, set[int]] = {}
        self._inlined: dict[int, set[int]] = {}
        self._folding: dict[int, set[int]] = {}
        self._known: set[int] = set()
        rows = image.rows("SELECT snapshot_id, string_split(changes_made, ',') FROM {ducklake_snapshot_changes} c")
        for commit, changes in rows:
            self._known.add(commit)
            for kind, _, table in (change.partition(":") for change in changes or ()):
                if kind in _DELETING and table.isdigit():
                    self._every.setdefault(int(table), set()).add(commit)
                    of_kind = self._inlined if kind == "inlined_delete" else self._folding
                    of_kind.setdefault(int(table), set()).add(commit)

    def may_be_later(self, file: FoldedFile, snapshot: int) -> bool:
        """Whether rows of a file that a snapshot sees may have been deleted by later commits."""
        if file.newest is None:  # a flush wrote it, and its numbers are true
            return any(snapshot < commit < file.made for commit in self._every.get(file.table_id, ()))
        return file.newest > snapshot or self.newest_of(file).last > snapshot

    def newest_of(self, file: FoldedFile) -> Span:
        """Which commits may have deleted the rows of a file's newest number, as far as the catalog alone can tell."""
        assert file.newest is not None
        inlined = {c for c in self._inlined.get(file.table_id, ()) if file.begins <= c <= file.newest}
        return self._newest_span(file, sorted({file.begins, *inlined, file.newest}))

    def left_unnamed(self, table_id: int, first: int, last: int) -> bool:
        """Whether a commit may have deleted rows of a table's files by a delete file that is there no more."""
        among = {commit for commit in self._every.get(table_id, ()) if first <= commit <= last} | {first}
        inlined = self._inlined.get(table_id, set())
        return any(self._unnamed(commit) for commit in among - (inlined - self._folding.get(table_id, set())))

    def spans(
        self, file: FoldedFile, numbers: Iterable[int], others: Callable[[], Iterable[int]] = tuple
    ) -> Mapping[int, Span]:
        """Which commits may have deleted the rows of each number of a file.

        Args:
            file: The file.
            numbers: All numbers in it.
            others: Reads the numbers in the other delete files of its table, once for each file; asked only where
                it matters.
        """
        ordered = sorted(set(numbers))
        spans = {number: self._span(file, number, after, others) for number, after in pairwise(ordered)}
        if ordered:
            spans[ordered[-1]] = self._newest_span(file, ordered)
        return spans

    def _newest_span(self, file: FoldedFile, numbers: Sequence[int]) -> Span:
        newest = numbers[-1]
        if newest >= file.made or file.newest is None:
            return Span(newest, newest)
        possible = sorted(c for c in self._every.get(file.table_id, ()) if newest <= c <= file.made)
        if not self._may_be_flushed(file, numbers):
            forgotten = any(commit not in self._known for commit in range(newest, file.made))
            return Span(file.made, file.made) if file.made in possible or forgotten else Span(newest, newest)
        if not possible or newest in possible or newest not in self._known:
            return Span(newest, newest)
        return Span(possible[0], possible[-1])

    def _span(self, file: FoldedFile, number: int, after: int, others: Callable[[], Iterable[int]]) -> Span:
        """That of a number that is not the newest: the file that the commit wrote is there no more."""
        itself = Span(number, number)
        possible = [c for c in self._every.get(file.table_id, ()) if number <= c < after]
        later = sorted(c for c in possible if c > number and self._unnamed(c))
        if number in {file.data_begins, *self._inlined.get(file.table_id, ())} or number not in self._known:
            return itself
        if number not in possible:
            later = later or sorted(c for c in possible if c > number)
            return Span(later[0], later[-1]) if later else itself
        if not later:
            return itself
        if not self._unnamed(number):
            return Span(later[0], later[-1])
        told = list(others())
        left = [commit for commit in later if self._unnamed(commit) > told.count(commit)]
        return Span(number, left[-1]) if left else itself

    def _may_be_flushed(self, file: FoldedFile, numbers: Iterable[int]) -> bool:
        """Whether it may be a flush that wrote a file: then some of its deletes were inlined before."""
        inlined = self._inlined.get(file.table_id, set())
        if not any(number in inlined or number not in self._known for number in numbers):
            return False
        return file.data_file_id not in self._unflushed.get(file.table_id, {}) or (
            self._unflushed[file.table_id][file.data_file_id] >= file.made
        )

    @cached_property
    def _unflushed(self) -> dict[int, dict[int, int]]:
        """The oldest deletes that are still inlined, by table and data file."""
        found: dict[int, dict[int, int]] = {}
        for name, table_id in inlined_deletes(self._image).items():
            begin = own_column(self._image, name, "begin_snapshot")
            found[table_id] = dict(self._image.rows(f"SELECT file_id, min({begin}) FROM {{{name}}} x GROUP BY 1"))
        return found

    def _unnamed(self, commit: int) -> int:
        """How many of the ids of files that a commit gave out no row has any more; many where that is not known."""
        return self._left.get(commit, 1 << 30)

    @cached_property
    def _left(self) -> dict[int, int]:
        files = " UNION ALL ".join(
            f"SELECT {key} AS id FROM ({self._image.tables[table].select})"
            for table, key in (
                ("ducklake_data_file", "data_file_id"),
                (_TABLE, "delete_file_id"),
                ("ducklake_column_mapping", "mapping_id"),
            )
            if table in self._image.tables
        )
        return dict(
            self._image.rows(
                f"""
                SELECT s.snapshot_id, any_value(s.next_file_id - s.first) - count(f.id) FROM (
                    SELECT snapshot_id, next_file_id, lag(next_file_id) OVER w AS first,
                        lag(snapshot_id) OVER w AS before
                    FROM {{ducklake_snapshot}} x WINDOW w AS (ORDER BY snapshot_id)
                ) s LEFT JOIN ({files}) f ON f.id >= s.first AND f.id < s.next_file_id
                WHERE s.before = s.snapshot_id - 1 GROUP BY 1
                """
            )
        )
