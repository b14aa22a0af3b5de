"""What a check asks of storage: `check_files` of the files that a catalog names, `stray_files` of all others."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.catalog.image import Image
from canvasback.model.progress import Progress
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.contents import check_contents
from canvasback.operations.file_checks.footers import check_footers
from canvasback.operations.file_checks.kinds import FILE_KINDS, STRAY_KINDS
from canvasback.operations.file_checks.named import list_named
from canvasback.operations.file_checks.presence import check_presence, list_root
from canvasback.operations.file_checks.repairs import catalog_repairs
from canvasback.operations.file_checks.rows import check_rows
from canvasback.operations.file_checks.strays import stray_files, written_at
from canvasback.repository.rows import create_table, insert_rows
from canvasback.storage.locations import Stores

__all__ = [
    "FILE_KINDS",
    "STRAY_KINDS",
    "catalog_repairs",
    "check_files",
    "stray_files",
    "written_at",
]

_FOUND = {"file_kind": "VARCHAR", "file_id": "BIGINT"}
_BATCH = 4096


def check_files(
    image: Image,
    root: str,
    stores: Stores,
    level: str,
    *,
    tables: frozenset[int] | None = None,
    files: str | None = None,
    jobs: int | None = None,
    progress: Progress,
) -> Iterator[DamagedFile]:
    """Compare files with what the catalog says of them. A file that several things are wrong with is told once.

    Args:
        image: The catalog in DuckDB's dialect; at level ``checksum`` its connection has ``memory.held``, the ``place``
            and ``checksum`` of files.
        root: The data path as an absolute folder or URL that ends in a slash.
        stores: Reaches it.
        level: ``exists``, ``footers``, ``rows`` or ``checksum``.
        tables: Only the files of these tables; None for all.
        files: Only those of a SELECT of ``file_kind`` and ``file_id``; None for all, and then what else is in the data
            path is in ``memory.listed`` afterwards, see `stray_files`.
        jobs: How many files are worked on at a time; None for what suits the storage.
        progress: Told how the work goes on.
    """
    list_named(image, root, tables, files)
    create_table(image.connection, "memory.found", _FOUND)
    workers = jobs or stores.open(root).jobs
    listed = files is None and list_root(image, root, stores, progress)
    yield from _noted(image, check_presence(image, root, stores, workers, progress, listed=listed))
    if level == "exists":
        return
    image.connection.execute(f"DELETE FROM memory.named WHERE {_BAD}")
    yield from _noted(image, check_footers(image, stores, workers, progress))
    if level == "rows":
        yield from check_rows(image, stores, f"parquet AND NOT {_BAD}", workers, progress)
    elif level == "checksum":
        yield from check_contents(image, stores, f"NOT {_BAD}", workers, progress)
    else:
        yield from check_rows(image, stores, f"parquet AND key IS NOT NULL AND NOT {_BAD}", workers, progress)


_BAD = "(file_kind, file_id) IN (SELECT (file_kind, file_id) FROM memory.found)"


def _noted(image: Image, damaged: Iterator[DamagedFile]) -> Iterator[DamagedFile]:
    """The same damage, which is noted so that nothing else is said of the file."""
    batch: list[tuple[str, int]] = []
    for file in damaged:
        batch.append((file.file_kind, file.file_id))
        yield file
        if len(batch) >= _BATCH:
            insert_rows(image.connection, "memory.found", _FOUND, batch)
            batch = []
    insert_rows(image.connection, "memory.found", _FOUND, batch)
