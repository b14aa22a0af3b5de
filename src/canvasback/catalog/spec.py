"""What DuckLake's specification says about the catalog's tables, all versions together.

Source: the specification's table pages and the CREATE TABLE statements of the extension, 0.1 to 1.1-dev1.
A table or a column that is not named here is kept all the same; it just has no special treatment.
"""

from __future__ import annotations

KNOWN_VERSIONS = frozenset({"0.1", "0.2", "0.3-dev1", "0.3", "0.4-dev1", "0.4", "1.0", "1.1-dev1"})

FILE_STATISTICS = ("ducklake_file_column_stats", "ducklake_file_column_statistics")
"""The table of column statistics of files, whose name changed with 0.3."""

ROW_ID = "_ducklake_internal_row_id"
"""The column of a Parquet file with the ids that its rows had before."""

LOCAL_ROW_IDS = 10**18
"""Where the ids begin that rows have inside of the transaction which inserts them. An UPDATE in the same transaction
writes them into a file for good. No counter reaches them: source, `TRANSACTION_LOCAL_ROW_ID_START` of the extension."""

ROW_ID_FIELD = 2_147_483_540
"""Its field id."""

SNAPSHOT_ID = "_ducklake_internal_snapshot_id"
"""The column of a merged Parquet file that says by which snapshot each row came."""

SNAPSHOT_IDS = (SNAPSHOT_ID, "snapshot_id")
"""What the column of a Parquet file of several commits is called, in a delete file of 0.4 too."""

SNAPSHOT_ID_FIELD = 2_147_483_539
"""Its field id."""

PRIMARY_KEYS = {
    "ducklake_snapshot": ("snapshot_id",),
    "ducklake_snapshot_changes": ("snapshot_id",),
    "ducklake_schema": ("schema_id",),
    "ducklake_data_file": ("data_file_id",),
    "ducklake_delete_file": ("delete_file_id",),
}
"""DuckLake finds conflicts between commits by these alone: without them two writers corrupt a lake."""

_CHUNK_KEYS = {
    "ducklake_column": "table_id",
    "ducklake_column_tag": "table_id",
    "ducklake_file_column_statistics": "data_file_id",
    "ducklake_file_column_stats": "data_file_id",
    "ducklake_file_partition_value": "data_file_id",
    "ducklake_file_variant_stats": "data_file_id",
    "ducklake_table_column_stats": "table_id",
}

_CHUNK_ORDERS = {
    # Values of one column side by side compress to two thirds of what the columns of one file after the
    # other take. To sort other tables gains nothing.
    "ducklake_file_column_statistics": ("column_id", "data_file_id"),
    "ducklake_file_column_stats": ("column_id", "data_file_id"),
}


def chunk_key(table: str, columns: dict[str, str]) -> str | None:
    """The column by whose ranges a table is divided into chunks.

    Args:
        table: The table's name.
        columns: Its column names and DuckDB types, in order.

    Returns:
        The column that the specification suggests, else the first BIGINT column; None where there is none.
    """
    chosen = _CHUNK_KEYS.get(table)
    if chosen is not None and columns.get(chosen) == "BIGINT":
        return chosen
    return next((name for name, type_ in columns.items() if type_ == "BIGINT"), None)


def chunk_order(table: str) -> tuple[str, ...]:
    """The columns that order the rows inside of a chunk; empty means as the catalog yields them."""
    return _CHUNK_ORDERS.get(table, ())
