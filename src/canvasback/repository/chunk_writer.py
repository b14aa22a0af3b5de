"""Writing chunks: each is a Parquet object named by the hash of its content."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import duckdb
import msgspec
from blake3 import blake3

from canvasback.errors import NoSpaceError, ObjectExistsError, StorageError
from canvasback.model.manifest import Chunk, Index, StoredTable
from canvasback.model.relation import Column, Relation, identifier, literal
from canvasback.repository import layout
from canvasback.repository.at_risk import is_at_risk, with_a_gap
from canvasback.repository.chunks import INDEX
from canvasback.repository.division import Division
from canvasback.repository.ranges import Range, in_ranges
from canvasback.repository.rows import rows_json, rows_select
from canvasback.repository.types import stored_type
from canvasback.repository.variants import Form, stored_expression
from canvasback.storage.keyring import encryption, epoch_of
from canvasback.storage.store import Store
from canvasback.storage.temporary import temporary_folder

_PARQUET = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
    "DICTIONARY_SIZE_LIMIT 0, WRITE_BLOOM_FILTER false"
)
"""Differences of neighbouring values compress ids and names better, and faster, than dictionaries do."""

_NO_FORMS: Mapping[str, Form] = MappingProxyType({})
"""Those of a relation that has no variants."""


class ChunkWriter:
    """Writes the chunks of relations, those that the repository lacks.

    Args:
        connection: Where the relations can be selected from.
        store: The repository.
        jobs: How many chunks are written at a time.
        at_risk_ns: Which chunks that are there are not relied on, see `is_at_risk`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, jobs: int, *, at_risk_ns: int = 0) -> None:
        self._connection = connection
        self._store = store
        self._jobs = jobs
        self._at_risk_ns = at_risk_ns
        self._epoch = epoch_of(store)
        self._options = _PARQUET + encryption(connection, store)
        self.written = 0
        self.written_bytes = 0

    def write_fresh(self, division: Division, order: Sequence[str]) -> tuple[Chunk, ...]:
        """Write the chunks of a divided relation that no point has yet.

        Args:
            division: The relation.
            order: The columns that order the rows of a chunk; empty leaves them as they come.

        Returns:
            All its chunks, by rising key.
        """
        fresh = division.fresh
        written = self.write(division.relation, division.key, order, fresh, division.forms)
        chunks = dict(division.same)
        for range_, chunk in zip(fresh, written, strict=True):
            chunks[range_] = msgspec.structs.replace(chunk, fingerprint=division.ranges[range_][1])
        return tuple(chunks[range_] for range_ in division.ranges)

    def write(
        self,
        relation: Relation,
        key: str | None,
        order: Sequence[str],
        ranges: Sequence[Range],
        forms: Mapping[str, Form] = _NO_FORMS,
    ) -> list[Chunk]:
        """Write one chunk per range."""
        if not ranges:
            return []
        columns = ", ".join(self._shown(relation, column, forms.get(column.name)) for column in relation.columns)
        by = f"ORDER BY {', '.join(map(identifier, order))}" if order else ""
        with temporary_folder() as folder:

            def write_one(numbered: tuple[int, Range]) -> Chunk:
                number, range_ = numbered
                path = os.path.join(folder, f"{number}.parquet")
                rows = _copy_out(
                    self._connection,
                    f"SELECT {columns} FROM ({relation.select}) WHERE {_condition(key, range_)} {by}",
                    path,
                    self._options,
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

    def _shown(self, relation: Relation, column: Column, form: Form | None) -> str:
        name = identifier(column.name)
        if form is not None:
            return f"{stored_expression(self._connection, relation, column.name, column.type, form)} AS {name}"
        stored = stored_type(column.type)
        return name if stored == column.type else f"CAST({name} AS {stored}) AS {name}"

    def store(
        self, relation: Relation, chunks: tuple[Chunk, ...], forms: Mapping[str, Form] = _NO_FORMS
    ) -> StoredTable:
        """Record a table's chunks, through an index object where they are many."""
        table = StoredTable(
            relation.name,
            relation.columns,
            sum(c.rows for c in chunks),
            relation.primary_key,
            duckdb.__version__,
            chunks,
            forms=dict(forms),
            key=self._epoch,
        )
        if len(chunks) <= layout.INLINE_CHUNKS:
            return table
        with temporary_folder() as folder:
            path = os.path.join(folder, "index.parquet")
            cursor = self._connection.cursor()
            rows = [[getattr(chunk, field) for field in INDEX] for chunk in chunks]
            _copy_out(cursor, rows_select(INDEX), path, self._options, [rows_json(INDEX, rows)])
            hash_, size = self._publish(path)
        return StoredTable(
            table.name,
            table.columns,
            table.rows,
            table.primary_key,
            table.hasher,
            index=Index(hash_, size, len(chunks)),
            forms=table.forms,
            key=table.key,
        )

    def _publish(self, path: str) -> tuple[str, int]:
        """Give a Parquet file its name in the repository, if it is not there yet."""
        with open(path, "rb") as file:
            content = file.read()
        os.unlink(path)
        return self._publish_bytes(content)

    def _publish_bytes(self, content: bytes) -> tuple[str, int]:
        hash_ = blake3(content).hexdigest()
        name = layout.chunk_name(hash_)
        for _ in range(2):
            try:
                self._store.copy_new(name, io.BytesIO(content), len(content))
            except ObjectExistsError:
                if is_at_risk(self._store.stat(name), self._at_risk_ns):
                    return self._publish_bytes(with_a_gap(content))
                if blake3(self._store.get(name)).hexdigest() == hash_:
                    break
                self._store.delete(name)  # left half-written by a run that died: its name proves it
            else:
                self.written += 1
                self.written_bytes += len(content)
                break
        return hash_, len(content)


def _copy_out(
    connection: duckdb.DuckDBPyConnection, select: str, path: str, options: str, parameters: list[str] | None = None
) -> int:
    cursor = connection.cursor()
    try:
        found = cursor.execute(
            f"COPY ({select}) TO {literal(path)} ({options})",
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
