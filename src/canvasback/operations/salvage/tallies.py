"""The statistics of whole tables after files were adopted."""

from __future__ import annotations

from typing import Any

from canvasback.catalog.adoption import ColumnStats
from canvasback.catalog.image import Image
from canvasback.operations.salvage.known import LakeTable
from canvasback.operations.salvage.statistics import extreme

Row = dict[str, Any]


class Tallies:
    """Counts what is adopted.

    Args:
        image: The catalog as it was, in DuckDB's dialect.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._bytes: dict[int, int] = {}
        self._rows: dict[int, int] = {}
        self._stats: dict[tuple[int, int], list[ColumnStats]] = {}
        self._filled: set[tuple[int, int]] = set()

    def note(self, table: LakeTable, rows: int, size: int, stats: list[ColumnStats]) -> None:
        """Count an adopted data file."""
        self._rows[table.id] = self._rows.get(table.id, 0) + rows
        self._bytes[table.id] = self._bytes.get(table.id, 0) + size
        for column in stats:
            self._stats.setdefault((table.id, column.column_id), []).append(column)

    def note_added(self, table: LakeTable, column_id: int) -> None:
        """Rows from before a column was added have NULL in it."""
        self._filled.add((table.id, column_id))

    def tables(self, tables: list[LakeTable]) -> dict[int, Row]:
        """The rows of ``ducklake_table_stats`` that change, by table."""
        known = {
            int(row[0]): row
            for row in self._image.rows("SELECT table_id, record_count, file_size_bytes FROM {ducklake_table_stats} s")
        }
        return {
            table.id: {
                "table_id": table.id,
                "record_count": self._rows[table.id] + (known[table.id][1] if table.id in known else 0),
                "next_row_id": table.next_row_id,
                "file_size_bytes": self._bytes[table.id] + (known[table.id][2] if table.id in known else 0),
            }
            for table in tables
            if table.id in self._rows
        }

    def columns(self, tables: list[LakeTable]) -> dict[tuple[int, int], Row]:
        """The rows of ``ducklake_table_column_stats`` that change, by table and column."""
        types = {(table.id, id_): column[1] for table in tables for id_, column in table.columns.items()}
        known = {
            (int(row[0]), int(row[1])): row[2:]
            for row in self._image.rows(
                "SELECT table_id, column_id, contains_null, contains_nan, min_value, max_value "
                "FROM {ducklake_table_column_stats} s"
            )
        }
        untold = self._untold()
        found: dict[tuple[int, int], Row] = {}
        for key, stats in self._stats.items():
            if key in untold and key not in known:
                continue  # bounds of the adopted files alone would hide the rows of others
            nulls = [None if one.nulls is None else one.nulls > 0 for one in stats]
            nans = [one.nan for one in stats]
            bounds = [(one.low, one.high) for one in stats if not (one.values is not None and one.nulls == one.values)]
            if key in known:
                nulls.append(known[key][0])
                nans.append(known[key][1])
                bounds.append(known[key][2:])
            if key in self._filled:
                nulls.append(True)
            found[key] = {
                "table_id": key[0],
                "column_id": key[1],
                "contains_null": _any(nulls),
                "contains_nan": _any(nans),
                "min_value": self._bound(types.get(key), [low for low, _ in bounds], "min"),
                "max_value": self._bound(types.get(key), [high for _, high in bounds], "max"),
            }
        return found

    def _untold(self) -> set[tuple[int, int]]:
        """The columns of tables that had rows: of those that were added later, DuckLake 0.3 notes no bounds."""
        rows = self._image.rows(
            "SELECT DISTINCT table_id, column_id FROM {ducklake_column} c "
            "WHERE table_id IN (SELECT table_id FROM {ducklake_table_stats} s)"
        )
        return {(int(table), int(column)) for table, column in rows}

    def _bound(self, type_: str | None, values: list[str | None], which: str) -> str | None:
        told = [value for value in values if value is not None]
        if type_ is None or not told or len(told) < len(values):
            return None
        return extreme(self._image.connection, type_.lower(), told, which)


def _any(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False
