"""A catalog that this very process has attached, read through the application's own connection."""

from __future__ import annotations

import os
import secrets
import shutil

import duckdb

from canvasback.catalog.connections import connect
from canvasback.catalog.engines import Engine, open_engine
from canvasback.catalog.engines.duckdb.file import open_header
from canvasback.catalog.engines.duckdb.tables import find_schema, read_tables
from canvasback.catalog.image import Image
from canvasback.errors import LakeError, UsageError
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import identifier, literal
from canvasback.storage.temporary import make_folder

_PREFIX = "__ducklake_metadata_"
"""What the extension puts before a lake's alias to name the database of its catalog, if METADATA_CATALOG does not."""

_NAMED = ("duckdb:", "sqlite:", "postgres:", "postgresql:", "postgres_scanner:", "sqlite_scanner:")
"""Kinds of databases with which a lake's path may begin; where a secret names the kind, it does not."""


class AttachedLake:
    """A lake that an application has attached under an alias.

    From 1.0 on the extension hides the database of the catalog (``HIDDEN``, in its `GetAttachOptions`): DuckDB lists
    neither it nor its tables. What it is, the lake's own row and ``ducklake_settings`` tell, and COPY FROM DATABASE
    copies its tables with their keys all the same.

    Args:
        connection: The application's connection; it is used through a cursor of its own, so that neither an open
            transaction of it nor its results are disturbed.
        alias: The lake's name in it.
        schema: The schema of the catalog's database that holds the catalog; empty for the only one that does.

    Attributes:
        name: The lake's name as others would write it.

    Raises:
        UsageError: The connection has no lake of that name (``not-attached``).
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, alias: str, schema: str = "") -> None:
        self._cursor = connection.cursor()
        found = self._cursor.execute(
            "SELECT database_name, path FROM duckdb_databases() WHERE lower(database_name) = lower(?) "
            "AND type = 'ducklake'",
            [alias],
        ).fetchone()
        if found is None:
            raise UsageError(
                "not-attached",
                f"the connection has no lake with the name {alias!r} attached",
                hint="Give the name after AS in ATTACH 'ducklake:…' AS name.",
            )
        self._alias, path = str(found[0]), str(found[1] or ":memory:")
        target = next((path.removeprefix(kind) for kind in _NAMED if path.startswith(kind)), path)
        self._database = self._find_database(target)
        named = parse_lake(f"{self._kind()}:{target}")
        self.name = LakeName(named.engine, named.target, schema)

    def engine(self) -> Engine | AttachedLake:
        """Who reads the catalog: we do if it is in DuckDB, whose file nobody else can open; else its own engine."""
        return self if self.name.engine == "duckdb" else open_engine(self.name)

    def read(self) -> Image:
        """Copy the catalog's tables in one transaction of the application's DuckDB, and read the copy.

        Raises:
            LakeError: The catalog cannot be read (``catalog-unreadable``).
        """
        folder = make_folder()
        try:
            return self._read(folder)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, duckdb.Error):
                raise LakeError(
                    "catalog-unreadable",
                    f"the catalog of {self.name} cannot be read: {str(error).splitlines()[0]}",
                    hint="See whether the lake is still attached, and whether the temporary folder has room.",
                ) from error
            raise

    def _find_database(self, target: str) -> str:
        """The database of the catalog: of the usual name, or of one that METADATA_CATALOG gave, which is listed."""
        usual = _PREFIX + self._alias
        # Of all that tell of databases, this alone does not pass over hidden ones.
        if (usual,) in self._cursor.execute("SELECT database_name FROM pragma_database_size()").fetchall():
            return usual
        named = self._cursor.execute(
            "SELECT database_name FROM duckdb_databases() WHERE type <> 'ducklake' AND path = ?", [target]
        ).fetchall()
        if len(named) != 1:
            raise UsageError(
                "not-attached",
                f"the connection does not tell which database holds the catalog of the lake {self._alias!r}",
                hint="Attach the lake without METADATA_CATALOG, or name the lake itself: backup('ducklake:…', …).",
            )
        return str(named[0][0])

    def _kind(self) -> str:
        """The kind of the catalog's database, as in an attach string."""
        listed = self._cursor.execute(
            "SELECT type FROM duckdb_databases() WHERE database_name = ?", [self._database]
        ).fetchone()
        if listed is None:
            listed = self._cursor.execute(
                f"SELECT catalog_type FROM ducklake_settings({literal(self._alias)})"
            ).fetchone()
        return str(listed[0]).removesuffix("_scanner") if listed else "duckdb"

    def _read(self, folder: str) -> Image:
        copy = os.path.join(folder, "image.duckdb")
        self._copy(copy)
        library = str(self._cursor.execute("SELECT version()").fetchall()[0][0])
        connection = connect(folder)
        connection.execute(f"ATTACH {literal(copy)} AS image (READ_ONLY)")
        schema = find_schema(connection, "image", self.name.schema, f"{self.name} is a DuckDB database")
        tables = read_tables(connection, "image", schema)
        version = connection.execute(
            f"SELECT value FROM ({tables['ducklake_metadata'].select}) WHERE key = 'version'"
        ).fetchone()
        header = None if self.name.target == ":memory:" else open_header(self.name.target)
        storage = header.storage_version if header else None
        record = CatalogRecord("duckdb", schema, version[0] if version else "", storage, library)
        return Image(connection, tables, record, lambda: shutil.rmtree(folder, ignore_errors=True))

    def _copy(self, path: str) -> None:
        copy = f"canvasback_{secrets.token_hex(4)}"
        # The newest storage version holds every type that this DuckDB has.
        self._cursor.execute(f"ATTACH {literal(path)} AS {copy} (STORAGE_VERSION 'latest')")
        try:
            self._cursor.begin()
            try:
                source = identifier(self._database)
                self._cursor.execute(f"COPY FROM DATABASE {source} TO {copy} (SCHEMA)")
                for schema, table in self._cursor.execute(
                    "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? "
                    "AND starts_with(table_name, 'ducklake_')",
                    [copy],
                ).fetchall():
                    name = f"{identifier(schema)}.{identifier(table)}"
                    self._cursor.execute(f"INSERT INTO {copy}.{name} SELECT * FROM {source}.{name}")
            except BaseException:
                self._cursor.rollback()
                raise
            self._cursor.commit()
        finally:
            self._cursor.execute(f"DETACH {copy}")
