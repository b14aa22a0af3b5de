"""Saving an image's tables as chunks."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.spec import chunk_key, chunk_order
from canvasback.model.manifest import Chunk, StoredTable
from canvasback.repository.chunks import ChunkWriter
from canvasback.repository.repository import Repository
from canvasback.transfer.previous_point import Previous


class SavedCatalog(msgspec.Struct, frozen=True):
    """The catalog's tables as they are in the repository now.

    Attributes:
        tables: For the manifest.
        chunks: Each table's chunks.
        written_bytes: Bytes that were written.
    """

    tables: tuple[StoredTable, ...]
    chunks: dict[str, tuple[Chunk, ...]]
    written_bytes: int


def save_catalog(image: Image, repository: Repository, previous: Previous, jobs: int) -> SavedCatalog:
    """Write the chunks in which the image differs from the point before."""
    writer = ChunkWriter(image.connection, repository.store, jobs)
    tables = []
    chunks: dict[str, tuple[Chunk, ...]] = {}
    for name, relation in image.tables.items():
        before = previous.tables.get(name)
        comparable = (
            before is not None
            and before.table.columns == relation.columns
            and before.table.forms == writer.forms(relation)
        )
        chunks[name] = writer.split(
            relation,
            chunk_key(name, {column.name: column.type for column in relation.columns}),
            chunk_order(name),
            repository.marker.chunk_rows_of.get(name, repository.marker.chunk_rows),
            before.chunks if before is not None and comparable else (),
            before.table.hasher if before is not None else "",
        )
        unchanged = before is not None and comparable and chunks[name] == before.chunks
        if before is not None and unchanged and before.table.primary_key == relation.primary_key:
            tables.append(before.table)
        else:
            tables.append(writer.store(relation, chunks[name]))
    return SavedCatalog(tuple(tables), chunks, writer.written_bytes)
