"""Tables that were there once: what a catalog still knows of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.table_states import table_states
from canvasback.model.table_state import TableState


class Dropped(msgspec.Struct, frozen=True):
    """A table that was dropped.

    Attributes:
        schema: The name of its schema when it was dropped.
        table: Its name when it was dropped.
        table_id: Its ``table_id``.
        snapshot: The snapshot that dropped it.
        time: When that was committed; None where that snapshot was expired.
        last: The newest snapshot that shows it; None where all were expired.
        state: What it held at that one.
    """

    schema: str
    table: str
    table_id: int
    snapshot: int
    time: datetime | None
    last: int | None
    state: TableState | None


def dropped_tables(image: Image, snapshot: int) -> list[Dropped]:
    """The tables that existed at or before a snapshot and not at it, the last one dropped first.

    A rename ends a row and begins another one of the same ``table_id``, and is no drop. Expiry removes the rows of
    tables that no snapshot shows any more, so a catalog knows drops as far back as its snapshots go.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: A ``snapshot_id``.
    """
    rows = image.rows(
        f"""
        WITH versions AS (
            SELECT t.*, coalesce(end_snapshot, {snapshot + 1}) AS ends FROM {{ducklake_table}} t
            WHERE begin_snapshot <= {snapshot}
        ), gone AS (
            SELECT table_id, table_uuid, max(ends) AS ends, min(begin_snapshot) AS begins,
                arg_max(table_name, ends) AS name, arg_max(schema_id, ends) AS schema_id
            FROM versions GROUP BY ALL HAVING max(ends) <= {snapshot}
        ), schemas AS (
            SELECT schema_id, arg_max(schema_name, begin_snapshot) AS name FROM {{ducklake_schema}} s GROUP BY 1
        )
        SELECT coalesce(s.name, ''), g.name, g.table_id, CAST(g.table_uuid AS VARCHAR), g.ends,
            (SELECT max(CAST(snapshot_time AS TIMESTAMPTZ)) FROM {{ducklake_snapshot}} x WHERE snapshot_id = g.ends),
            (SELECT max(snapshot_id) FROM {{ducklake_snapshot}} y
                WHERE snapshot_id < g.ends AND snapshot_id >= g.begins)
        FROM gone g LEFT JOIN schemas s USING (schema_id) ORDER BY g.ends DESC, 1, 2
        """
    )
    states = {
        last: {(state.table_id, state.uuid): state for state in table_states(image, last)}
        for last in {row[6] for row in rows if row[6] is not None}
    }
    return [
        Dropped(str(schema), str(table), id_, ends, time, last, states.get(last, {}).get((id_, uuid)))
        for schema, table, id_, uuid, ends, time, last in rows
    ]
