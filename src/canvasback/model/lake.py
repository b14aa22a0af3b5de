"""The name of a lake: the string that a user puts into ATTACH."""

from __future__ import annotations

import re

import msgspec

from canvasback.errors import UsageError
from canvasback.model.engine import ENGINES, EngineKind, EngineName, find_engine, shown_engines

_REFUSED = {
    "mysql": "DuckLake's own documentation advises against MySQL: it has no transactions around changes of tables, "
    "and the extension loses its way in it",
    "md": "a catalog that MotherDuck manages cannot be read as a database",
    "motherduck": "a catalog that MotherDuck manages cannot be read as a database",
    "quack": "a catalog behind a server of DuckDB's own protocol cannot be read as a database",
}
_SCHEMA = re.compile(r"\(\s*METADATA_SCHEMA\s+'((?:[^']|'')+)'\s*\)$", re.IGNORECASE)
_QUERY = re.compile(r"\?.*", re.DOTALL)
_PASSWORDS = (
    re.compile(r"(?P<before>\b(?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&]*)", re.IGNORECASE),
    re.compile(r"(?P<before>://[^/?@\s:]*:)[^/@\s]*(?=@)"),
)


class LakeName(msgspec.Struct, frozen=True):
    """Where a lake's catalog is. As text it is fit to be shown: passwords are left out.

    Attributes:
        engine: The kind of database that holds the catalog.
        target: The engine's own name for it: a file's path, or a connection string of PostgreSQL.
        schema: The database schema, where the user names one; the only one that holds a catalog if empty.
    """

    engine: EngineName
    target: str
    schema: str = ""

    def __str__(self) -> str:
        name = (
            f"ducklake:{self.shown_target}"
            if self.engine == "duckdb"
            else f"ducklake:{self.engine}:{self.shown_target}"
        )
        return f"{name} (METADATA_SCHEMA '{self.schema.replace(chr(39), chr(39) * 2)}')" if self.schema else name

    @property
    def kind(self) -> EngineKind:
        """What is known of that kind of database."""
        return ENGINES[self.engine]

    @property
    def is_file(self) -> bool:
        """Whether the catalog is a file on this machine."""
        return not self.kind.served and not self.is_url

    @property
    def is_url(self) -> bool:
        """Whether the catalog is a file in a bucket or at a web server, which can only be read."""
        return self.kind.by_url and "://" in self.target

    @property
    def shown_target(self) -> str:
        """The target without its secrets."""
        if self.is_url:  # the query of a presigned URL lets everybody in who has it
            return _QUERY.sub("?***", without_secrets(self.target))
        return without_secrets(self.target) if self.kind.served else self.target


def without_secrets(text: str) -> str:
    """A connection string, or a message that quotes one, with ``***`` for each password."""
    for pattern in _PASSWORDS:
        text = pattern.sub(r"\g<before>***", text)
    return text


def parse_lake(text: str) -> LakeName:
    """Read an attach string.

    ``ducklake:main.ducklake``, ``ducklake:duckdb:main.ducklake``, ``ducklake:sqlite:main.db``,
    ``ducklake:postgres:dbname=catalog host=…``, or the path of a DuckDB file. ``(METADATA_SCHEMA 'name')`` may
    follow, as it does in ATTACH.

    Raises:
        UsageError: The string is empty (``lake-name``), or names a kind of catalog that is not supported
            (``engine-not-supported``).
    """
    rest = text.removeprefix("ducklake:")
    named = _SCHEMA.search(rest)
    schema = named[1].replace("''", "'") if named else ""
    rest = rest[: named.start()].rstrip() if named else rest
    prefix, colon, after = rest.partition(":")
    if colon and prefix in _REFUSED:
        raise UsageError(
            "engine-not-supported",
            f"catalogs of the kind {prefix!r} are not supported: {_REFUSED[prefix]}",
            hint=f"Keep the catalog in {shown_engines()}, such as ducklake:main.ducklake.",
        )
    kind = find_engine(prefix) if colon else None
    if kind is None:
        kind, after = ENGINES["duckdb"], rest
    elif kind.served and after.startswith("//"):
        after = rest  # the connection string is a URL, whose scheme names the engine
    target = after if kind.served else after.removeprefix("file://")
    if not (kind.served or kind.by_url) and "://" in target:
        raise UsageError(
            "lake-name",
            f"a {kind.shown} catalog cannot be read where {target!r} is: {kind.shown} reads local files only",
            hint="Download it to a local file, and name that.",
        )
    if not target and not kind.served:  # the environment may say all that PostgreSQL's client needs
        raise UsageError(
            "lake-name",
            f"the lake name {text!r} names no catalog",
            hint="Give what you put into ATTACH, such as ducklake:main.ducklake.",
        )
    return LakeName(kind.name, target, schema)
