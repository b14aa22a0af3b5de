"""The one place where a connection to DuckDB is opened.

What our SQL is made of comes from catalogs and points, which others may have written. So no connection of ours loads
or fetches an extension by itself, sees a variable of the program, or reaches more files than its step needs, where
that can be said beforehand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from canvasback.model.relation import literal


def connect(
    folder: str | None,
    *,
    memory: str | None = "512MB",
    threads: int | None = None,
    ordered: bool = False,
    reach: Sequence[str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection of our own, in memory, that loads no extension by itself.

    Args:
        folder: Where it spills to; None where it has nothing to spill.
        memory: The most memory that it takes; None for what DuckDB takes by itself.
        threads: How many threads it has; None for one per core.
        ordered: Whether rows keep the order in which they come. Tables have none, and DuckDB writes them a third
            faster without.
        reach: Folders below which it may read and write files, beside the one that it spills to: then its
            configuration is fixed, too. None where files may be anywhere, as those of a live lake are.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": folder or "",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "python_enable_replacements": "false",
        "preserve_insertion_order": "true" if ordered else "false",
    }
    if memory is not None:
        config["memory_limit"] = memory
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    # Geometries are read as the files have them, which `canvasback.parquet.schema` keeps.
    connection.execute("SET enable_geoparquet_conversion = false")
    connection.execute("SET enable_progress_bar = false")  # it would be drawn on stdout
    if reach is not None:
        folders = ", ".join(literal(os.path.join(os.path.abspath(place), "")) for place in reach)
        connection.execute(f"SET allowed_directories = [{folders}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have one thread of DuckDB answer for as long as a `with` block lasts.

    Where there is little to do in a query, that takes less time than to wake others, which find nothing left.
    """
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute("RESET threads")
