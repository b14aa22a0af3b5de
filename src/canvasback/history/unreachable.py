"""What can be restored no more when points go: snapshots, and tables, that no other point holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import duckdb

from canvasback.model.results.forget import SnapshotRange
from canvasback.model.retention import Stretch
from canvasback.repository.reachability import Reachability

_SNAPSHOT, _TABLE, _SCHEMA = "ducklake_snapshot", "ducklake_table", "ducklake_schema"
READ = (_SNAPSHOT, _TABLE, _SCHEMA)
"""The catalog tables that are read, which a `Reachability` has to be told."""

_SNAPSHOTS = {"snapshot_id": "BIGINT", "snapshot_time": "TIMESTAMPTZ"}
_TABLES = {"table_uuid": "VARCHAR", "schema_id": "BIGINT", "table_name": "VARCHAR", "begin_snapshot": "BIGINT"}
_SCHEMAS = {"schema_id": "BIGINT", "schema_name": "VARCHAR", "begin_snapshot": "BIGINT"}


def held_snapshots(connection: duckdb.DuckDBPyConnection, reach: Reachability, point: str) -> tuple[Stretch, ...]:
    """The snapshots that a point holds, in order."""
    return _stretches(connection, reach.rows([point], _SNAPSHOT, _SNAPSHOTS))


def lost_snapshots(
    connection: duckdb.DuckDBPyConnection,
    reach: Reachability,
    going: Mapping[int, Collection[str]],
    kept: Collection[str],
) -> tuple[SnapshotRange, ...]:
    """The snapshots that no kept point holds, each on the first timeline that has it.

    Two snapshots of one number and one time are the same, on whichever timelines they are.

    Args:
        connection: Where it is worked out.
        reach: Has all of the points.
        going: The points that go, by timeline.
        kept: The points that stay.
    """
    found: list[SnapshotRange] = []
    known = list(kept)
    for timeline, points in sorted(going.items()):
        lost = (
            f"SELECT DISTINCT snapshot_id FROM ({reach.rows(points, _SNAPSHOT, _SNAPSHOTS, besides=known)}) "
            f"ANTI JOIN ({reach.rows(known, _SNAPSHOT, _SNAPSHOTS)}) USING (snapshot_id, snapshot_time)"
        )
        for first, last in _stretches(connection, lost):
            found.append(SnapshotRange(timeline=timeline, first=first, last=last))
        known += points
    return tuple(found)


def lost_tables(
    connection: duckdb.DuckDBPyConnection, reach: Reachability, going: Collection[str], kept: Collection[str]
) -> tuple[str, ...]:
    """The tables that only points know of that go, as ``schema.table``, by the last names that they had."""
    rows = connection.execute(
        f"""
        SELECT DISTINCT coalesce(schema_name, '?') || '.' || table_name FROM (
            SELECT arg_max(table_name, begin_snapshot) AS table_name, arg_max(schema_id, begin_snapshot) AS schema_id
            FROM ({reach.rows(going, _TABLE, _TABLES, besides=kept)})
            ANTI JOIN ({reach.rows(kept, _TABLE, _TABLES)}) USING (table_uuid)
            WHERE table_uuid IS NOT NULL GROUP BY table_uuid
        ) LEFT JOIN (
            SELECT schema_id, arg_max(schema_name, begin_snapshot) AS schema_name
            FROM ({reach.rows(going, _SCHEMA, _SCHEMAS)}) GROUP BY schema_id
        ) USING (schema_id) ORDER BY 1
        """
    ).fetchall()
    return tuple(name for (name,) in rows)


def _stretches(connection: duckdb.DuckDBPyConnection, select: str) -> tuple[Stretch, ...]:
    rows = connection.execute(
        "SELECT min(snapshot_id), max(snapshot_id) FROM (SELECT snapshot_id, "
        f"snapshot_id - row_number() OVER (ORDER BY snapshot_id) AS stretch FROM ({select})) "
        "GROUP BY stretch ORDER BY 1"
    ).fetchall()
    return tuple((int(first), int(last)) for first, last in rows)
