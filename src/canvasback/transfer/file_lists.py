"""What becomes of the lists of a lake's files: what has to be listed anew, and which files the repository lacks.

Nothing is written but a table in the image's memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.model.manifest import Chunk
from canvasback.model.relation import literal
from canvasback.repository.division import Division
from canvasback.repository.filelist import CHECKSUM, HELD, HeldFiles
from canvasback.repository.own_table import OwnTable
from canvasback.repository.ranges import Range, in_ranges
from canvasback.repository.repository import Repository
from canvasback.repository.rows import one_row
from canvasback.transfer.lake_files import LakeFiles, Task
from canvasback.transfer.previous_point import Previous

_PATH_TABLES = ("ducklake_schema", "ducklake_table", "ducklake_metadata")
"""A change of these can change the path of any file, so all files are listed anew."""

_BATCH = 4096
_LISTING = {
    "kind": "VARCHAR",
    "file_id": "BIGINT",
    "path": "VARCHAR",
    "elsewhere": "BOOLEAN",
    "expected": "BIGINT",
    "held": "STRUCT(size BIGINT, blake3 VARCHAR, object VARCHAR, modified_ns BIGINT, checksum VARCHAR, etag VARCHAR)",
}
_LACKING = "coalesce(held.blake3, held.checksum) IS NULL"
_RECHECK = 10_000
"""At how many held files of a local disk a backup looks again: all of a small lake, some of a large one."""


class Suspect(msgspec.Struct, frozen=True):
    """A held file that the lake no longer has as it was.

    Attributes:
        checksum: The checksum text of what the repository holds.
        object: The object that holds it where it is not the usual one; else None.
    """

    checksum: str
    object: str | None


class FileLists:
    """The lists of the files that an image names, compared with those of the point before.

    Args:
        image: The catalog, in DuckDB's dialect.
        files: The lake's files.
        repository: The repository.
        previous: The point before.
        divisions: The catalog's tables, divided.
        recheck: At how many held files to look again; None for what suits the storage.

    Attributes:
        connection: Where the lists can be read.
        leaves: The ranges of each kind of file.
        affected: Those of them that are listed anew.
        held: The lists of the point before.
        listing: A table of the files in these ranges, with what the point before holds of them.
        lacking: How many files the repository lacks, and how many bytes the catalog says that they have.
        count: How many files there are.
        suspects: Held files that look changed or lost.
        recheck_from: Where the next backup goes on looking again.
    """

    def __init__(
        self,
        image: Image,
        files: LakeFiles,
        repository: Repository,
        previous: Previous,
        divisions: Mapping[str, Division],
        recheck: int | None,
    ) -> None:
        self.connection = image.connection
        self._image = image
        self._files = files
        tables = {kind: divisions.get(KINDS[kind][0]) for kind in KINDS}
        self.leaves = {kind: list(table.ranges) if table else [] for kind, table in tables.items()}
        self.held = {
            kind: HeldFiles(self.connection, repository.store, found.chunks, found.table.columns, found.table.key)
            if (found := previous.files.get(kind))
            else HeldFiles(self.connection, repository.store, ())
            for kind in KINDS
        }
        self.affected = {kind: self._affected(kind, previous, divisions) for kind in KINDS}
        self.suspects: dict[Task, Suspect] = {}
        if recheck is None:  # in an object store every look is a request
            recheck = 0 if files.inside.folder is None else _RECHECK
        self.recheck_from = self._recheck(previous.manifest.recheck_from if previous.manifest else 0, recheck)
        self.listing = OwnTable(self.connection, "listing", _LISTING)
        for kind in KINDS:
            self._list(kind)
        lacking = f"SELECT count(*), coalesce(sum(expected), 0) FROM {self.listing} WHERE {_LACKING}"
        self.lacking: tuple[int, int] = one_row(self.connection, lacking)
        self.count = sum(table.rows for table in tables.values() if table)

    def tasks(self) -> Iterator[Task]:
        """The files that the repository lacks, each once, those of a folder one after the other."""
        cursor = self.connection.cursor()
        cursor.execute(
            f"SELECT DISTINCT path, elsewhere, expected FROM {self.listing} WHERE {_LACKING} "
            "ORDER BY elsewhere, regexp_replace(path, '[^/]*$', ''), path"
        )
        while rows := cursor.fetchmany(_BATCH):
            for path, elsewhere, expected in rows:
                yield Task(path, elsewhere, expected)

    def _affected(self, kind: str, previous: Previous, divisions: Mapping[str, Division]) -> set[Range]:
        """The ranges whose files have to be listed anew."""
        leaves = set(self.leaves[kind])

        def changed(table: str) -> bool:
            return table not in divisions or divisions[table].held is None

        if kind not in previous.files or any(changed(table) for table in _PATH_TABLES):
            return leaves
        table = divisions.get(KINDS[kind][0])
        unchanged = set(table.same) if table else set()
        affected = leaves - (unchanged & set(self.held[kind].by_range()))
        if previous.manifest is not None and previous.manifest.totals.absent:
            absent = f"SELECT file_id FROM ({self.held[kind].relation().select}) WHERE NOT {HELD}"
            affected |= self._leaves_of(kind, [row[0] for row in self.connection.execute(absent).fetchall()])
        return affected

    def _leaves_of(self, kind: str, ids: list[int]) -> set[Range]:
        return {
            (low, high)
            for low, high in self.leaves[kind]
            if low is None or high is None or any(low <= id_ < high for id_ in ids)
        }

    def _recheck(self, start: int, limit: int) -> int:
        """Look for held files that the lake no longer has as they were: by size and time, some at every backup."""
        ends = []
        for kind, (table, _) in KINDS.items():
            chunks, end = self.held[kind].window(start, limit)
            ends.append(end)
            if not chunks or table not in self._image.tables:
                continue
            window = self.held[kind].only(chunks).relation()
            named = named_files(self._image, self._files.root, kind)
            where = in_ranges("file_id", [_range(chunk) for chunk in chunks])
            ids = []
            for file_id, path, elsewhere, size, checksum, object_, modified_ns in self.connection.execute(
                f"SELECT file_id, path, elsewhere, size, {CHECKSUM}, object, modified_ns "
                f"FROM ({window.select}) h SEMI JOIN (SELECT * FROM ({named}) WHERE {where}) n "
                f"ON h.file_id = n.file_id AND h.path = n.path AND h.elsewhere = n.elsewhere WHERE {HELD}"
            ).fetchall():
                task = Task(path, elsewhere, size)
                if self._files.look(task) != (size, modified_ns):
                    self.suspects[task] = Suspect(checksum, object_)
                    ids.append(file_id)
            self.affected[kind] |= self._leaves_of(kind, ids)
        # Both kinds are numbered together, so one place to go on from serves both.
        return min((end for end in ends if end), default=0)

    def _list(self, kind: str) -> None:
        """List the affected files, and what is held of them."""
        affected = self.affected[kind]
        if not affected:
            return
        condition = "true" if affected == set(self.leaves[kind]) else in_ranges("file_id", affected)
        self.connection.execute(
            f"INSERT INTO {self.listing} SELECT {literal(kind)}, n.file_id, n.path, n.elsewhere, n.expected, "
            "{'size': h.size, 'blake3': h.blake3, 'object': h.object, 'modified_ns': h.modified_ns, "
            "'checksum': h.checksum, 'etag': h.etag} "
            f"FROM (SELECT * FROM ({named_files(self._image, self._files.root, kind)}) WHERE {condition}) n "
            f"LEFT JOIN ({self.held[kind].relation(affected).select}) h "
            "ON h.file_id = n.file_id AND h.path = n.path AND h.elsewhere = n.elsewhere AND h.size = n.expected"
        )


def _range(chunk: Chunk) -> Range:
    return (chunk.lower, chunk.upper)
