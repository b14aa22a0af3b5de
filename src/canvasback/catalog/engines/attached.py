"""A catalog that this very process has attached, read through the application's own connection."""

from __future__ import annotations

import os
import secrets
import shutil

import duckdb

from canvasback.catalog.connections import connect
from canvasback.catalog.engines import Engine, open_engine
from canvasback.catalog.engines.duckdb_file import STORAGE_VERSIONS
from canvasback.catalog.engines.duckdb_tables import find_schema, read_tables
from canvasback.catalog.image import Image, select_all
from canvasback.errors import LakeError, UsageError
from canvasback.model.lake import EngineName, LakeName
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Relation, identifier, literal
from canvasback.storage.temporary import make_folder

_PREFIX = "__ducklake_metadata_"
"""What the extension puts before a lake's alias to name the database of its catalog."""


_ENGINES: dict[str, EngineName] = {"sqlite": "sqlite", "postgres": "postgres"}


class AttachedLake:
    """A lake that an application has attached under an alias.

    Args:
        connection: The application's connection; it is used through a cursor of its own, so that neither an open
            transaction of it nor its results are disturbed.
        alias: The lake's name in it.

    Attributes:
        name: The lake's name as others would write it.

    Raises:
        UsageError: The connection has no lake of that name (``not-attached``).
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, alias: str) -> None:
        self._cursor = connection.cursor()
        self._database = _PREFIX + alias
        found = self._cursor.execute(
            "SELECT path, type, tags::VARCHAR FROM duckdb_databases() WHERE database_name = ?", [self._database]
        ).fetchone()
        if found is None:
            raise UsageError(
                "not-attached",
                f"the connection has no lake with the name {alias!r} attached",
                hint="Give the name after AS in ATTACH 'ducklake:…' AS name.",
            )
        path, kind, self._tags = found
        self.name = LakeName(_ENGINES.get(kind, "duckdb"), path or ":memory:")

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

    def _read(self, folder: str) -> Image:
        copy = os.path.join(folder, "image.duckdb")
        schema = find_schema(self._cursor, self._database, "", f"{self.name} is a DuckDB database")
        tables = read_tables(self._cursor, self._database, schema)
        self._copy(tables, copy)
        library = str(self._cursor.execute("SELECT version()").fetchall()[0][0])
        connection = connect(folder)
        connection.execute(f"ATTACH {literal(copy)} AS image (READ_ONLY)")
        copied = {
            name: Relation(name, table.columns, select_all("image", "main", name), table.primary_key)
            for name, table in tables.items()
        }
        version = connection.execute(
            f"SELECT value FROM ({copied['ducklake_metadata'].select}) WHERE key = 'version'"
        ).fetchone()
        record = CatalogRecord("duckdb", schema, version[0] if version else "", self._storage_version(), library)
        return Image(connection, copied, record, lambda: shutil.rmtree(folder, ignore_errors=True))

    def _copy(self, tables: dict[str, Relation], path: str) -> None:
        copy = f"canvasback_{secrets.token_hex(4)}"
        self._cursor.execute(f"ATTACH {literal(path)} AS {copy}")
        try:
            self._cursor.begin()
            try:
                for name, table in tables.items():
                    self._cursor.execute(f"CREATE TABLE {copy}.{identifier(name)} AS {table.select}")
            except BaseException:
                self._cursor.rollback()
                raise
            self._cursor.commit()
        finally:
            self._cursor.execute(f"DETACH {copy}")

    def _storage_version(self) -> int | None:
        """The number of the file's storage version, of which DuckDB shows the oldest release that reads it."""
        return next((number for number, release in STORAGE_VERSIONS.items() if release in self._tags), None)
