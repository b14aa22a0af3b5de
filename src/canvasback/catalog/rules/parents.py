"""Rules about what hangs on what: rows whose parent is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.rules.rule import RESTORE, Fault, Repair, rule
from canvasback.catalog.writing.edits import Edit

_NEEDED = (
    ("ducklake_table", "schema_id", "ducklake_schema", "schema_id"),
    ("ducklake_view", "schema_id", "ducklake_schema", "schema_id"),
    ("ducklake_column", "table_id", "ducklake_table", "table_id"),
    ("ducklake_data_file", "table_id", "ducklake_table", "table_id"),
    ("ducklake_data_file", "partition_id", "ducklake_partition_info", "partition_id"),
    ("ducklake_data_file", "mapping_id", "ducklake_column_mapping", "mapping_id"),
    ("ducklake_delete_file", "data_file_id", "ducklake_data_file", "data_file_id"),
)
"""Rows that mean nothing without their parent, and may hold somebody's data."""

_HANGING = (
    ("ducklake_file_column_stats", "data_file_id", "ducklake_data_file", "data_file_id"),
    ("ducklake_file_column_statistics", "data_file_id", "ducklake_data_file", "data_file_id"),
    ("ducklake_file_variant_stats", "data_file_id", "ducklake_data_file", "data_file_id"),
    ("ducklake_partition_column", "partition_id", "ducklake_partition_info", "partition_id"),
    ("ducklake_partition_info", "table_id", "ducklake_table", "table_id"),
    ("ducklake_table_stats", "table_id", "ducklake_table", "table_id"),
    ("ducklake_table_column_stats", "table_id", "ducklake_table", "table_id"),
    ("ducklake_column_tag", "table_id", "ducklake_table", "table_id"),
    ("ducklake_name_mapping", "mapping_id", "ducklake_column_mapping", "mapping_id"),
    ("ducklake_sort_expression", "sort_id", "ducklake_sort_info", "sort_id"),
)
"""Rows that only describe their parent. Partition values are not among them: 0.3 leaves them where files expire."""


@rule(
    "parent-missing",
    "error",
    explanation="A row names a schema, table, file, partitioning or mapping that is not there. Its rows cannot be "
    "read, or its deletes have no effect, so that deleted rows show again.",
    example="Rows of ducklake_data_file were deleted by hand, and their deletes were not.",
    cure=RESTORE,
)
def missing_parents(image: Image) -> Iterator[Fault]:
    """Look for rows that mean nothing without a parent that is not there."""
    yield from _without_parent(image, _NEEDED)


def _remove(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    keys = dict.fromkeys(fault.ids for fault in faults)
    return [
        Edit(str(table), keep=f"{key} IN (SELECT {above} FROM {{{parent}}} p)") for table, key, parent, above in keys
    ]


@rule(
    "orphan-row",
    "warning",
    explanation="A row describes a file, table or partitioning that is not there. Nobody reads it, but if its number "
    "is given out again it describes something else.",
    example="Files were removed from the catalog by hand, and their statistics were not.",
    cure="Run heal: it removes the row.",
    repair=Repair("the rows are removed: what they describe is not there", _remove),
)
def orphan_rows(image: Image) -> Iterator[Fault]:
    """Look for rows that describe what is not there."""
    yield from _without_parent(image, _HANGING)


def _all_have(image: Image, table: str, key: str, parent: str, above: str) -> bool:
    """Whether each row provably has its parent; DuckDB counts those that do far faster than it finds those that do not.

    Only a primary key proves it, for else parents that are there twice make up for one that is not.
    """
    if image.tables[parent].primary_key != (above,):
        return False
    [(rows, with_parent)] = image.rows(
        f"SELECT (SELECT count({key}) FROM {{{table}}} x), "
        f"(SELECT count(*) FROM {{{table}}} x JOIN {{{parent}}} p ON p.{above} = x.{key})"
    )
    return bool(rows == with_parent)


def _without_parent(image: Image, children: Sequence[tuple[str, str, str, str]]) -> Iterator[Fault]:
    for table, key, parent, above in children:
        if not image.has(table, key) or parent not in image.tables or _all_have(image, table, key, parent, above):
            continue
        of_table = "any_value(x.table_id)" if image.has(table, "table_id") else "NULL"
        for id_, rows, table_id in image.rows(
            f"SELECT x.{key}, count(*), {of_table} FROM {{{table}}} x ANTI JOIN {{{parent}}} p ON p.{above} = x.{key} "
            f"WHERE x.{key} IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 1000"
        ):
            noun = parent.removeprefix("ducklake_").replace("_", " ")
            many = "1 row" if rows == 1 else f"{rows} rows"
            yield Fault(table, f"{many} of {noun} {id_}, which is not there", table_id, (table, key, parent, above))


RULES = (missing_parents, orphan_rows)
