"""A live lake, opened: its catalog as it is at one instant, and where its files are."""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import Self

from canvasback.catalog.completeness import refuse_incomplete
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Reader
from canvasback.catalog.image import Image
from canvasback.datapath.data_root import find_data_root
from canvasback.model.lake import LakeName


def open_lake(
    engine: Reader, name: LakeName, *, data_path: str | None = None, may_be_incomplete: bool = False
) -> OpenedLake:
    """Read a live lake's catalog.

    Args:
        engine: Reads it.
        name: Its name.
        data_path: Where its data path is, if a user says so.
        may_be_incomplete: Whether a catalog will do that lacks what every catalog has: for who saves it as it is, who
            asks little of it, and who looks at one again that was complete before. What is asked for and not there is
            the same error then.

    Raises:
        LakeError: There is no catalog, it cannot be read, or it lacks what every catalog has (``catalog-incomplete``).
    """
    opened = OpenedLake(name, engine.read(), data_path)
    if not may_be_incomplete:
        try:
            refuse_incomplete(opened.image, str(name))
        except BaseException:
            opened.close()
            raise
    return opened


class OpenedLake:
    """A live lake at one instant. Use as a context manager, or call `close`; both images go with it.

    Attributes:
        name: The lake's name.
        stored: Its catalog as its own engine holds it.
    """

    def __init__(self, name: LakeName, stored: Image, data_path: str | None = None) -> None:
        self.name = name
        self.stored = stored
        self._data_path = data_path

    def __enter__(self) -> Self:
        """Give the lake itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the catalog's copy; the live lake is not touched."""
        self.stored.close()

    @cached_property
    def image(self) -> Image:
        """The catalog in DuckDB's dialect."""
        return in_dialect(self.stored, "duckdb")

    def root(self, last: str | None = None) -> str:
        """The data path as an absolute folder or a URL that ends in a slash; see `find_data_root`.

        Args:
            last: Where a point found it.

        Raises:
            RefusedError: Two places hold files of the lake (``ambiguous-data-path``).
        """
        return find_data_root(self.image, self.name, self._data_path, last)
