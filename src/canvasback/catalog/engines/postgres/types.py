"""How a catalog in PostgreSQL holds values."""

from __future__ import annotations

from canvasback.model.types import TYPES, kind, parse

VALUES = {
    "boolean": "BOOLEAN", "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT",
    "double precision": "DOUBLE", "real": "FLOAT", "bytea": "BLOB",
}  # fmt: skip
"""PostgreSQL's types whose values DuckDB holds as they are; those of all others are held as their text."""


def held_as(meaning: str, *, of_lake: bool, new: bool) -> tuple[str, str] | None:
    """How a column is held.

    Args:
        meaning: Its logical type.
        of_lake: Whether it is a column of inlined rows; else it is the catalog's own.
        new: Whether the catalog is of DuckLake 0.4 or later.

    Returns:
        The type in DDL, and the DuckDB type of its values; None where PostgreSQL holds no such rows.
    """
    how = kind(parse(meaning))
    declared = how.postgres if new and of_lake else how.postgres_old
    if how is TYPES["DECIMAL"]:
        declared = f"numeric{meaning.removeprefix('DECIMAL').replace(' ', '')}"
    return (declared, VALUES.get(declared, "VARCHAR")) if declared else None
