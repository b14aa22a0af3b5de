"""The image: one consistent read of a whole catalog, as relations that plain SQL can work on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import duckdb
import msgspec

from canvasback.errors import LakeError
from canvasback.model.manifest import CatalogRecord
from canvasback.model.relation import Relation, identifier


def incomplete(message: str) -> LakeError:
    """The error of a catalog that lacks what every catalog has."""
    return LakeError(
        "catalog-incomplete",
        message,
        hint="Restore a point that was made before: run list, and name it in restore --replace. Without a backup, move "
        "the catalog aside and run salvage --new-catalog.",
    )


class CommitRows(msgspec.Struct, frozen=True):
    """What a server told of the transactions that made the snapshots, when it was read.

    Attributes:
        system: Its system identifier.
        timeline: Its timeline.
        after: A position in its log behind all of them; empty where it told none.
        select: A SELECT of ``snapshot_id``, ``snapshot_time``, ``xid`` and ``committed``.
    """

    system: str
    timeline: int
    after: str
    select: str


class _Tables(dict[str, Relation]):
    """The tables by name; one that is asked for and not there is an error of the lake, not of the program."""

    def __missing__(self, table: str) -> Relation:
        raise incomplete(f"the catalog has no table {table}, which every DuckLake of its version has")


class Image:
    """The tables of one catalog at one instant.

    A transformation gives a new image with other relations over the same connection; nothing is read
    before somebody reads a relation. Use as a context manager, or call `close`.

    Attributes:
        connection: The DuckDB connection in which the relations can be selected from.
        tables: The catalog's tables by name; what is not there is a `LakeError` (``catalog-incomplete``).
        record: What is known of the catalog besides its rows.
        stored: The tables as the catalog's own engine holds them.
        stored_by: That engine.
        commits: Which transactions made its snapshots; None where its engine has none, or did not tell.
        deletes: What somebody read of delete files: by snapshot and file, how many rows the file deletes then, the
            fewest and the most that can be.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        tables: Mapping[str, Relation],
        record: CatalogRecord,
        on_close: Callable[[], None] = lambda: None,
        deletes: dict[int, Mapping[int, tuple[int, int]]] | None = None,
    ) -> None:
        self.connection = connection
        self.tables = _Tables(sorted(tables.items()))
        self.record = record
        self.stored: Mapping[str, Relation] = self.tables
        self.stored_by = record.engine
        self.commits: CommitRows | None = None
        self.deletes = {} if deletes is None else deletes
        self._on_close = on_close
        self._head: tuple[int, datetime, int] | None = None

    def __enter__(self) -> Self:
        """Give the image itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the connection and of temporary files."""
        self.connection.close()
        self._on_close()

    def transformed(self, replaced: Mapping[str, Relation], record: CatalogRecord | None = None) -> Image:
        """The same image with some of its relations replaced. Closing either closes both."""
        image = Image(self.connection, {**self.tables, **replaced}, record or self.record, self._on_close, self.deletes)
        image.stored, image.stored_by = self.stored, self.stored_by
        return image

    def without(self, table: str) -> Image:
        """The same image without one of its tables. Closing either closes both."""
        left = {name: relation for name, relation in self.tables.items() if name != table}
        image = Image(self.connection, left, self.record, self._on_close, self.deletes)
        image.stored, image.stored_by = self.stored, self.stored_by
        return image

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a query in which ``{name}`` stands for the relation of the table of that name."""
        return self.connection.execute(self.spliced(sql), parameters or None).fetchall()

    def spliced(self, sql: str) -> str:
        """The SQL with the relations of the catalog's tables for ``{name}``."""
        return re.sub(r"\{(ducklake_\w+)\}", lambda found: f"({self.tables[found[1]].select})", sql)

    def has(self, table: str, column: str) -> bool:
        """Whether the catalog has that table with that column."""
        return table in self.tables and self.tables[table].has(column)

    def metadata(self, key: str) -> str | None:
        """A value of ``ducklake_metadata`` that holds for the whole lake."""
        scope = "AND scope IS NULL" if self.has("ducklake_metadata", "scope") else ""
        found = self.rows(f'SELECT "value" FROM {{ducklake_metadata}} m WHERE "key" = ? {scope}', key)
        return str(found[0][0]) if found else None

    @property
    def data_path(self) -> str:
        """The lake's data path as the catalog spells it; see the specification's ``data_path``."""
        return self.metadata("data_path") or ""

    @property
    def encrypted(self) -> bool:
        """Whether the lake writes encrypted files."""
        return (self.metadata("encrypted") or "").lower() in {"true", "1"}

    def head(self) -> tuple[int, datetime, int]:
        """The newest snapshot, the time of its commit, and how many snapshots there are; asked for once.

        Raises:
            LakeError: There is no snapshot at all (``no-snapshot``).
        """
        if self._head is not None:
            return self._head
        row = self.rows(
            "SELECT max(snapshot_id), arg_max(snapshot_time, snapshot_id)::TIMESTAMPTZ, count(*) "
            "FROM {ducklake_snapshot} s"
        )[0]
        if row[0] is None:
            raise LakeError(
                "no-snapshot",
                "the catalog has no snapshot, not even the one that DuckLake makes first",
                hint="The catalog is damaged; restore an older point of it.",
            )
        self._head = int(row[0]), row[1], int(row[2])
        return self._head

    def schema_uuids(self) -> dict[int, str]:
        """The ``schema_uuid`` of every schema, the dropped ones included, by ``schema_id``."""
        found = self.rows("SELECT schema_id, schema_uuid::VARCHAR FROM {ducklake_schema} s ORDER BY 1")
        return {int(schema_id): str(uuid) for schema_id, uuid in found}


def select_all(database: str, schema: str, table: str) -> str:
    """A SELECT of all columns of a table."""
    return f"SELECT * FROM {identifier(database)}.{identifier(schema)}.{identifier(table)}"
