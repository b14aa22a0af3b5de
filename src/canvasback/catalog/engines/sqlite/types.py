"""How a catalog in SQLite holds values."""

from __future__ import annotations

from canvasback.model.types import kind, parse


def held_as(meaning: str, *, of_lake: bool, new: bool) -> tuple[str, str] | None:  # noqa: ARG001 - never changed
    """How a column is held.

    Args:
        meaning: Its logical type.
        of_lake: Whether it is a column of inlined rows; else it is the catalog's own.
        new: Whether the catalog is of DuckLake 0.4 or later.

    Returns:
        The type in DDL, and the DuckDB type of its values; None where SQLite holds no such rows.
    """
    how = kind(parse(meaning))
    declared = "DOUBLE" if how.name in {"FLOAT", "DOUBLE"} and not of_lake else how.sqlite
    return (declared, declared) if declared else None
