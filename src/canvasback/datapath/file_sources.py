"""Where single files can be read: those of a live lake, or those that a point holds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.model.manifest import Manifest
from canvasback.repository import layout
from canvasback.repository.copy_names import Copies, copy_name
from canvasback.repository.filelist import HELD, files_relation, refuse_unsafe_names
from canvasback.storage.locations import Stores
from canvasback.storage.store import Store


class FileSource(msgspec.Struct, frozen=True):
    """A file that can be read.

    Attributes:
        kind: ``data`` or ``delete``.
        file_id: Its id.
        store: Where it can be read.
        object: Its name there.
        place: The absolute path or URL that the catalog gives it.
    """

    kind: str
    file_id: int
    store: Store
    object: str
    place: str


class FileSources(Protocol):
    """Finds files by their ids."""

    def find(self, kind: str, ids: Collection[int]) -> list[FileSource]:
        """Those of the files of a kind that are held, in the order of their ids."""
        ...


class LakeFiles:
    """The files of a live lake.

    Args:
        image: Its catalog in DuckDB's dialect.
        root: Its data path as an absolute folder or URL that ends in a slash.
        stores: Opens the places.
    """

    def __init__(self, image: Image, root: str, stores: Stores) -> None:
        self._image = image
        self._root = root
        self._stores = stores

    def find(self, kind: str, ids: Collection[int]) -> list[FileSource]:
        """See `FileSources`."""
        if not ids:
            return []
        rows = self._image.connection.execute(
            f"SELECT file_id, place FROM ({named_files(self._image, self._root, kind)}) "
            f"WHERE file_id IN ({', '.join(map(str, ids))}) ORDER BY 1"
        ).fetchall()
        return [FileSource(kind, file_id, *self._stores.locate(place), place) for file_id, place in rows]


class PointFiles:
    """The files of a point.

    Args:
        image: Its image, over whose connection its lists of files are read.
        store: The repository.
        manifest: The point.
    """

    def __init__(self, image: Image, store: Store, manifest: Manifest) -> None:
        self._image = image
        self._store = store
        self._manifest = manifest

    def find(self, kind: str, ids: Collection[int]) -> list[FileSource]:
        """See `FileSources`.

        Raises:
            RefusedError: A file is held under a name that leads out of the repository (``unsafe-name``).
        """
        if not ids:
            return []
        files = files_relation(self._image.connection, self._store, self._manifest).select
        held = (
            f"SELECT file_id, coalesce(object, '{layout.DATA}' || path) AS name, '' AS checksum FROM ({files}) "
            f"WHERE kind = '{kind}' AND {HELD} AND file_id IN ({', '.join(map(str, ids))})"
        )
        refuse_unsafe_names(self._image.connection, held)
        rows = self._image.connection.execute(f"SELECT file_id, name FROM ({held}) ORDER BY 1").fetchall()
        return [FileSource(kind, file_id, self._store, name, self._store.url + name) for file_id, name in rows]

    def copies(self) -> Copies:
        """Where copies of files below the data path are that the point holds; of others, where they would be.

        Raises:
            RefusedError: One is held under a name that leads out of the repository (``unsafe-name``).
        """
        names = self._unusual() if self._manifest.totals.remapped else {}

        def find(path: str, size: int) -> tuple[Store, str]:
            return self._store, names.get(path) or copy_name(self._store, path, size, elsewhere=False)

        return find

    def _unusual(self) -> dict[str, str]:
        """By their paths, the names of objects that hold files below the data path and have not the usual name."""
        files = files_relation(self._image.connection, self._store, self._manifest).select
        held = (
            f"SELECT path AS file, object AS name, '' AS checksum FROM ({files}) "
            f"WHERE NOT elsewhere AND object IS NOT NULL AND {HELD}"
        )
        refuse_unsafe_names(self._image.connection, held)
        return dict(self._image.connection.execute(f"SELECT file, name FROM ({held})").fetchall())
