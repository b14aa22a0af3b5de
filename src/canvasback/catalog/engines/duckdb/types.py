"""How a catalog in DuckDB holds values: as what they are."""

from __future__ import annotations


def held_as(meaning: str, *, of_lake: bool, new: bool) -> tuple[str, str]:  # noqa: ARG001 - as other engines have it
    """The type of a column in DDL, empty because it is the logical one, and the type of its values."""
    return "", meaning
