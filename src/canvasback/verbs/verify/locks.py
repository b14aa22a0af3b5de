"""Until when points are protected against deletion, and whether what they need is locked as long as they promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb

from canvasback.model.finding import Finding, Findings
from canvasback.model.moment import spelled
from canvasback.model.results.verify import ProtectedPoint
from canvasback.repository import layout
from canvasback.repository.own_table import OwnTable
from canvasback.repository.protection import protection_of
from canvasback.repository.rows import insert_rows
from canvasback.storage.run import Run
from canvasback.storage.store import Store

_POINTS = {"point": "VARCHAR", "name": "VARCHAR"}
_CURE = "Run lock: it locks all that points need which are not forgotten."


def check_locks(
    connection: duckdb.DuckDBPyConnection, store: Store, ids: Sequence[str], needed: str, run: Run, findings: Findings
) -> tuple[ProtectedPoint, ...]:
    """Ask for the locks of points and of all that they need.

    Args:
        connection: Works it out.
        store: The repository.
        ids: The points that can be read.
        needed: A table of the ``name`` of each object and the ``point`` that needs it. What others hold has no lock
            of ours.
        run: Tells the time, and how many objects to ask for at a time.
        findings: Told of what is locked for less long than a point promises.

    Returns:
        The points; none in a repository that has no locks.
    """
    protection = protection_of(store)
    if protection is None:
        return ()
    now = int(run.now().timestamp())
    needed = f"(FROM {needed} WHERE {layout.is_own('name')})"
    points = OwnTable(connection, "points", _POINTS)
    insert_rows(connection, str(points), _POINTS, [(id_, layout.point_name(id_)) for id_ in ids])
    manifests = protection.look(connection, f"SELECT name FROM {points}", run)
    locks = protection.look(connection, f"SELECT DISTINCT name FROM {needed}", run)
    promises = OwnTable(
        connection,
        "promises",
        f"SELECT point, nullif(greatest(until, {now}), {now}) AS until "
        f"FROM {points} LEFT JOIN {manifests} USING (name)",
    )
    for (id_,) in connection.execute(f"SELECT point FROM {promises} WHERE until IS NULL ORDER BY point").fetchall():
        findings.add(Finding("lock-missing", "warning", id_, "the point is not locked: it can be deleted", _CURE))
    for name, until, promised, id_ in connection.execute(
        f"SELECT name, any_value(l.until), max(p.until), max_by(point, p.until) FROM {needed} "
        f"JOIN {locks} l USING (name) JOIN {promises} p USING (point) "
        "GROUP BY name HAVING coalesce(any_value(l.until), 0) < max(p.until) ORDER BY name"
    ).fetchall():
        promise = f"and point {id_}, which needs it, promises {_spelled(promised)}"
        if until is None or until <= now:
            findings.add(Finding("lock-missing", "warning", name, f"is not locked, {promise}", _CURE))
        else:
            findings.add(Finding("lock-short", "warning", name, f"is locked until {_spelled(until)}, {promise}", _CURE))
    found = connection.execute(
        f"SELECT point, any_value(p.until), min(coalesce(l.until, 0)) FROM {promises} p JOIN {needed} USING (point) "
        f"LEFT JOIN {locks} l USING (name) GROUP BY point ORDER BY point"
    ).fetchall()
    return tuple(ProtectedPoint(id_, _time(min(promised or 0, first), now)) for id_, promised, first in found)


def _time(seconds: int, now: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds > now else None


def _spelled(seconds: int) -> str:
    return spelled(datetime.fromtimestamp(seconds, UTC))
