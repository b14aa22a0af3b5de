"""Catalogs without data files: made in DuckDB, converted to other databases, and lengthened by plain SQL."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench import catalogs, ours
from bench.lakes import FILES_PER_SNAPSHOT, in_child, made_once
from bench.measure import note, run_process

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

FILES = 1_000_000
FILE_BYTES = 2**20

COMMIT = """
    INSERT INTO ducklake_file_column_stats
    SELECT data_file_id + 1, table_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value,
           contains_nan, extra_stats
    FROM ducklake_file_column_stats WHERE data_file_id = (SELECT max(data_file_id) FROM ducklake_data_file);

    INSERT INTO ducklake_file_partition_value
    SELECT data_file_id + 1, table_id, partition_key_index, partition_value
    FROM ducklake_file_partition_value WHERE data_file_id = (SELECT max(data_file_id) FROM ducklake_data_file);

    INSERT INTO ducklake_data_file
    SELECT data_file_id + 1, table_id, begin_snapshot + 1, end_snapshot, file_order, replace(path, '.', '0.'),
           path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start + record_count,
           partition_id, encryption_key, partial_file_info, mapping_id
    FROM ducklake_data_file WHERE data_file_id = (SELECT max(data_file_id) FROM ducklake_data_file);

    INSERT INTO ducklake_snapshot
    SELECT snapshot_id + 1, snapshot_time, schema_version, next_catalog_id, next_file_id + 1
    FROM ducklake_snapshot WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot);

    INSERT INTO ducklake_snapshot_changes
    SELECT snapshot_id + 1, changes_made, author, commit_message, commit_extra_info
    FROM ducklake_snapshot_changes WHERE snapshot_id = (SELECT max(snapshot_id) FROM ducklake_snapshot_changes);
"""
"""One more snapshot with one more file like the newest, in SQL that SQLite and PostgreSQL both understand."""


def convert(session: Session, target: str) -> None:
    """Write the catalog of a million files to a database, given by what one puts into ATTACH."""
    source = in_duckdb(session)
    note(f"converting it: {target}")
    run_process(ours.convert(f"ducklake:{source}", target))


def in_duckdb(session: Session) -> Path:
    """The catalog of a million files in DuckDB."""
    files = session.scaled(FILES)
    folder = made_once(session, f"{files}-catalog-only", partial(_make, files))
    return folder / "lake.ducklake"


def _make(files: int, folder: Path) -> None:
    note(f"making a catalog of {files:,} files")
    in_child(_fill, files, folder)


def _fill(files: int, folder: Path) -> None:
    catalog, data = folder / "lake.ducklake", folder / "data"
    data.mkdir()
    catalogs.make_catalog(catalog, data)
    catalogs.append(catalog, files, FILES_PER_SNAPSHOT, FILE_BYTES)
