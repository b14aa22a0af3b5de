"""What one image, or two, know of the way from one snapshot to another: files, inlined rows, and what ended.

All functions want an image in DuckDB's dialect, see `canvasback.catalog.dialects.in_dialect`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import MARK, inlined_select, shown_files

_COLUMNS = (
    "table_id, file_id, path, bytes, begins, last, rows, deletes, delete_mark, exact, anonymous, splits, merged, ends"
)


class File(msgspec.Struct, frozen=True):
    """A data file as a snapshot sees it; `table_states.shown_files` tells of the attributes."""

    table_id: int
    file_id: int
    path: str
    bytes: int
    begins: int
    last: int
    rows: int
    deletes: int
    delete_mark: str
    exact: bool
    anonymous: bool
    splits: str | None
    merged: bool
    ends: int | None

    @property
    def live(self) -> int:
        """Rows less deletes."""
        return self.rows - self.deletes

    @property
    def listed(self) -> dict[int, int]:
        """How many rows the file has of which snapshots, where the catalog lists that."""
        found: dict[int, int] = {}
        if self.splits is not None and not self.splits.startswith(MARK):
            for split in self.splits.split("|"):
                snapshot, _, upto = split.partition(":")
                begins = max(int(snapshot), self.begins)  # 0.2 lists what a rewritten file's sources began with
                found[begins] = found.get(begins, 0) + int(upto) - sum(found.values())
        return found

    def hides(self, snapshot: int) -> bool:
        """Whether it has rows of later snapshots, and the catalog does not say how many."""
        return self.last > snapshot and not self.listed


FilePair = tuple[File | None, File | None]


class Plain(msgspec.Struct, frozen=True):
    """Files of one table of which all is clear, so that their sums will do.

    Attributes:
        new_files: Files of inserts and updates that the newer snapshot sees and the older one does not.
        new_bytes: Bytes of them.
        new_rows: Their live rows.
        gone_files: Files that the newer snapshot does not see.
        gone_bytes: Bytes of them.
    """

    new_files: int = 0
    new_bytes: int = 0
    new_rows: int = 0
    gone_files: int = 0
    gone_bytes: int = 0


class Moved(msgspec.Struct, frozen=True):
    """The files that two snapshots of one image do not see alike, by table.

    Attributes:
        pairs: Files that came of compaction, grew, lost rows, or of which the catalog cannot tell.
        plain: All others. A lake may have millions of them.
    """

    pairs: dict[int, list[FilePair]]
    plain: dict[int, Plain]


class History(msgspec.Struct, frozen=True):
    """What one image knows of the time between two snapshots.

    Attributes:
        before: The older snapshot.
        after: The newer snapshot.
        held: Whether the image holds it. If not, files that only it saw may be gone from the image.
        whole: Whether the image holds every snapshot between the two.
        ended: The files that ended in between, of tables that have files of compaction, by table.
        inserted: The snapshots that wrote files into a table, with the table.
        inlined: How many inlined rows came in, by table.
        forgotten: The tables of which rows that the older one saw are forgotten.
    """

    before: int
    after: int
    held: bool
    whole: bool
    ended: dict[int, list[File]]
    inserted: frozenset[tuple[int, int]]
    inlined: dict[int, int]
    forgotten: frozenset[int]

    def between(self, snapshot: int) -> bool:
        """Whether a snapshot is after the older one, and not after the newer one."""
        return self.before < snapshot <= self.after

    def snapshots_of(self, file: File) -> range:
        """The snapshots in between whose rows a file may have."""
        return range(max(file.begins, self.before + 1), min(file.last, self.after) + 1)


def history(image: Image, before: int, after: int, *, held: bool, forgotten: Iterable[int]) -> History:
    """Read what an image knows of the time between two snapshots; ``before`` is excluded, ``after`` included."""
    between = f"snapshot_id > {before} AND snapshot_id <= {after}"
    count = image.rows(f"SELECT count(*) FROM {{ducklake_snapshot}} s WHERE {between}")[0][0]
    ended: dict[int, list[File]] = {}
    compacted = f"SELECT table_id FROM ({image.tables['ducklake_data_file'].select}) c WHERE row_id_start IS NULL"
    where = f"f.end_snapshot > {before} AND f.end_snapshot <= {after} AND f.table_id IN ({compacted})"
    for row in image.rows(f"SELECT {_COLUMNS} FROM ({shown_files(image, after, where)})"):
        ended.setdefault(row[0], []).append(File(*row))
    inlined = image.rows(
        f"SELECT table_id, count(*) FROM ({inlined_select(image, after)}) WHERE begins > {before} GROUP BY 1"
    )
    changes = image.rows(
        f"SELECT snapshot_id, string_split(changes_made, ',') FROM {{ducklake_snapshot_changes}} c WHERE {between}"
    )
    inserted = {
        (snapshot, int(table))
        for snapshot, entries in changes
        for kind, _, table in (entry.partition(":") for entry in entries or ())
        if kind == "inserted_into_table" and table.isdigit()
    }
    whole = count == len(changes) == after - before
    return History(before, after, held, whole, ended, frozenset(inserted), dict(inlined), frozenset(forgotten))


def moved_files(image: Image, before: int, after: int) -> Moved:
    """The files of an image that its two snapshots do not see alike, or of which it cannot tell."""
    sides = [
        f"SELECT {', '.join(f'x.{name} AS {side}_{name}' for name in _COLUMNS.split(', '))} "
        f"FROM ({shown_files(image, snapshot)}) x"
        for side, snapshot in (("a", before), ("b", after))
    ]
    joined = f"FROM ({sides[0]}) a FULL JOIN ({sides[1]}) b ON a_file_id = b_file_id"
    new, gone = "a_file_id IS NULL AND NOT b_anonymous", "b_file_id IS NULL AND a_exact"
    rows = image.rows(
        f"SELECT * {joined} WHERE NOT coalesce({new}, false) AND NOT coalesce({gone}, false) AND (a_file_id IS NULL "
        "OR b_file_id IS NULL OR a_rows <> b_rows OR a_deletes <> b_deletes OR NOT a_exact OR NOT b_exact)"
    )
    width = len(_COLUMNS.split(", "))
    pairs: dict[int, list[FilePair]] = {}
    for row in rows:
        pair = (_file(row[:width]), _file(row[width:]))
        pairs.setdefault(row[0] if row[0] is not None else row[width], []).append(pair)
    plain = image.rows(
        f"SELECT coalesce(a_table_id, b_table_id), count(*) FILTER ({new}), "
        f"coalesce(sum(b_bytes) FILTER ({new}), 0), coalesce(sum(b_rows - b_deletes) FILTER ({new}), 0), "
        f"count(*) FILTER ({gone}), coalesce(sum(a_bytes) FILTER ({gone}), 0) {joined} "
        f"WHERE ({new}) OR ({gone}) GROUP BY 1"
    )
    return Moved(pairs, {row[0]: Plain(*map(int, row[1:])) for row in plain})


def files_at(image: Image, snapshot: int) -> dict[int, list[File]]:
    """The files that a snapshot sees, by table."""
    found: dict[int, list[File]] = {}
    for row in image.rows(f"SELECT {_COLUMNS} FROM ({shown_files(image, snapshot)})"):
        found.setdefault(row[0], []).append(File(*row))
    return found


def inlined_at(image: Image, snapshot: int) -> dict[int, set[tuple[int, int]]]:
    """The row ids of the inlined rows that a snapshot sees, with the snapshots that wrote them, by table."""
    found: dict[int, set[tuple[int, int]]] = {}
    for table, row_id, begins in image.rows(
        f"SELECT table_id, row_id, begins FROM ({inlined_select(image, snapshot)})"
    ):
        found.setdefault(table, set()).add((row_id, begins))
    return found


def pair_files(before: Iterable[File], after: Iterable[File]) -> list[FilePair]:
    """Bring the files of two images together, by their paths."""
    older = {(file.file_id, file.path): file for file in before}
    pairs: list[FilePair] = [(older.pop((file.file_id, file.path), None), file) for file in after]
    return pairs + [(file, None) for file in older.values()]


def _file(row: tuple[Any, ...]) -> File | None:
    return None if row[1] is None else File(*row)
