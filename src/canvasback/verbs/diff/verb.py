"""diff: what changed from one moment of a lake to another?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from canvasback.catalog.reading.change_counts import Flow, flow_apart, flow_in_line
from canvasback.catalog.reading.commits import commits_between
from canvasback.catalog.reading.file_history import FilePair, files_at, history, inlined_at, moved_files, pair_files
from canvasback.catalog.reading.table_shapes import TableShape, object_shapes, table_shapes
from canvasback.catalog.reading.table_states import forgotten, table_states
from canvasback.errors import RefusedError, UsageError
from canvasback.history.catalogs import Catalogs, Viewed
from canvasback.model.clock import now
from canvasback.model.results.diff import Change, DiffResult, TableDifference, Totals
from canvasback.model.table_state import TablePair, TableState, pair_states
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.verbs.diff.alterations import alterations, object_differences


@translates_errors
def diff(
    before: str,
    after: str,
    *,
    lake: str | None = None,
    repository: str | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> DiffResult:
    """What changed in a lake from one moment to another, from catalogs alone: no data file is read.

    Args:
        before: A point (an id, a unique beginning of one, ``latest``), the number of a snapshot, a time (ISO 8601 with
            a zone, or ``2 hours ago``), or ``now``: the lake's newest snapshot.
        after: The same.
        lake: The live lake, as in ATTACH.
        repository: Where points are; snapshots and times are found in them too, if no lake holds them.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        UsageError: A moment cannot be understood, is of a repository or of a lake that is not named, or
            ``before`` is the newer one (``newer-first``).
        RefusedError: Nothing holds a moment (``moment-not-held``), or the two are of different lakes (``other-lake``).
        CorruptError: A point's manifest or catalog is damaged.
        LakeError: The lake's catalog cannot be read.
    """
    with Catalogs(Run.begin(stores=stores, clock=clock), lake, repository) as catalogs:
        a, b = catalogs.find(before), catalogs.find(after)
        _check_lake(a, b)
        in_line = _holds(b, a) or _expired_from(b, a, catalogs)
        if not in_line and _holds(a, b):
            raise UsageError(
                "newer-first",
                f"snapshot {a.snapshot} is newer than snapshot {b.snapshot}, and its history has that one in it",
                hint="Name the older one first.",
            )
        for viewed, snapshot in ((a, a.snapshot), (b, a.snapshot), (b, b.snapshot)):
            catalogs.tell_deletes(viewed, snapshot)
        return _compare(a, b, in_line=in_line)


def _compare(a: Viewed, b: Viewed, *, in_line: bool) -> DiffResult:
    pairs, flows = _flows_in_line(a, b) if in_line else _flows_apart(a, b)
    shapes = table_shapes(a.image, a.snapshot), table_shapes(b.image, b.snapshot)
    tables = [_difference(pair, flows.get(pair.table.table_id), *shapes) for pair in pairs]
    changed = tuple(table for table in tables if table.kinds)
    since = a.snapshot if in_line else _common(a, b)
    commits = commits_between(b.image, since, b.snapshot)
    return DiffResult(
        before=a.side,
        after=b.side,
        ancestor=in_line,
        tables=changed,
        objects=object_differences(object_shapes(a.image, a.snapshot), object_shapes(b.image, b.snapshot)),
        totals=_totals(changed, len(tables) - len(changed)),
        commits=commits,
        commits_missing=max(0, b.snapshot - since - len(commits)),
    )


def _check_lake(a: Viewed, b: Viewed) -> None:
    if a.image is b.image or set(a.image.schema_uuids().values()) & set(b.image.schema_uuids().values()):
        return
    raise RefusedError(
        "other-lake",
        f"{a.side.source} and {b.side.source} are of different lakes: they have no schema in common",
        hint="Name the lake that the repository is for.",
    )


def _snapshots(viewed: Viewed) -> dict[int, datetime]:
    return dict(
        viewed.image.rows(
            "SELECT snapshot_id, CAST(snapshot_time AS TIMESTAMPTZ) FROM {ducklake_snapshot} s "
            f"WHERE snapshot_id <= {viewed.snapshot}"
        )
    )


def _common(a: Viewed, b: Viewed) -> int:
    """The newest snapshot that both histories have; -1 if there is none."""
    known, other = _snapshots(a), _snapshots(b)
    return max((id_ for id_, time in known.items() if other.get(id_) == time), default=-1)


def _holds(b: Viewed, a: Viewed) -> bool:
    return a.snapshot <= b.snapshot and (b.image is a.image or _snapshots(b).get(a.snapshot) == a.side.snapshot_time)


def _expired_from(b: Viewed, a: Viewed, catalogs: Catalogs) -> bool:
    """Whether the history of the one surely had the other in it, though it does not hold it any more."""
    if a.snapshot > b.snapshot or a.timeline is None or a.timeline != catalogs.timeline(b):
        return False
    known, other = _snapshots(a), _snapshots(b)
    return not any(other.get(id_, time) != time for id_, time in known.items())


def _flows_in_line(a: Viewed, b: Viewed) -> tuple[list[TablePair], dict[int, Flow]]:
    """Account with the newer catalog where it can tell: in it, what compaction did looks as if it always had been."""
    held = _holds(b, a)
    seen = {(state.table_id, state.uuid): state for state in table_states(b.image, a.snapshot)}
    own = table_states(a.image, a.snapshot) if a.image is not b.image else tuple(seen.values())
    before = [_better(state, seen.get((state.table_id, state.uuid)), held=held) for state in own]
    pairs = pair_states(before, table_states(b.image, b.snapshot))
    known = history(b.image, a.snapshot, b.snapshot, held=held, forgotten=forgotten(b.image, a.snapshot))
    moved = moved_files(b.image, a.snapshot, b.snapshot)
    counted = {} if held else _by_identity(a, b)
    flows = {}
    for pair in pairs:
        if pair.before is not None and pair.after is not None:
            id_ = pair.after.table_id
            state = seen.get((id_, pair.after.uuid))
            flow = flow_in_line(pair.before, pair.after, state, moved, known)
            flows[id_] = flow if held else _recounted(flow, counted.get(id_, ()))
    return pairs, flows


def _better(own: TableState, seen: TableState | None, *, held: bool) -> TableState:
    """Of two accounts of one table at one snapshot: rows as told exactly, files as the newer catalog has them."""
    if seen is None or not held:
        return own
    if own.rows_exact or not seen.rows_exact:
        return msgspec.structs.replace(seen, rows=own.rows, rows_exact=own.rows_exact, fewest=own.fewest, most=own.most)
    return seen


def _flows_apart(a: Viewed, b: Viewed) -> tuple[list[TablePair], dict[int, Flow]]:
    pairs = pair_states(table_states(a.image, a.snapshot), table_states(b.image, b.snapshot))
    files = _by_identity(a, b)
    inlined = inlined_at(a.image, a.snapshot), inlined_at(b.image, b.snapshot)
    common = _common(a, b)
    flows = {}
    for pair in pairs:
        if pair.before is not None and pair.after is not None:
            id_ = pair.after.table_id
            rows = inlined[0].get(id_, set()), inlined[1].get(id_, set())
            flows[id_] = flow_apart(pair.before, pair.after, files.get(id_, ()), rows, common)
    return pairs, flows


def _by_identity(a: Viewed, b: Viewed) -> dict[int, list[FilePair]]:
    older, newer = files_at(a.image, a.snapshot), files_at(b.image, b.snapshot)
    return {id_: pair_files(older.get(id_, ()), newer.get(id_, ())) for id_ in older.keys() | newer.keys()}


def _recounted(flow: Flow, pairs: Iterable[FilePair]) -> Flow:
    pairs = list(pairs)
    new = [b.bytes for a, b in pairs if a is None and b is not None]
    gone = [a.bytes for a, b in pairs if b is None and a is not None]
    return msgspec.structs.replace(
        flow, files_added=len(new), files_removed=len(gone), bytes_added=sum(new), bytes_removed=sum(gone)
    )


def _difference(
    pair: TablePair, flow: Flow | None, older: dict[int, TableShape], newer: dict[int, TableShape]
) -> TableDifference:
    before, after, table = pair.before, pair.after, pair.table
    kinds: list[str] = []
    changes: tuple[Change, ...] = ()
    if before is None:
        kinds.append("created")
        flow = Flow(rows_added=table.rows, exact=table.rows_exact, files_added=table.files, bytes_added=table.bytes)
    elif after is None:
        kinds.append("dropped")
        flow = Flow(
            rows_removed=table.rows, exact=table.rows_exact, files_removed=table.files, bytes_removed=table.bytes
        )
    else:
        if before.name != after.name:
            kinds.append("renamed")
        changes = alterations(older.get(table.table_id, TableShape()), newer.get(table.table_id, TableShape()))
        if changes:
            kinds.append("altered")
        if flow != Flow():
            kinds.append("data")
    flow = flow or Flow()
    renamed = before is not None and "renamed" in kinds
    return TableDifference(
        schema=table.schema,
        table=table.table,
        table_id=table.table_id,
        kinds=tuple(kinds),  # type: ignore[arg-type]
        old_schema=before.schema if before is not None and renamed else "",
        old_table=before.table if before is not None and renamed else "",
        changes=changes,
        rows_before=before.rows if before is not None else 0,
        rows_after=after.rows if after is not None else 0,
        before_fewest=before.fewest if before is not None else 0,
        before_most=before.most if before is not None else 0,
        after_fewest=after.fewest if after is not None else 0,
        after_most=after.most if after is not None else 0,
        rows_added=flow.rows_added,
        rows_removed=flow.rows_removed,
        exact=flow.exact,
        files_added=flow.files_added,
        files_removed=flow.files_removed,
        bytes_added=flow.bytes_added,
        bytes_removed=flow.bytes_removed,
    )


def _totals(tables: Sequence[TableDifference], unchanged: int) -> Totals:
    def of(kind: str) -> int:
        return sum(kind in table.kinds for table in tables)

    return Totals(
        created=of("created"),
        dropped=of("dropped"),
        renamed=of("renamed"),
        altered=of("altered"),
        data=of("data"),
        unchanged=unchanged,
        rows_added=sum(table.rows_added for table in tables),
        rows_removed=sum(table.rows_removed for table in tables),
        exact=all(table.exact for table in tables),
        files_added=sum(table.files_added for table in tables),
        files_removed=sum(table.files_removed for table in tables),
        bytes_added=sum(table.bytes_added for table in tables),
        bytes_removed=sum(table.bytes_removed for table in tables),
    )
