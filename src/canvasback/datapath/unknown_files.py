"""Files below a data path that the lake's catalog does not name: leftovers, or commits that it does not remember."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.model.progress import Progress
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows
from canvasback.storage.store import Store

_BATCH = 4096
_LISTED = {"name": "VARCHAR", "size": "BIGINT", "modified_ns": "BIGINT"}


class UnknownFile(msgspec.Struct, frozen=True):
    """A file that no row of the catalog names.

    Attributes:
        name: Its path below the data path.
        size: Its bytes.
        modified_ns: When it was last written, nanoseconds since 1970; 0 where the store does not say.
    """

    name: str
    size: int
    modified_ns: int


class Listing(OwnTable):
    """What one listing of a data path has: a table of ``name``, ``size`` and ``modified_ns``.

    Args:
        connection: Where it is noted.
        store: The data path.
        progress: Told of each object.

    Raises:
        StorageError: The data path cannot be listed.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: Store, progress: Progress) -> None:
        super().__init__(connection, "listed", _LISTED)
        progress.begin("listing the data path")
        batch: list[tuple[str, int, int]] = []
        for stat in store.list(""):
            batch.append((stat.name, stat.size, stat.modified_ns))
            if len(batch) >= _BATCH:
                self._note(batch, progress)
                batch = []
        self._note(batch, progress)
        progress.end()

    def _note(self, batch: list[tuple[str, int, int]], progress: Progress) -> None:
        insert_rows(self._connection, str(self), _LISTED, batch)
        progress.advance(files=len(batch))


def unknown_files(image: Image, root: str, listing: Listing) -> Iterator[UnknownFile]:
    """The listed objects that no row names, not even one of ``ducklake_files_scheduled_for_deletion``, by name.

    Args:
        image: The catalog, over the connection of the listing.
        root: The data path as an absolute folder or URL that ends in a slash.
        listing: What is there.
    """
    named = f"SELECT path FROM ({named_files(image, root)}) WHERE NOT elsewhere"
    scheduled = _scheduled_select(image, root)
    rows = image.connection.execute(
        f"SELECT name, size, modified_ns FROM {listing} WHERE name NOT IN ({named} UNION ALL {scheduled}) ORDER BY name"
    ).fetchall()
    return (UnknownFile(*row) for row in rows)


def _scheduled_select(image: Image, root: str) -> str:
    """Scheduled paths are relative to the data path, whatever the file's own were."""
    relation = image.tables.get("ducklake_files_scheduled_for_deletion")
    if relation is None:
        return "SELECT '' AS path WHERE false"
    plain = "regexp_replace(x.path, '^file://', '')"
    return (
        f"SELECT CASE WHEN starts_with({plain}, {literal(root)}) THEN substr({plain}, {len(root) + 1}) "
        f"ELSE {plain} END AS path FROM ({relation.select}) x WHERE x.path IS NOT NULL"
    )
