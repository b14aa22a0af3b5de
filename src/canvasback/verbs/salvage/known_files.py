"""Where the files can be read that a catalog names: at the data path, or as the copies that are put there."""

from __future__ import annotations

from functools import cached_property

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.repository.copy_names import Copies
from canvasback.storage.store import Store


class KnownFile(msgspec.Struct, frozen=True):
    """A file that is there.

    Attributes:
        store: What holds it.
        name: Its name there.
    """

    store: Store
    name: str

    def local(self) -> str:
        """A file on this machine with its content."""
        [path] = self.store.local_paths([self.name])
        return path


class KnownFiles:
    """The files that a catalog names below its data path.

    Args:
        image: The catalog in DuckDB's dialect.
        root: The data path as an absolute folder or URL that ends in a slash.
        store: Holds the data path.
        copies: Those of its files that take the places of what is gone or of another size.
    """

    def __init__(self, image: Image, root: str, store: Store, copies: Copies | None) -> None:
        self._image = image
        self._root = root
        self._store = store
        self._copies = copies

    def find(self, kind: str, file_id: int) -> KnownFile | None:
        """A file, whole if anybody has it so."""
        found: KnownFile | None = None
        if (kind, file_id) in self._named:
            name, size = self._named[kind, file_id]
            for file in self._places(name, size):
                stat = file.store.stat(file.name)
                if stat is not None and stat.size == size:
                    return file
                if stat is not None and found is None:
                    found = file
        return found

    def _places(self, name: str, size: int) -> list[KnownFile]:
        live = KnownFile(self._store, name)
        if self._copies is None:
            return [live]
        return [live, KnownFile(*self._copies(name, size))]

    @cached_property
    def _named(self) -> dict[tuple[str, int], tuple[str, int]]:
        """The path below the data path and the size of each file, by kind and id."""
        rows = self._image.connection.execute(
            f"SELECT kind, file_id, path, expected FROM ({named_files(self._image, self._root)}) WHERE NOT elsewhere"
        ).fetchall()
        return {(kind, int(file_id)): (path, size) for kind, file_id, path, size in rows}
