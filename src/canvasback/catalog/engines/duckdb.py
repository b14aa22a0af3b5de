"""Catalogs in a DuckDB file."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import duckdb

from canvasback.catalog.engines.duckdb_file import (
    LOGS,
    STORAGE_VERSIONS,
    copy_from_outside,
    copy_hot,
    is_open_here,
    read_header,
    translate_open_error,
)
from canvasback.catalog.image import Image, connect, select_all
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.errors import AccessDeniedError, LakeError, LockedError, NoSpaceError, RefusedError, StorageError
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier, literal
from canvasback.storage.staging import staged_path, sweep

_ATTEMPTS = 5
_MARKS = ("ducklake_metadata", "ducklake_snapshot")
"""The tables without which a database is not a catalog."""


class DuckDBEngine:
    """See `canvasback.catalog.engines.Engine` for what the methods promise."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    def read(self) -> Image:
        """Copy the database at one instant, and open the copy: the original is never opened by DuckDB."""
        for attempt in range(1, _ATTEMPTS + 1):
            folder = tempfile.mkdtemp(prefix="canvasback-")
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
            copy = copy_from_outside(self.path, folder)
        else:
            read_header(self.path)  # says clearly what is wrong with a file that is no catalog
            copy = copy_hot(self.path, folder)
        header = read_header(copy)
        connection = connect(folder)
        try:
            # Only a database without a log can be opened read-only by every release.
            logged = any(name.endswith(".wal") for name in os.listdir(folder))
            connection.execute(f"ATTACH {literal(copy)} AS image" + ("" if logged else " (READ_ONLY)"))
            schema = _find_schema(connection, self.path)
            tables = _read_tables(connection, schema)
            version = connection.execute(
                f"SELECT value FROM ({tables['ducklake_metadata'].select}) WHERE key = 'version'"
            ).fetchone()
        except duckdb.Error as error:
            raise translate_open_error(error, self.path) from error
        record = CatalogRecord("duckdb", schema, version[0] if version else "", header.storage_version, header.library)
        return Image(connection, tables, record, lambda: shutil.rmtree(folder, ignore_errors=True))

    def prepare(self, *, replace: bool) -> tuple[str, ...]:
        """An absent file is free; one without tables is too; any other needs ``replace``."""
        above = os.path.dirname(self.path)
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise RefusedError("target-not-empty", f"{above} is not a folder", hint="Name a file in a folder.")
        if not os.path.lexists(self.path):
            return (_aside_step(self.path),) if any(os.path.lexists(self.path + log) for log in LOGS) else ()
        if is_open_here(self.path):
            raise LockedError(
                "catalog-in-use", f"this process has {self.path} open", hint="Detach the lake before you restore it."
            )
        if os.path.isdir(self.path):
            raise RefusedError("target-not-empty", f"{self.path} is a folder", hint="Name a new file.")
        if os.path.getsize(self.path) > 0 and not self._is_empty() and not replace:
            raise RefusedError(
                "target-not-empty",
                f"there is a database at {self.path} already",
                hint="Name a new file, or add --replace: it moves the old one aside first.",
            )
        return (_aside_step(self.path),)

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:
        """Write to a file beside the target, flush it, and give it its name last."""
        self.prepare(replace=replace)
        remarks: list[str] = []
        folder, name = os.path.split(self.path)
        staged = staged_path(self.path)
        sweep(folder, name)
        try:
            os.makedirs(folder, exist_ok=True)
            remarks += write_tables(image, staged)
            _flush(staged)
            remarks += self._move_aside(moment)
            os.link(staged, self.path)
            _flush(folder)
        except FileExistsError as error:
            raise RefusedError(
                "target-not-empty", f"{self.path} appeared meanwhile", hint="See who writes there, and try again."
            ) from error
        except OSError as error:
            raise translate_write_error(error, self.path) from error
        finally:
            for leftover in (staged, staged + ".wal"):
                Path(leftover).unlink(missing_ok=True)
        return tuple(remarks)

    def _is_empty(self) -> bool:
        with contextlib.closing(duckdb.connect(":memory:")) as connection:
            try:
                connection.execute(f"ATTACH {literal(self.path)} AS target (READ_ONLY)")
            except duckdb.Error as error:
                translated = translate_open_error(error, self.path) if _is_duckdb(self.path) else None
                if translated is not None and not isinstance(translated, LakeError):
                    raise translated from error
                return False
            found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'target'").fetchone()
            return found is not None and found[0] == 0

    def _move_aside(self, moment: datetime) -> list[str]:
        """Give a catalog and its logs other names, so that at any instant there is a catalog with its own log.

        A log goes too, even of a catalog that is gone: DuckDB would replay it into the new one. For the same
        reason it loses its old name first.
        """
        aside = f"{self.path}.replaced-{moment:%Y%m%dT%H%M%S%fZ}"
        moved = [part for part in (*LOGS, "") if os.path.lexists(self.path + part)]
        for part in moved:
            os.link(self.path + part, aside + part, follow_symlinks=False)
        if moved:
            _flush(os.path.dirname(self.path))
        for part in moved:
            os.unlink(self.path + part)
        return [f"the old catalog was moved to {aside}"] if moved else []


def _aside_step(path: str) -> str:
    return f"what is at {path} is moved to {path}.replaced-<time>"


def write_tables(image: Image, path: str) -> list[str]:
    """Create a DuckDB file that holds the image's tables with DuckLake's own primary keys.

    The file's storage version is the one that the original had, if the installed DuckDB can write it, so
    that the release which wrote the original opens it.

    Returns:
        Departures from the image, in words.

    Raises:
        StorageError: The disk is full or not writable.
    """
    remarks = []
    connection = image.connection
    wanted = STORAGE_VERSIONS.get(image.record.storage_version or 64, "latest")
    try:
        try:
            connection.execute(f"ATTACH {literal(path)} AS target (STORAGE_VERSION {literal(wanted)})")
        except duckdb.Error:
            connection.execute(f"ATTACH {literal(path)} AS target (STORAGE_VERSION 'latest')")
            remarks.append(f"the catalog's file is written as DuckDB {duckdb.__version__} writes it, not as {wanted}")
        try:
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


def _find_schema(connection: duckdb.DuckDBPyConnection, path: str) -> str:
    found = connection.execute(
        "SELECT schema_name FROM duckdb_tables() WHERE database_name = 'image' AND list_contains(?, table_name) "
        "GROUP BY ALL HAVING count(*) = ? ORDER BY ALL",
        [list(_MARKS), len(_MARKS)],
    ).fetchall()
    if len(found) == 1:
        return str(found[0][0])
    if not found:
        raise LakeError(
            "not-a-ducklake",
            f"{path} is a DuckDB database, but there is no DuckLake catalog in it",
            hint="Name the file that you put after ducklake: in ATTACH, not one of a database of your own.",
        )
    raise LakeError(
        "several-catalogs",
        f"{path} holds {len(found)} DuckLake catalogs, in the schemas {', '.join(row[0] for row in found)}",
        hint="Keep one catalog in a file; which of several is meant cannot be told.",
    )


def _read_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, Relation]:
    where = "database_name = 'image' AND schema_name = ? AND starts_with(table_name, 'ducklake_')"
    columns: dict[str, list[Column]] = {}
    for table, name, type_, nullable in connection.execute(
        f"SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE {where} "
        "AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = 'image' AND schema_name = ?) "
        "ORDER BY table_name, column_index",
        [schema, schema],
    ).fetchall():
        columns.setdefault(table, []).append(Column(name, type_, bool(nullable)))
    keys = dict(
        connection.execute(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            f"WHERE constraint_type = 'PRIMARY KEY' AND {where}",
            [schema],
        ).fetchall()
    )
    return {
        table: Relation(table, tuple(found), select_all("image", schema, table), tuple(keys.get(table, ())))
        for table, found in columns.items()
    }


def _is_duckdb(path: str) -> bool:
    try:
        read_header(path)
    except LakeError:
        return False
    return True


def _flush(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def translate_write_error(error: Exception, path: str) -> StorageError:
    """Say in our words why a catalog could not be written."""
    text = str(error)
    if "No space left" in text or "disk is full" in text.lower() or "out of disk" in text.lower():
        return NoSpaceError(path)
    if isinstance(error, PermissionError) or "Permission denied" in text:
        return AccessDeniedError(path)
    return StorageError(
        f"cannot write {path}: {text.splitlines()[0]}", hint="See whether the folder and the disk can be written to."
    )
