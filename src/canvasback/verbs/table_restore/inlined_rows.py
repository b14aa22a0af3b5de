"""Inlined rows as a file: what a table has in the catalog goes to a new table like any other file."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.column_trees import Tree, column_trees, taken_over
from canvasback.catalog.reading.inlined import inlined_tables, own_column
from canvasback.catalog.spec import ROW_ID, ROW_ID_FIELD
from canvasback.catalog.writing.edits import Value
from canvasback.catalog.writing.file_commit import ColumnStats
from canvasback.catalog.writing.inlined_bounds import schema_begins
from canvasback.errors import RefusedError
from canvasback.model.plurals import many
from canvasback.model.relation import file_literal, identifier
from canvasback.parquet.schema import write_parquet
from canvasback.parquet.statistics import column_stats, fields_in

_UNWRITTEN = "time_ns"
"""What DuckDB's writer of Parquet does not know, and ends with an internal error."""

_HINT = "Attach the point with --at-snapshot, and copy the table with SQL."


class InlinedFile(msgspec.Struct, frozen=True):
    """A file of rows that were inlined.

    Attributes:
        rows: How many there are.
        first: The lowest row id.
        stats: Rows of ``ducklake_file_column_stats`` for it.
    """

    rows: int
    first: int
    stats: tuple[dict[str, Value], ...]


def write_inlined_rows(image: Image, table_id: int, table: str, snapshot: int, path: str) -> InlinedFile | None:
    """Write the inlined rows that a snapshot sees to a Parquet file, with their row ids.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        table_id: The table.
        table: What it is called.
        snapshot: The snapshot.
        path: The file to write.

    Returns:
        What was written; None where the snapshot sees no inlined row.

    Raises:
        RefusedError: A column is of an unknown type (``unknown-type``), or has a value that a file cannot hold
            (``value-not-kept``).
    """
    columns = column_trees(image, table_id, snapshot)
    begins = schema_begins(image)
    selects = []
    for name, of, at_version in inlined_tables(image):
        if of != table_id:
            continue
        own, begin, end = (own_column(image, name, one) for one in ("row_id", "begin_snapshot", "end_snapshot"))
        seen = f"FROM {{{name}}} i WHERE {begin} <= {snapshot} AND ({end} IS NULL OR {end} > {snapshot})"
        if not image.rows(f"SELECT 1 {seen} LIMIT 1"):
            continue
        _refuse_unknown(columns, table)
        held = {column.id: column for column in column_trees(image, table_id, begins.get(at_version, snapshot))}
        shown = ", ".join(
            taken_over(identifier(held[column.id].name) if column.id in held else "", held.get(column.id), column)
            + f" AS {identifier(column.name)}"
            for column in columns
        )
        selects.append(f"SELECT {shown}, {own} AS {ROW_ID} {seen}")
    if not selects:
        return None
    rows = " UNION ALL ".join(selects)
    [(count, first)] = image.rows(f"SELECT count(*), min({ROW_ID}) FROM ({rows})")
    fields = {column.name: column.field_ids for column in columns} | {ROW_ID: str(ROW_ID_FIELD)}
    try:
        write_parquet(image.connection, image.spliced(rows), path, fields)
    except duckdb.IOException as error:
        raise _unwritten(image, rows, path, columns, table, error) from error
    _refuse_unlike(image, rows, path, columns, table)
    kinds = {id_: kind for column in columns for id_, kind in column.kinds_by_id()}
    told = column_stats(image.connection, path, fields_in(image.connection, path), kinds)
    stats = [_stats(one) for one in told]
    return InlinedFile(int(count), int(first), tuple(stats))


def _refuse_unknown(columns: Sequence[Tree], table: str) -> None:
    for column in columns:
        if _UNWRITTEN in column.kinds():
            raise RefusedError(
                "value-not-kept",
                f"{table} has rows in the catalog, and no Parquet file holds the {_UNWRITTEN} values of its column "
                f"{column.name}",
                hint=_HINT,
            )
        if column.type is None:
            raise RefusedError(
                "unknown-type",
                f"{table} has rows in the catalog, and its column {column.name} is of a type that this version of "
                "Canvasback does not know",
                hint=_HINT,
            )


def _unwritten(
    image: Image, rows: str, path: str, columns: Sequence[Tree], table: str, error: duckdb.Error
) -> RefusedError:
    """Say which column cannot be written."""
    which = "its columns"
    for column in columns:
        try:
            write_parquet(image.connection, image.spliced(f"SELECT {identifier(column.name)} FROM ({rows})"), path, {})
        except duckdb.IOException:
            which = f"its column {column.name} ({column.type})"
            break
    reason = str(error).splitlines()[0].removeprefix("IO Error: ")
    return RefusedError(
        "value-not-kept", f"{table} has rows in the catalog, and {which} cannot be written: {reason}", hint=_HINT
    )


def _refuse_unlike(image: Image, rows: str, path: str, columns: Sequence[Tree], table: str) -> None:
    """See that a file gives the values back that were written to it.

    Raises:
        RefusedError: It does not (``value-not-kept``): Parquet knows no integers of 128 bits, and fewer digits of
            intervals.
    """
    tests = ", ".join(
        f"count(*) FILTER (WHERE {' OR '.join(f'{a} IS DISTINCT FROM {b}' for a, b in _compared(column))})"
        for column in columns
    )
    [unlike] = image.rows(
        f"SELECT {tests} FROM ({rows}) a JOIN read_parquet({file_literal(path)}, hive_partitioning = false) b "
        f"USING ({ROW_ID})"
    )
    for column, count in zip(columns, unlike, strict=True):
        if count:
            raise RefusedError(
                "value-not-kept",
                f"{many(count, 'row')} of {table} that {'is' if count == 1 else 'are'} inlined in the catalog "
                f"{'has' if count == 1 else 'have'} values in {column.name} ({column.type}) that a Parquet file does "
                "not hold as they are",
                hint=_HINT,
            )


def _compared(column: Tree) -> list[tuple[str, str]]:
    """Expressions on what was written, with those on what is read, that have to be equal: texts tell most."""
    name = identifier(column.name)
    shown = [(f"CAST(a.{name} AS VARCHAR)", f"CAST(TRY_CAST(b.{name} AS {column.type}) AS VARCHAR)")]
    if column.type == "VARIANT":
        shown.append((f"variant_typeof(a.{name})", f"variant_typeof(b.{name})"))
    return shown


def _stats(told: ColumnStats) -> dict[str, Value]:
    return {
        "column_id": told.column_id,
        "column_size_bytes": told.bytes,
        "value_count": told.values,
        "null_count": told.nulls,
        "min_value": told.low,
        "max_value": told.high,
        "contains_nan": told.nan,
    }
