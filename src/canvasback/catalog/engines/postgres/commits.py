"""Which transactions made the snapshots of a catalog, and where the server's log is behind them.

Sources: PostgreSQL's documentation, "System Columns" (``xmin``), "System Information Functions" (``pg_control_system``,
``pg_xact_commit_timestamp``) and "Backup Control Functions" (``pg_current_wal_insert_lsn``, ``pg_walfile_name``).
"""

from __future__ import annotations

import adbc_driver_manager
import duckdb
from adbc_driver_manager.dbapi import Connection

from canvasback.catalog.engines.arrow import Loader, query
from canvasback.catalog.image import CommitRows
from canvasback.model.relation import identifier

_TABLE = "canvasback_commits"
_SERVER = """
    SELECT
        (SELECT system_identifier FROM pg_control_system())::text,
        CASE WHEN pg_is_in_recovery() THEN
            (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)
            FROM pg_control_checkpoint() c, pg_control_recovery() r)
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
        CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_current_wal_insert_lsn()::text END,
        current_setting('track_commit_timestamp')::boolean
"""
"""A standby says how far it has come before a commit shows there or after it: nothing that is surely behind all."""


def load_commits(connection: Connection, loader: Loader, schema: str) -> CommitRows | None:
    """Ask the server, in the transaction that read the catalog: what is visible there was in its log before.

    A server that is none of PostgreSQL's own, or that does not let us ask, is no reason not to read a catalog. Its
    refusal ends the transaction: so it is asked last.

    Args:
        connection: The transaction, which sees the catalog as it was read.
        loader: Holds the answer.
        schema: The schema of the catalog.

    Returns:
        What it told; None where it does not tell.
    """
    with connection.cursor() as cursor:
        try:
            [(system, timeline, after, timed)] = query(cursor, _SERVER)
            committed = "CASE WHEN xmin::text::bigint >= 3 THEN pg_xact_commit_timestamp(xmin)::text END"
            loader.load(
                cursor,
                "SELECT snapshot_id, snapshot_time::text AS snapshot_time, xmin::text::bigint AS xid, "
                f"{committed if timed else 'NULL::text'} AS committed FROM {identifier(schema)}.ducklake_snapshot",
                _TABLE,
                {
                    "snapshot_id": "BIGINT",
                    "snapshot_time": "TIMESTAMPTZ",
                    "xid": "BIGINT",
                    "committed": "TIMESTAMPTZ",
                },
            )
        except (adbc_driver_manager.Error, duckdb.Error):
            return None
    return CommitRows(system, timeline, after, loader.select(_TABLE))
