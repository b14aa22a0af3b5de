"""Tables as chunks: a table is divided by ranges of a key, and each range is one object named by its content.

Ranges are dyadic: [i * 2**k, (i + 1) * 2**k), the widest that hold at most so many rows. So the ranges
follow from the rows alone, a change moves few borders, and unchanged ranges keep their chunks.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import msgspec
from blake3 import blake3

from canvasback.errors import CorruptError, LakeError, NoSpaceError, ObjectExistsError, ObjectMissingError, StorageError
from canvasback.model.manifest import Chunk, Index, StoredTable
from canvasback.model.relation import Column, Relation, file_literal, identifier, literal
from canvasback.repository import layout
from canvasback.repository.ranges import TOP, WHOLE, Range, dyadic, first_shift, in_ranges
from canvasback.repository.rows import one_row, rows_json, rows_select
from canvasback.repository.types import has_variant, stored_type
from canvasback.repository.variants import Form, forms_of, read_expression, stored_expression
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder

_PARQUET = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
    "DICTIONARY_SIZE_LIMIT 0, WRITE_BLOOM_FILTER false"
)
"""Differences of neighbouring values compress ids and names better, and faster, than dictionaries do."""

_VARIANT_SINCE = (1, 5)
"""The release of DuckDB whose tables can hold VARIANT."""

_INDEX = {
    "hash": "VARCHAR",
    "rows": "BIGINT",
    "bytes": "BIGINT",
    "lower": "BIGINT",
    "upper": "BIGINT",
    "fingerprint": "VARCHAR",
}
"""The columns of an index object: the fields of a chunk."""


class ChunkWriter:
    """Splits relations into chunks and writes those that the repository lacks.

    Args:
        connection: Where the relations can be selected from.
        store: The repository.
        jobs: How many chunks are written at a time.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, jobs: int) -> None:
        self._connection = connection
        self._store = store
        self._jobs = jobs
        self._forms: dict[str, dict[str, Form]] = {}
        self.written = 0
        self.written_bytes = 0

    def split(
        self,
        relation: Relation,
        key: str | None,
        order: Sequence[str],
        limit: int,
        previous: Sequence[Chunk],
        hasher: str,
    ) -> tuple[Chunk, ...]:
        """Divide a relation, writing only ranges whose rows differ from the previous chunks'.

        Args:
            relation: The rows.
            key: The BIGINT column that divides them; None keeps them in one chunk.
            order: The columns that order the rows of a chunk; empty leaves them as they come.
            limit: The most rows of a chunk, unless one key has more.
            previous: The table's chunks in the point before, if its columns and their forms were the same.
            hasher: The DuckDB release that made the previous fingerprints; ignored chunks if another.

        Returns:
            The chunks, by rising key.
        """
        known = {(c.lower, c.upper, c.rows, c.fingerprint): c for c in previous if hasher == duckdb.__version__}
        ranges = self._ranges(relation, key, limit)
        chunks: dict[Range, Chunk] = {}
        for range_, (rows, fingerprint) in ranges.items():
            same = known.get((*range_, rows, fingerprint))
            if same is not None:
                chunks[range_] = same
        fresh = [range_ for range_ in ranges if range_ not in chunks]
        for range_, chunk in zip(fresh, self.write(relation, key, order, fresh), strict=True):
            chunks[range_] = Chunk(chunk.hash, chunk.rows, chunk.bytes, chunk.lower, chunk.upper, ranges[range_][1])
        return tuple(chunks[range_] for range_ in ranges)

    def write(self, relation: Relation, key: str | None, order: Sequence[str], ranges: Sequence[Range]) -> list[Chunk]:
        """Write one chunk per range."""
        if not ranges:
            return []
        columns = ", ".join(self._shown(relation, column) for column in relation.columns)
        by = f"ORDER BY {', '.join(map(identifier, order))}" if order else ""
        with temporary_folder() as folder:

            def write_one(numbered: tuple[int, Range]) -> Chunk:
                number, range_ = numbered
                path = os.path.join(folder, f"{number}.parquet")
                rows = _copy_out(
                    self._connection,
                    f"SELECT {columns} FROM ({relation.select}) WHERE {_condition(key, range_)} {by}",
                    path,
                )
                hash_, size = self._publish(path)
                return Chunk(hash_, rows, size, *range_)

            # One thread per chunk beats DuckDB's own threads, which find too little to do in one.
            self._connection.execute("SET threads = 1")
            try:
                with ThreadPoolExecutor(self._jobs) as pool:
                    return list(pool.map(write_one, enumerate(ranges)))
            finally:
                self._connection.execute("RESET threads")

    def forms(self, relation: Relation) -> dict[str, Form]:
        """How the relation's variants are stored, by column; see `canvasback.repository.variants`.

        Raises:
            RefusedError: They cannot be (``unknown-type``).
        """
        if relation.name not in self._forms:
            self._forms[relation.name] = forms_of(self._connection, relation)
        return self._forms[relation.name]

    def _shown(self, relation: Relation, column: Column) -> str:
        name, form = identifier(column.name), self.forms(relation).get(column.name)
        if form is not None:
            return f"{stored_expression(self._connection, relation, column.name, column.type, form)} AS {name}"
        stored = stored_type(column.type)
        return name if stored == column.type else f"CAST({name} AS {stored}) AS {name}"

    def store(self, relation: Relation, chunks: tuple[Chunk, ...]) -> StoredTable:
        """Record a table's chunks, through an index object where they are many."""
        table = StoredTable(
            relation.name,
            relation.columns,
            sum(c.rows for c in chunks),
            relation.primary_key,
            duckdb.__version__,
            chunks,
            forms=dict(self.forms(relation)),
        )
        if len(chunks) <= layout.INLINE_CHUNKS:
            return table
        with temporary_folder() as folder:
            path = os.path.join(folder, "index.parquet")
            cursor = self._connection.cursor()
            rows = [[getattr(chunk, field) for field in _INDEX] for chunk in chunks]
            _copy_out(cursor, rows_select(_INDEX), path, [rows_json(_INDEX, rows)])
            hash_, size = self._publish(path)
        return StoredTable(
            table.name,
            table.columns,
            table.rows,
            table.primary_key,
            table.hasher,
            index=Index(hash_, size, len(chunks)),
            forms=table.forms,
        )

    def _ranges(self, relation: Relation, key: str | None, limit: int) -> dict[Range, tuple[int, str]]:
        """The ranges that hold at most ``limit`` rows each, with their row counts and fingerprints."""
        name = identifier(key) if key else "NULL"
        usual = f"FILTER ({name} >= 0 AND {name} < {TOP})"
        rows, low, high = one_row(
            self._connection, f"SELECT count(*), min({name}) {usual}, max({name}) {usual} FROM ({relation.select})"
        )
        if rows == 0:
            return {}
        if key is None or rows <= limit:
            return {WHOLE: self._buckets(relation, "0")[0]}
        shift = first_shift(rows, low, high, limit)
        while True:
            bucket = f"CASE WHEN {name} >= 0 AND {name} < {TOP} THEN {name} >> {shift} ELSE -1 END"
            buckets = self._buckets(relation, bucket)
            if shift == 0 or all(found[0] <= limit for found in buckets.values()):
                return dyadic(buckets, shift, limit)
            shift = max(0, shift - 4)

    def _buckets(self, relation: Relation, bucket: str) -> dict[int, tuple[int, str]]:
        columns = ", ".join(identifier(c.name) for c in relation.columns)
        found = self._connection.execute(
            f"SELECT {bucket}, count(*), sum(hash({columns})) FROM ({relation.select}) GROUP BY 1"
        ).fetchall()
        return {int(bucket): (int(rows), f"{int(total):x}") for bucket, rows, total in found}

    def _publish(self, path: str) -> tuple[str, int]:
        """Give a Parquet file its name in the repository, if it is not there yet."""
        with open(path, "rb") as file:
            content = file.read()
        hash_ = blake3(content).hexdigest()
        name = layout.chunk_name(hash_)
        for _ in range(2):
            try:
                self._store.copy_new(name, io.BytesIO(content), len(content))
            except ObjectExistsError:
                if blake3(self._store.get(name)).hexdigest() == hash_:
                    break
                self._store.delete(name)  # left half-written by a run that died: its name proves it
            else:
                self.written += 1
                self.written_bytes += len(content)
                break
        os.unlink(path)
        return hash_, len(content)


def read_chunks(connection: duckdb.DuckDBPyConnection, store: Store, table: StoredTable) -> tuple[Chunk, ...]:
    """A table's chunks, from the manifest or from its index object.

    Raises:
        CorruptError: The index object is not what the manifest promises (``chunk-corrupt``).
    """
    if table.index is None:
        return table.chunks
    check_objects(store, [(table.index.hash, table.index.bytes)])
    (path,) = store.local_paths([layout.chunk_name(table.index.hash)])
    try:
        found = connection.execute(f"SELECT {', '.join(_INDEX)} FROM read_parquet({file_literal(path)})").fetchall()
        return msgspec.convert([dict(zip(_INDEX, row, strict=True)) for row in found], tuple[Chunk, ...])
    except (duckdb.Error, msgspec.ValidationError) as error:
        raise CorruptError(
            "chunk-corrupt",
            f"{store.url}{layout.chunk_name(table.index.hash)} is no list of chunks: {str(error).splitlines()[0]}",
            hint=_CORRUPT_HINT,
        ) from error


def relation_of(
    store: Store,
    name: str,
    columns: tuple[Column, ...],
    chunks: Sequence[Chunk],
    primary_key: tuple[str, ...] = (),
    *,
    by_url: bool = False,
    forms: Mapping[str, str] | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> Relation:
    """The rows of chunks with the types of the table: what a point is read through.

    Args:
        store: The repository.
        name: The table.
        columns: Its columns.
        chunks: Its chunks.
        primary_key: Its primary key.
        by_url: Read the chunks by their URLs, see `canvasback.storage.urls`; not as files of this machine.
        forms: How they keep the columns that hold VARIANT.
        connection: Where those can be read; needed if there are any.

    Raises:
        CorruptError: A chunk cannot be fetched (``chunk-missing``), or holds no such value (``chunk-corrupt``).
        LakeError: The installed DuckDB has no such type (``duckdb-too-old``).
    """
    if not chunks:
        nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in columns)
        return Relation(name, columns, f"SELECT {nothing} WHERE false", primary_key)
    hashes = [c.hash for c in chunks]
    paths = [store.url + layout.chunk_name(h) for h in hashes] if by_url else _local_paths(store, hashes)
    rows = f"FROM read_parquet([{', '.join(map(file_literal, paths))}])"
    shown = ", ".join(_read(connection, rows, name, c, (forms or {}).get(c.name)) for c in columns)
    return Relation(name, columns, f"SELECT {shown} {rows}", primary_key)


def _read(connection: duckdb.DuckDBPyConnection | None, rows: str, table: str, column: Column, form: str | None) -> str:
    name = identifier(column.name)
    if has_variant(column.type) and tuple(map(int, duckdb.__version__.split(".")[:2])) < _VARIANT_SINCE:
        raise LakeError(
            "duckdb-too-old",
            f"the column {column.name} of {table} has the type {column.type}, which the installed DuckDB "
            f"{duckdb.__version__} cannot hold",
            hint="Install a DuckDB that can: pip install 'duckdb>=1.5'.",
        )
    if form is not None:
        assert connection is not None  # whoever passes forms passes it
        return f"{read_expression(connection, rows, column.name, column.type, form)} AS {name}"
    stored = stored_type(column.type)
    return name if stored == column.type else f"CAST({name} AS {column.type}) AS {name}"


def _local_paths(store: Store, hashes: Iterable[str]) -> list[str]:
    try:
        return store.local_paths([layout.chunk_name(hash_) for hash_ in hashes])
    except ObjectMissingError as error:
        raise CorruptError("chunk-missing", f"{error.message}, and points need it", hint=_CORRUPT_HINT) from error


def check_objects(store: Store, objects: Iterable[tuple[str, int]], jobs: int = 1) -> None:
    """Read chunks or index objects, and see that each hashes to its name.

    Raises:
        CorruptError: One is missing (``chunk-missing``) or holds other bytes (``chunk-corrupt``).
    """

    def check(item: tuple[str, int]) -> None:
        name = layout.chunk_name(item[0])
        try:
            content = store.get(name)
        except ObjectMissingError as error:
            raise CorruptError(
                "chunk-missing", f"{store.url}{name} is missing from the repository", hint=_CORRUPT_HINT
            ) from error
        if blake3(content).hexdigest() != item[0]:
            raise CorruptError(
                "chunk-corrupt", f"{store.url}{name} does not hold what its name promises", hint=_CORRUPT_HINT
            )

    wanted = list(objects)
    _local_paths(store, (hash_ for hash_, _ in wanted))  # those of a bucket are read once, here
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(check, wanted))


_CORRUPT_HINT = "Run verify --all to see which points are whole, and restore one of those."


def _copy_out(
    connection: duckdb.DuckDBPyConnection, select: str, path: str, parameters: list[str] | None = None
) -> int:
    cursor = connection.cursor()
    try:
        found = cursor.execute(
            f"COPY ({select}) TO {literal(path)} ({_PARQUET})",
            parameters,
        ).fetchone()
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise NoSpaceError(path) from error
        raise StorageError(f"cannot write a chunk to {path}: {str(error).splitlines()[0]}") from error
    finally:
        cursor.close()
    return int(found[0]) if found else 0


def _condition(key: str | None, range_: Range) -> str:
    return "true" if key is None else in_ranges(identifier(key), [range_])
