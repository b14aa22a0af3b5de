"""The same catalog for another engine: types that it has, and a cast for every column.

A value goes through its logical type, so that each engine has to be known only by itself. Within one engine
nothing is converted, so that a catalog comes back value for value.
Source: the extension's metadata managers (`GetColumnTypeInternal`), 0.3 and 1.0.
"""

from __future__ import annotations

from typing import Literal

from canvasback.catalog.image import Image
from canvasback.catalog.logical import is_lake_column
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier

Dialect = Literal["duckdb", "sqlite", "postgres"]

_OLD = frozenset({"0.1", "0.2", "0.3-dev1", "0.3"})
"""The versions whose inlined rows have more of the engines' own types than later ones."""

_SCHEMAS = {"duckdb": "main", "sqlite": "main", "postgres": "public"}
_INTEGERS = frozenset({"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})

_POSTGRES = {
    "BOOLEAN": "boolean", "TINYINT": "smallint", "SMALLINT": "smallint", "INTEGER": "integer", "BIGINT": "bigint",
    "UTINYINT": "integer", "USMALLINT": "integer", "UINTEGER": "bigint", "DOUBLE": "double precision",
    "BLOB": "bytea", "DATE": "date", "TIME": "time without time zone", "TIME WITH TIME ZONE": "time with time zone",
    "TIMESTAMP": "timestamp without time zone", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval", "UUID": "uuid", "JSON": "json",
}  # fmt: skip
_POSTGRES_OLD = {"FLOAT": "double precision"}
_POSTGRES_NEW = {
    "FLOAT": "real", "VARCHAR": "bytea", "DATE": "character varying", "TIMESTAMP": "character varying",
    "TIMESTAMP WITH TIME ZONE": "character varying",
}  # fmt: skip

POSTGRES_VALUES = {
    "boolean": "BOOLEAN", "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT",
    "double precision": "DOUBLE", "real": "FLOAT", "bytea": "BLOB",
}  # fmt: skip
"""PostgreSQL's types whose values DuckDB holds as they are; those of all others are held as their text."""


def is_old(version: str) -> bool:
    """Whether a version of DuckLake's is one before 0.4."""
    return version in _OLD


def in_dialect(image: Image, dialect: Dialect) -> Image:
    """The image as a catalog of another engine holds it; the same image where it is of that engine already."""
    record = image.record
    if record.engine == dialect:
        return image
    new = not is_old(record.version)
    return image.transformed(
        {name: _convert(relation, dialect, new=new) for name, relation in image.tables.items()},
        CatalogRecord(dialect, _SCHEMAS[dialect], record.version),
    )


def _convert(relation: Relation, dialect: Dialect, *, new: bool) -> Relation:
    columns = tuple(
        _column(column, dialect, of_lake=is_lake_column(relation.name, column.name), new=new)
        for column in relation.columns
    )
    shown = ", ".join(
        f"{_cast(_cast(identifier(old.name), old.type, old.meaning), old.meaning, new_.type)} AS {identifier(old.name)}"
        for old, new_ in zip(relation.columns, columns, strict=True)
    )
    return Relation(relation.name, columns, f"SELECT {shown} FROM ({relation.select})", relation.primary_key)


def _column(column: Column, dialect: Dialect, *, of_lake: bool, new: bool) -> Column:
    meaning = column.meaning
    if dialect == "duckdb":
        return Column(column.name, meaning, column.nullable)
    if dialect == "sqlite":
        declared = _sqlite(meaning, of_lake=of_lake)
        values = declared
    else:
        declared = _postgres(meaning, new=new and of_lake)
        values = POSTGRES_VALUES.get(declared, "VARCHAR")
    return Column(column.name, values, column.nullable, declared, meaning if meaning != values else "")


def _sqlite(meaning: str, *, of_lake: bool) -> str:
    if meaning in _INTEGERS:
        return "BIGINT"
    if meaning in {"FLOAT", "DOUBLE"}:  # of the lake's own as later versions do: SQLite makes NULL of NaN
        return "VARCHAR" if of_lake else "DOUBLE"
    return "BLOB" if meaning == "BLOB" else "VARCHAR"


def _postgres(meaning: str, *, new: bool) -> str:
    special = (_POSTGRES_NEW if new else _POSTGRES_OLD).get(meaning)
    if special is not None:
        return special
    if meaning.startswith("DECIMAL("):
        return f"numeric{meaning.removeprefix('DECIMAL').replace(' ', '')}"
    return _POSTGRES.get(meaning, "character varying")


def _cast(expression: str, old: str, new: str) -> str:
    if old == new:
        return expression
    if (old, new) == ("BLOB", "VARCHAR"):
        return f"decode({expression})"
    if (old, new) == ("VARCHAR", "BLOB"):
        return f"encode({expression})"
    return f"CAST({expression} AS {new})"
