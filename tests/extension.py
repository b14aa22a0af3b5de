"""DuckDB with the real DuckLake extension of this environment, which came with pip and is not downloaded.

It needs the standard library and duckdb alone, as it also serves the environments of `tests.oracle`.
"""

from __future__ import annotations

from importlib import resources
from typing import Final, Literal

import duckdb

__all__ = ["DUCKLAKE", "Extension", "connect", "for_lake"]

Extension = Literal["azure", "httpfs", "postgres_scanner", "spatial", "sqlite_scanner"]

_OF_RELEASES: Final = {"1.3.0": "0.1", "1.3.2": "0.2", "1.4.4": "0.3", "1.5.5": "1.0"}

DUCKLAKE: Final = _OF_RELEASES.get(duckdb.__version__, "")
"""The version of the catalogs that this environment's extension makes; empty where pip has none."""


def connect(*extensions: Extension) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB in memory that has DuckLake loaded, and these extensions too.

    The packages of DuckDB 1.5 hold the extensions as files, which need no installation; those of earlier releases
    bring a folder of all that there are, from which DuckDB loads them when they are needed. Their signatures are not
    checked: pip compared the packages with their hashes, and to check takes DuckDB ten times as long as all the rest.
    It has one thread: where many queries have little to do, two take twice as long.
    """
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "threads": "1"})
    connection.execute("SET enable_progress_bar = false")  # the earliest releases draw it on stdout
    if duckdb.__version__ < "1.5":
        import duckdb_ext  # noqa: PLC0415 - not in the environment of the newer releases

        duckdb_ext.init(connection)
        connection.execute("LOAD ducklake")
        return connection
    for name in ("ducklake", *extensions):
        package = resources.files(f"duckdb_extension_{name}")
        connection.execute(f"LOAD '{package}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    return connection


def for_lake(attach: str, data_path: str = "", *, needs: tuple[Extension, ...] = ()) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB that can attach a lake, whatever engine holds its catalog and whatever store its files."""
    needed: dict[str, Extension] = {
        "ducklake:sqlite:": "sqlite_scanner",
        "ducklake:postgres:": "postgres_scanner",
        "s3://": "httpfs",
        "gs://": "httpfs",
        "http": "httpfs",
        "az://": "azure",
    }
    named = (attach, data_path)
    return connect(
        *{*needs, *(name for start, name in needed.items() if any(text.startswith(start) for text in named))}
    )
