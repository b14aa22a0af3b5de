"""A table in a connection's memory that belongs to whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import duckdb

from canvasback.model.relation import identifier

_NUMBERS = count(1)


class OwnTable:
    """A table that nobody finds but who is handed it: however many one piece of code makes, no two have one name.

    As a text it is its name in SQL. It goes with its connection, or when it is dropped.

    Args:
        connection: Where it is made; its cursors see it too.
        called: What it holds, in a word; for who reads a plan of DuckDB's.
        content: Column names and DuckDB types of an empty table; or a SELECT of its rows.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, called: str, content: Mapping[str, str] | str) -> None:
        self._connection = connection
        self._name = f"memory.{identifier(f'{called} {next(_NUMBERS)}')}"
        if isinstance(content, str):
            made = f"AS {content}"
        else:
            made = "(" + ", ".join(f"{identifier(name)} {type_}" for name, type_ in content.items()) + ")"
        connection.execute(f"CREATE TABLE {self._name} {made}")

    def __str__(self) -> str:
        """Its name, as SQL."""
        return self._name

    def drop(self) -> None:
        """Let go of its rows; nobody reads it any more."""
        self._connection.execute(f"DROP TABLE {self._name}")
