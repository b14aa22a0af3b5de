"""The statistics of a file's columns as DuckLake notes them, from the file itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

from canvasback.catalog.logical import scalar_type
from canvasback.catalog.writing.file_commit import ColumnStats
from canvasback.model.relation import file_literal, identifier
from canvasback.parquet.fields import RESERVED, Field, fields_of, stored_as
from canvasback.parquet.footers import column_chunks, nodes_in

_UNBOUNDED = frozenset({"boolean", "interval", "timetz", "int128", "uint128", "list", "map", "struct"})
"""Types whose bounds DuckLake does not note, or that are stored as something that has no order of theirs.

Of truth values 1.0 notes digits; 0.3 notes none, and where it finds some it finds no rows.
"""

_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})|(.)", re.DOTALL)


def fields_in(connection: duckdb.DuckDBPyConnection, path: str) -> list[Field]:
    """The columns with field ids of a Parquet file, without DuckLake's own."""
    return [field for field in fields_of(nodes_in(connection, path)) if field.id < RESERVED]


def column_stats(
    connection: duckdb.DuckDBPyConnection, path: str, fields: Sequence[Field], types: Mapping[int, str]
) -> list[ColumnStats]:
    """The statistics of the columns of a file that hold values themselves.

    Args:
        connection: Reads the file.
        path: The file.
        fields: Its columns.
        types: What the catalog calls the types of its columns.
    """
    nested = {field.parent for field in fields}
    leaves = {field.path: field for field in fields if field.id not in nested}
    rows = connection.execute(
        "SELECT path_in_schema, num_values, stats_min_value, stats_max_value, stats_null_count, total_compressed_size, "
        "coalesce(min_is_exact, true) AND coalesce(max_is_exact, true) "
        f"FROM {column_chunks([path])}"
    ).fetchall()
    found = []
    for name, field in leaves.items():
        groups = [row[1:] for row in rows if row[0] == name]
        if not groups and rows:  # a VARIANT is a group of columns
            continue
        type_ = types.get(field.id, field.type).lower()
        lows, highs = [g[1] for g in groups], [g[2] for g in groups]
        counted = not field.repeated and all(g[3] is not None for g in groups)
        low = high = None
        bounded = type_ not in _UNBOUNDED and groups and all(g[5] for g in groups)
        if bounded and None not in lows and None not in highs:
            low, high = extreme(connection, type_, lows, "min"), extreme(connection, type_, highs, "max")
        if type_ in _SPELLED:
            low, high = _SPELLED[type_](low), _SPELLED[type_](high)
        values, nulls = sum(g[0] for g in groups), sum(g[3] for g in groups) if counted else None
        found.append(
            ColumnStats(
                field.id,
                sum(g[4] for g in groups),
                None if nulls is None else values - nulls,
                nulls,
                low,
                high,
                _has_nan(connection, path, field.name) if stored_as(type_).startswith("float") and field.parent is None
                and type_.startswith("float") else None,
            )
        )  # fmt: skip
    return found


def extreme(connection: duckdb.DuckDBPyConnection, type_: str, values: list[str], which: str) -> str | None:
    """The lowest or highest of values of a type, which are spelled as texts; None where one does not fit."""
    if len(set(values)) == 1:
        return values[0]
    known = scalar_type(type_) or "VARCHAR"
    [(found, fits)] = connection.execute(
        f"SELECT arg_{which}(v, TRY_CAST(v AS {known})), bool_and(TRY_CAST(v AS {known}) IS NOT NULL) "
        "FROM (SELECT unnest(?) AS v)",
        [values],
    ).fetchall()
    return str(found) if fits else None


def _has_nan(connection: duckdb.DuckDBPyConnection, path: str, name: str) -> bool | None:
    try:
        [(found,)] = connection.execute(
            f"SELECT coalesce(bool_or(isnan({identifier(name)})), false) FROM read_parquet({file_literal(path)})"
        ).fetchall()
    except duckdb.Error:
        return None
    return bool(found)


def _hex(shown: str | None) -> str | None:
    r"""DuckDB shows bytes that are no plain letters as ``\xAB``."""
    if shown is None:
        return None
    return "".join(hexed or f"{ord(letter):02X}" for hexed, letter in _ESCAPED.findall(shown)).upper()


_SPELLED = {"blob": _hex}
"""Types whose bounds DuckLake spells otherwise than DuckDB shows those of a file."""
