"""Which DuckDB types Parquet keeps to the bit, and what the others are stored as; see `canvasback.model.types`.

DuckDB writes HUGEINT as DOUBLE, INTERVAL in milliseconds, and forgets the offset of a TIMETZ; their text reads back
to the same value. VARIANT is another matter: see `canvasback.repository.variants`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from canvasback.model.relation import identifier
from canvasback.model.types import children, contains, kind, parse


@cache
def stored_type(type_: str) -> str:
    """The type under which a column is stored in Parquet: text in place of each type that Parquet would change.

    Args:
        type_: A type as DuckDB spells it.

    Returns:
        ``type_`` itself where Parquet keeps it.

    Raises:
        RefusedError: It is none that travels (``unknown-type``).
    """
    parsed = parse(type_)
    return type_ if _is_exact(parsed) else _stored(parsed)


@cache
def has_variant(type_: str) -> bool:
    """Whether values of the type are or hold some whose own type only they know."""
    return contains(type_, "VARIANT")


def _is_exact(parsed: Any) -> bool:
    how = kind(parsed)
    if how.chunk != "inside":
        return how.chunk == "same"
    return how.name != "ARRAY" and all(_is_exact(child) for _, child in children(parsed))


def _stored(parsed: Any) -> str:
    how = kind(parsed)
    inside = [(name, _stored(child)) for name, child in children(parsed)]
    if how.name in {"LIST", "ARRAY"}:
        return f"{inside[0][1]}[]"
    if how.name == "MAP":
        return f"MAP({inside[0][1]}, {inside[1][1]})"
    if how.name == "STRUCT":
        return f"STRUCT({', '.join(f'{identifier(name)} {type_}' for name, type_ in inside)})"
    return str(parsed) if how.chunk == "same" else "VARCHAR"
