"""Whether a catalog has all the tables that DuckLake makes, and the values without which a row means nothing."""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.spec import FILE_STATISTICS
from canvasback.errors import LakeError
from canvasback.model.words import many

_ALWAYS = frozenset(
    f"ducklake_{name}"
    for name in (
        "column", "column_tag", "data_file", "delete_file", "file_partition_value", "files_scheduled_for_deletion",
        "inlined_data_tables", "partition_column", "partition_info", "schema", "snapshot_changes", "table",
        "table_column_stats", "table_stats", "tag", "view",
    )
)  # fmt: skip
_SINCE_0_2 = frozenset({"ducklake_column_mapping", "ducklake_name_mapping"})
_SINCE_0_3 = frozenset({"ducklake_schema_versions"})
_SINCE_0_4 = frozenset(
    f"ducklake_{name}"
    for name in ("file_variant_stats", "macro", "macro_impl", "macro_parameters", "sort_expression", "sort_info")
)  # fmt: skip
"""Source: `MigrateV03` of the extension. No development version of 0.4 is asked for them: they came one by one."""

_NEVER_NULL = {
    "ducklake_snapshot": ("snapshot_id", "snapshot_time", "schema_version", "next_catalog_id", "next_file_id"),
    "ducklake_schema": ("schema_id", "begin_snapshot", "schema_name"),
    "ducklake_table": ("table_id", "begin_snapshot", "schema_id", "table_name"),
    "ducklake_view": ("view_id", "begin_snapshot", "schema_id", "view_name"),
    "ducklake_column": ("column_id", "begin_snapshot", "table_id", "column_order", "column_name", "column_type"),
    "ducklake_data_file": (
        "data_file_id", "table_id", "begin_snapshot", "path", "record_count", "file_size_bytes",
    ),
    "ducklake_delete_file": (
        "delete_file_id", "table_id", "begin_snapshot", "data_file_id", "path", "delete_count", "file_size_bytes",
    ),
    "ducklake_inlined_data_tables": ("table_id", "table_name", "schema_version"),
    "ducklake_table_stats": ("table_id", "next_row_id"),
}  # fmt: skip
"""What every writer says. A row without it is seen by nobody, and what it names is lost without a word."""


def refuse_incomplete(image: Image, lake: str) -> None:
    """See that a catalog has every table that its version of DuckLake made, and no row that says nothing.

    Without most of the tables DuckLake reads no table of it, without the others it writes none.

    Args:
        image: The catalog.
        lake: What to call it.

    Raises:
        LakeError: A table, or a value that a row cannot be without, is not there (``catalog-incomplete``).
    """
    version = image.metadata("version")
    wanted = _ALWAYS
    if version != "0.1":
        wanted |= _SINCE_0_2
        if version != "0.2":
            wanted |= _SINCE_0_3
            if version not in {"0.3-dev1", "0.3", "0.4-dev1"}:
                wanted |= _SINCE_0_4
    missing = sorted(wanted - image.tables.keys())
    if not any(name in image.tables for name in FILE_STATISTICS):
        missing.append(FILE_STATISTICS[0])
    if missing:
        raise _incomplete(
            f"the catalog {lake} has no table {', '.join(missing)}, which every DuckLake of its version has"
        )
    for table, columns in _NEVER_NULL.items():
        counts = ", ".join(f"count(*) - count({column})" for column in columns)
        [nulls] = image.rows(f"SELECT {counts} FROM {{{table}}} x")
        lacking = [f"{many(rows, 'row')} without {column}" for column, rows in zip(columns, nulls, strict=True) if rows]
        if lacking:
            raise _incomplete(f"the catalog {lake} has in {table} {', '.join(lacking)}")


def _incomplete(message: str) -> LakeError:
    return LakeError(
        "catalog-incomplete",
        message,
        hint="Restore a point with --replace. Without a backup, move the catalog aside and run salvage --new-catalog.",
    )
