"""The same catalog for another engine: types that it has, and a conversion for every column.

A value goes through its logical type, so that each engine has to be known only by itself: by `held_as` in the `types`
of its package. Within one engine
nothing is converted, so that a catalog comes back value for value. One thing is: tables of inlined rows that DuckLake
0.3 made keep its types after a migration, and later ones write into them what they then read wrongly.
How each type is spelled stands in `canvasback.model.types`.
"""

from __future__ import annotations

from importlib import import_module

from canvasback.catalog.image import Image
from canvasback.catalog.logical import is_lake_column
from canvasback.catalog.texts import is_nested, read_text, respelled, spell
from canvasback.errors import RefusedError
from canvasback.model.engine import ENGINES, EngineName
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier
from canvasback.model.types import NOT_INLINED, contains

_OLD = frozenset({"0.1", "0.2", "0.3-dev1", "0.3"})
"""The versions whose inlined rows have more of the engines' own types than later ones."""

_SAME_TEXT = {"text": "character varying"}


def is_old(version: str) -> bool:
    """Whether a version of DuckLake's is one before 0.4."""
    return version in _OLD


def in_dialect(image: Image, dialect: EngineName) -> Image:
    """The image as a catalog of another engine holds it; the same image where it is of that engine already.

    Raises:
        RefusedError: The engine holds no inlined rows of some type (``not-inlinable``).
    """
    record = image.record
    new = not is_old(record.version)
    if record.engine == dialect:
        return image if dialect == "duckdb" or not new else _renewed(image, dialect)
    return image.transformed(
        {name: _convert(relation, dialect, new=new) for name, relation in image.tables.items()},
        CatalogRecord(dialect, ENGINES[dialect].schema, record.version),
    )


def readable(image: Image) -> Image:
    """The image with texts of nested values that DuckDB cannot read spelled so that it can.

    The extension writes such texts into catalogs in SQLite and PostgreSQL. Only tables of inlined rows are read for it.
    """
    replaced = {}
    for name, relation in image.tables.items():
        shown = {
            column.name: found
            for column in relation.columns
            if column.type == "VARCHAR" and is_lake_column(name, column.name) and is_nested(column.meaning)
            if (found := respelled(image.connection, relation.select, column.name, column.meaning))
        }
        if shown:
            replacing = ", ".join(f"{text} AS {identifier(column)}" for column, text in shown.items())
            select = f"SELECT * REPLACE ({replacing}) FROM ({relation.select})"
            replaced[name] = Relation(name, relation.columns, select, relation.primary_key)
    return image.transformed(replaced) if replaced else image


def _convert(relation: Relation, dialect: EngineName, *, new: bool) -> Relation:
    columns = tuple(in_engine(relation.name, column, dialect, new=new) for column in relation.columns)
    return _as(relation, columns)


def _renewed(image: Image, dialect: EngineName) -> Image:
    """The image with the types that DuckLake makes since 0.4 where tables of inlined rows have those of before."""
    replaced = {}
    for name, relation in image.tables.items():
        columns = tuple(
            fresh if is_lake_column(name, old.name) and _differ(old, fresh) else old
            for old in relation.columns
            for fresh in [_fresh(name, old, dialect)]
        )
        if columns != relation.columns:
            replaced[name] = _as(relation, columns)
    return image.transformed(replaced) if replaced else image


def _fresh(table: str, column: Column, dialect: EngineName) -> Column:
    try:
        return in_engine(table, column, dialect, new=True)
    except RefusedError:
        return column  # what DuckLake never makes there stays as it is


def _differ(old: Column, fresh: Column) -> bool:
    return old.type != fresh.type or (
        fresh.declared != "VARCHAR"
        and _SAME_TEXT.get(old.declared, old.declared) != _SAME_TEXT.get(fresh.declared, fresh.declared)
    )


def _as(relation: Relation, columns: tuple[Column, ...]) -> Relation:
    """The relation with its values as other columns hold them."""
    shown = ", ".join(
        f"{converted(old, fresh)} AS {identifier(old.name)}"
        for old, fresh in zip(relation.columns, columns, strict=True)
    )
    return Relation(relation.name, columns, f"SELECT {shown} FROM ({relation.select})", relation.primary_key)


def in_engine(table: str, column: Column, dialect: EngineName, *, new: bool) -> Column:
    """A column as an engine's catalog has it.

    Args:
        table: The catalog table.
        column: Its column in any engine.
        dialect: The engine.
        new: Whether the catalog is of DuckLake 0.4 or later.

    Raises:
        RefusedError: The engine holds no inlined rows of its type (``not-inlinable``).
    """
    meaning = column.meaning
    of_lake = is_lake_column(table, column.name)
    types = import_module(f"canvasback.catalog.engines.{dialect}.types")
    held: tuple[str, str] | None = types.held_as(meaning, of_lake=of_lake, new=new)
    if held is None or (of_lake and held[0] and any(contains(meaning, name) for name in NOT_INLINED)):
        raise RefusedError(
            "not-inlinable",
            f"{table} has the column {column.name} of the type {meaning}, of which {dialect} holds no inlined rows",
            hint=FLUSH,
        )
    declared, values = held
    return Column(column.name, values, column.nullable, declared, meaning if meaning != values else "")


FLUSH = (
    "Flush the table's inlined rows with ducklake_flush_inlined_data, back the lake up and restore that point; "
    "or restore to a catalog in DuckDB, which holds them."
)
"""What to do about inlined rows that an engine cannot hold."""


def converted(old: Column, fresh: Column) -> str:
    """An expression of a column's values as another engine's column of the same meaning holds them."""
    name = identifier(old.name)
    if old.type == fresh.type and old.declared == fresh.declared:
        return name
    value = _meant(name, old)
    return _held(value, fresh)


def _meant(expression: str, column: Column) -> str:
    """An expression of the values of the logical type."""
    held, meaning = column.type, column.meaning
    if held == meaning:
        return expression
    if held == "BLOB" and meaning in {"VARCHAR", "JSON"}:
        return f"CAST(decode({expression}) AS {meaning})"
    return read_text(expression, meaning) if held == "VARCHAR" else f"CAST({expression} AS {meaning})"


def _held(expression: str, column: Column) -> str:
    """An expression of values of the logical type as the column holds them."""
    held, meaning = column.type, column.meaning
    if held == meaning:
        return expression
    if held == "BLOB" and meaning in {"VARCHAR", "JSON"}:
        return f"encode(CAST({expression} AS VARCHAR))"
    return spell(expression, meaning) if held == "VARCHAR" else f"CAST({expression} AS {held})"
