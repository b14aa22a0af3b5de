"""Catalogs in a DuckDB file that lies in a bucket or at a web server: a frozen lake, which DuckDB attaches to read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import NoReturn

from canvasback.catalog.engines import read_only
from canvasback.catalog.engines.duckdb.engine import image_of_copy
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.image import Image
from canvasback.errors import LakeError, LockedError, ObjectMissingError, StorageError
from canvasback.model.lake import LakeName
from canvasback.storage.checksums import PIECE
from canvasback.storage.locations import Stores
from canvasback.storage.store import Stat, Store
from canvasback.storage.temporary import make_folder

_LOG = ".wal"


class UrlEngine:
    """See `canvasback.catalog.engines.Engine`. It reads, and refuses all else before anything is done.

    Args:
        lake: The lake, whose target is the file's URL.
        stores: Opens the bucket.
    """

    def __init__(self, lake: LakeName, stores: Stores) -> None:
        self.lake = lake
        self.shown = lake.shown_target
        self._stores = stores

    def read(self) -> Image:
        """Download the database with its log, and open the copy."""
        folder = make_folder()
        try:
            return image_of_copy(self._download(folder), folder, self.shown, self.lake.schema)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def place(self) -> Hashable:
        """See `Engine.place`."""
        return self.lake.target

    def pulse(self) -> Hashable:
        """See `Engine.pulse`."""
        self._refuse()

    def prepare(self, *, replace: bool) -> tuple[str, ...]:  # noqa: ARG002
        """See `Engine.prepare`."""
        self._refuse()

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:  # noqa: ARG002
        """See `Engine.write`."""
        self._refuse()

    def change(self, statements: Sequence[str], expected: Expected | None = None) -> None:  # noqa: ARG002
        """See `Engine.change`."""
        self._refuse()

    def clients(self) -> tuple[str, ...]:
        """See `Engine.clients`."""
        return ()

    def _refuse(self) -> NoReturn:
        raise read_only(self.shown)

    def _download(self, folder: str) -> str:
        copy = os.path.join(folder, "image.duckdb")
        try:
            store, name = self._stores.locate(self.lake.target)
            before = self._look(store, name)
        except StorageError as error:
            error.hint = f"{error.hint} Or download the catalog to a local file, and name that.".lstrip()
            raise
        if before[0] is None:
            raise LakeError(
                "catalog-missing",
                f"there is no catalog at {self.shown}",
                hint="Check the URL; to see what is in a bucket takes its credentials.",
            )
        try:
            _fetch(store, before[0], copy)
            if before[1] is not None:
                _fetch(store, before[1], copy + _LOG)
        except ObjectMissingError as error:
            raise self._changed() from error
        if before != self._look(store, name):
            raise self._changed()
        return copy

    def _look(self, store: Store, name: str) -> list[Stat | None]:
        """The database and its log. The signature of a presigned URL is for one file."""
        return [store.stat(name), None if "?" in name else store.stat(name + _LOG)]

    def _changed(self) -> LockedError:
        return LockedError(
            "catalog-busy",
            f"the catalog {self.shown} was changed while it was downloaded",
            hint="Run it again when it stays as it is.",
        )


def _fetch(store: Store, stat: Stat, path: str) -> None:
    with open(path, "xb") as file, store.open(stat.name) as source:
        while piece := source.read(PIECE):
            file.write(piece)
