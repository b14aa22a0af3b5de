"""What a server tells of the transactions that made a catalog's snapshots, as rows beside the image."""

from __future__ import annotations

from datetime import datetime

from canvasback.catalog.image import Image
from canvasback.model.commit_position import CommitPosition


def commit_positions(image: Image, last: CommitPosition | None, most: int) -> tuple[CommitPosition, ...]:
    """The commits that a catalog shows, oldest first; none where its server did not tell.

    Rows that a single transaction wrote were copied together, by a restore say: it made the newest of them.

    Args:
        image: The catalog, as its engine read it.
        last: The one that was found last. If the catalog still has it, only those after it are given.
        most: How many to give at most: the newest.
    """
    rows = image.commits
    if rows is None:
        return ()
    known: tuple[int, datetime, int] | None = None
    if last is not None and last.system == rows.system:
        known = last.snapshot_id, last.snapshot_time, last.xid
    found = image.connection.execute(
        f"WITH commits AS ({rows.select}), made AS (FROM commits WHERE xid >= 3 "
        "QUALIFY snapshot_id = max(snapshot_id) OVER (PARTITION BY xid)) "
        "FROM made WHERE snapshot_id > coalesce("
        "(SELECT snapshot_id FROM made WHERE (snapshot_id, snapshot_time, xid) = ($1, $2, $3)), -1) "
        "ORDER BY snapshot_id DESC LIMIT $4",
        [*(known or (None, None, None)), most],
    ).fetchall()
    return tuple(
        CommitPosition(
            system=rows.system,
            timeline=rows.timeline,
            snapshot_id=snapshot_id,
            snapshot_time=snapshot_time,
            xid=xid,
            after=rows.after,
            committed=committed,
        )
        for snapshot_id, snapshot_time, xid, committed in reversed(found)
    )
