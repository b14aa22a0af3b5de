"""An image's tables as chunks: divided, so that it is known which ones differ from the point before, and then saved."""

from __future__ import annotations

from collections.abc import Mapping

from canvasback.catalog.image import Image
from canvasback.catalog.spec import chunk_key, chunk_order
from canvasback.model.manifest import StoredTable
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.division import Division, divide
from canvasback.repository.repository import Repository
from canvasback.storage.keyring import epoch_of
from canvasback.transfer.previous_point import Previous


def divide_catalog(image: Image, repository: Repository, previous: Previous) -> dict[str, Division]:
    """Each table of the image, divided and compared with the point before.

    Raises:
        RefusedError: A table has values that cannot be stored (``unknown-type``).
    """
    divisions = {}
    for name, relation in image.tables.items():
        before = previous.tables.get(name)
        divisions[name] = divide(
            image.connection,
            relation,
            chunk_key(name, {column.name: column.type for column in relation.columns}),
            repository.marker.chunk_rows_of.get(name, repository.marker.chunk_rows),
            before.table if before is not None else None,
            before.chunks if before is not None else (),
            epoch_of(repository.store),
        )
    return divisions


def save_catalog(divisions: Mapping[str, Division], writer: ChunkWriter) -> tuple[StoredTable, ...]:
    """Write what differs from the point before.

    Returns:
        The tables for the manifest.
    """
    return tuple(
        division.held
        or writer.store(division.relation, writer.write_fresh(division, chunk_order(name)), division.forms)
        for name, division in divisions.items()
    )
