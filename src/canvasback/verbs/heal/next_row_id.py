"""The lowest row id that no row of a table has, as the files themselves tell."""

from __future__ import annotations

import tempfile

import duckdb

from canvasback.catalog.image import Image
from canvasback.catalog.rules.row_ids import taken_row_ids
from canvasback.catalog.spec import LOCAL_ROW_IDS, ROW_ID
from canvasback.checks.wanted import WantedFile, WantedFiles
from canvasback.model.relation import literal
from canvasback.parquet.encryption import read_call
from canvasback.parquet.file_end import read_end
from canvasback.parquet.footers import column_chunks
from canvasback.storage.locations import Stores, is_remote


def next_row_id(image: Image, table_id: int, root: str, stores: Stores) -> int | None:
    """Beyond the ids of all rows that any snapshot sees; None where a file that would tell cannot be read.

    Args:
        image: The catalog in DuckDB's dialect.
        table_id: The table.
        root: The data path as an absolute folder or URL that ends in a slash.
        stores: How to reach files.
    """
    [(found,)] = image.rows(f"SELECT coalesce(max(next), 0) FROM ({taken_row_ids(image)}) WHERE table_id = {table_id}")
    highest = int(found)
    wanted = WantedFiles(image, root, tables=[table_id])
    files = list(wanted.each("w.kind = 'data'"))
    wanted.drop()
    with tempfile.TemporaryDirectory(prefix="canvasback-") as folder:
        for file in files:
            last = _last(image.connection, file, stores, folder)
            if last is None:
                return None
            highest = max(highest, last + 1)
    return highest


def _last(connection: duckdb.DuckDBPyConnection, file: WantedFile, stores: Stores, folder: str) -> int | None:
    """The highest row id of a file; None where it cannot be told."""
    try:
        if file.key is not None:
            return None if is_remote(file.place) else _last_of(connection, file, read_call(file.place, file.key))
        end = read_end(stores, file.place, file.size, folder, str(file.id))
        if end.fault:
            return None
        found = connection.execute(
            "SELECT count(*), count(stats_max), max(TRY_CAST(stats_max AS BIGINT)) FROM "
            f"{column_chunks([end.path])} WHERE path_in_schema = {literal(ROW_ID)}"
        ).fetchall()[0]
    except duckdb.Error:
        return None
    columns, known, last = found
    if not columns:
        return _without_ids(file)
    if last is not None and last >= LOCAL_ROW_IDS:  # which says nothing of the others
        return None if is_remote(file.place) else _last_of(connection, file, read_call(file.place, None))
    return None if known < columns or last is None else int(last)


def _last_of(connection: duckdb.DuckDBPyConnection, file: WantedFile, call: str) -> int | None:
    columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {call}").fetchall()]
    if ROW_ID not in columns:
        return _without_ids(file)
    [(known, last)] = connection.execute(
        f"SELECT count({ROW_ID}), coalesce(max({ROW_ID}) FILTER ({ROW_ID} < {LOCAL_ROW_IDS}), -1) FROM {call}"
    ).fetchall()
    return int(last) if known else None


def _without_ids(file: WantedFile) -> int | None:
    """That of a file whose rows have the ids from its first on."""
    return None if file.row_id_start is None else file.row_id_start + file.rows - 1
