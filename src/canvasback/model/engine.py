"""The kinds of databases that hold catalogs.

A new one is a line here, a package of its name in `canvasback.catalog.engines`, and what it makes of DuckDB's types in
`canvasback.model.types` where it does not have them all.
"""

from __future__ import annotations

from typing import Literal

import msgspec

EngineName = Literal["duckdb", "sqlite", "postgres"]


class EngineKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of database.

    Attributes:
        name: As in ``ducklake:NAME:…``.
        shown: What people call it.
        schema: The schema in which a catalog is made where nobody names one.
        served: Whether a server holds the catalog, so that a lake's target is a connection string, which can have a
            password, and may be empty; else it is a file.
        by_url: Whether the file may be in a bucket or at a web server, where it can be read.
        prefixes: Other beginnings of a lake's name that mean it.
        longest_name: How many bytes the name of a column can have; None where that is no limit.
    """

    name: EngineName
    shown: str
    schema: str
    served: bool = False
    by_url: bool = False
    prefixes: tuple[str, ...] = ()
    longest_name: int | None = None


_KINDS = (
    EngineKind(name="duckdb", shown="DuckDB", schema="main", by_url=True),
    EngineKind(name="sqlite", shown="SQLite", schema="main"),
    EngineKind(
        name="postgres", shown="PostgreSQL", schema="public", served=True, prefixes=("postgresql",), longest_name=63
    ),
)

ENGINES: dict[str, EngineKind] = {kind.name: kind for kind in _KINDS}
"""By name."""


def find_engine(prefix: str) -> EngineKind | None:
    """The kind that a prefix of a lake's name means."""
    return next((kind for kind in _KINDS if prefix in {kind.name, *kind.prefixes}), None)


def shown_engines() -> str:
    """All of them in words: ``DuckDB, SQLite or PostgreSQL``."""
    *most, last = (kind.shown for kind in _KINDS)
    return f"{', '.join(most)} or {last}"
