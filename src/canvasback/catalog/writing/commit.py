"""New commits on a catalog: what DuckLake notes of each, whatever it is that they bring.

Rows are made as DuckLake's own commits make them; which tables and columns they have is for the catalog's version to
say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import statistics_table
from canvasback.catalog.writing.edits import Edit

Row = dict[str, Any]

AUTHOR = "canvasback"
"""The author of every commit that is made here."""


class NewCommits:
    """Collects the rows of new commits on a catalog, one commit after the other.

    Between `begin` and `commit`, rows are added and ended, ids are given out, and it is noted what changes.

    Args:
        image: The catalog, in DuckDB's dialect.

    Attributes:
        head: The catalog's newest snapshot.
        snapshot: The snapshot of the commit that is being made, or was made last; before the first, the head.
        time: Its time.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.head, self.time, _ = image.head()
        self.snapshot = self.head
        row = image.rows(
            f"SELECT schema_version, next_catalog_id, next_file_id FROM {{ducklake_snapshot}} s "
            f"WHERE snapshot_id = {self.head}"
        )[0]
        self._version, self._next_catalog, self._next_file = map(int, row)
        self._rows: dict[str, list[Row]] = {}
        self._ends: list[Edit] = []
        self._changes: list[str] = []
        self._reshaped: set[int] = set()

    def begin(self, moment: datetime, at_least: int = 0) -> tuple[int, datetime]:
        """Start the next commit: its snapshot, and its time, which is later than the one's before.

        Args:
            moment: The time, if it is late enough.
            at_least: The lowest number that the snapshot may have.
        """
        self.snapshot = max(self.snapshot + 1, at_least)
        self.time = max(moment, self.time + timedelta(microseconds=1))
        self._changes, self._reshaped = [], set()
        return self.snapshot, self.time

    def commit(self, message: str) -> None:
        """End the commit."""
        if self._reshaped:
            self._version += 1
        self.add(
            "ducklake_snapshot",
            {
                "snapshot_id": self.snapshot,
                "snapshot_time": f"{self.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00",
                "schema_version": self._version,
                "next_catalog_id": self._next_catalog,
                "next_file_id": self._next_file,
            },
        )
        # Versions that do not say which tables a version is of have one row of it.
        by_table = self.image.has("ducklake_schema_versions", "table_id")
        for table in sorted(self._reshaped)[: None if by_table else 1]:
            self.add(
                "ducklake_schema_versions",
                {"begin_snapshot": self.snapshot, "schema_version": self._version, "table_id": table},
            )
        self.add(
            "ducklake_snapshot_changes",
            {
                "snapshot_id": self.snapshot,
                "changes_made": ",".join(dict.fromkeys(self._changes)),
                "author": AUTHOR,
                "commit_message": message,
            },
        )

    def note(self, change: str) -> None:
        """Say what changes, in DuckLake's words, such as ``inserted_into_table:1``."""
        self._changes.append(change)

    def reshape(self, table_id: int) -> bool:
        """Say that a table is new or has other columns, so that the schema has another version.

        Returns:
            Whether this is said of it in this commit for the first time.
        """
        first = table_id not in self._reshaped
        self._reshaped.add(table_id)
        return first

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row, as far as the catalog's version has the table and the columns."""
        relation = self.image.tables.get(table)
        if relation is not None:
            self._rows.setdefault(table, []).append({c.name: row.get(c.name) for c in relation.columns})

    def add_statistics(self, table_id: int, data_file_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add what is known of the columns of a data file, as rows of ``ducklake_file_column_stats``."""
        for row in rows:
            self.add(statistics_table(self.image), {**row, "data_file_id": data_file_id, "table_id": table_id})

    def added(self, table: str) -> list[Row]:
        """The rows that were added to a table; to change one changes what is added."""
        return self._rows.get(table, [])

    def end(self, table: str, where: str, column: str = "end_snapshot") -> None:
        """End rows that the catalog has.

        Args:
            table: The table.
            where: Which of them, as SQL.
            column: The one that says where a row ends.
        """
        self._ends.append(Edit(table, where=where, changes={column: str(self.snapshot)}))

    def now(self) -> Row:
        """What says of a row that it begins in this commit."""
        return {"begin_snapshot": self.snapshot, "end_snapshot": None}

    def catalog_id(self) -> int:
        """The next id of a schema, a table, a view, a partitioning or a sort order."""
        self._next_catalog += 1
        return self._next_catalog - 1

    def file_id(self) -> int:
        """The next id of a file, or of a column mapping, which DuckLake counts with them."""
        self._next_file += 1
        return self._next_file - 1

    def edits(self) -> list[Edit]:
        """What becomes of the catalog's tables."""
        return [*self._ends, *(Edit(name, rows=tuple(rows)) for name, rows in self._rows.items())]
