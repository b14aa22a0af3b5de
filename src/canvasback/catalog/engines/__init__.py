"""One module per kind of database that can hold a catalog."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from canvasback.catalog.engines.duckdb import DuckDBEngine
from canvasback.catalog.image import Image
from canvasback.errors import UsageError
from canvasback.model.lake import LakeName


class Engine(Protocol):
    """Reads a catalog into an image and writes one out. Never migrates, never writes to what it reads."""

    def read(self) -> Image:
        """One consistent read of the catalog.

        Raises:
            LakeError: There is no catalog, it is none of DuckLake's, or it cannot be read.
            LockedError: It changes too fast to be read, or somebody has locked it.
        """

    def prepare(self, *, replace: bool) -> tuple[str, ...]:
        """See whether a catalog can be written here, without changing anything.

        Returns:
            What `write` will move aside, in words.

        Raises:
            RefusedError: There is a catalog, and it may not be replaced (``target-not-empty``), or
                another process has it open.
        """

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:
        """Create a catalog from an image: it is there whole, or not at all.

        Args:
            image: The image.
            moment: Names what is moved aside.
            replace: Whether a catalog that is there may be moved aside.

        Returns:
            What was moved aside, in words, and departures from the image.
        """


def open_engine(lake: LakeName) -> Engine:
    """The engine that knows the kind of catalog.

    Raises:
        UsageError: This release does not know it (``engine-not-supported``).
    """
    if lake.engine == "duckdb":
        return DuckDBEngine(lake.target)
    raise UsageError(
        "engine-not-supported",
        f"catalogs in {lake.engine} are not supported yet: {lake}",
        hint="This release backs up lakes whose catalog is a DuckDB file.",
    )
