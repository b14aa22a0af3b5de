"""Footers of many files at a time against the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from canvasback.checks.kinds import (
    CATALOG_SIZE,
    DELETES,
    FIELDS,
    FOOTER_SIZE,
    HIDING_STATISTICS,
    NOT_PARQUET,
    PARTITION,
    ROW_COUNT,
)
from canvasback.checks.notes import FooterNotes, before, group_of
from canvasback.checks.presence import wrong_size
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.model.plurals import many
from canvasback.parquet.fields import RESERVED
from canvasback.parquet.file_end import End
from canvasback.parquet.footers import column_chunks, schemas
from canvasback.repository.rows import rows_json, rows_select

_FILES = {"path": "VARCHAR", "number": "BIGINT", "id": "BIGINT", "table_id": "BIGINT", "compare": "BOOLEAN"}

Pair = tuple[WantedFile, End]


def compare_footers(
    connection: duckdb.DuckDBPyConnection, notes: FooterNotes, pairs: Sequence[Pair]
) -> list[DamagedFile]:
    """Compare files that are not encrypted, of which each has an end, with what the catalog says of them.

    Args:
        connection: A cursor of the image's connection that no other thread uses.
        notes: What the catalog says of them.
        pairs: The files.
    """
    if not pairs:
        return []
    try:
        facts = _facts(connection, notes, pairs)
    except duckdb.Error as error:
        if len(pairs) > 1:  # one bad file spoils the query: halves find it in few steps
            middle = len(pairs) // 2
            halves = (pairs[:middle], pairs[middle:])
            return [damage for half in halves for damage in compare_footers(connection, notes, half)]
        file, end = pairs[0]
        reason = str(error).splitlines()[0].replace(end.path, file.place)
        return [file.damaged(NOT_PARQUET, f"is not readable as Parquet: {reason}")]
    found = (judge(file, end, facts.get(number, {})) for number, (file, end) in enumerate(pairs))
    return [damage for damage in found if damage is not None]


def judge(file: WantedFile, end: End, fact: dict[str, Any]) -> DamagedFile | None:  # noqa: C901 - one line per fact
    """The most telling of what is wrong with a file."""
    wrong = []
    rows = fact.get("rows", 0)
    if fact.get("fields"):
        wrong.append((FIELDS, fact["fields"]))
    if rows != file.rows:
        wrong.append((ROW_COUNT, f"has {many(rows, 'row')}, and the catalog says {file.rows}"))
    if file.kind == "delete":
        position = delete_fault(file, fact)
        if position:
            wrong.append((DELETES, position))
    if fact.get("partition"):
        wrong.append((PARTITION, fact["partition"]))
    if fact.get("hidden"):
        wrong.append((HIDING_STATISTICS, fact["hidden"]))
    if file.footer_size is not None and file.footer_size != end.footer_size:
        message = f"has a footer of {end.footer_size} bytes, and the catalog says {file.footer_size}"
        wrong.append((FOOTER_SIZE, message))
    if file.found != file.size:
        if wrong or fact.get("last_page", 0) > (file.found or 0) - end.footer_size - 8:
            return wrong_size(file)
        return file.damaged(
            CATALOG_SIZE, f"has {file.found} bytes and is whole, and the catalog says {file.size}", lost=False
        )
    if not wrong:
        return None
    kind = wrong[0][0]
    only_the_row = (
        len(wrong) == 1
        and kind in {ROW_COUNT, FOOTER_SIZE, HIDING_STATISTICS}
        and (kind is FOOTER_SIZE or file.footer_size is not None)
    )
    return file.damaged(kind, "; ".join(message for _, message in wrong), lost=not only_the_row)


def delete_fault(file: WantedFile, fact: dict[str, Any]) -> str:
    """What is wrong with the positions of a delete file, as far as its footer tells; or empty.

    DuckLake does not read which data file a delete file names, and one that was copied, or whose data file was written
    anew, names one that is not there any more. But one that names another data file of its table is another's.
    Source: the extension's ``DuckLakeDeleteFilter::ScanDeleteFile``, 0.3 and 1.0.
    """
    last, target = fact.get("last_pos"), fact.get("target")
    if last is not None and file.target_rows is not None and int(last) >= file.target_rows:
        return f"deletes row {last} of a data file of {many(file.target_rows, 'row')}"
    if target and file.target_name and target != file.target_name:
        return f"deletes rows of {target}, and the catalog says of {file.target_name}"
    return ""


def _facts(
    connection: duckdb.DuckDBPyConnection, notes: FooterNotes, pairs: Sequence[Pair]
) -> dict[int, dict[str, Any]]:
    paths = [end.path for _, end in pairs]
    rows = [
        (end.path, number, file.id, file.table_id, file.kind == "data" and not file.mapped)
        for number, (file, end) in enumerate(pairs)
    ]
    ids = [file.id for file, _ in pairs if file.kind == "data"] or [0]
    between = f"data_file_id BETWEEN {min(ids)} AND {max(ids)}"
    found = connection.execute(
        _SQL.format(
            files=rows_select(_FILES),
            schemas=schemas(paths),
            chunks=column_chunks(paths),
            columns=notes.columns,
            statistics=f"(FROM {notes.statistics} WHERE {between})",
            partitions=f"(FROM {notes.partitions} WHERE {between})",
            siblings=notes.siblings,
        ),
        [rows_json(_FILES, rows)],
    ).fetchall()
    keys = ("rows", "last_page", "fields", "hidden", "partition", "last_pos", "target")
    return {number: dict(zip(keys, values, strict=True)) for number, *values in found}


_LOW = "coalesce(m.stats_min_value, m.stats_min)"
_HIGH = "coalesce(m.stats_max_value, m.stats_max)"
_EXACT_LOW = "(l.known <> 'text' OR coalesce(m.min_is_exact, false))"
_EXACT_HIGH = "(l.known <> 'text' OR coalesce(m.max_is_exact, false))"

_SQL = f"""
    WITH f AS MATERIALIZED ({{files}}),
    schemas AS MATERIALIZED (
        SELECT f.number, f.table_id, f.compare, s.name, s.field_id, s.duckdb_type, s.num_children,
            {group_of("s.duckdb_type")} AS known
        FROM {{schemas}} s JOIN f ON f.path = s.file_name
    ),
    metas AS MATERIALIZED (
        SELECT f.number, f.id, f.compare, m.* FROM {{chunks}} m JOIN f ON f.path = m.file_name
    ),
    counted AS (
        SELECT number, sum(n)::BIGINT AS rows, max(last) AS last_page FROM (
            SELECT number, row_group_id, any_value(row_group_num_rows) AS n,
                max(coalesce(dictionary_page_offset, data_page_offset, 0) + total_compressed_size) AS last
            FROM metas GROUP BY ALL
        ) GROUP BY number
    ),
    fields AS (
        SELECT number,
            CASE WHEN len(strange) > 0 THEN 'has fields with the ids ' || strange[:5]::VARCHAR
                || ', which its table never had'
            WHEN known = 0 THEN 'has none of its table''s fields'
            WHEN len(clashes) > 0 THEN 'has values of other types than its table: '
                || array_to_string(clashes[:5], ', ')
            END AS fault
        FROM (
            SELECT s.number, list(s.field_id) FILTER (s.field_id > h.highest AND s.field_id < {RESERVED}) AS strange,
                count(c.column_id) AS known,
                list(s.name || ' is ' || s.duckdb_type) FILTER (
                    s.num_children IS NULL AND s.known IS NOT NULL AND NOT c.open
                    AND NOT list_contains(c.types, s.known)
                ) AS clashes
            FROM schemas s
            JOIN (SELECT table_id, max(column_id) AS highest FROM {{columns}} GROUP BY ALL) h USING (table_id)
            LEFT JOIN {{columns}} c ON c.table_id = s.table_id AND c.column_id = s.field_id
            WHERE s.compare GROUP BY ALL
        )
    ),
    leaves AS (
        SELECT number, name, any_value(field_id) AS column_id, any_value(known) AS known,
            any_value(table_id) AS table_id
        FROM schemas WHERE num_children IS NULL GROUP BY ALL HAVING count(*) = 1
    ),
    told AS (
        SELECT m.number, m.id, m.path_in_schema, l.column_id, l.known, m.num_values, m.row_group_num_rows,
            CASE WHEN {_EXACT_LOW} THEN {_LOW} END AS low, CASE WHEN {_EXACT_HIGH} THEN {_HIGH} END AS high,
            m.stats_null_count AS nulls, l.table_id
        FROM metas m JOIN leaves l ON l.number = m.number AND l.name = split_part(m.path_in_schema, ', ', -1)
        WHERE m.compare AND l.column_id IS NOT NULL
    ),
    hidden AS (
        SELECT number, min(path_in_schema || CASE
            WHEN {before("t.low", "s.low", "t.known")} THEN ' has ' || t.low || ', and the catalog says from ' || s.low
            WHEN {before("s.high", "t.high", "t.known")}
            THEN ' has ' || t.high || ', and the catalog says to ' || s.high
            WHEN s.nulls = 0 AND t.nulls > 0 AND c.top
            THEN ' has ' || t.nulls || ' NULL values, and the catalog says none' END) AS fault
        FROM told t JOIN {{statistics}} s
            ON s.data_file_id = t.id AND s.column_id = t.column_id
        JOIN {{columns}} c ON c.table_id = t.table_id AND c.column_id = t.column_id
        WHERE t.low IS DISTINCT FROM s.low OR t.high IS DISTINCT FROM s.high OR (s.nulls = 0 AND t.nulls > 0)
        GROUP BY number
    ),
    strays AS (
        SELECT number, min(path_in_schema || ' has ' || CASE
            WHEN {before("t.low", "s.value", "t.known")} THEN t.low
            WHEN {before("s.value", "t.high", "t.known")} THEN t.high END
            || ', and the catalog says ' || s.value) AS fault
        FROM told t JOIN {{partitions}} s
            ON s.data_file_id = t.id AND s.column_id = t.column_id
        GROUP BY number
    ),
    positions AS (
        SELECT number, max(TRY_CAST({_HIGH} AS BIGINT)) FILTER (path_in_schema = 'pos') AS last_pos,
            min({_LOW}) FILTER (path_in_schema = 'file_path' AND {_LOW} = {_HIGH} AND coalesce(min_is_exact, false))
            AS target
        FROM metas m WHERE path_in_schema IN ('pos', 'file_path') GROUP BY ALL
    ),
    siblings AS (
        SELECT number, any_value(s.name) AS sibling FROM positions p JOIN f USING (number)
        JOIN {{siblings}} s ON s.table_id = f.table_id AND s.name = parse_filename(p.target) GROUP BY ALL
    )
    SELECT f.number, coalesce(counted.rows, 0), coalesce(counted.last_page, 0), fields.fault, hidden.fault,
        strays.fault, positions.last_pos, siblings.sibling
    FROM f LEFT JOIN counted USING (number) LEFT JOIN fields USING (number) LEFT JOIN hidden USING (number)
    LEFT JOIN strays USING (number) LEFT JOIN positions USING (number) LEFT JOIN siblings USING (number)
"""
