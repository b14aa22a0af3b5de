"""Catalogs in a DuckDB file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Hashable, Sequence
from datetime import datetime

import duckdb
import msgspec

from canvasback.catalog.connections import connect
from canvasback.catalog.engines.duckdb.file import (
    HOLDS_VARIANTS,
    LOGS,
    STORAGE_VERSIONS,
    copy_hot,
    read_header,
    translate_open_error,
)
from canvasback.catalog.engines.duckdb.tables import find_schema, read_tables
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.engines.files import (
    file_pulse,
    from_outside,
    is_open_here,
    prepare_file,
    publish_file,
    translate_write_error,
)
from canvasback.catalog.engines.symlinks import logged_name
from canvasback.catalog.image import Image
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.errors import LakeError, LockedError
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier, literal
from canvasback.storage.temporary import make_folder, temporary_folder

_ATTEMPTS = 5

FOLLOWS_LINKS = tuple(map(int, duckdb.__version__.split(".")[:2])) >= (1, 5)
"""Whether the installed DuckDB keeps the log beside the file that a symlink leads to, not beside the symlink."""


class DuckDBEngine:
    """See `canvasback.catalog.engines.Engine` for what the methods promise."""

    def __init__(self, path: str, schema: str = "") -> None:
        self.path = os.path.abspath(path)
        self.schema = schema

    def read(self) -> Image:
        """Copy the database at one instant, and open the copy: the original is never opened by DuckDB."""
        for attempt in range(1, _ATTEMPTS + 1):
            folder = make_folder()
            try:
                return self._read(folder)
            except BaseException as error:
                shutil.rmtree(folder, ignore_errors=True)
                # A checkpoint rewrites a page of table headers in place: a copy that met that is torn.
                torn = isinstance(error, LakeError) and error.code == "catalog-unreadable"
                if not torn or attempt == _ATTEMPTS:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _read(self, folder: str) -> Image:
        if is_open_here(self.path):
            copy = from_outside(copy_hot, self.path, folder)
        else:
            read_header(self.path)  # says clearly what is wrong with a file that is no catalog
            copy = copy_hot(self.path, folder)
        return image_of_copy(copy, folder, self.path, self.schema)

    def place(self) -> Hashable:
        """See `Engine.place`."""
        return os.path.realpath(self.path)

    def pulse(self) -> Hashable:
        """See `file_pulse`. A commit appends to the log, a checkpoint writes the file and starts a new log."""
        return file_pulse(self.path, LOGS)

    def prepare(self, *, replace: bool) -> tuple[str, ...]:
        """See `prepare_file`."""
        return prepare_file(self.path, LOGS, self._is_empty, replace=replace)

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:
        """See `publish_file`."""
        self.prepare(replace=replace)
        if self.schema:
            image = image.transformed({}, msgspec.structs.replace(image.record, schema=self.schema))
        return tuple(publish_file(self.path, LOGS, moment, lambda staged: write_tables(image, staged)))

    def clients(self) -> tuple[str, ...]:
        """See `Engine.clients`. A DuckDB file admits one process."""
        return ()

    def change(self, statements: Sequence[str], expected: Expected | None = None) -> None:
        """See `Engine.change`."""
        if is_open_here(self.path):
            raise LockedError(
                "catalog-in-use",
                f"this process has {self.path} open",
                hint="Detach the lake first; whoever has it attached would not see the change.",
            )
        read_header(self.path)
        name = self._writable_name()
        reach = [os.path.dirname(name), os.path.dirname(os.path.realpath(name))]
        with temporary_folder() as folder, connect(folder, memory=None, ordered=True, reach=reach) as connection:
            try:
                connection.execute(f"ATTACH {literal(name)} AS target")
                schema = find_schema(connection, "target", self.schema, f"{self.path} is a DuckDB database")
                connection.execute(f"USE target.{identifier(schema)}")
                connection.execute("BEGIN")
                if expected is not None:
                    expected.check(connection.execute(expected.query).fetchall(), self.path)
                for statement in statements:
                    connection.execute(statement)
                connection.execute("COMMIT")
                connection.execute("USE memory.main")
                connection.execute("DETACH target")  # leaves no log behind
            except duckdb.Error as error:
                raise translate_open_error(error, self.path) from error

    def _writable_name(self) -> str:
        """The name by which this DuckDB finds the catalog's log.

        Raises:
            LakeError: It does not look where the log lies (``log-elsewhere``).
        """
        name = logged_name(self.path, LOGS)
        if name != os.path.realpath(self.path) and FOLLOWS_LINKS:
            raise LakeError(
                "log-elsewhere",
                f"a program with DuckDB 1.4 left the catalog's log beside {name}, where DuckDB {duckdb.__version__} "
                "does not look for it",
                hint="Open and close the lake with DuckDB 1.4 by that name, which writes the log into the file.",
            )
        return name

    def _is_empty(self) -> bool:
        if logged_name(self.path, LOGS) != os.path.realpath(self.path):
            return False
        reach = [os.path.dirname(self.path), os.path.dirname(os.path.realpath(self.path))]
        with connect(None, reach=reach) as connection:
            try:
                connection.execute(f"ATTACH {literal(self.path)} AS target (READ_ONLY)")
            except duckdb.Error as error:
                translated = translate_open_error(error, self.path) if _is_duckdb(self.path) else None
                if translated is not None and not isinstance(translated, LakeError):
                    raise translated from error
                return False
            found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'target'").fetchone()
            return found is not None and found[0] == 0


def image_of_copy(copy: str, folder: str, path: str, schema: str) -> Image:
    """The image of a catalog from a copy of its file.

    Args:
        copy: The copy; its log lies beside it.
        folder: A temporary folder with nothing else in it, which goes when the image is closed.
        path: The original, for messages.
        schema: The schema that holds the catalog; empty for the only one that does.

    Raises:
        LakeError: It is no catalog, or DuckDB cannot read it.
    """
    header = read_header(copy, path)
    connection = connect(folder)
    try:
        # Only a database without a log can be opened read-only by every release.
        logged = any(name.endswith(".wal") for name in os.listdir(folder))
        connection.execute(f"ATTACH {literal(copy)} AS image" + ("" if logged else " (READ_ONLY)"))
        schema = find_schema(connection, "image", schema, f"{path} is a DuckDB database")
        tables = read_tables(connection, "image", schema)
        version = connection.execute(
            f"SELECT value FROM ({tables['ducklake_metadata'].select}) WHERE key = 'version'"
        ).fetchone()
    except duckdb.Error as error:
        raise translate_open_error(error, path, copy) from error
    record = CatalogRecord("duckdb", schema, version[0] if version else "", header.storage_version, header.library)
    return Image(connection, tables, record, lambda: shutil.rmtree(folder, ignore_errors=True))


def write_tables(image: Image, path: str) -> list[str]:
    """Create a DuckDB file that holds the image's tables with DuckLake's own primary keys.

    The file's storage version is the one that the original had, if the installed DuckDB can write it, so
    that the release which wrote the original opens it; one that holds a VARIANT where there is such a column.

    Returns:
        Departures from the image, in words.

    Raises:
        StorageError: The disk is full or not writable.
    """
    remarks = []
    connection = image.connection
    version = image.record.storage_version or 64
    if any("VARIANT" in column.type for relation in image.tables.values() for column in relation.columns):
        version = max(version, HOLDS_VARIANTS)  # points of before do not know that the original's was raised
    wanted = STORAGE_VERSIONS.get(version, "latest")
    try:
        try:
            connection.execute(f"ATTACH {literal(path)} AS target (STORAGE_VERSION {literal(wanted)})")
        except duckdb.Error:
            connection.execute(f"ATTACH {literal(path)} AS target (STORAGE_VERSION 'latest')")
            remarks.append(f"the catalog's file is written as DuckDB {duckdb.__version__} writes it, not as {wanted}")
        try:
            os.chmod(path, 0o600)  # nobody else looks into the catalog before it has its mode
            schema = f"target.{identifier(image.record.schema)}"
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for relation in image.tables.values():
                remarks += _write_table(connection, schema, relation)
            connection.execute("CHECKPOINT target")
        finally:
            connection.execute("DETACH target")
    except duckdb.Error as error:
        raise translate_write_error(error, path) from error
    return remarks


def _write_table(connection: duckdb.DuckDBPyConnection, schema: str, relation: Relation) -> list[str]:
    key = relation.primary_key or PRIMARY_KEYS.get(relation.name, ())
    target = f"{schema}.{identifier(relation.name)}"
    try:
        connection.execute(_create_statement(target, relation.columns, key))
        connection.execute(f"INSERT INTO {target} {relation.select}")
    except duckdb.ConstraintException as error:
        # The original has rows that DuckLake's keys forbid: keep every row rather than the key.
        connection.execute(f"DROP TABLE {target}")
        free = tuple(Column(c.name, c.type) for c in relation.columns)
        connection.execute(_create_statement(target, free, ()))
        connection.execute(f"INSERT INTO {target} {relation.select}")
        return [f"{relation.name} has no primary key, because its rows break it: {str(error).splitlines()[0]}"]
    return []


def _create_statement(target: str, columns: tuple[Column, ...], key: tuple[str, ...]) -> str:
    parts = [f"{identifier(c.name)} {c.type}" + ("" if c.nullable or c.name in key else " NOT NULL") for c in columns]
    if key:
        parts.append(f"PRIMARY KEY ({', '.join(identifier(name) for name in key)})")
    return f"CREATE TABLE {target} ({', '.join(parts)})"


def _is_duckdb(path: str) -> bool:
    try:
        read_header(path)
    except LakeError:
        return False
    return True
