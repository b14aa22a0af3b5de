"""What is in a lake, in a form that can be written down: hashes of its tables' rows and of its files."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from blake3 import blake3

from tests.lake.builder import session
from tests.oracle.reader import fingerprint, tables


def heads(attach: str, without: Collection[str], cwd: Path | None = None, *options: str) -> dict[str, Any]:
    """Number and hash of the rows of every table as it is now, as the real extension reads it."""
    here = Path.cwd()
    os.chdir(cwd or here)  # a relative data path is relative to the process
    try:
        with session(attach, "READ_ONLY", *options) as connection:
            return {
                f"{schema}.{table}": fingerprint(connection, schema, table)
                for schema, table in tables(connection)
                if f"{schema}.{table}" not in without
            }
    finally:
        os.chdir(here)


def files_of(lake: Path) -> dict[str, str]:
    """BLAKE3 of every file below the data path."""
    data = lake / "data"
    return {
        str(path.relative_to(data)): blake3(path.read_bytes()).hexdigest() for path in sorted(data.rglob("*.parquet"))
    }


def kinds(attach: str, *options: str) -> list[list[Any]]:
    """The values of VARIANT in the golden lake, with their types."""
    found: list[list[Any]] = []
    with session(attach, "READ_ONLY", *options) as connection:
        for table, columns in (("kinds", ["v"]), ("odd_kinds", ["v", "struct_extract(s, 'v')", "s"])):
            shown = ", ".join(
                f"CAST({c} AS VARCHAR), " + (f"variant_typeof({c})" if c != "s" else "''") for c in columns
            )
            found += map(list, connection.execute(f"SELECT i, {shown} FROM lake.main.{table} ORDER BY i").fetchall())
    return found
