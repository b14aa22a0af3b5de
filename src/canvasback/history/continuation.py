"""Does a point's history go on where a live catalog's ends?

The catalog's snapshots must be those of the point as far as both have them. A point may have expired the catalog's
newest one: then an older point of its timeline may still have it, and where none has, the times tell. What was
committed to a stale catalog is younger than what the lake had committed under those numbers before.
"""

from __future__ import annotations

from typing import Literal

import duckdb
import msgspec

from canvasback.catalog.image import Image

_SNAPSHOTS = "ducklake_snapshot"
_COLUMNS = (
    "snapshot_id, CAST(snapshot_time AS TIMESTAMPTZ) AS snapshot_time, schema_version, next_catalog_id, next_file_id"
)


class Verdict(msgspec.Struct, frozen=True):
    """How a point's history and a live catalog's stand to each other.

    Attributes:
        kind: ``continues``; or ``diverged``; or ``rewound`` where the catalog was taken back on purpose: a rewind
            keeps the ids that were given out, so the newest common snapshot tells.
        common: The newest snapshot that both have; None where they have none in common.
        proved: Whether the point, or one before it, has the catalog's newest snapshot.
    """

    kind: Literal["continues", "diverged", "rewound"]
    common: int | None
    proved: bool


def judge(live: Image, snapshots: list[str]) -> Verdict:
    """Compare a live catalog with a point.

    Args:
        live: The catalog, in DuckDB's dialect.
        snapshots: SELECTs of the point's ``ducklake_snapshot``, and of that of an earlier point of its timeline.
    """
    head, committed, _ = live.head()
    connection = live.connection
    both = " UNION ".join(f"SELECT {_COLUMNS} FROM ({select})" for select in snapshots)
    # Of a snapshot that both points have, the later one may have more ids given out: the lake was taken back to it.
    known = (
        "SELECT snapshot_id, snapshot_time, schema_version, max(next_catalog_id) AS next_catalog_id, "
        f"max(next_file_id) AS next_file_id FROM ({both}) GROUP BY ALL"
    )
    [row] = connection.execute(
        f"""
        SELECT max(snapshot_id) FILTER (same), coalesce(bool_and(same), true),
            coalesce(arg_max(fits, snapshot_id) FILTER (same), true), coalesce(bool_or(snapshot_id = {head}), false)
        FROM (
            SELECT snapshot_id, l.snapshot_time = p.snapshot_time AND l.schema_version = p.schema_version AS same,
                l.next_catalog_id <= p.next_catalog_id AND l.next_file_id <= p.next_file_id AS fits
            FROM (SELECT {_COLUMNS} FROM ({live.tables[_SNAPSHOTS].select})) l JOIN ({known}) p USING (snapshot_id)
        )
        """
    ).fetchall()
    common, same, fits, proved = row
    if not fits:
        return Verdict("rewound", common, proved)
    if same and not proved:
        same = _is_older(connection, snapshots[0], head, committed)
    return Verdict("continues" if same else "diverged", common, proved)


def _is_older(connection: duckdb.DuckDBPyConnection, select: str, head: int, committed: object) -> bool:
    [(oldest,)] = connection.execute(
        f"SELECT min(CAST(snapshot_time AS TIMESTAMPTZ)) FROM ({select}) WHERE snapshot_id > {head}"
    ).fetchall()
    return bool(oldest is not None and committed <= oldest)
