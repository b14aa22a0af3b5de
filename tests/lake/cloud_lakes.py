"""Lakes whose files are in object stores, written by the real extension where it reaches the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.clouds import Cloud
from tests.lake.builder import Contents, attach_as_lake, connect, contents, detach
from tests.lake.values import literal
from tests.object_servers import Azurite

HISTORY = (
    "CREATE TABLE lake.main.t (id INTEGER, name VARCHAR, day DATE)",
    "INSERT INTO lake.main.t SELECT range, 'name ' || range, DATE '2026-01-01' + (range % 3)::INTEGER FROM range(300)",
    'CREATE TABLE lake.main."odd näme" AS SELECT range AS a FROM range(50)',
    "ALTER TABLE lake.main.t SET PARTITIONED BY (day)",
    "INSERT INTO lake.main.t SELECT range, 'new', DATE '2026-02-01' + (range % 2)::INTEGER FROM range(300, 340)",
    "DELETE FROM lake.main.t WHERE id % 7 = 0",
    "UPDATE lake.main.t SET name = 'changed' WHERE id < 20",
    "CALL ducklake_merge_adjacent_files('lake')",
    'INSERT INTO lake.main."odd näme" VALUES (1000)',
)
"""Commits of many kinds; each is one snapshot."""

Truth = dict[int, Contents]
"""What each snapshot held when it was committed."""


def secret(cloud: Cloud) -> str:
    """The statement by which DuckDB reaches the cloud's server."""
    if cloud.kind == "azure":
        assert isinstance(cloud.server, Azurite)
        return (
            f"CREATE OR REPLACE SECRET cloud (TYPE azure, CONNECTION_STRING {literal(cloud.server.connection_string)})"
        )
    host = (cloud.options.endpoint or "").removeprefix("http://")
    return (
        f"CREATE OR REPLACE SECRET cloud (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', "
        f"ENDPOINT '{host}', USE_SSL false, URL_STYLE 'path')"
    )


@contextmanager
def session(cloud: Cloud, attach: str, *options: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a lake as `lake` with access to the cloud."""
    connection = connect()
    try:
        connection.execute("LOAD httpfs")
        connection.execute("LOAD azure")
        if cloud.kind != "gcs":  # DuckDB does not reach that server
            connection.execute(secret(cloud))
        attach_as_lake(connection, attach, *options)
        yield connection
    finally:
        detach(connection)
        connection.close()


def write(cloud: Cloud, catalog: Path, data_path: str, history: tuple[str, ...] = HISTORY, *more_options: str) -> Truth:
    """Make a lake, commit by commit, and note what each held."""
    truth: Truth = {}
    options = (f"DATA_PATH {literal(data_path)}", "DATA_INLINING_ROW_LIMIT 0", *more_options)
    with session(cloud, f"ducklake:{catalog}", *options) as connection:
        for statement in history:
            connection.execute(statement)
            truth[head(connection)] = contents(connection)
    return truth


def head(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest snapshot of the attached lake."""
    found = connection.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('lake')").fetchone()
    assert found is not None
    return int(found[0])


def read(cloud: Cloud, attach: str, snapshots: Truth, *options: str) -> Truth:
    """Read a lake at each of the snapshots with a fresh client that may not write."""
    found: Truth = {}
    for snapshot in snapshots:
        with session(cloud, attach, "READ_ONLY", f"SNAPSHOT_VERSION {snapshot}", *options) as connection:
            found[snapshot] = contents(connection)
    return found


def comparable(truth: Truth) -> Truth:
    """What time travel can see: DuckLake 0.3 gives the rows of merged files other row ids than they had."""
    return {
        snapshot: {
            table: [rows[0], *sorted(row.partition(": ")[2] for row in rows[1:])] for table, rows in tables.items()
        }
        for snapshot, tables in truth.items()
    }
