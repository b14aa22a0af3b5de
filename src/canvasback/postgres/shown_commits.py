"""The newest commits of a catalog, as its server shows them: a look that costs next to nothing where there are none."""

from __future__ import annotations

from datetime import datetime

from canvasback.catalog.engines.arrow import query
from canvasback.catalog.engines.postgres.engine import find_schema
from canvasback.catalog.engines.postgres.session import connect
from canvasback.errors import RefusedError
from canvasback.model.commit_position import CommitPosition
from canvasback.model.lake import LakeName
from canvasback.model.relation import identifier

_MOST = 100_000


def lake_ids(lake: LakeName) -> frozenset[str]:
    """What may name the lake that a catalog is of: the ``schema_uuid`` of all its schemas.

    Raises:
        LakeError: The server cannot be asked, or has no catalog.
    """
    with connect(lake, read_only=True) as connection, connection.cursor() as cursor:
        schema = identifier(find_schema(connection, lake))
        return frozenset(uuid for (uuid,) in query(cursor, f"SELECT schema_uuid::text FROM {schema}.ducklake_schema"))


def refuse_other_lake(lake: LakeName, lake_id: str) -> None:
    """See that a catalog is of the lake that a repository is for.

    Raises:
        RefusedError: It is not (``other-lake``).
        LakeError: The server cannot be asked, or has no catalog.
    """
    if lake_id not in lake_ids(lake):
        raise RefusedError(
            "other-lake",
            f"the repository is for the lake {lake_id}, and {lake} is another one",
            hint="Name the repository of this lake.",
        )


def commits_after(lake: LakeName, last: CommitPosition | None) -> tuple[CommitPosition, ...]:
    """The commits after one that is known, oldest first; all, if the catalog does not show that one any more.

    Each is told with a position of the log that is surely behind it, as the server is asked for that afterwards.

    Args:
        lake: The lake.
        last: The newest that is known; None for none.

    Raises:
        LakeError: The server cannot be asked, or has no catalog.
    """
    with connect(lake, read_only=True) as connection:
        table = f"{identifier(find_schema(connection, lake))}.ducklake_snapshot"
        with connection.cursor() as cursor:
            begin = -1
            if last is not None and query(
                cursor,
                f"SELECT 1 FROM {table} WHERE snapshot_id = {last.snapshot_id} "
                f"AND snapshot_time = '{last.snapshot_time.isoformat()}'",
            ):
                begin = last.snapshot_id
            rows = query(
                cursor,
                f"SELECT snapshot_id::bigint, snapshot_time::timestamptz::text, xmin::text::bigint FROM {table} "
                f"WHERE snapshot_id > {begin} AND xmin::text::bigint >= 3 ORDER BY snapshot_id DESC LIMIT {_MOST}",
            )
            if not rows:
                return ()
            [(system, file, after)] = query(
                cursor,
                "SELECT (SELECT system_identifier FROM pg_control_system())::text, "
                "pg_walfile_name(pg_current_wal_insert_lsn())::text, pg_current_wal_insert_lsn()::text",
            )
    return tuple(
        CommitPosition(
            system=system,
            timeline=int(file[:8], 16),
            snapshot_id=snapshot_id,
            snapshot_time=datetime.fromisoformat(time),
            xid=xid,
            after=after,
        )
        for snapshot_id, time, xid in reversed(rows)
    )
