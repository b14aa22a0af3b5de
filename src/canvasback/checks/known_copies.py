"""What is known of copies of damaged files: which there are, which were tried, and where one could not be put."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row

_COPIES = {
    "file_kind": "VARCHAR",
    "file_id": "BIGINT",
    "table_id": "BIGINT",
    "place": "VARCHAR",
    "code": "VARCHAR",
    "size": "BIGINT",
    "source": "VARCHAR",
    "point": "VARCHAR",
    "checksum": "VARCHAR",
    "origin": "VARCHAR",
    "told": "VARCHAR",
}
_PLACES = {"place": "VARCHAR"}


class KnownCopies:
    """The copies of a lake's damaged files, in tables of their own.

    A copy is the damaged file, what holds the copy (``source``), what is known of its bytes, which kind of source found
    it (``origin``), of which ``point`` it is if it is of one, and what people are told of it.

    Attributes:
        found: A table of the copies that the last search found.
        tried: A table of those that were put back, with the ``number`` of the time.
        unplaced: A table of every ``place`` that has a copy which could not be put there.

    Args:
        connection: Where they are noted.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.found = OwnTable(connection, "copies", _COPIES)
        self.tried = OwnTable(connection, "tried copies", {**_COPIES, "number": "BIGINT"})
        self.unplaced = OwnTable(connection, "unplaced", _PLACES)
        self._connection = connection

    @property
    def unsourced(self) -> str:
        """A condition on rows ``d`` of `DamagedFiles`: no copy was found."""
        return f"NOT EXISTS (FROM {self.found} x WHERE x.file_kind = d.file_kind AND x.file_id = d.file_id)"

    def untried(self, origin: str, column: str, value: str) -> str:
        """A condition on rows ``d`` of `DamagedFiles`: what a source would give was not put back before.

        Args:
            origin: Which kind of source.
            column: The column of `tried` that tells its copies of a file apart.
            value: What that is of the copy in question, as SQL.
        """
        return (
            f"NOT EXISTS (FROM {self.tried} t WHERE t.file_kind = d.file_kind AND t.file_id = d.file_id "
            f"AND t.origin = {literal(origin)} AND t.{column} = {value})"
        )

    def count(self) -> int:
        """Of how many files a copy was found."""
        return int(one_row(self._connection, f"SELECT count(*) FROM {self.found}")[0])

    def forget_found(self) -> None:
        """Begin another search."""
        self._connection.execute(f"DELETE FROM {self.found}")

    def note_tried(self) -> None:
        """Note that what was found was put back."""
        number = f"(SELECT coalesce(max(number), 0) + 1 FROM {self.tried})"
        self._connection.execute(f"INSERT INTO {self.tried} SELECT *, {number} FROM {self.found}")

    def note_unplaced(self, places: Iterable[str]) -> None:
        """Note places where a copy could not be put."""
        insert_rows(self._connection, str(self.unplaced), _PLACES, [(place,) for place in places])

    def unplaced_places(self) -> set[str]:
        """The places where a copy could not be put."""
        return {place for (place,) in self._connection.execute(f"SELECT place FROM {self.unplaced}").fetchall()}
