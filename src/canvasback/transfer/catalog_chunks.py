"""Saving an image's tables as chunks."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.spec import chunk_key, chunk_order
from canvasback.model.manifest import Chunk, StoredTable
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.division import divide
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
        division = divide(
            image.connection,
            relation,
            chunk_key(name, {column.name: column.type for column in relation.columns}),
            repository.marker.chunk_rows_of.get(name, repository.marker.chunk_rows),
            before.table if before is not None else None,
            before.chunks if before is not None else (),
        )
        chunks[name] = writer.write_fresh(division, chunk_order(name))
        tables.append(division.held or writer.store(relation, chunks[name], division.forms))
    return SavedCatalog(tuple(tables), chunks, writer.written_bytes)
