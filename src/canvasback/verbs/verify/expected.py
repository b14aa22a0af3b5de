"""The objects that points need, and which of them a repository should hold therefore."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import msgspec

from canvasback.model.holding import PREFIXES, StorageKind
from canvasback.model.manifest import Manifest
from canvasback.model.relation import literal
from canvasback.repository import layout
from canvasback.repository.chunks import read_chunks
from canvasback.repository.filelist import refuse_unsafe_names
from canvasback.repository.named_objects import held_objects
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.store import Store

_BATCH = 4096
_NEEDED = {"name": "VARCHAR", "size": "BIGINT", "checksum": "VARCHAR", "etag": "VARCHAR", "point": "VARCHAR"}
_COLUMNS = "e.name, e.size, e.checksum, e.point, e.last, e.points, e.etag"
_VERSIONS = PREFIXES[StorageKind.VERSIONS]


class Expected(msgspec.Struct, frozen=True):
    """An object that a point needs.

    Attributes:
        name: Its name.
        size: Its bytes.
        checksum: Their checksum, see `canvasback.storage.checksums`.
        point: The oldest of the points that need it, of those that are looked at.
        last: The newest.
        points: How many there are.
        etag: The etag that it had, or empty.
    """

    name: str
    size: int
    checksum: str
    point: str
    last: str
    points: int
    etag: str = ""

    @property
    def needed(self) -> str:
        """Who needs it."""
        if self.points == 1:
            return f"point {self.point} needs it"
        return f"{self.points} points need it, from {self.point} to {self.last}"


class ExpectedObjects(OwnTable):
    """A table of the objects that points need, each once: its columns are those of `Expected`.

    What is asked with a table of what the repository holds takes that of `list_held`.
    """

    def total(self) -> tuple[int, int]:
        """How many there are, and their bytes."""
        return self._total(f"FROM {self} e")

    def total_like(self, held: OwnTable) -> tuple[int, int]:
        """How many are there with their size, and their bytes."""
        return self._total(self._like(held))

    def like(self, held: OwnTable) -> Iterator[Expected]:
        """Those that are there with their size, by name."""
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT {_COLUMNS} {self._like(held)} ORDER BY e.name")
        while rows := cursor.fetchmany(_BATCH):
            for row in rows:
                yield Expected(*row)

    def unlike(self, held: OwnTable) -> list[tuple[int | None, Expected]]:
        """Those that are not, by name, each with the size that it has; None where it is not there."""
        rows = self._connection.execute(
            f"SELECT h.held, {_COLUMNS} {self._unlike(held)} AND NOT {self._again(held)} ORDER BY e.name"
        ).fetchall()
        return [(found, Expected(*row)) for found, *row in rows]

    def again(self, held: OwnTable) -> list[Expected]:
        """Those versions that are not there, where there is another one of the same object with the same content."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} {self._unlike(held)} AND {self._again(held)} ORDER BY e.name"
        )
        return [Expected(*row) for row in rows.fetchall()]

    def _unlike(self, held: OwnTable) -> str:
        return f"FROM {self} e LEFT JOIN {held} h USING (name) WHERE h.held IS DISTINCT FROM e.size"

    def _again(self, held: OwnTable) -> str:
        path = f"substr({{}}.name, {len(_VERSIONS) + 1} + instr(substr({{}}.name, {len(_VERSIONS) + 1}), '/'))"
        return (
            f"(h.held IS NULL AND starts_with(e.name, '{_VERSIONS}') AND EXISTS (FROM {held} v "
            f"WHERE starts_with(v.name, '{_VERSIONS}') AND {path.format('v', 'v')} = {path.format('e', 'e')} "
            "AND v.held = e.size AND v.vouched = e.checksum))"
        )

    def _like(self, held: OwnTable) -> str:
        return f"FROM {self} e JOIN {held} h USING (name) WHERE h.held = e.size"

    def _total(self, among: str) -> tuple[int, int]:
        count, bytes_ = one_row(self._connection, f"SELECT count(*), coalesce(sum(e.size), 0) {among}")
        return int(count), int(bytes_)


class NeededObjects(OwnTable):
    """A table of ``name``, ``size``, ``checksum``, ``etag`` and ``point``: which point needs which object.

    Args:
        connection: Where it is made, still empty.
        store: The repository.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store) -> None:
        super().__init__(connection, "needed", _NEEDED)
        self._store = store

    def add(self, manifest: Manifest) -> None:
        """Add all that a point needs.

        Raises:
            CorruptError: Its chunks cannot be read, or name objects outside of the repository.
        """
        objects: dict[str, tuple[int, str]] = {}
        for table in (*manifest.tables, *manifest.files):
            if table.index is not None:
                objects[layout.chunk_name(table.index.hash)] = (table.index.bytes, table.index.hash)
            for chunk in read_chunks(self._connection, self._store, table):
                objects[layout.chunk_name(chunk.hash)] = (chunk.bytes, chunk.hash)
        rows = [(name, size, f"blake3:{hash_}", "", manifest.id) for name, (size, hash_) in objects.items()]
        insert_rows(self._connection, str(self), _NEEDED, rows)
        for table in manifest.files:
            select = held_objects(
                self._connection, self._store, table, read_chunks(self._connection, self._store, table)
            )
            refuse_unsafe_names(self._connection, select)
            self._connection.execute(
                f"INSERT INTO {self} SELECT name, size, checksum, etag, {literal(manifest.id)} FROM ({select})"
            )

    def expected(self) -> ExpectedObjects:
        """Each object once, with the points that need it."""
        select = (
            "SELECT name, size, checksum, min(point) AS point, max(point) AS last, count(DISTINCT point) AS points, "
            f"max(etag) AS etag FROM {self} GROUP BY ALL"
        )
        return ExpectedObjects(self._connection, "expected", select)
