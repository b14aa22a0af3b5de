"""The name of a lake: the string that a user puts into ATTACH."""

from __future__ import annotations

from typing import Literal

import msgspec

from canvasback.errors import UsageError

Engine = Literal["duckdb", "sqlite", "postgres"]

_ENGINES: dict[str, Engine] = {"duckdb": "duckdb", "sqlite": "sqlite", "postgres": "postgres"}


class LakeName(msgspec.Struct, frozen=True):
    """Where a lake's catalog is.

    Attributes:
        engine: The kind of database that holds the catalog.
        target: The engine's own name for it; a file path for DuckDB.
    """

    engine: Engine
    target: str

    def __str__(self) -> str:
        return f"ducklake:{self.target}" if self.engine == "duckdb" else f"ducklake:{self.engine}:{self.target}"


def parse_lake(text: str) -> LakeName:
    """Read an attach string: ``ducklake:main.ducklake``, ``ducklake:duckdb:main.ducklake``, or a bare path.

    Raises:
        UsageError: The string is empty or names a kind of catalog that is not supported (``lake-name``).
    """
    rest = text.removeprefix("ducklake:")
    prefix, colon, after = rest.partition(":")
    if colon and prefix in _ENGINES:
        engine, target = _ENGINES[prefix], after
    elif colon and prefix in {"mysql", "postgresql", "md", "motherduck"}:
        raise UsageError(
            "lake-name",
            f"catalogs of the kind {prefix!r} are not supported: {text}",
            hint="Name a DuckDB catalog, such as ducklake:main.ducklake.",
        )
    else:
        engine, target = "duckdb", rest
    if not target:
        raise UsageError(
            "lake-name",
            f"the lake name {text!r} names no catalog",
            hint="Give what you put into ATTACH, such as ducklake:main.ducklake.",
        )
    return LakeName(engine, target)
