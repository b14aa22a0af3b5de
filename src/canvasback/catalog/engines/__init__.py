"""One module per kind of database that can hold a catalog."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from importlib import import_module
from typing import Protocol

from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.image import Image
from canvasback.errors import RefusedError
from canvasback.model.lake import LakeName
from canvasback.storage.locations import Stores

SETTLED = 0.02
"""Seconds after which a file that changes again has another time of modification."""


class Reader(Protocol):
    """Reads a catalog into an image. Never migrates, never writes to what it reads."""

    def read(self) -> Image:
        """One consistent read of the catalog.

        Raises:
            LakeError: There is no catalog, it is none of DuckLake's, or it cannot be read.
            LockedError: It changes too fast to be read, or somebody has locked it.
        """


class Engine(Reader, Protocol):
    """Reads a catalog, and writes one out."""

    def place(self) -> Hashable:
        """Where the catalog is, or would be: two that are equal are one place, however it is spelled.

        Raises:
            LakeError: Its server does not answer.
        """

    def pulse(self) -> Hashable:
        """A small value that tells whether somebody may have committed, at a price that the catalog's size is not in.

        Two that are equal mean that no snapshot was committed between the two calls, nor one taken back; but what was
        committed within `SETTLED` seconds after the first may not show, as file systems' clocks are coarse: let so
        much time pass before a `read`, which then sees it. Two that differ may mean something else too: a checkpoint,
        a cleanup, a catalog that was moved here. To read is no reason to differ.

        Raises:
            LakeError: There is no catalog, or its server does not answer.
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

    def change(self, statements: Sequence[str], expected: Expected | None = None) -> None:
        """Run statements on the catalog in one transaction: all of them take effect, or none.

        No client of the lake is in the middle of a transaction then: they are locked out or waited for.

        Args:
            statements: SQL that all engines understand, with tables by their plain names.
            expected: What the catalog must still answer, lest somebody changed it since the statements were made.

        Raises:
            LockedError: Another process has the catalog open or locked (``catalog-in-use``), or it does not answer
                what is expected (``catalog-changed``); nothing was changed.
            LakeError: There is no catalog, or it refused.
        """

    def clients(self) -> tuple[str, ...]:
        """Who else is connected to the catalog's database now, in words; none where `change` locks everybody out."""


def open_engine(lake: LakeName, stores: Stores | None = None) -> Engine:
    """The engine that knows the kind of catalog: `open_catalog` of the package that is named as it is.

    The drivers of the others are loaded when they are needed: a command for a catalog in DuckDB starts without.

    Args:
        lake: The lake.
        stores: How to reach a catalog that is named by a URL; by each cloud's own configuration if None.
    """
    engine: Engine = import_module(f"{__name__}.{lake.engine}").open_catalog(lake, stores or Stores())
    return engine


def open_to_change(lake: LakeName) -> Engine:
    """The engine of a catalog that is to be changed.

    Raises:
        RefusedError: It is named by a URL, and can only be read (``url-not-writable``).
    """
    if lake.is_url:
        raise read_only(lake.shown_target)
    return open_engine(lake)


def read_only(url: str) -> RefusedError:
    """What to say of a catalog that lies where nothing can write to it."""
    return RefusedError(
        "url-not-writable",
        f"the catalog {url} is named by a URL: it can be read there, and not written or watched",
        hint="Download it to a local file and name that, or restore to a catalog on a disk or in PostgreSQL.",
    )
