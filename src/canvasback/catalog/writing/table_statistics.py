"""The statistics of tables at a snapshot, from those of the files and the inlined rows that it sees.

What DuckLake keeps of a table holds for its newest snapshot alone. An insert widens the bounds; a rewrite of files,
and so a CHECKPOINT, sets them anew from what is left. And the extension believes them: a filter that is outside of a
column's bounds finds nothing and reads no file, and where the table's ``record_count`` is what is left after deletes,
1.0 takes the bounds for exact and answers ``min`` and ``max`` with them. So bounds of another moment are wrong in both
directions, and a moment's are made of what it sees.

Where they cannot be known for sure, the column has no row. That is safe for what reads and for what writes: of a column
without a row the extension assumes nothing, and a commit changes the rows that are there and adds none. A row without
bounds would not be: to 1.0 it says that all values so far are NULL, so the next insert's bounds become those of the
whole table, and hide what was there before.
Source: the extension's `DuckLakeGetPartitionStats`, `FromGlobalStats`, `MergeStats`, `UpdateGlobalTableStatsSql` and
`RecomputeGlobalStatsAfterRewrite`, 1.0; `ConstructStatsMap` and `UpdateGlobalTableStats`, 0.3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.logical import scalar_type
from canvasback.catalog.reading.files import statistics_table
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.edits import Value, literal_value
from canvasback.catalog.writing.inlined_bounds import Columns, Row, columns_at, inlined_bounds, is_nested
from canvasback.model.relation import literal

NO_COLUMN = 2**31 - 1
"""The id in the one row of a table of whose columns nothing is known: 0.3 crashes where a table has no row at all, and
passes over one whose column it does not find."""

_UNTOLD = frozenset({"INTERVAL", "TIME WITH TIME ZONE"})
"""Types of which there are no bounds to compare."""

_UNASKED = frozenset({"BLOB", "HUGEINT", "UHUGEINT"}) | _UNTOLD
"""Types of which the extension makes no statistics, whatever bounds it has: see `DuckLakeColumnStats::ToStats`."""

_HOLDERS = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), "BIGINT"),
    **dict.fromkeys(("VARCHAR", "JSON", "BLOB"), "VARCHAR"),
    "FLOAT": "DOUBLE",
}
"""Types that hold the values of others in the same order: the fewer types, the less work is done for each row."""

_STATISTICS = ("column_id", "value_count", "null_count", "min_value", "max_value", "contains_nan", "extra_stats")
_AXES = tuple(f"{axis}{end}" for axis in "xyzm" for end in ("min", "max"))


class Replaced(msgspec.Struct, frozen=True):
    """What is true of a data file in place of what the catalog says of it.

    Attributes:
        table_id: Its table.
        file_id: Its id.
        stats: The statistics of its columns, as rows of ``ducklake_file_column_stats``; empty where nothing is known
            of what the moment sees of it.
    """

    table_id: int
    file_id: int
    stats: tuple[Row, ...] = ()


def column_statistics(
    image: Image, snapshot: int, tables: Collection[int], replaced: Sequence[Replaced] = ()
) -> list[dict[str, Value]]:
    """The rows of ``ducklake_table_column_stats`` that are right for tables at a snapshot.

    A column gets a row if it has one in the image, as DuckLake adds none later; every column gets one in a table that
    has none.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: The snapshot.
        tables: The ids of the tables.
        replaced: What is true of some of their files.
    """
    if not tables:
        return []
    columns = columns_at(image, snapshot, tables)
    wanted = _wanted(image, columns)
    sources = [*replaced]
    # Inlined rows count as one more file each, whose id no file has.
    sources += [
        Replaced(table, -number, tuple(rows))
        for number, (table, rows) in enumerate(inlined_bounds(image, snapshot, columns), 1)
    ]
    told = _told(image, snapshot, tables, sources)
    files = _counts(image, snapshot, tables, sources)
    extras = _extras(image, snapshot, columns, sources)
    for key in _once_narrower(image, columns):
        if key in told:
            told[key].unbounded = True
    found: list[dict[str, Value]] = []
    extra = image.has("ducklake_table_column_stats", "extra_stats")  # 0.1 and 0.2 have none
    for table in sorted(columns):
        rows = [
            _row(table, columns[table][id_].type, id_, told.get((table, id_)), files.get(table, 0), extras)
            for id_ in sorted(wanted.get(table, ()))
        ]
        known: list[dict[str, Value]] = [
            {name: value for name, value in row.items() if extra or name != "extra_stats"}
            for row in rows
            if row is not None
        ]
        found += known or [{"table_id": table, "column_id": NO_COLUMN}]
    return found


class _Told(msgspec.Struct):
    """What the sources of a table say together of a column."""

    sources: int
    low: str | None
    high: str | None
    unbounded: bool
    nulls: bool | None
    nan: bool | None


_EMPTY = _Told(0, None, None, unbounded=False, nulls=False, nan=False)


def _row(
    table: int, type_: str, column: int, told: _Told | None, files: int, extras: Mapping[tuple[int, int], str | None]
) -> dict[str, Value] | None:
    """The row of a column; None where nothing may be said."""
    told = told or _EMPTY
    known = scalar_type(type_)
    if told.sources < files:
        return None
    row: dict[str, Value] = {
        "table_id": table,
        "column_id": column,
        "contains_null": told.nulls,
        "contains_nan": told.nan if known in {"FLOAT", "DOUBLE"} else None,
        "min_value": None,
        "max_value": None,
        "extra_stats": None,
    }
    if known is None:  # no bounds, but a box of geometries, or fields of variants
        if (table, column) not in extras:
            return None
        return {**row, "extra_stats": extras[table, column]}
    if known in _UNTOLD or (known in {"FLOAT", "DOUBLE"} and told.nan is not False):
        return row
    if told.unbounded:
        return row if known in _UNASKED else None
    return {**row, "min_value": told.low, "max_value": told.high}


def _once_narrower(image: Image, columns: Columns) -> list[tuple[int, int]]:
    """The columns of doubles that were floats: the text of a float's bound is not quite its value as a double."""
    doubles = {
        (table, column.id) for table, of in columns.items() for column in of.values() if column.type == "float64"
    }
    rows = image.rows(
        "SELECT DISTINCT table_id, column_id FROM {ducklake_column} c WHERE lower(column_type) = 'float32'"
    )
    return [key for key in rows if key in doubles]


def _wanted(image: Image, columns: Columns) -> dict[int, list[int]]:
    noted: dict[int, set[int]] = {}
    for table, column in image.rows("SELECT table_id, column_id FROM {ducklake_table_column_stats} s"):
        noted.setdefault(int(table), set()).add(int(column))
    found = {}
    for table, of in columns.items():
        leaves = [id_ for id_, column in of.items() if not is_nested(column.type)]
        found[table] = [id_ for id_ in leaves if id_ in noted.get(table, ())] or leaves
    return found


def _live(snapshot: int, tables: Collection[int], sources: Iterable[Replaced]) -> str:
    """A SELECT of the data files that a snapshot sees rows of, but for those of which something else is true."""
    but = ", ".join(str(source.file_id) for source in sources if source.file_id >= 0)
    return (
        f"SELECT data_file_id, table_id FROM {{ducklake_data_file}} f WHERE {visible('f', snapshot)} "
        f"AND table_id IN ({_listed(tables)}) AND record_count > 0"
        + (f" AND data_file_id NOT IN ({but})" if but else "")
    )


def _counts(image: Image, snapshot: int, tables: Collection[int], sources: Sequence[Replaced]) -> dict[int, int]:
    counts = dict(image.rows(f"SELECT table_id, count(*) FROM ({_live(snapshot, tables, sources)}) GROUP BY 1"))
    for source in sources:
        counts[source.table_id] = counts.get(source.table_id, 0) + 1
    return counts


def _told(
    image: Image, snapshot: int, tables: Collection[int], sources: Sequence[Replaced]
) -> dict[tuple[int, int], _Told]:
    """By one pass over the statistics of files, which are most of a large catalog."""
    types: dict[str, list[str]] = {}
    for (name,) in image.rows(
        f"SELECT DISTINCT column_type FROM {{ducklake_column}} c WHERE {visible('c', snapshot)} "
        f"AND table_id IN ({_listed(tables)}) ORDER BY 1"
    ):
        types.setdefault(scalar_type(str(name).lower()) or "", []).append(str(name))
    kinds = ""
    held: dict[str, list[tuple[int, str]]] = {}
    for number, (type_, names) in enumerate(types.items()):
        kinds += f" WHEN column_type IN ({', '.join(map(literal, names))}) THEN {number}"
        if type_ and type_ not in _UNTOLD:
            held.setdefault(_HOLDERS.get(type_, type_), []).append((number, type_))
    values, found, fits, lows, highs = ["0 AS _"], [], ["false"], "", ""
    for place, (holder, of) in enumerate(held.items()):
        numbers = ", ".join(str(number) for number, _ in of)
        values += [f"{_value(bound, holder, of)} AS {name}{place}" for bound, name in _BOUNDS]
        found += [f"min(low{place}) AS low{place}", f"max(high{place}) AS high{place}"]
        fits.append(f"(kind IN ({numbers}) AND (low{place} IS NULL OR high{place} IS NULL))")
        for number, type_ in of:
            lows += f" WHEN {number} THEN {_text(f'low{place}', holder, type_)}"
            highs += f" WHEN {number} THEN {_text(f'high{place}', holder, type_)}"
    rows = image.rows(
        f"""
        SELECT table_id, column_id, sources, {f"CASE kind {lows} END, CASE kind {highs} END" if lows else "NULL, NULL"},
            unbounded, has_nulls, has_nan
        FROM (
            SELECT table_id, column_id, kind, count(*) AS sources,
                bool_or(coalesce(value_count, 1) <> 0 AND ({" OR ".join(fits)})) AS unbounded,
                CASE WHEN count(null_count) = count(*) OR bool_or(null_count > 0) THEN bool_or(null_count > 0) END
                    AS has_nulls,
                CASE WHEN count(contains_nan) = count(*) OR bool_or(contains_nan) THEN bool_or(contains_nan) END
                    AS has_nan{"".join(f", {one}" for one in found)}
            FROM (
                SELECT s.*, c.kind, {", ".join(values)}
                FROM ({_stats(image, snapshot, tables, sources)}) s JOIN (
                    SELECT table_id, column_id, (CASE {kinds} END)::INTEGER AS kind FROM {{ducklake_column}} c
                    WHERE {visible("c", snapshot)} AND table_id IN ({_listed(tables)})
                ) c USING (table_id, column_id)
            ) GROUP BY ALL
        )
        """
        if kinds
        else "SELECT NULL WHERE false"
    )
    return {
        (int(table), int(column)): _Told(int(count), low, high, unbounded, nulls, nan)
        for table, column, count, low, high, unbounded, nulls, nan in rows
    }


_BOUNDS = (("min_value", "low"), ("max_value", "high"))


def _value(bound: str, holder: str, types: Sequence[tuple[int, str]]) -> str:
    """An expression: a bound as a value of its column's type; NULL where that is another than these."""
    if holder == "VARCHAR":
        return f"CASE WHEN kind IN ({', '.join(str(number) for number, _ in types)}) THEN {bound} END"
    whens = (f"WHEN {number} THEN TRY_CAST(TRY_CAST({bound} AS {type_}) AS {holder})" for number, type_ in types)
    return f"CASE kind {' '.join(whens)} END"


def _text(value: str, holder: str, type_: str) -> str:
    return value if holder == "VARCHAR" else f"CAST(CAST({value} AS {type_}) AS VARCHAR)"


def _stats(image: Image, snapshot: int, tables: Collection[int], sources: Sequence[Replaced]) -> str:
    """A SELECT of the statistics of all sources, one row for each and column."""
    name = statistics_table(image)
    shown = ", ".join(f"{c}" if image.has(name, c) else f"NULL AS {c}" for c in _STATISTICS)
    select = (
        f"SELECT table_id, {shown} FROM {{{name}}} x "
        f"SEMI JOIN ({_live(snapshot, tables, sources)}) l USING (data_file_id)"
    )
    rows = [
        f"({source.table_id}, {', '.join(literal_value(row.get(column)) for column in _STATISTICS)})"
        for source in sources
        for row in source.stats
    ]
    if not rows:
        return select
    types = ("BIGINT", "BIGINT", "BIGINT", "BIGINT", "VARCHAR", "VARCHAR", "BOOLEAN", "VARCHAR")
    casts = ", ".join(f"CAST(c{place} AS {type_})" for place, type_ in enumerate(types))
    names = ", ".join(f"c{place}" for place in range(len(types)))
    return f"{select} UNION ALL SELECT {casts} FROM (VALUES {', '.join(rows)}) v({names})"


def _extras(
    image: Image, snapshot: int, columns: Columns, sources: Sequence[Replaced]
) -> dict[tuple[int, int], str | None]:
    """What is known of columns besides bounds, of those of which something may be said."""
    found: dict[tuple[int, int], str | None] = {}
    for kind, of in (("geometry", _box), ("variant", _fields)):
        ids = {
            (table, column.id)
            for table, some in columns.items()
            for column in some.values()
            if column.type.startswith(kind)
        }
        if ids:
            pairs = ", ".join(map(str, sorted(ids)))
            stats = _stats(image, snapshot, sorted({table for table, _ in ids}), sources)
            where = f"(table_id, column_id) IN ({pairs}) AND coalesce(value_count, 1) <> 0"
            found |= of(image, f"SELECT table_id, column_id, extra_stats FROM ({stats}) WHERE {where}", ids)
    return found


def _fields(image: Image, stats: str, ids: set[tuple[int, int]]) -> dict[tuple[int, int], str | None]:
    """The fields of a variant, if they are those of one file. Without any, the extension knows nothing of them."""
    rows = image.rows(f"SELECT table_id, column_id, count(*), min(extra_stats) FROM ({stats}) GROUP BY ALL")
    one = {(int(table), int(column)): text for table, column, count, text in rows if count == 1}
    return {key: one.get(key) for key in ids}


def _box(image: Image, stats: str, ids: set[tuple[int, int]]) -> dict[tuple[int, int], str | None]:
    """The box around all geometries, and their types. An empty one would hide them, and stay: then nothing is said."""
    ends = ", ".join(f"{end[1:]}(CAST(json_extract_string(extra_stats, '$.bbox.{end}') AS DOUBLE))" for end in _AXES)
    found: dict[tuple[int, int], str | None] = {}
    for table, column, whole, kinds, *box in image.rows(
        "SELECT table_id, column_id, count(extra_stats) = count(*), "
        f"list_distinct(flatten(list(json_extract_string(extra_stats, '$.types[*]')))), {ends} "
        f"FROM ({stats}) GROUP BY ALL"
    ):
        if whole and kinds and (int(table), int(column)) in ids:
            sides: dict[str, Any] = dict(zip(_AXES, box, strict=True))
            found[int(table), int(column)] = json.dumps({"bbox": sides, "types": sorted(kinds)})
    return found


def _listed(ids: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ids))) or "NULL"
