"""A file of a point and the place where it belongs, and what is to be done with all of them."""

from __future__ import annotations

import duckdb
import msgspec

from canvasback.model.finding import Finding
from canvasback.model.plans.files import PlannedFiles
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import one_row

STATES = frozenset({"whole", "absent", "other"})
"""What can be at a place; ``other``: something else is there."""


class Placement(msgspec.Struct, frozen=True):
    """One file and its place.

    Attributes:
        target: Its absolute path or URL.
        name: The repository's object that holds it.
        size: Its bytes.
        checksum: Their checksum, see `canvasback.storage.checksums`.
        etag: The etag of the repository's object when it was written, or empty.
        modified_ns: Its time of modification.
        elsewhere: Whether the place is outside of the data path.
        present: The size of what a listing found there; -1 for nothing, None where nobody listed.
        damaged: Whether something else is there, to be moved aside.
    """

    target: str
    name: str
    size: int
    checksum: str
    etag: str
    modified_ns: int
    elsewhere: bool
    present: int | None = None
    damaged: bool = False


PLANNED = {
    "target": "VARCHAR",
    "name": "VARCHAR",
    "size": "BIGINT",
    "checksum": "VARCHAR",
    "etag": "VARCHAR",
    "modified_ns": "BIGINT",
    "elsewhere": "BOOLEAN",
    "present": "BIGINT",
    "damaged": "BOOLEAN",
}
"""The columns of a table of planned placements: the fields of a `Placement`."""


class FilePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with a point's files.

    Attributes:
        root: The data path, absolute.
        places: The places of all the files, see `list_places`.
        planned: The `PLANNED` rows of those that are to be put there.
        files: How many those are, and which.
        kept: Files that are there and whole.
        damaged: Files to move aside.
        elsewhere: Files outside of the data path.
    """

    root: str
    places: OwnTable
    planned: OwnTable
    files: PlannedFiles
    kept: int = 0
    damaged: int = 0
    elsewhere: int = 0

    def drop(self) -> None:
        """Let go of the tables: nobody asks any more where the files are."""
        self.places.drop()
        self.planned.drop()


class Placed(msgspec.Struct, frozen=True):
    """Files that were put in place, and bytes of them."""

    count: int = 0
    bytes: int = 0


def planned_files(connection: duckdb.DuckDBPyConnection, planned: OwnTable, *, by: str) -> PlannedFiles:
    """Count the rows of a table of planned placements.

    Args:
        connection: Has it.
        planned: The table.
        by: What tells one from another, in SQL.
    """
    count, bytes_, which = one_row(
        connection, f"SELECT count(*), coalesce(sum(size), 0)::BIGINT, coalesce(bit_xor(hash({by})), 0) FROM {planned}"
    )
    return PlannedFiles(count, bytes_, f"{which:016x}")


def unreachable(place: Placement, reason: str) -> Finding:
    """What to say of a file outside of the data path whose place nobody can look at."""
    return Finding(
        "elsewhere-unreachable",
        "error",
        place.target,
        f"a file outside of the data path cannot be looked for, and is not put there: {reason}",
        f"Make its place reachable and restore again; the saved file is {place.name} in the repository.",
    )
