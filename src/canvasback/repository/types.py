"""Which DuckDB types Parquet keeps to the bit, and what the others are stored as."""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb

_EXACT = frozenset({
    "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint",
    "float", "double", "decimal", "varchar", "blob", "uuid", "date", "time", "timestamp",
    "timestamp with time zone",
})  # fmt: skip


@cache
def stored_type(type_: str) -> str:
    """The type under which a column is stored in Parquet: text in place of each type that Parquet would change.

    DuckDB writes HUGEINT as DOUBLE, INTERVAL in milliseconds, and forgets the offset of a TIMETZ; their text
    reads back to the same value.

    Args:
        type_: A type as DuckDB spells it.

    Returns:
        ``type_`` itself where Parquet keeps it.
    """
    parsed = duckdb.sqltype(type_)
    return type_ if type_ != "JSON" and _is_exact(parsed) else _stored(parsed)


def _is_exact(type_: Any) -> bool:
    if type_.id in {"list", "map", "struct"}:
        return all(_is_exact(child) for _, child in type_.children)
    return type_.id in _EXACT


def _stored(type_: Any) -> str:
    if type_.id in _EXACT and str(type_) != "JSON":
        return str(type_)
    if type_.id in {"list", "array"}:
        return f"{_stored(dict(type_.children)['child'])}[]"
    if type_.id == "map":
        key, value = (child for _, child in type_.children)
        return f"MAP({_stored(key)}, {_stored(value)})"
    if type_.id == "struct":
        fields = ('"' + name.replace('"', '""') + '" ' + _stored(child) for name, child in type_.children)
        return f"STRUCT({', '.join(fields)})"
    return "VARCHAR"
