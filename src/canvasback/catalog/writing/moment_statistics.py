"""The statistics of a catalog's tables as they were at an earlier snapshot; none of them is versioned.

A table that the snapshot sees as the newest one does keeps what DuckLake itself says of it. Of all others bounds,
counts and sizes are made of what the snapshot sees, see `canvasback.catalog.writing.table_statistics`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.inlined import inlined_tables, own_column
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.writing.edits import Edit, Value
from canvasback.catalog.writing.table_statistics import Replaced, column_statistics

Sizes = Mapping[int, tuple[int, int]]
"""Rows and bytes of data files of which the catalog says others."""


def statistics_edits(
    image: Image, snapshot: int, gone: str, replaced: Sequence[Replaced] = (), sizes: Sizes | None = None
) -> Iterator[Edit]:
    """What the statistics of all tables become.

    ``next_row_id`` stays as it is, so that no row id is given out a second time.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        snapshot: The snapshot to which the catalog goes back.
        gone: A SELECT of the ids of tables that are later ones.
        replaced: What is true of some data files in place of what the catalog says of their columns.
        sizes: The same of their rows and bytes.
    """
    changed = _changed(image, snapshot, gone, {source.table_id for source in replaced})
    listed = ", ".join(map(str, changed)) or "NULL"
    new = " OR ".join(
        f"(table_id = {table} AND column_id = {column})"
        for table, column in image.rows(
            "SELECT table_id, column_id FROM {ducklake_column} c GROUP BY ALL "
            f"HAVING min(begin_snapshot) > {snapshot} AND table_id NOT IN ({gone}) "
            f"AND coalesce(table_id NOT IN ({listed}), true) ORDER BY ALL"
        )
    )
    also = f" AND table_id NOT IN ({listed})" if changed else ""
    yield Edit(
        "ducklake_table_column_stats",
        keep=f"table_id NOT IN ({gone}){also}" + (f" AND NOT ({new})" if new else ""),
        rows=tuple(column_statistics(image, snapshot, changed, replaced)),
    )
    ids = _next_row_ids(image)
    counted = tuple(_counts(image, snapshot, {table: ids[table] for table in changed}, sizes or {}))
    yield Edit("ducklake_table_stats", keep=f"table_id NOT IN ({gone}){also}", rows=counted)


def newest_statistics(image: Image, next_row_ids: Mapping[int, int]) -> list[Edit]:
    """What the statistics of some tables become after a change of what the newest snapshot sees of them.

    Args:
        image: The catalog after the change, with the types that a catalog in DuckDB has.
        next_row_ids: The next row id of each of the tables.
    """
    if not next_row_ids:
        return []
    head, but = image.head()[0], f"table_id NOT IN ({', '.join(map(str, next_row_ids))})"
    return [
        Edit("ducklake_table_stats", keep=but, rows=tuple(_counts(image, head, next_row_ids, {}))),
        Edit("ducklake_table_column_stats", keep=but, rows=tuple(column_statistics(image, head, list(next_row_ids)))),
    ]


def newest_bounds(image: Image, tables: Collection[int]) -> list[Edit]:
    """The same of what is said of their columns alone, where that is wrong.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        tables: The ids of the tables.
    """
    rows = tuple(column_statistics(image, image.head()[0], tables))
    return [Edit("ducklake_table_column_stats", keep=f"table_id NOT IN ({', '.join(map(str, tables))})", rows=rows)]


def _changed(image: Image, snapshot: int, gone: str, besides: Collection[int]) -> list[int]:
    """The tables with statistics of which the snapshot sees other rows or types than the newest snapshot does."""
    head = image.head()[0]
    differs = f"{visible('f', snapshot)} <> {visible('f', head)}"
    parts = [
        f"SELECT table_id FROM {{ducklake_data_file}} f WHERE {differs}",
        # A column of another type has bounds that may be no values of the one that it had.
        f"""SELECT table_id FROM {{ducklake_column}} c WHERE {visible("c", snapshot)}
            AND EXISTS (FROM {{ducklake_column}} l WHERE l.table_id = c.table_id AND l.column_id = c.column_id
                AND l.begin_snapshot > {snapshot} AND l.column_type <> c.column_type)""",
        *(f"SELECT {table}" for table in sorted(besides)),
    ]
    for name, table_id, _ in inlined_tables(image):
        then, today = _seen(image, name, snapshot), _seen(image, name, head)
        parts.append(f"SELECT {table_id} WHERE EXISTS (FROM {{{name}}} i WHERE {then} <> {today})")
    rows = image.rows(
        "SELECT DISTINCT table_id FROM {ducklake_table_stats} s "
        f"WHERE table_id IN ({' UNION ALL '.join(parts)}) AND table_id NOT IN ({gone}) ORDER BY 1"
    )
    return [int(table) for (table,) in rows]


def _next_row_ids(image: Image) -> dict[int, int]:
    return dict(image.rows("SELECT table_id, next_row_id FROM {ducklake_table_stats} s"))


def _counts(image: Image, snapshot: int, next_row_ids: Mapping[int, int], sizes: Sizes) -> Iterator[dict[str, Value]]:
    """Rows that were inserted and are seen, whether or not they were deleted since: so DuckLake counts them."""
    if not next_row_ids:
        return
    inlined = " UNION ALL ".join(
        f"SELECT {table_id} AS table_id, count(*) AS rows, 0 AS bytes FROM {{{name}}} i "
        f"WHERE {_seen(image, name, snapshot)}"
        for name, table_id, _ in inlined_tables(image)
        if table_id in next_row_ids
    )
    known = ", ".join(f"({file_id}, {rows}, {bytes_})" for file_id, (rows, bytes_) in sizes.items())
    known = f"SELECT * FROM (VALUES {known})" if known else "SELECT 0, 0, 0 WHERE false"
    counts = {
        int(table): (int(rows), int(bytes_))
        for table, rows, bytes_ in image.rows(
            f"""
            SELECT table_id, sum(rows), sum(bytes) FROM (
                SELECT table_id, coalesce(k.rows, record_count) AS rows, coalesce(k.bytes, file_size_bytes) AS bytes
                FROM {{ducklake_data_file}} f LEFT JOIN ({known}) k(data_file_id, rows, bytes) USING (data_file_id)
                WHERE {visible("f", snapshot)} AND table_id IN ({", ".join(map(str, next_row_ids))})
                {f"UNION ALL {inlined}" if inlined else ""}
            ) GROUP BY table_id
            """
        )
    }
    for table, next_row_id in sorted(next_row_ids.items()):
        rows, bytes_ = counts.get(table, (0, 0))
        yield {"table_id": table, "record_count": rows, "next_row_id": next_row_id, "file_size_bytes": bytes_}


def _seen(image: Image, table: str, snapshot: int) -> str:
    begin, end = own_column(image, table, "begin_snapshot"), own_column(image, table, "end_snapshot")
    return f"({begin} <= {snapshot} AND ({end} IS NULL OR {end} > {snapshot}))"
