"""Covers the dyadic ranges of canvasback.repository.division."""

from __future__ import annotations

import random
from collections import Counter

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvasback.model.relation import Column, Relation
from canvasback.repository import division
from canvasback.repository.ranges import Range

Row = tuple[int | None, str]
Ranges = dict[Range, tuple[int, str]]

WHOLE: Range = (None, None)
REST: Range = (-1, 0)

LIMITS = st.integers(1, 12)
KEYS = st.one_of(
    st.integers(0, 40),  # dense: many rows of one key
    st.integers(0, 2**20),
    st.integers(2**40, 2**40 + 50),
    st.integers(0, 2**62),
    st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -1, -(2**63)]),
    st.none(),
)
ROWS = st.lists(st.tuples(KEYS, st.sampled_from("abc")), max_size=60)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def ranges_of(connection: duckdb.DuckDBPyConnection, rows: list[Row], limit: int) -> Ranges:
    connection.execute("CREATE OR REPLACE TABLE t (k BIGINT, v VARCHAR)")
    if rows:
        keys, values = zip(*rows, strict=True)
        connection.execute(
            "INSERT INTO t SELECT unnest($1::BIGINT[]), unnest($2::VARCHAR[])", [list(keys), list(values)]
        )
    relation = Relation("t", (Column("k", "BIGINT"), Column("v", "VARCHAR")), "SELECT * FROM t")
    return division.ranges_of(connection, relation, "k", limit)


def belongs(key: int | None, range_: Range) -> bool:
    lower, upper = range_
    if lower is None or upper is None:
        return True
    if range_ == REST:
        return key is None or key < 0 or key >= 2**62
    return key is not None and lower <= key < upper


def expected(rows: list[Row], limit: int) -> dict[Range, int]:
    """The definition, by brute force: the widest dyadic ranges of at most `limit` rows, or of one key."""
    if len(rows) <= limit:
        return {WHOLE: len(rows)} if rows else {}
    keys = Counter(key for key, _ in rows if key is not None and 0 <= key < 2**62)
    found: dict[Range, int] = {}
    if rest := len(rows) - keys.total():
        found[REST] = rest

    def visit(present: Counter[int], lower: int, width: int) -> None:
        if present.total() <= limit or width == 1:
            if present:
                found[lower, lower + width] = present.total()
            return
        middle = lower + width // 2
        visit(Counter({k: n for k, n in present.items() if k < middle}), lower, width // 2)
        visit(Counter({k: n for k, n in present.items() if k >= middle}), middle, width // 2)

    if keys:
        visit(keys, 0, 1 << max(keys).bit_length())
    return found


@settings(deadline=None)
@given(ROWS, LIMITS)
def test_ranges_are_as_defined(connection: duckdb.DuckDBPyConnection, rows: list[Row], limit: int) -> None:
    found = ranges_of(connection, rows, limit)
    counts = {range_: count for range_, (count, _) in found.items()}
    assert counts == expected(rows, limit)
    # What follows from the definition, and what a reader relies on:
    for key, _ in rows:
        assert sum(belongs(key, range_) for range_ in found) == 1
    for (lower, upper), count in counts.items():
        if lower is None or upper is None or (lower, upper) == REST:
            continue
        width = upper - lower
        assert width & (width - 1) == 0
        assert lower % width == 0
        assert 0 < count <= limit or width == 1
    assert list(found) == sorted(found, key=lambda range_: range_[0] or 0)


@settings(deadline=None)
@given(ROWS, LIMITS, st.randoms(use_true_random=False))
def test_order_does_not_matter(
    connection: duckdb.DuckDBPyConnection, rows: list[Row], limit: int, shuffler: random.Random
) -> None:
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    assert ranges_of(connection, rows, limit) == ranges_of(connection, shuffled, limit)


@settings(deadline=None)
@given(ROWS, st.tuples(KEYS, st.sampled_from("abc")), LIMITS)
def test_one_row_more_or_less_moves_few_borders(
    connection: duckdb.DuckDBPyConnection, rows: list[Row], row: Row, limit: int
) -> None:
    without = ranges_of(connection, rows, limit)
    with_ = ranges_of(connection, [*rows, row], limit)
    changed = set(without.items()) ^ set(with_.items())
    # One range became two, or one changed; past the first limit the whole becomes a range or two and the rest.
    assert 1 <= len(changed) <= (3 if WHOLE not in without else 4)


@settings(deadline=None)
@given(ROWS.filter(bool), LIMITS, st.data())
def test_a_changed_row_changes_one_range(
    connection: duckdb.DuckDBPyConnection, rows: list[Row], limit: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(rows) - 1))
    changed = rows.copy()
    changed[number] = (rows[number][0], "something else")
    before, after = ranges_of(connection, rows, limit), ranges_of(connection, changed, limit)
    assert list(before) == list(after)
    differing = [range_ for range_ in before if before[range_] != after[range_]]
    assert len(differing) == 1
    assert belongs(rows[number][0], differing[0])


def test_many_rows_of_one_key_are_one_range(connection: duckdb.DuckDBPyConnection) -> None:
    rows: list[Row] = [*[(5, "a")] * 100, (6, "b")]
    assert {r: n for r, (n, _) in ranges_of(connection, rows, 10).items()} == {(5, 6): 100, (6, 8): 1}


def test_without_a_key_all_is_one_range(connection: duckdb.DuckDBPyConnection) -> None:
    relation = Relation("t", (Column("v", "INTEGER"),), "SELECT 1 AS v FROM range(1000)")
    [(range_, (rows, _))] = division.ranges_of(connection, relation, None, 10).items()
    assert (range_, rows) == (WHOLE, 1000)


def test_a_large_table_is_divided_evenly(connection: duckdb.DuckDBPyConnection) -> None:
    relation = Relation("t", (Column("k", "BIGINT"),), "SELECT range AS k FROM range(1000000)")
    found = division.ranges_of(connection, relation, "k", 8192)
    assert sum(rows for rows, _ in found.values()) == 1_000_000
    assert max(rows for rows, _ in found.values()) == 8192
    assert len(found) == 123  # 122 whole ranges and the last, begun one
