"""How many rows, files and bytes of each table came and went between two snapshots, from the catalog alone.

Rows are counted where they came in: in files and inlined rows that the newer snapshot sees and the older one does
not. An update writes the new row into a new file, and counts so as one row added and one removed. What went is
what is left: rows before, and those added, less the rows after.

Compaction puts old rows into new files. A merged file begins where its first source began, and DuckLake 0.3 lists
how many of its rows each snapshot had. A rewritten file begins where its sources end, and its row ids stand in the
file alone (``row_id_start`` is NULL), while those of an inserted or updated file are always new. So a file is of
old rows if it has no row ids, and all files that ended where it begins are old. Where both old and new ones ended
there, or where rows were deleted from a file that grew, the numbers are near, and said not to be exact.
Source: the extension's `GetCompactionChanges`, `WriteDeleteRewrites` and `GetNewDataFiles`, 0.3 and 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from canvasback.catalog.reading.file_history import File, FilePair, History, Moved, Plain
from canvasback.model.table_state import TableState


class Flow(msgspec.Struct, frozen=True):
    """What came into a table and what went out of it.

    Attributes:
        rows_added: Rows.
        rows_removed: Rows.
        exact: Whether the two are exact.
        files_added: Data files.
        files_removed: Data files.
        bytes_added: Bytes of them.
        bytes_removed: Bytes of them.
    """

    rows_added: int = 0
    rows_removed: int = 0
    exact: bool = True
    files_added: int = 0
    files_removed: int = 0
    bytes_added: int = 0
    bytes_removed: int = 0


def flow_in_line(before: TableState, after: TableState, seen: TableState | None, moved: Moved, known: History) -> Flow:
    """What came and went where the newer side's image knows the whole way from the older snapshot on.

    Args:
        before: The table at the older snapshot, as it was told best.
        after: The table at the newer snapshot.
        seen: The table at the older snapshot, as the newer side's image tells it.
        moved: The files that the two snapshots do not see alike, as that image tells it.
        known: What that image knows of the time in between.
    """
    table = after.table_id
    exact = before.rows_exact and after.rows_exact
    plain, pairs = moved.plain.get(table, Plain()), moved.pairs.get(table, [])
    added = known.inlined.get(table, 0) + plain.new_rows
    untold: list[tuple[File, File]] = []
    for a, b in pairs:
        if b is None:
            continue
        if a is not None and a.hides(known.before):
            untold.append((a, b))
            continue
        grown, sure = _grown(a, b)
        if grown and b.anonymous:
            grown, sure_of_origin = _new_rows(b, grown, known)
            sure = sure_of_origin and (sure or grown == 0)
        added += grown
        exact &= sure
    if untold:
        grown, sure = _grown_untold(before, seen, untold, known)
        sure &= all(a is None or a.exact or (a, b) in untold for a, b in pairs)
        added += grown
        exact &= sure
    return _flow(before, after, added, pairs, plain, exact=exact)


def flow_apart(
    before: TableState,
    after: TableState,
    pairs: Iterable[FilePair],
    inlined: tuple[set[tuple[int, int]], set[tuple[int, int]]],
    common: int,
) -> Flow:
    """What differs where the lake was taken back and written again, so that neither history holds the other.

    Args:
        before: The table on one side.
        after: The table on the other side.
        pairs: The table's files, by identity, see `canvasback.catalog.reading.file_history.pair_files`.
        inlined: The inlined rows of both sides, see `canvasback.catalog.reading.file_history.inlined_at`.
        common: The newest snapshot that both histories have, below which equal ids mean the same.
    """
    pairs = list(pairs)
    exact = before.rows_exact and after.rows_exact
    added = len(inlined[1]) - len({row for row in inlined[0] & inlined[1] if row[1] <= common})
    vanished = bool(inlined[0] - inlined[1]) or any(b is None and a is not None and a.live for a, b in pairs)
    for a, b in pairs:
        if b is None:
            continue
        if a is None:
            added += b.live
            # An old file of this side that the other one does not have was made by compaction or a flush.
            exact &= not (vanished and (b.anonymous or b.merged or b.begins <= common))
            continue
        same = a.deletes == b.deletes and a.delete_mark == b.delete_mark
        added += max(0, a.deletes - b.deletes)
        exact &= a.rows == b.rows and (same or 0 in {a.deletes, b.deletes})
    return _flow(before, after, added, pairs, Plain(), exact=exact)


def _flow(
    before: TableState, after: TableState, added: int, pairs: Iterable[FilePair], plain: Plain, *, exact: bool
) -> Flow:
    bounded = max(0, after.rows - before.rows, min(added, after.rows))
    new = [b for a, b in pairs if a is None and b is not None]
    gone = [a for a, b in pairs if b is None and a is not None]
    return Flow(
        bounded,
        before.rows + bounded - after.rows,
        exact and bounded == added,
        plain.new_files + len(new),
        plain.gone_files + len(gone),
        plain.new_bytes + sum(file.bytes for file in new),
        plain.gone_bytes + sum(file.bytes for file in gone),
    )


def _grown(a: File | None, b: File) -> tuple[int, bool]:
    """How many live rows a file has that it had not before, and whether that is sure."""
    if a is None:
        return b.live, True
    grown, deleted = b.rows - a.rows, b.deletes - a.deletes
    if not grown or not deleted:
        return max(0, grown), grown >= 0
    return round(grown * b.live / max(1, b.rows)), False  # some of the deleted rows may be among the new ones


def _new_rows(file: File, grown: int, known: History) -> tuple[int, bool]:
    """How many of the rows by which a compacted file grew are new, and whether that is sure."""
    if not known.held:  # the files that its rows come from may have been forgotten
        return grown, False
    parts: dict[tuple[int, ...], int] = {
        (snapshot,): rows for snapshot, rows in file.listed.items() if known.between(snapshot)
    }
    if not file.listed:
        parts = {tuple(known.snapshots_of(file)): grown}
    new, sure = 0.0, True
    for snapshots, rows in parts.items():
        share, sure_of_part = _share_of_new(file, snapshots, known)
        new += share * rows
        sure &= sure_of_part
    whole = sum(parts.values())
    if not whole or (grown != whole and 0 < new < whole):  # rows were deleted, of old ones or of new ones
        return round(new * grown / max(1, whole)), False
    return (grown if new == whole else round(new)), sure


def _share_of_new(file: File, snapshots: tuple[int, ...], known: History) -> tuple[float, bool]:
    """How much of a compacted file's rows that begin at some snapshots is new, and whether that is sure."""
    ended = [source for source in known.ended.get(file.table_id, []) if source.ends in snapshots]
    old = [source for source in ended if source.begins <= known.before]
    if not old:
        return 1.0, not any(source.anonymous for source in ended)
    rewritten = not file.merged or (file.listed and (snapshots[0], file.table_id) not in known.inserted)
    if len(old) == len(ended) and rewritten and known.whole and all(s.last <= known.before for s in old):
        return 0.0, True
    rows = sum(source.rows for source in ended)
    return 1 - sum(source.rows for source in old) / max(1, rows), False


def _grown_untold(
    before: TableState, seen: TableState | None, untold: list[tuple[File, File]], known: History
) -> tuple[int, bool]:
    """The same of files that had some of their rows already, but the catalog cannot tell how many.

    If it is known from elsewhere how many rows the whole table had, theirs are what the others leave.
    """
    live = sum(b.live for _, b in untold)
    if seen is None or not before.rows_exact:
        return 0, False
    had = before.rows - (seen.rows - sum(a.live for a, _ in untold))
    grown = live - had
    sure = grown >= 0 and had >= 0 and not any(b.deletes for _, b in untold) and before.table_id not in known.forgotten
    if any(b.anonymous for _, b in untold):
        ended = known.ended.get(before.table_id, [])
        ids = {id_ for _, b in untold for id_ in known.snapshots_of(b)}
        sure &= known.held and not any(source.ends in ids for source in ended)
    return min(max(0, grown), live), sure and known.held
