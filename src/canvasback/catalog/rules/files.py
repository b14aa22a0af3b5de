"""Rules about the rows that name files: places, numbers, deletes, partitions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.catalog.reading.lake_tables import table_names
from canvasback.catalog.rules.rule import NEVER, RESTORE, Fault, Repair, rule
from canvasback.catalog.writing.edits import Edit
from canvasback.model.relation import literal

_SCHEDULED = "ducklake_files_scheduled_for_deletion"
_SPLITS = "string_split(partial_file_info, '|')"


def _places(image: Image) -> str:
    """A SELECT of the place of every file, below the data path or absolute, with its kind, id and table."""
    root = image.data_path.removeprefix("file://")
    return f"SELECT path AS place, kind, file_id, table_id FROM ({named_files(image, root)})"


def _names_differ(image: Image) -> bool:
    """Whether no two files have one name, wherever they are: then no two are in one place, and that is found sooner."""
    names = " UNION ALL ".join(
        f"SELECT hash(parse_filename(path)) AS name FROM ({image.tables[table].select})"
        for table, _ in KINDS.values()
        if table in image.tables
    )
    [(files, different)] = image.rows(f"SELECT count(*), count(DISTINCT name) FROM ({names})")
    return bool(files == different)


@rule(
    "path-in-two-rows",
    "error",
    explanation="Two rows name one file, of one table or of two. Its rows may count twice, and when one of the two "
    "rows expires, DuckLake's cleanup deletes the file that the other still needs.",
    example="ducklake_add_data_files added a file twice, or to two tables; or rows were copied to bring back an old "
    "state.",
    cure="Copy the file to a new name and let one of the rows name that; or restore the table from a point.",
)
def paths_in_two_rows(image: Image) -> Iterator[Fault]:
    """Look for files that two rows name."""
    if _names_differ(image):
        return
    names = table_names(image)
    for place, rows, first, tables in image.rows(
        "SELECT place, count(*), min(kind || ' file ' || file_id), list_sort(list(DISTINCT table_id)) "
        f"FROM ({_places(image)}) GROUP BY place HAVING count(*) > 1 ORDER BY place"
    ):
        of_tables = f" of {', '.join(str(names.get(id_, id_)) for id_ in tables)}" if len(tables) > 1 else ""
        yield Fault(first, f"{rows} rows{of_tables} name {place}", tables[0])


def _unschedule(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    paths = ", ".join(literal(str(fault.ids[0])) for fault in faults)
    return [Edit(_SCHEDULED, keep=f"path NOT IN ({paths})")]


@rule(
    "scheduled-but-needed",
    "error",
    explanation="A file that a snapshot still needs is scheduled for deletion. DuckLake's next cleanup deletes it.",
    example="A catalog was rolled back by hand to before a merge, and the schedule was not.",
    cure="Run heal before anything cleans up: it takes the file from the schedule.",
    repair=Repair("the file is taken from the schedule: it stays, and no reader looks there", _unschedule),
)
def scheduled_but_needed(image: Image) -> Iterator[Fault]:
    """Look for files that are scheduled for deletion and still named."""
    if _SCHEDULED not in image.tables or not image.rows(f"SELECT 1 FROM {{{_SCHEDULED}}} x LIMIT 1"):
        return
    root = image.data_path.removeprefix("file://")
    plain = f"CASE WHEN starts_with(x.path, {literal(root)}) THEN substr(x.path, {len(root) + 1}) ELSE x.path END"
    for path, what, table_id in image.rows(
        f"SELECT x.path, kind || ' file ' || file_id, table_id FROM {{{_SCHEDULED}}} x "
        f"JOIN ({_places(image)}) p ON p.place = {plain} ORDER BY ALL"
    ):
        yield Fault(what, "is scheduled for deletion, and a snapshot needs it", table_id, (path,))


@rule(
    "impossible-number",
    "error",
    explanation="A file has a negative number of rows or bytes, or a footer that is longer than the file.",
    example="The catalog was edited by hand.",
    cure="Run check at level footers to see what the file itself says, and restore the catalog from a point.",
)
def impossible_numbers(image: Image) -> Iterator[Fault]:
    """Look for numbers of files that cannot be."""
    for kind, (table, key) in KINDS.items():
        if table not in image.tables:
            continue
        count = "record_count" if kind == "data" else "delete_count"
        for id_, table_id in image.rows(
            f"SELECT {key}, table_id FROM {{{table}}} x WHERE {count} < 0 OR file_size_bytes < 0 OR footer_size < 0 "
            "OR footer_size > file_size_bytes ORDER BY 1"
        ):
            yield Fault(f"{kind} file {id_}", "has a number of rows or bytes that cannot be", table_id)


@rule(
    "two-delete-files",
    "error",
    explanation="Two files of deletes hold for one data file at the same time. DuckLake reads one of them, so rows "
    "that were deleted may show again, or fails.",
    example="Two jobs deleted from the same table at once on a catalog without primary keys.",
    cure=RESTORE,
)
def two_delete_files(image: Image) -> Iterator[Fault]:
    """Look for data files with two files of deletes at once."""
    if "ducklake_delete_file" not in image.tables:
        return
    for id_, table_id, begin in image.rows(
        f"SELECT data_file_id, table_id, begin_snapshot FROM (SELECT *, lag(coalesce(end_snapshot, {NEVER})) "
        "OVER (PARTITION BY data_file_id ORDER BY begin_snapshot, end_snapshot NULLS LAST) AS last "
        "FROM {ducklake_delete_file} x WHERE end_snapshot IS NULL OR end_snapshot > begin_snapshot) "
        "WHERE last > begin_snapshot ORDER BY ALL"
    ):
        yield Fault(f"data file {id_}", f"has two files of deletes at snapshot {begin}", table_id)


@rule(
    "more-deletes-than-rows",
    "error",
    explanation="A file of deletes names more rows than its data file has, or belongs to another table than it.",
    example="A file of deletes was attached to another data file by hand.",
    cure=RESTORE,
)
def more_deletes_than_rows(image: Image) -> Iterator[Fault]:
    """Look for files of deletes that do not fit their data file."""
    if "ducklake_delete_file" not in image.tables:
        return
    for id_, table_id, deletes, rows, other in image.rows(
        "SELECT x.delete_file_id, x.table_id, x.delete_count, f.record_count, f.table_id FROM {ducklake_delete_file} x "
        "JOIN {ducklake_data_file} f USING (data_file_id) "
        "WHERE x.delete_count > f.record_count OR x.table_id <> f.table_id ORDER BY 1"
    ):
        message = f"deletes {deletes} rows of {rows}" if other == table_id else f"its data file is of table {other}"
        yield Fault(f"delete file {id_}", message, table_id)


@rule(
    "partition-values",
    "error",
    explanation="A file of a partitioned table does not have one value for each part of its partitioning, or has "
    "values without a partitioning. Queries that filter on the partition pass over rows, and compaction mixes "
    "partitions.",
    example="Rows of ducklake_file_partition_value were deleted by hand.",
    cure=RESTORE,
)
def partition_values(image: Image) -> Iterator[Fault]:
    """Look for files whose partition values do not fit their partitioning."""
    if "ducklake_file_partition_value" not in image.tables:
        return
    wanted = "SELECT partition_id, count(*) AS wants FROM {ducklake_partition_column} x GROUP BY 1"
    # Where the files that have values and those that want them add up to the same, each has what it wants.
    [(has, wants)] = image.rows(
        "SELECT (SELECT sum(hash(data_file_id)::HUGEINT) FROM {ducklake_file_partition_value} x), "
        "(SELECT sum(hash(data_file_id)::HUGEINT * wants) FROM {ducklake_data_file} f "
        f"JOIN ({wanted}) c USING (partition_id))"
    )
    if has == wants:
        return
    for id_, table_id, values, parts in image.rows(
        f"""
        SELECT f.data_file_id, f.table_id, coalesce(v.n, 0) AS has, coalesce(c.wants, 0) AS wants
        FROM {{ducklake_data_file}} f
        LEFT JOIN (SELECT data_file_id, count(*) AS n FROM {{ducklake_file_partition_value}} x GROUP BY 1) v
            USING (data_file_id)
        LEFT JOIN ({wanted}) c USING (partition_id)
        WHERE has <> wants ORDER BY 1
        """
    ):
        yield Fault(f"data file {id_}", f"has {values} partition values for {parts} parts", table_id)


@rule(
    "partial-rows",
    "error",
    explanation="A merged file says after how many of its rows those of each snapshot end, and the numbers do not "
    "rise, or do not end with its number of rows. Older snapshots show too many rows, or too few.",
    example="record_count was edited by hand.",
    cure=RESTORE,
)
def partial_rows_rise(image: Image) -> Iterator[Fault]:
    """Look for lists of merged files that cannot be."""
    if not image.has("ducklake_data_file", "partial_file_info"):
        return
    counts = f"[TRY_CAST(string_split(e, ':')[2] AS BIGINT) FOR e IN {_SPLITS}]"
    snapshots = f"[TRY_CAST(string_split(e, ':')[1] AS BIGINT) FOR e IN {_SPLITS}]"
    for id_, table_id, info, rows in image.rows(
        "SELECT data_file_id, table_id, partial_file_info, record_count FROM {ducklake_data_file} x "
        "WHERE partial_file_info IS NOT NULL AND NOT starts_with(partial_file_info, 'partial_max:') AND NOT coalesce("
        f"{counts} = list_sort({counts}) AND {snapshots} = list_sort({snapshots}) "
        f"AND list_last({counts}) = record_count, false) ORDER BY 1"
    ):
        yield Fault(f"data file {id_}", f"says {info}, and has {rows} rows", table_id)


RULES = (
    paths_in_two_rows,
    scheduled_but_needed,
    impossible_numbers,
    two_delete_files,
    more_deletes_than_rows,
    partition_values,
    partial_rows_rise,
)
