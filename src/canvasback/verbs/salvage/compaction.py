"""Telling whether a file that compaction wrote holds the same rows as others."""

from __future__ import annotations

from itertools import accumulate

import duckdb

from canvasback.catalog.spec import ROW_ID, SNAPSHOT_ID
from canvasback.model.relation import file_literal, identifier
from canvasback.verbs.salvage.evidence import Evidence, histogram
from canvasback.verbs.salvage.known_tables import Holder, LakeTable

_OWN = (ROW_ID, SNAPSHOT_ID)

_Selection = tuple[tuple[str, ...], str]
"""The columns of rows, and the query for them."""


def same_rows(connection: duckdb.DuckDBPyConnection, paths: list[str], holders: list[Holder]) -> bool:
    """Whether files hold exactly the rows that others show, with the same row ids.

    Args:
        connection: Reads them.
        paths: The files, whose row ids stand in them.
        holders: What shows the rows.
    """
    if any(not holder.path for holder in holders):
        return False
    try:
        new = [_rows(connection, path, None, set()) for path in paths]
        old = [_rows(connection, h.path, None if h.ids is not None else h.start, h.deleted) for h in holders]
        return _alike(connection, new, old)
    except duckdb.Error:
        return False


def find_sources(
    connection: duckdb.DuckDBPyConnection, table: LakeTable, file: Evidence, snapshots: list[int], head: int
) -> list[Holder]:
    """The files from which one was merged that has no row ids, as theirs follow one another; none if not shown.

    Args:
        connection: Reads the files.
        table: Whose files they are.
        file: What was merged.
        snapshots: The snapshot of each of its rows.
        head: The newest snapshot that the catalog knew. Rows of later ones may come after files that are gone.
    """
    bounds = set(accumulate(count for _, count in histogram(snapshots)))
    candidates = sorted(
        (h for h in table.holders.values() if h.start is not None and not h.deleted), key=lambda h: h.start or 0
    )
    for first in range(len(candidates)):
        run: list[Holder] = []
        rows = 0
        for holder in candidates[first:]:
            if rows + holder.rows > file.rows or (run and holder.start != (run[-1].start or 0) + run[-1].rows):
                break
            run.append(holder)
            rows += holder.rows
        whole = rows == file.rows or (
            all(h.missing for h in run) and rows in bounds and all(snapshot > head for snapshot in snapshots[rows:])
        )
        bounded = {bound for bound in bounds if bound <= rows} <= set(accumulate(h.rows for h in run))
        if run and whole and bounded and _same_in_order(connection, file.path, run):
            return run
    return []


def _same_in_order(connection: duckdb.DuckDBPyConnection, path: str, run: list[Holder]) -> bool:
    """Whether a file begins with others one after the other, as far as they are there."""
    there = [
        (holder, start)
        for holder, start in zip(run, [0, *accumulate(holder.rows for holder in run)], strict=False)
        if not holder.missing
    ]
    if not there:
        return True
    ranges = " OR ".join(f"row_id BETWEEN {start} AND {start + holder.rows - 1}" for holder, start in there)
    try:
        columns, select = _rows(connection, path, 0, set())
        new = [(columns, f"SELECT * FROM ({select}) WHERE {ranges}")]
        old = [_rows(connection, holder.path, start, set()) for holder, start in there]
        return _alike(connection, new, old)
    except duckdb.Error:
        return False


def _alike(
    connection: duckdb.DuckDBPyConnection,
    new: list[tuple[tuple[str, ...], str]],
    old: list[tuple[tuple[str, ...], str]],
) -> bool:
    if len({columns for columns, _ in new + old}) != 1:
        return False
    left, right = (f"FROM ({' UNION ALL '.join(select for _, select in side)})" for side in (new, old))
    [(differing,)] = connection.execute(
        f"SELECT count(*) FROM (({left} EXCEPT ALL {right}) UNION ALL ({right} EXCEPT ALL {left}))"
    ).fetchall()
    return bool(differing == 0)


def _rows(connection: duckdb.DuckDBPyConnection, path: str, start: int | None, deleted: set[int]) -> _Selection:
    source = f"read_parquet({file_literal(path)}, file_row_number = true, hive_partitioning = false)"
    names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    columns = tuple(sorted(name for name in names if name not in {*_OWN, "file_row_number"}))
    row_id = ROW_ID if start is None else f"{start} + file_row_number"
    gone = ", ".join(map(str, sorted(deleted)))
    where = f" WHERE file_row_number NOT IN ({gone})" if gone else ""
    shown = ", ".join(identifier(name) for name in columns)
    return columns, f"SELECT {row_id} AS row_id, {shown} FROM {source}{where}"
