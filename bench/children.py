"""The small Python processes that are measured: DuckDB's own ways of doing things, and mere start-up.

Run as ``python -m bench.children NAME [ARGUMENT…]``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import duckdb

from bench.engine import connect, quoted

if TYPE_CHECKING:
    from collections.abc import Callable


def start_plain() -> None:
    """Start-up of a program that uses DuckDB."""
    duckdb.connect().close()


def start_extension() -> None:
    """Start-up of a program that reads DuckLake."""
    connect().close()


def copy_database(catalog: str, target: str) -> None:
    """What DuckLake's guide recommends as the backup of a DuckDB catalog."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS old (READ_ONLY)")
    connection.execute(f"ATTACH {quoted(target)} AS new")
    connection.execute("COPY FROM DATABASE old TO new")
    connection.execute("DETACH new")
    connection.close()


def read_catalog(catalog: str) -> None:
    """Touch every value of every catalog table.

    Hashing each column was the cheapest way tried (0.6 s at a million files; record batches 1.4 s, COPY
    to /dev/null 1.7 s as Parquet and 2.6 s as CSV), so it is the allowance that favours us least.
    """
    connection = duckdb.connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS c (READ_ONLY)")
    names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'c'").fetchall()
    for (name,) in names:
        connection.execute(f'SELECT bit_xor(hash(COLUMNS(*))) FROM c."{name}"').fetchall()
    connection.close()


def read_image(lake: str) -> None:
    """The same of canvasback's own image: a copy of the catalog at one instant, and DuckDB with less memory."""
    from canvasback.catalog.engines import open_engine  # noqa: PLC0415 - the others start without it
    from canvasback.model.lake import parse_lake  # noqa: PLC0415

    with open_engine(parse_lake(lake)).read() as image:
        for name in image.tables:
            image.rows(f"SELECT bit_xor(hash(COLUMNS(*))) FROM {{{name}}}")


def read_footers(folder: str) -> None:
    """The cheapest that DuckDB has of the footers of all files below a folder: each one's number of rows."""
    connection = duckdb.connect()
    connection.execute(
        f"SELECT sum(num_rows) FROM parquet_file_metadata({quoted(f'{folder}/**/*.parquet')})"
    ).fetchall()
    connection.close()


def plan(attached: str) -> None:
    """From an attached point to the plan of its first filtered query."""
    connection = connect()
    connection.execute(f"ATTACH {quoted(f'ducklake:{attached}')} AS lake (READ_ONLY)")
    connection.execute("EXPLAIN SELECT count(*) FROM lake.events WHERE event_id = 123456").fetchall()
    connection.close()


CHILDREN: dict[str, Callable[..., None]] = {
    "start-plain": start_plain,
    "start-extension": start_extension,
    "copy-database": copy_database,
    "read-catalog": read_catalog,
    "read-image": read_image,
    "read-footers": read_footers,
    "plan": plan,
}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
