"""Catalogs in a PostgreSQL database."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

import adbc_driver_manager
from adbc_driver_manager.dbapi import Connection, Cursor

from canvasback.catalog.engines.arrow import Loader, append, command, query
from canvasback.catalog.engines.expected import Expected
from canvasback.catalog.engines.postgres.commits import load_commits
from canvasback.catalog.engines.postgres.pulse import SESSION, Pulse
from canvasback.catalog.engines.postgres.session import connect, server_version
from canvasback.catalog.engines.postgres.types import VALUES
from canvasback.catalog.engines.schemas import MARKS, choose_schema
from canvasback.catalog.image import Image
from canvasback.catalog.logical import LakeTypes, lake_columns, logical_type
from canvasback.catalog.spec import PRIMARY_KEYS
from canvasback.errors import LockedError, RefusedError
from canvasback.model.lake import LakeName
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Column, Relation, identifier, literal
from canvasback.storage.temporary import make_folder

_ATTEMPTS = 5
_TEXTS = frozenset({"character varying", "text"})
_INLINED = "ducklake_inlined_"
_ASIDE = re.compile(r"_replaced_\d{8}T\d+Z$")

_LEAVING = (0.05, 0.2)
"""Seconds to wait for a session to end, and again."""


class _Vanished(Exception):  # noqa: N818 - never leaves this module
    """A table of inlined rows was dropped between being listed and being read."""


class PostgresEngine:
    """See `canvasback.catalog.engines.Engine` for what the methods promise."""

    def __init__(self, lake: LakeName) -> None:
        self.lake = lake
        self._pulse = Pulse(lake, lambda connection: find_schema(connection, lake))

    def read(self) -> Image:
        """Read everything in one transaction that sees one instant and can write nothing."""
        for _ in range(_ATTEMPTS):
            folder = make_folder()
            try:
                return self._read(folder)
            except _Vanished:
                shutil.rmtree(folder, ignore_errors=True)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        raise LockedError(
            "catalog-busy",
            f"tables of the catalog {self.lake} went away while they were read, {_ATTEMPTS} times",
            hint="Try again when fewer flushes of inlined rows run.",
        )

    def place(self) -> Hashable:
        """See `Engine.place`. Who started at the same microsecond, with databases of the same number, is one server."""
        with connect(self.lake, read_only=True) as connection, connection.cursor() as cursor:
            [server] = query(
                cursor,
                "SELECT pg_postmaster_start_time()::text, oid::bigint FROM pg_database "
                "WHERE datname = current_database()",
            )
        return (*server, self._schema)

    def pulse(self) -> Hashable:
        """See `Pulse`."""
        return self._pulse.feel()

    def prepare(self, *, replace: bool) -> tuple[str, ...]:
        """A schema without DuckLake's tables is free; any other needs ``replace``."""
        with connect(self.lake, read_only=True) as connection:
            occupied = _tables(connection, self._schema)
        if not occupied:
            return ()
        if not replace:
            raise RefusedError(
                "target-not-empty",
                f"there is a catalog in the schema {self._schema} of {self.lake} already",
                hint="Name another database or METADATA_SCHEMA, or add --replace: it moves the old one aside first.",
            )
        return (f"what is in the schema {self._schema} is moved to the schema {self._schema}_replaced_<time>",)

    def write(self, image: Image, moment: datetime, *, replace: bool) -> tuple[str, ...]:
        """Write everything in one transaction."""
        self.prepare(replace=replace)
        remarks: list[str] = []
        with connect(self.lake, read_only=False) as connection:
            occupied = _tables(connection, self._schema)
            if occupied:
                remarks.append(self._move_aside(connection, occupied, moment))
            with connection.cursor() as cursor:
                if not query(cursor, f"SELECT 1 FROM pg_namespace WHERE nspname = {literal(self._schema)}"):
                    command(cursor, f"CREATE SCHEMA {identifier(self._schema)}")
            for relation in image.tables.values():
                remarks += _write_table(connection, image, relation, self._schema)
            connection.commit()
        return tuple(remarks)

    def clients(self) -> tuple[str, ...]:
        """See `Engine.clients`. A session that remembers the catalog cannot be told from others; a watch's does not.

        A server process outlives its client by a moment: who is only about to go is no client.
        """
        found = self._sessions()
        for pause in _LEAVING:
            if not found:
                break
            time.sleep(pause)
            found = tuple(session for session in self._sessions() if session in found)
        return found

    def _sessions(self) -> tuple[str, ...]:
        with connect(self.lake, read_only=True) as connection, connection.cursor() as cursor:
            found = query(
                cursor,
                "SELECT pid::text || coalesce(' (' || nullif(application_name, '') || ')', '') "
                "|| coalesce(' from ' || host(client_addr), '') FROM pg_stat_activity "
                "WHERE datname = current_database() AND backend_type = 'client backend' "
                f"AND pid <> pg_backend_pid() AND application_name IS DISTINCT FROM {literal(SESSION)} ORDER BY pid",
            )
        return tuple(f"server process {who}" for (who,) in found)

    def change(self, statements: Sequence[str], expected: Expected | None = None) -> None:
        """See `Engine.change`."""
        with connect(self.lake, read_only=False) as connection:
            schema = find_schema(connection, self.lake)
            with connection.cursor() as cursor:
                command(cursor, f"SET LOCAL search_path TO {identifier(schema)}")
                # Every client's transaction begins with reading this table: none that goes on saw what was before.
                command(cursor, "LOCK TABLE ducklake_snapshot IN ACCESS EXCLUSIVE MODE")
                if expected is not None:
                    expected.check(query(cursor, expected.query), str(self.lake))
                for statement in statements:
                    command(cursor, statement)
            connection.commit()

    @property
    def _schema(self) -> str:
        return self.lake.schema or "public"

    def _move_aside(self, connection: Connection, tables: Sequence[str], moment: datetime) -> str:
        aside = f"{self._schema}_replaced_{moment:%Y%m%dT%H%M%S%fZ}"
        with connection.cursor() as cursor:
            command(cursor, f"CREATE SCHEMA {identifier(aside)}")
            for table in tables:
                command(cursor, f"ALTER TABLE {_qualified(self._schema, table)} SET SCHEMA {identifier(aside)}")
        return f"the old catalog was moved to the schema {aside}"

    def _read(self, folder: str) -> Image:
        loader = Loader(folder)
        try:
            with connect(self.lake, read_only=True) as connection:
                version = server_version(connection)
                schema = find_schema(connection, self.lake)
                tables = _describe(connection, schema)
                # Somebody who flushes inlined rows drops their table, and has to wait for whoever reads it:
                # so these are read first, and let go of at once.
                self._load(connection, loader, schema, {n: t for n, t in tables.items() if n.startswith(_INLINED)})
                self._load(connection, loader, schema, {n: t for n, t in tables.items() if n not in loader.loaded})
                commits = load_commits(connection, loader, schema)
            image = _image(loader, tables, schema, f"PostgreSQL {version // 10_000}.{version % 10_000}", folder)
            image.commits = commits
        except BaseException:
            loader.connection.close()
            raise
        return image

    def _load(self, connection: Connection, loader: Loader, schema: str, tables: dict[str, Relation]) -> None:
        with connection.cursor() as cursor:
            command(cursor, "SAVEPOINT canvasback")
            for name, table in tables.items():
                shown = ", ".join(f"{_shown(column)} AS {identifier(column.name)}" for column in table.columns)
                try:
                    loader.load(
                        cursor,
                        f"SELECT {shown} FROM {_qualified(schema, name)}",
                        name,
                        {column.name: column.type for column in table.columns},
                    )
                except adbc_driver_manager.Error as error:
                    if getattr(error, "sqlstate", "") == "42P01":
                        raise _Vanished from error
                    raise
            command(cursor, "ROLLBACK TO SAVEPOINT canvasback")  # lets go of the locks on what was read


def _image(loader: Loader, tables: dict[str, Relation], schema: str, library: str, folder: str) -> Image:
    lake = _lake_types(loader, tables)
    relations = {}
    for name, table in tables.items():
        columns = []
        for column in table.columns:
            logical = logical_type(name, column.name, column.type, lake)
            shown = logical if logical != column.type else ""
            columns.append(Column(column.name, column.type, column.nullable, column.declared, shown))
        relations[name] = Relation(name, tuple(columns), loader.select(name), table.primary_key)
    found = loader.connection.execute(
        f"SELECT value FROM ({loader.select('ducklake_metadata')}) WHERE key = 'version'"
    ).fetchone()
    record = CatalogRecord("postgres", schema, found[0] if found else "", library=library)
    return Image(loader.connection, relations, record, lambda: shutil.rmtree(folder, ignore_errors=True))


def _lake_types(loader: Loader, tables: dict[str, Relation]) -> LakeTypes:
    def rows(sql: str, table: str) -> list[tuple[Any, ...]]:
        return loader.connection.execute(f"{sql} FROM ({loader.select(table)})").fetchall() if table in tables else []

    columns = rows(
        "SELECT column_id, table_id, column_name, column_type, parent_column, begin_snapshot, end_snapshot",
        "ducklake_column",
    )
    begins: dict[int, int] = {}
    for begin, table in (("snapshot_id", "ducklake_snapshot"), ("begin_snapshot", "ducklake_schema_versions")):
        for version, snapshot in rows(f"SELECT schema_version, {begin}", table):
            begins[version] = min(snapshot, begins.get(version, snapshot))
    return LakeTypes(lake_columns(columns), begins)


def find_schema(connection: Connection, lake: LakeName) -> str:
    """The schema of the database that holds the catalog."""
    return choose_schema(_catalogs(connection, lake.schema), lake.schema, f"{lake} is a PostgreSQL database")


def _catalogs(connection: Connection, wanted: str) -> list[str]:
    """The schemas that hold a catalog, without those that were moved aside unless one of them is wanted."""
    with connection.cursor() as cursor:
        found = query(
            cursor,
            "SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE c.relkind IN ('r', 'p') AND c.relname IN ({', '.join(map(literal, MARKS))}) "
            f"GROUP BY 1 HAVING count(*) = {len(MARKS)} ORDER BY 1",
        )
    return [schema for (schema,) in found if schema == wanted or not _ASIDE.search(schema)]


def _tables(connection: Connection, schema: str) -> list[str]:
    with connection.cursor() as cursor:
        found = query(
            cursor,
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            f"WHERE c.relkind IN ('r', 'p') AND n.nspname = {literal(schema)} AND starts_with(c.relname, 'ducklake_') "
            "ORDER BY 1",
        )
    return [row[0] for row in found]


def _describe(connection: Connection, schema: str) -> dict[str, Relation]:
    with connection.cursor() as cursor:
        columns = query(
            cursor,
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
            f"WHERE n.nspname = {literal(schema)} AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
            "AND starts_with(c.relname, 'ducklake_') ORDER BY 1, a.attnum",
        )
        keys = query(
            cursor,
            "SELECT c.relname::text, a.attname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY u(number, place) "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number "
            f"WHERE k.contype = 'p' AND n.nspname = {literal(schema)} ORDER BY 1, u.place",
        )
    found: dict[str, list[Column]] = {}
    for table, name, declared, not_null in columns:
        type_ = VALUES.get(declared, "VARCHAR")
        found.setdefault(table, []).append(Column(name, type_, not not_null, declared))
    primary = {table: tuple(name for of, name in keys if of == table) for table in found}
    return {table: Relation(table, tuple(listed), "", primary[table]) for table, listed in found.items()}


def _shown(column: Column) -> str:
    name = identifier(column.name)
    if column.declared == "interval":  # whose text has plus signs that DuckDB does not read
        return f"replace({name}::text, '+', '')"
    return name if column.declared in VALUES or column.declared in _TEXTS else f"{name}::text"


def _write_table(connection: Connection, image: Image, relation: Relation, schema: str) -> list[str]:
    target = _qualified(schema, relation.name)
    names = [identifier(column.name) for column in relation.columns]
    ddl = [f"{n} {c.declared}{'' if c.nullable else ' NOT NULL'}" for n, c in zip(names, relation.columns, strict=True)]
    with connection.cursor() as cursor:
        command(cursor, f"CREATE TABLE {target} ({', '.join(ddl)})")
        if all(_shown(column) == name for column, name in zip(relation.columns, names, strict=True)):
            append(image.connection, relation, cursor, relation.name, names, schema=schema)
        else:
            _write_texts(cursor, image, relation, target)
        key = relation.primary_key or PRIMARY_KEYS.get(relation.name, ())
        if key and _breaks(image, relation, key):
            # The original has rows that DuckLake's keys forbid: keep every row rather than the key.
            return [f"{relation.name} has no primary key, because its rows break it"]
        if key:
            command(cursor, f"ALTER TABLE {target} ADD PRIMARY KEY ({', '.join(map(identifier, key))})")
    return []


def _write_texts(cursor: Cursor, image: Image, relation: Relation, target: str) -> None:
    """Let the server read values of which DuckDB has the text only."""
    staged = f"canvasback_{relation.name}"
    names = [identifier(column.name) for column in relation.columns]
    ddl = [f"{identifier(c.name)} {c.declared if c.declared in VALUES else 'text'}" for c in relation.columns]
    command(cursor, f"CREATE TEMPORARY TABLE {identifier(staged)} ({', '.join(ddl)}) ON COMMIT DROP")
    append(image.connection, relation, cursor, staged, names, temporary=True)
    casts = ", ".join(f"{name}::{column.declared}" for name, column in zip(names, relation.columns, strict=True))
    command(cursor, f"INSERT INTO {target} SELECT {casts} FROM {identifier(staged)}")


def _breaks(image: Image, relation: Relation, key: Sequence[str]) -> bool:
    """Whether rows have the same key, or none. The driver could not go on after the server's refusal."""
    names = ", ".join(map(identifier, key))
    missing = " OR ".join(f"{identifier(name)} IS NULL" for name in key)
    [(broken,)] = image.connection.execute(
        f"SELECT count(*) > count(DISTINCT ({names})) OR count(*) FILTER ({missing}) > 0 FROM ({relation.select})"
    ).fetchall()
    return bool(broken)


def _qualified(schema: str, table: str) -> str:
    return f"{identifier(schema)}.{identifier(table)}"
