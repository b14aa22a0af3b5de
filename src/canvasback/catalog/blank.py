"""The catalog of a lake to which nothing was committed yet, as DuckLake makes it when it creates one.

Source: `InitializeDuckLake` of the extension, 0.3 and 1.0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import duckdb

from canvasback.__about__ import __version__
from canvasback.catalog.image import Image
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier, literal

Version = Literal["0.3", "1.0"]

_TYPES = {
    "": "VARCHAR",
    "#": "BIGINT",
    "?": "BOOLEAN",
    "@": "TIMESTAMP WITH TIME ZONE",
    "%": "UUID",
}
"""What the mark before a column's name stands for."""

_TABLES = {
    "metadata": "key value scope #scope_id",
    "snapshot": "#snapshot_id @snapshot_time #schema_version #next_catalog_id #next_file_id",
    "snapshot_changes": "#snapshot_id changes_made author commit_message commit_extra_info",
    "schema": "#schema_id %schema_uuid #begin_snapshot #end_snapshot schema_name path ?path_is_relative",
    "table": "#table_id %table_uuid #begin_snapshot #end_snapshot #schema_id table_name path ?path_is_relative",
    "view": "#view_id %view_uuid #begin_snapshot #end_snapshot #schema_id view_name dialect sql column_aliases",
    "tag": "#object_id #begin_snapshot #end_snapshot key value",
    "column_tag": "#table_id #column_id #begin_snapshot #end_snapshot key value",
    "column": "#column_id #begin_snapshot #end_snapshot #table_id #column_order column_name column_type "
    "initial_default default_value ?nulls_allowed #parent_column",
    "data_file": "#data_file_id #table_id #begin_snapshot #end_snapshot #file_order path ?path_is_relative file_format "
    "#record_count #file_size_bytes #footer_size #row_id_start #partition_id encryption_key "
    "partial_file_info #mapping_id",
    "delete_file": "#delete_file_id #table_id #begin_snapshot #end_snapshot #data_file_id path ?path_is_relative "
    "format #delete_count #file_size_bytes #footer_size encryption_key",
    "file_column_stats": "#data_file_id #table_id #column_id #column_size_bytes #value_count #null_count min_value "
    "max_value ?contains_nan extra_stats",
    "table_stats": "#table_id #record_count #next_row_id #file_size_bytes",
    "table_column_stats": "#table_id #column_id ?contains_null ?contains_nan min_value max_value extra_stats",
    "partition_info": "#partition_id #table_id #begin_snapshot #end_snapshot",
    "partition_column": "#partition_id #table_id #partition_key_index #column_id transform",
    "file_partition_value": "#data_file_id #table_id #partition_key_index partition_value",
    "files_scheduled_for_deletion": "#data_file_id path ?path_is_relative @schedule_start",
    "inlined_data_tables": "#table_id table_name #schema_version",
    "column_mapping": "#mapping_id #table_id type",
    "name_mapping": "#mapping_id #column_id source_name #target_field_id #parent_column ?is_partition",
    "schema_versions": "#begin_snapshot #schema_version",
}
"""The tables of 0.3 without their prefix, and their columns in order."""

_TABLES_1_0 = _TABLES | {
    "column": f"{_TABLES['column']} default_value_type default_value_dialect",
    "data_file": f"{_TABLES['data_file'].replace(' partial_file_info', '')} #partial_max",
    "delete_file": f"{_TABLES['delete_file']} #partial_max",
    "schema_versions": f"{_TABLES['schema_versions']} #table_id",
    "file_variant_stats": "#data_file_id #table_id #column_id variant_path shredded_type #column_size_bytes "
    "#value_count #null_count min_value max_value ?contains_nan extra_stats",
    "macro": "#schema_id #macro_id macro_name #begin_snapshot #end_snapshot",
    "macro_impl": "#macro_id #impl_id dialect sql type",
    "macro_parameters": "#macro_id #impl_id #column_id parameter_name parameter_type default_value default_value_type",
    "sort_info": "#sort_id #table_id #begin_snapshot #end_snapshot",
    "sort_expression": "#sort_id #table_id #sort_key_index expression dialect sort_direction null_order",
}

TABLES: dict[Version, frozenset[str]] = {
    "0.3": frozenset(f"ducklake_{table}" for table in _TABLES),
    "1.0": frozenset(f"ducklake_{table}" for table in _TABLES_1_0),
}
"""The names of the tables that each makes, with which a lake begins."""

_NOT_NULL = {("metadata", "key"), ("metadata", "value")}


def blank_catalog(
    connection: duckdb.DuckDBPyConnection,
    data_path: str,
    moment: datetime,
    *,
    encrypted: bool = False,
    version: Version = "0.3",
) -> Image:
    """The catalog of a new lake: a schema ``main``, and snapshot 0, which created it.

    Its relations hold their few rows themselves, so nothing is created in the connection. ``schema_uuid``, the lake's
    id, is a new one with each call. 1.0 is for lakes that need it: whose delete files have a ``snapshot_id``, or that
    a DuckLake of 0.4 or later wrote; of those the 0.3 extension reads none.

    Args:
        connection: Where the image is to live; closing the image closes it.
        data_path: The data path as the catalog is to spell it; ends in a slash.
        moment: When snapshot 0 was committed.
        encrypted: Whether files that are written from now on are to be encrypted.
        version: The version of DuckLake.
    """
    tables = _TABLES if version == "0.3" else _TABLES_1_0
    rows = {
        "snapshot": [f"0, TIMESTAMPTZ {literal(moment.isoformat())}, 0, 1, 0"],
        "snapshot_changes": ["0, 'created_schema:\"main\"', NULL, NULL, NULL"],
        "metadata": [
            f"{literal(key)}, {literal(value)}, NULL, NULL"
            for key, value in (
                ("version", version),
                ("created_by", f"Canvasback {__version__}"),
                ("data_path", data_path),
                ("encrypted", "true" if encrypted else "false"),
            )
        ],
        "schema": [f"0, UUID {literal(_new_uuid(connection))}, 0, NULL, 'main', 'main/', true"],
    }
    if version == "0.3":
        rows["schema_versions"] = ["0, 0"]
    relations = [_relation(table, columns, rows.get(table, [])) for table, columns in tables.items()]
    record = CatalogRecord("duckdb", "main", version)
    return Image(connection, {relation.name: relation for relation in relations}, record)


def _relation(table: str, spelled: str, rows: list[str]) -> Relation:
    name = f"ducklake_{table}"
    key = PRIMARY_KEYS.get(name, ())
    columns = []
    for word in spelled.split():
        mark = word[0] if word[0] in _TYPES else ""
        column = word.removeprefix(mark)
        nullable = column not in key and (table, column) not in _NOT_NULL
        columns.append(Column(column, _TYPES[mark], nullable))
    shown = ", ".join(f"CAST({identifier(c.name)} AS {c.type}) AS {identifier(c.name)}" for c in columns)
    values = ", ".join(f"({row})" for row in rows) or f"({', '.join(['NULL'] * len(columns))})"
    names = ", ".join(identifier(c.name) for c in columns)
    select = f"SELECT {shown} FROM (VALUES {values}) v({names})" + ("" if rows else " WHERE false")
    return Relation(name, tuple(columns), select, key)


def _new_uuid(connection: duckdb.DuckDBPyConnection) -> str:
    [made] = connection.execute("SELECT uuid()::VARCHAR").fetchall()
    return str(made[0])
