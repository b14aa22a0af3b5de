"""Whether a catalog has all the tables that DuckLake makes, and the values without which a row means nothing."""

from __future__ import annotations

from canvasback.catalog.blank import TABLES
from canvasback.catalog.dialects import is_old
from canvasback.catalog.image import Image, incomplete
from canvasback.catalog.spec import FILE_STATISTICS
from canvasback.model.plurals import many

_NOT_YET = {
    "0.1": frozenset({"ducklake_column_mapping", "ducklake_name_mapping", "ducklake_schema_versions"}),
    "0.2": frozenset({"ducklake_schema_versions"}),
}
"""By version, the tables of 0.3 that it does not make."""

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


def missing_tables(image: Image) -> list[str]:
    """The tables that DuckLake makes in its version, and that a catalog lacks.

    Without most of them DuckLake reads no table of the lake, without some it writes none, and a few it misses later.
    The development version of 0.4 is not asked for what came with 0.4: that came table by table.
    """
    version = image.metadata("version") or ""
    made = TABLES["0.3" if is_old(version) or version == "0.4-dev1" else "1.0"] - _NOT_YET.get(version, frozenset())
    missing = sorted(made - image.tables.keys())
    if any(name in image.tables for name in FILE_STATISTICS):
        missing = [name for name in missing if name not in FILE_STATISTICS]
    return missing


def refuse_incomplete(image: Image, lake: str) -> None:
    """See that a catalog has every table that its version of DuckLake makes, and no row that says nothing.

    Args:
        image: The catalog.
        lake: What to call it.

    Raises:
        LakeError: A table, or a value that a row cannot be without, is not there (``catalog-incomplete``).
    """
    missing = missing_tables(image)
    if missing:
        raise incomplete(
            f"the catalog {lake} has no table {', '.join(missing)}, which every DuckLake of its version has"
        )
    for table, columns in _NEVER_NULL.items():
        counts = ", ".join(f"count(*) - count({column})" for column in columns)
        [nulls] = image.rows(f"SELECT {counts} FROM {{{table}}} x")
        lacking = [f"{many(rows, 'row')} without {column}" for column, rows in zip(columns, nulls, strict=True) if rows]
        if lacking:
            raise incomplete(f"the catalog {lake} has in {table} {', '.join(lacking)}")
