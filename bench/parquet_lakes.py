"""Lakes whose files are all sound: a few that the real extension wrote, each under many names."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from bench.engine import connect, quoted
from bench.lakes import in_child, made_once
from bench.measure import note

if TYPE_CHECKING:
    from pathlib import Path

    from bench.session import Session

SEEDS = 100
"""Files that the extension writes; ext4 allows 65,000 names of each."""

ROWS_PER_FILE = 10_000

_TABLE = """
    CREATE TABLE lake.events (
        event_id BIGINT, name VARCHAR, created_at TIMESTAMP, price DECIMAL(10, 2), quantity INTEGER,
        category VARCHAR, event_date DATE, score DOUBLE, is_mobile BOOLEAN, country VARCHAR)
"""

_ROWS = f"""
    INSERT INTO lake.events
    SELECT i, 'n' || md5(i::VARCHAR), TIMESTAMP '2025-01-01' + to_milliseconds(i * 8), (hash(i) % 99700) / 100,
           hash(i) % 90, CASE WHEN i % 9 > 0 THEN 'books' END, DATE '2025-01-01' + (i // 100000)::INTEGER,
           sqrt(hash(i)), i % 2 = 0, 'NL'
    FROM range($first, $first + {ROWS_PER_FILE}) AS r(i)
"""

# Further commits, one for each time that all seeds are there again under new names.
_COPIES = """
    CREATE TEMP TABLE seed AS SELECT * FROM c.ducklake_data_file;
    CREATE TEMP TABLE seed_statistics AS SELECT * FROM c.ducklake_file_column_stats;
    CREATE TEMP TABLE newest AS SELECT * FROM c.ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1;
    CREATE TEMP TABLE totals AS SELECT count(*) AS files, sum(record_count) AS rows FROM seed;
    CREATE TEMP TABLE copy AS FROM range(1, {copies}) AS r(n);
    INSERT INTO c.ducklake_data_file
    SELECT s.* REPLACE (data_file_id + n * files AS data_file_id, begin_snapshot + n * files AS begin_snapshot,
        replace(path, '.parquet', '-' || n || '.parquet') AS path, row_id_start + n * rows AS row_id_start)
    FROM copy, totals, seed s;
    INSERT INTO c.ducklake_file_column_stats
    SELECT s.* REPLACE (data_file_id + n * files AS data_file_id) FROM copy, totals, seed_statistics s;
    INSERT INTO c.ducklake_snapshot
    SELECT s.* REPLACE (s.snapshot_id + n * files AS snapshot_id, snapshot_time + to_milliseconds(n) AS snapshot_time,
        s.next_file_id + n * files AS next_file_id)
    FROM copy, totals, newest s;
    UPDATE c.ducklake_data_file SET begin_snapshot = (SELECT min(snapshot_id) FROM c.ducklake_snapshot
        WHERE snapshot_id >= begin_snapshot);
    INSERT INTO c.ducklake_snapshot_changes
    SELECT s.* REPLACE (s.snapshot_id + n * files AS snapshot_id)
    FROM copy, totals, (FROM c.ducklake_snapshot_changes ORDER BY snapshot_id DESC LIMIT 1) s;
    UPDATE c.ducklake_table_stats
    SET record_count = record_count * {copies}, next_row_id = next_row_id * {copies},
        file_size_bytes = file_size_bytes * {copies};
"""


def parquet_lake(session: Session, files: int) -> Path:
    """The folder of a lake of so many Parquet files: ``lake.ducklake`` and ``data``."""
    return made_once(session, f"{files}-parquet", partial(_make, files))


def sizes(catalog: Path) -> tuple[int, int]:
    """Bytes of all files, and of their footers."""
    return in_child(_sizes, catalog)


def _make(files: int, folder: Path) -> None:
    note(f"making a lake of {files:,} Parquet files")
    in_child(_fill, files, folder)


def _fill(files: int, folder: Path) -> None:
    seeds = min(SEEDS, files)
    catalog, data = folder / "lake.ducklake", folder / "data"
    connection = connect()
    connection.execute(f"ATTACH {quoted(f'ducklake:{catalog}')} AS lake (DATA_PATH {quoted(f'{data}/')})")
    connection.execute(_TABLE)
    for number in range(seeds):
        connection.execute(_ROWS, {"first": number * ROWS_PER_FILE})
    connection.execute("DETACH lake")
    connection.execute(f"ATTACH {quoted(catalog)} AS c")
    connection.execute(_COPIES.format(copies=files // seeds))
    connection.close()
    for path in list(data.rglob("*.parquet")):
        for number in range(1, files // seeds):
            os.link(path, path.with_name(f"{path.stem}-{number}.parquet"))


def _sizes(catalog: Path) -> tuple[int, int]:
    connection = connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS c (READ_ONLY)")
    [found] = connection.execute("SELECT sum(file_size_bytes), sum(footer_size) FROM c.ducklake_data_file").fetchall()
    connection.close()
    return int(found[0]), int(found[1])
