"""Reading chunks: a table is divided by ranges of a key, and each range is one object named by its content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import msgspec
from blake3 import blake3

from canvasback.errors import CorruptError, LakeError, ObjectMissingError
from canvasback.model.manifest import Chunk, StoredTable
from canvasback.model.relation import Column, Relation, file_literal, identifier
from canvasback.repository import layout
from canvasback.repository.types import has_variant, stored_type
from canvasback.repository.variants import read_expression
from canvasback.storage.keyring import parquet_options
from canvasback.storage.store import Store

_VARIANT_SINCE = (1, 5)
"""The release of DuckDB whose tables can hold VARIANT."""

INDEX = {
    "hash": "VARCHAR",
    "rows": "BIGINT",
    "bytes": "BIGINT",
    "lower": "BIGINT",
    "upper": "BIGINT",
    "fingerprint": "VARCHAR",
}
"""The columns of an index object: the fields of a chunk."""


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
        key = parquet_options(connection, store, table.key)
        rows = f"FROM read_parquet({file_literal(path)}{key})"
        found = connection.execute(f"SELECT {', '.join(INDEX)} {rows}").fetchall()
        return msgspec.convert([dict(zip(INDEX, row, strict=True)) for row in found], tuple[Chunk, ...])
    except (duckdb.Error, msgspec.ValidationError) as error:
        raise CorruptError(
            "chunk-corrupt",
            f"{store.url}{layout.chunk_name(table.index.hash)} is no list of chunks: {str(error).splitlines()[0]}",
            hint=_CORRUPT_HINT,
        ) from error


def relation_of(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    name: str,
    columns: tuple[Column, ...],
    chunks: Sequence[Chunk],
    primary_key: tuple[str, ...] = (),
    *,
    by_url: bool = False,
    forms: Mapping[str, str] | None = None,
    key: int = 0,
) -> Relation:
    """The rows of chunks with the types of the table: what a point is read through.

    Args:
        connection: Where they can be read.
        store: The repository.
        name: The table.
        columns: Its columns.
        chunks: Its chunks.
        primary_key: Its primary key.
        by_url: Read the chunks by their URLs, see `canvasback.storage.urls`; not as files of this machine.
        forms: How they keep the columns that hold VARIANT.
        key: The epoch of the key by which they are encrypted; 0 where they are not.

    Raises:
        CorruptError: A chunk cannot be fetched (``chunk-missing``), or holds no such value (``chunk-corrupt``).
        LakeError: The installed DuckDB has no such type (``duckdb-too-old``).
    """
    if not chunks:
        nothing = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in columns)
        return Relation(name, columns, f"SELECT {nothing} WHERE false", primary_key)
    hashes = [c.hash for c in chunks]
    paths = [store.url + layout.chunk_name(h) for h in hashes] if by_url else _local_paths(store, hashes)
    options = parquet_options(connection, store, key)
    rows = f"FROM read_parquet([{', '.join(map(file_literal, paths))}]{options})"
    shown = ", ".join(_read(connection, rows, name, c, (forms or {}).get(c.name)) for c in columns)
    return Relation(name, columns, f"SELECT {shown} {rows}", primary_key)


def _read(connection: duckdb.DuckDBPyConnection, rows: str, table: str, column: Column, form: str | None) -> str:
    name = identifier(column.name)
    if has_variant(column.type) and tuple(map(int, duckdb.__version__.split(".")[:2])) < _VARIANT_SINCE:
        raise LakeError(
            "duckdb-too-old",
            f"the column {column.name} of {table} has the type {column.type}, which the installed DuckDB "
            f"{duckdb.__version__} cannot hold",
            hint="Install a DuckDB that can: pip install 'duckdb>=1.5'.",
        )
    if form is not None:
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
