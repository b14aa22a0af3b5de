"""Catalogs: made by the real extension, then lengthened with plain SQL the way real commits would have.

The lake holds one table, `events`, of ten columns, partitioned by day. `append` adds data files in bulk;
a small commit and a million files are the same statements with other numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.engine import connect, quoted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

FILES_PER_DAY = 10_000
ROWS_PER_FILE = 1_000
FOLDER = "main/events"
"""Where the table's files are below the data path."""

_TABLE = """
    CREATE TABLE lake.events (
        event_id BIGINT, name VARCHAR, created_at TIMESTAMP, price DECIMAL(10, 2), quantity INTEGER,
        category VARCHAR, event_date DATE, account_id BIGINT, is_mobile BOOLEAN, country VARCHAR)
"""

_FIRST_ROWS = f"""
    INSERT INTO lake.events
    SELECT i, 'n' || md5(i::VARCHAR)[1:7], TIMESTAMP '2025-01-01' + to_milliseconds(i * 8),
           (i % 997) / 7, i % 90,
           CASE WHEN i % 9 > 0 THEN 'books' END, DATE '2025-01-01', i * 7919, i % 2 = 0, 'NL'
    FROM range({ROWS_PER_FILE}) AS r(i)
"""

_NEW_FILES = f"""
    CREATE OR REPLACE TEMP TABLE new_file AS
    SELECT i AS file_id,
           $head + 1 + (i - $first_file) // $per_snapshot AS snapshot_id,
           TIMESTAMP '2025-01-01'
               + to_microseconds(i * {86_400_000_000 // FILES_PER_DAY} + i * 7919 % 1000000) AS t,
           (DATE '2025-01-01' + (i // {FILES_PER_DAY})::INTEGER)::VARCHAR AS day,
           $first_row + (i - $first_file) * {ROWS_PER_FILE} AS first_row,
           md5(i::VARCHAR || 'canvasback') AS h,
           format('{{:012x}}', epoch_ms(t)) AS ms,
           'event_date=' || day || '/ducklake-' || ms[1:8] || '-' || ms[9:12] || '-7' || h[1:3] || '-'
               || '89ab'[1 + i % 4] || h[4:6] || '-' || h[7:18] || '.parquet' AS path
    FROM range($first_file, $first_file + $count) AS r(i)
"""

_DATA_FILES = f"""
    INSERT INTO c.ducklake_data_file
    SELECT file_id, $table_id, snapshot_id, NULL, NULL, path, true, 'parquet', {ROWS_PER_FILE}, $file_bytes,
           least(1019, $file_bytes // 2), first_row, $partition_id, NULL, NULL, NULL
    FROM new_file
"""

# Statistics as the extension writes them: text, no bounds for booleans, one row per file and column.
_STATISTICS = f"""
    INSERT INTO c.ducklake_file_column_stats
    SELECT file_id, $table_id, s.id, s.size, {ROWS_PER_FILE} - s.nulls, s.nulls, s.low, s.high, NULL, NULL
    FROM (SELECT file_id, unnest([
        {{'id': 1, 'size': 4870 + n % 61, 'nulls': 0, 'low': first_row::VARCHAR,
          'high': (first_row + {ROWS_PER_FILE - 1})::VARCHAR}},
        {{'id': 2, 'size': 9300 + n % 251, 'nulls': 0, 'low': 'a' || h[1:7], 'high': 'z' || h[8:14]}},
        {{'id': 3, 'size': 8100 + n % 17, 'nulls': 0, 'low': t::VARCHAR,
          'high': (t + to_microseconds((8500000 + n % 130000)::BIGINT))::VARCHAR}},
        {{'id': 4, 'size': 4150 + n % 97, 'nulls': 0, 'low': (n % 500 / 100)::DECIMAL(10, 2)::VARCHAR,
          'high': (999.99 - n % 501 / 100)::DECIMAL(10, 2)::VARCHAR}},
        {{'id': 5, 'size': 1020 + n % 13, 'nulls': 0, 'low': '1', 'high': (90 + n % 10)::VARCHAR}},
        {{'id': 6, 'size': 640 + n % 29, 'nulls': n % 50,
          'low': (['books', 'clothing'])[1 + n % 2], 'high': (['toys', 'tools'])[1 + n % 2]}},
        {{'id': 7, 'size': 50, 'nulls': 0, 'low': day, 'high': day}},
        {{'id': 8, 'size': 7900 + n % 113, 'nulls': 0, 'low': (n % 9973)::VARCHAR,
          'high': (9999999 - n % 9967)::VARCHAR}},
        {{'id': 9, 'size': 170 + n % 7, 'nulls': 0, 'low': NULL, 'high': NULL}},
        {{'id': 10, 'size': 1010 + n % 19, 'nulls': 0, 'low': (['AD', 'AE', 'AF'])[1 + n % 3],
          'high': (['ZA', 'ZM', 'ZW'])[1 + n % 3]}}]) AS s
        FROM (SELECT *, (hash(h) >> 8)::BIGINT AS n FROM new_file))
"""

_SNAPSHOTS = """
    INSERT INTO c.ducklake_snapshot
    SELECT snapshot_id, (max(t) + INTERVAL 1 SECOND) AT TIME ZONE 'UTC', $schema_version, $next_catalog_id,
           max(file_id) + 1
    FROM new_file GROUP BY snapshot_id ORDER BY snapshot_id
"""

_TABLE_BOUNDS = """
    UPDATE c.ducklake_table_column_stats SET
        contains_null = column_id = 6,
        min_value = (['0', 'a0000000', '2025-01-01 00:00:00', '0.00', '0', 'books', '2025-01-01', '0', NULL,
                     'AD'])[column_id],
        max_value = ([((SELECT max(next_row_id) FROM c.ducklake_table_stats) - 1)::VARCHAR, 'zfffffff',
                     (SELECT (max(t) + INTERVAL 10 SECOND)::VARCHAR FROM new_file), '999.99', '99', 'toys',
                     (SELECT max(day) FROM new_file), '9999999', NULL, 'ZW'])[column_id]
"""


def make_catalog(catalog: Path, data_path: Path) -> None:
    """A lake of one table with one real data file, written by the real extension."""
    connection = connect()
    connection.execute(f"ATTACH {quoted(f'ducklake:{catalog}')} AS lake (DATA_PATH {quoted(f'{data_path}/')})")
    connection.execute(_TABLE)
    connection.execute("ALTER TABLE lake.events SET PARTITIONED BY (event_date)")
    connection.execute(_FIRST_ROWS)
    connection.execute("DETACH lake")
    # The bulk of the history is dated 2025; what made the table has to be older.
    connection.execute(f"ATTACH {quoted(catalog)} AS c")
    connection.execute("""
        UPDATE c.ducklake_snapshot
        SET snapshot_time = TIMESTAMPTZ '2025-01-01 00:00:00+00' - to_minutes(10 - snapshot_id)
    """)
    connection.close()


def head(catalog: Path) -> int:
    """The newest snapshot."""
    connection = connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS c (READ_ONLY)")
    (newest,) = _one(connection, "SELECT max(snapshot_id) FROM c.ducklake_snapshot")
    connection.close()
    return int(newest)


def append(catalog: Path, count: int, files_per_snapshot: int, file_bytes: int) -> list[str]:
    """Add `count` data files in snapshots of `files_per_snapshot`; return their paths below `FOLDER`."""
    connection = connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS c")
    head, schema_version, next_catalog_id, first_file = _one(
        connection,
        """
        SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM c.ducklake_snapshot
        ORDER BY snapshot_id DESC LIMIT 1""",
    )
    table_id, first_row = _one(connection, "SELECT table_id, next_row_id FROM c.ducklake_table_stats")
    (partition_id,) = _one(connection, "SELECT partition_id FROM c.ducklake_partition_info")

    connection.execute("BEGIN")
    connection.execute(
        _NEW_FILES,
        {
            "head": head,
            "first_file": first_file,
            "first_row": first_row,
            "per_snapshot": files_per_snapshot,
            "count": count,
        },
    )
    connection.execute(
        _DATA_FILES,
        {
            "table_id": table_id,
            "file_bytes": file_bytes,
            "partition_id": partition_id,
        },
    )
    connection.execute(_STATISTICS, {"table_id": table_id})
    connection.execute(
        "INSERT INTO c.ducklake_file_partition_value SELECT file_id, $table_id, 0, day FROM new_file",
        {"table_id": table_id},
    )
    connection.execute(_SNAPSHOTS, {"schema_version": schema_version, "next_catalog_id": next_catalog_id})
    connection.execute(f"""
        INSERT INTO c.ducklake_snapshot_changes
        SELECT DISTINCT snapshot_id, 'inserted_into_table:{table_id}', NULL, NULL, NULL FROM new_file
        ORDER BY snapshot_id""")
    connection.execute(
        """UPDATE c.ducklake_table_stats SET record_count = record_count + $rows,
           next_row_id = next_row_id + $rows, file_size_bytes = file_size_bytes + $bytes""",
        {"rows": count * ROWS_PER_FILE, "bytes": count * file_bytes},
    )
    connection.execute(_TABLE_BOUNDS)
    connection.execute("COMMIT")
    paths = [path for (path,) in connection.execute("SELECT path FROM new_file ORDER BY file_id").fetchall()]
    connection.execute("CHECKPOINT c")
    connection.close()
    return paths


def drop_oldest(catalog: Path, count: int) -> list[str]:
    """Let the oldest files go, as when they were merged, expired and cleaned up; return their paths."""
    connection = connect()
    connection.execute(f"ATTACH {quoted(catalog)} AS c")
    connection.execute("BEGIN")
    connection.execute(
        """CREATE TEMP TABLE gone AS SELECT data_file_id, path FROM c.ducklake_data_file
           WHERE starts_with(path, 'event_date=') ORDER BY data_file_id LIMIT $count""",
        {"count": count},
    )
    for table in ("ducklake_file_column_stats", "ducklake_file_partition_value", "ducklake_data_file"):
        connection.execute(f"DELETE FROM c.{table} WHERE data_file_id IN (SELECT data_file_id FROM gone)")
    connection.execute("COMMIT")
    paths = [path for (path,) in connection.execute("SELECT path FROM gone").fetchall()]
    connection.execute("CHECKPOINT c")
    connection.close()
    return paths


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(query)
    return tuple(row)
