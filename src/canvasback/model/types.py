"""All types of DuckDB, and how each travels: through Parquet, and as inlined rows into each engine's catalogs.

A type that is not here is refused by name: as text its values would look saved and be others.

Sources: DuckDB's list (`duckdb_types()`), DuckLake's page on data types, and what the extension makes of a column of
inlined rows in each engine (`TypeIsNativelySupported`, `SupportsInlining` and `GetColumnTypeInternal` of its metadata
managers, 0.3 and 1.0). The tests ask DuckDB and the extension.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import duckdb
import msgspec

from canvasback.errors import RefusedError

Chunk = Literal["same", "text", "variant", "inside"]
"""How Parquet keeps values: as they are, as text that reads back to the same, as a VARIANT, or as what is inside."""


class Type(msgspec.Struct, frozen=True):
    """How one type travels.

    Attributes:
        name: DuckDB's name of it without parameters, as `duckdb.sqltype` gives it, in upper case.
        lake: DuckLake's names of it; empty where DuckLake takes no column of it.
        chunk: How a chunk keeps it.
        sqlite: How SQLite spells it for inlined rows; empty where it holds none.
        postgres: The same for PostgreSQL, from DuckLake 0.4 on.
        postgres_old: The same before.
    """

    name: str
    lake: tuple[str, ...]
    chunk: Chunk
    sqlite: str = ""
    postgres: str = ""
    postgres_old: str = ""


_TEXT = "character varying"


def _types() -> Iterator[Type]:
    big, text, none = "BIGINT", "VARCHAR", ""
    yield Type("BOOLEAN", ("boolean",), "same", big, "boolean", "boolean")
    yield Type("TINYINT", ("int8",), "same", big, "smallint", "smallint")
    yield Type("SMALLINT", ("int16",), "same", big, "smallint", "smallint")
    yield Type("INTEGER", ("int32",), "same", big, "integer", "integer")
    yield Type("BIGINT", ("int64",), "same", big, "bigint", "bigint")
    yield Type("HUGEINT", ("int128",), "text", text, _TEXT, _TEXT)
    yield Type("UTINYINT", ("uint8",), "same", big, "integer", "integer")
    yield Type("USMALLINT", ("uint16",), "same", big, "integer", "integer")
    yield Type("UINTEGER", ("uint32",), "same", big, "bigint", "bigint")
    yield Type("UBIGINT", ("uint64",), "same", text, _TEXT, _TEXT)
    yield Type("UHUGEINT", ("uint128",), "text", text, _TEXT, _TEXT)
    yield Type("FLOAT", ("float32",), "same", text, "real", "double precision")  # SQLite makes NULL of NaN
    yield Type("DOUBLE", ("float64",), "same", text, "double precision", "double precision")
    yield Type("DECIMAL", ("decimal",), "same", text, "numeric", "numeric")
    yield Type("VARCHAR", ("varchar",), "same", text, "bytea", _TEXT)
    yield Type("JSON", ("json",), "text", text, "bytea", "json")
    yield Type("BLOB", ("blob",), "same", "BLOB", "bytea", "bytea")
    yield Type("UUID", ("uuid",), "same", text, "uuid", "uuid")
    yield Type("DATE", ("date",), "same", text, _TEXT, "date")
    yield Type("TIME", ("time",), "same", text, "time without time zone", "time without time zone")
    yield Type("TIME_NS", ("time_ns",), "text", text, _TEXT, _TEXT)
    yield Type("TIME WITH TIME ZONE", ("timetz",), "text", text, "time with time zone", "time with time zone")
    yield Type("TIMESTAMP", ("timestamp", "timestamp_us"), "same", text, _TEXT, "timestamp without time zone")
    yield Type("TIMESTAMP_S", ("timestamp_s",), "text", text, _TEXT, _TEXT)
    yield Type("TIMESTAMP_MS", ("timestamp_ms",), "text", text, _TEXT, _TEXT)
    yield Type("TIMESTAMP_NS", ("timestamp_ns",), "text", text, _TEXT, _TEXT)
    yield Type("TIMESTAMP WITH TIME ZONE", ("timestamptz",), "same", text, _TEXT, "timestamp with time zone")
    yield Type("INTERVAL", ("interval",), "text", text, "interval", "interval")
    yield Type("LIST", ("list",), "inside", text, _TEXT, _TEXT)
    yield Type("STRUCT", ("struct",), "inside", text, _TEXT, _TEXT)
    yield Type("MAP", ("map",), "inside", text, _TEXT, _TEXT)
    yield Type("VARIANT", ("variant",), "variant", none, none, none)
    yield Type("GEOMETRY", ("geometry",), "text", none, none, none)
    # DuckLake takes no column of these; a catalog of somebody's own making may have one.
    yield Type("ARRAY", (), "inside")
    yield Type("BIT", (), "text")
    yield Type("BIGNUM", (), "text")
    yield Type("ENUM", (), "text")


TYPES = {type_.name: type_ for type_ in _types()}
"""Every type that travels, by DuckDB's name without parameters."""

NOT_INLINED = tuple(type_.name for type_ in TYPES.values() if type_.lake and not type_.sqlite)
"""Types that only a catalog in DuckDB holds inlined, inside of others too."""

NOT_HELD = frozenset({"UNION", "TUPLE", "NULL", '"NULL"', "TYPE", "TIMESTAMPTZ_NS"})
"""DuckDB's other types, which no column of a lake and of no catalog can have: they are refused by name."""

_OF_LAKE = {name: type_ for type_ in TYPES.values() for name in type_.lake}
_NESTED = frozenset({"LIST", "STRUCT", "MAP", "ARRAY"})


def parse(type_: str) -> Any:
    """DuckDB's own reading of a type.

    Raises:
        RefusedError: DuckDB does not know it, or it is none that travels (``unknown-type``).
    """
    try:
        return duckdb.sqltype(type_)
    except duckdb.Error as error:
        raise unknown(type_) from error


def kind(parsed: Any) -> Type:
    """How a type that was parsed travels, whatever is inside of it.

    Raises:
        RefusedError: It is none that travels (``unknown-type``).
    """
    name = "JSON" if str(parsed) == "JSON" else str(parsed.id).upper()
    if name not in TYPES:
        raise unknown(str(parsed))
    return TYPES[name]


def is_nested(parsed: Any) -> bool:
    """Whether a type that was parsed has others inside."""
    return kind(parsed).name in _NESTED


def children(parsed: Any) -> list[tuple[str, Any]]:
    """The names and types inside of a nested type; of a fixed-size list its one."""
    if kind(parsed).name not in _NESTED:
        return []
    return [(name, child) for name, child in parsed.children if name != "size"]


def contains(type_: str, name: str) -> bool:
    """Whether a type is, or has inside at any depth, the type of that name."""

    def inside(parsed: Any) -> bool:
        return kind(parsed).name == name or any(inside(child) for _, child in children(parsed))

    return inside(parse(type_))


def of_lake(name: str) -> str | None:
    """What DuckDB calls a type of DuckLake's that is not nested; None for a nested one, or one that is not known."""
    lower = name.lower()
    if lower.startswith("decimal"):
        return name.upper()
    found = _OF_LAKE.get(lower)
    return None if found is None or found.name in _NESTED else found.name


def is_of_lake(name: str) -> bool:
    """Whether DuckLake has a type of that name, as far as is known here."""
    return name.lower() in _OF_LAKE or name.lower().startswith("decimal")


def unknown(type_: str, where: str = "") -> RefusedError:
    """The refusal of a type of which nobody knows how it travels."""
    return RefusedError(
        "unknown-type",
        f"{where or 'the catalog'} has the type {type_}, of which this release does not know how to keep it",
        hint="Nothing was written. Install a newer release of Canvasback, or report the type.",
    )
