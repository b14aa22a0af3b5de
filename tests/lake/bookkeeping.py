"""The judge of what a lake says about itself: of its snapshots, its files and its row ids, it tells from the catalog.

Users and programs believe these answers, and DuckLake reads no data file for them: `ducklake_table_info`,
`ducklake_list_files`, `ducklake_current_snapshot`, the ids that the next rows get.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.lake.answers import wrong_answers

__all__ = ["contradictions", "judged"]


def judged(connection: duckdb.DuckDBPyConnection, *, thorough: bool = False) -> list[str]:
    """All that an attached lake answers wrongly: of its rows, and of itself."""
    return [*wrong_answers(connection, thorough=thorough), *contradictions(connection)]


def contradictions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Compare what an attached lake, of which the newest snapshot is seen, says of itself with what is there.

    Args:
        connection: Has it attached as `lake`, with its files in a folder.

    Returns:
        One line for each contradiction.
    """
    found = []
    [(current,)] = connection.execute("SELECT id FROM ducklake_current_snapshot('lake')").fetchall()
    snapshots = [row[0] for row in connection.execute("SELECT snapshot_id FROM ducklake_snapshots('lake')").fetchall()]
    if current != max(snapshots) or len(set(snapshots)) != len(snapshots):
        found.append(f"the current snapshot is {current}, the snapshots are {snapshots}")
    told = connection.execute(
        "SELECT schema_name, i.table_name, i.table_id, file_count, file_size_bytes, delete_file_count, "
        "delete_file_size_bytes FROM ducklake_table_info('lake') i "
        "JOIN __ducklake_metadata_lake.ducklake_schema s ON s.schema_id = i.schema_id AND s.end_snapshot IS NULL"
    ).fetchall()
    shown = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
    if shown != [(len(told),)]:
        found.append(f"table_info has {len(told)} tables of {shown}")
    next_ids = dict(
        connection.execute("SELECT table_id, next_row_id FROM __ducklake_metadata_lake.ducklake_table_stats").fetchall()
    )
    for schema, table, id_, *counted in told:
        files = connection.execute(
            "SELECT data_file, data_file_size_bytes, delete_file, delete_file_size_bytes "
            f"FROM ducklake_list_files('lake', {_literal(table)}, schema => {_literal(schema)})"
        ).fetchall()
        seen = [
            number
            for column in (0, 2)
            for number in (
                sum(row[column] is not None for row in files),
                sum(row[column + 1] for row in files if row[column] is not None),
            )
        ]
        if seen[:2] != counted[:2] or seen[2] > counted[2]:  # 0.3 lets deletes of a file that went live on
            found.append(f"{schema}.{table}: table_info says {counted}, and list_files {seen}")
        for row in files:
            found += [
                f"{schema}.{table}: {path} has {Path(path).stat().st_size} bytes for {size}"
                for path, size in (row[:2], row[2:])
                if path is not None and Path(path).is_file() and Path(path).stat().st_size != size
            ]
        [(rows, ids, last)] = connection.execute(
            f"SELECT count(*), count(DISTINCT rowid), max(rowid) FROM lake.{_quoted(schema)}.{_quoted(table)}"
        ).fetchall()
        if rows != ids:
            found.append(f"{schema}.{table}: {rows} rows have {ids} row ids")
        if rows and not last < next_ids.get(id_, -1):
            found.append(f"{schema}.{table}: the next row id is {next_ids.get(id_)}, and {last} is there")
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
