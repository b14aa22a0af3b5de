"""Rules about statistics: those that make reads fail, and those that hide rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import statistics_table
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.rules.rule import Fault, Repair, rule
from canvasback.catalog.rules.suspect_bounds import Column, live_types, suspect_columns
from canvasback.catalog.writing.edits import Edit
from canvasback.catalog.writing.moment_statistics import newest_bounds
from canvasback.model.relation import literal

_WITH_NAN = frozenset({"FLOAT", "DOUBLE"})


def _typed(image: Image, table: str, columns: Collection[Column] | None = None) -> Iterator[tuple[str, str]]:
    """For each type that can be compared, a relation of the statistics of its live columns, and the type.

    Args:
        image: The catalog in DuckDB's dialect.
        table: The table of statistics.
        columns: Only these of the columns; None for all.
    """
    if columns is not None and not columns:
        return
    live = visible("c", image.head()[0])
    if columns is not None:
        live += f" AND (table_id, column_id) IN ({', '.join(map(str, sorted(columns)))})"
    for type_, names in live_types(image).items():
        of_type = f"{live} AND column_type IN ({', '.join(map(literal, names))})"
        chosen = f"SELECT table_id, column_id FROM {{ducklake_column}} c WHERE {of_type}"
        yield f"(SELECT x.* FROM {{{table}}} x SEMI JOIN ({chosen}) USING (table_id, column_id))", type_


def _typed_of_files(image: Image) -> Iterator[tuple[str, str]]:
    """The same of the statistics of files, with the columns only that break a rule, if any."""
    table = statistics_table(image)
    return _typed(image, table, suspect_columns(image, table))


def _make_anew(image: Image, faults: Sequence[Fault]) -> list[Edit]:
    return newest_bounds(image, sorted({fault.table_id for fault in faults if fault.table_id is not None}))


_MADE_ANEW = Repair(
    "the statistics of the table's columns are made anew of those of its files and inlined rows", _make_anew
)


@rule(
    "column-stats-missing",
    "error",
    explanation="A table has statistics, and none of its columns has. DuckLake 0.3 crashes when it reads the table.",
    example="Rows of ducklake_table_column_stats were deleted by hand.",
    cure="Run heal: it makes them anew.",
    repair=_MADE_ANEW,
)
def missing_column_stats(image: Image) -> Iterator[Fault]:
    """Look for live tables that have statistics, and whose columns have none."""
    head = image.head()[0]
    for (table_id,) in image.rows(
        "SELECT table_id FROM {ducklake_table_stats} s ANTI JOIN {ducklake_table_column_stats} c USING (table_id) "
        f"WHERE table_id IN (SELECT table_id FROM {{ducklake_table}} t WHERE {visible('t', head)}) ORDER BY 1"
    ):
        yield Fault("ducklake_table_column_stats", "has no row of the table", table_id)


def _forget(image: Image, faults: Sequence[Fault]) -> list[Edit]:
    where = " OR ".join(f"(data_file_id = {fault.ids[0]} AND column_id = {fault.ids[1]})" for fault in faults)
    return [Edit(statistics_table(image), where=where, changes={"min_value": "NULL", "max_value": "NULL"})]


@rule(
    "table-bounds-unfit",
    "error",
    explanation="The bounds of a column are no values of its type. Every scan of the table fails.",
    example="A column's type was changed back by hand, and its statistics were not.",
    cure="Run heal: it makes them anew.",
    repair=_MADE_ANEW,
)
def unfit_table_bounds(image: Image) -> Iterator[Fault]:
    """Look for bounds of tables that cannot be read as the column's type."""
    for stats, type_ in _typed(image, "ducklake_table_column_stats"):
        for table_id, column_id, low, high in image.rows(
            f"SELECT table_id, column_id, min_value, max_value FROM {stats} s WHERE "
            f"(min_value IS NOT NULL AND TRY_CAST(min_value AS {type_}) IS NULL) OR "
            f"(max_value IS NOT NULL AND TRY_CAST(max_value AS {type_}) IS NULL) ORDER BY 1, 2"
        ):
            message = f"the bounds {low!r} and {high!r} are no {type_}"
            yield Fault(f"column {column_id}", message, table_id, (table_id, column_id))


@rule(
    "table-bounds-hide-rows",
    "error",
    explanation="The bounds of a column leave out values that its files have by their own statistics. Queries with a "
    "filter on the column pass over rows, and say nothing.",
    example="Statistics of an older copy of the catalog were put back.",
    cure="Run heal: it makes them anew.",
    repair=_MADE_ANEW,
)
def narrow_table_bounds(image: Image) -> Iterator[Fault]:
    """Look for bounds of tables that do not cover those of the files that the newest snapshot sees."""
    head = image.head()[0]
    for stats, type_ in _typed_of_files(image):
        # DuckLake asks bounds of these only where it is sure of no NaN (`DuckLakeColumnStats::ToStats`), and it writes
        # wrong ones itself where it is not: those of a file that has nothing but NaN are taken for those of no value.
        asked = "AND NOT t.contains_nan" if type_ in _WITH_NAN else ""
        for table_id, column_id, low, high, lowest, highest in image.rows(
            f"""
            SELECT t.table_id, t.column_id, t.min_value, t.max_value, f.low, f.high
            FROM {{ducklake_table_column_stats}} t JOIN (
                SELECT s.table_id, s.column_id, min(TRY_CAST(min_value AS {type_})) AS low,
                    max(TRY_CAST(max_value AS {type_})) AS high
                FROM {stats} s SEMI JOIN (SELECT data_file_id FROM {{ducklake_data_file}} d
                    WHERE {visible("d", head)}) USING (data_file_id)
                GROUP BY ALL) f USING (table_id, column_id)
            WHERE (f.low < TRY_CAST(t.min_value AS {type_}) OR f.high > TRY_CAST(t.max_value AS {type_})) {asked}
            ORDER BY 1, 2
            """
        ):
            message = f"the bounds are {low} and {high}, and its files go from {lowest} to {highest}"
            yield Fault(f"column {column_id}", message, table_id, (table_id, column_id))


@rule(
    "file-bounds-unfit",
    "error",
    explanation="The bounds of a column in a file are no values of its type, or the lower one is above the upper one. "
    "Queries with a filter on the column fail, or pass over the file.",
    example="Statistics were written by a tool that spells values in its own way.",
    cure="Run heal: it forgets the bounds.",
    repair=Repair(
        "the bounds are forgotten: nothing is said of the column then, so no query passes over a row", _forget
    ),
)
def unfit_file_bounds(image: Image) -> Iterator[Fault]:
    """Look for bounds of files that cannot be read as the column's type, or are the wrong way round."""
    for stats, type_ in _typed_of_files(image):
        for file_id, table_id, column_id, low, high in image.rows(
            "SELECT data_file_id, table_id, column_id, min_value, max_value FROM (SELECT *, "
            f"TRY_CAST(min_value AS {type_}) AS low, TRY_CAST(max_value AS {type_}) AS high FROM {stats} s) "
            "WHERE (min_value IS NOT NULL AND low IS NULL) OR (max_value IS NOT NULL AND high IS NULL) OR low > high "
            "ORDER BY 1, 3 LIMIT 1000"
        ):
            message = f"the bounds {low!r} and {high!r} of column {column_id} are no range of {type_}"
            yield Fault(f"data file {file_id}", message, table_id, (file_id, column_id))


RULES = (missing_column_stats, unfit_table_bounds, narrow_table_bounds, unfit_file_bounds)
