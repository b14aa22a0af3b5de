"""Reading encrypted files: with the key that the catalog has of them."""

from __future__ import annotations

import duckdb

from canvasback.model.relation import file_literal, literal


def read_call(path: str, key: str | None) -> str:
    """A call that reads a file as it is, without a look at the folders it lies in."""
    config = "" if key is None else f", encryption_config = {{footer_key_value: from_base64({literal(key)})}}"
    return f"read_parquet({file_literal(path)}, hive_partitioning = false{config})"


class UndecipheredError(Exception):
    """A file that its key does not open; its text says why, and not the key."""


def count_rows(connection: duckdb.DuckDBPyConnection, path: str, key: str | None) -> int:
    """The number of rows of an encrypted file, which is all that its footer tells.

    Raises:
        UndecipheredError: The key does not open it.
    """
    try:
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {read_call(path, key)}").fetchall()
    except duckdb.Error as error:
        # DuckDB's message may quote the statement, and with it the key: only its first words are told.
        raise UndecipheredError(str(error).splitlines()[0].partition(":")[0]) from None
    return int(rows)
