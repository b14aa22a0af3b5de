"""What points name: their chunks, index objects and copies of files, by the trees of hashes.

Points share most of what they name. So each version of a table is looked into once, however many points have it, and
each chunk of a list of files is read once. What is compared is compared in DuckDB, which spills what is too much for
its memory: a repository may hold millions of objects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import duckdb
import msgspec
from blake3 import blake3

from canvasback.model.manifest import Chunk, Manifest, StoredTable
from canvasback.model.relation import Column, Relation, identifier, literal
from canvasback.repository import layout
from canvasback.repository.chunks import check_objects, read_chunks, relation_of
from canvasback.repository.filelist import HELD, HeldFiles
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.store import Store

_VERSIONS = {"point": "VARCHAR", "version": "INTEGER"}
_OBJECTS = {"version": "INTEGER", "holder": "VARCHAR", "name": "VARCHAR", "bytes": "BIGINT", "chunk": "VARCHAR"}
"""Which versions of tables a point has; and the objects of each version: its table, and the hash of what holds rows."""

_BATCH = 10_000
"""How many rows are noted in one step."""


class Reachability:
    """What those points name that were added.

    Args:
        connection: Where it is worked out.
        store: The repository.
        read: The catalog tables of which `rows` is asked.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, read: Collection[str] = ()) -> None:
        self._connection = connection
        self._store = store
        self._read = layout.FILE_LISTS.union(read)
        self._numbers: dict[str, int] = {}
        self._shapes: list[tuple[tuple[Column, ...], int]] = []
        self._checked: set[str] = set()
        self._versions = OwnTable(connection, "versions of points", _VERSIONS)
        self._objects = OwnTable(connection, "objects of versions", _OBJECTS)
        self._new_versions: list[tuple[str, int]] = []
        self._new_objects: list[tuple[int, str, str, int, str | None]] = []

    def add(self, manifest: Manifest) -> None:
        """Add a point; nothing of one that is damaged.

        Index objects and the chunks that are read are compared with their names: what follows from them may be that
        something is deleted. Of all other chunks only the names count.

        Raises:
            CorruptError: An object that has to be read is missing or holds other bytes.
        """
        versions = {_key(table): table for table in (*manifest.tables, *manifest.files)}
        fresh = {
            key: (table, read_chunks(self._connection, self._store, table))
            for key, table in versions.items()
            if key not in self._numbers
        }
        self._check(chunk for table, chunks in fresh.values() if table.name in self._read for chunk in chunks)
        for key, (table, chunks) in fresh.items():
            number = self._numbers[key] = len(self._shapes)
            self._shapes.append((table.columns, table.key))
            for chunk in chunks:
                name = layout.chunk_name(chunk.hash)
                self._new_objects.append((number, table.name, name, chunk.bytes, chunk.hash))
            if table.index is not None:
                name = layout.chunk_name(table.index.hash)
                self._new_objects.append((number, table.name, name, table.index.bytes, None))
        self._new_versions += [(manifest.id, self._numbers[key]) for key in versions]
        if len(self._new_objects) + len(self._new_versions) > _BATCH:
            self._note()

    def objects(self, points: Iterable[str], besides: Iterable[str] = ()) -> str:
        """A SELECT of the ``name`` and ``bytes`` of the repository's own objects that points name; some more than once.

        Args:
            points: Their ids.
            besides: Leave out objects of the catalog that these points name too; and files that they name in chunks
                that are the same, so that little is left to be compared.
        """
        chosen = self._chosen(points, besides)
        lists = self._chunks(chosen, layout.FILE_LISTS)
        copies = [
            f"SELECT coalesce(object, {literal(layout.DATA)} || path) AS name, size AS bytes "
            f"FROM ({HeldFiles(self._connection, self._store, chunks, *shape).relation().select}) "
            f"WHERE {HELD} AND (object IS NULL OR {layout.is_own('object')})"
            for shape, chunks in lists.items()
        ]
        return " UNION ALL ".join([f"SELECT name, bytes FROM ({chosen})", *copies])

    def rows(self, points: Iterable[str], table: str, columns: Mapping[str, str], besides: Iterable[str] = ()) -> str:
        """A SELECT of the rows of a catalog table in points; those that several have may come more than once.

        Args:
            points: Their ids.
            table: The table; one of those that the constructor was told.
            columns: Its columns that are wanted, and the types that they are to have, whatever the engines' are.
            besides: Leave out the rows of chunks that these points have too.
        """
        found = self._chunks(self._chosen(points, besides), [table])
        relations = [
            relation_of(self._connection, self._store, table, columns, chunks, key=epoch)
            for (columns, epoch), chunks in found.items()
        ]
        nothing = Relation(table, (), "SELECT NULL WHERE false")
        return " UNION ALL ".join(_cast(relation, columns) for relation in relations or [nothing])

    def freed(self, points: Collection[str], kept: Collection[str]) -> tuple[int, int]:
        """How many objects, of how many bytes, points name that none of the others does which are kept."""
        count, bytes_ = one_row(
            self._connection,
            "SELECT count(*), coalesce(sum(bytes), 0) FROM (SELECT DISTINCT name, bytes FROM "
            f"({self.objects(points, besides=kept)}) ANTI JOIN ({self.objects(kept)}) USING (name))",
        )
        return int(count), int(bytes_)

    def _check(self, chunks: Iterable[Chunk]) -> None:
        fresh = {chunk.hash: chunk.bytes for chunk in chunks if chunk.hash not in self._checked}
        check_objects(self._store, fresh.items(), self._store.jobs)
        self._checked |= fresh.keys()

    def _note(self) -> None:
        insert_rows(self._connection, str(self._versions), _VERSIONS, self._new_versions)
        insert_rows(self._connection, str(self._objects), _OBJECTS, self._new_objects)
        self._new_versions.clear()
        self._new_objects.clear()

    def _chosen(self, points: Iterable[str], besides: Iterable[str]) -> str:
        self._note()
        named, also = (
            f"SELECT * FROM {self._objects} SEMI JOIN ({self._versions_of(ids)}) USING (version)"
            for ids in (points, besides)
        )
        return f"SELECT * FROM ({named}) ANTI JOIN ({also}) USING (name)"

    def _versions_of(self, points: Iterable[str]) -> str:
        return f"SELECT version FROM {self._versions} WHERE point IN ({', '.join(map(literal, points)) or 'NULL'})"

    def _chunks(self, chosen: str, tables: Iterable[str]) -> dict[tuple[tuple[Column, ...], int], list[Chunk]]:
        """The chunks of tables among the chosen objects, once each, by their columns and the epoch of their key."""
        found: dict[tuple[tuple[Column, ...], int], list[Chunk]] = {}
        for version, chunk, bytes_ in self._connection.execute(
            f"SELECT min(version), chunk, any_value(bytes) FROM ({chosen}) "
            f"WHERE chunk IS NOT NULL AND holder IN ({', '.join(map(literal, tables))}) GROUP BY chunk ORDER BY chunk"
        ).fetchall():
            found.setdefault(self._shapes[version], []).append(Chunk(chunk, 0, bytes_))
        return found


def _key(table: StoredTable) -> str:
    """The same for tables with the same chunks."""
    return blake3(msgspec.json.encode(table)).hexdigest()


def _cast(relation: Relation, columns: Mapping[str, str]) -> str:
    shown = (
        f"CAST({identifier(name) if relation.has(name) else 'NULL'} AS {type_}) AS {identifier(name)}"
        for name, type_ in columns.items()
    )
    return f"SELECT {', '.join(shown)} FROM ({relation.select})"
