"""The repository's own objects that points name, as a table, each once: chunks, index objects and copies of files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import duckdb
import msgspec

from canvasback.errors import CorruptError
from canvasback.model.manifest import Chunk, Index, Manifest, StoredTable
from canvasback.model.relation import literal
from canvasback.repository.chunks import check_objects, read_chunks
from canvasback.repository.filelist import CHECKSUM, HELD, HeldFiles, refuse_unsafe_names
from canvasback.repository.layout import DATA, chunk_name, is_own
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, rows_json, rows_select
from canvasback.storage.store import Store

_BATCH = 4096
_NAMES = {"name": "VARCHAR"}
_KNOWN = {"name": "VARCHAR", "checksum": "VARCHAR"}
_OBJECTS = {"name": "VARCHAR", "size": "BIGINT", "checksum": "VARCHAR", "etag": "VARCHAR"}


class NamedObject(msgspec.Struct, frozen=True):
    """An object as a point names it.

    Attributes:
        name: Its name.
        size: Its bytes.
        checksum: Their checksum, see `canvasback.storage.checksums`.
        etag: The etag that it had when it was written, or empty.
    """

    name: str
    size: int
    checksum: str
    etag: str


def held_objects(
    connection: duckdb.DuckDBPyConnection, store: Store, table: StoredTable, chunks: Sequence[Chunk]
) -> str:
    """A SELECT of the objects that chunks of a file list name: the fields of a `NamedObject`."""
    files = HeldFiles(connection, store, chunks, table.columns, table.key).relation()
    return (
        f"SELECT coalesce(object, {literal(DATA)} || path) AS name, size, {CHECKSUM} AS checksum, "
        f"coalesce(etag, '') AS etag FROM ({files.select}) WHERE {HELD}"
    )


class NamedObjects:
    """The repository's own objects that points name, but for those that other points name, which are known.

    What somebody else holds is not among them: it is not ours to copy, to lock or to put back.

    A name stands once in the table. Where points say different things of its content, which may be the same in two
    kinds of checksums, `others` has the further ones.

    It goes down the trees of hashes: a chunk of a file list that was read once, or that a known point has too, is not
    read again. So it takes as long as there are differences between the points.

    Args:
        connection: Where the chunks can be read; it holds the tables.
        store: The repository.
        otherwise: Another place of it, where an index object or a file list is read that is damaged in the first.

    Attributes:
        others: What points say of a name besides what the table has; the same columns.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, otherwise: Store | None = None) -> None:
        self._connection = connection
        self._stores = (store,) if otherwise is None else (store, otherwise)
        self._objects = OwnTable(connection, "objects", _OBJECTS)
        self.others = OwnTable(connection, "others", _OBJECTS)
        self._known = OwnTable(connection, "known", _KNOWN)
        self._known_lists: dict[str, _ListChunk] = {}

    def __str__(self) -> str:
        """The table's name, as SQL; its columns are the fields of a `NamedObject`."""
        return str(self._objects)

    def know(self, store: Store, manifest: Manifest) -> None:
        """Leave out what a point names, wherever it is read. Its file lists are only read as far as they have to be.

        Raises:
            CorruptError: It cannot be read.
        """
        found: list[Chunk | Index] = []
        lists: dict[str, _ListChunk] = {}
        for table in (*manifest.tables, *manifest.files):
            chunks = read_chunks(self._connection, store, table)
            found += [*chunks, *([table.index] if table.index else [])]
            if table in manifest.files:
                lists |= {chunk.hash: _ListChunk(store, table, chunk) for chunk in chunks}
        self._known_lists |= lists
        rows = [(one.name, one.checksum) for one in map(_chunk_object, found)]
        insert_rows(self._connection, str(self._known), _KNOWN, rows)

    def add(self, manifest: Manifest) -> None:
        """Add what a point names.

        Raises:
            CorruptError: An index object or a file list of the point is damaged, wherever it could be read.
            RefusedError: A file is held under a name that leads out of the repository (``unsafe-name``).
        """
        found: dict[str, NamedObject] = {}
        lists: dict[str, list[Chunk]] = {}
        for table in (*manifest.tables, *manifest.files):
            if table.index is not None:
                index = _chunk_object(table.index)
                if not self._new([index.name]):
                    continue  # and so is all that it lists
                found[index.name] = index
            chunks = self._chunks(table)
            found |= {one.name: one for one in map(_chunk_object, chunks)}
            if table in manifest.files:
                lists[table.name] = list(chunks)
        new = self._new(found)
        for table in manifest.files:
            fresh = [chunk for chunk in lists.get(table.name, ()) if chunk_name(chunk.hash) in new]
            if fresh:
                self._know_rest(table.name, lists[table.name])
                for store, whole in self._whole(fresh):
                    self._insert(held_objects(self._connection, store, table, whole))
        insert_rows(self._connection, str(self), _OBJECTS, [msgspec.structs.astuple(found[name]) for name in new])

    @property
    def all(self) -> str:
        """A SELECT of all that points say of the names, `others` too."""
        return f"(FROM {self} UNION FROM {self.others})"

    def each(self, clause: str = "", *, among: object = None) -> Iterator[NamedObject]:
        """The objects ``o``, or those that a clause after FROM leaves of them.

        Args:
            clause: The clause.
            among: Where they are taken from: the table itself, `others` or `all`.
        """
        cursor = self._connection.cursor()
        cursor.execute(f"SELECT o.* FROM {among or self} o {clause}")
        while rows := cursor.fetchmany(_BATCH):
            for row in rows:
                yield NamedObject(*row)

    def drop(self) -> None:
        """Let go of the tables."""
        for table in (self._objects, self.others, self._known):
            table.drop()

    def _new(self, names: Iterable[str]) -> list[str]:
        """Those of some names that are neither known nor there."""
        asked = rows_json(_NAMES, [(name,) for name in names])
        rows = self._connection.execute(
            f"SELECT name FROM ({rows_select(_NAMES)}) "
            f"ANTI JOIN {self._known} USING (name) ANTI JOIN {self} USING (name)",
            [asked],
        ).fetchall()
        return [name for (name,) in rows]

    def _chunks(self, table: StoredTable) -> tuple[Chunk, ...]:
        for store in self._stores[:-1]:
            with contextlib.suppress(CorruptError):
                return read_chunks(self._connection, store, table)
        return read_chunks(self._connection, self._stores[-1], table)

    def _whole(self, chunks: list[Chunk]) -> Iterator[tuple[Store, list[Chunk]]]:
        """The chunks of a list that hold what their names promise, with the store where they do."""
        store = self._stores[0]
        try:
            check_objects(store, [(chunk.hash, chunk.bytes) for chunk in chunks], store.jobs)
        except CorruptError:
            if len(self._stores) == 1:
                raise
        else:
            yield store, chunks
            return
        for chunk in chunks:
            yield self._where_whole(chunk), [chunk]

    def _where_whole(self, chunk: Chunk) -> Store:
        for store in self._stores[:-1]:
            with contextlib.suppress(CorruptError):
                check_objects(store, [(chunk.hash, chunk.bytes)])
                return store
        check_objects(self._stores[-1], [(chunk.hash, chunk.bytes)])
        return self._stores[-1]

    def _know_rest(self, name: str, chunks: list[Chunk]) -> None:
        """Read what known points list of the files of one kind that a list with some new chunks does not share."""
        shared = {chunk.hash for chunk in chunks}
        rest = [hash_ for hash_, one in self._known_lists.items() if one.table.name == name and hash_ not in shared]
        for one in map(self._known_lists.pop, rest):
            with contextlib.suppress(CorruptError):  # what a damaged one lists is not known
                check_objects(one.store, [(one.chunk.hash, one.chunk.bytes)])
                select = held_objects(self._connection, one.store, one.table, [one.chunk])
                self._connection.execute(f"INSERT INTO {self._known} SELECT name, checksum FROM ({select})")

    def _insert(self, select: str) -> None:
        refuse_unsafe_names(self._connection, select)
        own = f"(FROM ({select}) WHERE {is_own('name')})"
        new = f"FROM {own} ANTI JOIN {self._known} USING (name, checksum) ANTI JOIN {self} USING"
        self._connection.execute(f"INSERT INTO {self} SELECT DISTINCT ON (name) * {new} (name)")
        self._connection.execute(f"INSERT INTO {self.others} SELECT * {new} (name, checksum)")


class _ListChunk(NamedTuple):
    """A chunk of a known point's file list, and where it is read."""

    store: Store
    table: StoredTable
    chunk: Chunk


def _chunk_object(chunk: Chunk | Index) -> NamedObject:
    return NamedObject(chunk_name(chunk.hash), chunk.bytes, f"blake3:{chunk.hash}", "")
