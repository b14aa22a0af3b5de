"""What the columns of a catalog mean, whatever the engine that holds them can express.

SQLite keeps a truth value as a number and a time as text, PostgreSQL a nested value as text. What a column
would be in a catalog in DuckDB, its logical type, follows from the specification for the tables that it knows,
and from the lake's own columns for inlined rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from canvasback.model.relation import identifier
from canvasback.model.types import is_of_lake, of_lake, unknown

BOOLEAN = "BOOLEAN"
UUID = "UUID"
TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"

_NAMES = {
    "path_is_relative": BOOLEAN,
    "nulls_allowed": BOOLEAN,
    "contains_null": BOOLEAN,
    "contains_nan": BOOLEAN,
    "is_partition": BOOLEAN,
    "schema_uuid": UUID,
    "table_uuid": UUID,
    "view_uuid": UUID,
    "snapshot_time": TIMESTAMPTZ,
    "schedule_start": TIMESTAMPTZ,
}
"""The columns of the specification's tables, in all versions, that are neither numbers nor text."""

_NO_BOUNDS = frozenset({"VARIANT", "GEOMETRY"})
"""Types whose bounds in the statistics are no values of theirs."""

_INLINED = re.compile(r"ducklake_inlined_data_(\d+)_(\d+)")
_OWN = frozenset({"row_id", "begin_snapshot", "end_snapshot"} | {f"_ducklake_{n}" for n in
                 ("row_id", "begin_snapshot", "end_snapshot")})  # fmt: skip

LakeColumn = tuple[int, int, str, str, int | None, int, int | None]
"""column_id, table_id, column_name, column_type, parent_column, begin_snapshot, end_snapshot."""


class LakeTypes:
    """The types of the lake's own columns, for the tables of inlined rows.

    Args:
        columns: The rows of ``ducklake_column``.
        begins: The first snapshot of each schema version that is known, of ``ducklake_schema_versions`` or of
            ``ducklake_snapshot``.
    """

    def __init__(self, columns: Iterable[LakeColumn], begins: Mapping[int, int]) -> None:
        self._columns: dict[int, list[LakeColumn]] = {}
        for column in columns:
            self._columns.setdefault(column[1], []).append(column)
        self._begins = begins

    def of(self, table_id: int, schema_version: int, name: str) -> str | None:
        """The DuckDB type that a column had at a schema version; None where that cannot be told.

        Raises:
            RefusedError: It has, or has inside of it, a type of DuckLake's that is not known (``unknown-type``).
        """
        at = self._begins.get(schema_version)
        named = [c for c in self._columns.get(table_id, []) if c[4] is None and c[2].lower() == name.lower()]
        chosen = _visible(named, at)
        return None if chosen is None else self._type(chosen, at)

    def _type(self, column: LakeColumn, at: int | None) -> str | None:
        kind = column[3].lower()
        if kind not in {"list", "struct", "map"}:
            if not is_of_lake(kind):
                raise unknown(column[3], f"the column {column[2]} of the table with the id {column[1]}")
            return of_lake(kind)
        children = [c for c in self._columns[column[1]] if c[4] == column[0]]
        shown: list[tuple[str, str]] = []
        for column_id in sorted({c[0] for c in children}):
            child = _visible([c for c in children if c[0] == column_id], at, strict=True)
            if child is None:
                continue
            type_ = self._type(child, at)
            if type_ is None:
                return None
            shown.append((child[2], type_))
        return _nested(kind, shown)


def logical_type(table: str, column: str, type_: str, lake: LakeTypes) -> str:
    """The type that a column has in a catalog in DuckDB.

    Args:
        table: The catalog table's name.
        column: The column's name.
        type_: The DuckDB type of the values that the engine holds; the answer where nothing else is known.
        lake: The lake's own columns.

    Raises:
        RefusedError: An inlined column has a type of DuckLake's that is not known (``unknown-type``).
    """
    inlined = _INLINED.fullmatch(table)
    if inlined is None:
        return _NAMES.get(column, type_)
    if column in _OWN:
        return "BIGINT"
    return lake.of(int(inlined[1]), int(inlined[2]), column) or type_


def scalar_type(kind: str) -> str | None:
    """The DuckDB type in whose values the bounds of a type of DuckLake's are; None where there is none."""
    type_ = of_lake(kind)
    return None if type_ in _NO_BOUNDS else type_


def duckdb_name(type_: str) -> str:
    """What DuckDB calls a type of DuckLake's that has no other inside of it; the same where it is not known."""
    return of_lake(type_) or type_.upper()


def is_lake_column(table: str, column: str) -> bool:
    """Whether a column of the catalog holds values of the lake's own: inlined rows."""
    return _INLINED.fullmatch(table) is not None and column not in _OWN


def _nested(kind: str, children: list[tuple[str, str]]) -> str | None:
    if kind == "list":
        return f"{children[0][1]}[]" if children else None
    if kind == "map":
        return f"MAP({children[0][1]}, {children[1][1]})" if len(children) > 1 else None
    return f"STRUCT({', '.join(f'{identifier(name)} {type_}' for name, type_ in children)})" if children else None


def _visible(columns: list[LakeColumn], at: int | None, *, strict: bool = False) -> LakeColumn | None:
    """The one of several versions of a column that a snapshot sees; the newest where that cannot be told."""
    if at is not None:
        seen = [c for c in columns if c[5] <= at and (c[6] is None or c[6] > at)]
        if seen or (strict and columns):
            return seen[-1] if seen else None
    return max(columns, key=lambda c: c[5], default=None)


def lake_columns(rows: Iterable[tuple[Any, ...]]) -> list[LakeColumn]:
    """Rows of ``ducklake_column`` as any engine gives them."""
    return [
        (int(id_), int(table), str(name), str(type_), None if parent is None else int(parent), int(begin), end)
        for id_, table, name, type_, parent, begin, end in rows
    ]
