"""Catalogs in a SQLite file."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Hashable, Sequence
from datetime import datetime
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite.dbapi
import duckdb

from canvasback.catalog.engines.arrow import Loader, append, command
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.engines.files import (
    file_pulse,
    from_outside,
    is_open_elsewhere,
    is_open_here,
    prepare_file,
    publish_file,
)
from canvasback.catalog.engines.schemas import MARKS, choose_schema
from canvasback.catalog.engines.sqlite.file import LOGS, WRITTEN_LOGS, check_header, copy_consistent, translate
from canvasback.catalog.image import Image
from canvasback.catalog.logical import LakeTypes, lake_columns, logical_type
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.errors import LakeError, LockedError, NoSpaceError, StorageError
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier
from canvasback.storage.temporary import make_folder

_FIRST = "canvasback first row"
"""A column that tells a row of ours, which fixes the types of the stream, from those of the table."""

_VALUES = {"BIGINT": "0", "DOUBLE": "0.0", "BLOB": "x''", "VARCHAR": "''"}
_BATCH_ROWS = "65536"
_PATIENCE = 30
"""Seconds to wait for whoever writes to the catalog."""


class SQLiteEngine:
    """See `canvasback.catalog.engines.Engine` for what the methods promise."""

    def __init__(self, path: str) -> None:
        self.named = os.path.abspath(path)

    @property
    def path(self) -> str:
        """The file itself. SQLite too follows symlinks, and keeps the logs beside it."""
        return os.path.realpath(self.named)

    def read(self) -> Image:
        """Copy the database at one instant, and read the copy."""
        folder = make_folder()
        try:
            if is_open_here(self.path):  # then not even its header may be read here
                copy = from_outside(copy_consistent, self.path, folder)
            else:
                check_header(self.path)
                copy = copy_consistent(self.path, folder)
            try:
                return self._read(copy, folder)
            except sqlite3.Error as error:
                raise translate(error, self.path) from error
            except (adbc_driver_manager.Error, duckdb.Error) as error:
                raise LakeError(
                    "catalog-unreadable",
                    f"SQLite cannot read {self.path}: {str(error).splitlines()[0]}",
                    hint="If the file is damaged, restore the newest point to a new file.",
                ) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def place(self) -> Hashable:
        """See `Engine.place`."""
        return self.path

    def pulse(self) -> Hashable:
        """See `file_pulse`. A commit writes the file, or appends to the write-ahead log."""
        return file_pulse(self.path, WRITTEN_LOGS)

    def prepare(self, *, replace: bool) -> tuple[str, ...]:
        """See `prepare_file`. SQLite has no lock that shows who has a database open but idle: we look ourselves."""
        steps = prepare_file(self.path, LOGS, self._is_empty, replace=replace)
        if is_open_elsewhere(self.path):
            raise self._in_use("another process")
        return steps

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:
        """See `publish_file`."""
        self.prepare(replace=replace)
        return tuple(publish_file(self.path, LOGS, moment, lambda staged: write_tables(image, staged)))

    def clients(self) -> tuple[str, ...]:
        """See `Engine.clients`. Who has the file open is refused by `change`."""
        return ()

    def change(self, statements: Sequence[str], expected: Expected | None = None) -> None:
        """See `Engine.change`."""
        if is_open_here(self.path):  # then not even its header may be read here
            raise self._in_use("this process")
        check_header(self.path)
        if is_open_elsewhere(self.path):
            raise self._in_use("another process")
        try:
            uri = f"file:{quote(self.path)}?mode=rw"
            connected = sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
            with contextlib.closing(connected) as database:
                names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                found = ["main"] if set(MARKS) <= set(names) else []
                choose_schema(found, "", f"{self.path} is a SQLite database")
                database.execute("BEGIN EXCLUSIVE")
                if expected is not None:
                    expected.check(database.execute(expected.query).fetchall(), self.path)
                for statement in statements:
                    database.execute(statement)
                database.execute("COMMIT")  # closing without it undoes everything
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def _in_use(self, who: str) -> LockedError:
        return LockedError(
            "catalog-in-use",
            f"{who} has {self.path} open",
            hint="Close the programs that have the lake attached, and run the command again.",
        )

    def _is_empty(self) -> bool:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{quote(self.path)}?mode=ro", uri=True)) as connection:
                found: tuple[int] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return found[0] == 0
        except sqlite3.Error:
            return False

    def _read(self, copy: str, folder: str) -> Image:
        with contextlib.closing(sqlite3.connect(copy)) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found = ["main"] if set(MARKS) <= set(names) else []
            choose_schema(found, "", f"{self.path} is a SQLite database")
            lake = _lake_types(database, set(names))
            tables = {name: _describe(database, name, lake) for name in sorted(names) if name.startswith("ducklake_")}
            version = database.execute("SELECT value FROM ducklake_metadata WHERE key = 'version'").fetchone()
            journal_mode = database.execute("PRAGMA journal_mode").fetchone()[0]
        loader = Loader(folder)
        try:
            with contextlib.closing(adbc_driver_sqlite.dbapi.connect(copy)) as source:
                for name, table in tables.items():
                    tables[name] = self._load(loader, source, copy, table)
        except BaseException:
            loader.connection.close()
            raise
        os.unlink(copy)
        record = CatalogRecord("sqlite", "main", version[0] if version else "", journal_mode=journal_mode)
        return Image(loader.connection, tables, record, lambda: shutil.rmtree(folder, ignore_errors=True))

    def _load(
        self, loader: Loader, source: adbc_driver_sqlite.dbapi.Connection, copy: str, table: Relation
    ) -> Relation:
        try:
            _stream(loader, source, table)
        except (adbc_driver_manager.Error, duckdb.Error):
            # SQLite lets any value into any column: ask each column what it holds, and keep the odd one as text.
            with contextlib.closing(sqlite3.connect(copy)) as database:
                table = _by_contents(database, table)
            _stream(loader, source, table)
        return Relation(table.name, table.columns, loader.select(table.name), table.primary_key)


def write_tables(image: Image, path: str) -> list[str]:
    """Create a SQLite file that holds the image's tables with DuckLake's own primary keys.

    Returns:
        Departures from the image, in words.

    Raises:
        StorageError: The disk is full or not writable.
    """
    try:
        # Nobody else looks into the catalog before it has its mode; its journal takes the same one.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(path)) as database:
            for relation in image.tables.values():
                database.execute(_create_statement(relation, relation.primary_key or _keys(relation)))
        remarks = _fill(image, path)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute(f"PRAGMA journal_mode = {'wal' if image.record.journal_mode == 'wal' else 'delete'}")
    except (adbc_driver_manager.Error, sqlite3.Error) as error:
        text = str(error).splitlines()[0]
        if "disk is full" in text or "disk I/O error" in text:
            raise NoSpaceError(path) from error
        raise StorageError(
            f"cannot write {path}: {text}", hint="See whether the folder and the disk can be written to."
        ) from error
    return remarks


def _fill(image: Image, path: str) -> list[str]:
    remarks = []
    with contextlib.closing(adbc_driver_sqlite.dbapi.connect(path)) as target, target.cursor() as cursor:
        for relation in image.tables.values():
            shown = [identifier(column.name) for column in relation.columns]
            try:
                append(image.connection, relation, cursor, relation.name, shown)
            except adbc_driver_manager.Error as error:
                if "UNIQUE constraint" not in str(error):
                    raise
                # The original has rows that DuckLake's keys forbid: keep every row rather than the key.
                target.rollback()
                command(cursor, f"DROP TABLE {identifier(relation.name)}")
                command(cursor, _create_statement(relation, ()))
                append(image.connection, relation, cursor, relation.name, shown)
                remarks.append(f"{relation.name} has no primary key, because its rows break it")
            target.commit()
    return remarks


def _create_statement(relation: Relation, key: Sequence[str]) -> str:
    """DuckLake declares a key of one column with the column."""
    parts = []
    for column in relation.columns:
        constraint = " PRIMARY KEY" if list(key) == [column.name] else "" if column.nullable else " NOT NULL"
        parts.append(f"{identifier(column.name)} {column.declared}{constraint}")
    if len(key) > 1:
        parts.append(f"PRIMARY KEY ({', '.join(map(identifier, key))})")
    return f"CREATE TABLE {identifier(relation.name)} ({', '.join(parts)})"


def _keys(relation: Relation) -> tuple[str, ...]:
    return PRIMARY_KEYS.get(relation.name, ())


def _describe(database: sqlite3.Connection, table: str, lake: LakeTypes) -> Relation:
    columns, key = [], []
    for _, name, declared, not_null, _, part in database.execute(f"PRAGMA table_info({identifier(table)})"):
        type_ = _values(declared) or _observed(database, table, name)
        columns.append(_column(name, type_, declared, logical_type(table, name, type_, lake), nullable=not not_null))
        if part:
            key.append((part, name))
    return Relation(table, tuple(columns), "", tuple(name for _, name in sorted(key)))


def _column(name: str, type_: str, declared: str, logical: str, *, nullable: bool) -> Column:
    return Column(name, type_, nullable, declared, logical if logical != type_ else "")


def _values(declared: str) -> str | None:
    """The DuckDB type of a column's values, by SQLite's rules of affinity; None where it may hold anything."""
    kind = declared.upper()
    for marks, type_ in (
        (("INT",), "BIGINT"),
        (("CHAR", "CLOB", "TEXT"), "VARCHAR"),
        (("BLOB",), "BLOB"),
        (("REAL", "FLOA", "DOUB"), "DOUBLE"),
    ):
        if any(mark in kind for mark in marks):
            return type_
    return None


def _observed(database: sqlite3.Connection, table: str, column: str) -> str:
    """The DuckDB type that holds all values of a column: its own where they are of one kind, else text."""
    kinds = {
        kind
        for (kind,) in database.execute(f"SELECT DISTINCT typeof({identifier(column)}) FROM {identifier(table)}")
        if kind != "null"
    }
    return (
        {"integer": "BIGINT", "real": "DOUBLE", "blob": "BLOB"}.get(kinds.pop(), "VARCHAR")
        if len(kinds) == 1
        else ("VARCHAR")
    )


def _by_contents(database: sqlite3.Connection, table: Relation) -> Relation:
    columns = []
    for column in table.columns:
        type_ = _observed(database, table.name, column.name)
        columns.append(_column(column.name, type_, column.declared, column.meaning, nullable=column.nullable))
    return Relation(table.name, tuple(columns), "", table.primary_key)


def _stream(loader: Loader, source: adbc_driver_sqlite.dbapi.Connection, table: Relation) -> None:
    first = [f"1 AS {identifier(_FIRST)}", *(f"{_VALUES[c.type]} AS {identifier(c.name)}" for c in table.columns)]
    rest = ["0", *(_shown(column) for column in table.columns)]
    with source.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": _BATCH_ROWS})
        loader.load(
            cursor,
            f"SELECT {', '.join(first)} UNION ALL SELECT {', '.join(rest)} FROM {identifier(table.name)}",
            table.name,
            {column.name: column.type for column in table.columns},
            f"{identifier(_FIRST)} = 0",
        )


def _shown(column: Column) -> str:
    name = identifier(column.name)
    return f"CAST({name} AS TEXT)" if column.type == "VARCHAR" and _values(column.declared) != "VARCHAR" else name


def _lake_types(database: sqlite3.Connection, names: set[str]) -> LakeTypes:
    rows = database.execute(
        "SELECT column_id, table_id, column_name, column_type, parent_column, begin_snapshot, end_snapshot "
        "FROM ducklake_column"
    )
    versions = "SELECT schema_version, min({}) FROM {} GROUP BY 1"
    begins = dict(database.execute(versions.format("snapshot_id", "ducklake_snapshot")).fetchall())
    if "ducklake_schema_versions" in names:
        begins |= dict(database.execute(versions.format("begin_snapshot", "ducklake_schema_versions")).fetchall())
    return LakeTypes(lake_columns(rows), begins)
