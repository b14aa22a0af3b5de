"""Rules about from when to when rows hold: schemas, tables, views, columns, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import visible
from canvasback.catalog.rules.rule import NEVER, RESTORE, Fault, Repair, listed, rule
from canvasback.catalog.writing.edits import Edit

_VERSIONED = {
    "ducklake_schema": ("schema_id", "schema"),
    "ducklake_table": ("table_id", "table"),
    "ducklake_view": ("view_id", "view"),
    "ducklake_column": ("column_id", "column"),
    "ducklake_data_file": ("data_file_id", "data file"),
    "ducklake_delete_file": ("delete_file_id", "delete file"),
    "ducklake_partition_info": ("partition_id", "partitioning"),
}


def _rows(image: Image, table: str, condition: str) -> Iterator[tuple[str, int | None, int, int | None]]:
    """Where, table, begin and end of the rows of a versioned table that meet a condition."""
    key, noun = _VERSIONED[table]
    of_table = "table_id" if image.has(table, "table_id") else "NULL"
    for id_, table_id, begin, end in image.rows(
        f"SELECT {key}, {of_table}, begin_snapshot, end_snapshot FROM {{{table}}} x WHERE {condition} ORDER BY ALL"
    ):
        yield f"{noun} {id_}", table_id, begin, end


@rule(
    "range-reversed",
    "error",
    explanation="A row ends in or before the snapshot in which it begins, so no snapshot ever saw it.",
    example="Rows of the catalog were edited by hand, or a catalog was merged from two copies.",
    cure=RESTORE,
)
def reversed_ranges(image: Image) -> Iterator[Fault]:
    """Look for rows that end before they begin. Files of deletes of rewritten files do, in 0.3."""
    for table in _VERSIONED:
        if table in image.tables and table != "ducklake_delete_file":
            for where, table_id, begin, end in _rows(image, table, "end_snapshot <= begin_snapshot"):
                yield Fault(where, f"begins in snapshot {begin} and ends in {end}", table_id)


@rule(
    "range-past-head",
    "error",
    explanation="A row begins or ends in a snapshot that is yet to come. The commit that takes the number shows or "
    "hides rows that it knows nothing of.",
    example="The newest rows of ducklake_snapshot were deleted by hand to undo a commit; rewind does it right.",
    cure=RESTORE,
)
def ranges_past_head(image: Image) -> Iterator[Fault]:
    """Look for rows that begin or end after the newest snapshot."""
    head = image.head()[0]
    for table in _VERSIONED:
        if table in image.tables:
            for where, table_id, begin, end in _rows(image, table, f"begin_snapshot > {head} OR end_snapshot > {head}"):
                at = begin if begin > head else end
                yield Fault(where, f"speaks of snapshot {at}, and the newest is {head}", table_id)


@rule(
    "ranges-overlap",
    "error",
    explanation="Two versions of one table, view, schema or column hold at the same time, so a snapshot shows it "
    "twice.",
    example="A column was altered by two writers on a catalog without primary keys.",
    cure=RESTORE,
)
def overlapping_ranges(image: Image) -> Iterator[Fault]:
    """Look for versions of one thing that hold at once."""
    for table in ("ducklake_table", "ducklake_view", "ducklake_column"):
        if table not in image.tables:
            continue
        key, noun = _VERSIONED[table]
        keys = "table_id, column_id" if table == "ducklake_column" else key
        of_table = "table_id" if image.has(table, "table_id") else "NULL"
        for id_, table_id, begin, before in image.rows(
            f"SELECT {key}, {of_table}, begin_snapshot, last FROM (SELECT *, lag(coalesce(end_snapshot, {NEVER})) "
            f"OVER (PARTITION BY {keys} ORDER BY begin_snapshot, end_snapshot NULLS LAST) AS last "
            f"FROM (SELECT DISTINCT * FROM {{{table}}} y) x "
            "WHERE end_snapshot IS NULL OR end_snapshot > begin_snapshot) WHERE last > begin_snapshot ORDER BY ALL"
        ):
            ends = "does not end" if before == NEVER else f"ends in {before}"
            yield Fault(f"{noun} {id_}", f"a version begins in snapshot {begin}, and the one before {ends}", table_id)


@rule(
    "duplicate-name",
    "error",
    explanation="Two live tables or views of a schema, two schemas, or two columns of a table have one name. DuckLake "
    "shows one of them, or fails to attach.",
    example="Two jobs created the same table at once on a catalog without primary keys.",
    cure=RESTORE,
)
def duplicate_names(image: Image) -> Iterator[Fault]:
    """Look for names that the newest snapshot sees twice."""
    head = image.head()[0]
    seen = visible("x", head)
    views = f"UNION ALL SELECT schema_id, view_name, NULL FROM {{ducklake_view}} x WHERE {seen}"
    for name, table_id in image.rows(
        "SELECT min(name), max(id) FROM (SELECT schema_id, table_name AS name, table_id AS id "
        f"FROM {{ducklake_table}} x WHERE {seen} {views if 'ducklake_view' in image.tables else ''}) "
        "GROUP BY schema_id, lower(name) HAVING count(*) > 1 ORDER BY ALL"
    ):
        yield Fault(f"table {name}", "the schema has two of that name", table_id)
    for (name,) in image.rows(
        f"SELECT min(schema_name) FROM {{ducklake_schema}} x WHERE {seen} GROUP BY lower(schema_name) "
        "HAVING count(*) > 1 ORDER BY ALL"
    ):
        yield Fault(f"schema {name}", "there are two of that name")
    for name, table_id in image.rows(
        f"SELECT min(column_name), table_id FROM {{ducklake_column}} x WHERE {seen} "
        "GROUP BY table_id, parent_column, lower(column_name) HAVING count(DISTINCT column_id) > 1 ORDER BY ALL"
    ):
        yield Fault(f"column {name}", "the table has two of that name", table_id)


_OF_TABLES = ("ducklake_column", "ducklake_data_file", "ducklake_delete_file", "ducklake_partition_info")


def _end_with_table(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    edits = []
    for name in dict.fromkeys(str(fault.ids[0]) for fault in faults):
        ends = {fault.table_id: fault.ids[1] for fault in faults if fault.ids[0] == name}
        cases = " ".join(f"WHEN {table} THEN {end}" for table, end in ends.items())
        tables = listed(ends)
        edits.append(
            Edit(
                name,
                where=f"table_id IN ({tables}) AND end_snapshot IS NULL",
                changes={"end_snapshot": f"CASE table_id {cases} END"},
            )
        )
    return edits


@rule(
    "live-in-dropped-table",
    "info",
    explanation="A file, a column or a partitioning of a table that was dropped is still live. Nobody sees it, but "
    "DuckLake never cleans its file up.",
    example="A table was dropped with DuckLake 0.1 or 0.2, and the lake was migrated since.",
    cure="Run heal: it ends the rows where the table ended.",
    repair=Repair("the rows end where their table ended: no snapshot shows them without it", _end_with_table),
)
def live_in_dropped_tables(image: Image) -> Iterator[Fault]:
    """Look for live rows of tables that the newest snapshot does not have. In 0.1 and 0.2 that is the rule."""
    if image.record.version in {"0.1", "0.2"}:
        return
    for name in _OF_TABLES:
        if name not in image.tables:
            continue
        for table_id, rows, end in image.rows(
            f"SELECT x.table_id, count(*), any_value(t.last) FROM {{{name}}} x JOIN (SELECT table_id, "
            "max(end_snapshot) AS last FROM {ducklake_table} t GROUP BY table_id HAVING "
            "bool_and(end_snapshot IS NOT NULL)) t "
            "USING (table_id) WHERE x.end_snapshot IS NULL GROUP BY x.table_id ORDER BY 1"
        ):
            yield Fault(
                name, f"has {rows} live rows of a table that was dropped in snapshot {end}", table_id, (name, end)
            )


@rule(
    "table-in-dropped-schema",
    "error",
    explanation="A live table belongs to a schema that the newest snapshot does not have, so it cannot be named.",
    example="A table was created in a schema while another commit dropped it.",
    cure="Bring it back to a schema that is there: restore --table from a point.",
)
def tables_in_dropped_schemas(image: Image) -> Iterator[Fault]:
    """Look for live tables of schemas that are not."""
    head = image.head()[0]
    for table_id, name, schema_id in image.rows(
        f"SELECT table_id, table_name, schema_id FROM {{ducklake_table}} x WHERE {visible('x', head)} "
        "AND schema_id NOT IN "
        f"(SELECT schema_id FROM {{ducklake_schema}} s WHERE {visible('s', head)}) ORDER BY ALL"
    ):
        yield Fault(f"table {name}", f"its schema {schema_id} is not live", table_id)


@rule(
    "table-without-columns",
    "error",
    explanation="A live table has no live column. DuckLake does not attach the lake, or fails when the table is named.",
    example="Rows of ducklake_column were deleted by hand.",
    cure=RESTORE,
)
def tables_without_columns(image: Image) -> Iterator[Fault]:
    """Look for live tables without columns."""
    head = image.head()[0]
    for table_id, name in image.rows(
        f"SELECT table_id, table_name FROM {{ducklake_table}} x WHERE {visible('x', head)} AND table_id NOT IN "
        f"(SELECT table_id FROM {{ducklake_column}} c WHERE {visible('c', head)}) ORDER BY ALL"
    ):
        yield Fault(f"table {name}", "has no column", table_id)


RULES = (
    reversed_ranges,
    ranges_past_head,
    overlapping_ranges,
    duplicate_names,
    live_in_dropped_tables,
    tables_in_dropped_schemas,
    tables_without_columns,
)
