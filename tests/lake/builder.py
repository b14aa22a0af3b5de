"""Lakes that the real extension of this environment's DuckDB writes and reads, in this process.

`tests.oracle` asks extensions of other versions, each in a process of its own: slower, and for every snapshot.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import duckdb

import canvasback
from tests import extension
from tests.lake.values import literal, tree_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lake.values import Tree

Contents = dict[str, list[str]]
"""By table: its columns, then its rows with their row ids, sorted."""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Load the extension once: it takes longer than most of what a test does with it."""
    return extension.connect("azure", "httpfs", "postgres_scanner", "sqlite_scanner")


def connect() -> duckdb.DuckDBPyConnection:
    """Connect to a DuckDB that has the extension loaded, and nothing attached as `lake`."""
    connection = _database().cursor()
    connection.execute("SET TimeZone = 'UTC'")
    detach(connection)
    return connection


def attach_as_lake(connection: duckdb.DuckDBPyConnection, attach: str, *options: str) -> None:
    """Attach a lake under the name `lake`."""
    clause = f" ({', '.join(options)})" if options else ""
    connection.execute(f"ATTACH {literal(attach)} AS lake{clause}")


def detach(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of the lake and of its catalog's file."""
    connection.execute("DETACH DATABASE IF EXISTS lake")


@contextmanager
def session(attach: str, *options: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a lake as `lake` for as long as a `with` block lasts."""
    connection = connect()
    try:
        attach_as_lake(connection, attach, *options)
        yield connection
        detach(connection)
    except (duckdb.FatalException, duckdb.InternalException):
        _database.cache_clear()  # such an error ends a DuckDB, and must not end the tests that follow
        raise
    finally:
        connection.close()


def contents(connection: duckdb.DuckDBPyConnection) -> Contents:
    """Read every table of the attached lake as it is at its head."""
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'lake' ORDER BY ALL"
    ).fetchall()
    found: Contents = {}
    for schema, table in tables:
        quoted = ".".join('"' + part.replace('"', '""') + '"' for part in ("lake", schema, table))
        columns = connection.execute(f"DESCRIBE {quoted}").fetchall()
        rows = connection.execute(f"SELECT t.rowid || ': ' || t::VARCHAR FROM {quoted} t").fetchall()
        found[f"{schema}.{table}"] = [str([row[:2] for row in columns]), *sorted(row for (row,) in rows)]
    return found


def read(attach: str, *options: str) -> Contents:
    """Read a lake's head with a fresh client that may not write."""
    with session(attach, "READ_ONLY", *options) as connection:
        return contents(connection)


@dataclass
class Lake:
    """A lake in a folder, and a repository beside it."""

    folder: Path
    data_path: str = ""
    """As the catalog spells it; `data/` in the folder, absolutely, if empty."""
    options: tuple[str, ...] = ()
    """More options of ATTACH, for all sessions that write."""
    elsewhere: str = ""
    """What a user puts into ATTACH, if the catalog is no DuckDB file in the folder."""
    points: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data_path = self.data_path or f"{self.data}/"

    @property
    def catalog(self) -> Path:
        """The catalog's file, if it is in DuckDB."""
        return self.folder / "main.ducklake"

    @property
    def data(self) -> Path:
        """Where the files are if `data_path` was not given."""
        return self.folder / "data"

    @property
    def attach(self) -> str:
        """What a user puts into ATTACH."""
        return self.elsewhere or f"ducklake:{self.catalog}"

    @property
    def repository(self) -> str:
        """A folder beside the lake's."""
        return str(self.folder.with_name(self.folder.name + ".repository"))

    @contextmanager
    def session(self, *options: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach it to write."""
        with session(self.attach, f"DATA_PATH {literal(self.data_path)}", *self.options, *options) as connection:
            yield connection

    def run(self, *statements: str) -> None:
        """Execute statements, each of which commits."""
        with self.session() as connection:
            for statement in statements:
                connection.execute(statement)

    def read(self) -> Contents:
        """Read its head."""
        return read(self.attach)

    def tree(self) -> Tree:
        """Hash the lake's folder."""
        return tree_of(self.folder)

    def backup(self, *, findings: tuple[str, ...] = ()) -> canvasback.BackupResult:
        """Make a point, in a new repository the first time, that has these codes of findings."""
        if not self.points:
            canvasback.init(self.attach, self.repository)
        result = canvasback.backup(self.attach, self.repository)
        assert tuple(result.finding_counts) == findings, result.findings
        self.points.append(result.point)
        return result

    def delete(self) -> None:
        """Lose catalog and files."""
        shutil.rmtree(self.folder)

    def files(self) -> list[Path]:
        """List its Parquet files, oldest name first."""
        return sorted(self.data.rglob("*.parquet"))
