"""The list of a lake's files: what is held, under which name, with which checksum.

It is divided like the catalog table that names the files, so that a commit changes as few chunks of the
one as of the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import duckdb

from canvasback.errors import RefusedError
from canvasback.model.manifest import Chunk, Manifest
from canvasback.model.relation import Column, Relation, literal
from canvasback.repository.chunks import read_chunks, relation_of
from canvasback.repository.copy_names import copy_name
from canvasback.repository.layout import DATA
from canvasback.repository.points import stored_points
from canvasback.repository.ranges import Range
from canvasback.repository.readable_points import ReadablePoints
from canvasback.repository.repository import Repository
from canvasback.repository.rows import rows_json, rows_select
from canvasback.storage.keyring import epoch_of
from canvasback.storage.store import Store

COLUMNS = (
    Column("file_id", "BIGINT"),
    Column("path", "VARCHAR"),
    Column("elsewhere", "BOOLEAN"),
    Column("size", "BIGINT"),
    Column("blake3", "VARCHAR"),
    Column("object", "VARCHAR"),
    Column("modified_ns", "BIGINT"),
    Column("checksum", "VARCHAR"),
    Column("etag", "VARCHAR"),
)
"""docs/format.md, "File lists", says what each means. Lists of format 1 lack the last two."""

HELD = "coalesce(blake3, checksum) IS NOT NULL"
"""A condition on rows of a file list: the file is held."""

CHECKSUM = "coalesce('blake3:' || blake3, checksum)"
"""The checksum text of a held file; NULL where it is not held."""


class HeldFiles:
    """The file list of one kind in a point that exists already.

    Args:
        connection: Where it is read.
        store: The repository.
        chunks: The list's chunks.
        columns: Its columns, which differ in lists of older formats.
        key: The epoch of the key by which they are encrypted; 0 where they are not.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        store: Store,
        chunks: Sequence[Chunk],
        columns: tuple[Column, ...] = COLUMNS,
        key: int = 0,
    ) -> None:
        self._connection = connection
        self._store = store
        self._columns = columns
        self._key = key
        self.chunks = tuple(chunks)

    def relation(self, ranges: Collection[Range] | None = None) -> Relation:
        """The rows of all chunks, or of those that touch one of the ranges."""
        chosen = self.chunks if ranges is None else [c for c in self.chunks if _touches(c, ranges)]
        return _padded(relation_of(self._connection, self._store, "files", self._columns, chosen, key=self._key))

    def only(self, chunks: Iterable[Chunk]) -> HeldFiles:
        """The part of the list that some of its chunks hold."""
        return HeldFiles(self._connection, self._store, tuple(chunks), self._columns, self._key)

    def by_range(self) -> dict[Range, Chunk]:
        """The chunks that a new list can have too, by their ranges."""
        goes_on = self._columns == COLUMNS and self._key == epoch_of(self._store)
        return {(c.lower, c.upper): c for c in self.chunks} if goes_on else {}

    def window(self, start: int, limit: int) -> tuple[Sequence[Chunk], int]:
        """The next chunks to look at again, and where the next window begins.

        Args:
            start: The file id to begin at; beyond the last one, it begins anew.
            limit: About how many files; 0 for none.
        """
        later = [c for c in self.chunks if c.upper is None or c.upper > start] or list(self.chunks)
        chosen: list[Chunk] = []
        rows = 0
        for chunk in later:
            if rows and rows + chunk.rows > limit:
                break
            if limit <= 0:
                break
            chosen.append(chunk)
            rows += chunk.rows
        if not chosen or chosen[-1].upper is None or chosen[-1] == self.chunks[-1]:
            return chosen, 0
        return chosen, chosen[-1].upper


def files_relation(connection: duckdb.DuckDBPyConnection, store: Store, manifest: Manifest) -> Relation:
    """All files of a point, of both kinds, with a column ``kind`` in front."""
    lists = {
        table.name: HeldFiles(connection, store, read_chunks(connection, store, table), table.columns, table.key)
        for table in manifest.files
    }
    selects = [f"SELECT {literal(name)} AS kind, * FROM ({held.relation().select})" for name, held in lists.items()]
    return Relation("files", (Column("kind", "VARCHAR"), *COLUMNS), " UNION ALL ".join(selects))


def refuse_unsafe_names(connection: duckdb.DuckDBPyConnection, held: str, *, also: str = "false") -> None:
    """See that no file is held under a name that leads out of the repository.

    Args:
        connection: The connection.
        held: A SELECT of the ``name`` and the ``checksum`` of files; both may be NULL.
        also: A further condition on its rows that is refused.

    Raises:
        RefusedError: One is (``unsafe-name``).
    """
    found = connection.execute(
        f"SELECT name FROM ({held}) WHERE {also} "
        "OR (checksum IS NOT NULL AND list_has_any(string_split(name, '/'), ['', '.', '..'])) LIMIT 1"
    ).fetchone()
    if found is not None:
        raise RefusedError(
            "unsafe-name",
            f"the point names the file {found[0]!r}, which could lead out of its place",
            hint="No backup writes such a name; find out who changed the repository.",
        )


def recorded_checksums(
    connection: duckdb.DuckDBPyConnection, repository: Repository, paths: Sequence[str]
) -> dict[tuple[str, bool], set[str]]:
    """The checksum texts that points record for what the paths' usual objects hold. Asks every point: ask rarely."""
    wanted = {"path": "VARCHAR"}
    wanted_paths = rows_json(wanted, [(path,) for path in paths])
    recorded: dict[tuple[str, bool], set[str]] = {}

    def read(manifest: Manifest) -> list[tuple[str, bool, int, str, str | None]]:
        return connection.execute(
            f"SELECT path, elsewhere, size, {CHECKSUM}, object FROM "
            f"({files_relation(connection, repository.store, manifest).select}) "
            f"WHERE {HELD} AND path IN ({rows_select(wanted)})",
            [wanted_paths],
        ).fetchall()

    # Nobody can restore what a damaged one names; a forgotten one may be brought back.
    for found in ReadablePoints(repository.store).each(stored_points(repository.store), read):
        for path, elsewhere, size, checksum, object_ in found:
            if (object_ or DATA + path) == copy_name(repository.store, path, size, elsewhere=elsewhere):
                recorded.setdefault((path, elsewhere), set()).add(checksum)
    return recorded


def _padded(relation: Relation) -> Relation:
    """A list of an older format with the columns of this one."""
    missing = [column for column in COLUMNS if not relation.has(column.name)]
    added = "".join(f", CAST(NULL AS {column.type}) AS {column.name}" for column in missing)
    return Relation(relation.name, COLUMNS, f"SELECT *{added} FROM ({relation.select})") if missing else relation


def _touches(chunk: Chunk, ranges: Collection[Range]) -> bool:
    if chunk.lower is None or chunk.upper is None:
        return True
    return any(
        lower is None or upper is None or (chunk.lower < upper and lower < chunk.upper) for lower, upper in ranges
    )
