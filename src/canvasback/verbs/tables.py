"""tables: which tables a lake has or had, and how to bring back what was dropped."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.reading.dropped_tables import Dropped, dropped_tables
from canvasback.catalog.reading.table_states import table_states
from canvasback.errors import RefusedError, UsageError
from canvasback.history.catalogs import Catalogs, Viewed
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.moment import Moment
from canvasback.model.relation import identifier
from canvasback.model.results.diff import DroppedTable, TableRow, TablesResult
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@translates_errors
def tables(
    *,
    lake: str | None = None,
    repository: str | None = None,
    point: str | None = None,
    dropped: bool = False,
    at_snapshot: int | None = None,
    at_time: str | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> TablesResult:
    """The tables of a point or of a live lake, and those that were dropped before.

    A catalog knows drops as far back as its snapshots go: an older point knows drops that a newer one, whose
    snapshots of that time were expired, does not.

    Args:
        lake: The live lake, as in ATTACH, in place of a point.
        repository: The repository; with a lake, only to say how to bring back what was dropped.
        point: An id, a unique beginning of one, or ``latest``. Without it, and without a lake, the newest one, or
            the one that holds the moment that is asked for.
        dropped: Also tell which tables were dropped.
        at_snapshot: Not the newest state, but that of a snapshot.
        at_time: Not the newest state, but that at a time: ISO 8601 with a zone, or ``2 hours ago``.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: A lake and a point are named (``point-and-lake``), or neither a lake nor a repository
            (``no-repository``); a snapshot and a time (``two-moments``); the time cannot be understood
            (``time-not-understood``); or there is no such point.
        RefusedError: Nothing holds the moment (``moment-not-held``), or several do (``ambiguous-snapshot``).
        CorruptError: The point's manifest or catalog is damaged.
        LakeError: The lake's catalog cannot be read.
    """
    if lake is not None and point is not None:
        raise UsageError("point-and-lake", "a point and a lake are given", hint="Give one of them: either has tables.")
    run = Run.begin(stores=stores, clock=clock)
    moment = moment_of(at_snapshot, at_time, run.now())
    with Catalogs(run, lake, repository) as catalogs:
        viewed = _view(catalogs, point, moment, live=lake is not None)
        catalogs.tell_deletes(viewed, viewed.snapshot)
        found = [
            TableRow(
                schema=s.schema,
                table=s.table,
                table_id=s.table_id,
                rows=s.rows,
                exact=s.rows_exact,
                files=s.files,
                bytes=s.bytes,
                fewest=s.fewest,
                most=s.most,
            )
            for s in table_states(viewed.image, viewed.snapshot)
        ]
        gone = None
        if dropped:
            commands = _Commands(catalogs, repository, lake)
            for table in dropped_tables(viewed.image, viewed.snapshot):
                if table.last is not None and table.state is not None and not table.state.rows_exact:
                    catalogs.tell_deletes(viewed, table.last)
            gone = tuple(_told(table, commands) for table in dropped_tables(viewed.image, viewed.snapshot))
        return TablesResult(at=viewed.side, tables=tuple(found), dropped=gone)


def _view(catalogs: Catalogs, point: str | None, moment: Moment | None, *, live: bool) -> Viewed:
    if live:
        return catalogs.live(moment)
    if point is None and moment is not None:
        return catalogs.moment(moment)
    return catalogs.point(point or "latest", moment)


class _Commands:
    """The commands that bring dropped tables back."""

    def __init__(self, catalogs: Catalogs, repository: str | None, lake: str | None) -> None:
        self._catalogs = catalogs
        self._repository = repository
        self._lake = lake
        self._held: dict[int, bool] = {}

    def restore(self, table: Dropped) -> str:
        """The command; empty where nothing would come of it."""
        then = table.state  # expiry may have left only snapshots in which it had an older name
        if self._repository is None or table.last is None or then is None or not self._holds(table.last):
            return ""
        parts = ["--table", f"{_name(then.schema)}.{_name(then.table)}", "--at-snapshot", str(table.last)]
        parts += ["--to", self._lake or "LAKE", "-r", self._repository]
        return "canvasback restore " + " ".join(shlex.quote(part) for part in parts)

    def _holds(self, snapshot: int) -> bool:
        """Whether a point has the snapshot. Where points are all that was looked into, one of them has."""
        if self._lake is None:
            return True
        if snapshot not in self._held:
            try:
                self._catalogs.held(Moment(snapshot))
                self._held[snapshot] = True
            except RefusedError:
                self._held[snapshot] = False
        return self._held[snapshot]


def _told(table: Dropped, commands: _Commands) -> DroppedTable:
    return DroppedTable(
        schema=table.schema,
        table=table.table,
        table_id=table.table_id,
        dropped_by=table.snapshot,
        dropped_at=table.time,
        last_snapshot=table.last,
        rows=table.state.rows if table.state else None,
        exact=table.state.rows_exact if table.state else False,
        fewest=table.state.fewest if table.state else 0,
        most=table.state.most if table.state else None,
        restore=commands.restore(table),
    )


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else identifier(name)
