"""Tables of rows that lie in the catalog instead of in files: their names, and DuckLake's own columns in them."""

from __future__ import annotations

import re
from typing import NamedTuple

from canvasback.catalog.image import Image

INLINED_ROWS = re.compile(r"ducklake_inlined_data_(\d+)_(\d+)")
_DELETES = re.compile(r"ducklake_inlined_delete_(\d+)")
_REGISTERED = "ducklake_inlined_data_tables"


class InlinedTable(NamedTuple):
    """A table of inlined rows.

    Attributes:
        name: Its name in the catalog.
        table_id: The lake's table whose rows it holds.
        schema_version: At which version of the schema it was made: its columns are those of then.
    """

    name: str
    table_id: int
    schema_version: int


def inlined_tables(image: Image, *, registered: bool = True) -> list[InlinedTable]:
    """The tables of inlined rows.

    Args:
        image: The catalog.
        registered: Only those that DuckLake would read; else all that have such a name.
    """
    known = set(image.tables)
    if registered:
        rows = image.rows(f"SELECT table_name FROM {{{_REGISTERED}}} i") if _REGISTERED in image.tables else []
        known = {str(name) for (name,) in rows}
    found = ((name, INLINED_ROWS.fullmatch(name)) for name in image.tables if name in known)
    return [InlinedTable(name, int(parts[1]), int(parts[2])) for name, parts in found if parts]


def inlined_deletes(image: Image) -> dict[str, int]:
    """The tables of deletes of files' rows that are inlined, with the lake's table of each."""
    found = ((name, _DELETES.fullmatch(name)) for name in image.tables)
    return {name: int(parts[1]) for name, parts in found if parts}


def own_column(image: Image, table: str, column: str) -> str:
    """DuckLake's own column of such a table, which 1.1 calls otherwise."""
    new = f"_ducklake_{column}"
    return new if image.has(table, new) else column
