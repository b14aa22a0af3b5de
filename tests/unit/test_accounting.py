"""What DuckLake 1.0 writes down of compaction, of which no extension is on PyPI to make lakes with."""

from __future__ import annotations

from typing import Any

import pytest

from canvasback.catalog.reading.change_counts import Flow, flow_in_line
from canvasback.catalog.reading.file_history import File, FilePair, History, Moved
from canvasback.model.table_state import TableState


def file(**known: Any) -> File:
    """A file of 100 rows that snapshot 2 inserted, or what is said of it."""
    said: dict[str, Any] = {
        "table_id": 1, "file_id": 1, "path": "a.parquet", "bytes": 1000, "begins": 2, "last": 2, "rows": 100,
        "deletes": 0, "delete_mark": "", "exact": True, "anonymous": False, "splits": None, "merged": False,
        "ends": None,
    }  # fmt: skip
    return File(**{**said, **known})


def state(rows: int, *, exact: bool = True) -> TableState:
    """A table of so many rows."""
    return TableState(
        schema="main",
        table="t",
        table_id=1,
        uuid="uuid",
        rows=rows,
        rows_exact=exact,
        files=1,
        bytes=1000,
        fewest=rows,
        most=rows,
    )


def flow(before: TableState, after: int, seen: int, *pairs: FilePair, **known: Any) -> Flow:
    """Account from snapshot 4 to snapshot 8."""
    said: dict[str, Any] = {
        "before": 4, "after": 8, "held": True, "whole": True, "ended": {}, "inserted": frozenset(), "inlined": {},
        "forgotten": frozenset(),
    }  # fmt: skip
    moved = Moved({1: list(pairs)}, {})
    return flow_in_line(before, state(after), state(seen, exact=False), moved, History(**{**said, **known}))


def rows_of(found: Flow) -> tuple[int, int, bool]:
    """Rows added and removed, and whether that is exact."""
    return found.rows_added, found.rows_removed, found.exact


MERGED = (file(last=6, merged=True, exact=False), file(last=6, merged=True))
"""A file of snapshots 2 to 6, as 4 and as 8 see it: the catalog does not say how many of its rows 4 had."""


def test_what_a_merged_file_had_follows_from_what_the_table_had() -> None:
    assert rows_of(flow(state(60), 100, 100, MERGED)) == (40, 0, True)


def test_it_does_not_follow_where_the_table_is_unknown_too() -> None:
    assert not flow(state(100, exact=False), 100, 100, MERGED).exact


def test_it_does_not_follow_where_rows_were_deleted_from_it() -> None:
    deleted = file(last=6, merged=True, deletes=5)
    assert not flow(state(60), 95, 100, (MERGED[0], deleted)).exact


def test_it_does_not_follow_where_the_lake_forgot_rows() -> None:
    assert not flow(state(60), 100, 100, MERGED, forgotten=frozenset({1})).exact


def test_deletes_that_cannot_be_told_are_no_growth() -> None:
    """Of a file of deletes that 1.0 wrote for several snapshots; the point knows how many rows there were."""
    pair = file(deletes=10, exact=False), file(deletes=10)
    assert rows_of(flow(state(96), 90, 90, pair)) == (0, 6, True)


REWRITTEN = file(file_id=9, begins=6, last=6, anonymous=True, rows=40)
OLD = file(begins=2, ends=6)
NEW = file(file_id=2, begins=5, last=5, ends=6)


@pytest.mark.parametrize(
    ("ended", "known", "expected"),
    [
        ([OLD], {}, (0, 60, True)),
        ([NEW], {}, (40, 100, True)),
        ([], {}, (40, 100, True)),
        ([OLD, NEW], {}, (20, 80, False)),
        ([OLD], {"whole": False}, (0, 60, False)),
        ([OLD], {"held": False}, (40, 100, False)),
    ],
    ids=["old", "new", "merged of new", "both", "some were expired", "the older one was expired"],
)
def test_rows_of_a_rewritten_file(ended: list[File], known: dict[str, Any], expected: tuple[int, int, bool]) -> None:
    found = flow(state(100), 40, 100, (None, REWRITTEN), (file(), None), ended={1: ended}, **known)
    assert rows_of(found) == expected
